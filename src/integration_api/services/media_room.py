"""The sound of one call in this process: the carrier's socket on one side, whoever is attached on the other."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from integration_api.core.errors import Failure, Kind
from integration_api.core.media import Dtmf, Heard, MarkReached, MediaEvent, Started, Stopped
from integration_api.core.session import Warned
from integration_api.core.telephony_records import CallRecord
from integration_api.services.media_carrier import Carrier
from integration_api.services.media_guest import Attached, Guest, Over
from integration_api.services.spoken_texts import Said
from integration_api.services.voice_loop import Listened, LoopEvent, Spoke, VoiceLoop
from integration_api.telemetry.metrics import MEDIA_LOST

RING_MS = 400
"""Of sound that is kept while nobody is attached: a word's beginning, for whoever attaches next."""
MOST_MISSED = 64
"""Keys pressed while nobody is attached that are kept for whoever attaches next: a long account number."""
LONGEST_MARK = 200
STORY = 200
"""Events of an inline call that wait for whoever attaches next; the oldest are lost."""


class Room:
    """At most one carrier and one guest; each may come first, leave, and come again."""

    def __init__(
        self,
        call: CallRecord,
        *,
        abandoned: Callable[["Room"], None],
        left: Callable[["Room"], None],
        hang_up: Callable[["Room"], Awaitable[None]],
        detach_seconds: float,
    ) -> None:
        self.call = call
        self.carrier: Carrier | None = None
        self.guest: Guest | None = None
        self.rejoin_until = 0.0
        """Until when, by the loop's clock, a socket that ends is expected to be followed by another."""
        self._stopped: Stopped | None = None
        """Not told yet, as another socket is expected."""
        self.doubted = False
        """Whether it is being found out that the sound is nowhere near."""
        self._abandoned = abandoned
        self._left = left
        self._hang_up = hang_up
        self._detach_seconds = detach_seconds
        self._ring: deque[tuple[bytes, int]] = deque()
        self._ring_ms = 0
        self._missed: deque[Dtmf] = deque(maxlen=MOST_MISSED)
        """Keys that were pressed while nobody was attached."""
        self._timer: asyncio.TimerHandle | None = None
        self.loop: VoiceLoop | None = None
        """Of an inline call: its ear and its voice."""
        self._story: deque[Listened | Spoke | Warned] = deque(maxlen=STORY)

    # --- the carrier's side ------------------------------------------------------------------

    def join(self, carrier: Carrier) -> None:
        """Take the call's media socket, in place of one that is still there."""
        self.carrier = carrier
        self.rejoin_until = 0.0
        self._stopped = None
        self._forget()
        self._watch()

    def hear(self, carrier: Carrier, event: MediaEvent) -> None:
        """Tell whoever is attached what the carrier told."""
        if carrier is not self.carrier:
            return
        match event:
            case Heard(data, timestamp):
                offset = carrier.format.milliseconds(carrier.heard_bytes) if timestamp is None else timestamp
                carrier.heard_bytes += len(data)
                if self.loop is not None:
                    self.loop.hear(data)
                elif self.guest is not None:
                    self.guest.hear(data, offset)
                else:
                    self._keep(data, offset)
            case Started():
                carrier.started = event
                if self.guest is not None:
                    self._introduce(self.guest, carrier)
            case Stopped() if self.rejoining:
                self._stopped = event
            case Dtmf() if self.guest is None:
                self._missed.append(event)
            case _:
                if self.loop is not None and isinstance(event, MarkReached):
                    self.loop.reached(event.name)
                if self.guest is not None:
                    self.guest.tell(event)

    def tell_of_loop(self, event: LoopEvent) -> None:
        """Tell whoever is attached, or attaches next, what ear and voice told."""
        if self.guest is not None:
            self.guest.tell(event)
        else:
            self._story.append(event)

    def part(self, carrier: Carrier) -> bool:
        """Let go of a socket that has ended; return whether it was the call's present one."""
        if carrier is not self.carrier:
            return False
        self.carrier = None
        self._forget()
        self._watch()
        return True

    @property
    def rejoining(self) -> bool:
        return asyncio.get_running_loop().time() < self.rejoin_until

    def release(self) -> Guest | None:
        """Let the guest go on elsewhere; return it."""
        guest, self.guest = self.guest, None
        self._watch()
        return guest

    def finish(self, reason: str, failure: Failure | None = None) -> None:
        """Tell whoever is attached that it is over, and what went wrong."""
        self._stop_watching()
        guest, self.guest = self.guest, None
        if guest is not None:
            self._count(guest)
            if self._stopped is not None:
                guest.tell(self._stopped)
            if failure is not None:
                guest.fail(failure)
            guest.tell(Over(reason))

    # --- the guest's side --------------------------------------------------------------------

    def attach(self, guest: Guest) -> None:
        """Seat a guest, in place of one that is there. Raises `Failure` where its format is not possible."""
        carrier = self.carrier
        if carrier is not None and carrier.started is not None:
            guest.begin(carrier.format)  # Refuses before anybody has to leave.
        previous, self.guest = self.guest, guest
        if previous is not None:
            self._count(previous)
            previous.tell(Over("taken_over"))
        self._watch()
        if carrier is not None and carrier.started is not None:
            self._introduce(guest, carrier)

    def leave(self, guest: Guest) -> None:
        if guest is self.guest:
            self.guest = None
            self._count(guest)
            self._watch()
            self._left(self)

    async def speak(self, guest: Guest, said: Said) -> None:
        if self.loop is None:
            raise Failure(
                Kind.UNSUPPORTED,
                "text is spoken in calls of media mode inline, once their sound has started; say sound in this one",
                code="not_inline",
            )
        if guest is self.guest:
            await self.loop.ask(said)

    async def say(self, guest: Guest, sound: bytes) -> None:
        if self.loop is not None:
            raise Failure(
                Kind.UNSUPPORTED, "the call speaks by text: its media mode is inline", code="media_inline"
            )
        carrier = self._open_to(guest)
        if carrier is None:
            MEDIA_LOST.of(self.call.provider, "to_carrier").value += 1
            guest.tell(Warned("media_not_open", "nobody hears this: the call's media socket is not open"))
            return
        await self._tell(carrier, carrier.say(guest.spoken(sound)))

    async def mark(self, guest: Guest, name: str) -> None:
        if not 0 < len(name) <= LONGEST_MARK:
            raise Failure(
                Kind.INVALID_REQUEST,
                f"a mark's name has 1 to {LONGEST_MARK} characters",
                code="invalid_value",
                param="name",
            )
        carrier = self._open_to(guest)
        if carrier is None:
            guest.tell(MarkReached(name, cancelled=True))
            return
        if rest := guest.rest():
            await self._tell(carrier, carrier.say(rest))
        await self._tell(carrier, carrier.mark(name))

    async def clear(self, guest: Guest) -> None:
        carrier = self._open_to(guest)
        if carrier is not None and self.loop is not None:
            await self.loop.silence()
        elif carrier is not None:
            guest.hush()
            await self._tell(carrier, carrier.clear())

    async def hang_up(self, guest: Guest) -> None:
        if guest is self.guest:
            await self._hang_up(self)

    def _open_to(self, guest: Guest) -> Carrier | None:
        carrier = self.carrier if guest is self.guest else None
        return None if carrier is None or carrier.started is None else carrier

    def say_at_once(self, sound: bytes) -> bool:
        """Have the present socket say something if that needs no waiting; return whether it was, or is lost."""
        carrier = self.carrier
        if carrier is None or carrier.started is None:
            return True
        told = carrier.say_at_once(sound)
        for event in told or ():
            self.hear(carrier, event)
        return told is not None

    async def do(self, what: Callable[[Carrier], Awaitable[list[MediaEvent]]]) -> None:
        """Have the present socket do something; without one it is lost."""
        carrier = self.carrier
        if carrier is not None and carrier.started is not None:
            await self._tell(carrier, what(carrier))

    async def _tell(self, carrier: Carrier, saying: Awaitable[list[MediaEvent]]) -> None:
        try:
            for event in await saying:
                self.hear(carrier, event)
        except ConnectionResetError:
            pass  # The socket has just ended; whoever reads it tells.

    def _introduce(self, guest: Guest, carrier: Carrier) -> None:
        started = carrier.started
        assert started is not None  # noqa: S101 - nobody is introduced before
        try:
            own = guest.begin(carrier.format)
        except Failure as failure:
            self.guest = None
            guest.tell(Warned(failure.code, failure.message))
            guest.tell(Over("unsupported_format"))
            self._watch()
            return
        guest.tell(
            Attached(
                call_id=str(self.call.id),
                stream_id=started.stream_id,
                provider=self.call.provider,
                format=own,
                custom=started.custom,
            )
        )
        while self._missed:
            guest.tell(self._missed.popleft())
        for sound, offset in self._ring:
            guest.hear(sound, offset)
        self._forget()
        for event in self._story:
            guest.tell(event)
        self._story.clear()

    def _keep(self, sound: bytes, offset: int) -> None:
        carrier = self.carrier
        if carrier is None:
            return
        self._ring.append((sound, offset))
        self._ring_ms += carrier.format.milliseconds(len(sound))
        while self._ring_ms > RING_MS and self._ring:
            self._ring_ms -= carrier.format.milliseconds(len(self._ring.popleft()[0]))

    def _forget(self) -> None:
        self._ring.clear()
        self._ring_ms = 0

    def _count(self, guest: Guest) -> None:
        if guest.lost:
            MEDIA_LOST.of(self.call.provider, "to_caller").value += guest.lost

    def _watch(self) -> None:
        """Give a call up that nobody has been attached to for too long."""
        self._stop_watching()
        if self.carrier is not None and self.guest is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._detach_seconds, self._abandoned, self)

    def _stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class RoomMouth:
    """What an inline call's voice speaks with: whichever socket the call has now."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def say_at_once(self, sound: bytes) -> bool:
        return self._room.say_at_once(sound)

    async def say(self, sound: bytes) -> None:
        await self._room.do(lambda carrier: carrier.say(sound))

    async def mark(self, name: str) -> None:
        await self._room.do(lambda carrier: carrier.mark(name))

    async def clear(self) -> None:
        await self._room.do(lambda carrier: carrier.clear())
