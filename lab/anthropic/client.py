"""Anthropic's keys, versions, headers and refusals (platform.claude.com/docs/en/api/errors)."""

from typing import Any, NoReturn

import msgspec

from lab.http import JSON, SSE, Call, Refused, Response, encode
from lab.keys import bearer, verdict

OLD = "2023-06-01"
NEW = "2026-10-21"
BODY_LIMIT = 32 * 1024 * 1024
_RESET = "2026-11-18T12:00:00Z"
_WORDS = {
    400: ("invalid_request_error", "The request is not valid."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the Anthropic API."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    409: ("conflict_error", "The resource was changed by another request."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your rate limit. Please try again later."),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}


def headers(call: Call, kind: str = JSON) -> list[tuple[str, str]]:
    """What comes with every answer."""
    found = [
        ("content-type", kind),
        ("request-id", request_id(call)),
        ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
    ]
    for what, limit in (("requests", 10_000), ("input-tokens", 4_000_000), ("output-tokens", 800_000)):
        found.append((f"anthropic-ratelimit-{what}-limit", str(limit)))
        found.append((f"anthropic-ratelimit-{what}-remaining", str(limit - 1)))
        found.append((f"anthropic-ratelimit-{what}-reset", _RESET))
    return found


def stream_headers(call: Call) -> list[tuple[str, str]]:
    """What comes with a stream."""
    return [*headers(call, SSE), ("cache-control", "no-cache")]


def request_id(call: Call) -> str:
    """The request's id, in the header and in errors."""
    return f"req_011C{call.serial:020d}"


def answer(call: Call, document: Any) -> Response:
    """A good answer."""
    return Response(200, headers(call), encode(document))


def error(call: Call, status: int, kind: str, message: str) -> Response:
    """A refusal in Anthropic's shape. Only what may pass by itself is worth another try."""
    document = {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": request_id(call),
    }
    again = status in (408, 409, 429) or status >= 500
    return Response(
        status, [*headers(call), ("x-should-retry", "true" if again else "false")], encode(document)
    )


def refuse(call: Call, message: str, *, status: int = 400) -> NoReturn:
    """Raises `Refused`: the request is not one Anthropic would accept."""
    raise Refused(error(call, status, _WORDS[status][0], message))


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Anthropic says with a status, or `words` in its shape."""
    default = ("invalid_request_error", "The request failed.") if status < 500 else ("api_error", "Error")
    kind, message = _WORDS.get(status, default)
    return error(call, status, kind, words or message)


def admit(call: Call) -> str:
    """Lets a request with a good key pass; the API version it speaks. Raises `Refused`."""
    key = call.header("x-api-key") or bearer(call)
    version = call.header("anthropic-version")
    match verdict(key):
        case "missing":
            refuse(call, "x-api-key header is required", status=401)
        case "invalid":
            refuse(call, "invalid x-api-key", status=401)
        case "forbidden":
            refuse(call, _WORDS[403][1], status=403)
        case "noquota":
            message = f"{_WORDS[402][1]} Please go to Plans & Billing to upgrade or purchase credits."
            # Low balance was a bad request before it had a type of its own.
            refuse(call, message, status=400 if version == OLD else 402)
        case "good":
            pass
    if not version:
        refuse(call, "anthropic-version: header is required")
    if version not in (OLD, NEW):
        refuse(call, f'anthropic-version: "{version}" is not a valid version')
    return version


def document(call: Call) -> dict[str, Any]:
    """The request's JSON object. Raises `Refused`."""
    if len(call.body) > BODY_LIMIT:
        refuse(call, "Request exceeds the maximum size", status=413)
    try:
        body = call.json()
    except msgspec.DecodeError as fault:
        refuse(call, f"The request body is not valid JSON: {fault}")
    if not isinstance(body, dict):
        refuse(call, "Input should be an object")
    return body
