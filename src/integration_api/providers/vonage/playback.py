"""What was said on the media socket and has not been played yet, told by the sound that comes meanwhile.

Vonage plays a frame every 20 ms, and sends one as often. It keeps so many and no more; what comes beyond is lost.
https://developer.vonage.com/en/voice/voice-api/guides/websockets#writing-audio-to-the-websocket
"""

from collections import deque
from collections.abc import Sequence

from integration_api.core.errors import Failure, Kind

AHEAD = 2_800
"""Frames that Vonage is given ahead of what it plays: it keeps 3,072. The rest is for its clock and ours."""
MOST_WAITING = 15_000
"""Frames that wait here beyond those: five minutes, some 10 MB."""


class Playback:
    """Messages in their order: frames of sound as bytes, and texts, which take no time.

    Once something waits, all that follows is sent by `tick` alone, until nothing is left of it: so that it keeps its
    order whoever else says something meanwhile.
    """

    def __init__(self) -> None:
        self._ahead = 0
        """Frames that Vonage has, as far as is known; it has no more."""
        self._waiting: deque[str | bytes] = deque()
        self._held = False

    def check(self, more: int) -> None:
        """Raise `Failure` when too much would wait with so many more messages."""
        if self._ahead + len(self._waiting) + more > AHEAD + MOST_WAITING:
            raise Failure(
                Kind.TOO_LARGE,
                "too much sound waits to be played: send it no faster than it is heard, or clear it",
                code="too_much_waits",
            )

    def add(self, *messages: str | bytes) -> Sequence[str | bytes]:
        """Take what is said; return what may be sent now."""
        self._waiting.extend(messages)
        if self._held:
            return ()
        sent = self._take()
        self._held = bool(self._waiting)
        return sent

    def tick(self) -> Sequence[str | bytes]:
        """The time of a frame has passed; return what may be sent now, and is before the next one."""
        self._ahead = max(0, self._ahead - 1)
        if not self._held:
            return ()
        self._held = bool(self._waiting)
        return self._take()

    def clear(self) -> None:
        self._ahead = 0
        self._waiting.clear()
        self._held = False

    def _take(self) -> list[str | bytes]:
        taken = []
        while self._waiting and (isinstance(self._waiting[0], str) or self._ahead < AHEAD):
            message = self._waiting.popleft()
            self._ahead += isinstance(message, bytes)
            taken.append(message)
        return taken
