"""Media Streams, from Twilio's side (www.twilio.com/docs/voice/media-streams/websocket-messages)."""

import json
from base64 import b64decode, b64encode
from binascii import Error
from typing import Any

from lab.carrier import Leg
from lab.phone import Event, Pressed, Reached, Spoken


class Socket:
    """One stream's language. Every message but the first is numbered; numbers are written as strings."""

    def __init__(self, leg: Leg, sid: str) -> None:
        self.leg = leg
        self.sid = sid
        self._number = 0
        self._chunk = 0
        self._begun_ms = leg.line.now_ms

    def opening(self, params: dict[str, str]) -> list[str]:
        """What comes first."""
        start = {
            "accountSid": self.leg.account, "streamSid": self.sid, "callSid": self.leg.id, "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": params,
        }  # fmt: skip
        return [
            json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
            self._numbered("start", start),
        ]

    def closing(self) -> str:
        return self._numbered("stop", {"accountSid": self.leg.account, "callSid": self.leg.id})

    def write(self, event: Event) -> str | None:
        match event:
            case Spoken(sound, at_ms):
                self._chunk += 1
                return self._numbered("media", {
                    "track": "inbound", "chunk": str(self._chunk), "timestamp": str(at_ms - self._begun_ms),
                    "payload": b64encode(sound).decode(),
                })  # fmt: skip
            case Pressed(digit):
                return self._numbered("dtmf", {"track": "inbound_track", "digit": digit})
            case Reached(name):
                return self._numbered("mark", {"name": name})
            case _:
                return None

    def read(self, message: str | bytes) -> list[str | bytes]:
        """Raises `ValueError` for what Twilio would end the stream for (31951)."""
        if isinstance(message, bytes):
            raise ValueError("31951: a binary message")  # noqa: TRY004 - what Twilio says, not what Python does
        said = json.loads(message)
        if not isinstance(said, dict) or said.get("streamSid") != self.sid:
            raise ValueError(f"31951: not of this stream: {message[:200]}")
        line = self.leg.line
        match said:
            case {"event": "media", "media": {"payload": str(payload)}}:
                try:
                    line.play(b64decode(payload, validate=True))
                except Error as error:
                    raise ValueError("31951: a payload that is not base64") from error
            case {"event": "mark", "mark": {"name": str(name)}} if name:
                line.mark(name)
            case {"event": "clear"}:
                return [self._numbered("mark", {"name": name}) for name in line.clear()]
            case _:
                raise ValueError(f"31951: not a message of a stream: {message[:200]}")
        return []

    def _numbered(self, event: str, what: dict[str, Any]) -> str:
        self._number += 1
        return json.dumps(
            {"event": event, "sequenceNumber": str(self._number), "streamSid": self.sid, event: what}
        )
