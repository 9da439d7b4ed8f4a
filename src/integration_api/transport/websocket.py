"""A WebSocket to a provider, on a connection that HTTP/1.1 gave up. https://www.rfc-editor.org/rfc/rfc6455"""

import asyncio
from base64 import b64decode
from collections import deque
from collections.abc import Callable
from time import perf_counter

from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side, State
from websockets.utils import accept_key

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.core.session import Closed
from integration_api.transport.connection import SWITCHED, Connection
from integration_api.transport.decompress import broken
from integration_api.transport.limits import READ_AHEAD, SocketLimits

_HANDSHAKE = "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: "


def handshake(key: str, subprotocols: tuple[str, ...], name_header: str = "") -> bytes:
    """Write the header lines that ask for a WebSocket. `key` is base64 of 16 random bytes, and can name it too."""
    lines = f"{_HANDSHAKE}{key}\r\n"
    if name_header:
        lines += f"{name_header}: {b64decode(key).hex()}\r\n"
    if subprotocols:
        lines += f"sec-websocket-protocol: {', '.join(subprotocols)}\r\n"
    return lines.encode("ascii")


def check_handshake(key: str, subprotocols: tuple[str, ...], connection: Connection) -> None:
    """Raise `ProviderError` (BAD_RESPONSE) unless the answer opens the WebSocket that was asked for."""
    headers = connection.headers
    if (
        connection.state != SWITCHED
        or headers.get("upgrade", "").lower() != "websocket"
        or headers.get("sec-websocket-accept") != accept_key(key)
        or "sec-websocket-extensions" in headers
        or headers.get("sec-websocket-protocol") not in (None, *subprotocols)
    ):
        raise broken("the provider did not open a WebSocket")


class Socket(asyncio.Protocol):
    """Driven by one task that sends and one that receives. Masked, as a client's frames are."""

    def __init__(self, connection: Connection, limits: SocketLimits) -> None:
        self._connection = connection
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._protocol = Protocol(Side.CLIENT, max_size=limits.message)
        self._messages: deque[str | bytes] = deque()
        self._begun = bytearray()
        """A message that came in part."""
        self._text = False
        self._backlog = 0
        self._reading = True
        self._lost = False
        self._heard: Callable[[str | bytes], bool] | None = None
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._heard_at = perf_counter()
        self._pinged_at = 0.0
        self.opened_at = self._heard_at
        self._transport = connection.hand_over(self)
        self._timer = self._loop.call_later(limits.ping, self._tick)
        if connection.early:
            self.data_received(connection.early)
        self._transport.resume_reading()

    # --- for whoever talks -------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether anything can still be said."""
        return not self._lost and self._protocol.state is State.OPEN

    @property
    def closed(self) -> Closed:
        """How it ended, once it has: the provider's close code and words, or 1006 without either."""
        said = self._protocol.close_rcvd
        return Closed(int(CloseCode.ABNORMAL_CLOSURE)) if said is None else Closed(said.code, said.reason)

    async def send(self, message: str | bytes) -> None:
        """Send one message; waits while the provider reads slowly. What is said to a closed socket is lost."""
        if not self.open:
            return
        self.write(message)
        if not self._room.is_set():
            try:
                async with asyncio.timeout(self._limits.stall):
                    await self._room.wait()
            except TimeoutError:
                self.abort()
                raise ProviderError(
                    Kind.TIMEOUT,
                    "the provider stopped reading the socket",
                    code="upstream_timeout",
                    phase=Phase.STREAM,
                ) from None

    @property
    def ready(self) -> bool:
        """Whether the provider listens and reads as fast as it is spoken to: then `write` will do."""
        return self.open and self._room.is_set()

    def write(self, message: str | bytes) -> None:
        """Send one message without waiting. For when it is `ready`."""
        if isinstance(message, str):
            self._protocol.send_text(message.encode())
        else:
            self._protocol.send_binary(message)
        self._flush()

    def attend(self, heard: Callable[[str | bytes], bool]) -> None:
        """Have messages given to `heard` first: see `Link`."""
        self._heard = heard

    def half_close(self) -> None:
        """A WebSocket knows no such thing: it stays open."""

    async def receive(self) -> str | bytes | None:
        """Return the next message, or None once the socket is closed: `closed` tells how."""
        while not self._messages:
            if not self.open:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        message = self._messages.popleft()
        self._backlog -= len(message)
        if not self._reading and self._backlog <= READ_AHEAD:
            self._reading = True
            if not self._lost:
                self._transport.resume_reading()
        return message

    async def close(self) -> None:
        """Say goodbye, and wait a little until the provider has said it too."""
        if self.open:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush()
        try:
            async with asyncio.timeout(self._limits.farewell):
                while not self._lost:
                    self._messages.clear()
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Hang up at once."""
        if not self._lost:
            self._transport.abort()

    # --- for the loop ------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._heard_at = perf_counter()
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        self._flush()
        self._arrived.set()
        if self._backlog > READ_AHEAD and self._reading and not self._lost:
            self._reading = False
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """The provider has left: the transport closes."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._timer.cancel()
        self._arrived.set()
        self._room.set()
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    # --- inside ------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            self._text = frame.opcode is Opcode.TEXT
        elif frame.opcode is not Opcode.CONT:
            return
        whole = bytes(frame.data)
        if not frame.fin or self._begun:
            self._begun += whole
            if not frame.fin:
                return
            whole, self._begun = bytes(self._begun), bytearray()
        message: str | bytes = whole
        if self._text:
            try:
                message = whole.decode()
            except UnicodeDecodeError:
                self._protocol.fail(CloseCode.INVALID_DATA, "not UTF-8")
                return
        if self._messages or self._heard is None or not self._heard(message):
            self._messages.append(message)
            self._backlog += len(message)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if self._lost:
                return
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()

    def _tick(self) -> None:
        """Ping a provider that has been silent, and hang up on one that does not answer."""
        now = perf_counter()
        silent = now - self._heard_at
        if silent > self._limits.ping + self._limits.pong and self._pinged_at >= self._heard_at:
            self.abort()
            return
        if silent > self._limits.ping and self._pinged_at < self._heard_at and self.open:
            self._pinged_at = now
            try:
                self._protocol.send_ping(b"")
            except ProtocolError:
                return
            self._flush()
        self._timer = self._loop.call_later(self._limits.pong, self._tick)
