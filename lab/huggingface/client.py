"""Hugging Face's keys, headers and refusals: a text, an object, or a text with its type
(huggingface.github.io/text-embeddings-inference, huggingface.co/docs/inference-providers).
"""

from typing import Any, NoReturn

import msgspec

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import Verdict, bearer, verdict

_WORDS = {
    401: "Invalid credentials in Authorization header",
    402: "You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO to get more.",
    403: "This authentication method does not have sufficient permissions to call Inference Providers on behalf of "
    "user lab",
    404: "Not Found",
    429: "Model is overloaded",
    503: "Service Unavailable",
}
_TYPES = {413: "validation", 422: "tokenizer", 424: "backend", 429: "overloaded", 500: "generation"}
_KEYS: dict[Verdict, int] = {"missing": 401, "invalid": 401, "forbidden": 403, "noquota": 402}


def headers(call: Call, kind: str = JSON) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [
        ("content-type", kind),
        ("x-request-id", f"Root=1-{call.serial:08x}-0"),
        ("x-inference-provider", "lab"),
    ]


def answer(call: Call, document: Any, *, tokens: int | None = None) -> Response:
    """A good answer; TEI tells in headers what it read."""
    computed = [] if tokens is None else [("x-compute-type", "cpu"), ("x-compute-tokens", str(tokens))]
    return Response(200, [*headers(call), *computed], encode(document))


def refuse(call: Call, message: str, *, status: int = 422) -> NoReturn:
    """Raises `Refused`: the request is not one that TEI would take."""
    raise Refused(refusal(status, call, message))


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What is said with a status, or `words` in its shape."""
    said: dict[str, Any] = {"error": words or _WORDS.get(status, "The request failed")}
    if status in _TYPES:
        said["error_type"] = _TYPES[status]
    return Response(status, headers(call), encode(said))


def admit(call: Call, *, keyless: bool = False) -> None:
    """Lets a request with a good key pass; servers of one's own may stand open. Raises `Refused`."""
    found = verdict(bearer(call))
    if found != "good" and not (keyless and found == "missing"):
        raise Refused(refusal(_KEYS[found], call))


def document(call: Call) -> dict[str, Any]:
    """The request's JSON object. Raises `Refused`."""
    try:
        body = call.json()
    except msgspec.DecodeError:
        body = None
    if not isinstance(body, dict):
        message = "Failed to parse the request body as JSON: expected value at line 1 column 1"
        raise Refused(Response(400, headers(call, "text/plain; charset=utf-8"), message.encode()))
    return body
