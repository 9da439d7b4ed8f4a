"""What both live WebSockets share: how they begin, and telling a caller what is heard and what went wrong."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Principal
from integration_api.dialects.voice_surface import Envelope, error_of, read
from integration_api.edge.application import Upgrade, WebSocket
from integration_api.rest.routing import Ask
from integration_api.services import clock, live_words
from integration_api.services.call import Origin
from integration_api.services.leg import Leg
from integration_api.services.voice import START_SECONDS

Start = TypeVar("Start")


class Noted(Protocol):
    """What every `start` holds."""

    @property
    def metadata(self) -> Mapping[str, str]: ...


Begun = TypeVar("Begun", bound=Noted)

CLOSE_CODES = {
    Kind.INVALID_REQUEST: 1008,
    Kind.UNSUPPORTED: 1008,
    Kind.NOT_FOUND: 1008,
    Kind.PERMISSION: 1008,
    Kind.CONFLICT: 1008,
}
"""Whose fault it was that a socket closes: the caller's, or else 1011."""
OVER = frozenset({"call_ended"})
"""Codes of what is refused because it is over, and so nobody's fault."""


def close_code(error: Failure) -> int:
    """Return what a socket is closed with after a failure."""
    return 1000 if error.code in OVER else CLOSE_CODES.get(error.kind, 1011)


class Line:
    """A caller's socket and what is told on it."""

    def __init__(self, socket: WebSocket, principal: Principal, request_id: str) -> None:
        self.socket = socket
        self.principal = principal
        self._envelope = Envelope(request_id)
        self._started = clock.perf()

    async def tell(self, event: Any, leg: Leg[Any] | None = None, *, provider: str = "") -> None:
        """Send one event in its envelope."""
        text = self._envelope.around(
            event,
            provider=provider if leg is None else leg.call.target.provider.name,
            provider_request_id="" if leg is None else leg.request_id,
            microseconds=int((clock.perf() - self._started) * 1_000_000),
        )
        await self.socket.send(text.decode())

    async def fail(self, error: Failure) -> None:
        """Tell of a failure, and close."""
        await self.tell(error_of(error))
        await self.tell({"type": "closed", "reason": "error"})
        await self.socket.close(close_code(error))


def live(
    ask: Ask,
    into: type[Begun],
    open: Callable[[Line, Origin, Begun], AsyncGenerator[tuple[Leg[Any], list[Any]], None]],
    tell: Callable[[Line, Begun, Any, Leg[Any]], Awaitable[None]],
) -> Upgrade:
    """Return what is done with a socket: its first message is read as `into`, the session that `open` gives is told
    event by event, and what goes wrong last.
    """
    caller, request_id, received_at = ask.caller, ask.request_id, ask.request.received_at

    async def talk(socket: WebSocket) -> None:
        line = Line(socket, caller, request_id)
        try:
            start = await first_of(socket, into)
            if start is None:
                return
            origin = Origin(caller, request_id, received_at, start.metadata)
            async with aclosing(open(line, origin, start)) as told:
                async for leg, events in told:
                    for event in events:
                        if isinstance(event, live_words.Ended):
                            raise event.error
                        await tell(line, start, event, leg)
            await socket.close()
        except Failure as error:
            await line.fail(error)

    return Upgrade(talk)


async def first_of(socket: WebSocket, into: type[Start], word: str = "start") -> Start | None:
    """Return the first message, or None when the caller has left without one. Raises `Failure`."""
    try:
        async with asyncio.timeout(START_SECONDS):
            first = await socket.receive()
    except TimeoutError:
        raise Failure(Kind.INVALID_REQUEST, f"say `{word}` first", code=f"{word}_required") from None
    if first is None:
        return None
    if isinstance(first, bytes):
        raise Failure(
            Kind.INVALID_REQUEST,
            f"the first message must be the text message `{word}`",
            code=f"{word}_required",
        )
    start: Start = read(first, into)
    return start
