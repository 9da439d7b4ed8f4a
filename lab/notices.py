"""What a carrier tells of a call: one notice after another, by way of the faults that wait."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from lab.web import Reply

RETRIES = 1
"""How often a notice is sent again that found nobody."""
RETRY_SECONDS = 0.2
Send = Callable[[], Awaitable[Reply]]


class Delivery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What becomes of the next notice; of the next whose word is `of`, where that is set. `late` is behind the one that
    follows it. `times` is how many notices it befalls (0: all until others are set).
    """

    how: Literal["once", "twice", "late", "lost"] = "once"
    of: str = ""
    delay_ms: float = 0
    times: int = 1
    proof: Literal["good", "none", "of_another_body", "of_another_key"] = "good"
    """How it is signed, by a carrier that signs and can be told to do it badly."""


class Deliveries:
    """What is to become of notices, first come first served."""

    def __init__(self) -> None:
        self.waiting: list[Delivery] = []

    def take(self, what: str) -> Delivery:
        """What becomes of this one."""
        for place, one in enumerate(self.waiting):
            if one.of in ("", what):
                if one.times == 1:
                    del self.waiting[place]
                elif one.times:
                    self.waiting[place] = msgspec.structs.replace(one, times=one.times - 1)
                return one
        return Delivery()


@dataclass(slots=True)
class Sent:
    """A notice that was sent, with what came back: a status, or 0 when there was nobody."""

    what: str
    fields: Mapping[str, Any]
    statuses: list[int] = field(default_factory=list)
    proof: str = "good"
    """See `Delivery`."""


@dataclass(slots=True)
class Notices:
    """All of one call's. They are sent while the call goes on, each when the one before it has been answered."""

    sent: list[Sent] = field(default_factory=list)
    _outbox: "asyncio.Queue[tuple[Sent, Send] | None]" = field(default_factory=asyncio.Queue)
    _delayed: "set[asyncio.Task[None]]" = field(default_factory=set)

    def add(self, what: str, fields: Mapping[str, Any], send: Send) -> Sent:
        """Sends one after those before it. `what` is the carrier's word for it."""
        one = Sent(what, fields)
        self.sent.append(one)
        self._outbox.put_nowait((one, send))
        return one

    def end(self) -> None:
        """There are no more."""
        self._outbox.put_nowait(None)

    async def run(self, deliveries: Deliveries) -> None:
        """Sends them, until there are no more and all have been sent."""
        held: list[tuple[Sent, Send]] = []
        while (waiting := await self._outbox.get()) is not None:
            fate = deliveries.take(waiting[0].what)
            waiting[0].proof = fate.proof
            if fate.how == "lost":
                continue
            if fate.how == "late":
                held.append(waiting)
                continue
            if fate.delay_ms:
                self._delayed.add(asyncio.ensure_future(_later(fate.delay_ms / 1000, *waiting)))
                continue
            for one in (waiting, *([waiting] if fate.how == "twice" else []), *held):
                await _deliver(*one)
            held.clear()
        for one in held:
            await _deliver(*one)
        await asyncio.gather(*self._delayed)


async def _later(seconds: float, sent: Sent, send: Send) -> None:
    await asyncio.sleep(seconds)
    await _deliver(sent, send)


async def _deliver(sent: Sent, send: Send) -> None:
    for attempt in range(RETRIES + 1):
        try:
            sent.statuses.append((await send()).status)
        except OSError:
            sent.statuses.append(0)
            if attempt < RETRIES:
                await asyncio.sleep(RETRY_SECONDS)
        else:
            return
