"""Cohere's embeddings (docs.cohere.com/reference/embed)."""

from array import array
from typing import Any

from lab.cohere.client import admit, answer, document, identity, known, no_model, one_of, refuse, text
from lab.cohere.traits import EMBEDDING
from lab.conversation import count
from lab.http import Call, Response
from lab.vectors import in_base64, narrow, vector

_FIELDS = frozenset({
    "model", "input_type", "texts", "images", "inputs", "embedding_types", "output_dimension", "truncate", "max_tokens",
    "priority",
})  # fmt: skip
_PURPOSES = ("search_document", "search_query", "classification", "clustering", "image")
_TYPES = ("float", "int8", "uint8", "binary", "ubinary", "base64")
_INPUTS = 96
_DEFAULT = "embed-v4.0"


def embed(call: Call) -> Response:
    """POST /v2/embed. Raises `Refused`."""
    admit(call)
    body = document(call)
    known(call, body, _FIELDS)
    model = text(call, body, "model")
    name = call.asked.base or _DEFAULT
    if name not in EMBEDDING:
        no_model(call, model)
    one_of(call, body.get("input_type"), _PURPOSES, "input_type")
    if body.get("truncate") is not None:
        one_of(call, body["truncate"], ("NONE", "START", "END"), "truncate")
    said, pictures = _inputs(call, body, fourth=name == _DEFAULT)
    types = body.get("embedding_types") or ["float"]
    for kind in types:
        one_of(call, kind, _TYPES, "embedding_types")
    dimensions = _dimensions(call, body, name)
    vectors = [vector(one, dimensions) for one in said]
    billed = {"input_tokens": sum(map(count, said))}
    if pictures:
        billed["image_tokens"] = pictures
    return answer(
        call,
        {
            "id": identity(call),
            "embeddings": {kind: [_shown(values, kind) for values in vectors] for kind in types},
            "texts": body.get("texts") or [],
            "meta": {"api_version": {"version": "2"}, "billed_units": billed},
            "response_type": "embeddings_by_type",
        },
    )


def _dimensions(call: Call, body: dict[str, Any], name: str) -> int:
    usual, choices = EMBEDDING[name]
    wanted = body.get("output_dimension")
    if wanted is None:
        return usual
    if not choices:
        refuse(call, "invalid request: output_dimension is not supported for this model")
    if wanted not in choices:
        refuse(call, f"invalid request: output_dimension must be one of {', '.join(map(str, choices))}")
    return int(wanted)


def _inputs(call: Call, body: dict[str, Any], *, fourth: bool) -> tuple[list[str], int]:
    """What is to be embedded, as texts, and how many tokens its pictures are."""
    given = [name for name in ("texts", "images", "inputs") if body.get(name) is not None]
    if len(given) != 1 or not isinstance(body[given[0]], list) or not body[given[0]]:
        refuse(
            call, "invalid request: exactly one of texts, images and inputs must be specified and not empty"
        )
    inputs = body[given[0]]
    if len(inputs) > _INPUTS:
        refuse(
            call,
            f"invalid request: total number of {given[0]} must be at most {_INPUTS} - received {len(inputs)}",
        )
    match given[0]:
        case "texts":
            if not all(isinstance(one, str) and one for one in inputs):
                refuse(call, "invalid request: texts must be non-empty strings")
            return inputs, 0
        case "images":
            if body["input_type"] != "image" and not fourth:
                refuse(call, "invalid request: images need input_type image")
            if len(inputs) > 1 and not fourth:
                refuse(call, "invalid request: only one image can be embedded at a time")
            return inputs, 100 * len(inputs)
    if not fourth:
        refuse(call, "invalid request: inputs are not supported for this model")
    said = []
    pictures = 0
    for one in inputs:
        parts = one.get("content") or refuse(call, "invalid request: inputs must have content")
        said.append(" ".join(part.get("text") or part["image_url"]["url"] for part in parts))
        pictures += 100 * sum(part["type"] == "image_url" for part in parts)
    return said, pictures


def _shown(values: "array[float]", kind: str) -> Any:
    if kind == "base64":
        return in_base64(values)
    return values.tolist() if kind == "float" else narrow(values, kind)
