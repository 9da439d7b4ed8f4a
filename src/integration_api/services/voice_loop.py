"""An ear and a voice on one call: its sound becomes events, and text becomes its sound.

Whoever is attached gets transcripts and says text; the sound stays here. When somebody begins to speak while the
voice does, the voice falls silent at once, and what was heard of it is told.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any, Literal, Protocol, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from integration_api.core.audio import AudioFormat
from integration_api.core.errors import Failure, Kind
from integration_api.core.session import Warned
from integration_api.core.stt import Final, Interim, ListenRequest, SpeechStarted
from integration_api.core.tts import SynthesisRequest
from integration_api.dialects import voice_stt_surface, voice_tts_surface
from integration_api.services import clock, live_words, stt_words, tts_words
from integration_api.services.call import Origin
from integration_api.services.fallback import Fallback
from integration_api.services.leg import Leg, recoverable
from integration_api.services.spoken_texts import Said, SpokenTexts
from integration_api.services.stt import SttService
from integration_api.services.target import Target
from integration_api.services.tts import TtsService
from integration_api.services.utterance import Utterance
from integration_api.services.voice import fallback_of, target_of

EARLY_MS = 5_000
"""Of sound that waits for an ear that is still being opened; the oldest is lost then."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds from the end of an ear until another is opened; doubled each time."""
LASTED_SECONDS = 10.0
"""An ear that has listened for so long was opened in vain by nobody: the pause after it is the first again."""
GOODBYE_SECONDS = 5.0
"""How long an ear has, after the call, for the last of what was said."""
BARGE_IN = ("words", "speech", "off")

BargeIn: TypeAlias = Literal["words", "speech", "off"]


class LoopPlan(Struct, frozen=True, kw_only=True):
    """Which ear and which voice; either may be missing."""

    ear: Target | None = None
    listen: ListenRequest | None = None
    ear_fallback: Fallback = Fallback()
    voice: Target | None = None
    speak: SynthesisRequest | None = None
    voice_fallback: Fallback = Fallback()
    frame_ms: int = 20
    barge_in: BargeIn = "words"
    """What silences the voice: the first word that is heard, the first sign of speech, or nothing."""


class Listened(Struct, frozen=True, tag="stt"):
    """What the ear told."""

    event: Any
    leg: Leg[Any] | None = None


class Spoke(Struct, frozen=True, tag="tts"):
    """What the voice told, without its sound."""

    event: Any
    leg: Leg[Any] | None = None


LoopEvent: TypeAlias = Listened | Spoke | Warned


class Mouth(Protocol):
    """The carrier's side of a call, as the loop uses it."""

    def say_at_once(self, sound: bytes) -> bool:
        """Say it if that needs no waiting; return whether it was said."""
        ...

    async def say(self, sound: bytes) -> Any: ...
    async def mark(self, name: str) -> Any: ...
    async def clear(self) -> Any: ...


def plan_of(inline: Mapping[str, Any]) -> LoopPlan:
    """Read how a call is to be wired, as its maker wrote it. Raises `Failure` (INVALID_REQUEST) naming the field."""
    barge_in: BargeIn = inline.get("barge_in") or "words"
    if barge_in not in BARGE_IN:
        raise _wrong("media.barge_in", f"must be one of {', '.join(BARGE_IN)}")
    plan = LoopPlan(barge_in=barge_in)
    if (given := inline.get("stt")) is not None:
        start = msgspec.convert(given, voice_stt_surface.Start)
        plan = replace(
            plan,
            ear=target_of(start.target, "media.stt.target"),
            listen=start.read(),
            ear_fallback=fallback_of(start.fallback),
        )
    if (given := inline.get("tts")) is not None:
        spoken = msgspec.convert(given, voice_tts_surface.Start)
        plan = replace(
            plan,
            voice=target_of(spoken.target, "media.tts.target"),
            speak=spoken.read(),
            voice_fallback=fallback_of(spoken.fallback),
            frame_ms=spoken.chunk_ms,
        )
    if plan.ear is None and plan.voice is None:
        raise _wrong("media", "of an inline call needs stt, tts or both")
    return plan


class _Playing:
    """How far the carrier has come with an utterance, by the length of what it was given."""

    __slots__ = ("begins_at", "done", "ends_at", "utterance")

    def __init__(self, utterance: Utterance, begins_at: float) -> None:
        self.utterance = utterance
        self.begins_at = self.ends_at = begins_at
        self.done = False
        """Whether the voice has given all of it."""

    def played_ms(self, now: float) -> int:
        return round(1000 * max(0.0, min(now, self.ends_at) - self.begins_at))


class VoiceLoop:
    """`run` works until `end`; `hear` and `ask` are for the call's two sides. Everything is told with `tell`."""

    def __init__(
        self,
        ears: SttService,
        voices: TtsService,
        origin: Origin,
        plan: LoopPlan,
        format: AudioFormat,
        mouth: Mouth,
        tell: Callable[[LoopEvent], None],
    ) -> None:
        self._ears = ears
        self._voices = voices
        self._origin = origin
        self._plan = plan
        self._format = format
        self._mouth = mouth
        self._tell = tell
        self._at_once: Callable[[bytes], bool] | None = None
        self._early: deque[bytes] = deque()
        self._early_ms = 0
        self._arrived = asyncio.Event()
        self._ended = asyncio.Event()
        self._deaf = False
        """Whether it was told that the ear has failed, and none has been opened since."""
        self._texts = SpokenTexts()
        self._segment = ""
        """Of the latest text that was heard."""
        self._answered = ""
        """The segment that had been heard when the voice began: what is still told of it silences nothing."""
        self._playing: dict[str, _Playing] = {}
        """What the carrier was given and has not played, in its order."""
        self._left_until = 0.0
        """When the carrier has played what a voice that failed had given of an utterance."""

    # --- the call's two sides ----------------------------------------------------------------

    def hear(self, sound: bytes) -> None:
        """Take sound of whoever is on the telephone."""
        if self._plan.ear is None or (self._at_once is not None and not self._early and self._at_once(sound)):
            return
        self._early.append(sound)
        self._early_ms += self._format.milliseconds(len(sound))
        while self._early_ms > EARLY_MS:
            self._early_ms -= self._format.milliseconds(len(self._early.popleft()))
        self._arrived.set()

    async def ask(self, said: Said) -> None:
        """Have text spoken, or silence what is. Raises `Failure`."""
        if self._plan.voice is None:
            raise Failure(
                Kind.UNSUPPORTED, "the call has no voice: it was made without media.tts", code="no_voice"
            )
        match said:
            case tts_words.Cancel(utterance_id, played_ms):
                await self.silence({utterance_id: played_ms})
                return
            case tts_words.Text() if not self._speaking:
                self._answered = self._segment
        self._texts.put(said)

    def reached(self, name: str) -> None:
        """Hear that the carrier has played an utterance to its end."""
        self._playing.pop(name, None)

    async def silence(self, played: Mapping[str, int | None] | None = None) -> None:
        """Fall silent: what is being spoken, and what waits behind it, is told as cancelled.

        `played` says how much of an utterance was heard, by who knows it better than we.
        """
        now = clock.perf()
        if not self._speaking:
            return
        playing, self._playing = self._playing, {}
        opened, self._left_until = self._texts.silence(), 0.0
        await self._mouth.clear()
        known = played or {}
        for id in [*playing, *(id for id in opened if id not in playing)]:
            at = playing.get(id)
            heard = known.get(id)
            if heard is None:
                heard = 0 if at is None else at.played_ms(now)
            if at is not None and at.done:
                spoken, left, estimated = at.utterance.heard(heard)
                if left:
                    told = tts_words.Cancelled(
                        utterance_id=id, text_spoken=spoken, text_remaining=left, estimated=estimated
                    )
                    self._tell(Spoke(told))
            else:
                self._texts.put(tts_words.Cancel(id, heard))

    def end(self) -> None:
        """Hear that the call is over."""
        self._ended.set()
        self._arrived.set()
        self._texts.end()

    async def run(self) -> None:
        """Work until the call is over."""
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._speak())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _speaking(self) -> bool:
        """Whether a text waits to be spoken, or the carrier still plays one."""
        return bool(self._texts.open or self._playing) or clock.perf() < self._left_until

    # --- the ear -----------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Hear with one ear after another: one that has ended is followed by another, unless that were in vain."""
        pause = FIRST_PAUSE
        while True:
            began = clock.perf()
            failure = await self._hear_out()
            if clock.perf() - began > LASTED_SECONDS:
                pause = FIRST_PAUSE
            if failure is not None and not self._deaf:
                self._deaf = True
                self._failed("stt", failure)
            if self._ended.is_set() or (failure is not None and not recoverable(failure)):
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._ended.wait()
                    return
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _hear_out(self) -> Failure | None:
        """Hear with one ear to its end; return why, where it did not end well."""
        plan = self._plan
        if plan.ear is None or plan.listen is None:
            await self._ended.wait()
            return None
        self._segment = self._answered = ""  # Each ear names them by itself.
        request = replace(plan.listen, input=self._format)
        told = self._ears.listen(
            self._origin, plan.ear, request, self._sound(), plan.ear_fallback, self._attend
        )
        try:
            async with aclosing(told):
                async for leg, events in told:
                    self._deaf = False
                    for event in events:
                        if isinstance(event, live_words.Ended):
                            return event.error
                        if self._interrupts(event):
                            await self.silence()
                        self._tell(Listened(event, leg))
        except Failure as failure:
            return failure
        finally:
            self._at_once = None
        return None

    def _attend(self, heard: Callable[[bytes], bool]) -> None:
        self._at_once = heard

    async def _sound(self) -> AsyncGenerator[stt_words.Ask, None]:
        while True:
            while self._early:
                sound = self._early.popleft()
                self._early_ms -= self._format.milliseconds(len(sound))
                yield stt_words.Sound(sound)
            if self._ended.is_set():
                yield live_words.End()
                return
            self._arrived.clear()
            await self._arrived.wait()

    def _interrupts(self, event: Any) -> bool:
        if isinstance(event, SpeechStarted):
            return self._plan.barge_in == "speech" and self._speaking
        if not isinstance(event, Interim | Final) or not event.text.strip():
            return False
        self._segment = event.segment_id
        if self._plan.barge_in == "off" or not self._speaking:
            return False
        return event.segment_id != self._answered

    # --- the voice ---------------------------------------------------------------------------

    async def _speak(self) -> None:
        """Speak with one session after another: one that has ended is followed by another at the next text."""
        if self._plan.voice is None:
            return
        first: tts_words.Ask | None = None
        while not isinstance(first, live_words.End):
            await self._session(first)
            if self._ended.is_set():
                return
            first = await self._texts.next(self._texts.voice)
            while not isinstance(first, tts_words.Text | live_words.End):
                # Nothing is said that could be flushed or cancelled.
                first = await self._texts.next(self._texts.voice)

    async def _session(self, first: tts_words.Ask | None) -> None:
        plan = self._plan
        if plan.voice is None or plan.speak is None:
            return
        request = replace(plan.speak, output=self._format)
        told = self._voices.synthesize(
            self._origin,
            plan.voice,
            request,
            self._given(first),
            plan.voice_fallback,
            frame_ms=plan.frame_ms,
            put=self._put,
        )
        try:
            async with aclosing(told):
                async for leg, events in told:
                    for event in events:
                        if isinstance(event, live_words.Ended | live_words.Over):
                            # At once: what is asked for while the session goes is spoken by the next.
                            self._lose()
                        if isinstance(event, live_words.Ended):
                            self._failed("tts", event.error)
                            return
                        await self._take(event, leg)
        except Failure as failure:
            self._lose()
            self._failed("tts", failure)

    async def _given(self, first: tts_words.Ask | None) -> AsyncGenerator[tts_words.Ask, None]:
        voice = self._texts.voice
        ask = await self._texts.next(voice) if first is None else first
        while ask is not None:
            yield ask
            ask = None if isinstance(ask, live_words.End) else await self._texts.next(voice)

    def _lose(self) -> None:
        """Tell what was spoken of the utterances that end with a voice."""
        for id, text in self._texts.lose().items():
            spoken, left, estimated = "", text, False
            if (playing := self._playing.pop(id, None)) is not None:
                spoken, left, estimated = playing.utterance.heard(None)
                self._left_until = max(self._left_until, playing.ends_at)
            told = tts_words.Cancelled(
                utterance_id=id, text_spoken=spoken, text_remaining=left, estimated=estimated
            )
            self._tell(Spoke(told))

    async def _take(self, event: tts_words.Told, leg: Leg[Any]) -> None:
        match event:
            case tts_words.Audio(utterance=utterance, data=data):
                if utterance.id in self._texts.open:
                    self._note(utterance, data)
                    await self._mouth.say(data)
                return
            case tts_words.Done(utterance_id=id):
                self._texts.done(id)
                if (playing := self._playing.get(id)) is not None:
                    playing.done = True
                    self._tell(Spoke(event, leg))
                    await self._mouth.mark(id)
                    return
            case tts_words.Cancelled(utterance_id=id):
                self._texts.done(id)
                self._playing.pop(id, None)
        self._tell(Spoke(event, leg))

    def _put(self, utterance: Utterance, data: bytes) -> bool:
        """Take a frame where it arrives: see `tts_words.Put`."""
        if utterance.id in self._texts.open:
            if not self._mouth.say_at_once(data):
                return False
            self._note(utterance, data)
        return True

    def _note(self, utterance: Utterance, data: bytes) -> None:
        now = clock.perf()
        playing = self._playing.get(utterance.id)
        if playing is None:
            busy = max([self._left_until, *(one.ends_at for one in self._playing.values())])
            playing = self._playing[utterance.id] = _Playing(utterance, max(now, busy))
        playing.ends_at = max(now, playing.ends_at) + self._format.milliseconds(len(data)) / 1000

    def _failed(self, which: str, failure: Failure) -> None:
        self._tell(Warned(f"{which}_failed", f"{failure.code}: {failure.message}"))


def _wrong(param: str, what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"{param} {what}", code="invalid_value", param=param)
