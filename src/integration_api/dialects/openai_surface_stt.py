"""Recordings in OpenAI's shapes: what is asked in a form, and a transcript as JSON, text, subtitles or events.

https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import Usage
from integration_api.core.stt import Segment, TranscribeRequest, Transcript, Word
from integration_api.dialects.notes import Notes

encode = msgspec.json.Encoder().encode

FORMATS = ("json", "text", "srt", "vtt", "verbose_json", "diarized_json")
KINDS = {
    "text": b"text/plain; charset=utf-8",
    "srt": b"text/plain; charset=utf-8",
    "vtt": b"text/plain; charset=utf-8",
}
"""Content types of what is not JSON, as OpenAI says them."""
GRANULARITIES = ("word", "segment")
LISTS = (
    "timestamp_granularities",
    "include",
    "languages",
    "keywords",
    "known_speaker_names",
    "known_speaker_references",
)
ONLY_THERE = ("include", "chunking_strategy", "known_speaker_names", "known_speaker_references")
"""What only OpenAI's own models have a use for."""
KNOWN = frozenset({
    *LISTS, *ONLY_THERE, "model", "language", "prompt", "response_format", "temperature", "stream", "provider",
})  # fmt: skip
CAPTION_WORDS, CAPTION_MS = 12, 5_000
"""The longest subtitle that is made of words, where the provider tells no segments."""
DONE = b"data: [DONE]\n\n"
UNKNOWN_LANGUAGE = "unknown"


class Asked(Struct, frozen=True, kw_only=True):
    model: str
    request: TranscribeRequest
    format: str
    stream: bool
    words: bool
    segments: bool


def read_transcription(
    fields: Mapping[str, Sequence[str]], *, audio: bytes, filename: str, mime: str, translate: bool
) -> Asked:
    """Read a form. Raises `Failure` (INVALID_REQUEST) naming the field."""
    one = {name: values[-1] for name, values in fields.items() if values}
    format = one.get("response_format") or "json"
    if format not in FORMATS:
        raise _wrong("response_format", f"must be one of {', '.join(FORMATS)}")
    granularities = frozenset(fields.get("timestamp_granularities", ()))
    for name in granularities:
        if name not in GRANULARITIES:
            raise _wrong("timestamp_granularities", "holds word and segment")
    if granularities and format != "verbose_json":
        raise _wrong("timestamp_granularities", "go with response_format verbose_json")
    if not one.get("model"):
        raise Failure(Kind.INVALID_REQUEST, "name a model", code="model_required", param="model")
    languages = [*fields.get("languages", ()), *([one["language"]] if one.get("language") else [])]
    subtitles = format in ("srt", "vtt")
    words = "word" in granularities
    segments = format == "diarized_json" or (
        format == "verbose_json" and ("segment" in granularities or not words)
    )
    return Asked(
        model=one["model"],
        format=format,
        stream=_truth(one.get("stream"), "stream"),
        words=words,
        segments=segments,
        request=TranscribeRequest(
            model="",
            audio=audio,
            filename=filename,
            mime=mime,
            languages=tuple(languages),
            prompt=one.get("prompt", ""),
            temperature=_temperature(one.get("temperature")),
            word_timestamps=words or subtitles,
            segment_timestamps=segments or subtitles,
            diarize=format == "diarized_json",
            keyterms=tuple(fields.get("keywords", ())),
            translate=translate,
        ),
    )


def left_out(fields: Mapping[str, Sequence[str]], notes: Notes) -> None:
    """Note what no other provider has a word for."""
    for name in fields:
        if name in ONLY_THERE:
            notes.cannot(name, f"only OpenAI's own models take {name}")
        elif name not in KNOWN and not name.startswith("provider["):
            notes.cannot(
                name[:64], f"there is no field {name[:64]}; the provider's own go into provider.options"
            )


# --- whole --------------------------------------------------------------------------------------


def render(told: Transcript, asked: Asked) -> bytes:
    """Return a transcript in the format that was asked for."""
    match asked.format:
        case "text":
            return told.text.encode() + b"\n"
        case "srt":
            return b"".join(_subtitles(told, ","))
        case "vtt":
            return b"WEBVTT\n\n" + b"".join(_subtitles(told, "."))
        case "verbose_json":
            return encode(_verbose(told, asked))
        case "diarized_json":
            return encode(_diarized(told))
        case _:
            return encode(_plain(told))


def _plain(told: Transcript) -> dict[str, Any]:
    said: dict[str, Any] = {"text": told.text}
    if told.language:
        said["languages"] = [{"code": told.language}]
    return said | _usage(told)


def _verbose(told: Transcript, asked: Asked) -> dict[str, Any]:
    said: dict[str, Any] = {
        "task": "translate" if asked.request.translate else "transcribe",
        "language": told.language or UNKNOWN_LANGUAGE,
        "duration": (told.duration_ms or _ended(told)) / 1000,
        "text": told.text,
    }
    if asked.words:
        said["words"] = [
            {"word": word.text, "start": word.start_ms / 1000, "end": word.end_ms / 1000}
            for word in told.words
            if word.start_ms is not None and word.end_ms is not None
        ]
    if asked.segments:
        # Figures of Whisper's own that no other model has are what they are where there is nothing to tell.
        said["segments"] = [
            {
                "id": place,
                "seek": 0,
                "start": one.start_ms / 1000,
                "end": one.end_ms / 1000,
                "text": one.text,
                "tokens": [],
                "temperature": asked.request.temperature or 0.0,
                "avg_logprob": 0.0,
                "compression_ratio": 0.0,
                "no_speech_prob": 0.0,
                **({"confidence": one.confidence} if one.confidence is not None else {}),
                **({"speaker": one.speaker} if one.speaker is not None else {}),
            }
            for place, one in enumerate(segments_of(told))
        ]
    return said | _duration(told)


def _diarized(told: Transcript) -> dict[str, Any]:
    return {
        "task": "transcribe",
        "duration": (told.duration_ms or _ended(told)) / 1000,
        "text": told.text,
        "segments": [_segment(one, place) for place, one in enumerate(segments_of(told))],
        **_usage(told),
    }


def _segment(one: Segment, place: int) -> dict[str, Any]:
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{place}",
        "start": one.start_ms / 1000,
        "end": one.end_ms / 1000,
        "speaker": one.speaker or "",
        "text": one.text,
    }


def _usage(told: Transcript) -> dict[str, Any]:
    tokens = tokens_of(told.usage)
    return {"usage": tokens} if tokens else _duration(told)


def _duration(told: Transcript) -> dict[str, Any]:
    seconds = told.usage.audio_seconds
    if seconds is None and told.duration_ms is not None:
        seconds = told.duration_ms / 1000
    return {} if seconds is None else {"usage": {"type": "duration", "seconds": seconds}}


def tokens_of(usage: Usage) -> dict[str, Any] | None:
    if usage.input_total is None or usage.output_total is None:
        return None
    said: dict[str, Any] = {
        "type": "tokens",
        "input_tokens": usage.input_total,
        "output_tokens": usage.output_total,
        "total_tokens": usage.input_total + usage.output_total,
    }
    if usage.input_audio is not None:
        said["input_token_details"] = {
            "audio_tokens": usage.input_audio,
            "text_tokens": usage.input_total - usage.input_audio,
        }
    return said


# --- subtitles ----------------------------------------------------------------------------------


def _subtitles(told: Transcript, point: Literal[",", "."]) -> Iterator[bytes]:
    for place, one in enumerate(segments_of(told), 1):
        number = f"{place}\n" if point == "," else ""
        yield f"{number}{_clock(one.start_ms, point)} --> {_clock(one.end_ms, point)}\n{one.text.strip()}\n\n".encode()


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{rest:03}"


def segments_of(told: Transcript) -> tuple[Segment, ...]:
    """Return the provider's segments, or make some of its words, or one of all there is."""
    if told.segments or not told.text:
        return told.segments
    found: list[Segment] = []
    line: list[Word] = []
    for word in told.words:
        if word.start_ms is None or word.end_ms is None:
            continue
        if line and (len(line) >= CAPTION_WORDS or word.end_ms - (line[0].start_ms or 0) > CAPTION_MS):
            found.append(_line(line))
            line = []
        line.append(word)
    if line:
        found.append(_line(line))
    return tuple(found) or (Segment(text=told.text, start_ms=0, end_ms=told.duration_ms or 0),)


def _line(words: Sequence[Word]) -> Segment:
    return Segment(
        text=" ".join(word.text for word in words),
        start_ms=words[0].start_ms or 0,
        end_ms=words[-1].end_ms or 0,
        speaker=words[0].speaker,
    )


def _ended(told: Transcript) -> int:
    return max([one.end_ms for one in told.segments] + [word.end_ms or 0 for word in told.words], default=0)


# --- events -------------------------------------------------------------------------------------


def events(told: Transcript, asked: Asked) -> bytes:
    """Return a transcript as the events of a stream: a piece for each segment, and all of it at the end."""
    said: list[dict[str, Any]] = []
    if asked.format == "diarized_json":
        said += [_segment(one, place) for place, one in enumerate(segments_of(told))]
    else:
        said += [{"type": "transcript.text.delta", "delta": piece} for piece in _pieces(told)]
    tokens = tokens_of(told.usage)
    usage = {"usage": tokens} if tokens else {}
    said.append({"type": "transcript.text.done", "text": told.text, **usage})
    return b"".join(b"data: " + encode(one) + b"\n\n" for one in said)


def _pieces(told: Transcript) -> list[str]:
    """Cut the text after each segment, so that the pieces are the text to the letter."""
    pieces: list[str] = []
    at = 0
    for one in told.segments:
        found = told.text.find(one.text.strip(), at)
        if found < 0:
            break
        end = found + len(one.text.strip())
        pieces.append(told.text[at:end])
        at = end
    if at < len(told.text):
        pieces.append(told.text[at:])
    return pieces


def _truth(text: str | None, param: str) -> bool:
    if text is None or text.lower() in ("", "false", "0"):
        return False
    if text.lower() in ("true", "1"):
        return True
    raise _wrong(param, "must be true or false")


def _temperature(text: str | None) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise _wrong("temperature", "must be 0 to 1")
    return value


def _wrong(param: str, what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"{param} {what}", code="invalid_value", param=param)
