"""Embeddings by Gemini. https://ai.google.dev/api/embeddings"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingInput, EmbeddingRequest, EmbeddingResponse
from integration_api.core.exchange import Exchange, HttpRequest, HttpResponse, decode, json_body
from integration_api.dialects import gemini_embedding as google
from integration_api.dialects.notes import Notes
from integration_api.dialects.openai_chat_payload import merge
from integration_api.providers.gemini import client

MOST_INPUTS = 100
"""The most contents one request may have."""


class Values(Struct, gc=False):
    values: list[float]


class Counts(Struct, rename="camel", gc=False):
    prompt_token_count: int | None = None


class Embeddings(Struct, rename="camel"):
    embeddings: list[Values] = []
    embedding: Values | None = None
    """Where one content was asked for by itself."""
    usage_metadata: Counts | None = None


DECODER = msgspec.json.Decoder(Embeddings)


def embed(ask: EmbeddingRequest, credential: Credential) -> Exchange[EmbeddingResponse]:
    """Embed every input. Raises `Failure` for what cannot be asked, `ProviderError` for the answers."""
    notes = Notes(strict=ask.strict)
    name = client.name_of(ask.model)
    asked = google.plan(ask, notes, model=ask.model.removeprefix("models/"), truncates=False)

    def request(batch: Sequence[EmbeddingInput]) -> HttpRequest:
        return HttpRequest(
            method="POST",
            url=client.model_url(ask.model, "batchEmbedContents", credential),
            headers=(("content-type", "application/json"),),
            body=json_body({"requests": [_one(name, one, asked) for one in batch]}),
            auth=client.auth(credential),
        )

    def read(reply: HttpResponse) -> google.Vectors:
        told = decode(reply, DECODER)
        found = told.embeddings or ([told.embedding] if told.embedding is not None else [])
        counts = told.usage_metadata
        return (
            [google.packed(one.values, evened=asked.evens) for one in found],
            None if counts is None else counts.prompt_token_count,
        )

    return google.embed(ask, notes, provider=client.NAME, most=MOST_INPUTS, request=request, read=read)


def _one(name: str, one: EmbeddingInput, asked: google.Plan) -> dict[str, Any]:
    ask = asked.ask
    written: dict[str, Any] = {
        "model": name,
        "content": {"parts": google.parts_of(one, ask, client.NAME)},
    }
    if asked.task is not None:
        written["taskType"] = asked.task
        if asked.task == google.DOCUMENT and ask.title is not None:
            written["title"] = ask.title
    if ask.dimensions is not None:
        written["outputDimensionality"] = ask.dimensions
    merge(written, ask.extras)
    return written
