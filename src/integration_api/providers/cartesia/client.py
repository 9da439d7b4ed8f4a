"""Cartesia's addresses, signing and refusals. https://docs.cartesia.ai/use-the-api/api-errors"""

from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, Phase, ProviderError, Refusal, StreamCut, kind_of_status
from integration_api.core.exchange import Bearer, HttpRequest, HttpResponse, json_body
from integration_api.core.session import Closed

NAME = "cartesia"
BASE_URL = "https://api.cartesia.ai"
AUTH = Bearer()
VERSION = ("cartesia-version", "2026-08-14")
"""Every request says which version of the API it speaks. From 2026-03-01 on refusals are JSON."""

Query = Iterable[tuple[str, str | int | float]]


def url(path: str, query: Query, credential: Credential) -> str:
    # A space is to be %20: a plus sign would be heard as one.
    written = urlencode([(name, str(value)) for name, value in query], quote_via=quote)
    base = credential.base_url(BASE_URL)
    return f"{base}{path}?{written}" if written else base + path


def socket(path: str, query: Query, credential: Credential) -> HttpRequest:
    """Dial one of the live services."""
    address = url(path, query, credential).replace("http", "ws", 1)
    return HttpRequest(method="GET", url=address, headers=(VERSION,), auth=AUTH, upgrade=())


def get(path: str, query: Query, credential: Credential) -> HttpRequest:
    return HttpRequest(method="GET", url=url(path, query, credential), headers=(VERSION,), auth=AUTH)


def post(path: str, query: Query, body: bytes, kind: str, credential: Credential) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=url(path, query, credential),
        headers=(VERSION, ("content-type", kind)),
        body=body,
        auth=AUTH,
    )


def post_json(path: str, body: object, credential: Credential) -> HttpRequest:
    return post(path, (), json_body(body), "application/json", credential)


def language(asked: Sequence[str]) -> str | None:
    """Return the one language that can be named, without its region: Cartesia knows languages only."""
    return asked[0].split("-")[0].lower() if len(asked) == 1 else None


class Said(Struct):
    """A refusal."""

    error_code: str | None = None
    title: str = ""
    message: str = ""
    request_id: str | None = None


_SAID = msgspec.json.Decoder(Said)


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal stands for."""
    try:
        said = _SAID.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # What stands before Cartesia's own servers, and versions before 2026-03-01, speak in plain text.
        plain = reply.headers.get("content-type", "").startswith("text/plain")
        said = Said(message=reply.body[:512].decode(errors="replace") if plain else "")
    return _error(
        reply.status,
        said.error_code,
        said.title,
        said.message,
        said.request_id or reply.headers.get("x-request-id"),
        Phase.HEADERS,
    )


def failed(
    status: int | None, code: str | None, title: str, message: str, request_id: str | None
) -> ProviderError:
    """Build the error for what a live service says went wrong."""
    return _error(status or 500, code, title, message, request_id, Phase.STREAM)


def ended(closed: Closed) -> ProviderError:
    """Build the error for a socket that closed before it was asked to."""
    match closed.code:
        case 1008:
            return _error(400, None, "", closed.reason, None, Phase.STREAM)
        case 1013:
            return _error(503, None, "", closed.reason, None, Phase.STREAM)
        case _:
            return StreamCut(NAME)


def _error(
    status: int, code: str | None, title: str, message: str, request_id: str | None, phase: Phase
) -> ProviderError:
    kind = kind_of_status(status)
    words = ": ".join(part for part in (title, message) if part)
    if kind is Kind.CREDENTIAL_REJECTED:
        # Its own words may repeat the key.
        words = f"{NAME} refused the credential; store one with a key that is right and active"
    return ProviderError(
        kind,
        words[:512] or f"{NAME} answered {status} without an explanation",
        provider=NAME,
        refusal=Refusal(status=status, type=code, code=code, request_id=request_id),
        phase=phase,
    )
