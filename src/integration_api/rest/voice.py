"""What both live WebSockets share: targets, fallbacks, and telling a caller what went wrong."""

import asyncio
from typing import Any, TypeVar

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Principal
from integration_api.dialects.voice_surface import Envelope, FallbackChoice, TargetChoice, error_of, read
from integration_api.edge.application import WebSocket
from integration_api.services import clock
from integration_api.services.fallback import Fallback
from integration_api.services.leg import Leg
from integration_api.services.target import Target, resolve

Start = TypeVar("Start")

START_SECONDS = 10.0
"""Until a caller has said `start`, as for headers."""
MOST_TARGETS = 5
LONGEST_WAIT_MS = 60_000
CLOSE_CODES = {
    Kind.INVALID_REQUEST: 1008,
    Kind.UNSUPPORTED: 1008,
    Kind.NOT_FOUND: 1008,
    Kind.PERMISSION: 1008,
}
"""Whose fault it was that a socket closes: the caller's, or else 1011."""


def target_of(choice: TargetChoice, param: str = "target") -> Target:
    """Raises `Failure` for an unknown provider or a malformed credential id."""
    id = choice.credential_id
    if id and (not id.isascii() or not id.isdigit() or len(id) > 19):
        raise Failure(
            Kind.NOT_FOUND,
            "there is no such credential",
            code="credential_not_found",
            param=f"{param}.credential_id",
        )
    model = choice.model or choice.voice_id
    return resolve(model, provider=choice.provider or None, credential_id=int(id) if id else None)


def fallback_of(choice: FallbackChoice | None) -> Fallback:
    """Raises `Failure` (INVALID_REQUEST) naming the field."""
    if choice is None:
        return Fallback()
    if len(choice.targets) > MOST_TARGETS:
        raise _wrong("fallback.targets", f"takes up to {MOST_TARGETS}")
    given: dict[str, int] = {}
    for name in ("connect_timeout_ms", "first_event_timeout_ms", "hedge_after_ms"):
        value = getattr(choice, name)
        if value is not None:
            if not 1 <= value <= LONGEST_WAIT_MS:
                raise _wrong(f"fallback.{name}", f"must be 1 to {LONGEST_WAIT_MS}")
            given[name] = value
    targets = tuple(target_of(one, "fallback.targets") for one in choice.targets)
    return Fallback(targets=targets, **given)


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


def _wrong(param: str, what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"{param} {what}", code="invalid_value", param=param)
