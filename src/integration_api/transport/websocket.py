"""A WebSocket to a provider, on a connection that HTTP/1.1 gave up. https://www.rfc-editor.org/rfc/rfc6455

Frames are read where they arrive, so that what quotes a secret can be overwritten before anything else knows of it:
why the provider closes, and texts that tell of an error.
"""

import asyncio
from base64 import b64decode
from collections import deque
from collections.abc import Callable
from time import perf_counter

from websockets.exceptions import ProtocolError
from websockets.frames import Close, CloseCode, Opcode
from websockets.utils import accept_key

from integration_api.core.secret import wipe
from integration_api.core.session import Closed
from integration_api.transport.connection import SWITCHED, Connection
from integration_api.transport.decompress import broken
from integration_api.transport.limits import READ_AHEAD, SocketLimits
from integration_api.transport.watched import Watched
from integration_api.transport.websocket_frames import (
    FINAL,
    HEADER_BYTES,
    NOTHING,
    OPCODE,
    RESERVED,
    Broken,
    frame,
    measure,
)

_HANDSHAKE = "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: "
_RECEIVED = bytearray(64 * 1024)
"""What every socket reads into, and empties at once; a frame that came in part gets a buffer of its own."""
_RECEIVE = memoryview(_RECEIVED)
_ROOM = 4096
"""Of a buffer for a frame that came in part, at least: the next ones fit behind it."""
_TRUSTED = 64 * 1024
"""Announced sizes up to this are allocated at once; more only as bytes arrive."""
_ERROR, _WARNING = b"rror", b"arning"
"""What a text holds that tells of something wrong, in each provider's language. Other texts quote nobody's secret."""


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


class Socket(Watched):
    """Driven by those who write and then `drain`, and by one task that receives. Masked, as a client's frames are."""

    def __init__(self, connection: Connection, limits: SocketLimits) -> None:
        super().__init__(connection, limits, limits.ping)
        self._messages: deque[str | bytes] = deque()
        self._part: bytearray | None = None
        """What follows the last whole frame, in a buffer with room for the rest of its own."""
        self._filled = 0
        self._begun: list[bytearray] = []
        """A message that came in fragments, as far as it has come."""
        self._begun_bytes = 0
        self._opcode = NOTHING
        """Of the message whose fragments come."""
        self._said: Close | None = None
        self._closing = False
        self._deaf = False
        """Whether what still comes is nobody's: the provider has said goodbye, or broken the rules."""
        self._backlog = 0
        self._reading = True
        self._heard: Callable[[str | bytes], bool] | None = None
        self.opened_at = self._heard_at
        self._transport = connection.hand_over(self)
        self._timer = self._loop.call_later(limits.ping, self._tick)
        if connection.early:
            early, connection.early = connection.early, bytearray()
            self._read(early, len(early))
        self._transport.resume_reading()

    # --- for whoever talks -------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether anything can still be said."""
        return not (self._lost or self._closing)

    @property
    def closed(self) -> Closed:
        """How it ended, once it has: the provider's close code and words, or 1006 without either."""
        said = self._said
        return Closed(int(CloseCode.ABNORMAL_CLOSURE)) if said is None else Closed(said.code, said.reason)

    def write(self, message: str | bytes) -> None:
        """Send one message, behind all that were written before. What is said to a closed socket is lost."""
        if self._lost or self._closing:
            return
        if isinstance(message, str):
            self._transport.write(frame(Opcode.TEXT, message.encode()))
        else:
            self._transport.write(frame(Opcode.BINARY, message))

    @property
    def ready(self) -> bool:
        """Whether the provider listens and reads as fast as it is spoken to."""
        return self.open and self._room.is_set()

    def attend(self, heard: Callable[[str | bytes], bool]) -> None:
        """Have messages given to `heard` first: see `Link`."""
        self._heard = heard

    def ping(self) -> None:
        """Ask the provider whether it is there, unless it owes an answer to that already."""
        if self._pinged_at <= self._heard_at and self.open:
            self._pinged_at = perf_counter()
            self._write(Opcode.PING, b"")

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
            self._say_goodbye(CloseCode.NORMAL_CLOSURE)
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

    # --- for the loop ------------------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        part = self._part
        return _RECEIVE if part is None else memoryview(part)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._heard_at = perf_counter()
        part = self._part
        if part is None:
            self._read(_RECEIVED, nbytes)
        else:
            self._read(part, self._filled + nbytes)

    def eof_received(self) -> None:
        """The provider has left: the transport closes."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._part is not None:
            wipe(self._part)
            self._part = None
        self._forget()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    # --- what is heard -----------------------------------------------------------------------

    def _read(self, buffer: bytearray, end: int) -> None:
        """Take the whole frames of `buffer`, which belongs to the socket until then, and keep what follows."""
        at = need = 0
        view = memoryview(buffer)
        try:
            while end - at >= HEADER_BYTES and not self._deaf:
                start, stop = measure(buffer, at, end, self._limits.message - self._begun_bytes)
                if stop > end:
                    need = stop - at
                    break
                self._take(buffer[at], view, start, stop)
                at = stop
        except Broken as rule:
            self._break_off(rule.code)
        except UnicodeDecodeError:
            self._break_off(CloseCode.INVALID_DATA)
        if self._deaf:
            view[at:end] = bytes(end - at)
            at = end
        if at == end:
            self._part = None
        elif buffer is self._part and not at and end < len(buffer):
            self._filled = end
        else:
            self._keep(view[at:end], need)
        if self._messages or self._closing:
            self._arrived.set()
        if self._backlog > READ_AHEAD and self._reading and not self._lost:
            self._reading = False
            self._transport.pause_reading()

    def _keep(self, rest: memoryview, need: int) -> None:
        """Move the beginning of a frame to where there is room for what is missing, and leave nothing behind."""
        have = len(rest)
        self._part = part = bytearray(max(_ROOM, min(need, max(_TRUSTED, 2 * have))))
        with memoryview(part) as place:
            place[:have] = rest
        rest[:] = bytes(have)
        self._filled = have

    def _take(self, first: int, view: memoryview, start: int, stop: int) -> None:
        opcode = first & OPCODE
        if first & RESERVED:
            raise Broken
        if opcode >= Opcode.CLOSE:
            if stop - start > 125 or not first & FINAL:
                raise Broken
            self._control(opcode, view[start:stop])
            return
        if opcode > Opcode.BINARY or (opcode == Opcode.CONT) != (self._opcode != NOTHING):
            raise Broken
        if opcode and first & FINAL:
            self._message(opcode, view[start:stop])
            return
        if opcode:
            self._opcode = opcode
        self._begun.append(bytearray(view[start:stop]))
        self._begun_bytes += stop - start
        view[start:stop] = bytes(stop - start)
        if first & FINAL:
            whole, opcode = bytearray().join(self._begun), self._opcode
            self._forget()
            self._message(opcode, memoryview(whole))

    def _message(self, opcode: int, said: memoryview) -> None:
        """Take a whole message, which may be overwritten."""
        message: str | bytes
        if opcode == Opcode.TEXT:
            raw = bytearray(said)
            if _ERROR in raw or _WARNING in raw:
                self._hide(raw)
                said[:] = bytes(len(said))
            message = raw.decode()
        else:
            message = bytes(said)
        if self._messages or self._heard is None or not self._heard(message):
            self._messages.append(message)
            self._backlog += len(message)

    def _control(self, opcode: int, said: memoryview) -> None:
        if opcode == Opcode.PING:
            self._write(Opcode.PONG, bytes(said))
        elif opcode == Opcode.CLOSE:
            raw = bytearray(said)
            said[:] = bytes(len(said))
            self._hide(raw)
            try:
                self._said = Close.parse(bytes(raw))
            except ProtocolError:
                raise Broken from None
            if not self._closing:
                self._say_goodbye(self._said.code if raw else None)
            self._deaf = True
        elif opcode != Opcode.PONG:
            raise Broken

    def _hide(self, text: bytearray) -> None:
        if self._connection.hide is not None:
            self._connection.hide(text)

    def _forget(self) -> None:
        for piece in self._begun:
            wipe(piece)
        self._begun.clear()
        self._begun_bytes = 0
        self._opcode = NOTHING

    # --- what is said ------------------------------------------------------------------------

    def _write(self, opcode: Opcode, data: bytes) -> None:
        if not self._lost:
            self._transport.write(frame(opcode, data))

    def _say_goodbye(self, code: int | None) -> None:
        self._write(Opcode.CLOSE, b"" if code is None else int(code).to_bytes(2, "big"))
        self._closing = True

    def _break_off(self, code: CloseCode) -> None:
        if not self._closing:
            self._say_goodbye(code)
        self._deaf = True
