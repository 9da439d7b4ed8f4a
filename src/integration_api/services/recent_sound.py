"""What a caller has said and asked that is not settled: whoever listens next is to hear it again."""

from collections import deque

from integration_api.core.audio import AudioFormat

REPLAY_MS = 30_000
"""The longest sound without settled text that is kept to be heard again by another leg."""


class RecentSound:
    """Times are milliseconds from the first sound of a session."""

    def __init__(self, format: AudioFormat) -> None:
        self.position = 0.0
        """How long all of the sound is."""
        self.settled = 0.0
        """Up to where its text will not change any more."""
        self.finalize_at: float | None = None
        """Where the caller asked for what was said, until that is answered."""
        self.asked_to_end = False
        self._bytes_per_second = format.bytes_per_second if format.raw else 0
        self._pieces: deque[tuple[float, bytes]] = deque()
        """Each with when it ended."""

    @property
    def kept(self) -> bool:
        """Whether it can be heard again: nobody knows how long the bytes of a container last."""
        return self._bytes_per_second > 0

    def keep(self, sound: bytes) -> None:
        if not self._bytes_per_second:
            return
        self.position += len(sound) * 1000 / self._bytes_per_second
        self._pieces.append((self.position, sound))
        if self.settled < self.position - REPLAY_MS:
            self.settle(self.position - REPLAY_MS)

    def settle(self, at: float) -> None:
        """Forget the sound up to there."""
        self.settled = max(self.settled, min(at, self.position))
        pieces = self._pieces
        while pieces and pieces[0][0] <= self.settled:
            pieces.popleft()

    def after(self, at: float) -> list[tuple[float, bytes]]:
        """Return the pieces that end after `at`, each with when it ends."""
        return [piece for piece in self._pieces if piece[0] > at]
