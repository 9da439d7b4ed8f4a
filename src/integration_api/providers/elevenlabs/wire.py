"""What we read of ElevenLabs' answers and messages."""

import msgspec
from msgspec import Struct, field


class Alignment(Struct):
    """When each character is heard: on a socket in milliseconds of the message's own sound."""

    chars: list[str] = []
    starts: list[float] = field(name="charStartTimesMs", default_factory=list)
    durations: list[float] = field(name="charDurationsMs", default_factory=list)


class Message(Struct):
    """Anything a live service says. Names are written in either way."""

    audio: bytes | None = None
    alignment: Alignment | None = None
    normalized: Alignment | None = field(name="normalizedAlignment", default=None)
    final: bool | None = field(name="isFinal", default=None)
    is_final: bool | None = None
    context: str | None = field(name="contextId", default=None)
    context_id: str | None = None
    error: str | None = None
    message: str | None = None
    code: int | str | None = None

    @property
    def last(self) -> bool:
        """Whether nothing more comes of its context."""
        return bool(self.final or self.is_final)

    @property
    def of(self) -> str | None:
        """Whose it is."""
        return self.context or self.context_id


MESSAGE = msgspec.json.Decoder(Message)


class Characters(Struct):
    """When each character is heard: over HTTP in seconds of the line's own sound."""

    characters: list[str] = []
    starts: list[float] = field(name="character_start_times_seconds", default_factory=list)
    ends: list[float] = field(name="character_end_times_seconds", default_factory=list)


class Line(Struct):
    """One line of a stream with timestamps, or a whole answer with them."""

    audio: bytes | None = field(name="audio_base64", default=None)
    alignment: Characters | None = None
    normalized: Characters | None = field(name="normalized_alignment", default=None)


LINE = msgspec.json.Decoder(Line)


class Language(Struct):
    language: str = ""
    locale: str | None = None


class Voice(Struct):
    voice_id: str
    name: str | None = None
    labels: dict[str, str | None] | None = None
    description: str | None = None
    preview_url: str | None = None
    verified_languages: list[Language] | None = None


class Voices(Struct):
    voices: list[Voice] = []
    has_more: bool = False
    next_page_token: str | None = None


VOICES = msgspec.json.Decoder(Voices)
