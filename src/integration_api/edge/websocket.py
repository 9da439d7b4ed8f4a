"""A WebSocket on a connection that HTTP/1.1 gave up. https://www.rfc-editor.org/rfc/rfc6455

Whole messages of one frame, which is nearly all that comes and goes, are read and written here. Everything else
is the library's: fragments, pings, the goodbye, and whoever breaks the rules.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter

from websockets.datastructures import Headers
from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.http11 import Response as Answer
from websockets.protocol import Protocol, Side, State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from integration_api.edge.application import Request, Response, Upgrade
from integration_api.edge.live import Live
from integration_api.edge.patience import Stall
from integration_api.edge.refusals import JSON_HEADERS, error_body
from integration_api.edge.websocket_frames import WHOLE_BINARY, WHOLE_TEXT, measure, unmask, write

MESSAGE_COST = 64
"""What a waiting message counts besides its bytes: empty ones take memory, too."""


class Socket(asyncio.Protocol):
    """The wire side and the handler's side of one WebSocket."""

    def __init__(self, live: Live, request: Request, upgrade: Upgrade, task: "asyncio.Task[None]") -> None:
        self._live = live
        self._task = task
        self._request = request
        self._upgrade = upgrade
        self._answer = _shake(request, upgrade.subprotocol)
        self._protocol = Protocol(Side.SERVER, max_size=live.limits.message_bytes)
        self._open = True
        """Whether neither side has said goodbye."""
        self._part = bytearray()
        """A frame that came in part."""
        self._needed = 0
        """How long that has to be before there is anything to be seen in it."""
        self._heard: Callable[[bytes], bool] | None = None
        self._texts: Callable[[str], bool] | None = None
        self._transport: asyncio.Transport
        self._messages: deque[str | bytes] = deque()
        self._backlog = 0
        """What the messages that wait for the handler count."""
        self._begun = bytearray()
        """A message that came in part."""
        self._text = False
        self._reading = True
        self._paused = False
        self._lost = False
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._grace: asyncio.TimerHandle | None = None
        self._heard_at = perf_counter()
        self._pinged_at = 0.0
        self._closed_at = 0.0
        self._stall = Stall()

    @property
    def refusal(self) -> Response | None:
        """What to answer to a handshake that is none."""
        if self._answer.status_code == 101:
            return None
        # Section 4.4: who speaks another version is told ours.
        status = 400 if self._request.headers.get(b"sec-websocket-version") == b"13" else 426
        headers = [*JSON_HEADERS, (b"upgrade", b"websocket"), (b"sec-websocket-version", b"13")]
        return Response(status, headers, error_body(status, "The WebSocket handshake is not valid."))

    # The wire's side.

    def begin(self, transport: asyncio.Transport, early: bytes) -> None:
        """Answer the handshake; `early` came with it."""
        self._transport = transport
        self._live.add(self)
        self._transport.write(self._answer.serialize())
        if early:
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        self._heard_at = perf_counter()
        if self._part:
            self._part += data
            if len(self._part) < self._needed:
                return
            data = bytes(self._part)
            self._part.clear()
        self._read(data)
        if self._messages or not self._open:
            self._arrived.set()
        if self._backlog or not self._reading:
            self._regulate()

    def _read(self, data: bytes) -> None:
        """Take the frames in `data`, and keep what follows the last whole one."""
        at, end, most = 0, len(data), self._live.limits.message_bytes
        while at < end:
            start, stop = measure(data, at, end)
            if not self._open or start < 0 or (start and stop - start > most):
                self._strange(data[at:])  # It breaks the rules, or is said after a goodbye.
                return
            if stop > end or not start:
                self._part += data[at:]
                self._needed = stop - at
                return
            first = data[at]
            if (first == WHOLE_BINARY or first == WHOLE_TEXT) and self._protocol.current_size is None:
                payload = unmask(data[start:stop], data[start - 4 : start])
                if first == WHOLE_TEXT:
                    self._text = True
                    self._whole(payload)
                elif self._messages or self._heard is None or not self._heard(payload):
                    self._messages.append(payload)
                    self._backlog += len(payload) + MESSAGE_COST
            else:
                self._strange(data[at:stop])
            at = stop

    def _strange(self, data: bytes) -> None:
        """Let the library see to it."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        self._flush()

    def eof_received(self) -> None:
        """The peer has left: the transport closes."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._live.discard(self)
        self._arrived.set()
        self._room.set()
        if not self._task.done():
            self._grace = self._live.loop.call_later(self._live.limits.websocket_grace, self._task.cancel)

    def pause_writing(self) -> None:
        self._paused = True
        self._room.clear()
        self._regulate()

    def resume_writing(self) -> None:
        self._paused = False
        self._room.set()
        self._regulate()

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            self._text = frame.opcode is Opcode.TEXT
        elif frame.opcode is not Opcode.CONT:
            return
        if not frame.fin:
            self._begun += frame.data
            return
        whole = bytes(frame.data)
        if self._begun:
            self._begun += whole
            whole, self._begun = bytes(self._begun), bytearray()
        self._whole(whole)

    def _whole(self, whole: bytes) -> None:
        if self._text:
            try:
                text = whole.decode()
            except UnicodeDecodeError:
                self._protocol.fail(CloseCode.INVALID_DATA, "not UTF-8")
                self._flush()
                return
            if not self._messages and self._texts is not None and self._texts(text):
                return
            self._messages.append(text)
        else:
            self._messages.append(whole)
        self._backlog += _cost(self._messages[-1])

    def _regulate(self) -> None:
        """Read while the handler keeps up, and while the peer reads what its own pings are answered with."""
        wanted = not self._paused and self._backlog <= self._live.limits.stream_backlog
        if wanted != self._reading and not self._lost:
            self._reading = wanted
            if wanted:
                self._heard_at = perf_counter()
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def _flush(self) -> None:
        self._open = self._protocol.state is State.OPEN
        if self._lost:
            return
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()

    # The handler's side.

    async def run(self) -> None:
        """Let the handler talk; what it leaves open is closed."""
        code = CloseCode.NORMAL_CLOSURE
        try:
            await self._upgrade.talk(self)
        except asyncio.CancelledError:
            code = CloseCode.GOING_AWAY
        except ConnectionResetError:
            pass  # it spoke to a peer who had left
        except Exception as error:  # noqa: BLE001 - the peer learns that it failed, and nothing of what failed
            self._live.application.failed(error, self._request.path)
            code = CloseCode.INTERNAL_ERROR
        if self._grace is not None:
            self._grace.cancel()
        await self.close(code)

    async def receive(self) -> str | bytes | None:
        while not self._messages:
            if self._lost or not self._open:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        message = self._messages.popleft()
        self._backlog -= _cost(message)
        if not self._reading:
            self._regulate()
        return message

    def attend(
        self, heard: Callable[[bytes], bool] | None, texts: Callable[[str], bool] | None = None
    ) -> None:
        self._heard, self._texts = heard, texts

    async def send(self, message: str | bytes) -> None:
        if self._lost or not self._open:
            raise ConnectionResetError("the WebSocket is closed")
        self.write(message)
        if self._paused:
            await self._room.wait()

    @property
    def ready(self) -> bool:
        return self._open and not (self._lost or self._paused)

    def write(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self._transport.write(write(WHOLE_TEXT, message.encode()))
        else:
            self._transport.write(write(WHOLE_BINARY, message))

    async def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        if self._lost or not self._open:
            return
        try:
            self._protocol.send_close(code, reason)
        except ProtocolError:
            raise ValueError(f"a WebSocket can not be closed with {code} and this reason") from None
        self._flush()
        # Nobody will take what waits, and the peer's own close is behind it.
        self._messages.clear()
        self._backlog = 0
        self._arrived.set()
        self._regulate()

    # The worker speaks.

    @property
    def requests(self) -> int:
        return 0 if self._task.done() else 1

    def tick(self, now: float) -> None:
        limits = self._live.limits
        if self._stall.given_up(self._transport.get_write_buffer_size(), now, limits):
            self._transport.abort()
        elif self._protocol.close_expected():
            self._closed_at = self._closed_at or now
            if now - self._closed_at > limits.linger:
                self._transport.abort()
        elif self._reading:
            if self._pinged_at >= self._heard_at:
                if now - self._pinged_at > limits.websocket_ping_timeout:
                    self._transport.abort()
            elif now - self._heard_at > limits.websocket_ping:
                self._pinged_at = now
                if self._open:
                    self._protocol.send_ping(b"")
                    self._flush()

    def drain(self) -> None:
        """A talk goes on until it ends by itself or the time is over."""

    def abandon(self) -> None:
        if self._task.done():
            self._transport.abort()
        else:
            self._task.cancel()


def _shake(request: Request, subprotocol: str | None) -> Answer:
    headers = Headers()
    for name, value in request.headers.items():
        headers[name.decode("latin-1")] = value.decode("latin-1")
    named = None if subprotocol is None else Subprotocol(subprotocol)
    shaking = ServerProtocol(select_subprotocol=lambda _, offered: named if named in offered else None)
    return shaking.accept(Handshake(request.path, headers))


def _cost(message: str | bytes) -> int:
    return len(message) + MESSAGE_COST
