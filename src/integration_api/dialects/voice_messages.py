"""Our own language of live speech, as protobuf: the same words as `voice_surface`, and by its rules."""

from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.stt import Word
from integration_api.dialects.voice_stt_surface import EndpointingChoice
from integration_api.dialects.voice_surface import FallbackChoice, Format, TargetChoice
from integration_api.proto import voice_pb2 as wire

ENCODINGS = {wire.AudioEncoding.Value(one.name): one for one in Encoding}


def given(message: Any, name: str) -> Any:
    """Return an optional field, or None when it is not set."""
    return getattr(message, name) if message.HasField(name) else None


def read_format(asked: wire.AudioFormat, usual_rate: int) -> Format:
    """An encoding that is not known yet has its number for a name, and is refused by it."""
    encoding = ENCODINGS.get(asked.encoding)
    return Format(
        encoding=str(asked.encoding) if encoding is None else encoding.value,
        sample_rate_hz=asked.sample_rate_hz or usual_rate,
        channels=asked.channels or 1,
    )


def read_target(asked: wire.Target) -> TargetChoice:
    return TargetChoice(
        provider=asked.provider,
        model=asked.model,
        voice_id=asked.voice_id,
        credential_id=asked.credential_id,
        region=asked.region,
        provider_options=read_options(asked.provider_options),
    )


def read_fallback(asked: wire.Fallback) -> FallbackChoice:
    return FallbackChoice(
        targets=[read_target(one) for one in asked.targets],
        connect_timeout_ms=given(asked, "connect_timeout_ms"),
        first_event_timeout_ms=given(asked, "first_event_timeout_ms"),
        hedge_after_ms=given(asked, "hedge_after_ms"),
    )


def read_endpointing(asked: wire.Endpointing) -> EndpointingChoice:
    mode: Any = MODES.get(asked.mode, "provider")
    return EndpointingChoice(
        mode=mode,
        silence_ms=given(asked, "silence_ms"),
        utterance_end_ms=given(asked, "utterance_end_ms"),
        eager_threshold=given(asked, "eager_threshold"),
    )


MODES = {
    wire.Endpointing.PROVIDER: "provider",
    wire.Endpointing.CLIENT: "client",
    wire.Endpointing.OFF: "off",
}


def write_format(format: AudioFormat) -> wire.AudioFormat:
    return wire.AudioFormat(
        encoding=format.encoding.name,
        sample_rate_hz=format.sample_rate,
        channels=format.channels,
    )


def write_words(words: tuple[Word, ...]) -> list[wire.Word]:
    return [
        wire.Word(
            text=one.text,
            start_ms=one.start_ms,
            end_ms=one.end_ms,
            confidence=one.confidence,
            speaker=one.speaker,
            is_final=one.is_final,
        )
        for one in words
    ]


def write_error(error: Failure) -> wire.Error:
    return wire.Error(
        code=error.code,
        message=error.message,
        retryable=error.retryable,
        param=error.param,
        provider_code=error.refusal.code if isinstance(error, ProviderError) else None,
    )


def read_options(asked: Struct) -> dict[str, Any]:
    """Return what is meant for a provider as JSON. Raises `Failure(INVALID_REQUEST)` for what JSON can not say."""
    try:
        told: dict[str, Any] = whole(json_format.MessageToDict(asked))
    except ValueError:
        raise Failure(
            Kind.INVALID_REQUEST,
            "provider_options must be JSON, which has no number for infinity or NaN",
            code="invalid_value",
            param="provider_options",
        ) from None
    return told


def whole(value: Any) -> Any:
    """Return JSON whose whole numbers are integers: a `Struct` knows none, and providers want them."""
    if isinstance(value, dict):
        return {name: whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
