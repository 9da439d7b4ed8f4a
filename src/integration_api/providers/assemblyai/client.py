"""AssemblyAI's addresses, signing and refusals. https://www.assemblyai.com/docs/api-reference/overview"""

from collections.abc import Iterable
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential, CredentialField
from integration_api.core.errors import Kind, Phase, ProviderError, Refusal, StreamCut, kind_of_status
from integration_api.core.exchange import Auth, Header, HttpRequest, HttpResponse, Query, json_body
from integration_api.core.session import Closed

NAME = "assemblyai"
BASE_URL = "https://api.assemblyai.com"
KEY = CredentialField("key", "API key", required=False)
TOKEN = CredentialField("token", "Temporary token for one live session, in place of a key", required=False)
"""https://www.assemblyai.com/docs/streaming/authenticate-with-a-temporary-token"""
FIELDS = (KEY, TOKEN)
AUTH = Header("authorization")
"""The key and nothing else."""
VERSION = ("assemblyai-version", "2025-05-12")
"""What its own SDK speaks on a socket."""

Parameters = Iterable[tuple[str, object]]

CLOSE_KINDS = {
    1013: Kind.OVERLOADED,
    3005: Kind.UPSTREAM,
    3006: Kind.INVALID_REQUEST,
    3007: Kind.INVALID_REQUEST,
    3008: Kind.TIMEOUT,
    3009: Kind.RATE_LIMITED,
    4000: Kind.INVALID_REQUEST,
    4001: Kind.CREDENTIAL_REJECTED,
    4002: Kind.QUOTA,
    4003: Kind.QUOTA,
    4004: Kind.UPSTREAM,
    4008: Kind.TIMEOUT,
    4010: Kind.UPSTREAM,
    4029: Kind.RATE_LIMITED,
    4030: Kind.UPSTREAM,
    4031: Kind.TIMEOUT,
    4032: Kind.INVALID_REQUEST,
    4033: Kind.INVALID_REQUEST,
    4034: Kind.INVALID_REQUEST,
    4100: Kind.INVALID_REQUEST,
    4101: Kind.INVALID_REQUEST,
    4102: Kind.RATE_LIMITED,
    4103: Kind.UPSTREAM,
}
"""Codes of closes, and of what is told before them."""


def base(credential: Credential, service: str = "api") -> str:
    """Return where a service lives: a host of its own, in each of AssemblyAI's regions; elsewhere all have one."""
    url = credential.base_url(BASE_URL)
    host = urlsplit(url).hostname or ""
    if host.startswith("api.") and host.endswith("assemblyai.com"):
        return url.replace("://api.", f"://{service}.", 1)
    return url


def auth(credential: Credential) -> Auth:
    """Return how to sign a live session: by the key where there is one, which a token does not outlast."""
    if KEY.name not in credential.held and TOKEN.name in credential.held:
        return Query(TOKEN.name, TOKEN.name)
    return AUTH


def socket(query: Parameters, credential: Credential) -> HttpRequest:
    """Dial the live service. Lists are written as JSON."""
    written = urlencode([(name, _written(value)) for name, value in query], quote_via=quote)
    address = f"{base(credential, 'streaming')}/v3/ws?{written}".replace("http", "ws", 1)
    return HttpRequest(method="GET", url=address, headers=(VERSION,), auth=auth(credential), upgrade=())


def get(path: str, credential: Credential, *, delay: float = 0.0) -> HttpRequest:
    return HttpRequest(method="GET", url=base(credential) + path, auth=AUTH, delay=delay)


def post(
    path: str, body: bytes, headers: Iterable[tuple[str, str]], credential: Credential, service: str = "api"
) -> HttpRequest:
    return HttpRequest(
        method="POST", url=base(credential, service) + path, headers=tuple(headers), body=body, auth=AUTH
    )


def post_json(path: str, body: object, credential: Credential) -> HttpRequest:
    return post(path, json_body(body), [("content-type", "application/json")], credential)


class Said(Struct):
    """A refusal: RFC 9457, or a word."""

    error: str | None = None
    title: str | None = None
    detail: str | None = None
    message: str | None = None
    error_code: str | int | None = None


_SAID = msgspec.json.Decoder(Said)


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal stands for."""
    try:
        said = _SAID.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = Said()
    code = said.error_code or (said.title.lower().replace(" ", "_") if said.title else None)
    kind = kind_of_status(reply.status)
    words = said.detail or said.error or said.message or said.title or ""
    return _error(
        kind,
        words or f"{NAME} answered {reply.status} without an explanation",
        Refusal(
            status=reply.status,
            type=said.title,
            code=None if code is None else str(code),
            request_id=reply.headers.get("x-request-id"),
        ),
        Phase.HEADERS,
    )


def failed(code: int | None, words: str, request_id: str) -> ProviderError:
    """Build the error for what the live service says went wrong."""
    return _error(
        CLOSE_KINDS.get(code or 0, Kind.UPSTREAM),
        words or f"{NAME} failed in the middle of a session",
        Refusal(code=None if code is None else str(code), request_id=request_id or None),
        Phase.STREAM,
    )


def ended(closed: Closed, request_id: str) -> ProviderError:
    """Build the error for a socket that closed before it was asked to."""
    if closed.code in CLOSE_KINDS:
        return failed(closed.code, closed.reason, request_id)
    if closed.code == 1008:
        # The key is looked at after the socket has opened, and this code is not only for that.
        reason = closed.reason.lower()
        kind = Kind.INVALID_REQUEST
        if "authoriz" in reason:
            kind = Kind.CREDENTIAL_REJECTED
        elif "too many" in reason:
            kind = Kind.RATE_LIMITED
        words = closed.reason or f"{NAME} refused the session"
        return _error(kind, words, Refusal(code="1008", request_id=request_id or None), Phase.STREAM)
    return StreamCut(NAME)


def _error(kind: Kind, words: str, refusal: Refusal, phase: Phase) -> ProviderError:
    if kind is Kind.CREDENTIAL_REJECTED:
        # Its own words may repeat the key.
        words = f"{NAME} refused the credential; store one with a key that is right and active"
    return ProviderError(kind, words[:512], provider=NAME, refusal=refusal, phase=phase)


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json_body(value).decode() if isinstance(value, (list, tuple, dict)) else str(value)
