"""Embeddings by Cohere, of texts and pictures. https://docs.cohere.com/reference/embed"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingInput, EmbeddingRequest, EmbeddingResponse
from integration_api.core.exchange import Exchange, decode
from integration_api.core.llm import Bytes, Media, Text, Url, Usage
from integration_api.dialects.batches import in_batches, summed
from integration_api.dialects.embedding_inputs import parts_of, text_of
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_media import data_url
from integration_api.dialects.openai_chat_payload import merge
from integration_api.dialects.vectors import in_order, vector
from integration_api.providers.cohere import client

PATH = "/v2/embed"

MOST_INPUTS = 96
"""Texts in one request."""
MOST_BYTES = 15_000_000
"""Cohere takes 20 MB of pictures in one request; base64 makes four bytes of three."""

THIRD = re.compile(r"embed-.+-v[23]\.0")
"""Models up to the third generation: vectors of one size, and pictures one at a time and without text."""

INPUT_TYPES = {
    "query": "search_query",
    "document": "search_document",
    "classification": "classification",
    "clustering": "clustering",
    "image": "image",
}
NEAREST = {
    "qa": "search_query",
    "fact": "search_query",
    "code_query": "search_query",
    "similarity": "clustering",
}
"""What Cohere has no word for is asked for by the purpose whose vectors serve it best."""

TRUNCATIONS = {"none": "NONE", "start": "START", "end": "END", "auto": "END"}


class Billed(Struct, gc=False):
    input_tokens: float | None = None
    image_tokens: float | None = None


class Meta(Struct, gc=False):
    billed_units: Billed | None = None


class Embeddings(Struct, gc=False):
    embeddings: dict[str, list[list[float] | str]] | list[list[float]]
    """By type; a bare list of floats from servers of the first API."""
    meta: Meta | None = None


DECODER = msgspec.json.Decoder(Embeddings)


def embed(ask: EmbeddingRequest, credential: Credential) -> Exchange[EmbeddingResponse]:
    """Embed every input, in as many requests as are needed for them.

    Raises `Failure` for what cannot be asked, `ProviderError` for the answers.
    """
    notes = Notes(strict=ask.strict)
    third = THIRD.fullmatch(ask.model) is not None
    pictures = any(isinstance(part, Media) for one in ask.inputs if not isinstance(one, str) for part in one)
    options = _options(ask, notes, third=third, pictures=pictures)
    notes.strange(ask.unknown, client.NAME)
    field, write, most = "texts", _text, MOST_INPUTS
    if pictures:
        field, write, most = ("images", _picture, 1) if third else ("inputs", _content, MOST_INPUTS)

    def one(batch: Sequence[Any]) -> Exchange[tuple[Usage, list[bytes]]]:
        body: dict[str, Any] = {"model": ask.model, field: batch, **options}
        merge(body, ask.extras)
        reply = yield client.post(PATH, body, credential)
        answer = decode(reply, DECODER)
        found = (
            answer.embeddings.get(ask.dtype, []) if isinstance(answer.embeddings, dict) else answer.embeddings
        )
        vectors = {place: vector(numbers, ask.dtype) for place, numbers in enumerate(found)}
        return _usage(answer.meta), in_order(vectors, len(found), len(batch))

    parts = yield from in_batches(
        [write(one) for one in ask.inputs],
        one,
        most=most,
        weigh=_bytes if field == "inputs" else None,
        most_weight=MOST_BYTES,
    )
    return EmbeddingResponse(
        model=ask.model,
        vectors=tuple(vector for _, vectors in parts for vector in vectors),
        usage=summed(usage for usage, _ in parts),
        warnings=notes.all,
    )


def _options(ask: EmbeddingRequest, notes: Notes, *, third: bool, pictures: bool) -> dict[str, Any]:
    options: dict[str, Any] = {
        "input_type": "image" if pictures and third else _input_type(ask.input_type, notes),
        # Cohere's own base64 is of floats alone; numbers serve every type.
        "embedding_types": [ask.dtype],
    }
    if ask.dimensions is not None:
        if third:
            raise unsupported("dimensions", f"vectors of {ask.model} have one size; leave dimensions out")
        options["output_dimension"] = ask.dimensions
    if ask.truncate is not None:
        options["truncate"] = TRUNCATIONS[ask.truncate]
    for name, wanted in (("normalize", ask.normalize is False), ("title", ask.title), ("user", ask.user)):
        if wanted:
            notes.cannot(name, f"{client.NAME} does not know {name}")
    return options


def _input_type(asked: str | None, notes: Notes) -> str:
    """Callers of OpenAI's language cannot say what for: then they embed what is to be found."""
    if asked is None:
        return INPUT_TYPES["document"]
    if asked in NEAREST:
        notes.note("mapped", "input_type", f"{client.NAME} was asked for {NEAREST[asked]}")
        return NEAREST[asked]
    if asked not in INPUT_TYPES:
        raise unsupported("input_type", f"{client.NAME} embeds for {', '.join((*INPUT_TYPES, *NEAREST))}")
    return INPUT_TYPES[asked]


def _text(one: EmbeddingInput) -> Any:
    return text_of(one, client.NAME)


def _content(one: EmbeddingInput) -> Any:
    content = [
        {"type": "text", "text": part.text}
        if isinstance(part, Text)
        else {"type": "image_url", "image_url": {"url": _url(part)}}
        for part in parts_of(one, client.NAME)
    ]
    return {"content": content}


def _picture(one: EmbeddingInput) -> Any:
    match parts_of(one, client.NAME):
        case (Media() as picture,):
            return _url(picture)
        case _:
            raise unsupported("input", "this model embeds a picture or a text, and not both at once")


def _url(part: Media) -> str:
    match part.kind, part.source:
        case "image", Url(url):
            return url
        case "image", Bytes() as source:
            return data_url(part, source, "image/png")
        case kind, _:
            raise unsupported("input", f"{client.NAME} embeds texts and images, not {kind}")


def _bytes(given: dict[str, Any]) -> int:
    return sum(len(part.get("text") or part["image_url"]["url"]) for part in given["content"])


def _usage(meta: Meta | None) -> Usage:
    billed = meta.billed_units if meta is not None else None
    if billed is None:
        return Usage()
    return Usage(
        input_total=None if billed.input_tokens is None else int(billed.input_tokens),
        input_image=None if billed.image_tokens is None else int(billed.image_tokens),
    )
