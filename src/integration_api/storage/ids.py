"""Row ids: snowflakes with the platform's epoch and layout, so that ids of both generations sort together.

41 bits of milliseconds since 2008-11-10T23:00:00Z, 10 bits of worker, 12 bits of sequence.
"""

import time
from collections.abc import Callable

EPOCH_MILLISECONDS = 1_226_358_000_000
WORKERS = 1 << 10
SEQUENCE_BITS = 12
WORKER_SHIFT = SEQUENCE_BITS
TIME_SHIFT = SEQUENCE_BITS + 10


class Snowflake:
    """Hands out ids that only grow. One per process, with a worker number no other process has."""

    __slots__ = ("_clock", "_next", "_worker")

    def __init__(self, worker: int, clock: Callable[[], float] = time.time) -> None:
        if not 0 <= worker < WORKERS:
            raise ValueError(f"worker must be between 0 and {WORKERS - 1}")
        self._worker = worker << WORKER_SHIFT
        self._clock = clock
        self._next = 0
        """Millisecond and sequence as one number: running over 4096 in a millisecond borrows the next."""

    def next(self) -> int:
        """Return an id greater than every one before it, even when the clock goes back."""
        now = (int(self._clock() * 1000) - EPOCH_MILLISECONDS) << SEQUENCE_BITS
        at = self._next = max(self._next + 1, now)
        sequence = at & ((1 << SEQUENCE_BITS) - 1)
        return (at >> SEQUENCE_BITS) << TIME_SHIFT | self._worker | sequence


def milliseconds_of(id: int) -> int:
    """Return the Unix milliseconds at which an id was made."""
    return (id >> TIME_SHIFT) + EPOCH_MILLISECONDS
