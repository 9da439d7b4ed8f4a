"""A caller who is attached to a call's sound: what it is told, as much as may wait, and the sound it says."""

import asyncio
from collections import deque
from typing import Protocol, TypeAlias

from msgspec import Struct

from integration_api.audio.convert import Converter
from integration_api.audio.frames import Frames
from integration_api.core.audio import AudioFormat
from integration_api.core.errors import Failure
from integration_api.core.media import Cleared, Dtmf, MarkReached, Stopped
from integration_api.core.session import Warned
from integration_api.services.spoken_texts import Said
from integration_api.services.voice_loop import Listened, Spoke

FRAME_MS = 20
"""Of sound that is converted for its caller; sound that is not is told as the carrier cuts it."""
BACKLOG_MS = 5_000
"""Of sound that waits for a caller who reads slowly; the oldest is lost then: what is said now matters more."""
MOST_EVENTS = 10_000
"""That wait; a caller who reads none of them is let go. One who reads may have thousands of marks cancelled at once."""


class Attached(Struct, frozen=True, kw_only=True, tag="started"):
    """The carrier's sound has begun, or begun anew. Nothing but a warning is told before the first."""

    call_id: str
    stream_id: str
    provider: str
    format: AudioFormat
    """Of the sound that this caller hears and says."""
    custom: dict[str, str] = {}


class Audio(Struct, frozen=True, tag="audio"):
    """Sound, in the caller's format. `offset_ms` is from the stream's start."""

    data: bytes
    offset_ms: int


class Over(Struct, frozen=True, tag="closed"):
    """Nothing more is told: finished, call_ended, taken_over, detached, overrun, media_elsewhere, unsupported_format or
    error. Between processes there is more: see `services/media_relay.py`.
    """

    reason: str


Told: TypeAlias = Attached | Audio | Dtmf | MarkReached | Cleared | Stopped | Warned | Over | Listened | Spoke


class Seat(Protocol):
    """Where a guest sits: at the call in this process, or at one in another."""

    async def say(self, guest: "Guest", sound: bytes) -> None: ...
    async def mark(self, guest: "Guest", name: str) -> None: ...
    async def clear(self, guest: "Guest") -> None: ...
    async def speak(self, guest: "Guest", said: Said) -> None: ...
    async def hang_up(self, guest: "Guest") -> None: ...
    def leave(self, guest: "Guest") -> None: ...


class Guest:
    """`hear` and `tell` are the call's side; everything else is the caller's."""

    def __init__(self, seat: Seat, format: AudioFormat | None) -> None:
        self.wants = format
        """None for the carrier's own."""
        self.lost = 0
        """Pieces of sound that were not taken in time."""
        self.failure: Failure | None = None
        """Why it is over, where something went wrong."""
        self.far = False
        """Whether it sits in another process, which finds the call's sound again by itself when it has moved."""
        self._seat = seat
        self._own = AudioFormat()
        self._carriers = AudioFormat()
        self._in: Converter | None = None
        self._out: Converter | None = None
        self._frames: Frames | None = None
        self._offset = 0
        """Of the next frame."""
        self._waiting: deque[Told] = deque()
        self._waiting_ms = 0
        self._lost_ms = 0
        self._arrived = asyncio.Event()
        self._over = False

    # --- the call's side ---------------------------------------------------------------------

    def begin(self, carriers: AudioFormat) -> AudioFormat:
        """Get ready for the carrier's sound; return the format that the caller hears. Raises `Failure`."""
        own = self.wants or carriers
        self._in, self._out = Converter(carriers, own), Converter(own, carriers)
        self._frames = None if own == carriers else Frames(own, FRAME_MS)
        self._own, self._carriers = own, carriers
        return own

    def hear(self, sound: bytes, offset_ms: int) -> None:
        """Tell of the carrier's sound."""
        if self._in is None:
            return
        if self._frames is None:
            self._put_sound(Audio(sound, offset_ms))
            return
        if self._frames.bytes == 0:
            self._offset = offset_ms
        for frame in self._frames.feed(self._in.feed(sound)):
            self._put_sound(Audio(frame, self._offset))
            self._offset += FRAME_MS

    def tell(self, event: Told) -> None:
        if self._over:
            return
        if len(self._waiting) >= MOST_EVENTS and not isinstance(event, Over):
            self._waiting.clear()
            event = Over("overrun")
        self._over = isinstance(event, Over)
        self._waiting.append(event)
        self._arrived.set()

    def fail(self, failure: Failure) -> None:
        """Tell that it is over, for this."""
        if not self._over:
            self.failure = failure
        self.tell(Over("error"))

    @property
    def over(self) -> bool:
        """Whether nothing more is told to it."""
        return self._over

    def move(self, seat: Seat) -> None:
        """Go on at another seat."""
        self._seat = seat

    def pass_on(self, event: Told) -> None:
        """Tell what was told elsewhere, in the caller's format."""
        if isinstance(event, Audio):
            self._put_sound(event)
            return
        if isinstance(event, Attached):
            self._own = event.format
        self.tell(event)

    def _put_sound(self, audio: Audio) -> None:
        if self._over:
            return
        self._waiting_ms += self._own.milliseconds(len(audio.data))
        self._waiting.append(audio)
        while self._waiting_ms > BACKLOG_MS:
            at = next(at for at, one in enumerate(self._waiting) if isinstance(one, Audio))
            oldest = self._waiting[at]
            del self._waiting[at]
            if isinstance(oldest, Audio):
                milliseconds = self._own.milliseconds(len(oldest.data))
                self._waiting_ms -= milliseconds
                self._lost_ms += milliseconds
                self.lost += 1
        self._arrived.set()

    def spoken(self, sound: bytes) -> bytes:
        """Return the caller's sound as the carrier takes it."""
        return b"" if self._out is None else self._out.feed(sound)

    def rest(self) -> bytes:
        """Return what converting has held back."""
        return b"" if self._out is None else self._out.flush()

    def hush(self) -> None:
        """Forget what converting has held back."""
        if self._out is not None:
            self._out = Converter(self._own, self._carriers)

    # --- the caller's side -------------------------------------------------------------------

    async def next(self) -> Told | None:
        """Return what is told next; None after `Over` was."""
        while not self._waiting:
            if self._over:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        if self._lost_ms:
            lost, self._lost_ms = self._lost_ms, 0
            return Warned("audio_lost", f"{lost} ms of sound were not read in time, and are lost")
        event = self._waiting.popleft()
        if isinstance(event, Audio):
            self._waiting_ms -= self._own.milliseconds(len(event.data))
        return event

    async def say(self, sound: bytes) -> None:
        """Have sound played after what is playing; waits while the carrier reads slowly."""
        await self._seat.say(self, sound)

    async def mark(self, name: str) -> None:
        """Have `MarkReached` told once all that was said so far has been played."""
        await self._seat.mark(self, name)

    async def clear(self) -> None:
        """Fall silent: nothing of what was said so far is sent after this, and the carrier drops what waits."""
        await self._seat.clear(self)

    async def speak(self, said: Said) -> None:
        """Have an inline call's voice say something, or stop. Raises `Failure`."""
        await self._seat.speak(self, said)

    async def hang_up(self) -> None:
        """End the call."""
        await self._seat.hang_up(self)

    def detach(self) -> None:
        """Leave; the call goes on for a while."""
        self.tell(Over("detached"))
        self._seat.leave(self)
