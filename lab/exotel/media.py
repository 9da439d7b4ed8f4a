"""AgentStream, from Exotel's side (developer.exotel.com/docs/agentstream/websocket-protocol)."""

import json
from base64 import b64decode, b64encode
from binascii import Error
from typing import Any

from lab.carrier import Leg
from lab.exotel.resources import Style
from lab.phone import Event, Pressed, Reached, Spoken

FRAMES = 5
"""Of 20 ms, in a chunk that is sent."""
STEP, SMALL, LARGEST = 320, 3_200, 100_000
"""Bytes of a chunk that is taken: a multiple of the first, of the second at least, of the third at most."""
GAP_MS = 20
"""What a chunk of another size is followed by."""
CAMEL = {
    "stream_sid": "streamSid", "sequence_number": "sequenceNumber", "call_sid": "callSid", "account_sid": "accountSid",
    "custom_parameters": "customParameters", "media_format": "mediaFormat", "sample_rate": "sampleRate",
    "bit_rate": "bitRate",
}  # fmt: skip


class Socket:
    """One stream's language, in either spelling. Every message but the first is numbered."""

    def __init__(self, leg: Leg, sid: str, style: Style) -> None:
        self.leg = leg
        self.sid = sid
        self._style = style
        self._number = 0
        self._chunk = 0
        self._begun_ms = leg.line.now_ms
        self._waiting: list[Spoken] = []
        self._played: list[bytes] = []
        """The chunks that came, for as long as the last byte of one may be still to be heard."""

    def opening(self, custom: dict[str, str]) -> list[str]:
        """What comes first."""
        start = {
            "stream_sid": self.sid, "call_sid": self.leg.id, "account_sid": self.leg.account,
            "from": self.leg.from_, "to": self.leg.to, "custom_parameters": custom,
            "media_format": {
                "encoding": self._style.encoding, "sample_rate": str(self.leg.line.sound.rate),
                "bit_rate": self._style.bit_rate,
            },
        }  # fmt: skip
        return [json.dumps({"event": "connected"}), self._numbered("start", start)]

    def closing(self, reason: str) -> list[str]:
        """What comes last: the sound that was not a chunk yet, and the end."""
        stop = {"call_sid": self.leg.id, "account_sid": self.leg.account, "reason": reason}
        return [*([self._sound()] if self._waiting else []), self._numbered("stop", stop)]

    def write(self, event: Event) -> str | None:
        match event:
            case Spoken():
                self._waiting.append(event)
                return self._sound() if len(self._waiting) == FRAMES else None
            case Pressed(digit):
                return self._numbered("dtmf", {"duration": "100", "digit": digit})
            case Reached(name):
                return self._numbered("mark", {"name": name})
            case _:
                return None

    def read(self, message: str | bytes) -> list[str | bytes]:
        """Raises `ValueError` for what Exotel would end the stream for."""
        if isinstance(message, bytes):
            raise ValueError("a binary message")  # noqa: TRY004 - what Exotel says, not what Python does
        said = json.loads(message)
        if not isinstance(said, dict) or said.get(self._spelled("stream_sid")) != self.sid:
            raise ValueError(f"not of this stream: {message[:200]}")
        match said:
            case {"event": "media", "media": {"payload": str(payload)}}:
                self._play(payload)
            case {"event": "mark", "mark": {"name": str(name)}} if name:
                self.leg.line.mark(name)
            case {"event": "clear"}:
                self._clear()
            case _:
                raise ValueError(f"not a message of a stream: {message[:200]}")
        return []

    def _play(self, payload: str) -> None:
        try:
            sound = b64decode(payload, validate=True)
        except Error as error:
            raise ValueError("a payload that is not base64") from error
        if len(sound) > LARGEST:
            raise ValueError(f"a chunk of {len(sound)} bytes: it takes too long")
        line = self.leg.line
        if len(sound) < SMALL:
            self.leg.more["small"] = self.leg.more.get("small", 0) + 1
        if len(sound) % STEP:
            self.leg.complaints.append(f"a chunk of {len(sound)} bytes: no multiple of {STEP}")
            sound += line.sound.silence * (line.sound.size(GAP_MS) // line.sound.width)
        self.leg.more.setdefault("chunks", []).append(len(sound))
        while self._played and line.waiting <= sum(map(len, self._played[1:])):
            del self._played[0]
        self._played.append(sound)
        line.play(sound)

    def _clear(self) -> None:
        """Only what has not begun to be played is dropped, and marks with it."""
        line = self.leg.line
        left = line.waiting
        while self._played and left > len(self._played[-1]):
            left -= len(self._played.pop())
        begun = self._played[-1] if self._played else b""
        line.clear()
        self._played.clear()
        if 0 < left < len(begun):
            self._played.append(begun[-left:])
            line.play(begun[-left:])

    def _sound(self) -> str:
        spoken, self._waiting = self._waiting, []
        self._chunk += 1
        return self._numbered("media", {
            "chunk": self._chunk, "timestamp": str(spoken[0].at_ms - self._begun_ms),
            "payload": b64encode(b"".join(one.sound for one in spoken)).decode(),
        })  # fmt: skip

    def _numbered(self, event: str, what: dict[str, Any]) -> str:
        self._number += 1
        told = {"event": event, "sequence_number": self._number, "stream_sid": self.sid, event: what}
        return json.dumps(self._respelled(told))

    def _respelled(self, told: dict[str, Any]) -> dict[str, Any]:
        """In this stream's spelling: all but the names of the caller's own parameters."""
        return {
            self._spelled(name): self._respelled(value)
            if isinstance(value, dict) and name != "custom_parameters"
            else value
            for name, value in told.items()
        }

    def _spelled(self, name: str) -> str:
        return CAMEL.get(name, name) if self._style.camel else name
