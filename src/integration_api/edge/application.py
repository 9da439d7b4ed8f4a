"""What the edge asks of the house behind it: the whole contract between protocols and doors."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from integration_api.core.relay import Outlet

Headers: TypeAlias = Mapping[bytes, bytes]
"""Names lower case; values as sent, trimmed. A name sent twice has its values joined with `, `."""


SLASH = "\0"
"""What stands in a decoded path for a slash that was sent as `%2F`: a part of a segment, and no end of one."""


class Request(Struct):
    """One HTTP request, its body read and within limits."""

    method: str
    path: str
    """Percent-decoded, but for `SLASH`, without the query; always begins with `/`."""
    query: str
    """As sent, without the `?`."""
    headers: Headers
    body: bytearray
    """Owned by the handler, which wipes it when it held a secret."""
    received_at: float
    """`time.perf_counter()` when the first byte of the request was seen."""
    client: str = ""
    """The peer's address, for the log."""


class Response(Struct):
    """An answer: whole, or a stream of chunks that the edge pulls as the caller reads.

    When the caller leaves, the iterator is closed (`aclose`) and the handler's task cancelled.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    """Without content-length, transfer-encoding, connection and date: the edge's own."""
    body: bytes | AsyncIterator[bytes] = b""
    keepalive: bytes = b""
    """Sent as a chunk of a streamed body whenever nothing else was for `Limits.quiet`; b"" for never."""
    outlet: Outlet | None = None
    """Where the edge may offer to take a streamed body's chunks as they come, besides pulling them."""


class WebSocket(Protocol):
    """An accepted socket. Messages are text (`str`) or binary (`bytes`)."""

    async def receive(self) -> str | bytes | None:
        """Return the next message, or None once the peer has closed."""
        ...

    def attend(
        self, heard: Callable[[bytes], bool] | None, texts: Callable[[str], bool] | None = None
    ) -> None:
        """Have binary messages given to `heard` as they come, and those of text to `texts`. One that is declined, by
        False, is received as usual, and as long as any message waits to be received, all are. Neither must raise.
        """
        ...

    async def send(self, message: str | bytes) -> None:
        """Send one message; waits while the peer reads slowly."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the peer listens and reads as fast as it is spoken to: then `write` will do."""
        ...

    def write(self, message: str | bytes) -> None:
        """Send one message without waiting. For when it is `ready`."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None: ...


@dataclass(slots=True)
class Upgrade:
    """A door's answer that turns the connection into a WebSocket and talks on it."""

    talk: Callable[[WebSocket], Awaitable[None]]
    subprotocol: str | None = None
    """Agreed to if the caller offers it."""


class Status(IntEnum):
    """gRPC status codes. https://grpc.github.io/grpc/core/md_doc_statuscodes.html"""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class RpcError(Exception):
    """Ends a call with a status; `details` is a serialized google.rpc.Status, sent in the trailers."""

    def __init__(self, status: Status, message: str, details: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details


@dataclass(slots=True)
class Call:
    """One gRPC call, over HTTP/2 or gRPC-Web.

    `metadata` holds the request's headers, `-bin` values already base64-decoded.
    A deadline (`grpc-timeout`) is the edge's to keep: the handler is cancelled when it passes.
    """

    path: str
    """`/package.Service/Method`."""
    metadata: Headers
    received_at: float
    client: str = ""
    timeout: float | None = None
    """Seconds the caller will wait, if it said."""
    initial_metadata: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Sent with the first message or the status, whichever comes first."""
    trailing_metadata: list[tuple[bytes, bytes]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Method:
    """One gRPC method, in bytes: the doors own the messages.

    `unary` gets one message and returns one. `stream` gets the caller's messages
    as they come (one of them for a server stream) and yields the answers; when the
    caller leaves, it is closed (`aclose`). A message given is the handler's own, which
    wipes it when it held a secret: the edge keeps no copy of it.
    """

    kind: Literal["unary", "stream"]
    unary: Callable[[Call, bytearray], Awaitable[bytes]] | None = None
    stream: Callable[[Call, AsyncIterator[bytearray]], AsyncGenerator[bytes, None]] | None = None


class Application(Protocol):
    """The house behind the edge. Its handlers run in one task a request."""

    def failed(self, error: Exception, path: str) -> None:
        """Hear of a bug in a handler or in what it answered. The caller learns only that there is one."""
        ...

    async def http(self, request: Request) -> Response | Upgrade:
        """Answer a request. Must not raise, except `CancelledError` when the caller has left."""
        ...

    def rpc(self, path: str) -> Method | None:
        """Find a method by its full path; None answers UNIMPLEMENTED."""
        ...

    def rpc_web_headers(self, request: Request) -> list[tuple[bytes, bytes]] | None:
        """Return the CORS headers of a gRPC-Web answer, or None to refuse the browser's origin."""
        ...
