"""Sarvam's addresses, signing and refusals. https://docs.sarvam.ai/api-reference-docs/authentication"""

from collections.abc import Iterable
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, Phase, ProviderError, Refusal, StreamCut, kind_of_status
from integration_api.core.exchange import Header, HttpRequest, HttpResponse, json_body
from integration_api.core.session import Closed

NAME = "sarvam"
BASE_URL = "https://api.sarvam.ai"
AUTH = Header("api-subscription-key")
REQUEST_ID_HEADERS = ("x-request-id",)

Query = Iterable[tuple[str, str | int | float | bool]]

KINDS = {
    "invalid_api_key_error": Kind.CREDENTIAL_REJECTED,
    "authentication_error": Kind.CREDENTIAL_REJECTED,
    "insufficient_quota_error": Kind.QUOTA,
    "rate_limit_exceeded_error": Kind.RATE_LIMITED,
    "invalid_request_error": Kind.INVALID_REQUEST,
    "unprocessable_entity_error": Kind.INVALID_REQUEST,
    "not_found_error": Kind.NOT_FOUND,
    "model_call_error": Kind.UPSTREAM,
    "internal_server_error": Kind.UPSTREAM,
    "gateway_timeout_error": Kind.TIMEOUT,
    "billing_service_unavailable_error": Kind.OVERLOADED,
}
CLOSE_KINDS = {1008: Kind.TIMEOUT, 1011: Kind.UPSTREAM, 4000: Kind.INVALID_REQUEST}
REFUSED_CLOSE = 1003
"""For a key, a quota and a rate alike: its reason tells which."""


def url(path: str, query: Query, credential: Credential) -> str:
    written = urlencode([(name, _written(value)) for name, value in query])
    base = credential.base_url(BASE_URL)
    return f"{base}{path}?{written}" if written else base + path


def socket(path: str, query: Query, credential: Credential) -> HttpRequest:
    """Dial one of the live services."""
    live = url(path, query, credential).replace("http", "ws", 1)
    return HttpRequest(method="GET", url=live, auth=AUTH, upgrade=())


def post(path: str, kind: str, body: bytes, credential: Credential) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=url(path, (), credential),
        headers=(("content-type", kind),),
        body=body,
        auth=AUTH,
    )


def post_json(path: str, body: object, credential: Credential) -> HttpRequest:
    return post(path, "application/json", json_body(body), credential)


def get(path: str, credential: Credential) -> HttpRequest:
    return HttpRequest(method="GET", url=url(path, (), credential), auth=AUTH)


def language(code: str, *, odia: str = "od") -> str:
    """Return a language by Sarvam's name: of India, and Odia as the service at hand calls it."""
    base = code.partition("-")[0].lower()
    return f"{odia if base in ('or', 'od') else base}-IN"


def told_language(code: str | None) -> str | None:
    """Return a language by its name in BCP 47."""
    return "or-IN" if code == "od-IN" else code


class Trouble(Struct):
    message: str | None = None
    code: str | None = None
    request_id: str | None = None


class Said(Struct):
    """A refusal."""

    error: Trouble | str | None = None


_SAID = msgspec.json.Decoder(Said)


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal stands for. A 403 is a key that is not known."""
    try:
        error = _SAID.decode(reply.body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        error = None
    said = error if isinstance(error, Trouble) else Trouble(message=error)
    kind = KINDS.get(said.code or "") or kind_of_status(401 if reply.status == 403 else reply.status)
    given = next((reply.headers[name] for name in REQUEST_ID_HEADERS if name in reply.headers), None)
    return ProviderError(
        kind,
        _safe(kind, said.message) or f"{NAME} answered {reply.status} without an explanation",
        provider=NAME,
        refusal=Refusal(
            status=reply.status, type=said.code, code=said.code, request_id=said.request_id or given
        ),
    )


def failed(
    code: str | int | None, words: str | None, *, status: int | None = None, request_id: str | None = None
) -> ProviderError:
    """Build the error for what a live service says went wrong."""
    named = KINDS.get(str(code))
    number = status or (code if isinstance(code, int) else None)
    if named is None and number is not None:
        named = kind_of_status(401 if number == 403 else number)
    kind = named or Kind.UPSTREAM
    word = None if code is None else str(code)
    return ProviderError(
        kind,
        _safe(kind, words) or word or f"{NAME} failed in the middle of a session",
        provider=NAME,
        refusal=Refusal(status=number, type=word, code=word, request_id=request_id),
        phase=Phase.STREAM,
    )


def ended(closed: Closed) -> ProviderError:
    """Build the error for a socket that closed before it was asked to."""
    reason = closed.reason.lower()
    kind = CLOSE_KINDS.get(closed.code)
    if closed.code == REFUSED_CLOSE:
        if "key" in reason or "auth" in reason:
            kind = Kind.CREDENTIAL_REJECTED
        else:
            kind = Kind.QUOTA if "quota" in reason or "credit" in reason else Kind.RATE_LIMITED
    if kind is None:
        return StreamCut(NAME)
    return ProviderError(
        kind,
        _safe(kind, closed.reason) or f"{NAME} closed the session with {closed.code}",
        provider=NAME,
        refusal=Refusal(code=str(closed.code)),
        phase=Phase.STREAM,
    )


def _safe(kind: Kind, words: str | None) -> str:
    if kind is Kind.CREDENTIAL_REJECTED:
        # Its own words may repeat the key.
        return f"{NAME} refused the credential; store one with a key that is right and active"
    return (words or "")[:512]


def _written(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
