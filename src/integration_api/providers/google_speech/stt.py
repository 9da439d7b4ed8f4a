"""Speech-to-Text, live, in v2's language or v1's.

Google has no word for "finalize", and hears no call out for longer than five minutes: then the call ends, or is ended
between two texts, and whoever drives the session opens the next one with what is not settled yet.

https://cloud.google.com/speech-to-text/docs/streaming-recognize
"""

import re
from collections.abc import Mapping, Sequence

from integration_api.core.credential import Credential
from integration_api.core.session import (
    Began,
    Closed,
    HalfClose,
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
    SttEvent,
    Update,
    Word,
)
from integration_api.core.utterances import Utterances
from integration_api.dialects import google_cloud
from integration_api.providers.google_speech import client
from integration_api.providers.google_speech.said import Result, Speech
from integration_api.providers.google_speech.v1_stt import V1
from integration_api.providers.google_speech.v2_stt import V2
from integration_api.providers.google_speech.version import version

MOST_BYTES = 15_000
"""Of sound in one message: the documents say 25 KB today, and said 15 KB before."""
LONG_MS = 210_000
"""From here on the next final ends the call: Google ends it after 305 seconds, wherever the speaker is."""
LONGEST_MS = 270_000
"""Here it is ended in the middle of a text."""
_TIME_IS_UP = re.compile(r"(?i)maximum allowed stream duration|audio timeout error")
"""Google has heard five minutes, or nothing for ten seconds: neither is anybody's fault."""

CAPABILITIES = ListenCapabilities(language_id=True, vad=True, turns=True, finalize_ack=True)


class GoogleEar:
    """One live transcript. An utterance is the finals until the voice falls silent."""

    capabilities = CAPABILITIES
    keep_alive: KeepAlive | None = None

    def __init__(self, ask: ListenRequest, credential: Credential, so_far: Utterances) -> None:
        place = google_cloud.location(credential, ask.extras.get("location"))
        old = version(ask.model, ask.extras, credential) == "v1"
        self._speech: Speech = V1(ask) if old else V2(ask, credential, place)
        self.request = client.call(client.LISTENING, self._speech.method, credential, place)
        self._sound = ask.input
        self._raw = ask.want_raw_events
        self._utterances = so_far
        self._sent = 0
        """Bytes of sound."""
        self._unsettled = False
        """Whether something was heard that is not final yet."""
        self._silent = False
        """Whether the voice fell silent before its last text was final, or there."""
        self._finalizing = self._finishing = self._leaving = False
        self._answered = False
        """Whether a final came since the last of the sound was asked for."""

    def begin(self, headers: Mapping[str, str]) -> Outcome[SttEvent]:
        # Google says nothing before it has heard something.
        return [Say(self._speech.opening), Began(), *self._speech.warnings]

    def audio(self, sound: bytes) -> Outcome[SttEvent]:
        if self._finalizing or self._leaving:
            return []  # The next call hears it.
        if self._sent_ms >= LONGEST_MS:
            return self._leave()
        self._sent += len(sound)
        return [
            Say(self._speech.sound(sound[at : at + MOST_BYTES])) for at in range(0, len(sound), MOST_BYTES)
        ]

    def finalize(self) -> Outcome[SttEvent]:
        if self._finalizing or self._finishing:
            return []
        self._finalizing = True
        return [HalfClose()]

    def update(self, update: Update) -> Outcome[SttEvent]:
        return [Warned("unsupported_update", "google-speech cannot change a session; start another")]

    def finish(self) -> Outcome[SttEvent]:
        if self._finalizing:
            return []  # Sound may have come since: the next call ends with it.
        self._finishing = True
        return [HalfClose()]

    def feed(self, message: Message) -> Outcome[SttEvent]:
        heard = message.encode() if isinstance(message, str) else message
        said = self._speech.read(heard)
        told: list[SttEvent | Redial] = []
        if self._raw:
            told.append(Raw(self._speech.show(heard)))
        if said.failed is not None:
            return [*told, *self.close(said.failed)]
        if said.voice == "begins":
            if self._silent and not self._unsettled:
                self._silent = False  # What was heard before was no speech.
                self._utterances.end()
            told += self._utterances.started(said.at_ms)
        elif said.voice == "ends":
            self._silent = self._unsettled or not self._utterances.text
            if not self._silent:
                told += self._utterances.end()
        told += self._results(said.results)
        if said.billed_ms is not None:
            told.append(Heard(audio_ms=self._sent_ms, billed_ms=said.billed_ms))
        if self._sent_ms >= LONG_MS and any(one.is_final for one in said.results) and not self._finishing:
            told += self._leave()
        return told

    def close(self, closed: Closed) -> Outcome[SttEvent]:
        if self._leaving:
            return []
        if closed.code and _TIME_IS_UP.search(closed.reason) and not self._finishing:
            return self._leave()
        if closed.code or not (self._finalizing or self._finishing):
            raise client.ended(closed)
        if self._finishing:
            return self._utterances.end(EndReason.STREAM_END)
        told: list[SttEvent] = []
        if not self._answered:
            told = self._utterances.final("", end_ms=self._sent_ms, from_finalize=True)
        return [*told, *self._utterances.end(EndReason.FINALIZE), Redial()]

    @property
    def _sent_ms(self) -> int:
        return self._sound.milliseconds(self._sent) if self._sound.raw else 0

    def _leave(self) -> list[Redial]:
        if self._leaving:
            return []
        self._leaving = True
        return [Redial()]

    def _results(self, results: Sequence[Result]) -> list[SttEvent]:
        told: list[SttEvent] = []
        pieces: list[str] = []
        words: list[Word] = []
        stability = 1.0
        language = ""
        for result in results:
            if result.is_final:
                told += self._final(result)
                continue
            pieces.append(result.text)
            words += result.words
            stability = min(stability, result.stability)
            language = result.language
        if pieces:
            self._unsettled = True
            text = "".join(pieces).strip()
            told += self._utterances.interim(
                text, stability=stability, words=words, language=client.language(language)
            )
        return told

    def _final(self, result: Result) -> list[SttEvent]:
        words = result.words
        self._unsettled = False
        self._answered = self._finalizing
        told = self._utterances.final(
            result.text.strip(),
            confidence=result.confidence,
            words=words,
            language=client.language(result.language),
            start_ms=words[0].start_ms if words else None,
            end_ms=result.end_ms if result.end_ms is not None else (words[-1].end_ms if words else None),
            from_finalize=self._finalizing,
        )
        if self._silent:
            self._silent = False
            told += self._utterances.end()
        return told
