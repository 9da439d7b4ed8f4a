"""What every emulated carrier has: telephones, calls, a pace, notices that go astray, and a control API.

How to build one (see `lab/twilio`, which is the whole of it):

- Subclass `Carrier`: `name`, `sound` (of its media socket, see `lab.phone.Sound`), `provider` (a `lab.http.Provider` whose
  handlers are the carrier's own methods, so that each `Lab` has its own calls), `live` (the life of one call), `arrive`
  (somebody calls "our" number), `Leg` if a call has more to remember. Add the class to `CARRIERS` in `lab/providers.py`.
- The handler that is asked to dial: `admitted(account)` keeps the pace (None: refuse as the vendor does), then make a `Leg`
  and `begin` it.
- In `live`: `ring` says whether the telephone picks up; `leg.notices.add` sends a webhook in its turn, through the faults that wait
  (lost, twice, late, delayed); `speak` runs the telephone's clock over an open socket, and needs of the carrier only a
  `Voice`: how to write what the line does, and how to read what the socket says (by calling `leg.line.play`, `mark`, `clear`).
- `leg.changed` is set when somebody changes the call from outside (REST), and ends `speak`; `leg.hangup()` is what the
  handler of a hang-up calls.

Tests script it in process (`lab.carriers["twilio"].phones["+49…"] = Phone(…)`, `carrier.arrive(…)`, `leg.line.heard`),
or over HTTP where the lab is a process of its own:

    PUT    /_lab/carriers/twilio             {"phones": {"*": {"acts": [{"says": "Hello"}, {"hangs_up": true}]}},
                                              "deliveries": [{"how": "twice"}], "calls_per_second": 1, "tokens": {"AC…": "…"}}
    POST   /_lab/carriers/twilio/calls       {"to": "+1…", "from": "+49…", "url": "https://…/answer"}: a call comes in
    GET    /_lab/carriers/twilio             how all calls stand, and when each was asked for
    GET    /_lab/carriers/twilio/calls/{id}  one call with all its sound, in base64
    POST   /_lab/carriers/twilio/calls/{id}  {"acts": [{"presses": "1"}]}: its telephone does more
    DELETE /_lab/carriers/twilio             ends and forgets all calls

What a key's own text says holds here, too: `invalid`, `forbidden`, `noquota` (see `lab.keys`).
"""

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import Any, ClassVar, Literal, Protocol

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from lab.http import Provider
from lab.leg import Leg
from lab.notices import Deliveries, Delivery
from lab.phone import Act, Event, Gone, Phone, Sound
from lab.play import reset

__all__ = ["Arrival", "Carrier", "Deliveries", "Delivery", "Given", "Leg", "Voice"]

KEPT_CALLS = 20_000


class Arrival(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}
):
    """Somebody calls one of "our" numbers."""

    to: str
    from_: str
    url: str = ""
    """Where the carrier asks what to do with the call."""
    method: Literal["GET", "POST", ""] = ""
    """How it asks there, for a carrier that leaves the choice; "" for what it does of itself."""
    status: str = ""
    """Where it tells of it, for carriers that keep that with the number."""
    account: str = ""
    phone: Phone | None = None


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the control API sets."""

    phones: dict[str, Phone] | None = None
    deliveries: list[Delivery] | None = None
    calls_per_second: float | msgspec.UnsetType | None = msgspec.UNSET
    excess: Literal["queue", "refuse"] | None = None
    tokens: dict[str, str] | None = None


class Voice(Protocol):
    """A carrier's language on one media socket."""

    def write(self, event: Event) -> str | bytes | None:
        """What is sent for something that the line does; None where nothing is."""
        ...

    def read(self, message: str | bytes) -> list[str | bytes]:
        """Does with the line what a message says; what is sent back at once. Raises `ValueError` for one that the
        carrier would not take.
        """
        ...


class Carrier(ABC):
    """One carrier's side of all its calls."""

    name: ClassVar[str]
    sound: ClassVar[Sound]
    provider: Provider

    def __init__(self) -> None:
        self.phones: dict[str, Phone] = {}
        """By number; `*` stands for all others."""
        self.deliveries = Deliveries()
        self.calls_per_second: float | None = None
        """None: as many as come."""
        self.excess: Literal["queue", "refuse"] = "queue"
        """What becomes of more than that."""
        self.tokens: dict[str, str] = {}
        """Secrets of accounts, by which its requests are signed: what was set, or what an account's first request came with."""
        self.legs: dict[str, Leg] = {}
        self.asked: list[tuple[float, bool]] = []
        """When each call was asked for (monotonic seconds), and whether it was let in."""
        self._free_at: dict[str, float] = {}
        self._made = 0
        self._tasks: set[asyncio.Task[None]] = set()

    # each carrier's own

    @abstractmethod
    async def live(self, leg: Leg) -> None:
        """Has a call from its beginning to its end."""

    @abstractmethod
    def arrive(self, arrival: Arrival) -> Leg:
        """Has somebody call "our" number. Raises `ValueError` when that cannot be."""

    # calls

    def identity(self) -> int:
        """A number for a new call."""
        self._made += 1
        return self._made

    def phone(self, number: str) -> Phone:
        return self.phones.get(number) or self.phones.get("*") or Phone()

    def admitted(self, account: str) -> float | None:
        """How many seconds a new call of an account waits for its turn; None when it is one too many."""
        now = time.monotonic()
        free = self._free_at.get(account, 0.0)
        wait = max(0.0, free - now) if self.calls_per_second else 0.0
        let_in = not (wait and self.excess == "refuse")
        self.asked.append((now, let_in))
        if not let_in:
            return None
        if self.calls_per_second:
            self._free_at[account] = max(now, free) + 1 / self.calls_per_second
        return wait

    def begin(self, leg: Leg) -> None:
        """Keeps a call and has it live."""
        self.legs[leg.id] = leg
        while len(self.legs) > KEPT_CALLS:
            del self.legs[next(iter(self.legs))]
        self.spawn(self._whole(leg))

    def spawn(self, doing: Awaitable[None]) -> None:
        task = asyncio.ensure_future(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _whole(self, leg: Leg) -> None:
        telling = asyncio.ensure_future(leg.notices.run(self.deliveries))
        try:
            await self.live(leg)
            leg.over = True
            leg.notices.end()
            await telling
        finally:
            telling.cancel()
            leg.done.set()

    async def ring(self, leg: Leg, most_seconds: float) -> str:
        """Whether the telephone picks up: its own word, `no` when it rang for too long, "" when it was hung up."""
        phone = leg.phone
        seconds = most_seconds if phone.picks_up == "no" else phone.rings_ms / 1000
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, most_seconds) / phone.speed):
                await leg.changed.wait()
        if leg.over:
            return ""
        leg.changed.clear()
        return "no" if phone.rings_ms / 1000 > most_seconds else phone.picks_up

    async def speak(
        self, leg: Leg, peer: ClientConnection, voice: Voice
    ) -> Literal["left", "changed", "gone", "lost"]:
        """Runs the telephone's clock on an open socket: until the other end leaves, the call is changed from outside,
        the telephone is hung up, or the socket is lost. Then it is as good as closed, but for the first of these.
        """
        running = asyncio.ensure_future(self._run(leg, peer, voice))
        listening = asyncio.ensure_future(self._listen(leg, peer, voice))
        doing = (running, listening, asyncio.ensure_future(leg.changed.wait()))
        try:
            await asyncio.wait(doing, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in doing:
                task.cancel()
            await asyncio.gather(*doing, return_exceptions=True)
        lost = "" if running.cancelled() else running.result()
        if lost == "reset":
            reset(peer.transport)
        elif lost == "fin":
            peer.transport.close()
        if lost:
            return "lost"
        return "changed" if leg.changed.is_set() else "gone" if leg.over else "left"

    async def _listen(self, leg: Leg, peer: ClientConnection, voice: Voice) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in peer:
                try:
                    told = voice.read(message)
                except ValueError as error:
                    leg.complaints.append(str(error))
                    return
                for one in told:
                    await peer.send(one)

    async def _run(self, leg: Leg, peer: ClientConnection, voice: Voice) -> str:
        """Has the line do what it does; how the socket is lost, if it is."""
        with contextlib.suppress(ConnectionClosed):
            async for event in leg.line.ticks():
                if isinstance(event, Gone):
                    leg.over = not event.lost
                    return event.lost
                message = voice.write(event)
                if message is not None:
                    await peer.send(message)
        return ""

    # control

    def set(self, given: Given) -> None:
        """Sets what is given; `phones` and `tokens` beside those there are, `deliveries` in place of those."""
        self.phones |= given.phones or {}
        self.tokens |= given.tokens or {}
        if given.deliveries is not None:
            self.deliveries.waiting = list(given.deliveries)
        if given.calls_per_second is not msgspec.UNSET:
            self.calls_per_second = given.calls_per_second
        self.excess = given.excess or self.excess

    def act(self, leg: Leg, acts: list[Act]) -> None:
        """Has a call's telephone do more."""
        leg.line.act(acts)

    def report(self) -> dict[str, Any]:
        """How all calls stand."""
        return {
            "now": time.monotonic(),
            "unix": time.time(),
            "asked": self.asked,
            "calls": [leg.report() for leg in self.legs.values()],
        }

    def clear(self) -> None:
        """Ends and forgets all calls, and what was set."""
        for task in self._tasks:
            task.cancel()
        self.phones.clear()
        self.deliveries.waiting.clear()
        self.tokens.clear()
        self.calls_per_second = None
        self.excess = "queue"
        self.legs.clear()
        self.asked.clear()
        self._free_at.clear()

    async def close(self) -> None:
        """Ends all calls; the lab stops."""
        tasks = list(self._tasks)
        self.clear()
        await asyncio.gather(*tasks, return_exceptions=True)
