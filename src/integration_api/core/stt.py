"""Speech in, text out: live and whole.

A final text will not change; an utterance's end says that the speaker's turn is over. They are
different things, and a provider may tell only one of them. All times are whole milliseconds from
the start of the session, or of the recording. What a provider does not tell is None.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from integration_api.core.audio import AudioFormat
from integration_api.core.llm import Notice, Usage
from integration_api.core.session import Outcome, Session, Warned


class Word(Struct, frozen=True, kw_only=True, omit_defaults=True):
    text: str
    start_ms: int | None = None
    end_ms: int | None = None
    confidence: float | None = None
    speaker: str | None = None
    is_final: bool = True


class Endpointing(Struct, frozen=True, kw_only=True):
    """Who says that a turn is over, and after how much silence."""

    mode: Literal["provider", "client", "off"] = "provider"
    silence_ms: int | None = None
    utterance_end_ms: int | None = None
    eager_threshold: float | None = None
    """Confidence, 0 to 1, at which the end of a turn is guessed early."""

    @property
    def longest_silence_ms(self) -> int | None:
        """After how much silence a turn is over at the latest; None where nobody said so, or the caller ends turns."""
        if self.mode != "provider":
            return None
        return self.utterance_end_ms if self.silence_ms is None else self.silence_ms


class ListenRequest(Struct, frozen=True, kw_only=True):
    """What a live session is asked for. `input` is what the caller sends."""

    model: str
    input: AudioFormat = AudioFormat()
    languages: tuple[str, ...] = ()
    """BCP 47; empty leaves it to the provider."""
    detect_language: bool = False
    interim_results: bool = True
    word_timestamps: bool = False
    diarize: bool = False
    punctuate: bool = True
    profanity_filter: bool = False
    keyterms: tuple[str, ...] = ()
    endpointing: Endpointing = Endpointing()
    want_raw_events: bool = False
    extras: Mapping[str, Any] = {}
    """The provider's own options, by its own names."""


class Update(Struct, frozen=True, kw_only=True):
    """What changes in the middle of a session; None stays as it is."""

    keyterms: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None
    endpointing: Endpointing | None = None

    def applied_to(self, ask: ListenRequest) -> ListenRequest:
        """Return what a session is asked for from now on."""
        return replace(
            ask,
            keyterms=ask.keyterms if self.keyterms is None else self.keyterms,
            languages=ask.languages if self.languages is None else self.languages,
            endpointing=ask.endpointing if self.endpointing is None else self.endpointing,
        )


class TranscribeRequest(Struct, frozen=True, kw_only=True):
    """A recording to be written down. `audio` is a file, or raw sound as `format` says."""

    model: str
    audio: bytes
    filename: str = "audio.wav"
    mime: str = "application/octet-stream"
    format: AudioFormat | None = None
    """Of raw sound; None where the file says it itself."""
    languages: tuple[str, ...] = ()
    detect_language: bool = False
    prompt: str = ""
    temperature: float | None = None
    word_timestamps: bool = False
    segment_timestamps: bool = False
    diarize: bool = False
    punctuate: bool = True
    profanity_filter: bool = False
    keyterms: tuple[str, ...] = ()
    translate: bool = False
    """Into English."""
    extras: Mapping[str, Any] = {}
    strict: bool = False


class Segment(Struct, frozen=True, kw_only=True):
    text: str
    start_ms: int
    end_ms: int
    speaker: str | None = None
    confidence: float | None = None


class Transcript(Struct, frozen=True, kw_only=True):
    model: str
    text: str
    language: str | None = None
    duration_ms: int | None = None
    confidence: float | None = None
    words: tuple[Word, ...] = ()
    segments: tuple[Segment, ...] = ()
    usage: Usage = Usage()
    warnings: tuple[Notice, ...] = ()


# --- events of a live session ----------------------------------------------------------------


class ListenCapabilities(Struct, frozen=True, kw_only=True):
    """What a session can tell, so that nobody waits for what never comes."""

    interim: bool = True
    words: bool = True
    confidence: bool = True
    language_id: bool = False
    vad: bool = False
    """Tells itself when speech starts; elsewhere it is inferred from the first text."""
    turns: bool = False
    """Tells itself when a turn is over."""
    eager_eot: bool = False
    live_update: bool = False
    finalize_ack: bool = False


class SpeechStarted(Struct, frozen=True, tag="speech_started", omit_defaults=True):
    audio_time_ms: int | None = None
    inferred: bool = False


class Interim(Struct, frozen=True, kw_only=True, tag="interim", omit_defaults=True):
    """Replaces the interim of the same segment."""

    segment_id: str
    text: str
    stability: float | None = None
    words: tuple[Word, ...] = ()
    language: str | None = None


class Final(Struct, frozen=True, kw_only=True, tag="final", omit_defaults=True):
    """The text of a segment, which will not change."""

    segment_id: str
    text: str
    confidence: float | None = None
    words: tuple[Word, ...] = ()
    language: str | None = None
    language_confidence: float | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    from_finalize: bool = False


class EagerEnd(Struct, frozen=True, tag="eager_end_of_utterance", omit_defaults=True):
    """The turn is probably over: what follows is its end, or `Resumed`."""

    utterance_id: str
    text: str
    confidence: float | None = None


class Resumed(Struct, frozen=True, tag="utterance_resumed", omit_defaults=True):
    utterance_id: str


class EndReason(StrEnum):
    PROVIDER = "provider"
    SILENCE = "silence"
    FINALIZE = "finalize"
    STREAM_END = "stream_end"


class UtteranceEnd(Struct, frozen=True, kw_only=True, tag="utterance_end", omit_defaults=True):
    """The turn is over; `text` is all of it. One for each turn in which anything was said."""

    utterance_id: str
    text: str
    reason: EndReason
    end_of_turn_confidence: float | None = None


class Revision(Struct, frozen=True, kw_only=True, tag="revision", omit_defaults=True):
    """What was told of an utterance was wrong: its words as they are now."""

    utterance_id: str
    text: str | None = None
    words: tuple[Word, ...] = ()


class Heard(Struct, frozen=True, kw_only=True, tag="usage", omit_defaults=True):
    """What has been listened to so far: replaces the one before."""

    audio_ms: int
    billed_ms: int | None = None
    unit: str = "audio"


class Raw(Struct, frozen=True, tag="raw", omit_defaults=True):
    """The provider's own message, where the caller asked for it."""

    data: str


SttEvent: TypeAlias = (
    SpeechStarted | Interim | Final | EagerEnd | Resumed | UtteranceEnd | Revision | Heard | Warned | Raw
)


class Listening(Session[SttEvent], Protocol):
    """A live session that is given sound."""

    @property
    def capabilities(self) -> ListenCapabilities: ...

    def audio(self, sound: bytes) -> "Outcome[SttEvent]":
        """Send sound, in the format that the session takes: see `Stt.takes`."""
        ...

    def finalize(self) -> "Outcome[SttEvent]":
        """Ask for the final text of what has been said so far."""
        ...

    def update(self, update: Update) -> "Outcome[SttEvent]":
        """Change what can be changed; what can not is a `Warned`."""
        ...


Takes: TypeAlias = Callable[[AudioFormat, str], AudioFormat]
"""The format to send for what the caller sends and a model: the same where the provider takes it as it is."""
