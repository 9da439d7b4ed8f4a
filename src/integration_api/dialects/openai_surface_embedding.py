"""Embeddings in OpenAI's language. https://platform.openai.com/docs/api-reference/embeddings"""

from base64 import b64encode
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from integration_api.core.embedding import EmbeddingInput, EmbeddingRequest, EmbeddingResponse
from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import Media, Text
from integration_api.dialects import openai_surface_wire as wire
from integration_api.dialects.openai_surface_history import read_part
from integration_api.dialects.openai_surface_json import decode, decode_object, invalid
from integration_api.dialects.openai_surface_wire import ProviderChoice

INPUTS = 10_000
"""Most texts in one request; providers take at most some thousands at a time and we ask in batches."""

Token = Annotated[int, Meta(ge=0, lt=1 << 31)]
Dtype = Literal["float", "int8", "uint8", "binary", "ubinary"]


class Pictured(Struct):
    content: list[wire.InputPart]


class Body(Struct):
    model: str
    input: str | list[Any]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    user: str | None = None
    input_type: str | None = None
    task_type: str | None = None
    truncate: str | bool | None = None
    output_dtype: Dtype | None = None
    normalize: bool | None = None
    title: str | None = None
    provider: ProviderChoice | None = None


KNOWN = frozenset(Body.__struct_fields__)
TASKS = {
    "retrieval_query": "query",
    "retrieval_document": "document",
    "semantic_similarity": "similarity",
    "code_retrieval_query": "code_query",
    "question_answering": "qa",
    "fact_verification": "fact",
    "search_query": "query",
    "search_document": "document",
    "passage": "document",
}
"""Google's, Cohere's and NVIDIA's words for what vectors are for; others mean the same everywhere."""

_BODY = msgspec.json.Decoder(Body)
_ANY: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode


class EmbeddingAsk(Struct):
    model: str
    """As the caller named it."""
    encoding: Literal["float", "base64"]
    provider: ProviderChoice | None
    request: EmbeddingRequest


def read_embedding(
    body: bytes | bytearray, *, model: str | None = None, strict: bool = False
) -> EmbeddingAsk:
    """Read the request; `model` is the provider's own id for it. Raises `Failure(INVALID_REQUEST)`."""
    raw = decode_object(body)
    ask = decode(body, _BODY)
    wanted = ask.input_type or ask.task_type
    inputs, groups = _inputs(ask.input)
    return EmbeddingAsk(
        ask.model,
        ask.encoding_format or "float",
        ask.provider,
        EmbeddingRequest(
            model=ask.model if model is None else model,
            inputs=inputs,
            groups=groups,
            input_type=None if wanted is None else TASKS.get(wanted.lower(), wanted.lower()),
            dimensions=ask.dimensions,
            dtype=ask.output_dtype or "float",
            normalize=ask.normalize,
            truncate=_truncate(ask.truncate),
            title=ask.title,
            user=ask.user,
            extras={} if ask.provider is None else ask.provider.options,
            unknown={key: decode(raw[key], _ANY, key) for key in sorted(raw.keys() - KNOWN)},
            strict=strict,
        ),
    )


def renamed(ask: EmbeddingAsk, model: str, *, strict: bool = False) -> EmbeddingRequest:
    """Return the request under the provider's own id for its model."""
    return msgspec.structs.replace(ask.request, model=model, strict=strict)


def _inputs(given: str | list[Any]) -> tuple[tuple[EmbeddingInput, ...], tuple[int, ...]]:
    """Return every input, and how many of them each document has where they are chunks of documents."""
    if (
        isinstance(given, list)
        and given
        and isinstance(given[0], list)
        and given[0]
        and type(given[0][0]) is str
    ):
        return _chunks(given)
    return _lone(given), ()


def _chunks(documents: list[Any]) -> tuple[tuple[EmbeddingInput, ...], tuple[int, ...]]:
    chunks: list[EmbeddingInput] = []
    for number, document in enumerate(documents):
        if not isinstance(document, list) or not document:
            raise invalid("expected a list of texts, like the documents before it", f"input[{number}]")
        for place, text in enumerate(document):
            if type(text) is not str or not text:
                raise invalid("expected text that is not empty", f"input[{number}][{place}]")
        chunks += document
    if len(chunks) > INPUTS:
        raise _too_many()
    return tuple(chunks), tuple(len(document) for document in documents)


def _too_many() -> Failure:
    return Failure(
        Kind.INVALID_REQUEST,
        f"input: at most {INPUTS} inputs in one request; send the rest in another",
        code="too_many_inputs",
        param="input",
    )


def _lone(given: str | list[Any]) -> tuple[EmbeddingInput, ...]:
    if isinstance(given, str):
        given = [given]
    if not given:
        raise invalid("expected at least one input", "input")
    first = given[0]
    if type(first) is int:
        return (_tokens(given, "input"),)
    if len(given) > INPUTS:
        raise _too_many()
    if type(first) is str:
        for number, text in enumerate(given):
            if type(text) is not str:
                raise invalid("expected str, like the inputs before it", f"input[{number}]")
            if not text:
                raise invalid("expected text that is not empty", f"input[{number}]")
        return tuple(given)
    return tuple(
        _tokens(item, f"input[{number}]") if isinstance(item, list) else _pictured(item, f"input[{number}]")
        for number, item in enumerate(given)
    )


def _tokens(given: list[Any], param: str) -> tuple[int, ...]:
    try:
        tokens = tuple(msgspec.convert(given, list[Token]))
    except msgspec.ValidationError:
        raise invalid("expected token ids", param) from None
    if not tokens:
        raise invalid("expected at least one token", param)
    return tokens


def _pictured(given: Any, param: str) -> tuple[Text | Media, ...]:
    try:
        parts = msgspec.convert(given, Pictured).content
    except msgspec.ValidationError:
        raise invalid("expected text, token ids or an object with content parts", param) from None
    if not parts:
        raise invalid("expected at least one part", f"{param}.content")
    return tuple(read_part(part, f"{param}.content[{place}]") for place, part in enumerate(parts))


def _truncate(given: str | bool | None) -> Literal["none", "start", "end", "auto"] | None:
    match given if not isinstance(given, str) else given.lower():
        case None:
            return None
        case True:
            return "auto"
        case False | "none":
            return "none"
        case "start" | "left":
            return "start"
        case "end" | "right":
            return "end"
        case "auto":
            return "auto"
        case _:
            raise invalid("expected none, start, end or auto", "truncate")


def render_embedding(
    answer: EmbeddingResponse,
    *,
    encoding: str = "float",
    dtype: Dtype = "float",
    groups: tuple[int, ...] = (),
    provider: str = "",
) -> bytes:
    """Return the list of vectors: base64 of their bytes as they are, or numbers.

    With `groups`, each tells which chunk of which document it is of.
    """
    usage = answer.usage.input_total or 0
    data: list[dict[str, Any]] = [
        {
            "object": "embedding",
            "index": index,
            "embedding": b64encode(vector).decode() if encoding == "base64" else numbers(vector, dtype),
        }
        for index, vector in enumerate(answer.vectors)
    ]
    places = ((document, chunk) for document, count in enumerate(groups) for chunk in range(count))
    for item, (document, chunk) in zip(data, places, strict=False):
        item |= {"document_index": document, "chunk_index": chunk}
    body: dict[str, Any] = {
        "object": "list",
        "data": data,
        "model": answer.model,
        "usage": {"prompt_tokens": usage, "total_tokens": usage},
    }
    if answer.warnings:
        body["warnings"] = answer.warnings
    if provider:
        body["provider"] = provider
    return _encode(body)


def numbers(vector: bytes, dtype: Dtype = "float") -> list[Any]:
    """Return a packed vector's numbers."""
    format = {"float": "f", "int8": "b", "binary": "b", "uint8": "B", "ubinary": "B"}[dtype]
    return memoryview(vector).cast(format).tolist()  # type: ignore[call-overload, no-any-return]
