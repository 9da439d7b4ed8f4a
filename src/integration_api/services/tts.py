"""Live speech: one caller's text to a provider and back as frames of sound, whatever happens to the provider."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from functools import partial

from msgspec.structs import replace

from integration_api.audio.convert import Converter
from integration_api.core.audio import AudioFormat
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.llm import Usage
from integration_api.core.session import Outcome, Warned
from integration_api.core.tts import (
    Flushed,
    Interrupted,
    Sound,
    Speaking,
    Spoken,
    SynthesisRequest,
    Timestamps,
    TtsEvent,
)
from integration_api.services import clock, sentences
from integration_api.services.call import Calls, Origin
from integration_api.services.fallback import Fallback, options_of, voice_of
from integration_api.services.leg import Leg, late, recoverable
from integration_api.services.lines import Lines
from integration_api.services.live_session import LiveSession
from integration_api.services.live_words import End, Ended, Left, Over
from integration_api.services.script import Script
from integration_api.services.target import Target
from integration_api.services.telling_order import TellingOrder
from integration_api.services.tts_words import (
    Ask,
    Audio,
    Cancel,
    Cancelled,
    Change,
    Done,
    Flush,
    MarkAt,
    MarkReached,
    Put,
    Ready,
    Started,
    Text,
    Told,
    Used,
)
from integration_api.services.unary import unsupported
from integration_api.services.utterance import Utterance
from integration_api.telemetry.log import Log
from integration_api.telemetry.metrics import FIRST_AUDIO

OPERATION = "tts"
WAITING = 256
"""Lists of events that wait for a caller who reads slowly; then the provider waits, too."""
OF_ONE = (Sound, Spoken, Timestamps, Flushed)
"""What is told of an utterance while it is spoken."""
SPOKEN_SECONDS = 0.3
"""How long a provider that tells what was spoken has for it, before that is guessed."""
REST_SECONDS = 5.0
"""Who closes a socket on which nobody has said anything for so long has not failed: few keep one for ever."""
MOST_OPEN = 64
"""Utterances that are neither spoken nor cancelled."""
MOST_MARKS = 1_000
"""Of one utterance."""
LONGEST_UTTERANCE = 1_000_000
"""Characters, in however many messages: half a day of speech."""


class _Nobody:
    """Stands in for a session between two of them: what is said to it is noted, and goes nowhere."""

    def text(self, utterance_id: str, text: str, *, ssml: bool = False) -> Outcome[TtsEvent]:
        return ()

    def end_utterance(self, utterance_id: str) -> Outcome[TtsEvent]:
        return ()

    def flush(self, utterance_id: str) -> Outcome[TtsEvent]:
        return ()

    def cancel(self, utterance_id: str, played_ms: int | None) -> Outcome[TtsEvent]:
        return ()

    def update(self, voice: str | None, speed: float | None) -> Outcome[TtsEvent]:
        return ()


NOBODY = _Nobody()


class TtsService:
    """Opens live voices."""

    def __init__(self, calls: Calls, lines: Lines, log: Log) -> None:
        self._calls = calls
        self._lines = lines
        self._log = log

    def synthesize(
        self,
        origin: Origin,
        target: Target,
        request: SynthesisRequest,
        asks: AsyncIterator[Ask],
        fallback: Fallback | None = None,
        *,
        frame_ms: int = 20,
        put: Put | None = None,
    ) -> AsyncGenerator[tuple[Leg[Speaking], list[Told]], None]:
        """Yield what is told, with the leg it came from. The first is `Ready`, or a `Failure` is raised instead.

        A failure after that is told as the last event. With `put`, frames go to the caller where their sound arrives,
        while nothing that was told before them is still to be taken; others come as `Audio`.
        """
        return Synthesis(self._calls, self._lines, self._log, origin, request, frame_ms, put).run(
            target, fallback or Fallback(), asks
        )


class Synthesis(LiveSession[Speaking, Script, Told]):
    """One session. Utterances are told one after another, in the order in which they began."""

    def __init__(
        self,
        calls: Calls,
        lines: Lines,
        log: Log,
        origin: Origin,
        request: SynthesisRequest,
        frame_ms: int,
        put: Put | None = None,
    ) -> None:
        super().__init__(calls, lines, log, origin, OPERATION, WAITING)
        self._request = request
        self._frame_ms = frame_ms
        self._made = request.output
        self._order = TellingOrder()
        self._open = self._order.open
        self._pending: dict[str, str] = {}
        """Text that waits for the end of its sentence."""
        self._cut: dict[Utterance, int | None] = {}
        """Utterances that were cancelled, until it is told what was spoken of them, in the order in which they were;
        with how much of each was played, where the caller knows.
        """
        self._waiting_since = 0.0
        """When text was last given to a provider that has said nothing since."""
        self._asked_to_end = False
        self._finishing = False
        """Whether all is spoken, and the provider is to go."""
        self._rested = False
        """Whether the present leg has gone with nothing to say: who is next is dialled once there is something."""
        self._asked_at = 0.0
        """When the caller last wanted anything spoken."""
        self._wanted = asyncio.Event()
        self._characters = 0
        self._characters_before = 0
        """Those that the present leg was not given."""
        self._audio_ms = 0
        self._put = put
        self._taken = False
        """Whether the caller has been told all that was taken out of `_out`."""

    async def run(
        self, target: Target, fallback: Fallback, asks: AsyncIterator[Ask]
    ) -> AsyncGenerator[tuple[Leg[Speaking], list[Told]], None]:
        async with self._begun(target, fallback, asks) as (first, told):
            yield first, [self._ready(first), *self._told(told)]
            while True:
                self._taken = True
                leg, events = await self._out.get()
                self._taken = False
                # What was cancelled meanwhile stays unheard.
                events = [one for one in events if not isinstance(one, Audio) or not one.utterance.cancelled]
                if events:
                    yield leg, events
                    if isinstance(events[-1], (Over, Ended)):
                        return

    # --- one leg after another ---------------------------------------------------------------

    async def _begin(self, target: Target) -> Leg[Speaking]:
        tts = target.provider.tts
        if tts is None or (tts.synthesize is None and tts.speak is None):
            raise unsupported(target, OPERATION)
        made = tts.gives(self._request.output, target.model)
        Converter(made, self._request.output)  # Refuses here what can not be converted.
        call = await self._calls.open(self._origin, target, OPERATION, streamed=True)
        first, request = self._first, self._request
        asked = replace(
            request,
            model=target.model,
            voice=voice_of(target, first, request.voice),
            output=made,
            extras=options_of(target, first, request.extras),
        )
        synthesize = tts.synthesize
        if synthesize is None or tts.only_whole(asked.model, asked.voice):
            return self._lines.by_sentence(call, asked, tts)
        return self._lines.leg(
            call, asked, lambda: synthesize(asked, call.credential), warm_seconds=tts.warm_seconds
        )

    async def _talk(self, leg: Leg[Speaking], patience: float) -> None:
        while True:
            error = await self._listen(leg)
            over = error is None and not leg.redial and not (self._rested and await self._is_wanted())
            if self._finishing or over:
                used = Used(characters=self._characters, audio_ms=self._audio_ms)
                await self._out.put((leg, [used, Over("finished")]))
                return
            first = next(iter(self._open.values()), None)
            if error is not None and first is not None and first.began:
                # Another voice in the middle of a sentence would be worse than none. Others began unheard.
                await self._out.put((leg, [Ended(error)]))
                return
            async with self._turn:
                try:
                    leg, told = await self._succession.follow(leg, error, patience)
                except Failure as failure:
                    await self._out.put((self._latest, [Ended(failure)]))
                    return
                guesses = [guess for one in list(self._cut) for guess in self._guessed(one)]
                if events := [*guesses, *self._told(told)]:
                    await self._out.put((leg, events))
                self._finishing = False
                await self._finish(leg)

    async def _hear_out(self, leg: Leg[Speaking]) -> None:
        self._rested = False
        try:
            async for events in leg.events(partial(self._hear_at_once, leg)):
                leg.call.tell_first_token()
                told = self._told(events)
                self._waiting_since = clock.perf() if self._owed() else 0.0
                if not self.silent_since():
                    self._succession.drop()
                if told:
                    await self._out.put((leg, told))
                await self._finish(leg)
        except ProviderError as error:
            quiet = clock.perf() - max(leg.heard_at, self._asked_at)
            self._rested = quiet > REST_SECONDS and recoverable(error) and not self._open and not self._cut
            if not self._rested:
                raise

    async def _is_wanted(self) -> bool:
        """Wait until there is something to say, or nothing more will be; return which."""
        while not self._open and not self._asked_to_end:
            self._wanted.clear()
            await self._wanted.wait()
        return bool(self._open)

    def _hear_at_once(self, leg: Leg[Speaking], events: Sequence[object]) -> bool:
        """Pass on sound where it arrives: tasks that have to be woken for each frame cost more than the frame.

        Only what comes in the middle of an utterance; all else is told in its turn.
        """
        put = self._put
        if put is None or not self._taken or leg is not self._leg or not events or not self._out.empty():
            return False
        event, times = events[0], [one for one in events[1:] if isinstance(one, Timestamps)]
        if type(event) is not Sound or len(times) != len(events) - 1:
            return False
        if times and self._request.timestamps != "none":
            return False
        one = self._open.get(event.utterance_id)
        if one is None or not one.began or next(iter(self._open)) != one.id:
            return False
        if self._waiting_since and not one.complete and not self._owed():
            self._waiting_since = 0.0
        frames = one.sound(event.data)
        for number, frame in enumerate(frames):
            if not put(one, frame):
                self._out.put_nowait((leg, self._framed(one, frames[number:])))
                break
            one.seq += 1
        for each in times:  # Nobody is told of them; they say where an utterance was when it is cancelled.
            self._timestamps(each)
        return True

    def _owed(self) -> bool:
        """Whether a provider has all of a text that it has not spoken to the end."""
        return any(one.complete and not one.spoken for one in self._open.values())

    def _usage(self) -> Usage:
        """Return what the present leg was given, or the latest."""
        return Usage(characters=self._characters - self._characters_before)

    def brief(self, leg: Leg[Speaking]) -> Script:
        return Script(leg, self._open)

    def take(self, script: Script) -> None:
        """Let a leg say what nobody has begun to say."""
        self._leg = self._latest = script.leg
        self._made = self._given(script.leg.call.target)
        now = clock.perf()
        # What is spoken waits to be told, and is not said again.
        waiting = {id: one.again(self._made, now) for id, one in self._open.items() if not one.spoken}
        self._open.update(waiting)
        for one in waiting.values():
            one.flush_owed |= any(isinstance(told, Flushed) for told in self._order.forget(one.id))
        self._waiting_since = now if self._owed() else 0.0
        # What waits to be spoken is told this leg, whoever was told it before.
        self._characters_before = self._characters - sum(len(one.text) for one in waiting.values())

    def silent_since(self) -> float:
        if not self._open or any(one.began for one in self._open.values()):
            return 0.0
        owed_since = next(iter(self._open.values())).owed_since
        return max(owed_since, self._order.turn_since) if owed_since else 0.0

    def is_word(self, event: TtsEvent) -> bool:
        return isinstance(event, Sound | Spoken) and event.utterance_id in self._open

    async def _finish(self, leg: Leg[Speaking]) -> None:
        """Let the provider go once nothing is left to be spoken."""
        if self._asked_to_end and not self._open and not self._cut and not self._finishing:
            self._finishing = True
            await leg.tell(leg.session.finish)

    def _given(self, target: Target) -> AudioFormat:
        tts = target.provider.tts
        return self._request.output if tts is None else tts.gives(self._request.output, target.model)

    def _new(self, id: str) -> Utterance:
        return Utterance(id, self._made, self._request.output, self._frame_ms, clock.perf())

    def _ready(self, leg: Leg[Speaking]) -> Ready:
        return Ready(
            model=leg.call.target.model,
            capabilities=leg.session.capabilities,
            negotiated_output=self._made,
            reused_connection=leg.reused,
            connect_ms=leg.connect_ms,
        )

    async def _watch(self, patience: float) -> None:
        """Give up on a provider that says nothing while text waits to be spoken."""
        wait = patience
        while True:
            # Text that is given meanwhile has at least as long.
            await asyncio.sleep(min(wait, patience))
            wait = patience
            leg, since = self._leg, self._waiting_since
            if leg is not None and self._finishing and clock.perf() - leg.heard_at > patience:
                leg.hang_up()  # It has nothing more to say, and does not go.
            if leg is None or not since:
                continue
            wait = max(since, leg.heard_at) + patience - clock.perf()
            if wait <= 0:
                leg.give_up(late("the provider said nothing while text waited to be spoken"))
                wait = patience

    # --- the caller's side -------------------------------------------------------------------

    async def _hear(self, asks: AsyncIterator[Ask]) -> None:
        async for ask in asks:
            if isinstance(ask, Left):
                await self._out.put((self._latest, [Over("caller_left")]))
                return
            async with self._turn:
                leg = self._leg
                if (vain := self._in_vain(ask)) is not None:
                    told = vain
                elif leg is None:
                    told = [*self._mind(ask), *self._told(self._say(NOBODY, ask))]  # The next leg is told it.
                else:
                    told = self._mind(ask)
                    try:
                        told += self._told(await leg.tell(self._say, leg.session, ask))
                        await self._finish(leg)
                    except ProviderError as error:
                        leg.give_up(error)
                self._succession.more()
            if told:
                await self._out.put((self._latest, told))

    def _in_vain(self, ask: Ask) -> list[Told] | None:
        """Return what is told of an ask that comes too late, or too early, to be done; None of one that does not."""
        if isinstance(ask, Cancel):
            return None
        one = self._open.get(ask.utterance_id) if isinstance(ask, Text | MarkAt) else None
        if self._asked_to_end:
            more = isinstance(ask, Text) and ask.text
            return [Warned("after_end", "text that comes after `end` is not spoken")] if more else []
        match ask:
            case Text() if one is not None and one.complete:
                why = "an utterance that had its final text takes no more until it is done; name another"
                return [Warned("after_final", why)] if ask.text else []
            case MarkAt() if one is None:
                return [
                    Warned("unknown_utterance", "a mark stands in an utterance that has text and is not done")
                ]
        return None

    def _mind(self, ask: Ask) -> list[Told]:
        """Note what is asked for; return what can be told of it at once."""
        match ask:
            case Text():
                if ask.ssml and not self._request.ssml_allowed:
                    raise Failure(
                        Kind.INVALID_REQUEST,
                        "SSML was not asked for; set ssml_allowed in start",
                        code="ssml_not_allowed",
                        param="ssml",
                    )
                one = self._open.get(ask.utterance_id)
                if one is None:
                    if len(self._open) >= MOST_OPEN:
                        raise Failure(
                            Kind.OVERLOADED,
                            f"at most {MOST_OPEN} utterances may wait",
                            code="too_many_utterances",
                        )
                    one = self._open[ask.utterance_id] = self._new(ask.utterance_id)
                if len(one.text) + len(ask.text) > LONGEST_UTTERANCE:
                    raise Failure(
                        Kind.INVALID_REQUEST,
                        f"an utterance takes up to {LONGEST_UTTERANCE} characters",
                        code="utterance_too_long",
                        param="text",
                    )
                one.text += ask.text
                one.complete = one.complete or ask.final
                self._asked_at = clock.perf()
                self._wanted.set()
                self._characters += len(ask.text)
            case MarkAt():
                one = self._open[ask.utterance_id]
                if len(one.marks) >= MOST_MARKS and ask.name not in one.marks:
                    raise Failure(
                        Kind.OVERLOADED,
                        f"an utterance takes up to {MOST_MARKS} marks",
                        code="too_many_marks",
                    )
                one.marks[ask.name] = len(one.text) if ask.char_offset is None else ask.char_offset
                if one.spoken:  # It waits to be told: so does this, before its end.
                    self._order.amend(self._mark(one, ask.name))
            case Cancel():
                self._succession.drop()
                return self._cancelled(ask)
            case Change():
                self._change(ask)
            case End():
                self._asked_to_end = True
                self._wanted.set()
            case _:
                pass
        return []

    def _change(self, ask: Change) -> None:
        """Let whoever speaks next know of it, too, where this one can do it; a rival does not."""
        if not self._latest.session.capabilities.live_update:
            return
        self._succession.drop()
        request = self._request
        speed = request.manner.speed if ask.speed is None else ask.speed
        self._request = replace(
            request, voice=ask.voice or request.voice, manner=replace(request.manner, speed=speed)
        )

    def _say(self, session: Speaking | _Nobody, ask: Ask) -> list[object]:
        match ask:
            case Text():
                return self._say_text(session, ask)
            case Flush():
                acts = self._let_loose(session, ask.utterance_id)
                one = self._open.get(ask.utterance_id)
                if one is not None and one.said:
                    one.flushed, one.owed_since = len(one.said), one.owed_since or clock.perf()
                    one.flush_owed = True
                return [*acts, *session.flush(ask.utterance_id)]
            case Cancel():
                return [*session.cancel(ask.utterance_id, ask.played_ms)]
            case Change():
                return [*session.update(ask.voice, ask.speed)]
            case End():
                return self._complete(session)
            case _:
                return []

    def _say_text(self, session: Speaking | _Nobody, ask: Text) -> list[object]:
        id, text = ask.utterance_id, ask.text
        one = self._open[id]
        acts: list[object] = []
        if self._request.text_buffering == "sentence" and not ask.ssml:
            text = self._pending.pop(id, "") + text
            if not ask.final:
                cut = sentences.whole(text)
                self._pending[id], text = text[cut:], text[:cut]
        if text:
            one.said.append((text, ask.ssml))
            self._waiting_since = clock.perf() if ask.final else self._waiting_since
            acts += session.text(id, text, ssml=ask.ssml)
        return [*acts, *self._all_given(session, one)] if ask.final else acts

    def _all_given(self, session: Speaking | _Nobody, one: Utterance) -> list[object]:
        """An utterance has all its text."""
        if not one.said:
            return [
                Spoken(utterance_id=one.id, characters=0)
            ]  # There is nothing that a provider could speak.
        self._waiting_since = one.owed_since = clock.perf()
        return [*session.end_utterance(one.id)]

    def _complete(self, session: Speaking | _Nobody) -> list[object]:
        """No more text will come: what there is, is all."""
        acts: list[object] = []
        for one in self._open.values():
            if not one.complete:
                acts += self._let_loose(session, one.id)
                one.complete = True
                acts += self._all_given(session, one)
        return acts

    def _let_loose(self, session: Speaking | _Nobody, id: str) -> list[object]:
        """Say what waits for the end of its sentence."""
        one, text = self._open.get(id), self._pending.pop(id, "")
        if one is None or not text:
            return []
        one.said.append((text, False))
        return [*session.text(id, text)]

    def _cancelled(self, ask: Cancel) -> list[Told]:
        """Fall silent at once. What was spoken is told by the provider if it can, else guessed."""
        one = self._order.drop(ask.utterance_id)
        self._pending.pop(ask.utterance_id, None)
        if one is None:
            return []
        one.cancelled = True
        leg = self._leg
        if leg is not None:
            # Else it were the next one's, which may have the same name.
            leg.forget(lambda event: isinstance(event, OF_ONE) and event.utterance_id == one.id)
        self._audio_ms += 0 if one.spoken else one.audio_ms
        self._cut[one] = ask.played_ms
        if leg is not None and leg.session.capabilities.tells_spoken and one.began:
            self._work(self._guess(one))
            return []
        return self._guessed(one)

    async def _guess(self, one: Utterance) -> None:
        """Tell what was spoken of an utterance where the provider does not in time."""
        await asyncio.sleep(SPOKEN_SECONDS)
        async with self._turn:
            if one not in self._cut:
                return
            await self._out.put((self._latest, self._guessed(one)))
            leg = self._leg
            if leg is None:
                return
            try:
                await self._finish(leg)
            except ProviderError as error:
                leg.give_up(error)

    # --- the provider's side -----------------------------------------------------------------

    def _told(self, events: Sequence[object]) -> list[Told]:
        told: list[Told] = []
        for event in events:
            match event:
                case Sound():
                    told += self._sound(event)
                case Spoken():
                    told += self._spoken(event)
                case Timestamps():
                    told += self._timestamps(event)
                case Interrupted():
                    told += self._interrupted(event)
                case Flushed():
                    told += self._flushed(event)
                case Warned():
                    told.append(event)
                case _:
                    pass
        return told

    def _sound(self, event: Sound) -> list[Told]:
        one = self._open.get(event.utterance_id)
        if one is None:
            return []  # Late: it was cancelled.
        began = one.began
        told: list[Told] = []
        frames = one.sound(event.data)
        if not began:
            waited = clock.perf() - one.asked_at
            FIRST_AUDIO.of(self._latest.call.target.provider.name).observe(waited)
            told.append(Started(one.id, round(waited * 1000)))
        told += self._framed(one, frames)
        return self._order.tell(one.id, told)

    def _framed(self, one: Utterance, frames: list[bytes]) -> list[Told]:
        told: list[Told] = []
        for frame in frames:
            told.append(Audio(utterance=one, seq=one.seq, offset_ms=one.seq * self._frame_ms, data=frame))
            one.seq += 1
        return told

    def _spoken(self, event: Spoken) -> list[Told]:
        one = self._open.get(event.utterance_id)
        if one is None:
            return []
        told = self._framed(one, one.rest())
        one.spoken = True
        self._audio_ms += one.audio_ms
        if self._request.timestamps != "none" and not one.timestamps:
            told.append(one.estimated())
        told += [self._mark(one, name) for name in one.marks]
        if one.flush_owed:  # Few say when they have spoken what was flushed; by now it is.
            told.append(Flushed(one.id))
        told.append(
            Done(
                utterance_id=one.id,
                audio_ms=one.audio_ms,
                characters=len(one.text) if event.characters is None else event.characters,
                billed=event.billed,
            )
        )
        return self._order.tell(one.id, told)

    def _mark(self, one: Utterance, name: str) -> MarkReached:
        return MarkReached(utterance_id=one.id, name=name, at_ms=one.reached(one.marks[name]))

    def _flushed(self, event: Flushed) -> list[Told]:
        one = self._open.get(event.utterance_id)
        if one is None:
            return []
        one.flush_owed = False
        return self._order.tell(one.id, [event])

    def _timestamps(self, event: Timestamps) -> list[Told]:
        one = self._open.get(event.utterance_id)
        if one is None:
            return []
        one.take(event)
        return self._order.tell(one.id, [event]) if self._request.timestamps != "none" else []

    def _interrupted(self, event: Interrupted) -> list[Told]:
        one = next((one for one in self._cut if one.id == event.utterance_id), None)
        if one is None:
            return []
        if event.text_spoken is None:
            return self._guessed(one)
        del self._cut[one]
        exact = Cancelled(
            utterance_id=one.id,
            text_spoken=event.text_spoken,
            text_remaining=event.text_remaining,
            estimated=False,
        )
        return [exact, *self._order.go_on()]

    def _guessed(self, one: Utterance) -> list[Told]:
        spoken, remaining, estimated = one.heard(self._cut.pop(one))
        guess = Cancelled(
            utterance_id=one.id, text_spoken=spoken, text_remaining=remaining, estimated=estimated
        )
        return [guess, *self._order.go_on()]
