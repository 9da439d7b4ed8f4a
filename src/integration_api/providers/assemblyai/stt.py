"""Universal-Streaming, live: it tells turns. https://www.assemblyai.com/docs/api-reference/streaming-api"""

from collections.abc import Mapping
from typing import Any

from integration_api.core.credential import Credential
from integration_api.core.exchange import json_body
from integration_api.core.session import (
    Act,
    Began,
    Closed,
    KeepAlive,
    Message,
    Outcome,
    Redial,
    Say,
    Warned,
)
from integration_api.core.stt import (
    EndReason,
    Heard,
    ListenCapabilities,
    ListenRequest,
    Raw,
    Revision,
    SttEvent,
    Update,
)
from integration_api.core.utterances import Utterances
from integration_api.providers.assemblyai import client, formats, wire
from integration_api.providers.assemblyai.pieces import Pieces

KEEP_ALIVE = KeepAlive(4.0, (Say('{"type":"KeepAlive"}'),))
"""The shortest silence after which a session can be asked to end is five seconds."""
FORCE_END = Say('{"type":"ForceEndpoint"}')
TERMINATE = Say('{"type":"Terminate"}')
TIME_IS_UP = frozenset({3008, 4008})
"""No session lasts longer than three hours."""
TURNS_KEPT = 1000
"""Turns whose speakers can be told anew."""
CAPABILITIES = ListenCapabilities(language_id=True, vad=True, turns=True, live_update=True)


class Universal:
    """One live transcript. What is told of a turn is cumulative, and final at its end."""

    capabilities = CAPABILITIES
    keep_alive: KeepAlive | None = KEEP_ALIVE

    def __init__(self, ask: ListenRequest, credential: Credential, so_far: Utterances) -> None:
        self.request = client.socket(query(ask), credential)
        self._ask = ask
        self._utterances = so_far
        self._pieces = Pieces(ask.input)
        self._id = ""
        self._unformatted: wire.Message | None = None
        """The end of a turn that is to be told once more, with its punctuation."""
        self._ended = -1
        """The last turn that was told to be over."""
        self._turns: dict[int, str] = {}
        """Utterances by the number of their turn."""
        self._forced = False
        self._finishing = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[SttEvent]:
        return []

    def audio(self, sound: bytes) -> Outcome[SttEvent]:
        return [Say(piece) for piece in self._pieces.feed(sound)]

    def finalize(self) -> Outcome[SttEvent]:
        self._forced = self._utterances.open
        return [FORCE_END]

    def update(self, update: Update) -> Outcome[SttEvent]:
        said: dict[str, Any] = {"type": "UpdateConfiguration"}
        if update.keyterms is not None:
            said["keyterms_prompt"] = update.keyterms
        if update.languages is not None:
            said["language_codes"] = languages(update.languages)
        if update.endpointing is not None and update.endpointing.longest_silence_ms is not None:
            said["max_turn_silence"] = update.endpointing.longest_silence_ms
        return [Say(json_body(said).decode())]

    def finish(self) -> Outcome[SttEvent]:
        self._finishing = True
        return [*(Say(piece) for piece in self._pieces.rest()), TERMINATE]

    def feed(self, message: Message) -> Outcome[SttEvent]:
        said = wire.MESSAGE.decode(message)
        told: list[SttEvent | Act | Began] = []
        if self._ask.want_raw_events and isinstance(message, str):
            told.append(Raw(message))
        match said.type:
            case "Begin":
                self._id = said.id
                told += self._began(said)
            case "SpeechStarted":
                told += self._utterances.started(said.timestamp)
            case "Turn":
                told += self._turn(said)
            case "SpeakerRevision":
                told += self._revised(said)
            case "Termination":
                told += self._over()
                told.append(_heard(said))
            case "Warning":
                told.append(Warned(str(said.warning_code or "warning"), said.warning))
            case "Error":
                raise client.failed(said.error_code, said.error, self._id)
            case "" if said.error:
                raise client.failed(said.error_code, said.error, self._id)
            case _:
                pass
        return told

    def close(self, closed: Closed) -> Outcome[SttEvent]:
        if self._finishing:
            return [*self._over(), *self._utterances.end(EndReason.STREAM_END)]
        if closed.code in TIME_IS_UP and self._ended >= 0:
            return [*self._over(), Redial()]
        raise client.ended(closed, self._id)

    def _began(self, said: wire.Message) -> list[SttEvent | Began]:
        told: list[SttEvent | Began] = [Began(said.id)]
        if self._ask.endpointing.mode != "provider":
            told.append(Warned("unsupported_parameter", "assemblyai always tells turns itself"))
        return told

    def _turn(self, said: wire.Message) -> list[SttEvent]:
        if said.turn_order <= self._ended:
            return []  # It is over: this is its end told again.
        told: list[SttEvent] = []
        if self._unformatted is not None and said.turn_order > self._unformatted.turn_order:
            told += self._over()  # This model does not tell it once more.
        if said.end_of_turn and self._ask.punctuate and not said.turn_is_formatted:
            self._unformatted = said
        elif said.end_of_turn:
            told += self._end(said)
        elif self._ask.interim_results:
            words = wire.words(said.words, speaker=said.speaker_label)
            # `transcript` has only the words that will not change.
            text = " ".join(word.text for word in words) or said.transcript
            told += self._utterances.interim(text, words=words, language=said.language_code)
        return told

    def _over(self) -> list[SttEvent]:
        """Tell the turn whose end was told without its punctuation, where that is all there is."""
        return [] if self._unformatted is None else self._end(self._unformatted)

    def _end(self, said: wire.Message) -> list[SttEvent]:
        self._unformatted = None
        self._ended = said.turn_order
        self._turns[said.turn_order] = self._utterances.utterance_id
        if len(self._turns) > TURNS_KEPT:
            del self._turns[next(iter(self._turns))]
        forced, self._forced = self._forced, False
        words = wire.words(said.words, speaker=said.speaker_label)
        return [
            *self._utterances.final(
                said.transcript,
                words=words,
                language=said.language_code,
                language_confidence=said.language_confidence,
                start_ms=words[0].start_ms if words else None,
                end_ms=words[-1].end_ms if words else None,
                from_finalize=forced,
            ),
            *self._utterances.end(
                EndReason.FINALIZE if forced else EndReason.PROVIDER, confidence=said.end_of_turn_confidence
            ),
        ]

    def _revised(self, said: wire.Message) -> list[SttEvent]:
        """Tell who spoke after all: texts and times stay."""
        return [
            Revision(
                utterance_id=self._turns[one.turn_order],
                words=wire.words(one.words, speaker=one.speaker_label),
            )
            for one in said.revisions
            if one.turn_order in self._turns
        ]


def query(ask: ListenRequest) -> client.Parameters:
    """Write what is asked for as the parameters of a session."""
    found: list[tuple[str, object]] = [*formats.sound(ask.input), ("speech_model", ask.model)]
    found.append(("format_turns", ask.punctuate))
    if ask.languages:
        found.append(("language_codes", languages(ask.languages)))
    if ask.detect_language:
        found.append(("language_detection", True))
    if ask.endpointing.longest_silence_ms is not None:
        found.append(("max_turn_silence", ask.endpointing.longest_silence_ms))
    if ask.diarize:
        found.append(("speaker_labels", True))
    if ask.profanity_filter:
        found.append(("filter_profanity", True))
    if ask.keyterms:
        found.append(("keyterms_prompt", ask.keyterms))
    return [*found, *ask.extras.items()]


def languages(asked: tuple[str, ...]) -> list[str]:
    """Write languages without their regions, as they are known here."""
    return [one.split("-")[0].lower() for one in asked]


def _heard(said: wire.Message) -> Heard:
    """What was listened to; billed is how long the session was open."""
    return Heard(
        audio_ms=round((said.audio_duration_seconds or 0) * 1000),
        billed_ms=None
        if said.session_duration_seconds is None
        else round(said.session_duration_seconds * 1000),
        unit="session",
    )
