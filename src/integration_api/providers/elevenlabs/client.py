"""ElevenLabs' addresses, signing and refusals. https://elevenlabs.io/docs/eleven-api/resources/errors"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential, CredentialField
from integration_api.core.errors import (
    Failure,
    Kind,
    Phase,
    ProviderError,
    Refusal,
    StreamCut,
    kind_of_status,
)
from integration_api.core.exchange import Auth, Header, HttpRequest, HttpResponse, Query, json_body
from integration_api.core.session import Closed

NAME = "elevenlabs"
BASE_URL = "https://api.elevenlabs.io"
KEY = CredentialField("key", "API key", required=False)
TOKEN = CredentialField("single_use_token", "Token for one live session, in place of a key", required=False)
"""https://elevenlabs.io/docs/api-reference/tokens/create"""
FIELDS = (KEY, TOKEN)
AUTH = Header("xi-api-key")
REQUEST_ID_HEADERS = ("request-id", "x-request-id")

Parameters = Iterable[tuple[str, str | int | float | bool]]

KINDS = {
    "invalid_api_key": Kind.CREDENTIAL_REJECTED,
    "needs_authorization": Kind.CREDENTIAL_REJECTED,
    "invalid_authorization_header": Kind.CREDENTIAL_REJECTED,
    "missing_permissions": Kind.PERMISSION,
    "subscription_required": Kind.PERMISSION,
    "output_format_not_allowed": Kind.PERMISSION,
    "quota_exceeded": Kind.QUOTA,
    "payment_required": Kind.QUOTA,
    "voice_not_found": Kind.NOT_FOUND,
    "voice_id_does_not_exist": Kind.NOT_FOUND,
    "model_not_found": Kind.NOT_FOUND,
    "max_character_limit_exceeded": Kind.TOO_LARGE,
    "too_many_concurrent_requests": Kind.RATE_LIMITED,
    "concurrent_limit_exceeded": Kind.RATE_LIMITED,
    "rate_limit_exceeded": Kind.RATE_LIMITED,
    "max_active_conversations": Kind.RATE_LIMITED,
    "system_busy": Kind.OVERLOADED,
    "input_timeout_exceeded": Kind.TIMEOUT,
}
"""What its own words mean; they say more than the status, which is 401 for money and for scopes too."""


def address(voice: str | None, path: str) -> str:
    """Return the path at which a voice speaks. Raises `Failure` without a voice: it is a part of it."""
    if not voice:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"{NAME} needs a voice; name one of those that GET /v1/voices lists",
            code="voice_required",
            param="voice",
        )
    return f"/v1/text-to-speech/{quote(voice, safe='')}{path}"


def url(path: str, query: Parameters, credential: Credential) -> str:
    written = urlencode([(name, _written(value)) for name, value in query], quote_via=quote)
    base = credential.base_url(BASE_URL)
    return f"{base}{path}?{written}" if written else base + path


def auth(credential: Credential) -> Auth:
    """Return how to sign a live session: by the key where there is one, which a token does not outlast."""
    if KEY.name not in credential.held and TOKEN.name in credential.held:
        return Query(TOKEN.name, TOKEN.name)
    return AUTH


def socket(path: str, query: Parameters, credential: Credential) -> HttpRequest:
    """Dial one of the live services."""
    live = url(path, query, credential).replace("http", "ws", 1)
    return HttpRequest(method="GET", url=live, auth=auth(credential), upgrade=())


def post(path: str, query: Parameters, body: Mapping[str, Any], credential: Credential) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=url(path, query, credential),
        headers=(("content-type", "application/json"),),
        body=json_body(body),
        auth=AUTH,
    )


def get(path: str, query: Parameters, credential: Credential) -> HttpRequest:
    return HttpRequest(method="GET", url=url(path, query, credential), auth=AUTH)


class Detail(Struct):
    status: str | None = None
    code: str | None = None
    message: str | None = None
    request_id: str | None = None


class Complaint(Struct):
    """One field that did not pass."""

    loc: list[str | int] = []
    msg: str = ""


class Said(Struct):
    """A refusal: with a word of its own, or a list of what did not pass, or plain text."""

    detail: Detail | list[Complaint] | str | None = None


_SAID = msgspec.json.Decoder(Said)


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal stands for."""
    code, words, request_id = _read(reply.body)
    kind = KINDS.get(code or "") or kind_of_status(reply.status)
    if kind is Kind.CREDENTIAL_REJECTED:
        # Its own words may repeat the key.
        words = f"{NAME} refused the credential; store one with a key that is right and active"
    given = next((reply.headers[name] for name in REQUEST_ID_HEADERS if name in reply.headers), None)
    return ProviderError(
        kind,
        words[:512] or f"{NAME} answered {reply.status} without an explanation",
        provider=NAME,
        refusal=Refusal(status=reply.status, type=code, code=code, request_id=given or request_id),
    )


def failed(code: str | None, words: str | None) -> ProviderError:
    """Build the error for what a live service says went wrong."""
    kind = KINDS.get(code or "", Kind.UPSTREAM)
    if kind is Kind.CREDENTIAL_REJECTED:
        words = f"{NAME} refused the credential; store one with a key that is right and active"
    return ProviderError(
        kind,
        (words or code or f"{NAME} failed in the middle of a session")[:512],
        provider=NAME,
        refusal=Refusal(type=code, code=code),
        phase=Phase.STREAM,
    )


def ended(closed: Closed) -> ProviderError:
    """Build the error for a socket that closed before it was asked to. A policy (1008) says why in its reason."""
    code = next((code for code in KINDS if code in closed.reason), None)
    if code is None and closed.code == 1008:
        limit = "simultaneous contexts" in closed.reason
        return failed("max_active_conversations" if limit else None, closed.reason)
    return failed(code, closed.reason) if code else StreamCut(NAME)


def _read(body: bytes) -> tuple[str | None, str, str | None]:
    try:
        detail = _SAID.decode(body).detail
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, "", None
    match detail:
        case Detail():
            return detail.status or detail.code, detail.message or "", detail.request_id
        case list():
            told = [f"{'.'.join(str(part) for part in one.loc)}: {one.msg}" for one in detail]
            return "validation_error", "; ".join(told), None
        case _:
            return None, detail or "", None


def _written(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
