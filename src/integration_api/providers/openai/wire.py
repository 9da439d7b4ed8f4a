"""What we read of a live transcript's events. https://platform.openai.com/docs/api-reference/realtime-server-events"""

import msgspec
from msgspec import Struct


class TurnDetection(Struct):
    type: str = ""
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None


class Input(Struct):
    turn_detection: TurnDetection | None = None


class Audio(Struct):
    input: Input | None = None


class Session(Struct, frozen=True):
    """What holds of a session: as it began, or after a change."""

    id: str = ""
    audio: Audio | None = None

    @property
    def turn_detection(self) -> TurnDetection | None:
        return self.audio.input.turn_detection if self.audio and self.audio.input else None


class Problem(Struct):
    message: str = ""
    type: str | None = None
    code: str | None = None
    event_id: str | None = None
    """The event of ours that it is about."""


class Token(Struct):
    logprob: float


class Language(Struct):
    code: str = ""


class Cost(Struct):
    seconds: float | None = None
    """Of models that are paid by time; others are paid by tokens."""


class Event(Struct):
    type: str = ""
    item_id: str = ""
    session: Session = Session()
    # input_audio_buffer.speech_started, .speech_stopped, .committed
    audio_start_ms: int = 0
    audio_end_ms: int = 0
    previous_item_id: str | None = None
    # conversation.item.input_audio_transcription.delta, .completed, .failed
    delta: str | None = None
    transcript: str = ""
    logprobs: list[Token] | None = None
    languages: list[Language] | None = None
    usage: Cost | None = None
    # error
    error: Problem | str | None = None

    @property
    def problem(self) -> Problem:
        return self.error if isinstance(self.error, Problem) else Problem(message=self.error or "")


EVENT = msgspec.json.Decoder(Event, strict=False)
