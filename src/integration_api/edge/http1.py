"""HTTP/1.1 on one connection: one request answered after another. https://www.rfc-editor.org/rfc/rfc9112"""

import asyncio
from collections import deque
from enum import Enum, auto
from time import perf_counter
from typing import NamedTuple, cast

import httptools

from integration_api.core.secret import wipe_bytes
from integration_api.edge.application import Request
from integration_api.edge.http1_answer import answer
from integration_api.edge.http1_request import body_size, check_head, read_target, too_large
from integration_api.edge.http1_response import CONTINUE
from integration_api.edge.live import Live, prepare
from integration_api.edge.patience import Pace, Stall
from integration_api.edge.refusals import DRAINING_ANSWER, Refused, refusal
from integration_api.edge.websocket import Socket
from integration_api.edge.wipe import Gather, wipe_buffer


class Turn(NamedTuple):
    """A request read to its end, waiting for its turn or having it."""

    request: Request
    keep: bool
    """Whether the caller wants to go on afterwards."""
    old: bool
    """HTTP/1.0: no chunks, and keeping alive has to be said."""
    upgrade: bool
    """It asks for a WebSocket."""


class Mode(Enum):
    OPEN = auto()
    DEAF = auto()
    """No further request will be read; earlier ones are still answered."""
    UPGRADING = auto()
    """The handler decides about a WebSocket; bytes that come meanwhile are kept."""
    LINGERING = auto()
    """The last answer is out; what still comes is dropped until the peer has read it."""
    CLOSING = auto()
    """The transport is closing, once the peer takes what is written."""


METHODS = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
}
"""Those of HTTP. The parser also knows WebDAV's and RTSP's."""
CHUNK_OVERHEAD = 8
"""Framing bytes allowed for each byte of a chunked body: one-byte chunks cost five."""


class Http1(asyncio.BufferedProtocol):
    """Parses with httptools, hands requests to one task each, and keeps the answers in order."""

    def __init__(self, live: Live, begun: float) -> None:
        self.live = live
        self.parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self.mode = Mode.OPEN
        self.task: asyncio.Task[None] | None = None
        self.queue: deque[Turn] = deque()
        self.queued = 0
        """Bytes of the bodies in the queue."""
        self.last_words = b""
        """A refusal that waits for the answers before it."""
        self.reading = True
        self.paused = False
        self.waiter: asyncio.Future[None] | None = None
        # The request that is being read.
        self.in_message = self.head_read = self.chunked = self.websocket = self.old = False
        self.expecting = False
        self.replaying = False
        """The head that is parsed is our own: see `_disregard_upgrade`."""
        self.target = b""
        self.headers: dict[bytes, bytes] = {}
        self.fields = 0
        self.method = ""
        self.path = ""
        self.query = ""
        self.expected = 0
        self.most = 0
        """How large the body may be."""
        self.body = Gather()
        self.received_at = 0.0
        self.tainted = False
        self.refused: Refused | None = None
        # The answer that is being written.
        self.answering = False
        """Its head is out, or about to be: it cannot become another answer."""
        self.held = b""
        self.quiet = b""
        """What a streamed answer says when it has nothing to say."""
        self.spoke = False
        """It said something since the last tick."""
        self.spoke_at = 0.0
        self.leftover = bytearray()
        # What the clock looks at.
        self.raw = 0
        """Bytes of the head, or of the body, that came after the read which began it."""
        self.began = False
        self.fresh = True
        self.since = begun
        """When the present wait began: for a request, or for the peer to leave."""
        self.pace = Pace(begun)
        self.stall = Stall()

    # The transport speaks.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own.
        self.client = prepare(self.transport)
        self.live.add(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.live.view

    def buffer_updated(self, nbytes: int) -> None:
        self.feed(self.live.view[:nbytes])
        if self.tainted:
            self.tainted = False
            wipe_buffer(self.live.receive, nbytes)

    def eof_received(self) -> None:
        """The caller has left: the transport closes, and with it goes the handler."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.live.discard(self)
        self.mode = Mode.CLOSING
        self.parser = None  # it holds our methods, and so us
        self.held = b""
        if self.task is not None:
            self.task.cancel()
        if self.waiter is not None and not self.waiter.done():
            self.waiter.cancel()
        for turn in self.queue:
            wipe_buffer(turn.request.body)
        self.queue.clear()
        self.body.clear()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def writable(self) -> None:
        """Wait until the peer has read most of what was written."""
        while self.paused:
            self.waiter = self.live.loop.create_future()
            await self.waiter

    # Bytes become requests.

    def feed(self, data: memoryview) -> None:
        """Parse what has come; nothing of `data` is kept."""
        if self.mode is not Mode.OPEN or self.parser is None:
            if self.mode is Mode.UPGRADING:
                self.leftover += data
                if len(self.leftover) > self.live.limits.stream_backlog:
                    self.transport.abort()
            self.tainted = True
            return
        self.began = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self.tainted = (
                True  # What follows a refused head is not read, and may hold a secret all the same.
            )
            if self.mode is Mode.OPEN:
                # httptools reports an exception of a callback in several ways.
                self._refuse(self.refused or Refused(400, f"The request is not valid HTTP/1.1: {error}."))
        else:
            if self.in_message:
                self.raw = 0 if self.began else self.raw + len(data)
                self._check_hidden()

    def _check_hidden(self) -> None:
        """Bound what the parser holds back: a field without an end, trailers, extensions of chunks."""
        limit = self.live.limits.header_bytes
        if not self.head_read:
            if self.raw > limit:
                self._refuse(Refused(431, f"The request head is larger than {limit} bytes."))
        elif self.chunked and self.raw > limit + (CHUNK_OVERHEAD + 1) * self.body.size:
            self._refuse(Refused(400, "The chunked body is more framing than body."))

    def on_message_begin(self) -> None:
        if self.replaying:
            return
        self.in_message = self.began = True
        self.fresh = self.head_read = self.websocket = False
        self.fields = 0
        self.target = b""
        self.headers = {}
        self.received_at = perf_counter()

    def on_url(self, url: bytes) -> None:
        self.target = self.target + url if self.target else url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head_read:
            return  # trailers are read and forgotten
        headers = self.headers
        name = name.lower()
        value = value.strip(b" \t")
        self.fields += 1
        if name in headers:
            if name == b"host":
                self._fail(400, "A request has one host header.")
            value = headers[name] + (b"; " if name == b"cookie" else b", ") + value
        if self.fields > self.live.limits.header_count:
            self._fail(431, f"The request has more than {self.live.limits.header_count} header fields.")
        headers[name] = value

    def on_headers_complete(self) -> None:
        if self.replaying:
            return
        parser, limits = self.parser, self.live.limits
        assert parser is not None  # noqa: S101
        headers = self.headers
        self.head_read = True
        method = parser.get_method()
        version = parser.get_http_version()
        self.old = version == "1.0"
        try:
            check_head(headers, self.target, version, limits)
            if method not in METHODS:
                raise Refused(501, f"This service does not know {method.decode()}.")
            self.method = METHODS[method]
            self.path, self.query = read_target(self.target, self.method, headers)
            self.most = limits.body_limit(self.path)
            self.expected, self.chunked = body_size(headers, version, self.most)
        except Refused as refused:
            self.refused = refused
            raise
        if parser.should_upgrade():
            self.websocket = (
                method == b"GET"
                and headers.get(b"upgrade", b"").lower() == b"websocket"
                and not (self.expected or self.chunked)
            )
        if self.expected or self.chunked:
            self.pace.restart(self.received_at)
            self.began = True
            if headers.get(b"expect", b"").lower() == b"100-continue" and not self.old:
                self.expecting = True
                if self.task is None:
                    self._continue()

    def on_body(self, chunk: bytes) -> None:
        if self.body.size + len(chunk) > self.most:
            self._fail(413, too_large(self.most))
        self.body.add(chunk, self.expected)
        wipe_bytes(chunk)
        self.tainted = True

    def on_message_complete(self) -> None:
        parser = self.parser
        assert parser is not None  # noqa: S101
        if not self.replaying and not self.websocket and parser.should_upgrade():
            return  # `_upgraded` goes on
        self.replaying = False
        self._complete(keep=bool(parser.should_keep_alive()))

    def _complete(self, *, keep: bool) -> None:
        self.in_message = self.expecting = False
        self.since = 0.0
        request = Request(
            self.method, self.path, self.query, self.headers, self.body.take(), self.received_at, self.client
        )
        turn = Turn(request, keep, self.old, self.websocket)
        if not keep:
            self.mode = Mode.DEAF
        elif self.websocket:
            self.mode = Mode.UPGRADING
        if self.task is None:
            self._start(turn)
            return
        if len(self.queue) >= self.live.limits.pipelined:
            self._fail(400, "Wait for answers before sending more requests.")
        self.queue.append(turn)
        self.queued += len(request.body)
        limits = self.live.limits
        # A caller who leaves is seen only while reading goes on.
        if self.reading and (2 * len(self.queue) > limits.pipelined or self.queued > limits.stream_backlog):
            self.reading = False
            self.transport.pause_reading()

    def _upgraded(self, rest: memoryview) -> None:
        """Go on after a head that asked for another protocol."""
        if self.mode is not Mode.OPEN:
            self.feed(rest)
        elif self.expected or self.chunked:
            self._disregard_upgrade(rest)
        else:
            try:
                self._complete(keep=True)
            except Refused as refused:
                self._refuse(refused)
            if rest:
                self.feed(rest)

    def _disregard_upgrade(self, rest: memoryview) -> None:
        """Read the body of a request whose wish (h2c, mostly) is not granted.

        The parser believes that such a request has no body. A new one is told about it.
        """
        self.replaying = True
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
            if self.chunked
            else b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % self.expected
        )
        if rest:
            self.feed(rest)

    def _fail(self, status: int, message: str) -> None:
        """Stop the parser from inside one of its callbacks."""
        self.refused = Refused(status, message)
        raise self.refused

    # Requests become answers.

    def _start(self, turn: Turn) -> None:
        self.task = self.live.loop.create_task(answer(self, turn))

    def finished(self, *, keep: bool) -> None:
        """An answer is out: take the next turn, or leave."""
        self.task = None
        if self.mode is Mode.CLOSING:
            return
        if not keep:
            self._leave()
        elif self.queue:
            self._next()
        elif self.last_words:
            self.transport.write(self.last_words)
            self._leave()
        elif self.mode is Mode.UPGRADING:
            self._stay()
        elif self.in_message:
            # Nobody's fault that it had to wait.
            self.received_at = perf_counter()
            self.pace.restart(self.received_at)
            if self.expecting:
                self._continue()
        elif self.live.draining:
            self._leave()

    def _next(self) -> None:
        turn = self.queue.popleft()
        self.queued -= len(turn.request.body)
        self._start(turn)
        if not self.queue and not self.reading:
            self.reading = True
            self.transport.resume_reading()

    def _stay(self) -> None:
        """The handler did not grant the WebSocket: go on with HTTP."""
        self.mode = Mode.OPEN
        leftover, self.leftover = self.leftover, bytearray()
        if leftover:
            self.feed(memoryview(leftover))

    def become(self, socket: Socket) -> None:
        """Hand the connection to a WebSocket, with the bytes that came early."""
        self.live.discard(self)
        self.parser = None
        if not self.reading:
            self.transport.resume_reading()
        self.transport.set_protocol(socket)
        socket.begin(self.transport, bytes(self.leftover))

    @property
    def wanted(self) -> bool:
        """Whether there is still somebody to answer, and time for it."""
        return self.mode is not Mode.CLOSING

    def hold(self, head: bytes) -> None:
        """Keep a head until the loop's next turn, in case its body's first chunk comes before."""
        self.held = head
        self.live.loop.call_soon(self._flush)

    def keep_alive(self, said: bytes) -> None:
        """Say this whenever the answer was silent for long, until `quiet` is empty again."""
        self.quiet, self.spoke = said, True

    def release(self) -> bytes:
        """Return the head if it was not written yet."""
        head, self.held = self.held, b""
        return head

    def _flush(self) -> None:
        if self.held:
            self.transport.write(self.release())

    def _continue(self) -> None:
        self.expecting = False
        self.transport.write(CONTINUE)

    def _refuse(self, refused: Refused) -> None:
        """Answer a request that will not be handled, after those before it, and stop listening."""
        self.mode = Mode.DEAF
        self.tainted = True  # There may be more of it in the buffer than was parsed.
        self.in_message = False
        self.body.clear()
        self.last_words = refusal(refused.status, refused.message)
        if self.task is None:
            self.transport.write(self.last_words)
            self._leave()

    def _leave(self) -> None:
        """Close so that the last answer arrives: a socket closed with unread bytes resets it away."""
        self.since = perf_counter()
        if self.transport.is_closing():
            return
        self.mode = Mode.LINGERING
        if not self.reading:
            self.reading = True
            self.transport.resume_reading()
        # A TLS transport that closes throws away what still comes without wiping it; so the peer closes, or time does.
        if self.transport.can_write_eof():
            self.transport.write_eof()

    # The worker speaks.

    @property
    def requests(self) -> int:
        return len(self.queue) + (self.task is not None)

    def tick(self, now: float) -> None:
        limits = self.live.limits
        pending = self.transport.get_write_buffer_size()
        if self.stall.given_up(pending, now, limits):
            self.transport.abort()
        elif self.mode is Mode.LINGERING:
            if now - self.since > limits.linger and not pending:
                self.transport.abort()
        elif self.mode is Mode.CLOSING:
            if now - self.since > limits.write_stall:
                self.transport.abort()
        elif self.task is not None:
            if self.quiet and not pending:
                self._break_silence(now)
        elif self.mode is Mode.OPEN:
            if self.in_message:
                self._tick_message(now)
            elif not self.since:
                self.since = now
            elif now - self.since > (limits.header_timeout if self.fresh else limits.keepalive):
                self.mode, self.since = Mode.CLOSING, now
                self.transport.close()

    def _break_silence(self, now: float) -> None:
        if self.spoke:
            self.spoke, self.spoke_at = False, now
        elif now - self.spoke_at > self.live.limits.quiet:
            self.spoke_at = now
            self.transport.write(self.release() + self.quiet)

    def _tick_message(self, now: float) -> None:
        limits = self.live.limits
        if not self.head_read:
            if now - self.received_at > limits.header_timeout:
                self._refuse(Refused(408, f"The request head took over {limits.header_timeout:g} seconds."))
        elif self.pace.too_slow(self.body.size, now, limits):
            self._refuse(Refused(408, "The request body came too slowly."))

    def drain(self) -> None:
        if self.task is None and not self.in_message and self.mode is Mode.OPEN:
            self.mode, self.since = Mode.CLOSING, perf_counter()
            self.transport.close()

    def abandon(self) -> None:
        if self.mode is Mode.CLOSING:
            self.transport.abort()
            return
        self.mode, self.since = Mode.CLOSING, perf_counter()
        if self.task is not None:
            self.task.cancel()
            self.task = None
            if not self.answering:
                self.transport.write(DRAINING_ANSWER)
        self.transport.close()
