"""What we read of AssemblyAI's answers and messages. Times are milliseconds, durations seconds."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from integration_api.core.stt import Word


class SpokenWord(Struct):
    text: str = ""
    start: int | None = None
    end: int | None = None
    confidence: float | None = None
    word_is_final: bool = True
    speaker: str | None = None


class Revised(Struct):
    turn_order: int = 0
    speaker_label: str | None = None
    words: list[SpokenWord] = []


class Message(Struct):
    """Anything that the live service says."""

    type: str = ""
    # Begin
    id: str = ""
    # SpeechStarted
    timestamp: int | None = None
    # Turn
    turn_order: int = 0
    turn_is_formatted: bool = False
    end_of_turn: bool = False
    transcript: str = ""
    end_of_turn_confidence: float | None = None
    words: list[SpokenWord] = []
    language_code: str | None = None
    language_confidence: float | None = None
    speaker_label: str | None = None
    # SpeakerRevision
    revisions: list[Revised] = []
    # Warning, Error
    warning_code: int | None = None
    warning: str = ""
    error_code: int | None = None
    error: str = ""
    # Termination
    audio_duration_seconds: float | None = None
    session_duration_seconds: float | None = None


MESSAGE = msgspec.json.Decoder(Message)


class Uploaded(Struct):
    upload_url: str


UPLOADED = msgspec.json.Decoder(Uploaded)


class Utterance(Struct):
    text: str = ""
    start: int = 0
    end: int = 0
    confidence: float | None = None
    speaker: str | None = None


class Job(Struct):
    """A transcript that was asked for, as far as it has come."""

    id: str = ""
    status: str = ""
    error: str | None = None
    text: str | None = None
    words: list[SpokenWord] | None = None
    utterances: list[Utterance] | None = None
    language_code: str | None = None
    confidence: float | None = None
    audio_duration: float | None = None


JOB = msgspec.json.Decoder(Job)


class Short(Struct):
    """The answer to a short recording."""

    text: str = ""
    words: list[SpokenWord] = []
    confidence: float | None = None
    audio_duration_ms: int | None = None
    session_id: str = ""


SHORT = msgspec.json.Decoder(Short)


def words(spoken: Sequence[SpokenWord] | None, *, speaker: str | None = None) -> tuple[Word, ...]:
    return tuple(
        Word(
            text=one.text,
            start_ms=one.start,
            end_ms=one.end,
            confidence=one.confidence,
            speaker=one.speaker or speaker,
            is_final=one.word_is_final,
        )
        for one in spoken or ()
    )
