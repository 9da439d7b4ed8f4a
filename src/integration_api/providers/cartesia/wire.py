"""What we read of Cartesia's answers and messages. Times are seconds."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from integration_api.core.stt import Word


class SpokenWord(Struct):
    word: str = ""
    start: float = 0.0
    end: float = 0.0


class Heard(Struct):
    """Anything that a live ear says, of either kind."""

    type: str = ""
    request_id: str | None = None
    # transcript
    is_final: bool = False
    text: str = ""
    duration: float | None = None
    language: str | None = None
    words: list[SpokenWord] | None = None
    # turn.*
    transcript: str = ""
    # error
    status_code: int | None = None
    error_code: str | None = None
    title: str = ""
    message: str = ""


HEARD = msgspec.json.Decoder(Heard)


class WordTimestamps(Struct):
    words: list[str] = []
    start: list[float] = []
    end: list[float] = []


class Spoken(Struct):
    """Anything that a voice says, on a socket or in a stream."""

    type: str = ""
    context_id: str | None = None
    data: str = ""
    word_timestamps: WordTimestamps | None = None
    # error
    request_id: str | None = None
    status_code: int | None = None
    error_code: str | None = None
    title: str | None = None
    message: str | None = None


SPOKEN = msgspec.json.Decoder(Spoken)


class Recorded(Struct):
    """The answer to a recording."""

    text: str = ""
    duration: float | None = None
    language: str | None = None
    words: list[SpokenWord] | None = None


RECORDED = msgspec.json.Decoder(Recorded)


class Locale(Struct):
    locale: str = ""


class Voice(Struct):
    id: str
    name: str = ""
    description: str | None = None
    language: str | None = None
    locales: list[Locale] = []
    gender: str | None = None
    preview_file_url: str | None = None


class Voices(Struct):
    data: list[Voice] = []
    has_more: bool = False


VOICES = msgspec.json.Decoder(Voices)


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def words(spoken: Sequence[SpokenWord] | None, *, final: bool) -> tuple[Word, ...]:
    return tuple(
        Word(
            text=one.word.strip(),
            start_ms=milliseconds(one.start),
            end_ms=milliseconds(one.end),
            is_final=final,
        )
        for one in spoken or ()
    )
