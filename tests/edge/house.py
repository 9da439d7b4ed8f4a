"""A small house behind the edge: handlers whose behaviour a test can foresee, and a record of what they saw."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from integration_api.edge.application import (
    Call,
    Method,
    Request,
    Response,
    RpcError,
    Status,
    Upgrade,
    WebSocket,
)
from integration_api.edge.limits import Limits
from integration_api.edge.server import Edge

QUICK = Limits(tick=0.02, linger=0.2)
"""Limits with which a timeout is a matter of milliseconds, once a test says which."""


@dataclass
class House:
    """The application: what is asked for is in the path."""

    requests: list[Request] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    """A handler that never ends has begun."""
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """A streamed body was closed before its end."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """What `/gate` waits for."""
    sent: int = 0
    """Bytes that endless answers have handed over."""
    taken: int = 0
    """Messages that slow readers have taken."""

    failures: list[Exception] = field(default_factory=list)

    def failed(self, error: Exception, path: str) -> None:
        self.failures.append(error)

    # Plain HTTP.

    async def http(self, request: Request) -> Response | Upgrade:
        self.requests.append(replace(request, body=bytearray(request.body)))
        match request.path:
            case "/hang":
                await self._hang()
            case "/gate":
                self.begun.set()
                await self.gate.wait()
                return Response(200, [], b"through the gate")
            case "/raise":
                raise RuntimeError("a bug")
            case "/bad-header":
                return Response(200, [(b"x-bad", b"one\r\nx-evil: two")], b"")
            case "/sse":
                return Response(200, [(b"content-type", b"text/event-stream")], self._events())
            case "/quiet":
                return Response(200, [], self._silence(), keepalive=b": still here\n\n")
            case "/endless":
                return Response(200, [], self._endless())
            case "/break":
                return Response(200, [], self._breaking())
            case "/large":
                return Response(200, [], b"x" * int(request.query))
            case "/nothing":
                return Response(204, [])
            case "/socket":
                return Upgrade(getattr(self, f"_talk_{request.query or 'echo'}"), subprotocol="house.v1")
        told = b"%b %b %d" % (request.method.encode(), request.path.encode(), len(request.body))
        return Response(200, [(b"content-type", b"text/plain")], told)

    async def _hang(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()

    async def _events(self) -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"data: %d\n\n" % number
            await asyncio.sleep(0)

    async def _silence(self) -> AsyncIterator[bytes]:
        yield b"data: begun\n\n"
        self.begun.set()
        await self.gate.wait()
        yield b"data: ended\n\n"

    async def _endless(self) -> AsyncIterator[bytes]:
        self.begun.set()
        try:
            while True:
                yield bytes(16_384)
                self.sent += 16_384
        finally:
            self.closed.set()

    async def _breaking(self) -> AsyncIterator[bytes]:
        yield b"a beginning"
        await self.gate.wait()
        raise RuntimeError("a bug")

    async def _talk_echo(self, peer: WebSocket) -> None:
        try:
            while (message := await peer.receive()) is not None:
                await peer.send(message)
        finally:
            self.closed.set()

    async def _talk_count(self, peer: WebSocket) -> None:
        """Take one message, and the others when the gate opens; tell how many there were."""
        while await peer.receive() is not None:
            self.taken += 1
            self.begun.set()
            await self.gate.wait()
        self.closed.set()

    async def _talk_attend(self, peer: WebSocket) -> None:
        """Take messages as they come, but those that want to wait; tell how all came when asked by a text."""
        order: list[str] = []

        def heard(message: bytes) -> bool:
            if message.startswith(b"wait"):
                return False
            order.append(f"{message.decode()} at once")
            return True

        peer.attend(heard, lambda text: text != "?" and heard(text.encode()))
        while (message := await peer.receive()) is not None:
            if message != "?":
                said = message if isinstance(message, str) else message.decode()
                order.append(f"{said} in turn")
                continue
            await peer.send(", ".join(order))
            order.clear()

    async def _talk_push(self, peer: WebSocket) -> None:
        """Send without waiting for as long as that goes, and then until the peer has read and left."""
        while peer.ready:
            peer.write(bytes(16_384))
            self.sent += 1
        await peer.send(b"waited")
        if peer.ready:
            peer.write(b"last")
            self.sent += 1
        await peer.close()
        self.sent += peer.ready

    async def _talk_crowd(self, peer: WebSocket) -> None:
        """Ten speak at once."""

        async def speak(name: int) -> None:
            for number in range(20):
                await peer.send(f"{name}-{number}".ljust(20_000))

        await asyncio.gather(*map(speak, range(10)))

    async def _talk_endless(self, peer: WebSocket) -> None:
        try:
            while True:
                await peer.send(bytes(16_384))
                self.sent += 16_384
        finally:
            self.closed.set()

    async def _talk_leave(self, peer: WebSocket) -> None:
        await peer.close(4001, "enough")
        assert await peer.receive() is None

    async def _talk_leave_badly(self, peer: WebSocket) -> None:
        await peer.close(1005, "not a code that can be sent")

    async def _talk_raise(self, peer: WebSocket) -> None:
        raise RuntimeError("a bug")

    async def _talk_hang(self, peer: WebSocket) -> None:
        await self._hang()

    # gRPC.

    def rpc(self, path: str) -> Method | None:
        name = path.removeprefix("/test.House/")
        if unary := {
            "Echo": self._echo,
            "Refuse": self._refuse,
            "Raise": self._raise,
            "Hang": self._hang_rpc,
            "BadMetadata": self._bad_metadata,
        }.get(name):
            return Method("unary", unary=unary)
        if stream := {
            "Count": self._count,
            "Bidi": self._bidi,
            "Endless": self._endless_rpc,
            "Slow": self._slow,
            "Midway": self._midway,
            "Nothing": self._nothing,
            "Wait": self._wait,
        }.get(name):
            return Method("stream", stream=stream)
        return None

    def rpc_web_headers(self, request: Request) -> list[tuple[bytes, bytes]] | None:
        return None if request.headers.get(b"origin") == b"https://evil.example" else []

    async def _echo(self, call: Call, message: bytearray) -> bytes:
        self.calls.append(call)
        call.initial_metadata.append((b"x-first", b"1"))
        call.initial_metadata.append((b"first-bin", b"\x00\x01"))
        call.trailing_metadata.append((b"x-last", b"2"))
        call.trailing_metadata.append((b"last-bin", b"\xff\x00"))
        return message

    async def _refuse(self, call: Call, message: bytearray) -> bytes:
        call.trailing_metadata.append((b"x-reason", b"none"))
        raise RpcError(Status.FAILED_PRECONDITION, "not today: ünmöglich 100%\n", b"\x08\x09details")

    async def _raise(self, call: Call, message: bytearray) -> bytes:
        raise RuntimeError("a secret in a bug")

    async def _hang_rpc(self, call: Call, message: bytearray) -> bytes:
        await self._hang()
        return b""

    async def _bad_metadata(self, call: Call, message: bytearray) -> bytes:
        call.trailing_metadata.append((b"x-bad", b"one\r\ntwo"))
        return message

    async def _count(self, call: Call, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        async for message in messages:
            for number in range(int(message)):
                yield b"%d" % number

    async def _bidi(self, call: Call, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        async for message in messages:
            yield message[::-1]

    async def _endless_rpc(
        self, call: Call, messages: AsyncIterator[bytearray]
    ) -> AsyncGenerator[bytes, None]:
        async for chunk in self._endless():
            yield chunk

    async def _slow(self, call: Call, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        """Take one message, and the others when the gate opens."""
        async for _ in messages:
            self.taken += 1
            self.begun.set()
            await self.gate.wait()
        yield b"%d" % self.taken

    async def _midway(self, call: Call, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        yield b"one"
        raise RpcError(Status.ABORTED, "midway")

    async def _wait(self, call: Call, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        """Say one thing, and the other when the gate opens."""
        try:
            async for chunk in self._silence():
                yield chunk
        finally:
            self.closed.set()

    async def _nothing(self, call: Call, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        for message in ():
            yield message


@dataclass
class Open:
    """A running edge and the house behind it."""

    house: House
    edge: Edge
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def opened(limits: Limits = QUICK, tls: ssl.SSLContext | None = None) -> AsyncIterator[Open]:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    sock.setblocking(False)
    house = House()
    edge = Edge(house, limits, tls)
    await edge.serve(sock)
    try:
        yield Open(house, edge, sock.getsockname()[1])
    finally:
        await edge.drain(0)
