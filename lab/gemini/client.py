"""Gemini's keys, headers and refusals (ai.google.dev/gemini-api/docs/troubleshooting)."""

from typing import Any, NoReturn

import msgspec

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import verdict

PROJECT = "123456789012"
_RPC = "type.googleapis.com/google.rpc."
_QUOTA = "You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
WORDS: dict[int, tuple[str, str]] = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential."),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "Requested entity was not found."),
    409: ("ABORTED", "The operation was aborted."),
    413: ("INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
    429: ("RESOURCE_EXHAUSTED", _QUOTA),
    499: ("CANCELLED", "The operation was cancelled."),
    500: ("INTERNAL", "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting"),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "The request timed out. Please try again."),
}  # fmt: skip


def headers(call: Call, kind: str = f"{JSON}; charset=UTF-8") -> list[tuple[str, str]]:
    """What comes with every answer: nothing in it names the request."""
    return [
        ("content-type", kind),
        ("vary", "Origin, X-Origin, Referer"),
        ("server", "scaffolding on HTTPServer2"),
        ("x-content-type-options", "nosniff"),
        ("server-timing", "gfet4t7; dur=42"),
    ]


def stream_headers(call: Call) -> list[tuple[str, str]]:
    """What comes with a stream of server-sent events."""
    return [*headers(call, "text/event-stream"), ("content-disposition", "attachment")]


def answer(call: Call, document: Any) -> Response:
    """A good answer."""
    return Response(200, headers(call), encode(document))


def info(reason: str, service: str = "generativelanguage.googleapis.com") -> dict[str, Any]:
    """The detail of a refusal that gives its reason a name."""
    named = {"@type": f"{_RPC}ErrorInfo", "reason": reason, "domain": "googleapis.com"}
    return {**named, "metadata": {"service": service}}


def limits(quota: str, delay: str) -> list[dict[str, Any]]:
    """The details of a refusal for want of quota: which, and when to come back."""
    return [
        {"@type": f"{_RPC}QuotaFailure", "violations": [{"quotaId": quota, "quotaValue": "10"}]},
        {"@type": f"{_RPC}Help", "links": [{"description": "Learn more", "url": "https://ai.google.dev/"}]},
        {"@type": f"{_RPC}RetryInfo", "retryDelay": delay},
    ]


def said(status: int, message: str, details: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A refusal in Google's shape."""
    word = WORDS.get(status, ("UNKNOWN", ""))[0]
    error: dict[str, Any] = {"code": status, "message": message, "status": word}
    return {"error": {**error, "details": details} if details else error}


def refuse(
    call: Call, message: str, *, status: int = 400, details: list[dict[str, Any]] | None = None
) -> NoReturn:
    """Raises `Refused`: the request is not one Google would accept."""
    raise Refused(Response(status, headers(call), encode(said(status, message, details))))


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Google says with a status, or `words` in its shape."""
    message = words or WORDS.get(status, ("", "The request failed."))[1]
    details = limits("GenerateRequestsPerMinutePerProjectPerModel", "0.25s") if status == 429 else None
    return Response(status, headers(call), encode(said(status, message, details)))


def admit(call: Call) -> None:
    """Lets a request with a good key pass. Raises `Refused`."""
    key = call.header("x-goog-api-key") or call.query.get("key", "")
    match verdict(key.strip()):
        case "missing":
            words = "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API."
            refuse(call, words, status=403)
        case "invalid":
            words = "API key not valid. Please pass a valid API key."
            local = {"@type": f"{_RPC}LocalizedMessage", "locale": "en-US", "message": words}
            refuse(call, words, details=[info("API_KEY_INVALID"), local])
        case "forbidden":
            words = f"Generative Language API has not been used in project {PROJECT} before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/generativelanguage.googleapis.com/overview?project={PROJECT} then retry."
            refuse(call, words, status=403, details=[info("SERVICE_DISABLED")])
        case "noquota":
            details = limits("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "51.2s")
            refuse(call, _QUOTA, status=429, details=details)
        case "good":
            return


def document(call: Call) -> Any:
    """The request's JSON. Raises `Refused`."""
    try:
        return call.json()
    except msgspec.DecodeError as fault:
        refuse(call, f"Invalid JSON payload received. {fault}")


def no_model(call: Call, method: str) -> NoReturn:
    """Raises `Refused`: nobody knows that model."""
    version = call.path.split("/")[1]
    refuse(
        call,
        f"models/{call.model} is not found for API version {version}, or is not supported for {method}. Call ListModels to see the list of available models and their supported methods.",
        status=404,
    )
