"""One stream of an HTTP/2 connection: what its taker hears of the request, and the answer on its way out."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from integration_api.http2.frames import ErrorCode, StreamFault, rst_stream, window_update

if TYPE_CHECKING:
    from integration_api.edge.http2_connection import Http2Connection

AHEAD = 64 * 1024
"""Bytes of an answer that may wait for the connection before its handler has to."""


class Taker(Protocol):
    """Whoever answers a stream. All but `tick` may raise `StreamFault`."""

    def take(self, payload: memoryview) -> None:
        """Take some of the body: copy it, and credit it to the stream when it is worked off."""
        ...

    def end(self) -> None:
        """The request is complete."""
        ...

    def lost(self) -> None:
        """Nobody waits for the answer any more: stop working on it at once."""
        ...

    def tick(self, now: float) -> None:
        """Keep the request's timeouts."""
        ...

    def abandon(self) -> None:
        """Stop working and say that the service leaves."""
        ...


class Stream:
    """What is sent here waits until `Http2Connection.pour` finds room in the windows."""

    __slots__ = (
        "answered",
        "at",
        "closed",
        "connection",
        "expected",
        "finishing",
        "head",
        "held",
        "id",
        "on_room",
        "owed",
        "parts",
        "poured",
        "queued",
        "ready",
        "receiving",
        "seen",
        "stalled_at",
        "taker",
        "trailers",
        "window",
        "window_in",
    )

    def __init__(self, connection: "Http2Connection", number: int, expected: int | None, now: float) -> None:
        self.connection = connection
        self.id = number
        self.taker: Taker
        self.at = now
        """When its head came."""
        self.closed = False
        # The request.
        self.receiving = True
        self.expected = expected
        """Bytes of the announced body still to come."""
        self.window_in = connection.stream_window
        self.owed = 0
        """Bytes that were worked off and not yet credited to the peer."""
        self.held = 0
        # The answer.
        self.head = b""
        self.parts: deque[bytes | memoryview] = deque()
        self.queued = 0
        self.window = connection.initial_window
        self.finishing = False
        self.trailers = b""
        self.answered = False
        """Its head has left, or is about to."""
        self.ready = False
        self.poured = 0
        """Bytes of the answer that have left."""
        self.on_room: Callable[[], None] | None = None
        """Called once when the answer's queue is short again."""
        # What the clock looks at.
        self.seen = 0
        self.stalled_at = 0.0

    @property
    def full(self) -> bool:
        """Whether whoever sends should wait for room."""
        return self.queued > AHEAD

    def send_head(self, block: bytes) -> None:
        """Begin the answer with a field block."""
        self.head = block
        self.answered = True
        self.wake()

    def send(self, payload: bytes) -> None:
        if payload and not self.closed:
            self.parts.append(payload)
            self.queued += len(payload)
            self.wake()

    def finish(self, trailers: bytes = b"") -> None:
        """End the answer after what was sent, with a field block or without."""
        self.trailers = trailers
        self.finishing = True
        self.wake()

    def say(self, block: bytes) -> None:
        """Send an interim field block (100 Continue) before the answer."""
        self.connection.say(self, block)

    def reset(self, code: ErrorCode) -> None:
        """Break the stream off, whatever state it is in. Its taker is not told."""
        if not self.closed:
            connection = self.connection
            connection.write(rst_stream(self.id, code))
            connection.forget(self)

    def hold(self, size: int) -> None:
        """Count request bytes kept for the handler. Raises `StreamFault` when the connection holds too many."""
        connection = self.connection
        self.held += size
        connection.held += size
        if connection.held > connection.limits.http2_buffered:
            raise StreamFault(ErrorCode.ENHANCE_YOUR_CALM)

    def release(self, size: int) -> None:
        if not self.closed:
            self.held -= size
            self.connection.held -= size

    def credit(self, size: int) -> None:
        """Let the peer send `size` bytes more. Small credits are given together."""
        self.owed += size
        if self.owed >= self.connection.stream_window // 2 and self.receiving and not self.closed:
            self.window_in += self.owed
            self.connection.write(window_update(self.id, self.owed))
            self.owed = 0

    def stalled(self, now: float) -> bool:
        """Whether the answer has not moved for so long that nobody seems to read it."""
        if not self.queued:
            self.stalled_at = 0.0
        elif not self.stalled_at or self.seen != self.poured:
            self.seen, self.stalled_at = self.poured, now
        else:
            return now - self.stalled_at > self.connection.limits.write_stall
        return False

    def wake(self) -> None:
        """Ask for a turn to be poured."""
        if not self.ready and not self.closed:
            self.ready = True
            self.connection.wake(self)
