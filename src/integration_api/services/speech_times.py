"""How long somebody who speaks waits for the text of it, told by the sound itself, whoever listens."""

from math import inf

from integration_api.telemetry.metrics import FINAL_TEXT, FIRST_TEXT

PAUSE_MS = 100
"""Of silence, after which a text comes behind speech and not amid it: between sounds of one word it is shorter."""
TURN_MS = 300
"""Of silence, about the least by which a provider knows that a turn is over."""
TAIL_MS = 500
"""How much louder than silence it may be behind the last word: a breath, an echo. A text that ended before is of an
earlier word.
"""


class SpeechTimes:
    """Of one session. What is no bare sound nobody can hear, and it is not measured."""

    __slots__ = ("_first", "_last", "_last_ms", "pause_ms")

    def __init__(self) -> None:
        self._first: float | None = 0.0
        """When somebody was first heard to speak: 0 before, None once there was a text."""
        self._last = 0.0
        self._last_ms = 0.0
        self.pause_ms = -inf
        """Where in the sound the latest silence was after which somebody spoke on, and which may have ended a turn."""

    def speech(self, now: float, at_ms: float) -> None:
        """Hear that somebody speaks; `at_ms` is where in the session's sound."""
        if self._first == 0.0:
            self._first = now
        if at_ms - self._last_ms >= TURN_MS:
            self.pause_ms = (self._last_ms + at_ms) / 2
        self._last, self._last_ms = now, at_ms

    @property
    def last(self) -> float:
        """When somebody was last heard to speak; 0 once that has been answered."""
        return self._last

    @property
    def last_ms(self) -> float:
        """Where in the session's sound that was."""
        return self._last_ms

    def text(self, now: float, provider: str) -> None:
        """Hear that there is a text, final or not."""
        if self._first:
            FIRST_TEXT.of(provider).observe(now - self._first)
            self._first = None

    def final(self, now: float, at_ms: float, provider: str, *, end_ms: float | None, asked: bool) -> None:
        """Hear that there is a final text, of speech until `end_ms` where that is known.

        `at_ms` is where the session's sound is now, and `asked` whether the caller said that speech is over.
        """
        self.text(now, provider)
        paused = asked or at_ms - self._last_ms >= PAUSE_MS
        if self._last and paused and (end_ms is None or end_ms >= self._last_ms - TAIL_MS):
            FINAL_TEXT.of(provider).observe(now - self._last)
            self._last = 0.0
