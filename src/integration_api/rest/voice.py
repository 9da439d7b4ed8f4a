"""What both live WebSockets share: how they begin, and telling a caller what is heard and what went wrong."""

import asyncio
from typing import Any, TypeVar

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Principal
from integration_api.dialects.voice_surface import Envelope, error_of, read
from integration_api.edge.application import WebSocket
from integration_api.services import clock
from integration_api.services.leg import Leg
from integration_api.services.voice import START_SECONDS

Start = TypeVar("Start")

CLOSE_CODES = {
    Kind.INVALID_REQUEST: 1008,
    Kind.UNSUPPORTED: 1008,
    Kind.NOT_FOUND: 1008,
    Kind.PERMISSION: 1008,
}
"""Whose fault it was that a socket closes: the caller's, or else 1011."""


class Line:
    """A caller's socket and what is told on it."""

    def __init__(self, socket: WebSocket, principal: Principal, request_id: str) -> None:
        self.socket = socket
        self.principal = principal
        self._envelope = Envelope(request_id)
        self._started = clock.perf()

    async def tell(self, event: Any, leg: Leg[Any] | None = None) -> None:
        """Send one event in its envelope."""
        text = self._envelope.around(
            event,
            provider="" if leg is None else leg.call.target.provider.name,
            provider_request_id="" if leg is None else leg.request_id,
            microseconds=int((clock.perf() - self._started) * 1_000_000),
        )
        await self.socket.send(text.decode())

    async def fail(self, error: Failure) -> None:
        """Tell of a failure, and close."""
        await self.tell(error_of(error))
        await self.tell({"type": "closed", "reason": "error"})
        await self.socket.close(CLOSE_CODES.get(error.kind, 1011))


async def first_of(socket: WebSocket, into: type[Start]) -> Start | None:
    """Return the first message, or None when the caller has left without one. Raises `Failure`."""
    try:
        async with asyncio.timeout(START_SECONDS):
            first = await socket.receive()
    except TimeoutError:
        raise Failure(Kind.INVALID_REQUEST, "say `start` first", code="start_required") from None
    if first is None:
        return None
    if isinstance(first, bytes):
        raise Failure(
            Kind.INVALID_REQUEST, "the first message must be the text message `start`", code="start_required"
        )
    start: Start = read(first, into)
    return start
