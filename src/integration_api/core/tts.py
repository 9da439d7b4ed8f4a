"""Text in, speech out: live and whole.

Text is spoken as utterances, which the caller names. Sound comes out gap-free and in order; what
was cancelled falls silent at once. Times are whole milliseconds from an utterance's own start.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.llm import Usage
from integration_api.core.session import Outcome, Session, Warned


class Voice(Struct, frozen=True, kw_only=True):
    """A voice a provider offers."""

    id: str
    name: str
    languages: tuple[str, ...] = ()
    gender: str | None = None
    description: str | None = None
    preview_url: str | None = None
    models: tuple[str, ...] = ()
    """Which models can speak with it; empty for all of them."""


class Manner(Struct, frozen=True, kw_only=True):
    """How something is to be said; None leaves it to the voice."""

    language: str | None = None
    speed: float | None = None
    """1.0 is the voice's own."""
    pitch: float | None = None
    """Semitones."""
    volume: float | None = None
    """Decibels."""
    emotion: str | None = None
    instructions: str | None = None


class SpeakRequest(Struct, frozen=True, kw_only=True):
    """One text to be spoken, all of it known."""

    model: str
    voice: str | None
    text: str
    ssml: bool = False
    """Whether `text` is SSML."""
    output: AudioFormat = AudioFormat(Encoding.PCM_S16LE, 24_000)
    manner: Manner = Manner()
    timestamps: Literal["none", "word", "char"] = "none"
    extras: Mapping[str, Any] = {}
    strict: bool = False


class SynthesisRequest(Struct, frozen=True, kw_only=True):
    """What a live session is asked for. `output` is what the session is to deliver: see `Tts.gives`."""

    model: str
    voice: str | None
    output: AudioFormat = AudioFormat(Encoding.PCM_S16LE, 24_000)
    manner: Manner = Manner()
    timestamps: Literal["none", "word", "char"] = "none"
    text_buffering: Literal["provider", "sentence", "none"] = "provider"
    """Who waits for enough text to speak: the provider, this service a sentence at a time, or nobody."""
    ssml_allowed: bool = False
    extras: Mapping[str, Any] = {}


class SynthesisCapabilities(Struct, frozen=True, kw_only=True):
    cancel_native: bool = False
    """Whether the provider itself can be told to stop; elsewhere the socket is closed."""
    tells_spoken: bool = False
    """Whether it then tells what was spoken: `Interrupted`."""
    word_timestamps: bool = False
    char_timestamps: bool = False
    ssml: bool = False
    multi_context: bool = False
    """Whether utterances may overlap on one socket."""
    live_update: bool = False


# --- events ----------------------------------------------------------------------------------


class Sound(Struct, frozen=True, tag="sound", omit_defaults=True):
    """Some of an utterance, in the order it is to be heard; any number of bytes."""

    utterance_id: str
    data: bytes


class Mark(Struct, frozen=True, kw_only=True):
    """When a word or character is heard; characters count in the utterance's text."""

    text: str
    start_ms: int
    end_ms: int
    char_start: int | None = None
    char_end: int | None = None


class Timestamps(Struct, frozen=True, kw_only=True, tag="timestamps", omit_defaults=True):
    utterance_id: str
    granularity: Literal["word", "char"]
    items: tuple[Mark, ...]
    estimated: bool = False


class Flushed(Struct, frozen=True, tag="flushed", omit_defaults=True):
    """What was asked to be flushed has been spoken."""

    utterance_id: str


class Spoken(Struct, frozen=True, kw_only=True, tag="spoken", omit_defaults=True):
    """All of an utterance has come."""

    utterance_id: str
    characters: int | None = None
    billed: float | None = None


class Interrupted(Struct, frozen=True, kw_only=True, tag="interrupted", omit_defaults=True):
    """The provider's own word on what was said of an utterance that was cancelled."""

    utterance_id: str
    text_spoken: str | None
    """None where it knows no better than whoever counts what was played."""
    text_remaining: str = ""


class Tallied(Struct, frozen=True, tag="usage", omit_defaults=True):
    """What all of it costs: tells it at the end, once."""

    usage: Usage


TtsEvent: TypeAlias = Sound | Timestamps | Flushed | Spoken | Interrupted | Tallied | Warned


class Speaking(Session[TtsEvent], Protocol):
    """A live session that is given text."""

    @property
    def capabilities(self) -> SynthesisCapabilities: ...

    def text(self, utterance_id: str, text: str, *, ssml: bool = False) -> "Outcome[TtsEvent]":
        """Speak more of an utterance, which begins with its first text."""
        ...

    def end_utterance(self, utterance_id: str) -> "Outcome[TtsEvent]":
        """Say that the utterance has all its text: what is left of it is to be spoken now."""
        ...

    def flush(self, utterance_id: str) -> "Outcome[TtsEvent]":
        """Speak what waits for more text."""
        ...

    def cancel(self, utterance_id: str, played_ms: int | None) -> "Outcome[TtsEvent]":
        """Stop speaking an utterance; its late sound is dropped by whoever drives the session."""
        ...

    def update(self, voice: str | None, speed: float | None) -> "Outcome[TtsEvent]":
        """Change what can be changed; what can not is a `Warned`."""
        ...


Gives: TypeAlias = Callable[[AudioFormat, str], AudioFormat]
"""The format to ask for where a caller wants this one of a model: the same where the provider makes it itself."""
