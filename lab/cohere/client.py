"""Cohere's keys, headers and refusals: an id and a sentence (docs.cohere.com/reference/errors)."""

from typing import Any, NoReturn

import msgspec

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import bearer, verdict

_WORDS = {
    400: "invalid request",
    401: "invalid api token",
    402: "Please add or update your payment method at https://dashboard.cohere.com/billing?tab=payment to continue",
    403: "you are not allowed to use this resource",
    404: "not found",
    422: "unprocessable entity",
    429: "You are using a Trial key, which is limited to 20 API calls / minute.",
    498: "invalid token",
    499: "request cancelled by user",
    501: "not implemented",
}
_PLAIN = {
    500: "internal server error",
    502: "bad gateway",
    503: "no healthy upstream",
    504: "upstream request timeout",
}


def headers(call: Call, kind: str = JSON) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [
        ("content-type", kind),
        ("access-control-expose-headers", "X-Debug-Trace-ID"),
        ("x-debug-trace-id", f"{call.serial:032x}"),
        ("x-endpoint-monthly-call-limit", "1000"),
        ("x-trial-endpoint-call-limit", "20"),
        ("x-trial-endpoint-call-remaining", "19"),
    ]


def stream_headers(call: Call) -> list[tuple[str, str]]:
    """What comes with a stream."""
    return headers(call, "text/event-stream")


def answer(call: Call, document: Any) -> Response:
    """A good answer."""
    return Response(200, headers(call), encode(document))


def identity(call: Call) -> str:
    """The answer's id."""
    return f"01c0e7e0-0000-4000-8000-{call.serial:012x}"


def refuse(call: Call, message: str, *, status: int = 400) -> NoReturn:
    """Raises `Refused`: the request is not one that Cohere would accept."""
    raise Refused(_said(call, status, message))


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Cohere says with a status, or `words` in its shape; what stands before it says it plainly."""
    if status in _PLAIN and not words:
        response = Response(status, headers(call, "text/plain"), _PLAIN[status].encode())
    else:
        response = _said(call, status, words or _WORDS.get(status, "the request failed"))
    return response


def _said(call: Call, status: int, message: str) -> Response:
    return Response(status, headers(call), encode({"id": identity(call), "message": message}))


def admit(call: Call) -> None:
    """Lets a request with a good key pass. Raises `Refused`."""
    match verdict(bearer(call)):
        case "missing":
            refuse(call, "no api key supplied", status=401)
        case "invalid":
            raise Refused(refusal(401, call))
        case "forbidden":
            raise Refused(refusal(403, call))
        case "noquota":
            raise Refused(refusal(402, call))
        case "good":
            return


def check_key(call: Call) -> Response:
    """POST /v1/check-api-key. Raises `Refused`."""
    admit(call)
    return answer(call, {"valid": True, "organization_id": "lab-organization", "owner_id": "lab-owner"})


def document(call: Call) -> dict[str, Any]:
    """The request's JSON object. Raises `Refused`."""
    try:
        body = call.json()
    except msgspec.DecodeError:
        refuse(call, "invalid request: the body is not valid JSON")
    if not isinstance(body, dict):
        refuse(call, "invalid request: expected an object")
    return body


def known(call: Call, body: dict[str, Any], fields: frozenset[str], where: str = "") -> None:
    """Refuses fields that are not Cohere's. Raises `Refused`."""
    for name in body:
        if name not in fields:
            refuse(
                call,
                f"invalid request: unknown field: parameter '{where}{name}' is not a valid field",
                status=422,
            )


def text(call: Call, body: dict[str, Any], name: str, where: str = "") -> str:
    """A text that has to be there. Raises `Refused`."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        refuse(call, f"invalid request: {where}{name} must be specified as a non-empty string")
    return value


def between(call: Call, body: dict[str, Any], name: str, least: float, most: float) -> None:
    """Refuses a number out of bounds. Raises `Refused`."""
    value = body.get(name)
    if value is None:
        return
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        refuse(call, f"invalid request: {name} must be between {least:g} and {most:g} inclusive.")


def one_of(call: Call, value: Any, choices: tuple[str, ...], name: str) -> None:
    """Refuses a word that is none of these. Raises `Refused`."""
    if value not in choices:
        refuse(call, f"invalid request: {name} must be one of {', '.join(choices)}; received {value!r}")


def no_model(call: Call, model: str) -> NoReturn:
    """Raises `Refused`: nobody knows that model."""
    refuse(
        call,
        f"model '{model}' not found, make sure the correct model ID was used and that you have access to the model.",
        status=404,
    )
