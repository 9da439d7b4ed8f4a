"""Embeddings by Voyage: of texts, of texts with pictures and films, of chunks in their document.

https://docs.voyageai.com/reference/embeddings-api, …/multimodal-embeddings-api and
…/contextualized-embeddings-api
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

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
from integration_api.dialects.vectors import in_order, shortened, vector
from integration_api.providers.voyageai import capabilities, client

MOST_INPUTS = 1000
MOST_CHUNKS = 16_000
"""Chunks of all the documents of one request."""
MOST_BYTES = 20_000_000
"""What one picture may have; requests of several such are refused on the way there."""

QUERY, DOCUMENT = "query", "document"
INPUT_TYPES = {QUERY: QUERY, DOCUMENT: DOCUMENT, "qa": QUERY, "fact": QUERY, "code_query": QUERY}
"""Voyage tells questions from what answers them. Other purposes take vectors of neither kind."""

Form = Literal["url", "base64", "text"]


class Item(Struct, gc=False):
    embedding: str | list[float]
    index: int


class Used(Struct, gc=False):
    total_tokens: int | None = None
    text_tokens: int | None = None
    image_pixels: int | None = None
    video_pixels: int | None = None


class Embeddings(Struct, gc=False):
    data: list[Item]
    model: str | None = None
    usage: Used | None = None


class Document(Struct, gc=False):
    data: list[Item]
    index: int


class Documents(Struct, gc=False):
    data: list[Document]
    model: str | None = None
    usage: Used | None = None


class Part(Struct):
    """What one request told."""

    vectors: list[bytes]
    model: str | None
    usage: Usage


EMBEDDINGS = msgspec.json.Decoder(Embeddings)
DOCUMENTS = msgspec.json.Decoder(Documents)


def embed(ask: EmbeddingRequest, credential: Credential) -> Exchange[EmbeddingResponse]:
    """Embed every input, in as many requests as are needed for them.

    Raises `Failure` for what cannot be asked, `ProviderError` for the answers.
    """
    if capabilities.takes_chunks(ask.model):
        lone = msgspec.structs.replace(ask, groups=(1,) * len(ask.inputs))
        return (yield from embed_chunks(lone, credential))
    notes = Notes(strict=ask.strict)
    options = _options(ask, notes)
    if capabilities.takes_pictures(ask.model):
        parts, places = yield from _pictured(ask, options, credential)
    else:
        texts = [_text(ask.model, one) for one in ask.inputs]
        places = list(range(len(texts)))
        parts = yield from in_batches(
            texts, _asking(ask, "/embeddings", "input", options, credential),
            most=MOST_INPUTS, too_much=client.too_much,
        )  # fmt: skip
    found = dict(zip(places, (vector for part in parts for vector in part.vectors), strict=True))
    return _response(ask, parts, [found[place] for place in range(len(found))], notes)


def embed_chunks(ask: EmbeddingRequest, credential: Credential) -> Exchange[EmbeddingResponse]:
    """Embed chunks in the light of their documents; a vector for each chunk, in their order. Raises `Failure`."""
    if not capabilities.takes_chunks(ask.model):
        raise unsupported("input", f"{ask.model} embeds no chunks of documents; voyage-context models do")
    notes = Notes(strict=ask.strict)
    options = _options(ask, notes)
    texts = iter([text_of(one, client.NAME) for one in ask.inputs])
    documents = [[next(texts) for _ in range(count)] for count in ask.groups]

    def one(batch: Sequence[list[str]]) -> Exchange[Part]:
        body: dict[str, Any] = {"model": ask.model, "inputs": batch, **options}
        merge(body, ask.extras)
        reply = yield client.post("/contextualizedembeddings", body, credential)
        answer = decode(reply, DOCUMENTS)
        found = {document.index: document.data for document in answer.data}
        vectors = []
        for place, chunks in enumerate(batch):
            vectors += _vectors(found.get(place, []), len(chunks), ask.dtype)
        return Part(vectors, answer.model, _usage(answer.usage))

    parts = yield from in_batches(
        documents, one, most=MOST_INPUTS, too_much=client.too_much, weigh=len, most_weight=MOST_CHUNKS
    )
    return _response(ask, parts, [vector for part in parts for vector in part.vectors], notes)


def _asking(
    ask: EmbeddingRequest, path: str, field: str, options: dict[str, Any], credential: Credential
) -> Any:
    def one(batch: Sequence[Any]) -> Exchange[Part]:
        body: dict[str, Any] = {"model": ask.model, field: batch, **options}
        merge(body, ask.extras)
        reply = yield client.post(path, body, credential)
        answer = decode(reply, EMBEDDINGS)
        return Part(_vectors(answer.data, len(batch), ask.dtype), answer.model, _usage(answer.usage))

    return one


def _pictured(
    ask: EmbeddingRequest, options: dict[str, Any], credential: Credential
) -> Exchange[tuple[list[Part], list[int]]]:
    """Ask for pictures by address and pictures by their bytes apart: no request may have both.

    Returns the answers, and the places of the inputs they are about.
    """
    inputs = [_content(one) for one in ask.inputs]
    forms = [_form(content) for content in inputs]
    one = _asking(ask, "/multimodalembeddings", "inputs", options, credential)
    parts: list[Part] = []
    places: list[int] = []
    for wanted in ({"url"}, {"base64", "text"}):
        mine = [place for place, form in enumerate(forms) if form in wanted]
        parts += yield from in_batches(
            [inputs[place] for place in mine],
            one,
            most=MOST_INPUTS,
            too_much=client.too_much,
            weigh=_bytes,
            most_weight=MOST_BYTES,
        )
        places += mine
    return parts, places


def _response(
    ask: EmbeddingRequest, parts: Iterable[Part], vectors: list[bytes], notes: Notes
) -> EmbeddingResponse:
    parts = list(parts)
    if ask.dimensions is not None and _shortens(ask):
        vectors = [shortened(vector, ask.dimensions) for vector in vectors]
    return EmbeddingResponse(
        model=next((part.model for part in parts if part.model), ask.model),
        vectors=tuple(vectors),
        usage=summed(part.usage for part in parts),
        warnings=notes.all,
    )


def _shortens(ask: EmbeddingRequest) -> bool:
    return capabilities.OPEN.fullmatch(ask.model) is not None and ask.dtype == "float"


def _options(ask: EmbeddingRequest, notes: Notes) -> dict[str, Any]:
    # The other value that OpenAI has for it, `float`, is refused: numbers are what comes unasked.
    options: dict[str, Any] = {"encoding_format": "base64"}
    if ask.input_type in INPUT_TYPES:
        options["input_type"] = INPUT_TYPES[ask.input_type]
    if ask.input_type not in {None, options.get("input_type")}:
        purpose = options.get("input_type", "no purpose in particular")
        notes.note("mapped", "input_type", f"{client.NAME} was asked to embed for {purpose}")
    if ask.truncate == "start":
        raise unsupported("truncate", f"{client.NAME} cuts texts at their end or not at all")
    if ask.truncate is not None and not capabilities.takes_chunks(ask.model):
        options["truncation"] = ask.truncate != "none"
    if ask.dimensions is not None:
        if _shortens(ask):
            notes.cannot(
                "dimensions", "the vectors were cut to size here and made of length 1 again", "degraded"
            )
        elif capabilities.FIXED.fullmatch(ask.model) or capabilities.OPEN.fullmatch(ask.model):
            raise unsupported("dimensions", f"vectors of {ask.model} have one size; leave dimensions out")
        else:
            options["output_dimension"] = ask.dimensions
    if ask.dtype != "float":
        options["output_dtype"] = ask.dtype
    notes.strange(ask.unknown, client.NAME)
    for name, wanted in (("normalize", ask.normalize is False), ("title", ask.title), ("user", ask.user)):
        if wanted:
            notes.cannot(name, f"{client.NAME} does not know {name}")
    return options


def _text(model: str, one: EmbeddingInput) -> str:
    if any(isinstance(part, Media) for part in parts_of(one, client.NAME)):
        raise unsupported("input", f"{model} embeds text only; voyage-multimodal models take pictures")
    return text_of(one, client.NAME)


def _content(one: EmbeddingInput) -> dict[str, Any]:
    return {"content": [_segment(part) for part in parts_of(one, client.NAME)]}


def _segment(part: Text | Media) -> dict[str, Any]:
    """Write a part. An address is a plain string here, and not the object that OpenAI has."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    match part.kind, part.source:
        case ("image" | "video") as kind, Url(url):
            return {"type": f"{kind}_url", f"{kind}_url": url}
        case ("image" | "video") as kind, Bytes() as source:
            mime = "image/png" if kind == "image" else "video/mp4"
            return {"type": f"{kind}_base64", f"{kind}_base64": data_url(part, source, mime)}
        case kind, _:
            raise unsupported("input", f"{client.NAME} embeds texts, images and films, not {kind}")


def _form(content: dict[str, Any]) -> Form:
    kinds = {segment["type"].rpartition("_")[2] for segment in content["content"]} - {"text"}
    if len(kinds) > 1:
        raise unsupported("input", "one input has pictures by address and pictures as bytes; choose one way")
    found: Form = kinds.pop() if kinds else "text"
    return found


def _bytes(content: dict[str, Any]) -> int:
    return sum(len(value) for segment in content["content"] for value in segment.values())


def _vectors(items: list[Item], asked: int, dtype: str) -> list[bytes]:
    return in_order({item.index: vector(item.embedding, dtype) for item in items}, len(items), asked)


def _usage(used: Used | None) -> Usage:
    if used is None:
        return Usage()
    told = {name: getattr(used, name) for name in ("text_tokens", "image_pixels", "video_pixels")}
    return Usage(
        input_total=used.total_tokens,
        native={name: count for name, count in told.items() if count is not None} or None,
    )
