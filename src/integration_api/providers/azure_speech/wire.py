"""What we read of Azure Speech's answers and messages. Times are ticks of 100 ns."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from integration_api.core.stt import Word
from integration_api.providers.azure_speech.usp import TICKS


class SpokenWord(Struct, rename="pascal"):
    word: str = ""
    display_text: str = ""
    offset: int = 0
    duration: int = 0
    confidence: float | None = None


class Reading(Struct, rename="pascal"):
    """One of the readings of a phrase, in its forms."""

    display: str = ""
    lexical: str = ""
    confidence: float | None = None
    words: list[SpokenWord] = []
    display_words: list[SpokenWord] = []


class PrimaryLanguage(Struct, rename="pascal"):
    language: str | None = None


class Context(Struct):
    service_tag: str = msgspec.field(default="", name="serviceTag")


class Phrase(Struct, rename="pascal"):
    """Anything that is told of speech, and of turns."""

    recognition_status: str = ""
    display_text: str = ""
    text: str = ""
    offset: int = 0
    duration: int = 0
    readings: list[Reading] = msgspec.field(default_factory=list, name="NBest")
    primary_language: PrimaryLanguage | None = None
    speaker_id: str | None = None
    context: Context | None = msgspec.field(default=None, name="context")

    @property
    def language(self) -> str | None:
        return None if self.primary_language is None else self.primary_language.language


PHRASE = msgspec.json.Decoder(Phrase)


class RecordedWord(Struct):
    """Times of recordings are milliseconds."""

    text: str = ""
    offset: int = msgspec.field(default=0, name="offsetMilliseconds")
    duration: int = msgspec.field(default=0, name="durationMilliseconds")


class RecordedPhrase(RecordedWord):
    words: list[RecordedWord] = []
    locale: str | None = None
    confidence: float | None = None
    speaker: int | None = None


class Combined(Struct):
    """All that was said in one channel."""

    text: str = ""


class Recorded(Struct):
    """The answer to a recording."""

    duration: int | None = msgspec.field(default=None, name="durationMilliseconds")
    combined: list[Combined] = msgspec.field(default_factory=list, name="combinedPhrases")
    phrases: list[RecordedPhrase] = []


RECORDED = msgspec.json.Decoder(Recorded)


class Said(Struct, rename="pascal"):
    text: str = ""
    boundary_type: str = ""


class Happening(Struct, rename="pascal"):
    offset: int = 0
    duration: int = 0
    text: Said = msgspec.field(default_factory=Said, name="text")


class Event(Struct, rename="pascal"):
    type: str = ""
    data: Happening = msgspec.field(default_factory=Happening)


class Metadata(Struct, rename="pascal"):
    """What is told beside the sound of a voice."""

    metadata: list[Event] = []


SPOKEN = msgspec.json.Decoder(Metadata)


class Voice(Struct, rename="pascal"):
    short_name: str
    display_name: str = ""
    locale: str = ""
    secondary_locale_list: list[str] = []
    gender: str = ""
    voice_type: str = ""
    status: str = ""


VOICES = msgspec.json.Decoder(list[Voice])


def milliseconds(ticks: int) -> int:
    return round(ticks / TICKS)


def words(reading: Reading, base: float, speaker: str | None) -> tuple[Word, ...]:
    """Return the words as they are shown, where they are told so, with times from `base`."""
    spoken: Sequence[SpokenWord] = reading.display_words or reading.words
    return tuple(
        Word(
            text=one.display_text or one.word,
            start_ms=round(base + one.offset / TICKS),
            end_ms=round(base + (one.offset + one.duration) / TICKS),
            confidence=one.confidence,
            speaker=speaker,
        )
        for one in spoken
    )
