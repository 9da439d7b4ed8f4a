"""Exotel's keys, refusals and names (developer.exotel.com/docs/references/error-codes)."""

from base64 import b64decode
from binascii import Error
from datetime import UTC, datetime, timedelta, timezone
from typing import NoReturn

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import verdict

INDIA = timezone(timedelta(hours=5, minutes=30))
_WORDS = {
    401: "Authentication failed",
    402: "Your account does not have enough credits",
    403: "The account is not allowed to do this",
    404: "The requested resource was not found",
    429: "Rate limit exceeded: no more than 200 calls a minute",
    500: "Internal server error",
    503: "Service unavailable",
}


def sid(number: int) -> str:
    """A call's name: 32 hexadecimal digits."""
    return f"{0xE0 << 120 | number:032x}"


def stamp(at: float) -> str:
    """A time by the clock in India, without its zone."""
    return datetime.fromtimestamp(at, UTC).astimezone(INDIA).strftime("%Y-%m-%d %H:%M:%S")


def national(number: str) -> str:
    """A number as Exotel writes it: India's with a 0 before it."""
    return f"0{number.removeprefix('+91')}" if number.startswith("+91") else number


def headers(call: Call) -> list[tuple[str, str]]:
    return [("content-type", JSON)]


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Exotel says with a status."""
    said = words or _WORDS.get(status, "The request is not valid")
    return Response(status, headers(call), encode({"RestException": {"Status": status, "Message": said}}))


def refuse(call: Call, words: str, status: int = 400) -> NoReturn:
    """Raises `Refused`: not a request that Exotel would accept."""
    raise Refused(refusal(status, call, words))


def admit(call: Call, tokens: dict[str, str]) -> str:
    """Lets a request with a good API key and token pass; the token. Raises `Refused`.

    The token that comes first with a key is the key's.
    """
    scheme, _, given = call.header("authorization").partition(" ")
    try:
        key, _, token = b64decode(given, validate=True).decode().partition(":")
    except (Error, UnicodeDecodeError):
        key, token = "", ""
    if scheme.lower() != "basic" or not key:
        raise Refused(refusal(401, call))
    match verdict(token):
        case "missing" | "invalid":
            raise Refused(refusal(401, call))
        case "forbidden":
            raise Refused(refusal(403, call))
    if tokens.setdefault(key, token) != token:
        raise Refused(refusal(401, call))
    return token
