"""HTTP/2 on one connection: the socket, the clock and the handlers' tasks around `Http2Connection`."""

import asyncio
import random
from collections.abc import Coroutine
from enum import Enum, auto
from time import perf_counter
from typing import cast

from integration_api.edge import grpc, http2_answer
from integration_api.edge.http2_connection import Http2Connection
from integration_api.edge.http2_request import Head
from integration_api.edge.http2_stream import Stream, Taker
from integration_api.edge.live import Live, prepare
from integration_api.edge.patience import Stall
from integration_api.edge.wipe import wipe_buffer
from integration_api.http2.frames import ErrorCode

ONE_FLUSH = 256 * 1024
"""Bytes written before other connections have their turn."""
AGE_SPREAD = 0.1
"""Connections that were opened together do not grow old together: their age differs by this part."""


class Mode(Enum):
    OPEN = auto()
    LEAVING = auto()
    """GOAWAY is said; the connection ends with its streams."""
    LINGERING = auto()
    """All is written; what still comes is dropped until the peer has read it."""


class Http2(asyncio.BufferedProtocol):
    """Gives bytes to the connection, one task to each request, and writes once a turn of the loop."""

    def __init__(self, live: Live, begun: float) -> None:
        self.live = live
        self.mode = Mode.OPEN
        self.tasks: set[asyncio.Task[None]] = set()
        self.paused = False
        self.scheduled = False
        """A flush will come: at the end of this read, or in the loop's next turn."""
        self.begun = begun
        self.heard_at = self.idle_at = perf_counter()
        self.since = 0.0
        """When the mode began."""
        self.asked_at = 0.0
        self.stall = Stall()
        age = live.limits.http2_age
        self.old_at = self.begun + age * random.uniform(1 - AGE_SPREAD, 1 + AGE_SPREAD) if age else 0.0  # noqa: S311
        self.connection = Http2Connection(self, live.limits, self.heard_at)

    # The transport speaks.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own.
        self.client = prepare(self.transport)
        self.live.add(self)
        self.wake()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.live.view

    def buffer_updated(self, nbytes: int) -> None:
        self.feed(self.live.view[:nbytes])
        wipe_buffer(self.live.receive, nbytes)

    def feed(self, data: memoryview) -> None:
        if self.mode is Mode.LINGERING:
            return
        self.heard_at = perf_counter()
        scheduled, self.scheduled = self.scheduled, True
        self.connection.receive(data, self.heard_at)
        if not scheduled:
            # Tasks begun just now run before the flush: their answers leave with ours.
            if self.connection.out or self.connection.thirsty or self.connection.left:
                self.live.loop.call_soon(self._flush)
            else:
                self.scheduled = False

    def eof_received(self) -> None:
        """The caller has left: the transport closes, and with it go the handlers."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.live.discard(self)
        self.mode = Mode.LINGERING
        self.connection.close()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.connection.thirsty:
            self.wake()

    # The connection speaks.

    def open(self, stream: Stream, head: Head | None) -> Taker:
        if head is not None and grpc.speaks(head):
            return grpc.answer(self, stream, head)
        return http2_answer.answer(self, stream, head)

    def wake(self) -> None:
        if not self.scheduled:
            self.scheduled = True
            self.live.loop.call_soon(self._flush)

    def start(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        """Run a handler; it is counted until it has really ended."""
        task = self.live.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def _flush(self) -> None:
        self.scheduled = False
        if self.transport.is_closing() or self.mode is Mode.LINGERING:
            return
        connection = self.connection
        if not self.paused:
            connection.pour(ONE_FLUSH)
        out = connection.out
        if out:
            self.transport.write(b"".join(out))
            out.clear()
        if connection.thirsty and not self.paused:
            self.wake()
        elif connection.failed is not None or (connection.left and not connection.streams):
            self._hang_up()

    def _hang_up(self) -> None:
        """Close so that the last words arrive: a socket closed with unread bytes resets them away."""
        if self.mode is Mode.LINGERING or self.transport.is_closing():
            return
        self.mode, self.since = Mode.LINGERING, perf_counter()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    # The worker speaks.

    @property
    def requests(self) -> int:
        return len(self.tasks)

    def tick(self, now: float) -> None:
        limits, connection = self.live.limits, self.connection
        pending = self.transport.get_write_buffer_size()
        if self.stall.given_up(pending, now, limits):
            self.transport.abort()
            return
        if self.mode is Mode.LINGERING:
            if now - self.since > (limits.write_stall if pending else limits.linger):
                self.transport.abort()
            return
        connection.tick(now)
        for stream in list(connection.streams.values()):
            if stream.stalled(now):
                stream.reset(ErrorCode.CANCEL)
                stream.taker.lost()
            else:
                stream.taker.tick(now)
        self._tick_connection(now)

    def _tick_connection(self, now: float) -> None:
        limits, connection = self.live.limits, self.connection
        if connection.streams or self.tasks:
            self.idle_at = now
        if not connection.agreed and now - self.begun > limits.header_timeout:
            if connection.settled:
                connection.end(ErrorCode.SETTINGS_TIMEOUT, "our SETTINGS were not acknowledged")
            else:
                self.transport.abort()
        elif connection.partial_at and now - connection.partial_at > (
            limits.body_timeout if connection.partial_data else limits.header_timeout
        ):
            connection.end(ErrorCode.ENHANCE_YOUR_CALM, "a frame came too slowly")
        elif connection.streams and not connection.answered_ping:
            if now - max(self.asked_at, self.heard_at) > limits.http2_ping_timeout:
                self.transport.abort()
        elif connection.streams and now - self.heard_at > limits.http2_ping:
            self.asked_at = now
            connection.ask_alive()
        if connection.left:
            self.wake()  # its last stream may have ended without a word
        elif self.mode is Mode.LEAVING:
            if now - self.since > limits.linger:
                connection.leave_now()
        elif now - self.idle_at > limits.http2_idle or 0 < self.old_at < now:
            self.drain()

    def drain(self) -> None:
        if self.mode is not Mode.OPEN:
            return
        self.mode, self.since = Mode.LEAVING, perf_counter()
        self.connection.leave()

    def abandon(self) -> None:
        if self.mode is Mode.LINGERING:
            self.transport.abort()
            return
        for stream in list(self.connection.streams.values()):
            stream.taker.abandon()
        if not self.connection.left:
            self.connection.leave_now()
        self._flush()
        self._hang_up()
