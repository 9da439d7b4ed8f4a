"""What all connections of a worker share: the application, one receive buffer, one clock, and the roll call."""

import asyncio
import socket
from contextlib import suppress
from time import perf_counter
from typing import Protocol

from integration_api.edge.application import Application
from integration_api.edge.date import Date
from integration_api.edge.limits import Limits

RECEIVE_BYTES = 64 * 1024
"""One read of a socket: what the kernel hands over at once on a busy loopback."""


class Connection(Protocol):
    """What a protocol owes the worker, whatever it speaks."""

    @property
    def requests(self) -> int:
        """Requests that a handler works on."""
        ...

    def tick(self, now: float) -> None:
        """Keep this connection's timeouts; `now` is `time.perf_counter()`."""
        ...

    def drain(self) -> None:
        """Take no new requests and leave when the running ones are answered."""
        ...

    def abandon(self) -> None:
        """The time to drain is over: cancel what runs and leave. Said twice: abort."""
        ...


class Live:
    """The connections of one event loop. The receive buffer is shared: whoever reads empties it at once."""

    def __init__(
        self, application: Application, limits: Limits, loop: asyncio.AbstractEventLoop, *, tls: bool = False
    ) -> None:
        self.application = application
        self.limits = limits
        self.loop = loop
        self.tls = tls
        self.receive = bytearray(RECEIVE_BYTES)
        self.view = memoryview(self.receive)
        """What transports read into: uvloop under TLS slices what it is given, and a slice of a bytearray is a copy."""
        self.connections: set[Connection] = set()
        self.date = Date()
        """As of the last tick: not older than that while there are connections."""
        self.draining = False
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        """When the next tick should come."""
        self._let_pass = False
        """Whether the last tick was let pass."""
        self._empty: asyncio.Future[None] | None = None

    @property
    def full(self) -> bool:
        return len(self.connections) >= self.limits.connections

    @property
    def requests(self) -> int:
        return sum(connection.requests for connection in self.connections)

    def add(self, connection: Connection) -> None:
        self.connections.add(connection)
        if self._timer is None:
            self.date.refresh()
            self._wind_up()

    def discard(self, connection: Connection) -> None:
        self.connections.discard(connection)
        if self._empty is not None and not self.connections and not self._empty.done():
            self._empty.set_result(None)

    def _tick(self) -> None:
        self.date.refresh()
        now = perf_counter()
        # A process that stood still heard nobody: before it judges, it reads what came meanwhile.
        self._let_pass = not self._let_pass and now > self._due + self.limits.tick
        if not self._let_pass:
            for connection in tuple(self.connections):
                connection.tick(now)
        self._timer = None
        if self.connections:
            self._wind_up()

    def _wind_up(self) -> None:
        self._due = perf_counter() + self.limits.tick
        self._timer = self.loop.call_later(self.limits.tick, self._tick)

    async def drain(self, seconds: float) -> None:
        """Let running requests finish within `seconds`, then cancel them; return once nobody is left."""
        self.draining = True
        for connection in tuple(self.connections):
            connection.drain()
        if not await self._emptied(seconds):
            for connection in tuple(self.connections):
                connection.abandon()
            if not await self._emptied(self.limits.linger):
                for connection in tuple(self.connections):
                    connection.abandon()
                await self._emptied(self.limits.linger)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _emptied(self, seconds: float) -> bool:
        if self.connections:
            self._empty = self.loop.create_future()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._empty, seconds)
            self._empty = None
        return not self.connections


def prepare(transport: asyncio.Transport) -> str:
    """Turn off Nagle's delay, which event loops leave on for inherited sockets; return the peer's address."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):  # the peer may have gone already
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else ""
