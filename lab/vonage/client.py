"""Vonage's keys, refusals and signatures (developer.vonage.com/en/getting-started/concepts/authentication and /webhooks).

What its refusals say is derived from documentation: the API's description names statuses, and few words.
"""

import hashlib
import hmac
import json
import time
import uuid
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Mapping
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import bearer, verdict

ANY = "lab-signature-secret"
"""Signs the webhooks of an application that was given none."""
ANY_API_KEY = "a1b2c3d4"
"""Whose account an application is that was given none."""
PUBLIC_KEY, API_KEY = "/public_key", "/api_key"
"""What follows an application's ID in `Carrier.tokens`, where the ID alone stands for its signature secret."""
LONGEST_SECONDS = 24 * 3600
"""How long a token may be good for; without `exp` it is for 15 minutes."""
USUAL_SECONDS = 15 * 60
SKEW_SECONDS = 60
_PROBLEMS = "https://developer.vonage.com/api-errors"
_WORDS = {
    400: ("#invalid-params", "Bad Request", "The request has parameters that are not valid."),
    403: ("#forbidden", "Forbidden", "Your account does not have permission to perform this action."),
    429: ("#throttled", "Rate Limit Hit", "You have exceeded the calls per second of your account."),
    500: ("#internal-error", "Internal Error", "There was an error in our system."),
    503: ("#unavailable", "Service Unavailable", "The service can not be reached for now."),
}
_LEGACY = {401: ("UNAUTHORIZED", "Unauthorized"), 404: ("NOT_FOUND", "Not Found")}
"""Refusals of the Voice API that are written in its own, older way."""


def trace(call: Call) -> str:
    return f"{call.serial:032x}"


def headers(call: Call) -> list[tuple[str, str]]:
    return [("content-type", JSON), ("x-nexmo-trace-id", trace(call))]


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Vonage says with a status."""
    if call.path.startswith("/account/"):
        said: dict[str, Any] = {
            "error-code": str(status),
            "error-code-label": words or "authentication failed",
        }
    elif status in _LEGACY and not words:
        kind, title = _LEGACY[status]
        said = {"type": kind, "error_title": title}
    else:
        anchor, title, detail = _WORDS.get(status, _WORDS[500])
        said = {
            "type": _PROBLEMS + anchor,
            "title": title,
            "detail": words or detail,
            "instance": trace(call),
        }
    return Response(status, headers(call), encode(said))


def refuse(call: Call, name: str, reason: str) -> NoReturn:
    """Raises `Refused`: not a request that Vonage would accept."""
    anchor, title, detail = _WORDS[400]
    said = {
        "type": _PROBLEMS + anchor, "title": title, "detail": detail, "instance": trace(call),
        "invalid_parameters": [{"name": name, "reason": reason}],
    }  # fmt: skip
    raise Refused(Response(400, headers(call), encode(said)))


def refuse_for_money(call: Call) -> NoReturn:
    """Raises `Refused`: the account's balance is too low."""
    words = "This request could not be performed due to your account balance being low."
    said = {
        "type": f"{_PROBLEMS}#low-balance",
        "title": "Low balance",
        "detail": words,
        "instance": trace(call),
    }
    raise Refused(Response(429, headers(call), encode(said)))


def application(call: Call, tokens: Mapping[str, str]) -> str:
    """Which application a request is from, by its token. Raises `Refused`.

    A token's signature is checked where the application's public key is known: `{id}/public_key` of `tokens`.
    """
    try:
        claims = _claims(bearer(call), tokens)
    except (ValueError, KeyError, TypeError, InvalidSignature):
        raise Refused(refusal(401, call)) from None
    name: str = claims["application_id"]
    match verdict(name):
        case "missing" | "invalid":
            raise Refused(refusal(401, call))
        case "forbidden":
            raise Refused(refusal(403, call))
    return name


def _claims(token: str, tokens: Mapping[str, str]) -> dict[str, Any]:
    """What a token says. Raises `ValueError`, `KeyError`, `TypeError` or `InvalidSignature` unless it is good now."""
    head, body, signature = token.split(".")
    if json.loads(_decoded(head)).get("alg") != "RS256":
        raise ValueError("another algorithm")
    claims = json.loads(_decoded(body))
    now, issued = time.time(), claims["iat"]
    ends = claims.get("exp", issued + USUAL_SECONDS)
    if not isinstance(claims["jti"], str) or not isinstance(claims["application_id"], str):
        raise TypeError("claims of another kind")
    if issued > now + SKEW_SECONDS or not now < ends <= issued + LONGEST_SECONDS:
        raise ValueError("not good now")
    pem = tokens.get(claims["application_id"] + PUBLIC_KEY)
    if pem is not None:
        key = load_pem_public_key(pem.encode())
        assert isinstance(key, RSAPublicKey)
        key.verify(_decoded(signature), f"{head}.{body}".encode(), PKCS1v15(), SHA256())
    return claims  # type: ignore[no-any-return]


def account(call: Call, tokens: dict[str, str]) -> str:
    """Which account a request is from, by its key and secret. Raises `Refused`.

    The secret that an account's first good request comes with is the account's.
    """
    scheme, _, given = call.header("authorization").partition(" ")
    try:
        key, _, secret = b64decode(given, validate=True).decode().partition(":")
    except (Error, UnicodeDecodeError):
        key, secret = "", ""
    good = scheme.lower() == "basic" and key and verdict(secret) in ("good", "noquota")
    if not good or tokens.setdefault(key, secret) != secret:
        raise Refused(refusal(401, call))
    return key


def signature(
    name: str, tokens: Mapping[str, str], payload: bytes, proof: str = "good"
) -> list[tuple[str, str]]:
    """The header that proves a webhook, or that does not."""
    if proof == "none":
        return []
    secret = tokens.get(name, ANY)
    claims = {
        "iat": int(time.time()), "jti": str(uuid.uuid4()), "iss": "Vonage",
        "payload_hash": hashlib.sha256(payload + b" " * (proof == "of_another_body")).hexdigest(),
        "api_key": tokens.get(name + API_KEY, ANY_API_KEY), "application_id": name,
    }  # fmt: skip
    said = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
    key = (secret + "?" * (proof == "of_another_key")).encode()
    signed = urlsafe_b64encode(hmac.digest(key, said.encode(), "sha256")).rstrip(b"=").decode()
    return [("authorization", f"Bearer {said}.{signed}")]


def _encoded(said: dict[str, Any]) -> str:
    return urlsafe_b64encode(encode(said)).rstrip(b"=").decode()


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
