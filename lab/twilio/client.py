"""Twilio's keys, refusals and signatures (www.twilio.com/docs/usage/security, /docs/api/errors)."""

import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from typing import NoReturn

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import verdict

ANY = "lab-auth-token"
"""The auth token of an account that nobody has asked for yet."""
_WORDS = {
    401: (20003, "Authenticate"),
    403: (20006, "Access Denied"),
    404: (20404, "The requested resource {path} was not found"),
    429: (20429, "Too Many Requests"),
    500: (20500, "Internal Server Error"),
    503: (20503, "Service Unavailable"),
}


def sid(kind: str, number: int) -> str:
    """A name of Twilio's: two letters and 32 hexadecimal digits."""
    return f"{kind}{number:032x}"


def number(name: str) -> int:
    """The number in a name."""
    return int(name.lstrip("ACMZREN"), 16)


def headers(call: Call) -> list[tuple[str, str]]:
    return [("content-type", JSON), ("twilio-request-id", sid("RQ", call.serial))]


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Twilio says with a status."""
    code, said = _WORDS.get(status, (20001, "The request failed."))
    return refused(status, call, code, words or said.format(path=call.path))


def refused(status: int, call: Call, code: int, words: str) -> Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": words, "more_info": more, "status": status}
    return Response(status, headers(call), encode(body))


def refuse(call: Call, code: int, words: str, status: int = 400) -> NoReturn:
    """Raises `Refused`: not a request that Twilio would accept."""
    raise Refused(refused(status, call, code, words))


def admit(call: Call, tokens: dict[str, str]) -> str:
    """Lets a request with a good key pass; who signed it: the account's SID, or an API key's. Raises `Refused`.

    The token that an account's first good request is signed by is the account's.
    """
    scheme, _, given = call.header("authorization").partition(" ")
    try:
        user, _, secret = b64decode(given, validate=True).decode().partition(":")
    except (Error, UnicodeDecodeError):
        user, secret = "", ""
    account = call.params["account"]
    if scheme.lower() != "basic" or not (user == account or user.startswith("SK")):
        raise Refused(refusal(401, call))
    match verdict(secret):
        case "missing" | "invalid":
            raise Refused(refusal(401, call))
        case "forbidden":
            raise Refused(refusal(403, call))
    if user == account and tokens.setdefault(account, secret) != secret:
        raise Refused(refusal(401, call))
    return user


def signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """X-Twilio-Signature (www.twilio.com/docs/usage/webhooks/webhooks-security)."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()
