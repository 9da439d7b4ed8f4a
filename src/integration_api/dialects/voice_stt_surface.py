"""What a caller says in a live transcript, as JSON messages."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from integration_api.core.errors import Failure, Kind
from integration_api.core.stt import Endpointing, ListenRequest, Update
from integration_api.dialects.voice_surface import FallbackChoice, Format, TargetChoice, check_range

MOST_TERMS = 1_000
LONGEST_TERM = 200
SILENCE_MS = (1, 60_000)
"""Of all providers; each has its own range."""
THRESHOLD = (0, 1)


class EndpointingChoice(Struct, frozen=True, forbid_unknown_fields=True):
    mode: Literal["provider", "client", "off", "PROVIDER", "CLIENT", "OFF"] = "provider"
    silence_ms: int | None = None
    utterance_end_ms: int | None = None
    eager_threshold: float | None = None

    def read(self) -> Endpointing:
        """Raises `Failure` (INVALID_REQUEST) naming the field."""
        check_range("endpointing.silence_ms", self.silence_ms, SILENCE_MS)
        check_range("endpointing.utterance_end_ms", self.utterance_end_ms, SILENCE_MS)
        check_range("endpointing.eager_threshold", self.eager_threshold, THRESHOLD)
        mode: Any = self.mode.lower()
        return Endpointing(
            mode=mode,
            silence_ms=self.silence_ms,
            utterance_end_ms=self.utterance_end_ms,
            eager_threshold=self.eager_threshold,
        )


class Start(Struct, tag="start", frozen=True, forbid_unknown_fields=True):
    """The first message."""

    target: TargetChoice
    fallback: FallbackChoice | None = None
    input: Format = Format()
    languages: list[str] = []
    detect_language: bool = False
    interim_results: bool = True
    word_timestamps: bool = False
    diarize: bool = False
    punctuate: bool = True
    profanity_filter: bool = False
    keyterms: list[str] = []
    endpointing: EndpointingChoice = EndpointingChoice()
    want_raw_events: bool = False
    metadata: dict[str, str] = {}
    """Goes into the audit record."""

    def read(self) -> ListenRequest:
        """Raises `Failure` (INVALID_REQUEST) naming the field."""
        return ListenRequest(
            model="",
            input=self.input.read("input"),
            languages=tuple(self.languages),
            detect_language=self.detect_language,
            interim_results=self.interim_results,
            word_timestamps=self.word_timestamps,
            diarize=self.diarize,
            punctuate=self.punctuate,
            profanity_filter=self.profanity_filter,
            keyterms=checked_terms(self.keyterms),
            endpointing=self.endpointing.read(),
            want_raw_events=self.want_raw_events,
            extras=self.target.provider_options,
        )


class Finalize(Struct, tag="finalize", frozen=True, forbid_unknown_fields=True):
    pass


class Change(Struct, tag="update", frozen=True, forbid_unknown_fields=True):
    keyterms: list[str] | None = None
    languages: list[str] | None = None
    endpointing: EndpointingChoice | None = None

    def read(self) -> Update:
        return Update(
            keyterms=None if self.keyterms is None else checked_terms(self.keyterms),
            languages=None if self.languages is None else tuple(self.languages),
            endpointing=None if self.endpointing is None else self.endpointing.read(),
        )


class KeepAlive(Struct, tag="keepalive", frozen=True, forbid_unknown_fields=True):
    pass


class End(Struct, tag="end", frozen=True, forbid_unknown_fields=True):
    pass


Message = Finalize | Change | KeepAlive | End


def checked_terms(terms: Sequence[str]) -> tuple[str, ...]:
    if len(terms) > MOST_TERMS or any(not 0 < len(term) <= LONGEST_TERM for term in terms):
        raise _wrong("keyterms", f"takes up to {MOST_TERMS} terms of 1 to {LONGEST_TERM} characters")
    return tuple(terms)


def _wrong(param: str, what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"{param} {what}", code="invalid_value", param=param)
