"""Speech-to-Text v2, live.

Google has no word for "finalize", and hears no call out for longer than five minutes: then the call ends, or is ended
between two texts, and whoever drives the session opens the next one with what is not settled yet.

https://cloud.google.com/speech-to-text/v2/docs/reference/rpc/google.cloud.speech.v2
"""

import re
from collections.abc import Mapping, Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToJson, ParseDict, ParseError

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
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
from integration_api.proto import google_speech_pb2 as wire
from integration_api.providers.google_speech import client, formats

METHOD = "google.cloud.speech.v2.Speech/StreamingRecognize"
MOST_BYTES = 15_000
"""Of sound in one message: the documents say 25 KB today, and said 15 KB before."""
LONG_MS = 210_000
"""From here on the next final ends the call: Google ends it after 305 seconds, wherever the speaker is."""
LONGEST_MS = 270_000
"""Here it is ended in the middle of a text."""
_TIME_IS_UP = re.compile(r"(?i)maximum allowed stream duration|audio timeout error")
"""Google has heard five minutes, or nothing for ten seconds: neither is anybody's fault."""
_QUICK = ((250, 2), (500, 3))
"""`endpointing_sensitivity` (SUPERSHORT, SHORT) for silences up to so many milliseconds."""

CAPABILITIES = ListenCapabilities(language_id=True, vad=True, turns=True, finalize_ack=True)


class GoogleEar:
    """One live transcript. An utterance is the finals until the voice falls silent."""

    capabilities = CAPABILITIES
    keep_alive: KeepAlive | None = None

    def __init__(self, ask: ListenRequest, credential: Credential, so_far: Utterances) -> None:
        place = client.location(credential, ask.extras.get("location"))
        self.request = client.call(client.LISTENING, METHOD, credential, place)
        self._opening = wire.StreamingRecognizeRequest(
            recognizer=client.recognizer(credential, place), streaming_config=config(ask)
        ).SerializeToString()
        self._sound = ask.input
        self._raw = ask.want_raw_events
        self._utterances = so_far
        self._sent = 0
        """Bytes of sound."""
        self._unsettled = False
        """Whether something was heard that is not final yet."""
        self._silent = False
        """Whether the voice fell silent before its last text was final."""
        self._finalizing = self._finishing = self._leaving = False
        self._answered = False
        """Whether a final came since the last of the sound was asked for."""

    def begin(self, headers: Mapping[str, str]) -> Outcome[SttEvent]:
        # Google says nothing before it has heard something.
        return [Say(self._opening), Began()]

    def audio(self, sound: bytes) -> Outcome[SttEvent]:
        if self._finalizing or self._leaving:
            return []  # The next call hears it.
        if self._sent_ms >= LONGEST_MS:
            return self._leave()
        self._sent += len(sound)
        return [
            Say(wire.StreamingRecognizeRequest(audio=sound[at : at + MOST_BYTES]).SerializeToString())
            for at in range(0, len(sound), MOST_BYTES)
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
        said = wire.StreamingRecognizeResponse.FromString(_bytes(message))
        told: list[SttEvent | Redial] = []
        if self._raw:
            told.append(Raw(MessageToJson(said, indent=None)))
        match said.speech_event_type:
            case wire.StreamingRecognizeResponse.SPEECH_ACTIVITY_BEGIN:
                told += self._utterances.started(_milliseconds(said.speech_event_offset))
            case wire.StreamingRecognizeResponse.SPEECH_ACTIVITY_END:
                self._silent = self._unsettled
                if not self._unsettled:
                    told += self._utterances.end()
            case _:
                pass
        told += self._results(said.results)
        if said.metadata.HasField("total_billed_duration"):
            billed = _milliseconds(said.metadata.total_billed_duration)
            told.append(Heard(audio_ms=self._sent_ms, billed_ms=billed))
        if self._sent_ms >= LONG_MS and any(one.is_final for one in said.results) and not self._finishing:
            told += self._leave()
        return told

    def close(self, closed: Closed) -> Outcome[SttEvent]:
        if self._leaving:
            return []
        if closed.code and _TIME_IS_UP.search(closed.reason) and not self._finishing:
            return [Redial()]
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

    def _results(self, results: Sequence[wire.StreamingRecognitionResult]) -> list[SttEvent]:
        told: list[SttEvent] = []
        pieces: list[str] = []
        words: list[Word] = []
        stability = 1.0
        language = ""
        for result in results:
            if not result.alternatives:
                continue
            if result.is_final:
                told += self._final(result)
                continue
            best = result.alternatives[0]
            pieces.append(best.transcript)
            words += _words(best.words, final=False)
            stability = min(stability, result.stability)
            language = result.language_code
        if pieces:
            self._unsettled = True
            text = "".join(pieces).strip()
            told += self._utterances.interim(
                text, stability=stability, words=words, language=client.language(language)
            )
        return told

    def _final(self, result: wire.StreamingRecognitionResult) -> list[SttEvent]:
        best = result.alternatives[0]
        words = _words(best.words, final=True)
        self._unsettled = False
        self._answered = self._finalizing
        told = self._utterances.final(
            best.transcript.strip(),
            confidence=best.confidence or None,
            words=words,
            language=client.language(result.language_code),
            start_ms=words[0].start_ms if words else None,
            end_ms=_milliseconds(result.result_end_offset)
            if result.HasField("result_end_offset")
            else (words[-1].end_ms if words else None),
            from_finalize=self._finalizing,
        )
        if self._silent:
            self._silent = False
            told += self._utterances.end()
        return told


def config(ask: ListenRequest) -> wire.StreamingRecognitionConfig:
    """Write what is asked for. Raises `Failure` for options that Google has not."""
    asked = wire.StreamingRecognitionConfig()
    heard = asked.config
    encoding = formats.DECODED.get(ask.input.encoding)
    if encoding is None:
        heard.auto_decoding_config.SetInParent()
    else:
        heard.explicit_decoding_config.encoding = encoding
        heard.explicit_decoding_config.sample_rate_hertz = ask.input.sample_rate
        heard.explicit_decoding_config.audio_channel_count = ask.input.channels
    heard.model = ask.model
    heard.language_codes.extend(languages(ask.model, ask.languages, detect=ask.detect_language))
    heard.features.profanity_filter = ask.profanity_filter
    heard.features.enable_word_time_offsets = ask.word_timestamps
    heard.features.enable_word_confidence = ask.word_timestamps
    heard.features.enable_automatic_punctuation = ask.punctuate
    if ask.diarize:
        heard.features.diarization_config.SetInParent()
    if ask.keyterms:
        phrases = heard.adaptation.phrase_sets.add().inline_phrase_set.phrases
        for term in ask.keyterms:
            phrases.add(value=term)
    features = asked.streaming_features
    features.enable_voice_activity_events = True
    features.interim_results = ask.interim_results
    silence = ask.endpointing.silence_ms
    if silence is not None and ask.model.startswith("chirp_3"):
        features.endpointing_sensitivity = next((value for most, value in _QUICK if silence <= most), 0)
    options = {name: value for name, value in ask.extras.items() if name != "location"}
    try:
        ParseDict(options, heard)
    except ParseError as error:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"google-speech's options are those of RecognitionConfig: {error}"[:512],
            code="invalid_value",
            param="options",
        ) from None
    return asked


def languages(model: str, asked: Sequence[str], *, detect: bool) -> Sequence[str]:
    """Chirp finds the language out by itself; the others must be told one."""
    if model.startswith("chirp") and (detect or not asked):
        return ("auto",)
    return asked or ("en-US",)


def _bytes(message: Message) -> bytes:
    return message.encode() if isinstance(message, str) else message


def _milliseconds(duration: Duration) -> int:
    return round(duration.seconds * 1000 + duration.nanos / 1_000_000)


def _words(spoken: Sequence[wire.WordInfo], *, final: bool) -> tuple[Word, ...]:
    return tuple(
        Word(
            text=one.word,
            start_ms=_milliseconds(one.start_offset),
            end_ms=_milliseconds(one.end_offset),
            confidence=one.confidence or None,
            speaker=one.speaker_label or None,
            is_final=final,
        )
        for one in spoken
    )
