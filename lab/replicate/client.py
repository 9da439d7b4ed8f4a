"""Replicate's keys, headers and refusals: problems with a title and a detail (replicate.com/docs/reference/http)."""

from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import bearer, verdict

_PROBLEM = "application/problem+json"
_TITLES = {
    400: ("Bad Request", "The request is malformed."),
    401: ("Unauthenticated", "You did not pass a valid authentication token"),
    402: ("Insufficient credit", "You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing to purchase credit."),
    403: ("Permission Denied", "You do not have permission to perform this action."),
    404: ("Not Found", "The requested resource could not be found."),
    429: ("Too Many Requests", "Request was throttled. Your rate limit resets in ~30s."),
    500: ("Internal Server Error", "An internal server error occurred."),
    503: ("Service Unavailable", "The service is temporarily unavailable."),
}  # fmt: skip


def headers(call: Call, kind: str = JSON) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [
        ("content-type", kind),
        ("cf-ray", f"{call.serial:016x}-LAB"),
        ("ratelimit-remaining", "599"),
        ("ratelimit-reset", "1"),
    ]


def stream_headers(call: Call) -> list[tuple[str, str]]:
    """What comes with a stream."""
    return headers(call, "text/event-stream")


def answer(call: Call, document: Any, *, status: int = 200) -> Response:
    """A good answer."""
    return Response(status, headers(call), encode(document))


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Replicate says with a status, or `words` as its detail."""
    title, detail = _TITLES.get(status, ("Error", "The request failed."))
    return _problem(call, status, {"title": title, "detail": words or detail, "status": status})


def invalid(call: Call, fields: Sequence[tuple[str, str, str]]) -> NoReturn:
    """Raises `Refused`: each input at fault with its type, its field and a description."""
    listed = [{"type": kind, "field": field, "description": words} for kind, field, words in fields]
    detail = "".join(f"- {field}{': ' if field else ''}{words}\n" for _, field, words in fields)
    said = {"title": "Input validation failed", "detail": detail, "status": 422, "invalid_fields": listed}
    raise Refused(_problem(call, 422, said))


def missing(call: Call) -> NoReturn:
    """Raises `Refused`: there is no such thing."""
    raise Refused(refusal(404, call))


def _problem(call: Call, status: int, said: dict[str, Any]) -> Response:
    return Response(status, headers(call, _PROBLEM), encode(said))


def admit(call: Call) -> None:
    """Lets a request with a good key pass. Raises `Refused`."""
    status = {"missing": 401, "invalid": 401, "forbidden": 403, "noquota": 402}.get(verdict(bearer(call)))
    if status is not None:
        raise Refused(refusal(status, call))


def document(call: Call) -> dict[str, Any]:
    """The request's JSON object. Raises `Refused`."""
    try:
        body = call.json()
    except msgspec.DecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refused(refusal(400, call, "Request body is not a valid JSON object"))
    return body


def account(call: Call) -> Response:
    """GET /v1/account. Raises `Refused`."""
    admit(call)
    return answer(
        call,
        {"type": "organization", "username": "lab", "name": "Lab", "github_url": "https://github.com/lab"},
    )
