"""What we read of Deepgram's answers and messages. Times are seconds."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from integration_api.core.stt import Word


class SpokenWord(Struct):
    word: str = ""
    punctuated_word: str | None = None
    start: float = 0.0
    end: float = 0.0
    confidence: float | None = None
    speaker: int | None = None
    language: str | None = None


class Alternative(Struct):
    transcript: str = ""
    confidence: float | None = None
    words: list[SpokenWord] = []
    languages: list[str] = []


class Channel(Struct):
    alternatives: list[Alternative] = []
    detected_language: str | None = None
    language_confidence: float | None = None


class Metadata(Struct):
    request_id: str = ""
    duration: float | None = None


class Message(Struct):
    """Anything a live service says in text. `channel` is a result's, or the numbers of one."""

    type: str = ""
    # Results
    channel: Channel | list[int] | None = None
    start: float = 0.0
    duration: float = 0.0
    is_final: bool = False
    speech_final: bool = False
    from_finalize: bool = False
    # SpeechStarted, UtteranceEnd
    timestamp: float | None = None
    last_word_end: float | None = None
    # Metadata, Connected
    request_id: str = ""
    # TurnInfo
    event: str = ""
    turn_index: int = 0
    transcript: str = ""
    words: list[SpokenWord] = []
    audio_window_start: float | None = None
    audio_window_end: float | None = None
    end_of_turn_confidence: float | None = None
    languages: list[str] = []
    # Error, Warning, ConfigureFailure
    code: str | None = None
    description: str | None = None
    message: str | None = None
    variant: str | None = None
    # speech that is made
    speech_id: str | None = None
    audio_played_ms: int | None = None
    text_spoken: str | None = None
    text_remaining: str | None = None
    input_character_count: int | None = None
    billable_character_count: int | None = None


MESSAGE = msgspec.json.Decoder(Message)


class Utterance(Struct):
    start: float = 0.0
    end: float = 0.0
    transcript: str = ""
    confidence: float | None = None
    speaker: int | None = None


class Results(Struct):
    channels: list[Channel] = []
    utterances: list[Utterance] = []


class Recorded(Struct):
    """The answer to a recording."""

    results: Results = msgspec.field(default_factory=Results)
    metadata: Metadata = msgspec.field(default_factory=Metadata)


RECORDED = msgspec.json.Decoder(Recorded)


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def words(spoken: Sequence[SpokenWord], *, final: bool) -> tuple[Word, ...]:
    return tuple(
        Word(
            text=one.punctuated_word or one.word,
            start_ms=milliseconds(one.start),
            end_ms=milliseconds(one.end),
            confidence=one.confidence,
            speaker=None if one.speaker is None else str(one.speaker),
            is_final=final,
        )
        for one in spoken
    )


class AboutVoice(Struct):
    display_name: str | None = None
    accent: str | None = None
    age: str | None = None
    sample: str | None = None
    tags: list[str] | None = None


class VoiceModel(Struct):
    name: str = ""
    canonical_name: str = ""
    languages: list[str] = []
    metadata: AboutVoice | None = None


class Models(Struct):
    tts: list[VoiceModel] = []


MODELS = msgspec.json.Decoder(Models)
