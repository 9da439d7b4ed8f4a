"""One text spoken whole (elevenlabs.io/docs/api-reference/text-to-speech)."""

import base64
import json
from typing import Any

from lab import mouth
from lab.elevenlabs import client
from lab.http import Call, Response
from lab.wave import wav

PARAMETERS = frozenset({"output_format", "enable_logging", "optimize_streaming_latency"})
FIELDS = frozenset({
    "text", "model_id", "language_code", "voice_settings", "pronunciation_dictionary_locators", "seed",
    "previous_text", "next_text", "previous_request_ids", "next_request_ids", "use_pvc_as_ivc",
    "apply_text_normalization", "apply_language_text_normalization", "audio_effects",
})  # fmt: skip
SPEEDS = (0.7, 1.2)
PIECE = 4096
LINE_CHARACTERS = 5
"""How much of a text one line with timestamps holds."""
TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "pcm": "audio/pcm",
    "ulaw": "audio/basic",
    "wav": "audio/wav",
}


def whole(call: Call) -> Response:
    """POST /v1/text-to-speech/{voice}. Raises `Refused`."""
    text, format = _asked(call, whole=True)
    data = client.sound(text, format)
    if format.startswith(client.WAV):
        data = wav(data, int(format.partition("_")[2]))
    return _answer(call, text, format, data)


def streamed(call: Call) -> Response:
    """POST /v1/text-to-speech/{voice}/stream. Raises `Refused`."""
    text, format = _asked(call)
    return _answer(call, text, format, client.sound(text, format))


def timed(call: Call) -> Response:
    """POST /v1/text-to-speech/{voice}/with-timestamps. Raises `Refused`."""
    text, format = _asked(call, whole=True)
    data = client.sound(text, format)
    if format.startswith(client.WAV):
        data = wav(data, int(format.partition("_")[2]))
    return client.answer(call, _line(text, data))


def streamed_timed(call: Call) -> Response:
    """POST /v1/text-to-speech/{voice}/stream/with-timestamps. Raises `Refused`."""
    text, format = _asked(call)
    parts = [text[at : at + LINE_CHARACTERS] for at in range(0, len(text), LINE_CHARACTERS)]
    lines = [json.dumps(_line(part, client.sound(part, format))).encode() + b"\n\n" for part in parts]
    headers = [*client.headers(call, "application/json"), ("character-cost", str(len(text)))]
    return Response(200, headers, events=lines, gap_ms=call.asked.gap_ms)


def _answer(call: Call, text: str, format: str, data: bytes) -> Response:
    kind = TYPES.get(format.partition("_")[0], "application/octet-stream")
    headers = [*client.headers(call, kind), ("character-cost", str(len(text)))]
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    return Response(200, headers, events=pieces, gap_ms=call.asked.gap_ms)


def _line(text: str, data: bytes) -> dict[str, Any]:
    times = {
        "characters": list(text),
        "character_start_times_seconds": [at * mouth.CHARACTER_MS / 1000 for at in range(len(text))],
        "character_end_times_seconds": [(at + 1) * mouth.CHARACTER_MS / 1000 for at in range(len(text))],
    }
    return {
        "audio_base64": base64.b64encode(data).decode(),
        "alignment": times,
        "normalized_alignment": times,
    }


def _asked(call: Call, *, whole: bool = False) -> tuple[str, str]:
    client.admit(call)
    client.known(call, PARAMETERS)
    said = call.json()
    for name in said:
        if name not in FIELDS:
            client.refuse(call, ["body", name], "Extra inputs are not permitted")
    call.model = said.get("model_id") or "eleven_multilingual_v2"
    text = said.get("text")
    if not isinstance(text, str) or not text:
        client.refuse(call, ["body", "text"], "Field required")
    speed = (said.get("voice_settings") or {}).get("speed")
    if speed is not None and not SPEEDS[0] <= speed <= SPEEDS[1]:
        client.refuse(call, ["body", "voice_settings", "speed"], "Invalid setting for speed received")
    return text, client.format_of(call, whole=whole)
