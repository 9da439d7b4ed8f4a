"""OpenAI's realtime transcription: what a caller says, and the events it is told.

https://platform.openai.com/docs/guides/realtime-transcription
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind
from integration_api.core.stt import (
    Endpointing,
    EndReason,
    Final,
    Interim,
    ListenRequest,
    SpeechStarted,
    SttEvent,
    UtteranceEnd,
)
from integration_api.dialects.openai_surface_errors import error_object
from integration_api.dialects.voice_stt_surface import SILENCE_MS as SILENCE_SPAN_MS
from integration_api.dialects.voice_stt_surface import checked_terms
from integration_api.dialects.voice_surface import check_range, read

PCM = AudioFormat(Encoding.PCM_S16LE, 24_000)
FORMATS = {
    "audio/pcm": PCM,
    "audio/pcmu": AudioFormat(Encoding.MULAW, 8_000),
    "audio/pcma": AudioFormat(Encoding.ALAW, 8_000),
    "pcm16": PCM,
    "g711_ulaw": AudioFormat(Encoding.MULAW, 8_000),
    "g711_alaw": AudioFormat(Encoding.ALAW, 8_000),
}
"""By their names, and by those of the protocol's first version."""
EVENTS = "session.update, input_audio_buffer.append, input_audio_buffer.commit and input_audio_buffer.clear"


class Format(Struct):
    type: str | None = None
    rate: int | None = None


class Transcription(Struct):
    model: str | None = None
    language: str | None = None
    languages: list[str] | None = None
    keywords: list[str] | None = None
    prompt: str | None = None


SILENCE_MS = 500
"""What ends a turn where nobody said how much: https://platform.openai.com/docs/guides/realtime-vad"""
SILENCE_PARAM = "session.audio.input.turn_detection.silence_duration_ms"
PATIENCE_MS = {"low": 8_000, "medium": 4_000, "auto": 4_000, "high": 2_000}
"""The silence after which a turn has ended that is judged by its meaning, by eagerness; from the same page."""


class TurnDetection(Struct, frozen=True):
    type: str = "server_vad"
    silence_duration_ms: int | None = None
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    eagerness: str | None = None

    def endpointing(self) -> Endpointing:
        """Return when a turn is over: OpenAI tells that of every turn, so no provider is left to its own habits."""
        if self.type == "semantic_vad":
            return Endpointing(
                utterance_end_ms=PATIENCE_MS.get(self.eagerness or "auto", PATIENCE_MS["auto"])
            )
        silence = SILENCE_MS if self.silence_duration_ms is None else self.silence_duration_ms
        return Endpointing(silence_ms=silence)


class Input(Struct):
    format: Format | None = None
    transcription: Transcription | None = None
    turn_detection: TurnDetection | msgspec.UnsetType | None = msgspec.UNSET


class Audio(Struct):
    input: Input | None = None


class Session(Struct):
    """Of both versions of the protocol."""

    audio: Audio | None = None
    input_audio_format: str | None = None
    input_audio_transcription: Transcription | None = None
    turn_detection: TurnDetection | msgspec.UnsetType | None = msgspec.UNSET


class Said(Struct):
    type: str
    event_id: str | None = None
    session: Session | None = None
    audio: str = ""


class Settings(Struct, frozen=True, kw_only=True):
    """What a session is asked for so far."""

    model: str = ""
    input: AudioFormat = PCM
    languages: tuple[str, ...] = ()
    keyterms: tuple[str, ...] = ()
    turns: TurnDetection | None = TurnDetection()

    def updated(self, session: Session) -> "Settings":
        """Return these with what an update says. Raises `Failure` (INVALID_REQUEST) naming the field."""
        given = (session.audio.input if session.audio else None) or Input(
            format=Format(session.input_audio_format),
            transcription=session.input_audio_transcription,
            turn_detection=session.turn_detection,
        )
        spoken = given.transcription or Transcription()
        if spoken.model and self.model and spoken.model != self.model:
            raise _wrong("session.audio.input.transcription.model", "can not change in a session")
        if given.turn_detection is msgspec.UNSET:
            turns = self.turns
        else:
            turns = given.turn_detection
            if turns is not None:
                check_range(SILENCE_PARAM, turns.silence_duration_ms, SILENCE_SPAN_MS)
        languages = spoken.languages or ([spoken.language] if spoken.language else list(self.languages))
        return Settings(
            model=spoken.model or self.model,
            input=self._format(given.format),
            languages=tuple(languages),
            keyterms=self.keyterms if spoken.keywords is None else checked_terms(spoken.keywords),
            turns=turns,
        )

    def request(self) -> ListenRequest:
        endpointing = Endpointing(mode="client") if self.turns is None else self.turns.endpointing()
        return ListenRequest(
            model="",
            input=self.input,
            languages=self.languages,
            keyterms=self.keyterms,
            endpointing=endpointing,
        )

    def described(self, id: str) -> dict[str, Any]:
        name = next(name for name, form in FORMATS.items() if form == self.input)
        form = {"type": name, "rate": self.input.sample_rate} if name == "audio/pcm" else {"type": name}
        spoken: dict[str, Any] = {"model": self.model}
        if self.languages:
            spoken["language"] = self.languages[0]
        turns = None if self.turns is None else {
            name: value for name, value in msgspec.to_builtins(self.turns).items() if value is not None
        }  # fmt: skip
        return {
            "type": "transcription",
            "object": "realtime.transcription_session",
            "id": id,
            "audio": {
                "input": {
                    "format": form,
                    "transcription": spoken if self.model else None,
                    "turn_detection": turns,
                    "noise_reduction": None,
                }
            },
        }

    def _format(self, given: Format | None) -> AudioFormat:
        if given is None or given.type is None:
            return self.input
        found = FORMATS.get(given.type)
        if found is None:
            raise _wrong("session.audio.input.format.type", f"must be one of {', '.join(FORMATS)}")
        if given.rate is not None and given.rate != found.sample_rate:
            raise _wrong("session.audio.input.format.rate", f"of {given.type} is {found.sample_rate}")
        return found


def parse(message: str | bytes) -> Said:
    """Read one message. Raises `Failure` (INVALID_REQUEST)."""
    if isinstance(message, bytes):
        raise Failure(Kind.INVALID_REQUEST, f"messages are text: {EVENTS}", code="invalid_event")
    said: Said = read(message, Said)
    return said


def sound_of(said: Said) -> bytes:
    """Return the sound of an `append`. Raises `Failure` (INVALID_REQUEST)."""
    try:
        return b64decode(said.audio, validate=True)
    except (NotBase64, ValueError):
        raise _wrong("audio", "must be base64") from None


def unknown(said: Said) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"send one of {EVENTS}", code="unknown_event", param="type")


class Writer:
    """Tells events in OpenAI's words. Each utterance is an item; a text is told when it will not change."""

    def __init__(self, session_id: str) -> None:
        self._session = f"sess_{session_id}"
        self._count = 0
        self._place = 0
        self._committed = False
        self._by_caller = False
        """Whether turns are the caller's to end: those that a provider finds by itself are parts of an item."""
        self._speaks = False
        """Whether more is to come of what is being said."""
        self._text = ""
        self._start_ms: int | None = None
        self._guessed = False
        """Whether that is only when the item before it ended."""
        self._end_ms = 0

    def created(self, settings: Settings) -> dict[str, Any]:
        return self._event("session.created", session=settings.described(self._session))

    def updated(self, settings: Settings) -> dict[str, Any]:
        self._by_caller = settings.turns is None
        return self._event("session.updated", session=settings.described(self._session))

    def failed(self, error: Failure, event_id: str | None = None) -> dict[str, Any]:
        return self._event("error", error={**error_object(error), "event_id": event_id})

    def cleared(self) -> dict[str, Any]:
        return self._event("input_audio_buffer.cleared")

    def commit(self) -> list[dict[str, Any]]:
        """Say that what has been sent so far is an item, once."""
        if self._by_caller and self._text and not self._speaks:
            return self._ended(self._text)  # The provider has found by itself that it is over.
        return self._commit()

    def _commit(self) -> list[dict[str, Any]]:
        if self._committed:
            return []
        self._committed = True
        previous = self._item(self._place - 1) if self._place else None
        item = {
            "id": self._item(self._place), "object": "realtime.item", "type": "message", "role": "user",
            "status": "completed", "content": [{"type": "input_audio", "transcript": None}],
        }  # fmt: skip
        return [
            self._event(
                "input_audio_buffer.committed", item_id=self._item(self._place), previous_item_id=previous
            ),
            self._event("conversation.item.added", item=item, previous_item_id=previous),
        ]

    def write(self, event: SttEvent) -> Iterable[dict[str, Any]]:
        match event:
            case SpeechStarted():
                self._speaks = True
                return [self._started(event.audio_time_ms)] if self._start_ms is None else ()
            case Interim():
                self._speaks = True
                return ()
            case Final() if event.text:
                self._speaks = True
                return self._final(event)
            case Final(from_finalize=True):
                answered = self._by_caller and self._committed and not self._speaks
                return self._ended(self._text) if answered else ()
            case UtteranceEnd():
                self._speaks = False
                if not self._by_caller:
                    return self._ended(event.text)
                over = self._committed or event.reason is EndReason.STREAM_END
                return self._ended(self._text) if over else ()
            case _:
                return ()

    def _started(self, told: int | None) -> dict[str, Any]:
        self._guessed = told is None
        at = self._start_ms = self._end_ms if told is None else told
        return self._event(
            "input_audio_buffer.speech_started", audio_start_ms=at, item_id=self._item(self._place)
        )

    def _final(self, event: Final) -> list[dict[str, Any]]:
        told = [] if self._start_ms is not None else [self._started(event.start_ms)]
        if self._guessed and event.start_ms is not None:
            self._start_ms, self._guessed = event.start_ms, False
        delta = f" {event.text}" if self._text else event.text
        self._text += delta
        self._end_ms = event.end_ms or self._end_ms
        told.append(
            self._event(
                "conversation.item.input_audio_transcription.delta",
                item_id=self._item(self._place),
                content_index=0,
                delta=delta,
            )
        )
        return told

    def _ended(self, text: str) -> list[dict[str, Any]]:
        item = self._item(self._place)
        start = self._end_ms if self._start_ms is None else self._start_ms
        told = [
            self._event("input_audio_buffer.speech_stopped", audio_end_ms=self._end_ms, item_id=item),
            *self._commit(),
            self._event(
                "conversation.item.input_audio_transcription.completed",
                item_id=item,
                content_index=0,
                transcript=text,
                usage={"type": "duration", "seconds": max(0, self._end_ms - start) / 1000},
            ),
        ]
        self._place += 1
        self._committed, self._text, self._start_ms = False, "", None
        return told

    def _event(self, type: str, **more: Any) -> dict[str, Any]:
        self._count += 1
        return {"type": type, "event_id": f"event_{self._count}", **more}

    def _item(self, place: int) -> str:
        return f"item_{self._session[5:21]}_{place}"


def _wrong(param: str, what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"{param} {what}", code="invalid_value", param=param)
