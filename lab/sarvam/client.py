"""Sarvam's keys, headers and refusals (docs.sarvam.ai/api-reference-docs)."""

from collections.abc import Iterable
from typing import Any, NoReturn

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import verdict

_CODES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "invalid_api_key_error",
    404: "not_found_error",
    422: "unprocessable_entity_error",
    429: "rate_limit_exceeded_error",
    504: "gateway_timeout_error",
}
LANGUAGES = frozenset({
    "en-IN", "hi-IN", "bn-IN", "kn-IN", "ml-IN", "mr-IN", "pa-IN", "ta-IN", "te-IN", "gu-IN",
})  # fmt: skip
"""Odia is called in two ways."""
PREFIX = "api-subscription-key."


def identity(call: Call) -> str:
    return f"20260101_00000000-0000-4000-8000-{call.serial:012x}"


def headers(call: Call, kind: str = JSON) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [("content-type", kind), ("x-request-id", identity(call))]


def stream_headers(call: Call) -> list[tuple[str, str]]:
    return headers(call, "audio/mpeg")


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Sarvam says with a status."""
    return _refusal(status, call, _CODES.get(status, "internal_server_error"), words or "The request failed.")


def _refusal(status: int, call: Call, code: str, words: str) -> Response:
    error = {"message": words, "code": code, "request_id": identity(call)}
    return Response(status, headers(call), encode({"error": error}))


def refuse(call: Call, message: str, *, status: int = 400) -> NoReturn:
    """Raises `Refused`: the request is not one that Sarvam would accept."""
    raise Refused(refusal(status, call, message))


def admit(call: Call) -> None:
    """Lets a request with a good key pass. Raises `Refused`: with 403, whatever is wrong with the key."""
    key = call.header("api-subscription-key")
    if not key:
        offered = call.header("sec-websocket-protocol")
        key = offered.removeprefix(PREFIX) if offered.startswith(PREFIX) else ""
    match verdict(key):
        case "missing" | "invalid" | "forbidden":
            raise Refused(refusal(403, call, "Invalid or missing API key."))
        case "noquota":
            raise Refused(_refusal(429, call, "insufficient_quota_error", "No credits left."))
        case "good":
            return


def known(call: Call, names: Iterable[str]) -> None:
    """Refuses parameters that are not Sarvam's. Raises `Refused`."""
    for name in call.query:
        if name not in names:
            refuse(call, f"Unknown query parameter: {name}", status=422)


def answer(call: Call, document: Any) -> Response:
    return Response(200, headers(call), encode(document))


def switching(call: Call) -> list[tuple[str, str]]:
    """What comes with an accepted handshake."""
    return [("x-request-id", identity(call))]


def dictionaries(call: Call) -> Response:
    """GET /text-to-speech/pronunciation-dictionary. Raises `Refused`."""
    admit(call)
    return answer(call, {"dictionaries": [], "dictionary_count": 0})
