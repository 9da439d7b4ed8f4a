"""Connections to providers, kept for the account that opened them and for no other."""

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Hashable
from typing import TypeAlias

from integration_api.core.errors import Failure, Kind, Phase, ProviderError
from integration_api.transport.connection import Connection
from integration_api.transport.egress import EgressGuard, Origin
from integration_api.transport.limits import TransportLimits

_Key: TypeAlias = tuple[Origin, Hashable]


class Pool:
    """Hands out idle connections, last used first, and opens new ones past the egress guard."""

    def __init__(self, guard: EgressGuard, limits: TransportLimits, tls: ssl.SSLContext) -> None:
        self._guard = guard
        self._limits = limits
        self._tls = tls
        self._idle: OrderedDict[_Key, list[Connection]] = OrderedDict()
        self._open: set[Connection] = set()
        self._resting = 0

    async def take(self, origin: Origin, account: Hashable | None, *, fresh: bool = False) -> Connection:
        """Return a connection, an idle one if the account has one and `fresh` is not asked for.

        Raises `Failure` (`egress_denied`, OVERLOADED) or `ProviderError` (phase CONNECT).
        """
        if account is not None and not fresh:
            waiting = self._idle.get((origin, account))
            while waiting:
                connection = waiting.pop()
                self._resting -= 1
                if connection.reusable:
                    return connection
        if len(self._open) >= self._limits.connections:
            raise Failure(
                Kind.OVERLOADED,
                "too many calls to providers are under way; try again",
                code="too_many_connections",
                retry_after=1.0,
            )
        return await self._connect(origin, account)

    def give(self, connection: Connection) -> None:
        """Take a connection back once its answer has been read; one that is not reusable is closed."""
        if connection.account is None or not connection.reusable:
            connection.abort()
            return
        key = (connection.origin, connection.account)
        waiting = self._idle.setdefault(key, [])
        if len(waiting) >= self._limits.idle_per_account:
            connection.abort()
            return
        waiting.append(connection)
        self._idle.move_to_end(key)
        self._resting += 1
        connection.rest()
        while self._resting > self._limits.idle_connections:
            oldest, connections = next(iter(self._idle.items()))
            if connections:
                connections.pop(0).abort()
                self._resting -= 1
            if not connections:
                del self._idle[oldest]

    def drop(self, account: Hashable) -> None:
        """Close an account's idle connections, and the busy ones once they have answered."""
        for connection in [c for c in self._open if c.account == account]:
            connection.leave()

    async def close(self) -> None:
        for connection in tuple(self._open):
            connection.abort()
        self._idle.clear()
        self._resting = 0

    async def _connect(self, origin: Origin, account: Hashable | None) -> Connection:
        self._guard.check(origin)
        loop = asyncio.get_running_loop()
        failed: Exception | None = None
        try:
            async with asyncio.timeout(self._limits.connect):
                addresses = await self._guard.resolve(origin.host, origin.port, tls=origin.tls)
                for address in addresses[
                    :2
                ]:  # Another address once: a dead host must not cost the whole time.
                    try:
                        _, connection = await loop.create_connection(
                            lambda: Connection(origin, account, self._limits, self._gone),
                            str(address),
                            origin.port,
                            ssl=self._tls if origin.tls else None,
                            server_hostname=origin.host if origin.tls else None,
                        )
                    except (OSError, ssl.SSLError) as error:
                        failed = error
                    else:
                        self._open.add(connection)
                        return connection
        except TimeoutError:
            raise ProviderError(
                Kind.TIMEOUT,
                "the provider could not be connected to in time",
                code="upstream_connect_timeout",
                phase=Phase.CONNECT,
            ) from None
        raise _unreachable(failed)

    def _gone(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection.account is None:
            return
        waiting = self._idle.get((connection.origin, connection.account))
        if waiting is not None:
            if connection in waiting:
                waiting.remove(connection)
                self._resting -= 1
            if not waiting:
                self._idle.pop((connection.origin, connection.account), None)


def _unreachable(cause: Exception | None) -> ProviderError:
    if isinstance(cause, ssl.SSLError):
        said = "the provider's certificate could not be verified"
        return ProviderError(
            Kind.UNREACHABLE, said, code="upstream_tls_failed", phase=Phase.CONNECT, retryable=False
        )
    return ProviderError(
        Kind.UNREACHABLE,
        "the provider could not be connected to",
        code="upstream_unreachable",
        phase=Phase.CONNECT,
    )
