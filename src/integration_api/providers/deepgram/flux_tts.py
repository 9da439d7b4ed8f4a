"""Flux voices, live: they tell what was heard of an utterance that was cut off.

https://developers.deepgram.com/docs/flux-tts/interrupt-handling
"""

import math
from collections.abc import Mapping

from integration_api.core.credential import Credential
from integration_api.core.exchange import json_body
from integration_api.core.session import Act, Began, Closed, KeepAlive, Message, Outcome, Say, Warned
from integration_api.core.tts import (
    Flushed,
    Interrupted,
    Sound,
    Spoken,
    SynthesisCapabilities,
    SynthesisRequest,
    TtsEvent,
)
from integration_api.dialects import ssml_text
from integration_api.dialects.one_at_a_time import OneAtATime
from integration_api.providers.deepgram import client, wire
from integration_api.providers.deepgram.tts import CLOSE, FLUSH, query

NO_SOUND = "NO_AUDIO_GENERATED"
"""The session has made no sound: there is nothing that could be interrupted yet."""
NO_TURN = "NO_ACTIVE_SPEECH"
NO_OFFSET = "INVALID_INTERRUPT_OFFSET"
"""It is not behind that of the interruption before."""
INTERRUPT = Say('{"type":"Interrupt"}')


class FluxVoice:
    """One live voice. A `Flush` ends a turn of theirs, and an utterance that is flushed in its middle is several: the
    next begins when all sound of the one before has come, so that an interruption has one turn to end.

    How much of it was heard is said to Deepgram as a place in the sound of the session: that of all turns that are
    over, and of one that was interrupted as far as it was heard.
    """

    capabilities = SynthesisCapabilities(cancel_native=True, tells_spoken=True, live_update=True)
    keep_alive: KeepAlive | None = None

    def __init__(self, ask: SynthesisRequest, credential: Credential) -> None:
        self.request = client.socket("/v2/speak", query(ask), credential)
        self._bytes_per_ms = ask.output.bytes_per_second / 1000
        self._queue = OneAtATime(self._speak, self._end, self._flush_so_far)
        self._interrupting = False
        self._ignored = False
        """Whether Deepgram had nothing to interrupt yet: it is asked once more when there is."""
        self._exact = False
        """Whether what it tells is all that was heard of the utterance."""
        self._finishing = False
        self._begun_ms = 0.0
        """Where in the session's sound the present utterance begins."""
        self._turn_ms = 0.0
        """And where the present turn does."""
        self._cut_ms = 0
        """The last place that an interruption has named: the next must be behind it."""
        self._sound = 0
        """Bytes of the present turn that have come."""
        self._said = ""
        """Text of the present turn."""
        self._before = ""
        """Text of those turns of the present utterance that are over."""
        self._fresh = False
        """Whether the present turn was given text."""
        self._flushing = False
        """Whether it was given all of it, and its sound is still coming."""
        self._held: list[str] = []
        """Text of the present utterance for its next turn."""
        self._flush_held = False
        """Whether that turn is to be flushed, too."""
        self._ending = False
        """Whether the present utterance has all its text."""
        self._characters: int | None = None
        self._billed: float | None = None
        """Of those of its turns that are over."""

    def begin(self, headers: Mapping[str, str]) -> Outcome[TtsEvent]:
        return []

    def text(self, utterance_id: str, text: str, *, ssml: bool = False) -> Outcome[TtsEvent]:
        if not ssml:
            return self._queue.text(utterance_id, text)
        return [ssml_text.left_out(client.NAME), *self._queue.text(utterance_id, ssml_text.spoken(text))]

    def end_utterance(self, utterance_id: str) -> Outcome[TtsEvent]:
        acts = self._queue.end(utterance_id)
        waits = self._interrupting or self._flushing or self._queue.current != utterance_id
        return acts if acts or waits else self._over()  # All of it was flushed, and has come.

    def flush(self, utterance_id: str) -> Outcome[TtsEvent]:
        return self._queue.flush(utterance_id)

    def cancel(self, utterance_id: str, played_ms: int | None) -> Outcome[TtsEvent]:
        if not self._queue.cancel(utterance_id):
            return []
        if not self._fresh and not self._flushing:
            # There is no turn that could be interrupted, and nothing will be told of it.
            return self._interrupted(None)
        self._interrupting = True
        if played_ms is None:
            self._exact = False
            return [INTERRUPT]
        place = self._begun_ms + played_ms
        self._exact = place >= self._turn_ms or not self._before
        self._cut_ms = max(math.ceil(place), self._cut_ms + 1)
        offset = {"type": "time_ms", "value": self._cut_ms}
        return [Say(json_body({"type": "Interrupt", "playback_offset": offset}).decode())]

    def update(self, voice: str | None, speed: float | None) -> Outcome[TtsEvent]:
        told: list[TtsEvent | Act] = []
        if voice is not None:
            told.append(Warned("unsupported_update", "deepgram's voice is fixed for a session"))
        if speed is not None:
            told.append(Say(json_body({"type": "Configure", "speed": speed}).decode()))
        return told

    def finish(self) -> Outcome[TtsEvent]:
        self._finishing = True
        return [CLOSE]

    def feed(self, message: Message) -> Outcome[TtsEvent]:
        current = self._queue.current
        if isinstance(message, bytes):
            return self._heard(current, message)
        said = wire.MESSAGE.decode(message)
        match said.type:
            case "Connected":
                return [Began(said.request_id)]
            case "SpeechMetadata" if current is not None and not self._interrupting:
                return self._turn_over(current, said)
            case "SpeechMetadata" if self._interrupting:
                self._count()
                # Where nothing could be interrupted before, there is nothing any more.
                return self._interrupted(None) if self._ignored else []
            case "SpeechInterrupted" if self._interrupting:
                return self._interrupted(said)
            case "Warning" if self._interrupting and said.code in (NO_SOUND, NO_TURN, NO_OFFSET):
                return self._not_interrupted(said.code)
            case "Warning":
                return [Warned(said.code or "warning", said.description or "")]
            case "Error":
                raise client.failed(said.code, said.description or said.message)
            case _:
                return []

    def close(self, closed: Closed) -> Outcome[TtsEvent]:
        if not self._finishing:
            raise client.ended(closed)
        return []

    def _heard(self, current: str | None, sound: bytes) -> Outcome[TtsEvent]:
        self._sound += len(sound)
        if self._ignored:
            self._ignored = False
            return [INTERRUPT]
        return [] if current is None or self._interrupting else [Sound(current, sound)]

    def _count(self) -> None:
        """All sound of a turn has come."""
        self._turn_ms += self._sound / self._bytes_per_ms
        self._sound = 0

    def _speak(self, _: str, text: str, ssml: bool) -> list[Act]:
        if self._flushing:
            self._held.append(text)
            return []
        self._fresh = True
        self._said += text
        return [Say(json_body({"type": "Speak", "text": text}).decode())]

    def _end(self, _: str) -> list[Act]:
        self._ending = True
        return self._flush()

    def _flush_so_far(self, _: str) -> list[Act]:
        self._flush_held = bool(self._held)
        return self._flush()

    def _flush(self) -> list[Act]:
        """Nothing is to be flushed of a turn that has no text, or is flushed already."""
        if not self._fresh:
            return []
        self._fresh, self._flushing = False, True
        return [FLUSH]

    def _turn_over(self, current: str, said: wire.Message) -> Outcome[TtsEvent]:
        self._fresh = self._flushing = False
        self._count()
        self._before += self._said
        self._said = ""
        if said.input_character_count is not None:
            self._characters = (self._characters or 0) + said.input_character_count
        if said.billable_character_count is not None:
            self._billed = (self._billed or 0) + said.billable_character_count
        held, self._held = self._held, []
        flushed, self._flush_held = self._flush_held, False
        if not held and self._ending:
            return self._over()
        acts = [act for text in held for act in self._speak(current, text, False)]
        return [Flushed(current), *acts, *(self._flush() if flushed or self._ending else [])]

    def _not_interrupted(self, why: str) -> Outcome[TtsEvent]:
        """Have an interruption that Deepgram has ignored come about all the same."""
        if why == NO_TURN:
            return self._interrupted(None)
        self._exact = False
        if why == NO_OFFSET:
            return [INTERRUPT]
        self._ignored = True
        return self._flush()  # Else there might be no sound, and no end of the turn.

    def _interrupted(self, said: wire.Message | None) -> Outcome[TtsEvent]:
        current = self._queue.current
        assert current is not None  # noqa: S101 - somebody was spoken
        self._interrupting = self._ignored = False
        spoken, remaining = None, ""
        if said is not None and said.text_spoken is not None and self._exact:
            spoken = self._before + said.text_spoken
            remaining = (said.text_remaining or "") + "".join(self._held)
        if said is not None and said.audio_played_ms is not None:
            # The session's sound goes on from there.
            self._cut_ms = max(self._cut_ms, said.audio_played_ms)
            self._turn_ms, self._sound = float(self._cut_ms), 0
        self._count()
        return [
            Interrupted(utterance_id=current, text_spoken=spoken, text_remaining=remaining),
            *self._next(),
        ]

    def _over(self) -> Outcome[TtsEvent]:
        current = self._queue.current
        assert current is not None  # noqa: S101 - somebody was spoken
        spoken = Spoken(utterance_id=current, characters=self._characters, billed=self._billed)
        return [spoken, *self._next()]

    def _next(self) -> list[Act]:
        self._fresh = self._flushing = self._flush_held = self._ending = False
        self._held = []
        self._said = self._before = ""
        self._begun_ms = self._turn_ms
        self._characters = self._billed = None
        return self._queue.next()
