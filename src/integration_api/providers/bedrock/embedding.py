"""Embeddings by Titan, Cohere and Nova, which InvokeModel alone reaches.

https://docs.aws.amazon.com/bedrock/latest/userguide/titan-embedding-models.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html and
https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html
"""

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest, EmbeddingResponse
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Exchange, HttpResponse, decode
from integration_api.core.llm import Usage
from integration_api.dialects.notes import Notes
from integration_api.dialects.vectors import vector
from integration_api.providers.bedrock import client, invoke
from integration_api.providers.bedrock.embedding_bodies import Batch, language
from integration_api.providers.bedrock.families import bare
from integration_api.providers.bedrock.options import base_model, merged, native

INPUT_TOKENS = "x-amzn-bedrock-input-token-count"
"""Where AWS counts for the vendors that do not."""


class Item(Struct, gc=False):
    embedding: list[float]


class Embeddings(Struct, rename="camel", gc=False):
    """An answer in any of the languages, told apart by its fields."""

    embedding: list[float] | None = None
    embeddings_by_type: dict[str, list[float]] = {}
    embeddings: list[list[float] | Item] | dict[str, list[list[float]]] = []
    input_text_token_count: int | float | None = None
    input_token_count: int | float | None = None


DECODER = msgspec.json.Decoder(Embeddings)


def embed(ask: EmbeddingRequest, credential: Credential) -> Exchange[EmbeddingResponse]:
    """Embed every input, one at a time where the model takes no more.

    Raises `Failure` for what cannot be asked, `ProviderError` for the answers.
    """
    base = bare(base_model(ask.model, ask.extras, credential.fields))
    render = language(base)
    if render is None:
        raise Failure(
            Kind.UNSUPPORTED,
            "this is no embedding model known here; for an ARN, say in base_model what it stands for",
            code="unsupported_model",
            param="model",
        )
    notes = Notes(strict=ask.strict)
    extras = native(ask.extras)
    vectors: list[bytes] = []
    counted: int | None = None
    for batch in render(base, ask, notes):
        body = merged(batch.body, extras)
        reply = yield client.ask(ask.model, "invoke", body, credential, invoke.JSON_ANSWER)
        answer = decode(reply, DECODER)
        vectors += _vectors(answer, batch, ask.dtype)
        tokens = _tokens(answer, reply)
        counted = counted if tokens is None else (counted or 0) + tokens
    return EmbeddingResponse(
        model=ask.model, vectors=tuple(vectors), usage=Usage(input_total=counted), warnings=notes.all
    )


def _vectors(answer: Embeddings, batch: Batch, dtype: str) -> list[bytes]:
    found: list[list[float]]
    if isinstance(answer.embeddings, dict):
        found = answer.embeddings.get(dtype, [])
    elif answer.embeddings:
        found = [one.embedding if isinstance(one, Item) else one for one in answer.embeddings]
    else:
        typed = answer.embeddings_by_type.get("binary" if batch.bits else "float")
        one = typed if batch.bits else answer.embedding or typed
        found = [] if one is None else [_packed(one, dtype) if batch.bits else one]
    if len(found) != batch.size:
        raise ProviderError(
            Kind.BAD_RESPONSE,
            f"the provider gave {len(found)} vectors for {batch.size} inputs",
            provider=client.NAME,
            code="bad_upstream_response",
        )
    return [vector(one, dtype) for one in found]


def _packed(bits: list[float], dtype: str) -> list[float]:
    """Pack a number for each bit into one for eight, as other vendors have it."""
    offset = 128 if dtype == "binary" else 0
    return [
        sum(int(bit) << (7 - place) for place, bit in enumerate(bits[at : at + 8])) - offset
        for at in range(0, len(bits), 8)
    ]


def _tokens(answer: Embeddings, reply: HttpResponse) -> int | None:
    for said in (answer.input_text_token_count, answer.input_token_count):
        if said is not None:
            return int(said)
    told = reply.headers.get(INPUT_TOKENS, "")
    return int(told) if told.isascii() and told.isdigit() else None
