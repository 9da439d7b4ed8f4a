"""Embeddings by Vertex AI, in the two ways it has: `predict` for texts, `embedContent` for what came later.

https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingInput, EmbeddingRequest, EmbeddingResponse
from integration_api.core.exchange import Exchange, HttpRequest, HttpResponse, decode
from integration_api.core.llm import Media, Text
from integration_api.dialects import gemini_embedding as google
from integration_api.dialects import google_cloud
from integration_api.dialects.gemini_media import inline
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_payload import merge
from integration_api.providers.vertexai import client
from integration_api.providers.vertexai.naming import named

MOST_INSTANCES = 250
"""The most texts one `predict` takes; what is refused as too much is halved."""
MOST_CONTENTS = 100
"""The most contents one `batchEmbedContents` takes."""

_MULTIMODAL = re.compile(r"multimodalembedding.*")
_GEMINI = re.compile(r"gemini-embedding-")
"""The first of these takes one text at a time, or many: that differs by region and has changed."""


class Statistics(Struct, gc=False):
    token_count: float | None = None


class TextVector(Struct):
    values: list[float] = []
    statistics: Statistics | None = None


class Prediction(Struct, rename="camel"):
    embeddings: TextVector | None = None
    text_embedding: list[float] | None = None
    image_embedding: list[float] | None = None


class Counts(Struct, rename="camel", gc=False):
    prompt_token_count: int | None = None


class Embeddings(Struct, rename="camel"):
    """An answer of any of the methods."""

    predictions: list[Prediction] = []
    embeddings: list[TextVector] = []
    embedding: TextVector | None = None
    usage_metadata: Counts | None = None


DECODER = msgspec.json.Decoder(Embeddings)


def embed(ask: EmbeddingRequest, credential: Credential) -> Exchange[EmbeddingResponse]:
    """Embed every input. Raises `Failure` for what cannot be asked, `ProviderError` for the answers."""
    model = named(ask.model).model
    ask = msgspec.structs.replace(ask, model=model)
    notes = Notes(strict=ask.strict)
    asked = google.plan(ask, notes, model=model, truncates=True)
    if google.NEWER.match(model):
        return _contents(asked, notes, credential)
    return _predict(asked, notes, credential)


def _read(asked: google.Plan, reply: HttpResponse) -> google.Vectors:
    told = decode(reply, DECODER)
    found = [
        one.embeddings or TextVector(one.text_embedding or one.image_embedding or [])
        for one in told.predictions
    ]
    found += told.embeddings
    if told.embedding is not None:
        found.append(told.embedding)
    told_counts = [one.statistics.token_count for one in found if one.statistics is not None]
    counts = [count for count in told_counts if count is not None]
    tokens = int(sum(counts)) if counts else None
    if told.usage_metadata is not None:
        tokens = told.usage_metadata.prompt_token_count
    return [google.packed(one.values, evened=asked.evens) for one in found], tokens


# --- predict ---------------------------------------------------------------------------------


def _predict(asked: google.Plan, notes: Notes, credential: Credential) -> Exchange[EmbeddingResponse]:
    ask = asked.ask
    multimodal = _MULTIMODAL.fullmatch(ask.model) is not None
    parameters: dict[str, Any] = {}
    if ask.dimensions is not None:
        parameters["dimension" if multimodal else "outputDimensionality"] = ask.dimensions
    if not multimodal:
        parameters |= _truncation(ask)

    def request(batch: Sequence[EmbeddingInput]) -> HttpRequest:
        instances = [_pictured(one) if multimodal else _instance(one, asked) for one in batch]
        body: dict[str, Any] = {"instances": instances}
        if parameters:
            body["parameters"] = parameters
        merge(body, ask.extras)
        return google_cloud.post(
            client.published("google", ask.model, "predict", credential), body, credential
        )

    most = 1 if multimodal else MOST_INSTANCES
    return google.embed(
        ask,
        notes,
        provider=client.NAME,
        most=most,
        alone=_GEMINI.match(ask.model) is not None,
        request=request,
        read=partial(_read, asked),
    )


def _truncation(ask: EmbeddingRequest) -> dict[str, Any]:
    """It cuts in silence unless told not to: a text that is too long is refused unless the caller wants it cut."""
    return {"autoTruncate": ask.truncate not in {None, "none"}}


def _instance(one: EmbeddingInput, asked: google.Plan) -> dict[str, Any]:
    written: dict[str, Any] = {"content": google.text_of(one, client.NAME)}
    if asked.task is not None:
        written["task_type"] = asked.task
        if asked.task == google.DOCUMENT and asked.ask.title is not None:
            written["title"] = asked.ask.title
    return written


def _pictured(one: EmbeddingInput) -> dict[str, Any]:
    """Return a text or a picture: of both together it would give two vectors."""
    if isinstance(one, str):
        return {"text": one}
    match one:
        case (Text(text=text),):
            return {"text": text}
        case (Media(kind="image") as picture,):
            held = inline(picture, "input", client.NAME)
            if "inlineData" in held:
                return {"image": {"bytesBase64Encoded": held["inlineData"]["data"]}}
            return {"image": {"gcsUri": held["fileData"]["fileUri"]}}
        case _ if any(isinstance(part, int) for part in one):
            raise google.tokens_refused(client.NAME)
        case _:
            raise unsupported(
                "input", "this model gives one vector for one text or one picture: send them apart"
            )


# --- contents --------------------------------------------------------------------------------


def _contents(asked: google.Plan, notes: Notes, credential: Credential) -> Exchange[EmbeddingResponse]:
    ask = asked.ask
    config: dict[str, Any] = {}
    if ask.dimensions is not None:
        config["outputDimensionality"] = ask.dimensions
    config |= _truncation(ask)

    def request(batch: Sequence[EmbeddingInput]) -> HttpRequest:
        written = [_content(one, ask, config) for one in batch]
        for one in written:
            merge(one, ask.extras)
        # One content is asked for by itself: that is what every version of the API knows.
        method = "embedContent" if len(batch) == 1 else "batchEmbedContents"
        body = written[0] if len(batch) == 1 else {"requests": written}
        return google_cloud.post(client.published("google", ask.model, method, credential), body, credential)

    return google.embed(
        ask, notes, provider=client.NAME, most=MOST_CONTENTS, request=request, read=partial(_read, asked)
    )


def _content(one: EmbeddingInput, ask: EmbeddingRequest, config: dict[str, Any]) -> dict[str, Any]:
    written: dict[str, Any] = {"content": {"parts": google.parts_of(one, ask, client.NAME)}}
    written["embedContentConfig"] = dict(config)
    return written
