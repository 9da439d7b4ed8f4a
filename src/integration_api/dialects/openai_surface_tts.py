"""Speech in OpenAI's shapes: a text as JSON, its sound as bytes or as events.

https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import Usage
from integration_api.core.tts import Manner, Sound, SpeakRequest, Tallied, TtsEvent, Voice
from integration_api.dialects.openai_surface_wire import ProviderChoice

encode = msgspec.json.Encoder().encode

LONGEST_TEXT = 100_000
"""Characters, as over the WebSocket; providers take fewer and say so."""
RATE = 24_000
"""What OpenAI's own samples are: 24 kHz, 16 bits, one channel."""
FORMATS: Mapping[str, tuple[Encoding, bytes]] = {
    "mp3": (Encoding.MP3, b"audio/mpeg"),
    "opus": (Encoding.OGG_OPUS, b"audio/opus"),
    "aac": (Encoding.AAC, b"audio/aac"),
    "flac": (Encoding.FLAC, b"audio/flac"),
    "wav": (Encoding.WAV, b"audio/wav"),
    "pcm": (Encoding.PCM_S16LE, b"audio/pcm"),
}
"""Each with its content type."""


class VoiceId(Struct):
    id: str


class SpeechBody(Struct):
    model: str
    input: Annotated[str, Meta(min_length=1)]
    voice: str | VoiceId | None = None
    """May be left out where the model is a voice."""
    instructions: str | None = None
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, Meta(ge=0.25, le=4.0)] | None = None
    stream_format: Literal["audio", "sse"] = "audio"
    language: str | None = None
    """BCP 47; an extension, for voices that speak several."""
    provider: ProviderChoice | None = None


def read_speech(body: SpeechBody, *, strict: bool) -> SpeakRequest:
    """Raises `Failure` (INVALID_REQUEST) for a text that is too long."""
    if len(body.input) > LONGEST_TEXT:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"input takes up to {LONGEST_TEXT} characters",
            code="string_above_max_length",
            param="input",
        )
    voice = body.voice.id if isinstance(body.voice, VoiceId) else body.voice
    return SpeakRequest(
        model="",
        voice=voice or None,
        text=body.input,
        output=AudioFormat(FORMATS[body.response_format][0], RATE),
        manner=Manner(speed=body.speed, instructions=body.instructions, language=body.language),
        extras={} if body.provider is None else body.provider.options,
        strict=strict,
    )


def sound(events: Iterable[TtsEvent]) -> bytes:
    """Return the sound among events."""
    return b"".join(event.data for event in events if isinstance(event, Sound))


class SpeechEvents:
    """Writes sound as events, and at the end what it cost."""

    def __init__(self, characters: int) -> None:
        self._usage = Usage(characters=characters)

    def render(self, events: Iterable[TtsEvent]) -> bytes:
        said = b""
        for event in events:
            match event:
                case Sound(_, data):
                    said += _event({"type": "speech.audio.delta", "audio": b64encode(data).decode()})
                case Tallied(usage):
                    self._usage = usage
                case _:
                    pass
        return said

    def close(self) -> bytes:
        """Say what it cost: tokens where the provider counts them, else 0 and the characters beside it."""
        usage = self._usage
        taken, made = usage.input_total or 0, usage.output_total or 0
        told: dict[str, Any] = {"input_tokens": taken, "output_tokens": made, "total_tokens": taken + made}
        if usage.characters is not None:
            told["characters"] = usage.characters
        return _event({"type": "speech.audio.done", "usage": told})


def render_voices(provider: str, voices: Iterable[Voice]) -> list[dict[str, Any]]:
    return [{"provider": provider, **msgspec.to_builtins(voice)} for voice in voices]


def _event(said: dict[str, Any]) -> bytes:
    return b"data: " + encode(said) + b"\n\n"
