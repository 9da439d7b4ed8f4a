"""Google's keys, headers and refusals for its speech services (cloud.google.com/apis/design/errors)."""

from typing import Any, NoReturn

from lab.gemini.client import info, said
from lab.gemini.client import refusal as gemini_refusal
from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import bearer, verdict

SERVICE = "speech.googleapis.com"


def headers(call: Call) -> list[tuple[str, str]]:
    """What comes with every answer: nothing in it names the request."""
    return [("content-type", f"{JSON}; charset=UTF-8"), ("server", "ESF")]


def answer(call: Call, document: Any) -> Response:
    return Response(200, headers(call), encode(document))


def refuse(call: Call, message: str, *, status: int = 400, reason: str = "") -> NoReturn:
    """Raises `Refused`: the request is not one Google would accept."""
    details = [info(reason, SERVICE)] if reason else None
    raise Refused(Response(status, headers(call), encode(said(status, message, details))))


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Google says with a status."""
    return gemini_refusal(status, call, words)


def admit(call: Call) -> None:
    """Lets a request with a good key or token pass. Raises `Refused`."""
    match verdict(call.header("x-goog-api-key") or bearer(call)):
        case "missing":
            refuse(call, "The request is missing a valid API key.", status=403, reason="CREDENTIALS_MISSING")
        case "invalid":
            refuse(call, "API key not valid. Please pass a valid API key.", reason="API_KEY_INVALID")
        case "forbidden":
            refuse(call, "Cloud Speech-to-Text API has not been used in this project before or it is disabled.",
                   status=403, reason="SERVICE_DISABLED")  # fmt: skip
        case "noquota":
            raise Refused(refusal(429, call))
        case "good":
            return


def recognizers(call: Call) -> Response:
    """GET …/recognizers. Raises `Refused`."""
    admit(call)
    return answer(call, {})
