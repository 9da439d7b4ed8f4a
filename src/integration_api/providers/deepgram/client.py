"""Deepgram's addresses, signing and refusals. https://developers.deepgram.com/docs/errors"""

from collections.abc import Iterable
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential, CredentialField
from integration_api.core.errors import Kind, Phase, ProviderError, Refusal, StreamCut, kind_of_status
from integration_api.core.exchange import Auth, Bearer, Header, HttpRequest, HttpResponse, json_body
from integration_api.core.session import Closed

NAME = "deepgram"
BASE_URL = "https://api.deepgram.com"
KEY = CredentialField("key", "API key", required=False)
TOKEN = CredentialField("access_token", "Temporary token, in place of a key", required=False)
"""https://developers.deepgram.com/guides/fundamentals/token-based-authentication"""
FIELDS = (KEY, TOKEN)
REQUEST_ID_HEADERS = ("dg-request-id",)

Query = Iterable[tuple[str, str | int | float | bool]]

ENCODINGS = {
    Encoding.PCM_S16LE: "linear16",
    Encoding.MULAW: "mulaw",
    Encoding.ALAW: "alaw",
    Encoding.OPUS: "opus",
    Encoding.FLAC: "flac",
}
"""Sound without a container; where there is one, nothing is said."""

CLOSE_KINDS = {
    "DATA-0000": Kind.INVALID_REQUEST,
    "NET-0000": Kind.UPSTREAM,
    "NET-0001": Kind.TIMEOUT,
}
"""What stands in the reason of a close."""


def auth(credential: Credential) -> Auth:
    """Return how to sign: by the key where there is one, which a token does not outlast."""
    if KEY.name not in credential.held and TOKEN.name in credential.held:
        return Bearer(TOKEN.name)
    return Header("authorization", prefix="Token ")


def url(path: str, query: Query, credential: Credential) -> str:
    base = credential.base_url(BASE_URL)
    written = urlencode([(name, _written(value)) for name, value in query], quote_via=quote, safe=":/")
    return f"{base}{path}?{written}" if written else base + path


def socket(path: str, query: Query, credential: Credential) -> HttpRequest:
    """Dial one of the live services."""
    address = url(path, query, credential).replace("http", "ws", 1)
    return HttpRequest(method="GET", url=address, auth=auth(credential), upgrade=())


def post(path: str, query: Query, body: bytes, kind: str, credential: Credential) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=url(path, query, credential),
        headers=(("content-type", kind),),
        body=body,
        auth=auth(credential),
    )


def post_json(path: str, query: Query, body: object, credential: Credential) -> HttpRequest:
    return post(path, query, json_body(body), "application/json", credential)


def get(path: str, credential: Credential) -> HttpRequest:
    return HttpRequest(method="GET", url=url(path, (), credential), auth=auth(credential))


def sound(format: AudioFormat) -> list[tuple[str, str | int | float | bool]]:
    """Describe sound that has no container."""
    encoding = ENCODINGS.get(format.encoding)
    if encoding is None:
        return []
    return [("encoding", encoding), ("sample_rate", format.sample_rate), ("channels", format.channels)]


class Said(Struct):
    """A refusal, in either of its two shapes."""

    err_code: str | None = None
    err_msg: str | None = None
    request_id: str | None = None
    category: str | None = None
    message: str | None = None
    details: str | None = None


_SAID = msgspec.json.Decoder(Said)


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal stands for. A refused handshake says why in `dg-error` only."""
    try:
        said = _SAID.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = Said()
    code = said.err_code or said.category
    words = said.err_msg or said.details or said.message or reply.headers.get("dg-error") or ""
    kind = kind_of_status(reply.status)
    if kind is Kind.CREDENTIAL_REJECTED:
        # Its own words may repeat the key.
        words = f"{NAME} refused the credential; store one with a key that is right and active"
    return ProviderError(
        kind,
        words[:512] or f"{NAME} answered {reply.status} without an explanation",
        provider=NAME,
        refusal=Refusal(
            status=reply.status,
            type=code,
            code=code,
            request_id=reply.headers.get("dg-request-id") or said.request_id,
        ),
    )


def failed(code: str | None, words: str | None) -> ProviderError:
    """Build the error for what a live service says went wrong."""
    kind = CLOSE_KINDS.get(code or "", Kind.UPSTREAM)
    return ProviderError(
        kind,
        (words or code or f"{NAME} failed in the middle of a session")[:512],
        provider=NAME,
        refusal=Refusal(type=code, code=code),
        phase=Phase.STREAM,
    )


def ended(closed: Closed) -> ProviderError:
    """Build the error for a socket that closed before it was asked to."""
    if closed.code == 1000:
        return StreamCut(NAME)
    code = next((code for code in CLOSE_KINDS if code in closed.reason), None)
    return failed(code, closed.reason) if code else StreamCut(NAME)


def _written(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
