"""A live transcript: turns on one socket. https://learn.microsoft.com/azure/ai-services/speech-service/how-to-recognize-speech"""

from collections.abc import Mapping
from enum import Enum

from integration_api.core.credential import Credential
from integration_api.core.exchange import json_body
from integration_api.core.session import (
    Act,
    Began,
    Closed,
    HangUp,
    KeepAlive,
    Message,
    Outcome,
    Redial,
    Say,
    Warned,
)
from integration_api.core.stt import EndReason, ListenCapabilities, ListenRequest, Raw, SttEvent, Update
from integration_api.core.utterances import Utterances
from integration_api.providers.azure_speech import client, context, usp, wire
from integration_api.providers.azure_speech.kept import Kept

PATH = "/stt/speech/universal/v2"
"""Where all that is asked for is said in messages; it also detects languages."""

OLD = (1000, 1001)
"""How Azure closes a socket that was silent for long, or is as old as a token may be. One on which nothing was settled
is broken instead: dialled anew, it would do the same for ever.
"""


class State(Enum):
    """Of the present turn."""

    OPEN = "open"
    ENDING = "ending"
    """Its sound has ended; what is left of it is told."""
    OVER = "over"


class Conversation:
    """One live transcript. Azure ends a turn when it likes and counts time anew in each: the sound since its last
    phrase is sent again in the next. A turn of theirs is not a speaker's: a final ends an utterance only where the
    caller has said after how much silence.
    """

    keep_alive: KeepAlive | None = None

    def __init__(self, ask: ListenRequest, credential: Credential, so_far: Utterances) -> None:
        self.request = client.socket("stt", PATH, credential)
        self.capabilities = ListenCapabilities(
            interim=ask.interim_results,
            words=ask.word_timestamps,
            language_id=len(ask.languages) > 1,
            vad=True,
            turns=_tells_turns(ask),
            live_update=True,
            finalize_ack=True,
        )
        self._ask = ask
        self._utterances = so_far
        self._kept = Kept(ask.input)
        self._names = usp.Names({})
        self._session = ""
        self._state = State.OVER
        self._turn = 0
        self._base = 0.0
        """Where in the socket's sound the turn began, in milliseconds."""
        self._tag = ""
        """The service's own name for the latest turn."""
        self._head = b""
        """What stands before the sound of the turn."""
        self._to_the_end = False
        """Whether the service has told that it heard the end of the turn's sound."""
        self._forced = False
        """Whether the turn ends because the caller wants what was said so far."""
        self._told = False
        """Whether that has been told."""
        self._forced_next = False
        """Whether the next turn is to end so, too: it was asked for while the present one ended."""
        self._again = False
        """Whether the end of a turn was asked for once more, in a new one."""
        self._ends_at = 0.0
        self._finishing = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[SttEvent]:
        self._names = usp.Names(headers)
        self._session = self._names.next()
        config = usp.config(self._names.at(0))
        began = Began(headers.get("x-requestid", self._session))
        return [config, *self._open(), began, *context.warnings(self._ask)]

    def audio(self, sound: bytes) -> Outcome[SttEvent]:
        if not sound:  # That would end the sound.
            return []
        self._kept.add(sound)
        if self._state is State.OPEN:
            return [Say(self._head + sound)]
        return self._open() if self._state is State.OVER else []

    def finalize(self) -> Outcome[SttEvent]:
        if self._state is State.ENDING:
            self._forced_next = self._kept.end_ms > self._ends_at
            return []
        self._forced, self._told = True, False
        return self._end()

    def update(self, update: Update) -> Outcome[SttEvent]:
        self._ask = update.applied_to(self._ask)
        return [Warned("deferred_update", "azure-speech heeds a change from its next turn on")]

    def finish(self) -> Outcome[SttEvent]:
        self._finishing = True
        if self._state is State.ENDING:
            return []
        if self._state is State.OVER and not self._kept:
            return [HangUp()]
        return self._end()

    def feed(self, message: Message) -> Outcome[SttEvent]:
        heard = usp.read(message)
        told: list[SttEvent | Act] = []
        if self._ask.want_raw_events and isinstance(message, str):
            told.append(Raw(message))
        match heard.path:
            case "turn.start":
                said = wire.PHRASE.decode(heard.body)
                self._tag = said.context.service_tag if said.context else ""
            case "speech.startdetected":
                said = wire.PHRASE.decode(heard.body)
                told += self._utterances.started(round(self._base + said.offset / usp.TICKS))
            case "speech.hypothesis" | "speech.fragment":
                said = wire.PHRASE.decode(heard.body)
                if self._ask.interim_results:
                    told += self._utterances.interim(said.text, language=said.language)
            case "speech.phrase":
                told += self._phrase(wire.PHRASE.decode(heard.body))
            case "turn.end":
                told += self._over()
            case _:
                pass
        return told

    def close(self, closed: Closed) -> Outcome[SttEvent]:
        if not self._finishing:
            if closed.code in OLD and self._kept.start_ms:
                return [Redial()]
            raise client.ended(closed)
        return self._utterances.end(EndReason.STREAM_END)

    # --- turns -------------------------------------------------------------------------------

    def _open(self) -> list[SttEvent | Act]:
        """Begin a turn with the sound that is not settled."""
        self._turn += 1
        self._state = State.OPEN
        self._to_the_end = False
        self._base = self._kept.start_ms
        asked = context.of(self._ask, self._session)
        if self._turn > 1:
            asked = context.continued(asked, self._tag, self._base)
        request, stamp = self._names.next(), self._names.at(self._kept.end_ms)
        self._head = usp.before_sound(request, stamp, self._turn)
        first = usp.before_sound(request, stamp, self._turn, kind="audio/x-wav")
        return [
            usp.text("speech.context", request, stamp, json_body(asked).decode()),
            Say(first + usp.riff(self._ask.input)),
            *(Say(self._head + piece) for piece in self._kept.pieces()),
        ]

    def _end(self) -> list[SttEvent | Act]:
        """End the sound of the turn, so that what is left of it is told."""
        acts = [] if self._state is State.OPEN else self._open()
        self._state = State.ENDING
        self._ends_at = self._kept.end_ms
        return [*acts, Say(self._head)]

    def _over(self) -> list[SttEvent | Act]:
        told: list[SttEvent | Act] = []
        ended = self._state is State.ENDING
        self._state = State.OVER
        if ended and not (self._to_the_end or self._again) and self._kept.start_ms < self._ends_at:
            # The service had ended the turn before it knew that the sound was at its end: nobody heard the rest.
            self._again = True
            return self._end()
        if ended:
            self._kept.settle(self._ends_at)
        if self._forced:
            self._forced = False
            if not self._told:
                told += self._utterances.final("", from_finalize=True)
            told += self._utterances.end(EndReason.FINALIZE)
        if self._finishing:
            return [*told, *(self._end() if self._kept else [HangUp()])]
        if self._forced_next:
            self._forced_next, self._forced, self._told = False, True, False
            return [*told, *self._end()]
        # A turn in which something was settled may have ended before sound that was sent in it already.
        again = self._kept and (ended or self._kept.start_ms > self._base)
        return [*told, *(self._open() if again else ())]

    def _phrase(self, said: wire.Phrase) -> list[SttEvent]:
        end = self._base + (said.offset + said.duration) / usp.TICKS
        match said.recognition_status:
            case "Success":
                pass
            case "NoMatch" | "InitialSilenceTimeout" | "BabbleTimeout" | "EndOfDictation":
                self._kept.settle(end)
                self._to_the_end = said.recognition_status == "EndOfDictation"
                return []
            case status:
                raise client.failed(status)
        self._again = False
        self._kept.settle(end)
        best = said.readings[0] if said.readings else wire.Reading()
        shown = best.display or said.display_text
        told = self._utterances.final(
            shown if self._ask.punctuate else best.lexical or shown,
            confidence=best.confidence,
            words=wire.words(best, self._base, said.speaker_id),
            language=said.language,
            start_ms=round(self._base + said.offset / usp.TICKS),
            end_ms=round(end),
            from_finalize=self._forced,
        )
        self._told = self._told or bool(told)
        if not self._forced and _tells_turns(self._ask):
            told += self._utterances.end(EndReason.SILENCE)
        return told


def _tells_turns(ask: ListenRequest) -> bool:
    """Whether a phrase ends where the caller said that a turn does."""
    return ask.endpointing.mode == "provider" and context.silence_ms(ask.endpointing) is not None
