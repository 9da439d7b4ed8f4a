"""What we read of Sarvam's answers and messages. Times are seconds."""

import msgspec
from msgspec import Struct


class Chunks(Struct):
    """Sentences or phrases, whatever its field is called, with their times."""

    words: list[str] = []
    start_time_seconds: list[float] = []
    end_time_seconds: list[float] = []


class Recorded(Struct):
    """The answer to a recording."""

    transcript: str = ""
    timestamps: Chunks | None = None
    language_code: str | None = None
    language_probability: float | None = None


RECORDED = msgspec.json.Decoder(Recorded)


class Data(Struct):
    """What a message of the older sockets is about."""

    # a transcript
    transcript: str | None = None
    language_code: str | None = None
    language_probability: float | None = None
    # somebody speaks, or the sound of a flush is complete
    signal_type: str | None = None
    event_type: str | None = None
    # sound
    audio: bytes | None = None
    # what went wrong
    error: str | None = None
    message: str | None = None
    code: str | int | None = None
    request_id: str | None = None


class Message(Struct):
    type: str = ""
    data: Data = msgspec.field(default_factory=Data)


MESSAGE = msgspec.json.Decoder(Message)


class Event(Struct):
    """Anything that the realtime socket says."""

    event: str = ""
    request_id: str = ""
    text: str = ""
    language: str | None = None
    language_confidence: float | None = None
    start_s: float | None = None
    end_s: float | None = None
    audio_duration_s: float | None = None
    code: str = ""
    message: str = ""
    is_fatal: bool = True
    status_code: int | None = None


EVENT = msgspec.json.Decoder(Event)


class Spoken(Struct):
    """A text that was spoken whole."""

    audios: list[bytes] = []


SPOKEN = msgspec.json.Decoder(Spoken)


def milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
