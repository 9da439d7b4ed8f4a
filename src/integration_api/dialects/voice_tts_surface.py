"""What a caller says to a live voice, as JSON messages."""

from typing import Literal

from msgspec import Struct

from integration_api.core.errors import Failure, Kind
from integration_api.core.tts import Manner, SpeakRequest, SynthesisRequest
from integration_api.dialects.voice_surface import FallbackChoice, Format, TargetChoice, check_range

LONGEST_TEXT = 100_000
"""Characters of one message."""
LONGEST_ID = 128
FRAME_MS = (10, 100)
FASTEST = 10
PITCH = (-24, 24)
VOLUME = (-96, 24)
"""Of all providers; each has its own range."""
LATEST_MS = 2**32 - 1
"""What a caller of gRPC can say."""


class Start(Struct, tag="start", frozen=True, forbid_unknown_fields=True):
    """The first message. `chunk_ms` is the length of every frame of sound."""

    target: TargetChoice
    fallback: FallbackChoice | None = None
    output: Format = Format(sample_rate_hz=24_000)
    chunk_ms: int = 20
    language: str | None = None
    speed: float | None = None
    pitch: float | None = None
    volume: float | None = None
    emotion: str | None = None
    instructions: str | None = None
    ssml_allowed: bool = False
    timestamps: Literal["none", "word", "char", "NONE", "WORD", "CHAR"] = "none"
    text_buffering: Literal["provider", "sentence", "none", "PROVIDER", "SENTENCE", "NONE"] = "provider"
    audio_events: bool = False
    """Whether frames come as `audio` events with base64, and not as binary messages."""
    metadata: dict[str, str] = {}
    """Goes into the audit record."""

    def read(self) -> SynthesisRequest:
        """Raises `Failure` (INVALID_REQUEST) naming the field."""
        check_range("chunk_ms", self.chunk_ms, FRAME_MS)
        check_speed(self.speed)
        check_range("pitch", self.pitch, PITCH)
        check_range("volume", self.volume, VOLUME)
        output = self.output.read("output")
        if not output.raw or output.channels != 1:
            raise _wrong("output.encoding", "must be pcm_s16le, mulaw or alaw, of one channel")
        if output.sample_rate * self.chunk_ms % 1000:
            raise _wrong("chunk_ms", "must hold a whole number of samples")
        return SynthesisRequest(
            model="",
            voice=self.target.voice_id or None,
            output=output,
            manner=Manner(
                language=self.language,
                speed=self.speed,
                pitch=self.pitch,
                volume=self.volume,
                emotion=self.emotion,
                instructions=self.instructions,
            ),
            timestamps=self.timestamps.lower(),  # type: ignore[arg-type]
            text_buffering=self.text_buffering.lower(),  # type: ignore[arg-type]
            ssml_allowed=self.ssml_allowed,
            extras=self.target.provider_options,
        )

    def read_whole(self, text: str, *, ssml: bool) -> SpeakRequest:
        """Return the same asked of a whole text. Raises `Failure` (INVALID_REQUEST) naming the field."""
        asked = self.read()
        return SpeakRequest(
            model="",
            voice=asked.voice,
            text=text,
            ssml=ssml,
            output=asked.output,
            manner=asked.manner,
            timestamps=asked.timestamps,
            extras=asked.extras,
        )


class Text(Struct, tag="text", frozen=True, forbid_unknown_fields=True):
    """More of an utterance; `final` when it has all its text."""

    utterance_id: str = "0"
    text: str = ""
    ssml: str = ""
    final: bool = False


class Flush(Struct, tag="flush", frozen=True, forbid_unknown_fields=True):
    utterance_id: str = "0"


class Mark(Struct, tag="mark", frozen=True, forbid_unknown_fields=True):
    name: str
    utterance_id: str = "0"
    char_offset: int | None = None


class Cancel(Struct, tag="cancel", frozen=True, forbid_unknown_fields=True):
    utterance_id: str = "0"
    played_ms: int | None = None


class Change(Struct, tag="update", frozen=True, forbid_unknown_fields=True):
    voice: str | None = None
    speed: float | None = None


class End(Struct, tag="end", frozen=True, forbid_unknown_fields=True):
    pass


Message = Text | Flush | Mark | Cancel | Change | End


def check_id(id: str) -> str:
    if not 0 < len(id) <= LONGEST_ID:
        raise _wrong("utterance_id", f"must be 1 to {LONGEST_ID} characters")
    return id


def check_mark(name: str, char_offset: int | None) -> None:
    if not 0 < len(name) <= LONGEST_ID:
        raise _wrong("name", f"must be 1 to {LONGEST_ID} characters")
    if char_offset is not None and char_offset < 0:
        raise _wrong("char_offset", "must not be negative")


def check_played(played_ms: int | None) -> int | None:
    check_range("played_ms", played_ms, (0, LATEST_MS))
    return played_ms


def check_speed(speed: float | None) -> float | None:
    if speed is not None and not 0 < speed <= FASTEST:
        raise _wrong("speed", f"must be above 0 and at most {FASTEST}")
    return speed


def check_text(message: Text) -> tuple[str, bool]:
    """Return the text, and whether it is SSML."""
    if message.text and message.ssml:
        raise _wrong("ssml", "and text do not go together")
    text = message.text or message.ssml
    if len(text) > LONGEST_TEXT:
        raise _wrong("text", f"takes up to {LONGEST_TEXT} characters a message")
    return text, bool(message.ssml)


def _wrong(param: str, what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"{param} {what}", code="invalid_value", param=param)
