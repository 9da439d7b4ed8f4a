"""The socket of a call's sound: JSON with samples in base64, in either of two spellings and two encodings.

https://developer.exotel.com/docs/agentstream/websocket-protocol
https://developer.exotel.com/docs/agentstream/stream-voicebot-applet
https://developer.exotel.com/docs/agentstream/stream-voicebot-extension
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import msgspec

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind, Phase, ProviderError
from integration_api.core.media import Cleared, Dtmf, Heard, MarkReached, MediaEvent, Started, Stopped
from integration_api.core.session import HangUp, Message, Outcome, Say
from integration_api.providers.exotel import client, wire

STEP = 320
"""A chunk's bytes are a multiple of these, or there are gaps of 20 ms."""
CHUNK = 3_200
"""Fewer bytes at once may sound distorted; more than 100 kB time out. What has begun to be played is not cleared away:
chunks are as small as they may be."""
MULAW = frozenset({"mulaw", "ulaw", "pcmu", "g711", "g711_ulaw", "audio/x-mulaw", "audio/mulaw"})
MULAW_RATE = "64"
"""Thousands of bits a second."""
MOST_MARKS = 10_000
"""How many may wait to be reached."""
SILENCE = {Encoding.PCM_S16LE: b"\0", Encoding.MULAW: b"\xff"}
DEFAULT_RATE = 8_000
HIGHEST_RATE = 48_000


class ExotelMedia:
    """Signed 16-bit samples, little-endian, unless the stream's start says mu-law."""

    def __init__(self) -> None:
        self._format = AudioFormat(Encoding.PCM_S16LE, DEFAULT_RATE)
        self._rest = bytearray()
        self._marks: dict[str, str] = {}
        """What is to be told once it is reached, by what Exotel calls it: a name that is used once."""
        self._marked = 0
        self._sid = ""
        self._sid_key = "stream_sid"
        self._started = False
        self._stopped = False

    @property
    def format(self) -> AudioFormat:
        return self._format

    def feed(self, message: Message) -> Outcome[MediaEvent]:
        try:
            told = wire.ON_SOCKET.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _unreadable() from None
        if self._stopped:
            return ()
        if not self._started:
            return self._begun(told) if told.event == "start" else ()
        match told.event:
            case "media" if told.media is not None:
                return self._heard(told.media)
            case "dtmf" if told.dtmf is not None and told.dtmf.digit:
                return (Dtmf(told.dtmf.digit, _whole(told.dtmf.duration)),)
            case "mark" if told.mark is not None:
                name = self._marks.pop(told.mark.name, None)
                return () if name is None else (MarkReached(name),)
            case "clear":
                return (*self._cancelled(), Cleared())
            case "stop":
                return self._ended((told.stop and told.stop.reason) or "stop")
            case _:
                return ()

    def say(self, sound: bytes) -> Outcome[MediaEvent]:
        if self._talks():
            self._rest += sound
        return self._out(len(self._rest) // CHUNK * CHUNK)

    def flush(self) -> Outcome[MediaEvent]:
        if not self._rest:
            return ()
        self._rest += SILENCE[self._format.encoding] * (-len(self._rest) % STEP)
        return self._out(len(self._rest))

    def mark(self, name: str) -> Outcome[MediaEvent]:
        if not self._talks():
            return (MarkReached(name, cancelled=True),)
        if len(self._marks) >= MOST_MARKS:
            raise Failure(
                Kind.TOO_LARGE, f"{MOST_MARKS} marks wait to be reached; clear them, or wait for some"
            )
        self._marked += 1
        theirs = f"{self._marked}:{name}"
        self._marks[theirs] = name
        return [*self.flush(), self._say("mark", {"name": theirs})]

    def clear(self) -> Outcome[MediaEvent]:
        """Exotel does not tell when it has."""
        if not self._talks():
            return ()
        self._rest.clear()
        return [self._say("clear"), *self._cancelled(), Cleared()]

    def hang_up(self) -> Outcome[MediaEvent]:
        return (HangUp(),)

    def close(self) -> Outcome[MediaEvent]:
        return self._ended("disconnected")

    def _talks(self) -> bool:
        """Whether anything can still be said. Raises `Failure` before the start."""
        if not self._started:
            raise Failure(Kind.CONFLICT, "the call's sound has not started yet", code="media_not_started")
        return not self._stopped

    def _begun(self, told: wire.OnSocket) -> Outcome[MediaEvent]:
        start = told.start
        if start is None:
            return ()
        self._started = True
        snake = told.stream_sid or start.stream_sid
        self._sid = snake or told.stream_sid_camel or start.stream_sid_camel
        self._sid_key = "streamSid" if self._sid and not snake else "stream_sid"
        self._format = _format(start.media_format or start.media_format_camel or wire.MediaFormat())
        return (
            Started(
                provider_call_id=start.call_sid or start.call_sid_camel,
                stream_id=self._sid,
                format=self._format,
                custom=_custom(start.custom_parameters or start.custom_parameters_camel or {}),
            ),
        )

    def _heard(self, media: wire.Media) -> Outcome[MediaEvent]:
        try:
            sound = b64decode(media.payload, validate=True)
        except (binascii.Error, ValueError):
            raise _unreadable() from None
        return (Heard(sound, _whole(media.timestamp)),) if sound else ()

    def _out(self, size: int) -> list[MediaEvent | Say]:
        whole = bytes(self._rest[:size])
        del self._rest[:size]
        return [
            self._say("media", {"payload": b64encode(whole[at : at + CHUNK]).decode()})
            for at in range(0, size, CHUNK)
        ]

    def _say(self, event: str, about: dict[str, Any] | None = None) -> Say:
        said: dict[str, Any] = {"event": event, self._sid_key: self._sid}
        if about is not None:
            said[event] = about
        return Say(msgspec.json.encode(said).decode())

    def _ended(self, reason: str) -> Outcome[MediaEvent]:
        if self._stopped or not self._started:
            return ()
        self._stopped = True
        self._rest.clear()
        return [*self._cancelled(), Stopped(reason)]

    def _cancelled(self) -> list[MediaEvent]:
        names = list(self._marks.values())
        self._marks.clear()
        return [MarkReached(name, cancelled=True) for name in names]


def _custom(said: Mapping[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else str(value) for name, value in said.items()}


def _format(said: wire.MediaFormat) -> AudioFormat:
    """Believe the start: what one page of the documentation says of the encoding another contradicts."""
    encoding, _, parameter = said.encoding.lower().replace(" ", "").partition(";")
    rate = _whole(said.sample_rate or said.sample_rate_camel or parameter.removeprefix("rate="))
    if rate is None or not DEFAULT_RATE <= rate <= HIGHEST_RATE:
        rate = DEFAULT_RATE
    bits = str(said.bit_rate or said.bit_rate_camel).lower().removesuffix("kbps").strip()
    if encoding in MULAW or (rate == DEFAULT_RATE and bits == MULAW_RATE):
        return AudioFormat(Encoding.MULAW, DEFAULT_RATE)
    return AudioFormat(Encoding.PCM_S16LE, rate)


def _whole(said: str | int | None) -> int | None:
    try:
        return None if said in (None, "") else int(said)
    except ValueError:
        return None


def _unreadable() -> ProviderError:
    return ProviderError(
        Kind.BAD_RESPONSE,
        f"{client.NAME} said something on the media socket that could not be read",
        provider=client.NAME,
        code="bad_upstream_response",
        phase=Phase.STREAM,
    )
