"""What callers may give to be embedded, for providers that take less than all of it."""

from integration_api.core.embedding import EmbeddingInput
from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import Media, Text
from integration_api.dialects.notes import unsupported

TOKENS_NOT_TAKEN = "token_ids_not_supported"


def text_of(one: EmbeddingInput, provider: str) -> str:
    """Return an input that is text alone, its parts on lines of their own.

    Raises `Failure` (UNSUPPORTED) for pictures, and for token ids with the code `TOKENS_NOT_TAKEN`.
    """
    texts = [part.text for part in parts_of(one, provider) if isinstance(part, Text)]
    if len(texts) < len(parts_of(one, provider)):
        raise unsupported("input", f"{provider} embeds text only with this model")
    return "\n".join(texts)


def parts_of(one: EmbeddingInput, provider: str) -> tuple[Text | Media, ...]:
    """Return an input as parts. Raises `Failure` (UNSUPPORTED, `TOKENS_NOT_TAKEN`) for token ids."""
    if isinstance(one, str):
        return (Text(one),)
    parts = tuple(part for part in one if not isinstance(part, int))
    if len(parts) < len(one):
        raise Failure(
            Kind.UNSUPPORTED,
            f"{provider} does not take token ids; send text"
            " (LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False))",
            code=TOKENS_NOT_TAKEN,
            param="input",
        )
    return parts
