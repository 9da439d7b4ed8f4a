"""Sound that is not settled yet, so that a new turn can hear it again."""

from collections.abc import Iterator

from integration_api.core.audio import AudioFormat

LONGEST_MS = 30_000
"""Of sound without a phrase that is kept: a phrase is never longer."""
PIECE_MS = 100
"""How much of it is sent in one message."""


class Kept:
    """Positions are milliseconds of all the sound that was added."""

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self._rate = format.bytes_per_second
        self._most = format.size(LONGEST_MS)
        self._step = format.size(PIECE_MS)
        self._sound = bytearray()
        self._begin = 0
        """Bytes that came before those that are kept."""

    def __bool__(self) -> bool:
        return bool(self._sound)

    @property
    def start_ms(self) -> float:
        return self._begin * 1000 / self._rate

    @property
    def end_ms(self) -> float:
        """How much sound there was."""
        return (self._begin + len(self._sound)) * 1000 / self._rate

    def add(self, sound: bytes) -> None:
        self._sound += sound
        if len(self._sound) > self._most:
            self._forget(len(self._sound) - self._most)

    def settle(self, at_ms: float) -> None:
        """Forget what came before a position."""
        # To the nearest sample: less would leave a rest of a millisecond for which a turn is opened again and again.
        samples = round(at_ms * self._format.sample_rate / 1000)
        at = samples * (self._rate // self._format.sample_rate)
        self._forget(min(at - self._begin, len(self._sound)))

    def pieces(self) -> Iterator[bytes]:
        for at in range(0, len(self._sound), self._step):
            yield bytes(self._sound[at : at + self._step])

    def _forget(self, size: int) -> None:
        if size > 0:
            del self._sound[:size]
            self._begin += size
