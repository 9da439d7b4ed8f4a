"""Recordings written down by OpenAI. https://platform.openai.com/docs/api-reference/audio/createTranscription"""

from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import Bearer, Exchange, HttpRequest, decode
from integration_api.core.llm import Usage
from integration_api.core.stt import Segment, TranscribeRequest, Transcript, Word
from integration_api.dialects.multipart import File, form
from integration_api.dialects.notes import Notes
from integration_api.dialects.riff import filed
from integration_api.providers.openai import client

WHISPER, DIARIZING, LISTING = "whisper", "diarize", "gpt-transcribe"
"""What is in the names of models that tell times, that tell speakers, and that take lists of languages and words."""


class Details(Struct):
    audio_tokens: int | None = None


class Cost(Struct):
    """Tokens or seconds, as the model is paid."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: Details | None = None
    seconds: float | None = None


class Piece(Struct):
    text: str
    start: float
    end: float
    speaker: str | None = None


class Heard(Struct):
    word: str
    start: float
    end: float


class Language(Struct):
    code: str = ""


class Said(Struct):
    text: str
    language: str | None = None
    languages: list[Language] | None = None
    duration: float | None = None
    segments: list[Piece] | None = None
    words: list[Heard] | None = None
    usage: Cost | None = None


SAID = msgspec.json.Decoder(Said, strict=False)
"""Whisper's duration was a text once."""


def transcribe(ask: TranscribeRequest, credential: Credential) -> Exchange[Transcript]:
    """Return what a recording says, with as much of its times and speakers as the model tells."""
    notes = Notes(strict=ask.strict)
    ask = filed(ask)
    kind, body = form(fields(ask, notes), [File("file", ask.filename, ask.mime, ask.audio)])
    reply = yield HttpRequest(
        method="POST",
        url=client.address("/audio/translations" if ask.translate else "/audio/transcriptions", credential),
        headers=(("content-type", kind), *client.headers(credential)),
        body=body,
        auth=Bearer(),
    )
    return read(decode(reply, SAID), ask.model, notes)


def fields(ask: TranscribeRequest, notes: Notes) -> list[tuple[str, str]]:
    found = [("model", ask.model)]
    if WHISPER in ask.model:
        found.append(("response_format", "verbose_json"))
        if not ask.translate:
            wanted = (
                ("word", ask.word_timestamps),
                ("segment", ask.segment_timestamps or ask.word_timestamps),
            )
            found += [("timestamp_granularities[]", name) for name, asked in wanted if asked]
    elif DIARIZING in ask.model:
        found += [("response_format", "diarized_json"), ("chunking_strategy", "auto")]
    else:
        found.append(("response_format", "json"))
        if ask.word_timestamps or ask.segment_timestamps:
            notes.cannot("timestamp_granularities", f"{ask.model} tells no times; whisper-1 does")
    if ask.diarize and DIARIZING not in ask.model:
        notes.cannot("diarize", f"{ask.model} tells no speakers; gpt-4o-transcribe-diarize does")
    found += _languages(ask, notes)
    if ask.prompt:
        found.append(("prompt", ask.prompt))
    if ask.temperature is not None:
        found.append(("temperature", str(ask.temperature)))
    if ask.format is not None:
        notes.cannot("format", "OpenAI takes files, which say their format themselves")
    if ask.profanity_filter:
        notes.cannot("profanity_filter", "OpenAI filters no words")
    return [*found, *((name, _written(value)) for name, value in ask.extras.items())]


def _languages(ask: TranscribeRequest, notes: Notes) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if LISTING in ask.model:
        found += [("keywords[]", term) for term in ask.keyterms]
        if len(ask.languages) > 1:
            return [*found, *(("languages[]", language) for language in ask.languages)]
    elif ask.keyterms:
        notes.cannot("keywords", f"{ask.model} takes no keywords; prompt steers it")
    if len(ask.languages) > 1:
        notes.cannot("languages", f"{ask.model} takes one language; it hears for itself which")
    elif ask.languages and not ask.detect_language and not ask.translate:
        found.append(("language", ask.languages[0].partition("-")[0]))
    return found


def read(said: Said, model: str, notes: Notes) -> Transcript:
    languages = [one.code for one in said.languages or () if one.code]
    return Transcript(
        model=model,
        text=said.text,
        language=said.language or (languages[0] if languages else None),
        duration_ms=None if said.duration is None else round(said.duration * 1000),
        words=tuple(
            Word(text=one.word, start_ms=round(one.start * 1000), end_ms=round(one.end * 1000))
            for one in said.words or ()
        ),
        segments=tuple(
            Segment(
                text=one.text.strip(),
                start_ms=round(one.start * 1000),
                end_ms=round(one.end * 1000),
                speaker=one.speaker,
            )
            for one in said.segments or ()
        ),
        usage=usage_of(said.usage, said.duration),
        warnings=notes.all,
    )


def usage_of(told: Cost | None, duration: float | None) -> Usage:
    """Return what a recording of so many seconds has cost."""
    cost = told or Cost()
    details = cost.input_token_details
    return Usage(
        input_total=cost.input_tokens,
        output_total=cost.output_tokens,
        input_audio=None if details is None else details.audio_tokens,
        audio_seconds=cost.seconds if cost.seconds is not None else duration,
    )


def _written(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
