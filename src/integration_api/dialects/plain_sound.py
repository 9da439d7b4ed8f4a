"""An answer that is sound and nothing else."""

from collections.abc import Iterable

from integration_api.core.exchange import Frame
from integration_api.core.tts import Sound, Spoken, TtsEvent

WHOLE = "0"
"""The name of the one utterance of a text that is spoken whole."""


class PlainSound:
    """Every chunk is a frame."""

    def feed(self, chunk: bytes) -> Iterable[Frame]:
        return (Frame("", chunk),)


class SoundReader:
    """Tells the sound as it comes. A body cut short is the transport's to notice."""

    def __init__(self, characters: int) -> None:
        self._characters = characters

    def feed(self, frame: Frame) -> Iterable[TtsEvent]:
        return (Sound(WHOLE, frame.data),)

    def close(self) -> Iterable[TtsEvent]:
        return (Spoken(utterance_id=WHOLE, characters=self._characters),)
