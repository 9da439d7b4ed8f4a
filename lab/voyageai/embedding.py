"""Voyage's embeddings: of texts, of texts with pictures, of chunks (docs.voyageai.com/reference).

Answers come in reverse: `index` says which input each vector is of.
"""

import re
from array import array
from base64 import b64encode
from typing import Any

from lab.conversation import count
from lab.http import Call, Response
from lab.vectors import in_base64, narrow, vector
from lab.voyageai.client import answer, choice, document, refuse, within

_FIELDS = frozenset({
    "input", "model", "input_type", "truncation", "output_dimension", "output_dtype", "encoding_format",
})  # fmt: skip
_PICTURED = _FIELDS - {"input"} | {"inputs"}
_CHUNKED = _PICTURED - {"truncation"} | {"enable_auto_chunking", "chunk_size", "chunk_overlap"}
_DTYPES = ("float", "int8", "uint8", "binary", "ubinary")
_DIMENSIONS = (256, 512, 1024, 2048)
_USUAL = 1024
_INPUTS = 1000
_CHUNKS = 16_000
_FIXED = re.compile(r"voyage-(2|3|3-lite|code-2|law-2|finance-2|multimodal-3|.*-nano)")
_TEXT = re.compile(r"voyage-(\d(\.\d)?(-lite|-large|-nano)?|(code|finance|law)-\d)")
_BATCH = ((re.compile(r"voyage-.*-lite"), 1_000_000), (re.compile(r"voyage-(4|3\.5|2)"), 320_000))
_SMALLEST_BATCH = 120_000
_PICTURE_TOKENS = 100


def embed(call: Call) -> Response:
    """POST /v1/embeddings. Raises `Refused`."""
    body = document(call, _FIELDS)
    model = _model(call, body, _TEXT)
    inputs = [body["input"]] if isinstance(body.get("input"), str) else body.get("input")
    if not isinstance(inputs, list) or not inputs:
        refuse(call, "Input cannot be an empty list.")
    for one in inputs:
        if not isinstance(one, str) or not one:
            refuse(call, "Input cannot contain empty strings or empty lists, and must be text.")
    if len(inputs) > _INPUTS:
        refuse(call, f"The batch size limit is {_INPUTS}. Your batch size is {len(inputs)}.")
    tokens = sum(map(count, inputs))
    within(
        call, model, tokens, next((most for found, most in _BATCH if found.fullmatch(model)), _SMALLEST_BATCH)
    )
    data = _data(call, body, inputs)
    return answer(call, {"object": "list", "data": data, "model": model, "usage": {"total_tokens": tokens}})


def embed_pictures(call: Call) -> Response:
    """POST /v1/multimodalembeddings. Raises `Refused`."""
    body = document(call, _PICTURED)
    model = _model(call, body, re.compile(r"voyage-multimodal-.*"))
    inputs = _listed(call, body)
    said = []
    forms: set[str] = set()
    pictures = 0
    for one in inputs:
        words = []
        for part in one.get("content") or refuse(call, "Each input needs content."):
            kind = part.get("type")
            if kind not in ("text", "image_url", "image_base64", "video_url", "video_base64"):
                refuse(call, f"Content type '{kind}' is not supported.")
            if not isinstance(part.get(kind), str) or set(part) != {"type", kind}:
                refuse(call, f"Content of type '{kind}' must have a string in '{kind}' and nothing else.")
            words.append(part[kind])
            if kind != "text":
                forms.add(kind.rpartition("_")[2])
                pictures += 1
        said.append(" ".join(words))
    if len(forms) > 1:
        refuse(call, "Image URLs and base64 images cannot be mixed in one request.")
    tokens = sum(count(one) for one in said)
    usage = {
        "text_tokens": tokens,
        "image_pixels": pictures * _PICTURE_TOKENS * 560,
        "video_pixels": 0,
        "total_tokens": tokens + pictures * _PICTURE_TOKENS,
    }
    return answer(call, {"object": "list", "data": _data(call, body, said), "model": model, "usage": usage})


def embed_chunks(call: Call) -> Response:
    """POST /v1/contextualizedembeddings. Raises `Refused`."""
    body = document(call, _CHUNKED)
    model = _model(call, body, re.compile(r"voyage-context-.*"))
    documents = _listed(call, body)
    if not all(isinstance(chunks, list) and chunks and all(chunks) for chunks in documents):
        refuse(call, "Each input must be a list of non-empty chunks.")
    if sum(map(len, documents)) > _CHUNKS:
        refuse(call, f"The limit of chunks is {_CHUNKS}.")
    tokens = sum(count(chunk) for chunks in documents for chunk in chunks)
    within(call, model, tokens, _SMALLEST_BATCH)
    data = [
        # A chunk's vector depends on the document it is of.
        {
            "object": "list",
            "index": index,
            "data": _data(call, body, [f"{one} {chunks[0]}" for one in chunks]),
        }
        for index, chunks in enumerate(documents)
    ]
    return answer(
        call, {"object": "list", "data": data[::-1], "model": model, "usage": {"total_tokens": tokens}}
    )


def _model(call: Call, body: dict[str, Any], known: re.Pattern[str]) -> str:
    model = call.asked.base
    if model and not known.fullmatch(model):
        refuse(call, f"Model {body['model']} is not supported. Supported models are listed on our pages.")
    return str(body["model"])


def _listed(call: Call, body: dict[str, Any]) -> list[Any]:
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not inputs or len(inputs) > _INPUTS:
        refuse(call, f"'inputs' must be a list of 1 to {_INPUTS}.")
    return inputs


def _data(call: Call, body: dict[str, Any], said: list[str]) -> list[dict[str, Any]]:
    choice(call, body, "input_type", ("query", "document"))
    form = choice(call, body, "encoding_format", ("base64",))
    dtype = choice(call, body, "output_dtype", _DTYPES) or "float"
    dimensions = choice(call, body, "output_dimension", _DIMENSIONS)
    if dimensions is not None and _FIXED.fullmatch(call.asked.base):
        refuse(call, f"Model {body['model']} does not support argument 'output_dimension'.")
    data = [
        {
            "object": "embedding",
            "embedding": _shown(vector(one, dimensions or _USUAL), dtype, form),
            "index": index,
        }
        for index, one in enumerate(said)
    ]
    return data[::-1]


def _shown(values: "array[float]", dtype: str, form: str | None) -> Any:
    if dtype == "float":
        return values.tolist() if form is None else in_base64(values)
    numbers = narrow(values, dtype)
    if form is None:
        return numbers
    return b64encode(bytes(number & 255 for number in numbers)).decode()
