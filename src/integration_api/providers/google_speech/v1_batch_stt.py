"""Recordings of up to a minute, in v1's language.

Its way for longer ones takes them from Google's own storage alone, as v2's does.
https://cloud.google.com/speech-to-text/docs/reference/rest/v1/speech/recognize
"""

from base64 import b64encode
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.audio import Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import Exchange, decode
from integration_api.core.llm import Usage
from integration_api.core.stt import Segment, TranscribeRequest, Transcript, Word
from integration_api.dialects import google_cloud
from integration_api.dialects.notes import Notes
from integration_api.providers.google_speech import client
from integration_api.providers.google_speech.v1_stt import encoding_of, left_out, spoken
from integration_api.providers.google_speech.version import fields

PATH = "/v1/speech:recognize"
KNOWN_BY_ITSELF = (b"RIFF", b"fLaC")
"""How files begin that tell v1 what they are."""
OPUS = {b"OggS": "OGG_OPUS", b"\x1a\x45\xdf\xa3": "WEBM_OPUS"}
"""How files begin that are likely Opus, which has one rate whatever it was made of."""
OPUS_RATE = 48_000


class SpokenWord(Struct, rename="camel"):
    word: str = ""
    start_time: str = "0s"
    end_time: str = "0s"
    confidence: float | None = None
    speaker_tag: int | None = None
    speaker_label: str | None = None


class Alternative(Struct):
    transcript: str = ""
    confidence: float | None = None
    words: list[SpokenWord] = []


class Result(Struct, rename="camel"):
    alternatives: list[Alternative] = []
    result_end_time: str | None = None
    language_code: str | None = None


class Recorded(Struct, rename="camel"):
    """The answer to a recording."""

    results: list[Result] = []
    total_billed_time: str | None = None


_RECORDED = msgspec.json.Decoder(Recorded)


def transcribe(ask: TranscribeRequest, credential: Credential, notes: Notes) -> Exchange[Transcript]:
    """Return what a recording says."""
    place = google_cloud.location(credential, ask.extras.get("location"))
    body = {"config": config(ask, notes), "audio": {"content": b64encode(ask.audio).decode()}}
    reply = yield google_cloud.post(client.url(client.LISTENING, PATH, credential, place), body, credential)
    return read(decode(reply, _RECORDED), ask, notes)


def config(ask: TranscribeRequest, notes: Notes) -> dict[str, Any]:
    """Write what is asked for. Raises `Failure` for sound that v1 has not."""
    first, *others = spoken(ask.languages)
    asked: dict[str, Any] = {
        "model": ask.model,
        "languageCode": first,
        "enableAutomaticPunctuation": ask.punctuate,
        # Who spoke can only be told word by word.
        "enableWordTimeOffsets": ask.word_timestamps or ask.segment_timestamps or ask.diarize,
        "enableWordConfidence": ask.word_timestamps,
        "profanityFilter": ask.profanity_filter,
    }
    if others:
        asked["alternativeLanguageCodes"] = others
    if ask.diarize:
        asked["diarizationConfig"] = {"enableSpeakerDiarization": True}
    if ask.keyterms:
        asked["speechContexts"] = [{"phrases": ask.keyterms}]
    for why in left_out(ask.languages, detect=ask.detect_language):
        notes.cannot("languages", why)
    if ask.translate:
        notes.cannot("translate", f"{client.NAME} translates in v2 only")
    return {**asked, **sound(ask), **fields(ask.extras)}


def sound(ask: TranscribeRequest) -> dict[str, Any]:
    """Say what the sound is, where it does not say so itself. Raises `Failure` (UNSUPPORTED) for what is unknown."""
    form = ask.format
    if form is not None and form.encoding is not Encoding.WAV:
        said: dict[str, Any] = {"encoding": encoding_of(form), "sampleRateHertz": form.sample_rate}
        return {**said, "audioChannelCount": form.channels} if form.channels > 1 else said
    head = ask.audio[:4]
    if head in KNOWN_BY_ITSELF or "encoding" in ask.extras:
        return {}
    if head in OPUS:
        return {"encoding": OPUS[head], "sampleRateHertz": OPUS_RATE}
    raise Failure(
        Kind.UNSUPPORTED,
        f"{client.NAME} must be told in v1 what such a file is: send WAV or FLAC, or name encoding and sampleRateHertz "
        "in provider.options",
        code="unsupported_audio_format",
        param="file",
    )


def read(said: Recorded, ask: TranscribeRequest, notes: Notes) -> Transcript:
    """Read an answer whole: of each result the best reading. Who spoke is told with the last, of all words."""
    told = [(result, result.alternatives[0]) for result in said.results if result.alternatives]
    if ask.diarize and told:
        spoken_words = told[-1][1].words
    else:
        spoken_words = [word for _, best in told for word in best.words]
    segments = []
    before = 0
    for result, best in told:
        if not best.transcript.strip():
            continue
        start = max(before, milliseconds(best.words[0].start_time)) if best.words else before
        told_end = result.result_end_time or (best.words[-1].end_time if best.words else None)
        end = before if told_end is None else milliseconds(told_end)
        segments.append(
            Segment(text=best.transcript.strip(), start_ms=start, end_ms=end, confidence=best.confidence)
        )
        before = end
    billed = said.total_billed_time
    return Transcript(
        model=ask.model,
        text=" ".join(one.text for one in segments),
        language=client.language(told[0][0].language_code) if told else None,
        duration_ms=before or None,
        confidence=told[0][1].confidence if told else None,
        words=tuple(_word(one) for one in spoken_words),
        segments=tuple(segments),
        usage=Usage(audio_seconds=None if billed is None else milliseconds(billed) / 1000),
        warnings=notes.all,
    )


def _word(said: SpokenWord) -> Word:
    return Word(
        text=said.word,
        start_ms=milliseconds(said.start_time),
        end_ms=milliseconds(said.end_time),
        confidence=said.confidence or None,
        speaker=said.speaker_label or (str(said.speaker_tag) if said.speaker_tag else None),
    )


def milliseconds(offset: str) -> int:
    """Read `1.500s`."""
    return round(float(offset.removesuffix("s")) * 1000)
