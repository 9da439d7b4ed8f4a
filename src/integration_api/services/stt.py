"""Live transcripts: one caller's sound to a provider and back as events, whatever happens to the provider."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from integration_api.audio.convert import Converter
from integration_api.audio.loudness import loud
from integration_api.core.audio import AudioFormat
from integration_api.core.errors import Failure, ProviderError, StreamCut
from integration_api.core.llm import Usage
from integration_api.core.session import Outcome
from integration_api.core.stt import (
    EndReason,
    Final,
    Heard,
    Interim,
    Listening,
    ListenRequest,
    Revision,
    SpeechStarted,
    SttEvent,
    Update,
    UtteranceEnd,
    Word,
)
from integration_api.core.utterances import Utterances
from integration_api.services import clock
from integration_api.services.call import Calls, Origin
from integration_api.services.ear import Ear, end_of_sound
from integration_api.services.fallback import Fallback, options_of
from integration_api.services.leg import Leg, late
from integration_api.services.lines import Lines
from integration_api.services.live_session import LiveSession
from integration_api.services.live_words import End, Ended, Left, Over
from integration_api.services.recent_sound import RecentSound
from integration_api.services.speech_times import TURN_MS, SpeechTimes
from integration_api.services.stt_words import (
    Ask,
    Attend,
    Finalize,
    KeepAlive,
    Ready,
    Reconnected,
    Sound,
    Told,
)
from integration_api.services.target import Target
from integration_api.services.unary import unsupported
from integration_api.telemetry.log import Log

OPERATION = "stt"
WAITING = 64
"""Lists of events that wait for a caller who reads slowly; then the provider waits, too."""
WATCH_SECONDS = 0.05
"""How often one looks at a provider that owes an answer, once its time may be over."""
NO_INTERIM_SECONDS = 30.0
"""How long a provider may be silent that tells nothing before a turn is over, and answers pings."""
LOOKS = 4
"""How often such a provider is looked after, within the time that others may say nothing: three quarters of that are
left to answer a ping.
"""
ROUND_TRIP_SECONDS = 1.0
"""Who has not answered a ping for so long when a session ends is gone; what a provider announces so long after a
`finalize` was said after it.
"""
TEXT_MS = 2_000
"""How long after the pause that ends a turn its text may come, where it has no times."""
PONG_SECONDS = 2.0
"""Who has not answered a ping for so long is gone, and was not only kept waiting by a network."""
ROUNDED_MS = 1
"""How much later than it was the end of a text may be told: times are whole milliseconds."""
SETTLING_MS = 5_000
"""How much a provider may hear behind a text, beyond the silence that ends a turn, until the text is final."""


class SttService:
    """Opens live transcripts."""

    def __init__(self, calls: Calls, lines: Lines, log: Log) -> None:
        self._calls = calls
        self._lines = lines
        self._log = log

    def listen(
        self,
        origin: Origin,
        target: Target,
        request: ListenRequest,
        asks: AsyncIterator[Ask],
        fallback: Fallback | None = None,
        attend: Attend | None = None,
    ) -> AsyncGenerator[tuple[Leg[Listening], list[Told]], None]:
        """Yield what is told, with the leg it came from. The first is `Ready`, or a `Failure` is raised instead.

        A failure after that is told as the last event. With `attend`, sound goes to the provider where it arrives,
        while nothing that was asked before it is still being done.
        """
        return Transcription(self._calls, self._lines, self._log, origin, request).run(
            target, fallback or Fallback(), asks, attend
        )


class Transcription(LiveSession[Listening, Ear, Told]):
    """One session. Times of events are made the caller's: from the first sound of the session."""

    def __init__(self, calls: Calls, lines: Lines, log: Log, origin: Origin, request: ListenRequest) -> None:
        super().__init__(calls, lines, log, origin, OPERATION, WAITING)
        self._request = request
        self._converter = Converter(request.input, request.input)
        """Of whoever listens now."""
        self._utterances = Utterances()
        """As far as the latest leg has told them."""
        self._utterances_of: WeakKeyDictionary[Leg[Listening], Utterances] = WeakKeyDictionary()
        """Those that each leg goes on with, should it be taken."""
        self._recent = RecentSound(request.input)
        self._offset = 0.0
        """Where in the caller's sound the present leg began to listen."""
        self._spoken_at = 0.0
        """When somebody was first heard to speak since the provider last said anything."""
        self._sending_at = 0.0
        """Since when the provider has not taken what is said to it."""
        self._times = SpeechTimes()
        self._begun_at = 0.0
        """Where in the sound it was told last that somebody had begun to speak."""
        self._open_at: float | None = None
        """Where in the sound a text was told last that may change yet."""
        self._open_since = 0.0
        """When that came. Whatever a provider says after it, be it nothing that is told, it is there."""
        self._asked_at = 0.0
        """When the caller last asked for what was said, or for the end."""
        self._postponed_at: float | None = None
        """Where in the sound the caller asked for what was said while the leg answered that already, and left it to the
        next.
        """
        self._said = False
        """Whether the leg said anything when that was asked last."""
        self._said_at = -1.0
        """Where it was asked when the leg last did."""
        self._counted: Leg[Listening] | None = None
        """Who told last how much it has listened to: few do, and for the others the session does."""
        self._obeying = False
        """Whether something that was asked is being done: what is asked after it waits."""

    async def run(
        self, target: Target, fallback: Fallback, asks: AsyncIterator[Ask], attend: Attend | None = None
    ) -> AsyncGenerator[tuple[Leg[Listening], list[Told]], None]:
        async with self._begun(target, fallback, asks) as (first, told):
            if attend is not None:
                attend(self._hear_at_once)
            yield first, [self._ready(first), *told]
            while True:
                leg, events = await self._out.get()
                yield leg, events
                if isinstance(events[-1], (Over, Ended)):
                    return

    # --- one leg after another ---------------------------------------------------------------

    async def _begin(self, target: Target) -> Leg[Listening]:
        stt = target.provider.stt
        if stt is None or stt.listen is None:
            # Some write recordings down, and do not listen.
            raise unsupported(target, OPERATION if stt is None else f"live {OPERATION}")
        sent = self._sent(target)
        Converter(self._request.input, sent)  # Refuses here what can not be converted.
        call = await self._calls.open(self._origin, target, OPERATION, streamed=True)
        extras = options_of(target, self._first, self._request.extras)
        asked = replace(self._request, model=target.model, input=sent, extras=extras)
        listen, utterances = stt.listen, self._utterances.copy()
        # No socket waits for those who listen: most providers count the time that one is open.
        leg = self._lines.leg(
            call, asked, lambda: listen(asked, call.credential, utterances), warm_seconds=0.0
        )
        self._utterances_of[leg] = utterances
        return leg

    async def _talk(self, leg: Leg[Listening], patience: float) -> None:
        while True:
            error = await self._listen(leg)
            if error is None and not leg.redial:
                used = [] if self._counted is leg else [Heard(audio_ms=round(self._recent.position))]
                await self._out.put((leg, [*used, Over("finished")]))
                return
            silent_since = leg.heard_at
            async with self._turn:
                self._ask_next_for_what_was_left()
                try:
                    following, told = await self._succession.follow(leg, error, patience)
                except Failure as failure:
                    await self._out.put((self._latest, [Ended(failure)]))
                    return
                told = [self._mine(event) for event in told]
                self._spoken_at = 0.0 if told else self._spoken_at
            here, there = leg.call.target.provider.name, following.call.target.provider.name
            again = Reconnected(
                gap_ms=round((clock.perf() - silent_since) * 1000),
                replayed_ms=round(self._recent.position - self._offset),
                new_provider=there if there != here else None,
            )
            leg = following
            await self._out.put((leg, [again, *told]))

    async def _hear_out(self, leg: Leg[Listening]) -> None:
        async for events in leg.events():
            leg.call.tell_first_token()
            self._spoken_at = 0.0
            self._succession.drop()
            await self._out.put((leg, [self._mine(event) for event in events]))
        if self._spoken_at and leg.unanswered > ROUND_TRIP_SECONDS:
            raise late("the provider was gone before the session ended")
        if leg.broken and self._unheard:
            raise StreamCut(self._who)

    def _ask_next_for_what_was_left(self) -> None:
        """Have the next leg asked for what was said, where this one left that to it and nothing was asked for since."""
        left, self._postponed_at = self._postponed_at, None
        if left is not None and left > max(self._recent.settled, self._recent.finalize_at or 0.0):
            self._recent.finalize_at = left

    def _usage(self) -> Usage:
        """Return what the present leg has heard, or the latest."""
        return Usage(audio_seconds=(self._recent.position - self._offset) / 1000)

    def brief(self, leg: Leg[Listening]) -> Ear:
        converter = Converter(self._request.input, self._sent(leg.call.target))
        return Ear(leg, self._recent, converter, self._utterances_of[leg])

    def take(self, ear: Ear) -> None:
        self._leg = self._latest = ear.leg
        self._offset = ear.offset
        self._converter = ear.converter
        self._utterances = ear.utterances
        spoken = any(loud(sound, self._request.input) for _, sound in self._recent.after(ear.offset))
        self._spoken_at = clock.perf() if spoken else 0.0

    def _sent(self, target: Target) -> AudioFormat:
        stt = target.provider.stt
        return self._request.input if stt is None else stt.takes(self._request.input, target.model)

    def _ready(self, leg: Leg[Listening]) -> Ready:
        target = leg.call.target
        return Ready(
            model=target.model,
            capabilities=leg.session.capabilities,
            negotiated_input=self._sent(target),
            connect_ms=leg.connect_ms,
        )

    async def _watch(self, patience: float) -> None:
        """Give up on a provider that says nothing while somebody speaks to it."""
        wait = patience / LOOKS
        while True:
            # What becomes due meanwhile has at least as long.
            await asyncio.sleep(min(wait, patience))
            wait = patience
            leg = self._leg
            if leg is None:
                wait = patience / LOOKS
                continue
            if not leg.session.capabilities.interim:
                wait = self._look_after(leg, patience)
                continue
            now = clock.perf()
            silent = now - leg.heard_at
            since = self._owed_since(leg)
            owed = now - since if since else 0.0
            if owed > patience / 2 and not self._succession.others:
                leg.ping()
            if owed > patience and self._is_left(leg):
                leg.give_up(late("the provider said nothing while somebody spoke"))
            elif owed > patience:
                wait = patience / LOOKS
            elif self._overdue(leg) and silent > patience:
                leg.give_up(late("the provider did not settle what it heard"))
            elif since or self._open_at is not None:
                wait = max((patience / 2 if silent < patience / 2 else patience) - silent, WATCH_SECONDS)

    def _is_left(self, leg: Leg[Listening]) -> bool:
        """Whether a provider whose time for a word is over is given up: what is loud may be noise, so where nobody
        else could hear it, one that answers pings stays. Not if it was asked for something.
        """
        if self._succession.others or self._answer_is_due(leg) or self._sending_at:
            return True
        return leg.unanswered > PONG_SECONDS

    def _look_after(self, leg: Leg[Listening], patience: float) -> float:
        """Look at a provider that tells no text before a turn is over; return in how many seconds to look again.

        That it is silent while somebody speaks tells nothing: a turn may be long, and what is loud may be noise. But
        it has to answer pings, to tell what was said where it announced that somebody speaks, and to end.
        """
        look = patience / LOOKS
        if self._owed_since(leg) or self._utterances.announced:
            leg.ping()
            if leg.unanswered > patience - look:
                leg.give_up(late("the provider answered no ping while somebody spoke"))
            elif self._text_is_late(leg, patience):
                if self._succession.further:
                    leg.give_up(late("the provider did not tell what was said"))
                elif self._recent.asked_to_end:
                    leg.hang_up()
        return max(min(look, patience - look - leg.unanswered), WATCH_SECONDS)

    def _text_is_late(self, leg: Leg[Listening], patience: float) -> bool:
        """Whether a provider that tells no text before a turn is over has had all the time that one may take."""
        now, asked = clock.perf(), self._recent.asked_to_end or self._recent.finalize_at is not None
        since = self._owed_since(leg)
        if since and asked and leg.session.capabilities.finalize_ack:
            return now - max(since, self._asked_at) > patience
        if since and now - since > max(patience, NO_INTERIM_SECONDS):
            return True
        if not self._utterances.announced or now - leg.heard_at <= patience:
            return False
        if asked:
            return now - self._asked_at > patience
        last = self._times.last
        # Whoever speaks so softly that it is not loud is not known to have stopped.
        heard = last > leg.heard_at - SETTLING_MS / 1000
        return heard and now - last > patience and self._turn_is_over(self._times.last_ms)

    def _owed_since(self, leg: Leg[Listening]) -> float:
        """Return since when a provider owes a word: to speech, or to what was asked. 0.0 when it owes none."""
        since = self._spoken_at or (self._asked_at if self._answer_is_due(leg) else self._sending_at)
        return max(since, leg.heard_at) if since else 0.0

    def silent_since(self) -> float:
        leg = self._leg
        if leg is None or not self._recent.kept or not leg.session.capabilities.interim:
            return 0.0  # Nobody can be told what has been heard, or is sure to say anything before a turn is over.
        return self._owed_since(leg)

    def is_word(self, event: SttEvent) -> bool:
        return isinstance(event, Interim | Final)

    def _is_open(self, leg: Leg[Listening]) -> bool:
        """Whether the last that a provider said was a text that may change yet."""
        return self._open_at is not None and self._open_since == leg.heard_at

    def _answer_is_due(self, leg: Leg[Listening]) -> bool:
        """Whether the caller waits for the end, or for a text to be final: nothing said may be answered by nothing."""
        return self._recent.asked_to_end or (self._recent.finalize_at is not None and self._is_open(leg))

    def _overdue(self, leg: Leg[Listening]) -> bool:
        """Whether a text waits to be final though there was silence enough behind it."""
        return self._open_at is not None and self._is_open(leg) and self._turn_is_over(self._open_at)

    def _turn_is_over(self, since: float) -> bool:
        """Whether a turn of which there was nothing since a place in the sound is over, and its text late."""
        endpointing = self._request.endpointing
        silence = max(endpointing.silence_ms or 0, endpointing.utterance_end_ms or 0)
        return endpointing.mode == "provider" and self._recent.position - since > silence + SETTLING_MS

    # --- the caller's side -------------------------------------------------------------------

    async def _hear(self, asks: AsyncIterator[Ask]) -> None:
        async for ask in asks:
            self._obeying = True
            if isinstance(ask, Left):
                await self._out.put((self._latest, [Over("caller_left")]))
                return
            await self._do(ask)
            self._obeying = False

    async def _do(self, ask: Ask) -> None:
        async with self._turn:
            if self._recent.asked_to_end:
                return  # A provider that was told of the end may take anything more amiss.
            if isinstance(ask, Sound):
                ask = Sound(self._keep(ask.data))
            elif isinstance(ask, Finalize | End):
                self._asked_at = clock.perf()
                recent = self._recent
                before = recent.finalize_at
                recent.asked_to_end = isinstance(ask, End)
                recent.finalize_at = recent.finalize_at if recent.asked_to_end else recent.position
            elif isinstance(ask, Update):
                self._change(ask)
            self._succession.more()
            leg = self._leg
            if leg is None:
                return  # It has just ended: what is in the ring is heard by the next.
            self._sending_at = clock.perf()
            try:
                told = await leg.tell(self._say, leg.session, ask)
            except ProviderError as error:
                leg.give_up(error)
                return
            finally:
                self._sending_at = 0.0
            if isinstance(ask, Finalize) and self._said:
                self._said_at = recent.position
            elif isinstance(ask, Finalize):
                recent.finalize_at = before
                if recent.position > self._said_at:
                    self._postponed_at = recent.position
            if isinstance(ask, End):
                leg.ping()  # So that one knows by the end whether it had nothing to say, or was gone.
        if told:
            await self._out.put((leg, told))

    def _hear_at_once(self, sound: bytes) -> bool:
        """Take sound where it arrives: a task that has to be woken for each frame costs more than the frame."""
        leg = self._leg
        if leg is None or self._obeying or self._turn.locked() or self._out.full() or not leg.ready:
            return False
        if self._recent.asked_to_end:
            return True
        sound = self._keep(sound)
        self._succession.more()
        try:
            told = leg.tell_at_once(self._sound, leg.session, sound)
        except Failure as error:
            leg.give_up(error)
            return True
        if told:
            self._out.put_nowait((leg, told))
        return True

    def _sound(self, session: Listening, data: bytes) -> Outcome[SttEvent]:
        sound = self._converter.feed(data)
        return session.audio(sound) if sound else ()

    def _say(self, session: Listening, ask: Ask) -> Outcome[SttEvent]:
        match ask:
            case Sound():
                return self._sound(session, ask.data)
            case Finalize():
                said = [*session.finalize()]
                self._said = bool(said)
                return said
            case Update():
                return session.update(ask)
            case KeepAlive():
                return session.keep_alive.acts if session.keep_alive else ()
            case End() | Left():
                return end_of_sound(session, self._converter)

    def _change(self, update: Update) -> None:
        """Let whoever listens next know of it, too, where this one can do it; a rival does not."""
        if not self._latest.session.capabilities.live_update:
            return
        self._succession.drop()
        self._request = update.applied_to(self._request)

    def _keep(self, sound: bytes) -> bytes:
        """Take sound, and return what of it is whole samples."""
        recent = self._recent
        sound = recent.keep(sound)
        if recent.kept and loud(sound, self._request.input):
            now = clock.perf()
            self._spoken_at = self._spoken_at or now
            self._times.speech(now, recent.position)
        return sound

    @property
    def _unheard(self) -> bool:
        """Whether somebody spoke of whom nothing is settled."""
        recent = self._recent
        return any(loud(sound, self._request.input) for _, sound in recent.after(recent.settled))

    @property
    def _who(self) -> str:
        """The provider that listens, or was the last to."""
        return self._latest.call.target.provider.name

    # --- times -------------------------------------------------------------------------------

    def _mine(self, event: SttEvent) -> SttEvent:
        """Return an event with the caller's times, and note what is settled by it."""
        match event:
            case Final():
                asked = self._recent.asked_to_end or self._recent.finalize_at is not None
                end = None if event.end_ms is None else event.end_ms + self._offset
                self._times.final(clock.perf(), self._recent.position, self._who, end_ms=end, asked=asked)
                self._open_at = None
                self._recent.settle(self._told_up_to(event) if end is None else end)
                if event.from_finalize:
                    self._recent.finalize_at = None
                    if end is not None and end > self._said_at + ROUNDED_MS:
                        self._postponed_at = None  # That was answered after all.
                event = replace(
                    event,
                    start_ms=self._shifted(event.start_ms),
                    end_ms=self._shifted(event.end_ms),
                    words=self._words(event.words),
                )
            case UtteranceEnd():
                self._open_at = None
                if event.reason is EndReason.FINALIZE:
                    self._recent.finalize_at = None
                self._recent.settle(0.0)
            case Interim():
                self._times.text(clock.perf(), self._who)
                self._open_at, self._open_since = self._recent.position, self._latest.heard_at
                event = replace(event, words=self._words(event.words)) if event.words else event
            case Revision():
                event = replace(event, words=self._words(event.words))
            case SpeechStarted():
                whole = not self._latest.session.capabilities.interim
                if whole and clock.perf() - self._asked_at > ROUND_TRIP_SECONDS:
                    self._recent.finalize_at = None  # It was answered by nothing.
                self._begun_at = self._recent.position
                event = replace(event, audio_time_ms=self._shifted(event.audio_time_ms))
            case Heard():
                self._counted = self._latest
                event = replace(event, audio_ms=event.audio_ms + round(self._offset))
            case _:
                pass
        return event

    def _told_up_to(self, event: Final) -> float:
        """Return up to where in the sound a text is that has no times: to the pause before the next that is said, if
        somebody speaks again by the time that the text is there.
        """
        recent, pause = self._recent, self._times.pause_ms
        if event.from_finalize and recent.finalize_at is not None:
            return recent.finalize_at
        speaks = recent.position - self._times.last_ms < TURN_MS or self._utterances.announced
        return pause if speaks and pause > max(self._begun_at, recent.position - TEXT_MS) else recent.position

    def _words(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        if not self._offset:
            return words
        return tuple(
            replace(word, start_ms=self._shifted(word.start_ms), end_ms=self._shifted(word.end_ms))
            for word in words
        )

    def _shifted(self, at: int | None) -> int | None:
        return None if at is None else round(at + self._offset)
