"""HTTP/1.1 on a raw socket: keep-alive, pipelining, chunked streams, and faults that a framework would hide."""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, cast

import httptools

from lab.desk import Desk
from lab.faults import Fault
from lab.grpc import PREFACE, GrpcConnection
from lab.http import Call, Response, Talk
from lab.play import Ended, Wire, chunk, play
from lab.record import Disconnect
from lab.socket import Socket

BODY_LIMIT = 64 * 1024 * 1024  # twice the largest body a provider takes; more is no request but an accident
PIPELINE_LIMIT = 64  # requests one connection may send ahead
_REASONS = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


class Connection(asyncio.Protocol):
    """One client. Answers are written at once unless they have to be played."""

    def __init__(self, desk: Desk, members: "set[Connection]", number: int) -> None:
        self.desk = desk
        self.members = members
        self.number = number
        self.transport: asyncio.Transport
        self.parser: Any = httptools.HttpRequestParser(self)
        self.waiting: deque[tuple[Call, bool]] = deque()
        self.current: Call | None = None
        self.wire: Wire | None = None
        self.task: asyncio.Task[None] | None = None
        self.writable: asyncio.Future[None] | None = None
        self.paused = False
        self.target = b""
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []
        self.size = 0
        self.early = b""
        self.socket: Socket | GrpcConnection | None = None
        self.spoken_to = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own.
        self.members.add(self)
        self.desk.stats.connections += 1
        self.desk.stats.connections_seen += 1

    def data_received(self, data: bytes) -> None:
        if not self.spoken_to:
            self.spoken_to = True
            if data.startswith(PREFACE):
                self.socket = GrpcConnection(self.desk, self.number, self.connection_lost)
                self.socket.begin(self.transport, data)
                return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.early = data[upgrade.args[0] :]
            self._next()
        except httptools.HttpParserError:
            self.desk.stats.malformed += 1
            self._refuse(400)
        else:
            self._next()

    def eof_received(self) -> bool:
        self._left()
        self.transport.abort()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._left()
        self.members.discard(self)
        self.desk.stats.connections -= 1
        self.waiting.clear()
        if self.task is not None:
            self.task.cancel()
        if self.writable is not None and not self.writable.done():
            self.writable.cancel()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.writable is not None and not self.writable.done():
            self.writable.set_result(None)
        self.writable = None

    # httptools

    def on_message_begin(self) -> None:
        self.target = b""
        self.headers = {}
        self.body = []
        self.size = 0

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        if self.headers.get("expect", "").lower() == "100-continue":
            self.transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        self.size += len(body)
        if self.size > BODY_LIMIT:
            self._refuse(413)
        else:
            self.body.append(body)

    def on_message_complete(self) -> None:
        if self.transport.is_closing():
            return
        body = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        method = self.parser.get_method().decode("ascii")
        scheme = "http" if self.transport.get_extra_info("sslcontext") is None else "https"
        call = self.desk.call(method, self.target.decode("latin-1"), self.headers, body, scheme)
        self.waiting.append((call, self.parser.should_keep_alive()))
        if len(self.waiting) > PIPELINE_LIMIT:
            self._refuse(429)

    # answering

    def _next(self) -> None:
        while self.current is None and self.waiting and not self.transport.is_closing():
            call, keep = self.waiting.popleft()
            response, fault = self.desk.answer(call, self.number)
            stats = self.desk.stats
            stats.statuses[response.status] = stats.statuses.get(response.status, 0) + 1
            if response.talk is not None and response.status == HTTPStatus.SWITCHING_PROTOCOLS:
                call.fault = fault
                delay = (fault.delay_ms if fault else 0) + response.delay_ms
                loop = asyncio.get_running_loop()
                loop.call_later(delay / 1000, self._switch, call, response.headers, response.talk)
                return
            head = _head(response, keep=keep)
            if fault is None and not (
                response.delay_ms or response.gap_ms or response.gaps_ms or response.lazy
            ):
                self.transport.write(_joined(head, response, call))
                if not keep:
                    self.transport.close()
                continue
            self.current = call
            stats.answering += 1
            stats.answering_most = max(stats.answering_most, stats.answering)
            self.wire = Wire(self.transport, self._drained, fault)
            self.task = asyncio.ensure_future(self._play(response, head, fault, keep=keep))

    def _switch(self, call: Call, headers: list[tuple[str, str]], talk: Talk) -> None:
        """Lets a WebSocket have the connection, which still counts as one of the lab's."""
        if self.transport.is_closing():
            return
        self.socket = Socket(call, headers, talk, self.connection_lost)
        self.socket.begin(self.transport, self.early)

    async def _play(self, response: Response, head: bytes, fault: Fault | None, *, keep: bool) -> None:
        assert self.wire is not None
        try:
            await play(self.wire, response, head, fault)
        except Ended:
            self._done()
            return
        self._done()
        self.task = None
        if keep:
            self._next()
        else:
            self.transport.close()

    def _done(self) -> None:
        if self.current is not None:
            self.current = None
            self.desk.stats.answering -= 1

    def _left(self) -> None:
        """Notes that the client went while it was being answered."""
        call, wire = self.current, self.wire
        if call is None or wire is None:
            return
        self._done()
        stats = self.desk.stats
        stats.disconnects += 1
        stats.disconnected.append(
            Disconnect(
                at=time.monotonic(),
                unix=time.time(),
                serial=call.serial,
                provider=call.provider,
                path=call.path,
                model=call.model,
                sent_bytes=wire.sent,
                sent_pieces=wire.pieces,
            )
        )
        self.desk.left.set()

    async def _drained(self) -> None:
        if self.transport.is_closing():
            self._left()  # a write has met with it before the loop was told
            raise Ended
        if self.paused:
            if self.writable is None:
                self.writable = asyncio.get_running_loop().create_future()
            await self.writable

    def _refuse(self, status: int) -> None:
        if not self.transport.is_closing():
            self.transport.write(_head(Response(status), keep=False))
            self.transport.close()


def _joined(head: bytes, response: Response, call: Call) -> bytes:
    if response.events is None:
        return head if call.method == "HEAD" else head + response.body
    parts = [head, *map(chunk, response.events), *map(chunk, response.ending), _LAST_CHUNK]
    return b"".join(parts)


def _head(response: Response, *, keep: bool) -> bytes:
    status = response.status
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}", f"date: {_date()}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    if response.streamed:
        lines.append("transfer-encoding: chunked")
    elif status != HTTPStatus.NO_CONTENT:
        lines.append(f"content-length: {len(response.body)}")
    lines.append("connection: keep-alive" if keep else "connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


_clock: tuple[int, str] = (0, "")


def _date() -> str:
    """The time as a header says it, made once a second."""
    global _clock  # noqa: PLW0603 - one line for all connections, remade when the second turns
    now = int(time.time())
    if _clock[0] != now:
        _clock = (now, time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now)))
    return _clock[1]


class Listener:
    """A listening lab. Ends every connection when it stops."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.members: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._numbers: Iterable[int] = iter(range(1, 1 << 62))

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listens, and returns the port. Raises `OSError` when the port is taken."""
        numbers = iter(self._numbers)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self.desk, self.members, next(numbers)), host, port, ssl=tls, backlog=1024
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stops listening and drops every client."""
        if self._server is None:
            return
        self._server.close()
        for member in list(self.members):
            member._done()
            if member.socket is not None:
                member.socket.stop()
            member.transport.abort()
        await asyncio.sleep(0)
        await self._server.wait_closed()
