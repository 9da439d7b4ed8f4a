"""OpenAI's keys, headers and refusals (platform.openai.com/docs/guides/error-codes)."""

from typing import Any, NoReturn

import msgspec

from lab.http import JSON, SSE, Call, Refused, Response, encode
from lab.keys import bearer, verdict

_KEYS_PAGE = "You can find your API key at https://platform.openai.com/account/api-keys."
_WORDS: dict[int, tuple[str, str, str | None]] = {
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    403: ("You are not allowed to do this with this project's key.", "invalid_request_error", None),
    404: ("Invalid URL.", "invalid_request_error", None),
    408: ("The request timed out.", "invalid_request_error", "timeout"),
    409: ("The resource was changed by another request.", "invalid_request_error", None),
    413: ("The request is too large.", "invalid_request_error", None),
    429: ("Rate limit reached for requests. Please try again later.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request. Sorry about that!", "server_error", None),
    502: ("Bad gateway.", "server_error", None),
    503: ("The engine is currently overloaded, please try again later.", "server_error", "overloaded"),
}


def headers(call: Call, kind: str = JSON) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [
        ("content-type", kind),
        ("openai-version", "2020-10-01"),
        ("openai-organization", "lab"),
        ("openai-processing-ms", "12"),
        ("x-request-id", f"req_{call.serial:032x}"),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-limit-tokens", "2000000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-remaining-tokens", "1999990"),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-ratelimit-reset-tokens", "0s"),
    ]


def stream_headers(call: Call) -> list[tuple[str, str]]:
    """What comes with a stream."""
    return headers(call, SSE)


def answer(call: Call, document: Any) -> Response:
    """A good answer."""
    return Response(200, headers(call), encode(document))


def error(
    call: Call,
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    type: str = "invalid_request_error",
) -> Response:
    """A refusal in OpenAI's shape."""
    body = {"error": {"message": message, "type": type, "param": param, "code": code}}
    return Response(status, headers(call), encode(body))


def refuse(
    call: Call, message: str, *, param: str | None = None, code: str | None = None, status: int = 400
) -> NoReturn:
    """Raises `Refused`: the request is not one OpenAI would accept."""
    raise Refused(error(call, status, message, param=param, code=code))


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What OpenAI says with a status, or `words` in its shape."""
    if status == 404 and not call.model and not words:
        return error(call, 404, f"Invalid URL ({call.method} {call.path})")
    message, kind, code = _WORDS.get(
        status, ("The request failed.", "server_error" if status >= 500 else "invalid_request_error", None)
    )
    response = error(call, status, words or message, code=code, type=kind)
    if status == 401:
        response.headers.append(("www-authenticate", 'Bearer realm="OpenAI API"'))
    return response


def admit(call: Call) -> None:
    """Lets a request with a good key pass. Raises `Refused`."""
    key = bearer(call)
    match verdict(key):
        case "missing":
            refuse(
                call,
                "You didn't provide an API key. You need to provide your API key in an Authorization header "
                f"using Bearer auth (i.e. Authorization: Bearer YOUR_KEY). {_KEYS_PAGE}",
                status=401,
            )
        case "invalid":
            hidden = f"{key[:8]}{'*' * 4}{key[-4:]}"
            message = f"Incorrect API key provided: {hidden}. {_KEYS_PAGE}"
            raise Refused(error(call, 401, message, code="invalid_api_key"))
        case "forbidden":
            refuse(call, "You have insufficient permissions for this operation.", status=403)
        case "noquota":
            raise Refused(
                error(
                    call,
                    429,
                    "You exceeded your current quota, please check your plan and billing details.",
                    type="insufficient_quota",
                    code="insufficient_quota",
                )
            )
        case "good":
            return


def document(call: Call) -> dict[str, Any]:
    """The request's JSON object. Raises `Refused`."""
    try:
        body = call.json()
    except msgspec.DecodeError:
        refuse(call, "We could not parse the JSON body of your request. (HINT: send it as valid JSON.)")
    if not isinstance(body, dict):
        refuse(call, f"Invalid type: expected an object, but got {described(body)} instead.")
    return body


def described(value: Any) -> str:
    """A JSON value's type, with its article."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case list():
            return "an array"
        case _:
            return "an object"
