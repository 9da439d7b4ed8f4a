"""Sound cut into frames of one length, without a gap."""

from integration_api.core.audio import AudioFormat, Encoding

_SILENCE = {Encoding.PCM_S16LE: b"\0", Encoding.MULAW: b"\xff", Encoding.ALAW: b"\xd5"}


class Frames:
    """Cuts raw sound; sound with a container is passed on as it comes.

    Where frames are no whole samples long, as 20 ms at 11025 Hz, some have one more than others: none begins more
    than a sample from its time.
    """

    def __init__(self, form: AudioFormat, milliseconds: int) -> None:
        self._form = form
        self._milliseconds = milliseconds
        self._size = form.size(milliseconds) if form.raw else 0
        self._even = milliseconds * form.sample_rate % 1000 == 0
        self._cut = 0
        """How many frames there were."""
        self._left = b""
        self.bytes = 0
        """All that came in."""

    def feed(self, sound: bytes) -> list[bytes]:
        self.bytes += len(sound)
        if not self._size:
            return [sound] if sound else []
        if self._even and not self._left and len(sound) == self._size:
            return [sound]
        held = self._left + sound if self._left else sound
        if self._even:
            whole = len(held) - len(held) % self._size
            self._left = held[whole:]
            return [held[at : at + self._size] for at in range(0, whole, self._size)]
        frames, at = [], 0
        while (end := at + self._next()) <= len(held):
            frames.append(held[at:end])
            self._cut += 1
            at = end
        self._left = held[at:]
        return frames

    def flush(self) -> list[bytes]:
        """Return the last frame, made whole with silence."""
        left, self._left = self._left, b""
        return [left.ljust(self._next(), _SILENCE[self._form.encoding])] if left else []

    def _next(self) -> int:
        """Return the size of the next frame."""
        if self._even:
            return self._size
        at = self._cut * self._milliseconds
        return self._form.size(at + self._milliseconds) - self._form.size(at)

    @property
    def milliseconds(self) -> int:
        """How long what came in lasts; 0 where that cannot be told."""
        return self._form.milliseconds(self.bytes) if self._size else 0
