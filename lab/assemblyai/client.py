"""AssemblyAI's keys and refusals (assemblyai.com/docs/api-reference/overview). Its hosts are one here."""

from typing import Any, NoReturn

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import verdict

_WORDS = {
    401: "Authentication error, API token missing/invalid",
    402: "Your current account balance is negative. Please top up to continue using the API.",
    403: "Your account does not have access to this.",
    404: "Transcript lookup error, transcript id not found",
    429: "Too many requests",
}
_TITLES = {400: "Bad Request", 401: "Unauthorized", 413: "Audio Too Large", 415: "Unsupported Media Type"}


def identity(call: Call) -> str:
    return f"aa000000-0000-4000-8000-{call.serial:012x}"


def headers(call: Call, kind: str = JSON) -> list[tuple[str, str]]:
    return [("content-type", kind), ("x-request-id", identity(call))]


def stream_headers(call: Call) -> list[tuple[str, str]]:
    return headers(call)


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What AssemblyAI says with a status; the service for short recordings says it as RFC 9457 wants it."""
    said = words or _WORDS.get(status, "The request failed.")
    document: dict[str, Any] = {"error": said}
    if call.path.startswith("/v1/"):
        document = {"status": status, "title": _TITLES.get(status, "Request Failed"), "detail": said}
    return Response(status, headers(call), encode(document))


def refuse(call: Call, message: str = "", *, status: int = 400) -> NoReturn:
    """Raises `Refused`: the request is not one that AssemblyAI would accept."""
    raise Refused(refusal(status, call, message))


def admit(call: Call) -> None:
    """Lets a request with a good key pass: the header is the key and nothing else. Raises `Refused`."""
    key = call.header("authorization")
    match verdict("" if " " in key else key):
        case "missing" | "invalid":
            refuse(call, status=401)
        case "forbidden":
            refuse(call, status=403)
        case "noquota":
            refuse(call, status=402)
        case "good":
            return


def answer(call: Call, document: Any) -> Response:
    return Response(200, headers(call), encode(document))
