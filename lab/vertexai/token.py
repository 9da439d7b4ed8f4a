"""Google's token endpoint: a service account's assertion for an access token, which the emulator knows.

`GET /service-account.json?email=…` is a key file whose assertions it accepts, as the console would have one
downloaded; the lab makes its key anew each time it starts. A name with "invalid" in it is unknown, what one with
"forbidden" or "noquota" in it gets is of no use, and `lab-seconds-5` in it makes a token last so long
(developers.google.com/identity/protocols/oauth2/service-account).
"""

import re
import time
from base64 import urlsafe_b64decode
from functools import cache
from typing import Any, NoReturn
from urllib.parse import parse_qsl

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import verdict

SECONDS = 3599
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_EMAIL = "robot@p1.iam.gserviceaccount.com"
_KEY_ID = "1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EVERYWHERE = "https://oauth2.googleapis.com/token"  # good at each of Google's token endpoints
_HOUR = 3600
_SKEW = 300
_PREFIX = "ya29.lab"
_LASTS = re.compile(r"lab-seconds-(\d+)")
_FRAME = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."


@cache
def _key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def service_account(call: Call) -> Response:
    """GET /service-account.json: a key file; `email` and `scheme` can be chosen."""
    pem = _key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    file = {
        "type": "service_account",
        "project_id": "p1",
        "private_key_id": _KEY_ID,
        "private_key": pem,
        "client_email": call.query.get("email", _EMAIL),
        "client_id": "100000000000000000001",
        "token_uri": f"{call.query.get('scheme', 'http')}://{call.header('host')}/vertexai/token",
        "universe_domain": "googleapis.com",
    }
    return Response(200, headers(call), encode(file))


def headers(call: Call) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [
        ("content-type", f"{JSON}; charset=utf-8"),
        ("cache-control", "no-cache, no-store"),
        ("vary", "Origin"),
    ]


def grant(call: Call) -> Response:
    """POST /token. Raises `Refused`."""
    form = dict(parse_qsl(call.body.decode("latin-1"), keep_blank_values=True))
    if form.get("grant_type") != _GRANT:
        _refuse(call, "unsupported_grant_type", "Invalid grant_type: " + form.get("grant_type", ""))
    claims = _claims(call, form.get("assertion", ""))
    issuer, now = str(claims.get("iss", "")), time.time()
    here = {f"{scheme}://{call.header('host')}/vertexai/token" for scheme in ("http", "https")}
    if claims.get("aud") not in {_EVERYWHERE, *here}:
        _refuse(call, "invalid_grant", "Invalid JWT: Failed audience check.")
    issued, ends = claims.get("iat", 0), claims.get("exp", 0)
    if not (issued <= now + _SKEW and now < ends <= issued + _HOUR):
        _refuse(call, "invalid_grant", _FRAME)
    if SCOPE not in str(claims.get("scope", "")).split():
        _refuse(call, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")
    if verdict(issuer) in ("missing", "invalid"):
        _refuse(call, "invalid_grant", "Invalid grant: account not found")
    asked = _LASTS.search(issuer)
    seconds = int(asked[1]) if asked else SECONDS
    token = f"{_PREFIX}.{issuer.encode().hex()}.{now + seconds:.3f}.{call.serial}"
    return Response(
        200, headers(call), encode({"access_token": token, "expires_in": seconds, "token_type": "Bearer"})
    )


def holder(token: str) -> tuple[str, bool] | None:
    """Whose token it is and whether it still lasts; None when it is none of ours."""
    if not token.startswith(f"{_PREFIX}."):
        return None
    issuer, _, rest = token.removeprefix(f"{_PREFIX}.").partition(".")
    try:
        return bytes.fromhex(issuer).decode(), float(rest.rpartition(".")[0]) > time.time()
    except ValueError:
        return None


def _claims(call: Call, assertion: str) -> dict[str, Any]:
    """What an assertion claims, if the lab's own key signed it."""
    signed, _, signature = assertion.rpartition(".")
    try:
        head, claims = (msgspec.json.decode(_raw(part)) for part in signed.split("."))
        _key().public_key().verify(_raw(signature), signed.encode(), PKCS1v15(), SHA256())
    except (ValueError, msgspec.DecodeError, InvalidSignature):
        _refuse(call, "invalid_grant", "Invalid JWT Signature.")
    if head.get("alg") != "RS256" or head.get("kid") != _KEY_ID:
        _refuse(call, "invalid_grant", "Invalid JWT Signature.")
    return dict(claims)


def _raw(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _refuse(call: Call, word: str, description: str) -> NoReturn:
    raise Refused(Response(400, headers(call), encode({"error": word, "error_description": description})))
