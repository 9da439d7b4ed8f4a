"""A connection that a live conversation has for itself, and whether whoever is at its other end is there, and reads."""

import asyncio
from abc import abstractmethod
from time import perf_counter

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.transport.connection import Connection
from integration_api.transport.limits import SocketLimits


class Watched(asyncio.BufferedProtocol):
    """Who is silent for `ping` seconds is asked whether it is there. Subclasses set `_transport`, and begin `_tick`."""

    def __init__(self, connection: Connection, limits: SocketLimits, ping: float) -> None:
        self._connection = connection
        self._limits = limits
        self._ping_after = ping
        self._loop = asyncio.get_running_loop()
        self._lost = False
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        """Set while the provider reads as fast as it is spoken to."""
        self._room.set()
        self._heard_at = perf_counter()
        self._pinged_at = 0.0
        self._timer: asyncio.TimerHandle
        self._transport: asyncio.Transport

    async def drain(self) -> None:
        """Wait while the provider reads slowly. Raises `ProviderError` (TIMEOUT) when it stops reading."""
        if self._room.is_set():
            return
        try:
            async with asyncio.timeout(self._limits.stall):
                await self._room.wait()
        except TimeoutError:
            self.abort()
            raise ProviderError(
                Kind.TIMEOUT,
                "the provider stopped reading what it is sent",
                code="upstream_timeout",
                phase=Phase.STREAM,
            ) from None

    @abstractmethod
    def ping(self) -> None:
        """Ask the provider whether it is there, unless it owes an answer to that already."""

    @property
    def unanswered(self) -> float:
        """For how many seconds the provider owes an answer to a ping, and has sent nothing else; 0 when it does not."""
        return perf_counter() - self._pinged_at if self._pinged_at > self._heard_at else 0.0

    def abort(self) -> None:
        """Hang up at once."""
        if not self._lost:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._timer.cancel()
        self._arrived.set()
        self._room.set()
        self._connection.connection_lost(exc)

    def _tick(self) -> None:
        """Ping a provider that has been silent, and hang up on one that does not answer."""
        silent = perf_counter() - self._heard_at
        if silent > self._ping_after + self._limits.pong and self.unanswered:
            self.abort()
            return
        if silent > self._ping_after:
            self.ping()
        self._timer = self._loop.call_later(self._limits.pong, self._tick)
