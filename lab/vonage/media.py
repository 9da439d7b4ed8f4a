"""A call's WebSocket, from Vonage's side (developer.vonage.com/en/voice/voice-api/concepts/websockets)."""

import json
from collections import deque
from typing import Any

from lab.carrier import Leg
from lab.phone import Event, Pressed, Reached, Spoken

MOST_FRAMES = 3_072
"""Of sound that wait to be played; what comes beyond is lost."""
KEY_MS = 260
"""How long a key is pressed."""


class Socket:
    """One WebSocket's language: frames of 20 ms as binary messages, JSON beside them."""

    def __init__(self, leg: Leg, *, nested_keys: bool) -> None:
        self.leg = leg
        self._nested_keys = nested_keys
        """Whether a key is told of as `{"dtmf": {"digit": …}}`, as some of Vonage's products do."""
        self._payloads: deque[Any] = deque()
        """Of notices that wait, in their order."""

    def opening(self, content_type: str, headers: dict[str, Any]) -> str:
        """What comes first: what was given as headers stands beside it."""
        return json.dumps({"event": "websocket:connected", "content-type": content_type, **headers})

    def closing(self) -> str:
        return json.dumps({"event": "websocket:disconnected"})

    def write(self, event: Event) -> str | bytes | None:
        match event:
            case Spoken(sound):
                return sound
            case Pressed(digit):
                key = {"digit": digit, "duration": KEY_MS}
                told = {"dtmf": key} if self._nested_keys else key
                return json.dumps({"event": "websocket:dtmf", **told})
            case Reached():
                return json.dumps({"event": "websocket:notify", "payload": self._payloads.popleft()})
            case _:
                return None

    def read(self, message: str | bytes) -> list[str | bytes]:
        """Raises `ValueError` for what is no message of such a socket."""
        line = self.leg.line
        if isinstance(message, bytes):
            if len(message) != line.sound.frame:
                raise ValueError(f"a message of {len(message)} bytes: a frame has {line.sound.frame}")
            if line.waiting >= MOST_FRAMES * line.sound.frame:
                self.leg.more["lost_frames"] = self.leg.more.get("lost_frames", 0) + 1
            else:
                line.play(message)
            return []
        match json.loads(message):
            case {"action": "notify", "payload": dict(payload)}:
                self._payloads.append(payload)
                line.mark(str(payload.get("mark", message)))
            case {"action": "clear"}:
                line.clear()
                self._payloads.clear()
                return [json.dumps({"event": "websocket:cleared"})]
            case _:
                raise ValueError(f"not a message to a call: {message[:200]}")
        return []
