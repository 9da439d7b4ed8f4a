"""grpc.health.v1.Health: readiness, asked once or watched.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection

from integration_api.core.errors import Failure, Kind
from integration_api.proto import health_pb2 as wire
from integration_api.rpc.methods import Ask, RpcMethod
from integration_api.rpc.reading import parsed
from integration_api.services import clock

SERVICE = "grpc.health.v1.Health"
FRESH_SECONDS = 1.0
"""How long an answer stands, however many ask, and how often a watcher's is looked at again."""


class HealthDoor:
    """`services` are the names that can be asked for; `accepting` says whether the process goes on."""

    def __init__(
        self,
        ready: Callable[[], Awaitable[bool]],
        accepting: Callable[[], bool],
        services: Collection[str],
    ) -> None:
        self._ready = ready
        self._accepting = accepting
        self._services = services
        self._known = False
        self._known_at = float("-inf")

    async def check(self, ask: Ask, message: bytearray) -> bytes:
        service = parsed(message, wire.HealthCheckRequest).service
        if service and service not in self._services:
            raise Failure(Kind.NOT_FOUND, "there is no such service here", code="unknown_service")
        return _told(await self._status())

    async def watch(self, ask: Ask, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        """Tell the status now and whenever it changes; a process that is going away says so and ends."""
        async for message in messages:
            service = parsed(message, wire.HealthCheckRequest).service
            break
        else:
            return
        known = not service or service in self._services
        told = None
        while True:
            status = await self._status() if known else wire.HealthCheckResponse.SERVICE_UNKNOWN
            if status != told:
                told = status
                yield _told(status)
            if not self._accepting():
                return
            await asyncio.sleep(FRESH_SECONDS)

    async def _status(self) -> wire.HealthCheckResponse.ServingStatus:
        if clock.perf() - self._known_at > FRESH_SECONDS:
            self._known = await self._ready()
            self._known_at = clock.perf()
        serving = self._known and self._accepting()
        return wire.HealthCheckResponse.SERVING if serving else wire.HealthCheckResponse.NOT_SERVING

    def methods(self) -> list[RpcMethod]:
        return [
            RpcMethod(service=SERVICE, name="Check", scope=None, unary=self.check),
            RpcMethod(service=SERVICE, name="Watch", scope=None, stream=self.watch),
        ]


def _told(status: wire.HealthCheckResponse.ServingStatus) -> bytes:
    return wire.HealthCheckResponse(status=status).SerializeToString()
