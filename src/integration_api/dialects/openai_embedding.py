"""Embeddings in OpenAI's language: texts or tokens in, float32 buffers out.

https://platform.openai.com/docs/api-reference/embeddings
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingInput, EmbeddingRequest, EmbeddingResponse
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Auth, Exchange, HttpRequest, decode
from integration_api.core.llm import Usage
from integration_api.dialects.batches import in_batches, summed
from integration_api.dialects.embedding_inputs import text_of
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_dialect import bearer, no_headers
from integration_api.dialects.openai_chat_payload import merge
from integration_api.dialects.vectors import in_order, shortened, vector


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingDialect:
    """How one provider's embeddings differ from OpenAI's own."""

    provider: str
    url: Callable[[str, Credential], str]
    auth: Callable[[Credential], Auth | None] = bearer
    headers: Callable[[Credential], tuple[tuple[str, str], ...]] = no_headers
    encoding: str | None = "base64"
    """What is asked for: base64 is a quarter of the work of reading numbers. None: it does not know the field."""
    fields: frozenset[str] = frozenset({"dimensions", "user"})
    """Fields it knows beyond model, input and encoding, by its own names."""
    spelling: Mapping[str, str] = field(default_factory=dict)
    copies_unknown: bool = True
    """Whether fields that only the caller knows may be sent."""
    tokens: bool = True
    """Whether inputs may be token ids."""
    most_inputs: int = 2048
    shortens: Callable[[str], bool] = lambda model: False
    """Whether vectors of a model stay good when they are cut (Matryoshka), where it cannot be asked to."""
    too_much: frozenset[str] = frozenset()
    """Its codes for a batch that is too large as a whole: half of it may pass."""


class Item(Struct, gc=False):
    embedding: str | list[float]
    index: int | None = None


class Tokens(Struct, gc=False):
    prompt_tokens: int | None = None


class Embeddings(Struct, gc=False):
    data: list[Item]
    model: str | None = None
    usage: Tokens | None = None


DECODER = msgspec.json.Decoder(Embeddings)


def embed(
    dialect: EmbeddingDialect, ask: EmbeddingRequest, credential: Credential
) -> Exchange[EmbeddingResponse]:
    """Embed every input, in as many requests as the provider needs for them.

    Raises `Failure` for what cannot be asked, `ProviderError` for the answers.
    """
    notes = Notes(strict=ask.strict)
    options = _options(dialect, ask, notes)
    sized = dialect.spelling.get("dimensions", "dimensions") if ask.dtype == "float" else ""

    def one(batch: Sequence[str | list[int]]) -> Exchange[tuple[Embeddings, list[bytes]]]:
        body: dict[str, Any] = {"model": ask.model, "input": batch, **options}
        merge(body, ask.extras)
        reply = yield HttpRequest(
            method="POST",
            url=dialect.url(ask.model, credential),
            headers=(("content-type", "application/json"), *dialect.headers(credential)),
            body=msgspec.json.encode(body),
            auth=dialect.auth(credential),
        )
        answer = decode(reply, DECODER)
        vectors = _vectors(answer, len(batch), ask.dtype)
        if options.get(sized) and any(len(vector) != 4 * options[sized] for vector in vectors):
            raise ProviderError(
                Kind.UNSUPPORTED,
                f"{dialect.provider} gave vectors of {len(vectors[0]) // 4} numbers with {ask.model}, whatever"
                " was asked for; leave dimensions out",
                code="unsupported_parameter",
                param="dimensions",
            )
        return answer, vectors

    parts = yield from in_batches(
        _inputs(dialect, ask),
        one,
        most=dialect.most_inputs,
        too_much=lambda refusal: refusal.refusal.code in dialect.too_much,
    )
    cut = ask.dimensions if ask.dimensions is not None and dialect.shortens(ask.model) else None
    return EmbeddingResponse(
        model=next((answer.model for answer, _ in parts if answer.model), ask.model),
        vectors=tuple(
            vector if cut is None else shortened(vector, cut) for _, vectors in parts for vector in vectors
        ),
        usage=summed(
            Usage(input_total=None if answer.usage is None else answer.usage.prompt_tokens)
            for answer, _ in parts
        ),
        warnings=notes.all,
    )


def _options(dialect: EmbeddingDialect, ask: EmbeddingRequest, notes: Notes) -> dict[str, Any]:
    options: dict[str, Any] = dict(ask.unknown) if dialect.copies_unknown else {}
    if not dialect.copies_unknown:
        notes.strange(ask.unknown, dialect.provider)
    if dialect.encoding is not None:
        options["encoding_format"] = dialect.encoding
    for name, value in (
        ("dimensions", ask.dimensions),
        ("dtype", None if ask.dtype == "float" else ask.dtype),
        ("input_type", ask.input_type),
        ("title", ask.title),
        ("truncate", None if ask.truncate in (None, "none") else ask.truncate),
        ("normalize", None if ask.normalize is None or ask.normalize else False),
        ("user", ask.user),
    ):
        if value is None:
            continue
        spelled = dialect.spelling.get(name, name)
        if spelled in dialect.fields:
            options[spelled] = value
        elif name == "dtype":
            raise unsupported("output_dtype", f"{dialect.provider} gives float vectors only")
        elif name == "dimensions" and dialect.shortens(ask.model) and ask.dtype == "float":
            notes.cannot(name, "the vectors were cut to size here and made of length 1 again", "degraded")
        elif name == "dimensions":
            raise unsupported(name, f"{dialect.provider} does not let vectors of {ask.model} be sized")
        else:
            notes.cannot(name, f"{dialect.provider} does not know {name}")
    return options


def _inputs(dialect: EmbeddingDialect, ask: EmbeddingRequest) -> list[str | list[int]]:
    written = [_input(dialect, one) for one in ask.inputs]
    if len({type(one) for one in written}) > 1:
        raise unsupported("input", "texts and token ids cannot be mixed in one request")
    return written


def _input(dialect: EmbeddingDialect, one: EmbeddingInput) -> str | list[int]:
    if isinstance(one, str):
        return one
    if dialect.tokens and (tokens := [part for part in one if isinstance(part, int)]):
        return tokens
    return text_of(one, dialect.provider)


def _vectors(answer: Embeddings, asked: int, dtype: str) -> list[bytes]:
    found = {
        place if item.index is None else item.index: vector(item.embedding, dtype)
        for place, item in enumerate(answer.data)
    }
    return in_order(found, len(answer.data), asked)
