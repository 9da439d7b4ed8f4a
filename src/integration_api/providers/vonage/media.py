"""The socket of a call's sound: binary frames of 20 ms, and JSON beside them.

https://developer.vonage.com/en/voice/voice-api/concepts/websockets
"""

import re
from typing import Any

import msgspec

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind, Phase, ProviderError
from integration_api.core.media import Cleared, Dtmf, Heard, MarkReached, MediaEvent, Started, Stopped
from integration_api.core.session import HangUp, Message, Outcome, Say
from integration_api.providers.vonage import client, wire
from integration_api.providers.vonage.answer import OWN_HEADERS
from integration_api.providers.vonage.playback import Playback

FRAME_MS = 20
"""Each message is one such frame, exactly."""
MOST_MARKS = 10_000
"""How many may wait to be reached."""
_RATE = re.compile(r"rate=(\d+)")
_RATES = frozenset({8_000, 16_000, 24_000})


class VonageMedia:
    """Signed 16-bit samples, little-endian, mono."""

    def __init__(self) -> None:
        self._format = AudioFormat(Encoding.PCM_S16LE, 16_000)
        self._frame = self._format.size(FRAME_MS)
        self._rest = bytearray()
        self._playback = Playback()
        self._marks: dict[str, str] = {}
        """What is to be told once it is reached, oldest first, by a name that is used once."""
        self._marked = 0
        self._started = False
        self._stopped = False

    @property
    def format(self) -> AudioFormat:
        return self._format

    def feed(self, message: Message) -> Outcome[MediaEvent]:
        if isinstance(message, bytes):
            if not message or not self._started or self._stopped:
                return ()
            return [Heard(message), *map(Say, self._playback.tick())]
        try:
            told = wire.ON_SOCKET.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _unreadable() from None
        match told.event:
            case "websocket:connected":
                return self._connected(told, message)
            case "websocket:dtmf":
                inner = told.dtmf or wire.Dtmf(told.digit, told.duration)
                return (Dtmf(inner.digit, inner.duration),) if inner.digit else ()
            case "websocket:notify":
                return self._reached(told.payload)
            case "websocket:cleared":
                return (Cleared(),)
            case "websocket:disconnected":
                return self.close()
            case _:
                return ()

    def say(self, sound: bytes) -> Outcome[MediaEvent]:
        if not self._talks():
            return ()
        self._playback.check((len(self._rest) + len(sound)) // self._frame)
        self._rest += sound
        whole = len(self._rest) // self._frame * self._frame
        frames = [bytes(self._rest[at : at + self._frame]) for at in range(0, whole, self._frame)]
        del self._rest[:whole]
        return list(map(Say, self._playback.add(*frames)))

    def flush(self) -> Outcome[MediaEvent]:
        if not self._rest:
            return ()
        last = bytes(self._rest.ljust(self._frame, b"\0"))
        self._rest.clear()
        return list(map(Say, self._playback.add(last)))

    def mark(self, name: str) -> Outcome[MediaEvent]:
        if not self._talks():
            return (MarkReached(name, cancelled=True),)
        if len(self._marks) >= MOST_MARKS:
            raise Failure(
                Kind.TOO_LARGE, f"{MOST_MARKS} marks wait to be reached; clear them, or wait for some"
            )
        self._playback.check(2)
        said = list(self.flush())
        self._marked += 1
        sent = f"{self._marked}:{name}"
        self._marks[sent] = name
        notify = _text({"action": "notify", "payload": {"mark": sent}})
        return [*said, *map(Say, self._playback.add(notify))]

    def clear(self) -> Outcome[MediaEvent]:
        if not self._talks():
            return ()
        self._rest.clear()
        self._playback.clear()
        return [Say(_text({"action": "clear"})), *self._cancelled()]

    def hang_up(self) -> Outcome[MediaEvent]:
        return (HangUp(),)

    def close(self) -> Outcome[MediaEvent]:
        if self._stopped or not self._started:
            return ()
        self._stopped = True
        self._rest.clear()
        self._playback.clear()
        return [*self._cancelled(), Stopped("disconnected")]

    def _talks(self) -> bool:
        """Whether anything can still be said. Raises `Failure` before the start."""
        if not self._started:
            raise Failure(Kind.CONFLICT, "the call's sound has not started yet", code="media_not_started")
        return not self._stopped

    def _cancelled(self) -> list[MediaEvent]:
        names = list(self._marks.values())
        self._marks.clear()
        return [MarkReached(name, cancelled=True) for name in names]

    def _connected(self, told: wire.OnSocket, message: str) -> Outcome[MediaEvent]:
        if self._started:
            return ()
        rate = _RATE.search(told.content_type)
        if rate is not None and int(rate[1]) in _RATES:
            self._format = AudioFormat(Encoding.PCM_S16LE, int(rate[1]))
            self._frame = self._format.size(FRAME_MS)
        self._started = True
        fields = wire.FIELDS.decode(message)
        custom = {name: str(value) for name, value in fields.items() if name not in OWN_HEADERS}
        return (Started(provider_call_id="", format=self._format, custom=custom),)

    def _reached(self, payload: Any) -> Outcome[MediaEvent]:
        sent = payload.get("mark") if isinstance(payload, dict) else None
        name = self._marks.pop(sent, None) if isinstance(sent, str) else None
        return () if name is None else (MarkReached(name),)


def _text(payload: dict[str, Any]) -> str:
    return msgspec.json.encode(payload).decode()


def _unreadable() -> ProviderError:
    return ProviderError(
        Kind.BAD_RESPONSE,
        f"{client.NAME} said something on the media socket that could not be read",
        provider=client.NAME,
        code="bad_upstream_response",
        phase=Phase.STREAM,
    )
