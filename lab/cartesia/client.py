"""Cartesia's keys, versions and refusals (docs.cartesia.ai/use-the-api/api-errors)."""

from collections.abc import Iterable
from typing import Any, NoReturn

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import bearer, verdict

_TITLES = {
    400: ("invalid_request", "Invalid request"),
    401: ("unauthorized", "Unauthorized"),
    402: ("quota_exceeded", "Quota exceeded"),
    403: ("forbidden", "Forbidden"),
    404: ("not_found", "Not found"),
    429: ("concurrency_limited", "Too many concurrent requests"),
}
STRUCTURED = "2026-03-01"
"""From this version on refusals are JSON."""
ENCODINGS = {"pcm_s16le": 2, "pcm_mulaw": 1, "pcm_alaw": 1, "pcm_s32le": 4, "pcm_f16le": 2, "pcm_f32le": 4}
"""Bytes of a sample."""


def identity(call: Call) -> str:
    return f"ca000000-0000-4000-8000-{call.serial:012x}"


def headers(call: Call, kind: str = JSON) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [("content-type", kind), ("x-request-id", identity(call))]


def stream_headers(call: Call) -> list[tuple[str, str]]:
    return headers(call, "text/event-stream")


def problem(status: int, call: Call, words: str = "") -> dict[str, Any]:
    """What Cartesia says went wrong, in an answer or on a socket."""
    code, title = _TITLES.get(status, ("internal_server_error", "Internal server error"))
    return {
        "error_code": code,
        "title": title,
        "message": words or "The request failed.",
        "request_id": identity(call),
        "doc_url": "https://docs.cartesia.ai/use-the-api/api-errors",
    }


def refusal(status: int, call: Call, words: str = "") -> Response:
    said = problem(status, call, words)
    if version(call) < STRUCTURED:
        return Response(status, headers(call, "text/plain"), f"{said['title']}: {said['message']}".encode())
    return Response(status, headers(call), encode(said))


def refuse(call: Call, message: str, *, status: int = 400) -> NoReturn:
    """Raises `Refused`: the request is not one that Cartesia would accept."""
    raise Refused(refusal(status, call, message))


def version(call: Call) -> str:
    return call.header("cartesia-version") or call.query.get("cartesia_version", "")


def admit(call: Call) -> None:
    """Lets a request with a good key and a version pass. Raises `Refused`."""
    key = bearer(call) or call.header("x-api-key")
    key = key or call.query.get("api_key", "") or call.query.get("access_token", "")
    match verdict(key):
        case "missing" | "invalid":
            refuse(call, "The API key is not valid.", status=401)
        case "forbidden":
            refuse(call, "The API key may not do this.", status=403)
        case "noquota":
            refuse(call, "There are no credits left.", status=402)
        case "good":
            pass
    if not version(call):
        refuse(call, "Cartesia-Version is required")


def known(call: Call, names: Iterable[str]) -> None:
    """Refuses parameters that are not Cartesia's. Raises `Refused`."""
    for name in call.query:
        if name not in (*names, "cartesia_version", "api_key", "access_token"):
            refuse(call, f"unknown parameter: {name}")


def answer(call: Call, document: Any) -> Response:
    return Response(200, headers(call), encode(document))


def switching(call: Call) -> list[tuple[str, str]]:
    """What comes with an accepted handshake."""
    return [("x-request-id", identity(call))]
