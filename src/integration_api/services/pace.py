"""How fast calls are dialed with one credential: so that no second at the carrier has more than the limit.

A request takes its time to the carrier, and no two take the same. So a dial counts from when it is sent until one
second after it was answered: the carrier had it at some moment in between, and with that whichever second one looks
at there, no more than the limit were in it. The price is the time of one answer in each second.

Some dials do not ask for room (`owe`). Those beyond the limit count as if their carrier took them one after another, at
the pace: whoever does ask waits until they are paid for.
"""

import math
from bisect import bisect_right, insort
from collections.abc import Hashable

SECOND = 1.0
MARGIN = 0.002
"""Clocks are read, and timers come, in steps."""
STEPS = 20
"""A second's calls are begun in so many steps: carriers take them better than all at once."""


class Pace:
    """Counts dials. `now` is a clock that only goes forward; `rate` is in calls a second and may change."""

    def __init__(self, quiet_since: float = -math.inf) -> None:
        """`quiet_since` is when the last dial may have arrived that somebody else has sent."""
        self._quiet_since = quiet_since
        self._open = 0
        self._arrived: list[float] = []
        self._begun_at = -math.inf
        self._begun = 0
        self._owed: dict[Hashable, float] = {}
        self._owed_until = -math.inf

    def room(self, now: float, rate: float) -> int:
        """Return how many dials may be sent now."""
        most, window = bounds(rate)
        if now < self._quiet_since + window or now < self._begun_at + window * self._begun / most:
            return 0
        recent = len(self._arrived) - bisect_right(self._arrived, now - window)
        return max(0, min(most - self._open - recent, _step(most)))

    def wait(self, now: float, rate: float) -> float:
        """Return in how many seconds there may be room; it is there only once enough were answered."""
        most, window = bounds(rate)
        until = max(self._quiet_since + window, self._begun_at + window * self._begun / most)
        free = most - self._open
        if free > 0 and len(self._arrived) >= free:
            until = max(until, self._arrived[-free] + window)
        return max(0.0, until - now)

    def begin(self, now: float, count: int) -> None:
        """Count dials that are about to be sent; each is `end`ed once."""
        self._open += count
        self._begun_at, self._begun = now, count

    def end(self, at: float) -> None:
        """Note that one of them has arrived at the carrier, at the latest at this time, or never will."""
        self._open -= 1
        self._count(at)

    def owe(self, dial: Hashable, at: float, rate: float) -> None:
        """Count a dial that was sent without asking, and has arrived at this time at the latest: once, by its name."""
        if dial in self._owed:
            return
        self._owed[dial] = at
        while len(self._owed) > 2 * FASTEST:
            del self._owed[next(iter(self._owed))]
        most, window = bounds(rate)
        at = max(at, self._owed_until)
        self._owed_until = at + window / most
        self._count(at)

    def _count(self, at: float) -> None:
        insort(self._arrived, at)
        # What has come before as many others as the fastest pace counts is of no interest to any pace.
        del self._arrived[:-FASTEST]


FASTEST = 1_000
"""Calls a second: the most that may be asked for."""


def bounds(rate: float) -> tuple[int, float]:
    """Return how many dials there may be in how many seconds: whole ones, in no less than one second."""
    most = max(1, min(FASTEST, math.floor(rate)))
    return most, max(SECOND, most / rate if rate < 1 else SECOND) + MARGIN


def _step(most: int) -> int:
    return max(1, most // STEPS)
