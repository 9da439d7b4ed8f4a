"""A telephone, whoever holds it, and the line to it: who answers, what is said and pressed, what is heard.

A script (`Phone`, its `Act`s) is plain data, the same for every carrier. A `Line` is the sound of one call, both ways, in
frames of 20 ms by the telephone's own clock, which may run faster than ours. It knows nothing of a carrier's messages.
"""

import asyncio
import time
from base64 import b64decode
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from lab import mouth

FRAME_MS = 20
KEPT_MS = 600_000
"""How much of a call's sound is remembered each way: the lab also runs under load."""


class Act(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that is done, after the one before; the first of these that is set is it."""

    says: str = ""
    """A text, as `lab.mouth` sounds it."""
    sound: str = ""
    """Base64, in the carrier's format."""
    waits_ms: int = 0
    hears_ms: int = 0
    """Waits until so much has been heard in all."""
    awaits: str = ""
    """Waits until a mark whose name ends so has been reached."""
    presses: str = ""
    """Keys, one after another, a frame apart."""
    loses: Literal["reset", "fin", ""] = ""
    """The carrier loses the media socket."""
    hangs_up: bool = False


class Phone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What becomes of a call to it, or from it. Having done all its acts it stays on the line, and is silent."""

    picks_up: Literal["yes", "machine", "no", "busy", "rejects", "unreachable"] = "yes"
    rings_ms: float = 0
    """Before it picks up, or does not; `no` rings for as long as the carrier lets it."""
    acts: list[Act] = []
    speed: float = 1.0
    """How much faster than ours its clock runs: with 10, a frame goes out every 2 ms."""
    quiet: bool = False
    """Whether its silences are not sent. Carriers send them."""


@dataclass(frozen=True, slots=True)
class Sound:
    """How a carrier's sound is written: `rate` in Hz, bytes a sample, one sample of silence, and a text's sound."""

    rate: int
    width: int
    silence: bytes
    voice: Callable[[str, int], bytes]

    @property
    def frame(self) -> int:
        """Bytes of a frame."""
        return self.size(FRAME_MS)

    def size(self, milliseconds: int) -> int:
        return self.rate * milliseconds // 1000 * self.width

    def milliseconds(self, size: int) -> float:
        return size * 1000 / (self.rate * self.width)


MULAW = Sound(8_000, 1, b"\xff", mouth.mulaw)


def linear(rate: int) -> Sound:
    """16-bit little-endian."""
    return Sound(rate, 2, b"\0\0", mouth.pcm)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A frame that the telephone said; `at_ms` counts from the line's beginning."""

    sound: bytes
    at_ms: int


@dataclass(frozen=True, slots=True)
class Pressed:
    digit: str


@dataclass(frozen=True, slots=True)
class Reached:
    """What was to be played before a mark has been played."""

    mark: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The telephone has been hung up; or, with `lost`, the media socket is to be lost that way."""

    lost: Literal["reset", "fin", ""] = ""


Event = Spoken | Pressed | Reached | Gone


@dataclass(slots=True)
class Cleared:
    """What a clear threw away, after how much had been heard."""

    heard_bytes: int
    dropped_bytes: int


@dataclass(slots=True)
class Line:
    """The sound of one call. `said` is all that was sent of the telephone's, frame by frame; `heard` all that it has
    heard, as it was played (both up to `KEPT_MS`); `arrivals` when each piece to play arrived (monotonic seconds, bytes).
    """

    phone: Phone
    sound: Sound
    said: bytearray = field(default_factory=bytearray)
    heard: bytearray = field(default_factory=bytearray)
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    cleared: list[Cleared] = field(default_factory=list)
    reached: list[str] = field(default_factory=list)
    now_ms: int = 0
    _acts: deque[Act] = field(default_factory=deque)
    _speaking: bytes = b""
    _silent_ms: int = 0
    _waiting: deque[bytes | str] = field(default_factory=deque)
    _passed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._acts.extend(self.phone.acts)

    def act(self, acts: Iterable[Act]) -> None:
        """Does more, after what is still to be done."""
        self._acts.extend(acts)

    # what the carrier is told by whoever is at the socket's other end

    def play(self, sound: bytes) -> None:
        """Plays sound after what is playing."""
        if len(self.heard) < self.sound.size(KEPT_MS):
            self.arrivals.append((time.monotonic(), len(sound)))
        if sound:
            self._waiting.append(sound)

    def mark(self, name: str) -> None:
        """Tells when all that was to be played so far has been."""
        self._waiting.append(name)

    def clear(self) -> list[str]:
        """Plays nothing of what waits; the marks that waited with it."""
        marks = [*self._passed, *(one for one in self._waiting if isinstance(one, str))]
        self.cleared.append(Cleared(len(self.heard), self.waiting))
        self.drop()
        return marks

    def drop(self) -> None:
        """Forgets what waits to be played: nobody is at the other end any more."""
        self._waiting.clear()
        self._passed.clear()

    @property
    def waiting(self) -> int:
        """How many bytes are still to be played."""
        return sum(len(one) for one in self._waiting if isinstance(one, bytes))

    # the clock

    async def ticks(self) -> AsyncIterator[Event]:
        """What happens, when it happens, until the telephone is gone."""
        begun, first = time.monotonic(), self.now_ms
        while True:
            for event in self.tick():
                yield event
                if isinstance(event, Gone):
                    return
            due = begun + (self.now_ms - first) / 1000 / self.phone.speed
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def tick(self) -> Iterator[Event]:
        """The next frame's time: what it reaches, plays, says and presses."""
        for name in self._play():
            self.reached.append(name)
            yield Reached(name)
        at, self.now_ms = self.now_ms, self.now_ms + FRAME_MS
        spoken = None
        while spoken is None:
            if self._speaking:
                spoken = self._speaking[: self.sound.frame]
                self._speaking = self._speaking[self.sound.frame :]
            elif self._silent_ms > 0:
                self._silent_ms -= FRAME_MS
                break
            elif self._acts and self._may(self._acts[0]):
                happens = self._do(self._acts.popleft())
                if happens is not None:
                    yield happens
                    if isinstance(happens, Gone):
                        return
                    break
            else:
                break
        if spoken is None and self.phone.quiet:
            return
        frame = self._full(spoken or b"")
        self._keep(self.said, frame)
        yield Spoken(frame, at)

    def _play(self) -> list[str]:
        """Plays a frame; the marks behind what had been played before it."""
        reached, self._passed = self._passed, []
        while self._waiting and isinstance(self._waiting[0], str):
            reached.append(self._waiting.popleft())  # type: ignore[arg-type]
        left = self.sound.frame
        while self._waiting and left:
            first = self._waiting.popleft()
            if isinstance(first, str):
                self._passed.append(first)
                continue
            self._keep(self.heard, first[:left])
            if first[left:]:
                self._waiting.appendleft(first[left:])
            left -= len(first[:left])
        return reached

    def _keep(self, kept: bytearray, sound: bytes) -> None:
        if len(kept) < self.sound.size(KEPT_MS):
            kept += sound

    def _may(self, act: Act) -> bool:
        if act.hears_ms:
            return self.sound.milliseconds(len(self.heard)) >= act.hears_ms
        if act.awaits:
            return any(name.endswith(act.awaits) for name in self.reached)
        return True

    def _do(self, act: Act) -> Event | None:
        if act.says:
            self._speaking = self.sound.voice(act.says, self.sound.rate)
        elif act.sound:
            self._speaking = b64decode(act.sound, validate=True)
        elif act.waits_ms:
            self._silent_ms = act.waits_ms
        elif act.presses:
            if act.presses[1:]:
                self._acts.appendleft(Act(presses=act.presses[1:]))
            return Pressed(act.presses[0])
        elif act.loses:
            return Gone(act.loses)
        elif act.hangs_up:
            return Gone()
        return None

    def _full(self, sound: bytes) -> bytes:
        missing = self.sound.frame - len(sound)
        return sound + self.sound.silence * (missing // self.sound.width)
