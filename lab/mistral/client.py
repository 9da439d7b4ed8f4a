"""Mistral's keys, headers and its several shapes of a refusal (docs.mistral.ai/api)."""

from typing import Any, NoReturn

import msgspec

from lab.http import JSON, SSE, Call, Refused, Response, encode
from lab.keys import bearer, verdict

_WORDS = {
    400: ("invalid_request_error", "Bad request", "1800"),
    404: ("not_found_error", "Not found", "1900"),
    429: ("service_tier_capacity_exceeded", "Service tier capacity exceeded for this model.", "3505"),
    500: ("internal_server_error", "Service unavailable.", "3000"),
    503: ("unreachable_backend", "Service unavailable.", "1100"),
}
# What the gateway in front says by itself, without the service behind it.
_GATEWAY = {
    401: {"detail": "Unauthorized"},
    402: {"detail": "Payment required: check your subscription."},
    403: {"detail": "Forbidden"},
    413: {"message": "Request size limit exceeded"},
    502: {"message": "An invalid response was received from the upstream server"},
    504: {"message": "The upstream server is timing out"},
}


def headers(call: Call, kind: str = JSON) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [
        ("content-type", kind),
        ("mistral-correlation-id", request_id(call)),
        ("x-kong-request-id", request_id(call)),
        ("x-ratelimit-limit-req-minute", "300"),
        ("x-ratelimit-remaining-req-minute", "299"),
        ("x-ratelimit-limit-tokens-minute", "2000000"),
        ("x-ratelimit-remaining-tokens-minute", "1999900"),
    ]


def stream_headers(call: Call) -> list[tuple[str, str]]:
    """What comes with a stream."""
    return headers(call, SSE)


def request_id(call: Call) -> str:
    """The request's id."""
    return f"01a01a75-0000-7000-8000-{call.serial:012x}"


def answer(call: Call, document: Any) -> Response:
    """A good answer."""
    return Response(200, headers(call), encode(document))


def error(call: Call, status: int, document: Any) -> Response:
    """A refusal, whatever its shape."""
    return Response(status, headers(call), encode(document))


def refuse(call: Call, message: str, kind: str, code: str | None, *, status: int = 400) -> NoReturn:
    """Raises `Refused` in the service's own shape."""
    raise Refused(error(call, status, _said(status, message, kind, code)))


def invalid(call: Call, found: list[dict[str, Any]], *, plain: bool = False) -> NoReturn:
    """Raises `Refused` with 422 and the validator's findings; chat wraps them once more than other routes."""
    if plain:
        raise Refused(error(call, 422, {"detail": found}))
    raise Refused(error(call, 422, _said(422, {"detail": found}, "invalid_request_error", None)))


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Mistral says with a status, or `words` in its shape."""
    if status == 404 and not call.model and not words:
        return error(call, 404, {"message": "no Route matched with those values"})
    if status in _GATEWAY:
        document = dict(_GATEWAY[status])
        if words:
            document[next(iter(document))] = words
        return error(call, status, document)
    default = ("invalid_request_error", "Bad request", None) if status < 500 else _WORDS[500]
    kind, message, code = _WORDS.get(status, default)
    return error(call, status, _said(status, words or message, kind, code))


def _said(status: int, message: Any, kind: str, code: str | None) -> dict[str, Any]:
    return {
        "object": "error",
        "message": message,
        "type": kind,
        "param": None,
        "code": code,
        "raw_status_code": status,
    }


def admit(call: Call) -> None:
    """Lets a request with a good key pass. Raises `Refused`."""
    match verdict(bearer(call)):
        case "missing":
            message = {"message": "No API key found in request", "request_id": request_id(call)}
            response = error(call, 401, message)
            response.headers.append(("www-authenticate", "Key"))
            raise Refused(response)
        case "invalid":
            raise Refused(error(call, 401, {"detail": "Invalid API Key"}))
        case "forbidden":
            raise Refused(refusal(403, call))
        case "noquota":
            raise Refused(refusal(402, call))
        case "good":
            return


def document(call: Call) -> dict[str, Any]:
    """The request's JSON object. Raises `Refused`."""
    try:
        body = call.json()
    except msgspec.DecodeError:
        invalid(call, [{"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error", "input": {}}])
    if not isinstance(body, dict):
        message = "Input should be a valid dictionary or object to extract fields from"
        invalid(call, [{"type": "model_attributes_type", "loc": ["body"], "msg": message, "input": body}])
    return body
