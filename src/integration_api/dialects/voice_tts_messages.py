"""What a caller says to a live voice, as protobuf, and the voices there are."""

from typing import Any

from integration_api.core.tts import Voice
from integration_api.dialects import voice_tts_surface as surface
from integration_api.dialects.voice_messages import given, read_fallback, read_format, read_target
from integration_api.proto import voice_pb2 as wire

USUAL_RATE = 24_000
USUAL_FRAME_MS = 20
WHOLE = "0"
"""The name of an utterance that was given none."""
GRANULARITIES = {wire.NONE: "none", wire.WORD: "word", wire.CHAR: "char"}
BUFFERING = {
    wire.TtsClient.Start.PROVIDER: "provider",
    wire.TtsClient.Start.SENTENCE: "sentence",
    wire.TtsClient.Start.IMMEDIATE: "none",
}


def read_start(asked: wire.TtsClient.Start) -> surface.Start:
    manner = asked.manner
    timestamps: Any = GRANULARITIES.get(asked.timestamps, "none")
    buffering: Any = BUFFERING.get(asked.text_buffering, "provider")
    return surface.Start(
        target=read_target(asked.target),
        fallback=read_fallback(asked.fallback) if asked.HasField("fallback") else None,
        output=read_format(asked.output, USUAL_RATE),
        chunk_ms=asked.chunk_ms or USUAL_FRAME_MS,
        language=given(manner, "language"),
        speed=given(manner, "speed"),
        pitch=given(manner, "pitch"),
        volume=given(manner, "volume"),
        emotion=given(manner, "emotion"),
        instructions=given(manner, "instructions"),
        ssml_allowed=asked.ssml_allowed,
        timestamps=timestamps,
        text_buffering=buffering,
        metadata=dict(asked.metadata),
    )


def read_id(id: str) -> str:
    """Raises `Failure` (INVALID_REQUEST)."""
    return surface.check_id(id or WHOLE)


def read_text(asked: wire.TtsClient.Text) -> tuple[str, bool]:
    """Return the text, and whether it is SSML. Raises `Failure` (INVALID_REQUEST)."""
    return surface.check_text(surface.Text(text=asked.text, ssml=asked.ssml))


def read_whole(asked: wire.SynthesizeRequest) -> tuple[str, bool]:
    """Return the one text, and whether it is SSML. Raises `Failure` (INVALID_REQUEST)."""
    return surface.check_text(surface.Text(text=asked.text, ssml=asked.ssml))


def write_voices(voices: tuple[Voice, ...]) -> wire.ListVoicesResponse:
    return wire.ListVoicesResponse(
        voices=[
            wire.Voice(
                id=one.id,
                name=one.name,
                languages=one.languages,
                gender=one.gender,
                description=one.description,
                preview_url=one.preview_url,
                models=one.models,
            )
            for one in voices
        ]
    )
