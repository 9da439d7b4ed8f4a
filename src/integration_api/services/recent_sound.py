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
        self._sample = format.size(1000) // format.sample_rate if format.raw else 0
        self._part = b""
        """The beginning of a sample of which more is to come."""
        self._size = 0
        """Bytes of all of the sound."""
        self._pieces: deque[tuple[int, bytes]] = deque()
        """Each with how many bytes there were by its end."""

    @property
    def kept(self) -> bool:
        """Whether it can be heard again: nobody knows how long the bytes of a container last."""
        return self._bytes_per_second > 0

    def keep(self, sound: bytes) -> bytes:
        """Keep sound, which may end anywhere, and return what of it is whole samples with what came before.

        A leg that begins in the middle of a sample would hear noise, and half of one at the end is no sound.
        """
        if not self._bytes_per_second:
            return sound
        if self._part:
            sound, self._part = self._part + sound, b""
        if over := len(sound) % self._sample:
            sound, self._part = sound[:-over], sound[-over:]
        if not sound:
            return b""
        self._size += len(sound)
        self.position = self._ms(self._size)
        self._pieces.append((self._size, sound))
        if self.settled < self.position - REPLAY_MS:
            self.settle(self.position - REPLAY_MS)
        return sound

    def settle(self, at: float) -> None:
        """Forget the sound up to there."""
        self.settled = max(self.settled, min(at, self.position))
        settled, pieces = self._bytes(self.settled), self._pieces
        while pieces and pieces[0][0] <= settled:
            pieces.popleft()

    def after(self, at: float) -> list[tuple[float, bytes]]:
        """Return the sound after `at` in pieces, each with when it ends."""
        begin = self._bytes(at)
        found = [piece for piece in self._pieces if piece[0] > begin]
        if found and (heard := begin - (found[0][0] - len(found[0][1]))) > 0:
            found[0] = (found[0][0], found[0][1][heard:])
        return [(self._ms(end), sound) for end, sound in found]

    def _ms(self, size: int) -> float:
        return size * 1000 / self._bytes_per_second

    def _bytes(self, at: float) -> int:
        """Return how many bytes there are to the nearest sample."""
        return (
            round(at * self._bytes_per_second / (1000 * self._sample)) * self._sample if self._sample else 0
        )
