"""A WebSocket on a connection that HTTP/1.1 gave up. https://www.rfc-editor.org/rfc/rfc6455"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter

from websockets.datastructures import Headers
from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from integration_api.edge.application import Request, WebSocket
from integration_api.edge.live import Live

GOING_AWAY = 1001
INTERNAL_ERROR = 1011


class Socket(asyncio.Protocol):
    """The wire side and the handler's side of one WebSocket."""

    def __init__(
        self, live: Live, request: Request, subprotocol: str | None, task: "asyncio.Task[None]"
    ) -> None:
        self._live = live
        self._task = task
        self._request = request
        self._protocol = ServerProtocol(
            max_size=live.limits.message_bytes,
            subprotocols=None if subprotocol is None else [Subprotocol(subprotocol)],
        )
        self._transport: asyncio.Transport
        self._messages: deque[str | bytes] = deque()
        self._backlog = 0
        self._parts: list[bytes] = []
        self._text = False
        self._reading = True
        self._paused = False
        self._lost = False
        self._arrived: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._heard_at = perf_counter()
        self._pinged_at = 0.0
        self._gone_at = 0.0

    # --- the wire's side ---------------------------------------------------------------------

    def begin(self, transport: asyncio.Transport, early: bytes) -> None:
        """Answer the handshake; `early` came with it."""
        self._transport = transport
        self._live.add(self)
        headers = Headers()
        for name, value in self._request.headers.items():
            headers[name.decode("latin-1")] = value.decode("latin-1")
        query = f"?{self._request.query}" if self._request.query else ""
        handshake = Handshake(self._request.path + query, headers)
        self._protocol.send_response(self._protocol.accept(handshake))
        self._flush()
        if early:
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        self._heard_at = perf_counter()
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        self._flush()
        if self._backlog > self._live.limits.stream_backlog and self._reading:
            self._reading = False
            self._transport.pause_reading()
        if self._protocol.state is not State.OPEN:
            self._wake()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._gone_at = perf_counter()
        self._live.discard(self)
        self._wake()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._live.loop.call_later(self._live.limits.websocket_grace, self._task.cancel)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _take(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._text = frame.opcode is Opcode.TEXT
            self._parts = [bytes(frame.data)]
        elif frame.opcode is Opcode.CONT:
            self._parts.append(bytes(frame.data))
        else:
            return
        self._backlog += len(frame.data)
        if not frame.fin:
            return
        whole = b"".join(self._parts)
        self._parts = []
        if self._text:
            try:
                self._messages.append(whole.decode())
            except UnicodeDecodeError:
                self._protocol.fail(1007, "not UTF-8")
                return
        else:
            self._messages.append(whole)
        self._wake()

    def _flush(self) -> None:
        if self._lost:
            return
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
        if self._protocol.close_expected():
            self._live.loop.call_later(self._live.limits.linger, self._hang_up)

    def _hang_up(self) -> None:
        if not self._lost:
            self._transport.abort()

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    # --- the handler's side ------------------------------------------------------------------

    async def run(self, talk: Callable[[WebSocket], Awaitable[None]]) -> None:
        """Let the handler talk; what it leaves open is closed."""
        code = 1000
        try:
            await talk(self)
        except asyncio.CancelledError:
            code = GOING_AWAY
        except Exception:  # noqa: BLE001 - the peer learns that it failed, and nothing of what failed
            code = INTERNAL_ERROR
        await self.close(code)

    async def receive(self) -> str | bytes | None:
        while not self._messages:
            if self._lost or self._protocol.state is not State.OPEN:
                return None
            self._arrived = self._live.loop.create_future()
            await self._arrived
        message = self._messages.popleft()
        self._backlog -= len(message)
        if not self._reading and self._backlog <= self._live.limits.stream_backlog // 2 and not self._lost:
            self._reading = True
            self._transport.resume_reading()
        return message

    async def send(self, message: str | bytes) -> None:
        if self._lost or self._protocol.state is not State.OPEN:
            raise ConnectionResetError("the WebSocket is closed")
        if isinstance(message, str):
            self._protocol.send_text(message.encode())
        else:
            self._protocol.send_binary(message)
        self._flush()
        while self._paused and not self._lost:
            self._drained = self._live.loop.create_future()
            await self._drained

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self._lost or self._protocol.state is not State.OPEN:
            return
        with suppress(ProtocolError):
            self._protocol.send_close(code, reason)
        self._flush()

    # --- the worker's side -------------------------------------------------------------------

    @property
    def requests(self) -> int:
        return 0 if self._task.done() else 1

    def tick(self, now: float) -> None:
        limits = self._live.limits
        silent = now - self._heard_at
        if silent > limits.websocket_ping + limits.websocket_ping_timeout:
            self._transport.abort()
        elif silent > limits.websocket_ping and self._pinged_at < self._heard_at:
            if self._protocol.state is State.OPEN:
                self._pinged_at = now
                self._protocol.send_ping(b"")
                self._flush()

    def drain(self) -> None:
        """A talk goes on until it ends by itself or the time is over."""

    def abandon(self) -> None:
        if self._task.done():
            self._transport.abort()
        else:
            self._task.cancel()
