"""A WebSocket on a connection that HTTP/1.1 gave up (RFC 6455), from the server's side."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.protocol import Protocol, Side, State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from lab.http import Call, Talk
from lab.play import reset

MESSAGE_LIMIT = 16 * 1024 * 1024  # the largest message a client may send
PREFERRED = ("token", "api-subscription-key", "USP")  # subprotocols that vendors answer with


class Socket(asyncio.Protocol):
    """One WebSocket. What the talk leaves open is closed with 1000."""

    def __init__(
        self,
        call: Call,
        headers: Sequence[tuple[str, str]],
        talk: Talk,
        lost: Callable[[Exception | None], None],
    ) -> None:
        self.call = call
        self._headers = headers
        self._talk = talk
        self._gone = lost
        self._protocol = Protocol(Side.SERVER, max_size=MESSAGE_LIMIT)
        self._messages: deque[str | bytes] = deque()
        self._begun = b""
        self._text = False
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._lost = self._vanished = False
        self._task: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport

    def begin(self, transport: asyncio.Transport, early: bytes) -> None:
        """Answers the handshake and starts to talk."""
        self.transport = transport
        transport.set_protocol(self)
        headers = Headers()
        for name, value in self.call.headers.items():
            headers[name] = value
        shaking = ServerProtocol(select_subprotocol=_select)
        answer = shaking.accept(Handshake(self.call.target, headers))
        for name, value in self._headers:
            answer.headers[name] = value
        transport.write(answer.serialize())
        if answer.status_code != 101:
            transport.close()
            return
        self._task = asyncio.ensure_future(self._run())
        if early:
            self.data_received(early)

    async def _run(self) -> None:
        try:
            await self._talk(self)
        except ConnectionResetError:
            self._flush()  # A goodbye is answered even when nobody was listening for it.
            return
        await self.close()

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        if not self._messages:
            self._flush()  # A ping behind messages is answered behind them: by then nobody may be there any more.
        self._arrived.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        self._arrived.set()
        self._room.set()
        self._gone(error)

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    # Peer

    async def receive(self) -> str | bytes | None:
        while not self._messages:
            self._flush()
            if self._lost or self._protocol.state is not State.OPEN:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        message = self._messages.popleft()
        self.call.said.append(message)
        return message

    async def send(self, message: str | bytes) -> None:
        if self._lost or self._protocol.state is not State.OPEN:
            raise ConnectionResetError("the client has left")
        if isinstance(message, str):
            self._protocol.send_text(message.encode())
        else:
            self._protocol.send_binary(message)
        self._flush()
        await self._room.wait()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if not self._lost and self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._flush()
            while not self._lost:
                self._messages.clear()
                self._arrived.clear()
                await self._arrived.wait()

    def abort(self) -> None:
        if not self._lost:
            reset(self.transport)

    def vanish(self) -> None:
        self._vanished = True

    def stop(self) -> None:
        """Drops the client; the lab stops."""
        if self._task is not None:
            self._task.cancel()
        if not self._lost:
            self.transport.abort()

    # inside

    def _take(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._text = frame.opcode is Opcode.TEXT
        elif frame.opcode is not Opcode.CONT:
            return
        self._begun += bytes(frame.data)
        if frame.fin:
            whole, self._begun = self._begun, b""
            self._messages.append(whole.decode() if self._text else whole)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if self._lost:
                return
            if self._vanished:
                continue
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                self.transport.write_eof()
            else:
                self.transport.close()


def _select(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """A vendor answers with the scheme, never with the key that a browser sends beside it."""
    return next((one for one in offered if one.split(".")[0] in PREFERRED), None)
