"""Azure Speech's keys, headers and refusals (learn.microsoft.com/azure/ai-services/speech-service/rest-speech-to-text)."""

import re
from typing import Any, NoReturn

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import bearer, verdict

_WORDS = {
    401: "Access denied due to invalid subscription key or wrong API endpoint.",
    403: "Out of call volume quota.",
    429: "Requests to the Speech API have exceeded the rate limit.",
}
LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z]+)*-[A-Z0-9]{2,3}")


def identity(call: Call) -> str:
    return f"{call.serial:032x}"


def headers(call: Call, kind: str = JSON) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [("content-type", kind), ("x-requestid", identity(call))]


def stream_headers(call: Call) -> list[tuple[str, str]]:
    return headers(call, "audio/wav")


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What the gateway says with a status."""
    said = words or _WORDS.get(status, "The request failed.")
    return Response(status, headers(call), encode({"error": {"code": str(status), "message": said}}))


def refuse(call: Call, message: str, *, status: int = 400) -> NoReturn:
    """Raises `Refused`: the request is not one that Azure would accept."""
    raise Refused(refusal(status, call, message))


def admit(call: Call) -> None:
    """Lets a request with a good key pass. Raises `Refused`."""
    match verdict(call.header("ocp-apim-subscription-key") or bearer(call)):
        case "missing" | "invalid":
            raise Refused(refusal(401, call))
        case "forbidden" | "noquota":
            raise Refused(refusal(403, call))
        case "good":
            return


def answer(call: Call, document: Any) -> Response:
    return Response(200, headers(call), encode(document))


def switching(call: Call) -> list[tuple[str, str]]:
    """What comes with an accepted handshake."""
    return [("x-requestid", identity(call))]
