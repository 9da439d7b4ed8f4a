"""Deepgram's keys, headers and refusals (developers.deepgram.com/docs/errors)."""

from collections.abc import Iterable
from typing import Any, NoReturn

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import verdict

_CODES = {
    400: "Bad Request",
    401: "INVALID_AUTH",
    402: "INSUFFICIENT_CREDITS",
    403: "FORBIDDEN",
    429: "RATE_LIMIT",
}
ENCODINGS = {"linear16": 2, "mulaw": 1, "alaw": 1}
"""Bytes of a sample, of those that the lab can tell the time by."""


def identity(call: Call) -> str:
    return f"dd000000-0000-4000-8000-{call.serial:012x}"


def headers(call: Call, kind: str = JSON) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [("content-type", kind), ("dg-request-id", identity(call))]


def stream_headers(call: Call) -> list[tuple[str, str]]:
    return headers(call, "audio/mpeg")


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Deepgram says with a status."""
    said = words or {401: "Invalid credentials.", 429: "Too many requests."}.get(
        status, "The request failed."
    )
    body = {"err_code": _CODES.get(status, "ERROR"), "err_msg": said, "request_id": identity(call)}
    return Response(status, [*headers(call), ("dg-error", said)], encode(body))


def refuse(call: Call, message: str, *, status: int = 400) -> NoReturn:
    """Raises `Refused`: the request is not one that Deepgram would accept."""
    raise Refused(refusal(status, call, message))


def admit(call: Call) -> None:
    """Lets a request with a good key pass. Raises `Refused`."""
    scheme, _, key = call.header("authorization").partition(" ")
    if scheme.lower() not in ("token", "bearer"):
        offered = [one.strip() for one in call.header("sec-websocket-protocol").split(",")]
        key = offered[1] if offered[0] == "token" and len(offered) == 2 else ""
    match verdict(key):
        case "missing" | "invalid":
            raise Refused(refusal(401, call))
        case "forbidden":
            raise Refused(refusal(403, call))
        case "noquota":
            raise Refused(refusal(402, call))
        case "good":
            return


def known(call: Call, names: Iterable[str]) -> None:
    """Refuses parameters that are not Deepgram's. Raises `Refused`."""
    for name in call.query:
        if name not in names:
            refuse(call, f"Unknown query parameter: {name}")


def projects(call: Call) -> Response:
    """GET /v1/projects. Raises `Refused`."""
    admit(call)
    return answer(call, {"projects": [{"project_id": "lab", "name": "lab"}]})


def answer(call: Call, document: Any) -> Response:
    return Response(200, headers(call), encode(document))


def switching(call: Call) -> list[tuple[str, str]]:
    """What comes with an accepted handshake."""
    return [("dg-request-id", identity(call))]
