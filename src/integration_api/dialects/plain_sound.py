"""An answer that is sound and nothing else."""

from collections.abc import Iterable

from integration_api.core.errors import StreamCut
from integration_api.core.exchange import Frame
from integration_api.core.tts import Sound, Spoken, TtsEvent

WHOLE = "0"
"""The name of the one utterance of a text that is spoken whole."""


END = "end"


class PlainSound:
    """Every chunk is a frame, and so is the end of the body: sound has no other."""

    def feed(self, chunk: bytes) -> Iterable[Frame]:
        return (Frame("", chunk) if chunk else Frame(END, b""),)


class SoundReader:
    """Tells the sound as it comes."""

    def __init__(self, characters: int) -> None:
        self._characters = characters
        self._ended = False

    def feed(self, frame: Frame) -> Iterable[TtsEvent]:
        if frame.name == END:
            self._ended = True
            return ()
        return (Sound(WHOLE, frame.data),)

    def close(self) -> Iterable[TtsEvent]:
        if not self._ended:
            raise StreamCut
        return (Spoken(utterance_id=WHOLE, characters=self._characters),)
