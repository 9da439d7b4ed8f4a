"""Sound in messages of the length that AssemblyAI takes: 50 to 1000 ms, or it closes with 3007."""

from integration_api.core.audio import AudioFormat, Encoding

LEAST_MS = 50
MOST_MS = 1000


class Pieces:
    """Holds back what is too short. Sound that is not samples is passed on: nobody knows how long it lasts."""

    def __init__(self, form: AudioFormat) -> None:
        self._form = form
        self._least = _at_least(LEAST_MS, form) if form.raw else 0
        self._held = bytearray()

    def feed(self, sound: bytes) -> list[bytes]:
        if not self._form.raw:
            return [sound] if sound else []
        self._held += sound
        least, most = self._least, self._form.size(MOST_MS)
        pieces: list[bytes] = []
        while len(self._held) >= least:
            # What is left of a long piece must not be too short for one of its own.
            size = most if len(self._held) >= most + least else min(len(self._held), most - least)
            pieces.append(bytes(self._held[:size]))
            del self._held[:size]
        return pieces

    def rest(self) -> list[bytes]:
        """Return what is held back, made long enough by silence: nothing follows that it could put off."""
        if not self._held:
            return []
        quiet = b"\xff" if self._form.encoding is Encoding.MULAW else b"\0"
        piece = bytes(self._held).ljust(self._least, quiet)
        self._held.clear()
        return [piece]


def _at_least(milliseconds: int, form: AudioFormat) -> int:
    """Return the size of the first whole samples that last no shorter."""
    samples = -(-milliseconds * form.sample_rate // 1000)
    return samples * form.bytes_per_second // form.sample_rate
