"""Whether whoever spoke has stopped, told by the sound itself: for a socket that leaves turns to its caller."""

from collections.abc import Iterator

from integration_api.audio.loudness import loud
from integration_api.core.audio import AudioFormat
from integration_api.core.stt import Endpointing

STEP_MS = 20
"""How exactly the end of speech is found in a long piece of sound."""


class Silence:
    """Finds in raw sound where a turn is over, as `endpointing` says; nowhere if it leaves that to anybody else."""

    def __init__(self, form: AudioFormat, endpointing: Endpointing) -> None:
        self._form = form
        self._step = form.size(STEP_MS)
        self._speaks = False
        """Whether somebody spoke since the last turn was over."""
        self._quiet = 0
        """Bytes since that was last heard."""
        self.change(endpointing)

    def change(self, endpointing: Endpointing) -> None:
        asked = endpointing.longest_silence_ms
        self._enough = None if asked is None else self._form.size(asked)

    def text(self) -> None:
        """Hear that there is a text, of somebody who may speak too softly to be heard here."""
        if not self._speaks:
            self._speaks, self._quiet = True, 0

    def pieces(self, sound: bytes) -> Iterator[tuple[bytes, bool]]:
        """Return sound in pieces, and of each whether a turn is over behind it."""
        begun = 0
        if self._enough is not None:
            for at in range(0, len(sound), self._step):
                step = sound[at : at + self._step]
                if loud(step, self._form):
                    self._speaks, self._quiet = True, 0
                    continue
                self._quiet += len(step)
                if self._speaks and self._quiet >= self._enough:
                    self._speaks = False
                    yield sound[begun : at + len(step)], True
                    begun = at + len(step)
        if begun < len(sound):
            yield sound[begun:], False
