"""What a generation is asked for, checked (docs.cartesia.ai/api-reference/tts)."""

from typing import Any

from lab import mouth

FIELDS = frozenset({
    "model_id", "transcript", "voice", "output_format", "language", "locale", "normalization", "speed",
    "generation_config", "pronunciation_dict_id", "save", "add_timestamps", "add_phoneme_timestamps",
    "use_normalized_timestamps", "context_id",
})  # fmt: skip
LIVE_FIELDS = FIELDS - {"save"} | {"continue", "flush", "max_buffer_delay_ms", "cancel"}
RATES = (8000, 16000, 22050, 24000, 44100, 48000)
BIT_RATES = (32000, 64000, 96000, 128000, 192000)
RANGES = {"speed": (0.6, 1.5), "volume": (0.5, 2.0)}


def wrong(asked: dict[str, Any], fields: frozenset[str], *, raw: bool) -> str:
    """What Cartesia would refuse of a request, if anything."""
    if strange := set(asked) - fields:
        return f"unknown field: {min(strange)}"
    if not isinstance(asked.get("transcript"), str):
        return "transcript is required"
    if not asked.get("model_id"):
        return "model_id is required"
    voice = asked.get("voice")
    if not (isinstance(voice, str) and voice) and not (isinstance(voice, dict) and voice.get("id")):
        return "voice must be an id, or an object with one"
    if "language" in asked and "locale" in asked:
        return "a request may set language or locale, never both"
    if not 0 <= asked.get("max_buffer_delay_ms", 0) <= 5000:
        return "max_buffer_delay_ms must be between 0 and 5000"
    for name, value in asked.get("generation_config", {}).items():
        if name in RANGES and not RANGES[name][0] <= value <= RANGES[name][1]:
            return f"{name} must be between {RANGES[name][0]} and {RANGES[name][1]}"
    return _format_wrong(asked.get("output_format"), raw=raw)


def _format_wrong(output: Any, *, raw: bool) -> str:
    if not isinstance(output, dict):
        return "output_format is required"
    container = output.get("container")
    if container not in ("raw", "wav", "mp3") or (raw and container != "raw"):
        return "container is not one that is made here"
    if output.get("sample_rate") not in RATES:
        return "sample_rate is not one that is made"
    if container == "mp3":
        return "" if output.get("bit_rate") in BIT_RATES else "bit_rate is not one that is made"
    if output.get("encoding") not in ("pcm_s16le", "pcm_mulaw", "pcm_alaw"):
        return "the lab makes pcm_s16le, pcm_mulaw and pcm_alaw only"
    return ""


def sound(text: str, output: dict[str, Any]) -> bytes:
    """The sound of a text, as it is asked for."""
    rate = output["sample_rate"]
    match output.get("encoding"):
        case "pcm_mulaw":
            return mouth.mulaw(text, rate)
        case "pcm_alaw":
            return mouth.alaw(text, rate)
        case _:
            return mouth.pcm(text, rate)


def timestamps(text: str, offset_ms: int = 0) -> dict[str, Any]:
    """When each word of a text is heard."""
    words, starts, ends, at = [], [], [], 0
    for word in text.split():
        at = text.index(word, at)
        words.append(word)
        starts.append((offset_ms + at * mouth.CHARACTER_MS) / 1000)
        at += len(word)
        ends.append((offset_ms + at * mouth.CHARACTER_MS) / 1000)
    return {"words": words, "start": starts, "end": ends}


def step(output: dict[str, Any], milliseconds: int) -> int:
    """How many bytes of sound last so long."""
    size = 1 if output["encoding"] in ("pcm_mulaw", "pcm_alaw") else 2
    return int(output["sample_rate"]) * size * milliseconds // 1000
