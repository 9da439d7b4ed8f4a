"""Recordings of up to a minute. https://cloud.google.com/speech-to-text/v2/docs/reference/rest"""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import Exchange, decode
from integration_api.core.llm import Usage
from integration_api.core.stt import Segment, TranscribeRequest, Transcript, Word
from integration_api.dialects import google_cloud
from integration_api.dialects.notes import Notes
from integration_api.providers.google_speech import client, formats, v1_batch_stt
from integration_api.providers.google_speech.v1_batch_stt import milliseconds
from integration_api.providers.google_speech.v2_stt import languages
from integration_api.providers.google_speech.version import fields, version

MOST_BYTES = 10_000_000
"""Google takes longer recordings from its own storage alone."""
ENCODINGS = {1: "LINEAR16", 2: "MULAW", 3: "ALAW"}


class SpokenWord(Struct, rename="camel"):
    word: str = ""
    start_offset: str = "0s"
    end_offset: str = "0s"
    confidence: float | None = None
    speaker_label: str | None = None


class Alternative(Struct):
    transcript: str = ""
    confidence: float | None = None
    words: list[SpokenWord] = []


class Result(Struct, rename="camel"):
    alternatives: list[Alternative] = []
    result_end_offset: str = "0s"
    language_code: str | None = None


class Metadata(Struct, rename="camel"):
    total_billed_duration: str | None = None


class Recorded(Struct):
    """The answer to a recording."""

    results: list[Result] = []
    metadata: Metadata = msgspec.field(default_factory=Metadata)


_RECORDED = msgspec.json.Decoder(Recorded)


def transcribe(ask: TranscribeRequest, credential: Credential) -> Exchange[Transcript]:
    """Return what a recording says. Raises `Failure` (TOO_LARGE) for one that Google does not take whole."""
    if len(ask.audio) > MOST_BYTES:
        raise Failure(
            Kind.TOO_LARGE,
            f"{client.NAME} takes recordings of up to {MOST_BYTES // 1_000_000} MB and one minute; cut it, or use "
            "a live session",
            code="audio_too_large",
            param="file",
        )
    notes = Notes(strict=ask.strict)
    if ask.prompt:
        notes.cannot("prompt", f"{client.NAME} takes no prompt; keyterms steer it")
    if ask.temperature is not None:
        notes.cannot("temperature", f"{client.NAME} takes no temperature")
    if version(ask.model, ask.extras, credential) == "v1":
        return (yield from v1_batch_stt.transcribe(ask, credential, notes))
    place = google_cloud.location(credential, ask.extras.get("location"))
    path = f"/v2/{client.recognizer(credential, place)}:recognize"
    body = {"config": config(ask), "content": b64encode(ask.audio).decode()}
    reply = yield google_cloud.post(client.url(client.LISTENING, path, credential, place), body, credential)
    return read(decode(reply, _RECORDED), ask.model, notes)


def config(ask: TranscribeRequest) -> dict[str, Any]:
    features: dict[str, Any] = {
        "enableAutomaticPunctuation": ask.punctuate,
        "enableWordTimeOffsets": ask.word_timestamps or ask.segment_timestamps,
        "enableWordConfidence": ask.word_timestamps,
        "profanityFilter": ask.profanity_filter,
    }
    if ask.diarize:
        features["diarizationConfig"] = {}
    asked: dict[str, Any] = {
        "model": ask.model,
        "languageCodes": languages(ask.model, ask.languages, detect=ask.detect_language),
        "features": features,
    }
    number = formats.DECODED.get(ask.format.encoding) if ask.format is not None else None
    if ask.format is None or number is None:
        asked["autoDecodingConfig"] = {}
    else:
        asked["explicitDecodingConfig"] = {
            "encoding": ENCODINGS[number],
            "sampleRateHertz": ask.format.sample_rate,
            "audioChannelCount": ask.format.channels,
        }
    if ask.keyterms:
        phrases = [{"value": term} for term in ask.keyterms]
        asked["adaptation"] = {"phraseSets": [{"inlinePhraseSet": {"phrases": phrases}}]}
    if ask.translate:
        asked["translationConfig"] = {"targetLanguage": "en-US"}
    return asked | fields(ask.extras)


def read(said: Recorded, model: str, notes: Notes) -> Transcript:
    """Read an answer whole: of each result the best reading."""
    told = [(result, result.alternatives[0]) for result in said.results if result.alternatives]
    billed = said.metadata.total_billed_duration
    seconds = None if billed is None else milliseconds(billed) / 1000
    segments = []
    before = 0
    for result, best in told:
        end = milliseconds(result.result_end_offset)
        start = milliseconds(best.words[0].start_offset) if best.words else before
        segments.append(
            Segment(text=best.transcript.strip(), start_ms=start, end_ms=end, confidence=best.confidence)
        )
        before = end
    return Transcript(
        model=model,
        text=" ".join(one.text for one in segments if one.text),
        language=client.language(told[0][0].language_code) if told else None,
        duration_ms=before or None,
        confidence=told[0][1].confidence if told else None,
        words=tuple(word for _, best in told for word in words(best.words)),
        segments=tuple(segments),
        usage=Usage(audio_seconds=seconds),
        warnings=notes.all,
    )


def words(spoken: Sequence[SpokenWord]) -> tuple[Word, ...]:
    return tuple(
        Word(
            text=one.word,
            start_ms=milliseconds(one.start_offset),
            end_ms=milliseconds(one.end_offset),
            confidence=one.confidence,
            speaker=one.speaker_label,
        )
        for one in spoken
    )
