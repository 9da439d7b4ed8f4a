"""The sound of a call. https://www.twilio.com/docs/voice/media-streams/websocket-messages"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind, Phase, ProviderError
from integration_api.core.media import Cleared, Dtmf, Heard, MarkReached, MediaEvent, Started, Stopped
from integration_api.core.session import HangUp, Message, Outcome, Say
from integration_api.providers.twilio import client

FORMAT = AudioFormat(Encoding.MULAW, 8_000)
"""The only one that goes both ways."""
MOST_MARKS = 10_000
"""How many may wait to be reached."""


class Format(Struct):
    encoding: str = ""
    sample_rate: int = msgspec.field(default=0, name="sampleRate")
    channels: int = 1


class Start(Struct):
    call_sid: str = msgspec.field(name="callSid")
    media_format: Format = msgspec.field(name="mediaFormat")
    custom: dict[str, str] = msgspec.field(default_factory=dict, name="customParameters")


class Media(Struct):
    payload: str
    track: str = "inbound"
    timestamp: str | int | None = None


class Digit(Struct):
    digit: str


class Mark(Struct):
    name: str


class Said(Struct):
    """Anything that Twilio says on the socket."""

    event: str
    stream_sid: str = msgspec.field(default="", name="streamSid")
    start: Start | None = None
    media: Media | None = None
    dtmf: Digit | None = None
    mark: Mark | None = None


_SAID = msgspec.json.Decoder(Said)
Part = TypeVar("Part")


class MediaStream:
    """One `<Connect><Stream>`.

    A mark gets a name of its own on the wire, so that what Twilio sends back is never taken for another one:
    after a `clear` it sends back all that waited, which have been told as cancelled already.
    """

    format = FORMAT

    def __init__(self) -> None:
        self._stream = ""
        self._stopped = False
        self._marks: dict[str, str] = {}
        self._made = 0

    def feed(self, message: Message) -> Outcome[MediaEvent]:
        said = _read(message)
        if self._stopped:
            return []
        match said.event:
            case "start":
                return [self._start(said)]
            case "media":
                return self._heard(_given(said.media))
            case "dtmf":
                self._begun()
                return [Dtmf(_given(said.dtmf).digit)]
            case "mark":
                name = self._marks.pop(_given(said.mark).name, None)
                return [] if name is None else [MarkReached(name)]
            case "stop":
                return self.close()
            case _:
                return []

    def say(self, sound: bytes) -> Outcome[MediaEvent]:
        """Twilio takes any number of bytes, so that nothing is kept back."""
        return self._said("media", media={"payload": b64encode(sound).decode()}) if sound else []

    def flush(self) -> Outcome[MediaEvent]:
        return []

    def mark(self, name: str) -> Outcome[MediaEvent]:
        if len(self._marks) >= MOST_MARKS:
            raise Failure(
                Kind.TOO_LARGE, f"{MOST_MARKS} marks wait to be reached; clear them, or wait for some"
            )
        if self._stopped:
            return [MarkReached(name, cancelled=True)]
        self._made += 1
        own = f"{self._made}:{name}"
        said = self._said("mark", mark={"name": own})
        self._marks[own] = name
        return said

    def clear(self) -> Outcome[MediaEvent]:
        return [*self._said("clear"), *self._cancelled(), Cleared()]

    def hang_up(self) -> Outcome[MediaEvent]:
        """Close the socket: no verb follows the stream, so that Twilio hangs up."""
        return [HangUp()]

    def close(self) -> Outcome[MediaEvent]:
        if self._stopped:
            return []
        self._stopped = True
        return [*self._cancelled(), Stopped()]

    def _start(self, said: Said) -> Started:
        start = _given(said.start)
        told = start.media_format
        if (told.encoding, told.sample_rate, told.channels) != ("audio/x-mulaw", 8_000, 1):
            raise _unreadable("its sound is not mu-law at 8000 Hz")
        if self._stream or not said.stream_sid:
            raise _unreadable("a stream starts once, and has a name")
        self._stream = said.stream_sid
        return Started(
            provider_call_id=start.call_sid,
            stream_id=said.stream_sid,
            format=FORMAT,
            custom=start.custom,
        )

    def _heard(self, media: Media) -> Outcome[MediaEvent]:
        self._begun()
        if media.track != "inbound":
            return []
        try:
            sound = b64decode(media.payload, validate=True)
            at = None if media.timestamp is None else int(media.timestamp)
        except ValueError:
            raise _unreadable("its sound is not base64, or has no time") from None
        return [Heard(sound, at)] if sound else []

    def _begun(self) -> None:
        if not self._stream:
            raise _unreadable("it said something before it started")

    def _said(self, event: str, **what: Mapping[str, Any]) -> list[MediaEvent | Say]:
        if self._stopped:
            return []
        if not self._stream:
            raise Failure(Kind.CONFLICT, "the call's sound has not started yet", code="media_not_started")
        message = {"event": event, "streamSid": self._stream, **what}
        return [Say(msgspec.json.encode(message).decode())]

    def _cancelled(self) -> list[MarkReached]:
        waiting, self._marks = self._marks, {}
        return [MarkReached(name, cancelled=True) for name in waiting.values()]


def _read(message: Message) -> Said:
    if isinstance(message, bytes):
        raise _unreadable("it is binary")
    try:
        return _SAID.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _unreadable("it is not what a media stream says") from None


def _given(part: Part | None) -> Part:
    if part is None:
        raise _unreadable("it lacks what its event is about")
    return part


def _unreadable(why: str) -> ProviderError:
    return ProviderError(
        Kind.BAD_RESPONSE,
        f"a message on {client.NAME}'s media socket could not be read: {why}",
        provider=client.NAME,
        code="bad_upstream_response",
        phase=Phase.STREAM,
    )
