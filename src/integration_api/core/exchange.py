"""The shape of every conversation with a provider, free of I/O.

An exchange is a generator: it yields each request it wants sent, is handed the
reply, and returns the answer. Whoever drives it owns sockets, secrets, retries
and time. A stream is one request, a framing that cuts the body into frames, and
a reader that turns frames into events.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from integration_api.core.errors import Kind, Phase, ProviderError


class Header(Struct, frozen=True):
    """Sign by a header: `name: <prefix><secret>`."""

    name: str
    field: str = "key"
    prefix: str = ""


class Bearer(Struct, frozen=True):
    """Sign by `authorization: Bearer <secret>`."""

    field: str = "key"


class Headers(Struct, frozen=True):
    """Sign by headers that the account names itself: the secret is a JSON object of their values."""

    field: str = "headers"


class Query(Struct, frozen=True):
    """Sign by a query parameter: tokens that are good for one session go there."""

    name: str
    field: str = "key"


class Basic(Struct, frozen=True):
    """Sign by `authorization: Basic base64(<user>:<secret>)`; the user is not secret."""

    user: str
    field: str


class Form(Struct, frozen=True):
    """Sign by the last fields of a form in the body: `<name>=<secret>`, percent-encoded.

    The request's own body is the form without them, and may be empty.
    """

    fields: tuple[tuple[str, str], ...]
    """Names in the form, each with the secret field that stands there."""


class SigV4(Struct, frozen=True):
    """Sign by AWS Signature Version 4, over the bytes that are sent.

    The URL arrives percent-encoded as it is to stand on the wire (`/model/x%3A0/converse`) and is not
    normalised. As every AWS service but S3 wants it, the canonical URI is that path with each segment
    percent-encoded once more (`/model/x%253A0/converse`). Signed are host, date, session token and the
    request's headers, never `connection` or what else proxies change; the payload's hash is that of the body.
    """

    service: str
    region: str
    access_key_id: str
    """Names the key; not secret."""
    field: str = "secret_access_key"
    session_field: str | None = None
    """The secret field of a session token, where the credential has one."""


class GoogleToken(Struct, frozen=True):
    """Sign by a Google access token, got with the JSON in `field`: a service account's or another of Google's kinds."""

    scope: str = "https://www.googleapis.com/auth/cloud-platform"
    field: str = "service_account_key"


class EntraToken(Struct, frozen=True):
    """Sign by a Microsoft Entra ID access token, got by a client that proves who it is."""

    tenant_id: str
    client_id: str
    scope: str = "https://cognitiveservices.azure.com/.default"
    field: str = "client_secret"
    authority: str = "https://login.microsoftonline.com"
    """One of Microsoft's clouds, or a host that the operator has allowed."""
    proof: Literal["secret", "certificate", "assertion"] = "secret"
    """What `field` holds: a secret; a certificate with its private key, in PEM; or what another issuer asserts."""


class ApplicationToken(Struct, frozen=True):
    """Sign by a JWT that an application makes with its private key, RS256, as a bearer token."""

    application_id: str
    field: str = "private_key"


Auth: TypeAlias = (
    Header | Headers | Bearer | Query | Basic | Form | SigV4 | GoogleToken | EntraToken | ApplicationToken
)
"""How to sign a request and with which fields. Only the transport acts on it."""


class HttpRequest(Struct, frozen=True, kw_only=True):
    """One request to a provider. The secret is not in it: `auth` says which one goes where."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    auth: Auth | None = None
    delay: float = 0.0
    """Seconds to wait before sending; how an exchange polls."""
    idempotent: bool = True
    """Whether sending it twice does no harm. Inference costs money but changes nothing.

    One that must not be sent twice is not given up halfway either: when the caller leaves, its
    answer is still waited for, so that the exchange can stop what it has started.
    """
    once: bool = False
    """Whether it is never sent again of itself, whatever comes of it: for whoever keeps a pace of its own."""
    private: bool = False
    """Whether the answer holds a secret. Its body is the exchange's to overwrite; there is no other copy of it."""
    send_by: float = 0.0
    """`time.perf_counter()` after which it is not sent any more, if it has not been; 0 for no such time."""
    upgrade: tuple[str, ...] | None = None
    """Opens a WebSocket and offers these subprotocols; the method is GET and there is no body."""
    grpc: bool = False
    """Opens a gRPC call of messages both ways; the URL's path names the method, and there is no body."""
    name_header: str = ""
    """Of a WebSocket: the header that gives each connection a new name, 32 hexadecimal digits."""
    streamed: bool = False
    """Within a stream's `course`: the one whose answer goes through framing and reader as it arrives."""


class HttpResponse(Struct, frozen=True):
    """A whole reply. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Answer = TypeVar("Answer")
Event = TypeVar("Event")
Event_co = TypeVar("Event_co", covariant=True)
Decoded = TypeVar("Decoded")

Exchange: TypeAlias = Generator[HttpRequest, HttpResponse, Answer]
"""A refusal (status 400 and above) is thrown in as the `ProviderError` its provider makes of it.

When nobody waits for the answer any more, `CallerLeft` is: see there.
"""


class Frame(Struct, frozen=True, gc=False):
    """One message inside a streamed body: an SSE event, an event-stream message."""

    name: str
    data: bytes


class Framing(Protocol):
    """Cuts a byte stream into frames, wherever the chunks happen to break.

    A chunk of nothing comes once, at the end of the body: then a frame that lacks only what sets it apart from
    the next one is whole.
    """

    def feed(self, chunk: bytes) -> Iterable[Frame]: ...


class Reader(Protocol[Event_co]):
    """Turns frames into events, keeping only what it must."""

    def feed(self, frame: Frame) -> Iterable[Event_co]: ...

    def close(self) -> Iterable[Event_co]:
        """Say what is left once the body has ended, or raise `StreamCut`."""
        ...


class Stream(Struct, Generic[Event], frozen=True):
    """One streamed conversation, ready to be driven once."""

    request: HttpRequest | None
    """None when there is nothing to ask anybody: then `reader.close` tells it all."""
    framing: Framing
    reader: Reader[Event]
    opened: Callable[[Mapping[str, str]], None] | None = None
    """Shown the reply's headers (names in lower case) before any of its body, where the answer needs them."""
    course: Exchange[Sequence[Event]] | None = None
    """For a stream with something to ask before and after it: all of its requests in their order, of
    which one is `streamed`. That one's exchange goes on, with an empty body, once `reader.close` has
    said its last; failures in mid-stream are thrown in like refusals. The answer is the last events.
    `request` is None then."""


Fault: TypeAlias = Callable[[HttpResponse], ProviderError]
"""Turns a refusal (status 400 and above) into the error to raise."""


def unreadable(reply: HttpResponse, cause: Exception) -> ProviderError:
    """Build the error for a reply that is not what its provider promised."""
    return ProviderError(
        Kind.BAD_RESPONSE,
        f"the provider's answer could not be read: {type(cause).__name__}",
        code="bad_upstream_response",
        phase=Phase.HEADERS,
    )


def decode(reply: HttpResponse, decoder: "msgspec.json.Decoder[Decoded]") -> Decoded:
    """Read a JSON reply, or raise `ProviderError` when it is not what was promised."""
    try:
        return decoder.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable(reply, error) from None


def json_body(payload: Any) -> bytes:
    return msgspec.json.encode(payload)
