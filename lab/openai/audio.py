"""OpenAI's audio: recordings written down, texts spoken (platform.openai.com/docs/api-reference/audio)."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from lab import mouth, multipart
from lab.ear import Ear, words_of
from lab.faults import directives
from lab.http import Call, Response, encode
from lab.openai import client
from lab.openai.client import admit, answer, document, headers, refuse
from lab.openai.values import between, known, one_of, required, typed
from lab.wave import wav

WHISPER = "whisper-1"
DIARIZING = "gpt-4o-transcribe-diarize"
LISTING = "gpt-transcribe"
EARS: Mapping[str, tuple[str, ...]] = {
    WHISPER: ("json", "text", "srt", "verbose_json", "vtt"),
    "gpt-4o-transcribe": ("json", "text"),
    "gpt-4o-mini-transcribe": ("json", "text"),
    DIARIZING: ("json", "text", "diarized_json"),
    LISTING: ("json", "text"),
}
"""Models, each with its formats."""
FIELDS = frozenset({
    "file", "model", "language", "prompt", "response_format", "temperature", "timestamp_granularities[]",
    "include[]", "stream", "chunking_strategy", "keywords[]", "languages[]", "known_speaker_names[]",
    "known_speaker_references[]",
})  # fmt: skip
TRANSLATED = frozenset({"file", "model", "prompt", "response_format", "temperature"})
LISTS = frozenset({"keywords[]", "languages[]"})
VOICES = (
    "alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin", "cedar",
)  # fmt: skip
MOUTHS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
LONGEST = 4096
TYPES = {
    "mp3": "audio/mpeg", "opus": "audio/opus", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav",
    "pcm": "audio/pcm",
}  # fmt: skip
RATE = 24_000
MOST = 25 << 20


def transcribed(call: Call) -> Response:
    """POST /v1/audio/transcriptions. Raises `Refused`."""
    fields = _form(call, FIELDS)
    if call.asked.base != LISTING:
        for name in LISTS & fields.keys():
            refuse(call, f"{name} is not supported for this model.", param=name[:-2])
    format = fields.get("response_format", ["json"])[0]
    one_of(call, format, EARS[call.asked.base], "response_format")
    if "timestamp_granularities[]" in fields and format != "verbose_json":
        refuse(call, "timestamp_granularities needs verbose_json", param="timestamp_granularities")
    if call.asked.base == DIARIZING and "prompt" in fields:
        refuse(call, "Prompt is not supported for diarization models.", param="prompt")
    ear = Ear(call.take())
    if fields.get("stream") == ["true"] and call.asked.base != WHISPER:
        return _events(call, ear, format)
    return _whole(call, ear, fields, format)


def translated(call: Call) -> Response:
    """POST /v1/audio/translations: what is heard is taken for English. Raises `Refused`."""
    fields = _form(call, TRANSLATED)
    if call.asked.base != WHISPER:
        refuse(call, f"{call.model} does not translate.", param="model")
    format = fields.get("response_format", ["json"])[0]
    one_of(call, format, EARS[WHISPER], "response_format")
    return _whole(call, Ear(call.take()), fields, format, task="translate")


def spoken(call: Call) -> Response:
    """POST /v1/audio/speech. Raises `Refused`."""
    admit(call)
    body = document(call)
    known(call, body, frozenset({
        "model", "input", "voice", "instructions", "response_format", "speed", "stream_format",
    }))  # fmt: skip
    text, voice = required(call, body, "input"), required(call, body, "voice")
    typed(call, text, str, "a string", "input")
    if not 0 < len(text) <= LONGEST:
        refuse(
            call,
            f"Invalid 'input': 1 to {LONGEST} characters.",
            param="input",
            code="string_above_max_length",
        )
    one_of(call, call.asked.base, MOUTHS, "model")
    one_of(call, voice["id"] if isinstance(voice, dict) else voice, VOICES, "voice")
    if body.get("speed") is not None:
        between(call, body["speed"], 0.25, 4.0, "speed", whole=False)
    format = body.get("response_format", "mp3")
    one_of(call, format, tuple(TYPES), "response_format")
    sound = mouth.pcm(text, RATE)
    if format == "wav":
        sound = wav(sound, RATE)
    pieces = list(_pieces(sound, 4096))
    gap = directives(call.model).gap_ms
    if body.get("stream_format") != "sse":
        return Response(200, headers(call, TYPES[format]), events=pieces, gap_ms=gap)
    if call.asked.base.startswith("tts-1"):
        refuse(call, "stream_format sse is not supported for this model.", param="stream_format")
    usage = {"input_tokens": len(text), "output_tokens": len(pieces), "total_tokens": len(text) + len(pieces)}
    done = _event({"type": "speech.audio.done", "usage": usage})
    events = [_event({"type": "speech.audio.delta", "audio": b64encode(one).decode()}) for one in pieces]
    return Response(200, client.stream_headers(call), events=events, ending=[done], gap_ms=gap)


def _form(call: Call, allowed: frozenset[str]) -> dict[str, list[str]]:
    admit(call)
    parts = multipart.fields(call)
    for name in parts.keys() - allowed:
        refuse(call, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    sound = parts.pop("file", [b""])[0]
    if not sound:
        refuse(call, "Missing required parameter: 'file'.", param="file", code="missing_required_parameter")
    if len(sound) > MOST:
        refuse(call, "413: Maximum content size limit (26214400) exceeded", status=413)
    fields = {name: [one.decode() for one in values] for name, values in parts.items()}
    call.model = fields.get("model", [""])[0]
    if call.asked.base not in EARS:
        refuse(call, f"Invalid model {call.model}.", param="model", code="model_not_found", status=404)
    return fields


def _whole(
    call: Call, ear: Ear, fields: dict[str, list[str]], format: str, task: str = "transcribe"
) -> Response:
    text = " ".join(said.text for said in ear.heard)
    duration = max(said.end_ms for said in ear.heard) / 1000
    cost = (
        {"type": "duration", "seconds": duration} if call.asked.base == WHISPER else _tokens(text, duration)
    )
    match format:
        case "json":
            return answer(call, {"text": text, "usage": cost})
        case "verbose_json":
            granularities = fields.get("timestamp_granularities[]", ["segment"])
            said: dict[str, Any] = {
                "task": task, "language": "english", "duration": duration, "text": text, "usage": cost,
            }  # fmt: skip
            if "word" in granularities:
                said["words"] = _words(ear)
            if "segment" in granularities:
                said["segments"] = [
                    {
                        "id": place, "seek": 0, "start": one.start_ms / 1000, "end": one.end_ms / 1000,
                        "text": f" {one.text}", "tokens": [50364], "temperature": 0.0, "avg_logprob": -0.3,
                        "compression_ratio": 1.2, "no_speech_prob": 0.01,
                    }
                    for place, one in enumerate(ear.heard)
                ]  # fmt: skip
            return answer(call, said)
        case "diarized_json":
            segments = [_segment(ear, place) for place in range(len(ear.heard))]
            said = {"text": text, "task": task, "duration": duration, "segments": segments, "usage": cost}
            return answer(call, said)
        case _:
            written = f"{text}\n" if format == "text" else _subtitles(ear, format)
            return Response(200, headers(call, "text/plain; charset=utf-8"), written.encode())


def _subtitles(ear: Ear, format: str) -> str:
    point = "," if format == "srt" else "."
    lines = [
        f"{place}\n{_clock(said.start_ms, point)} --> {_clock(said.end_ms, point)}\n{said.text}\n\n"
        for place, said in enumerate(ear.heard, 1)
    ]
    if format == "srt":
        return "".join(lines)
    return "WEBVTT\n\n" + "".join(line.partition("\n")[2] for line in lines)


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


def _events(call: Call, ear: Ear, format: str) -> Response:
    text = " ".join(said.text for said in ear.heard)
    duration = max(said.end_ms for said in ear.heard) / 1000
    if format == "diarized_json":
        pieces = [_segment(ear, place) for place in range(len(ear.heard))]
    else:
        pieces = [
            {"type": "transcript.text.delta", "delta": word if place == 0 else f" {word}"}
            for place, word in enumerate(text.split(" "))
        ]
    done = _event({"type": "transcript.text.done", "text": text, "usage": _tokens(text, duration)})
    end = b"data: [DONE]\n\n"
    events = [_event(one) for one in pieces]
    return Response(200, client.stream_headers(call), events=events, ending=[done, end])


def _tokens(text: str, seconds: float) -> dict[str, Any]:
    heard, said = round(seconds * 10), len(text.split())
    return {
        "type": "tokens", "input_tokens": heard, "output_tokens": said, "total_tokens": heard + said,
        "input_token_details": {"audio_tokens": heard, "text_tokens": 0},
    }  # fmt: skip


def _segment(ear: Ear, place: int) -> dict[str, Any]:
    said = ear.heard[place]
    return {
        "type": "transcript.text.segment", "text": f" {said.text}", "speaker": "ABCD"[said.speaker or 0],
        "start": said.start_ms / 1000, "end": said.end_ms / 1000, "id": f"seg_{place}",
    }  # fmt: skip


def _words(ear: Ear) -> list[dict[str, Any]]:
    return [
        {"word": word.text.strip(".,!?"), "start": word.start_ms / 1000, "end": word.end_ms / 1000}
        for said in ear.heard
        for word in words_of(said)
    ]


def _event(said: dict[str, Any]) -> bytes:
    return b"data: " + encode(said) + b"\n\n"


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
