"""The client credentials flow: an application's id and secret for an access token, which Azure's emulator knows.

(learn.microsoft.com/entra/identity-platform/reference-error-codes)
"""

import base64
import json
import time
from typing import NoReturn
from urllib.parse import parse_qsl

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import verdict

SECONDS = 3599
_PREFIX = "lab-entra"
_DEFAULT = "/.default"
_FORM = "application/x-www-form-urlencoded"
_WORDS: dict[int, tuple[str, int, str]] = {
    400: ("invalid_request", 900144, "The request body must contain the following parameter: '{0}'."),
    401: ("invalid_client", 7000215, "Invalid client secret provided for the app '{0}'."),
    404: ("invalid_request", 900561, "The endpoint only accepts POST requests. Received a {0} request."),
    429: ("temporarily_unavailable", 90033, "A transient error has occurred. Please try again."),
    500: ("server_error", 90006, "An unexpected error happened."),
    503: ("temporarily_unavailable", 90033, "A transient error has occurred. Please try again."),
}


def headers(call: Call) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [
        ("content-type", JSON),
        ("cache-control", "no-store, no-cache"),
        ("pragma", "no-cache"),
        ("x-ms-request-id", f"{call.serial:08x}-0000-4000-8000-000000000000"),
    ]


def grant(call: Call) -> Response:
    """POST /{tenant}/oauth2/v2.0/token. Raises `Refused`."""
    tenant = call.params["tenant"]
    kind = call.header("content-type").partition(";")[0].strip()
    form = dict(parse_qsl(call.body.decode("latin-1"), keep_blank_values=True)) if kind == _FORM else {}
    if "nonexistent" in tenant:
        _refuse(call, 400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
    proof = "client_assertion" if "client_assertion_type" in form else "client_secret"
    for name in ("grant_type", "client_id", "scope", proof):
        if not form.get(name):
            _refuse(call, 400, "invalid_request", 900144, _WORDS[400][2].format(name))
    if form["grant_type"] != "client_credentials":
        _refuse(call, 400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
    if not form["scope"].endswith(_DEFAULT):
        words = (
            f"The provided value for scope {form['scope']} is not valid. Client credential flows must have "
        )
        _refuse(call, 400, "invalid_scope", 1002012, f"{words}a scope value with /.default suffixed.")
    if "nonexistent" in form["client_id"]:
        words = (
            f"Application with identifier '{form['client_id']}' was not found in the directory '{tenant}'."
        )
        _refuse(call, 400, "unauthorized_client", 700016, words)
    if proof == "client_assertion":
        _check_assertion(call, form)
    # Nobody can read a verdict in what is signed: a client with a certificate says it in its name.
    says = form["client_secret"] if proof == "client_secret" else form["client_id"]
    if verdict(says) == "invalid":
        word, number, words = _WORDS[401]
        _refuse(call, 401, word, number, words.format(form["client_id"]))
    audience = form["scope"].removesuffix(_DEFAULT)
    role = "without-role" if verdict(says) == "forbidden" else "with-role"
    granted = {
        "token_type": "Bearer",
        "expires_in": SECONDS,
        "ext_expires_in": SECONDS,
        "access_token": f"{_PREFIX}|{audience}|{role}|{call.serial}".encode().hex(),
    }
    return Response(200, headers(call), encode(granted))


def _check_assertion(call: Call, form: dict[str, str]) -> None:
    """Hold an assertion to what Entra ID wants in one; whose certificate it was signed with it does not know."""
    if form["client_assertion_type"] != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
        _refuse(call, 400, "invalid_request", 900144, "The client_assertion_type is not supported.")
    try:
        header, claims, signature = (
            base64.urlsafe_b64decode(one + "=" * (-len(one) % 4))
            for one in form["client_assertion"].split(".")
        )
        said, made = json.loads(header), json.loads(claims)
        good = said["alg"] in {"PS256", "RS256"} and bool(signature)
        signs = "x5t#S256" in said or "x5t" in said or made["iss"] != form["client_id"]
        lasts = made["exp"] > time.time() and made.get("nbf", 0) <= time.time()
        named = made["sub"] == form["client_id"] and call.path.rstrip("/") in made["aud"]
    except (ValueError, KeyError, TypeError):
        _refuse(call, 401, "invalid_client", 50027, "JWT token is invalid or malformed.")
    if not (good and signs and lasts and named):
        _refuse(
            call, 401, "invalid_client", 700023, "Client assertion contains an invalid claim or signature."
        )


def audience_and_role(token: str) -> tuple[str, bool] | None:
    """For whom a token was made and whether its holder may do anything there; None when it is none of ours."""
    try:
        prefix, audience, role, _ = bytes.fromhex(token).decode().split("|")
    except ValueError:
        return None
    return (audience, role == "with-role") if prefix == _PREFIX else None


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What the endpoint says with a status, or `words` in its shape."""
    word, number, usual = _WORDS.get(status, _WORDS[500 if status >= 500 else 400])
    return _error(call, status, word, number, words or usual.format(call.method))


def _refuse(call: Call, status: int, word: str, number: int, words: str) -> NoReturn:
    raise Refused(_error(call, status, word, number, words))


def _error(call: Call, status: int, word: str, number: int, words: str) -> Response:
    trace = f"{call.serial:08x}-1111-4111-8111-111111111111"
    about = f"Trace ID: {trace} Correlation ID: {trace} Timestamp: 2026-11-23 00:00:00Z"
    body = {
        "error": word,
        "error_description": f"AADSTS{number}: {words} {about}",
        "error_codes": [number],
        "timestamp": "2026-11-23 00:00:00Z",
        "trace_id": trace,
        "correlation_id": trace,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    return Response(status, headers(call), encode(body))
