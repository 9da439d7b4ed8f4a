"""How sound is written down."""

from enum import StrEnum

from msgspec import Struct, field


class Encoding(StrEnum):
    PCM_S16LE = "pcm_s16le"
    MULAW = "mulaw"
    ALAW = "alaw"
    OPUS = "opus"
    OGG_OPUS = "ogg_opus"
    MP3 = "mp3"
    WAV = "wav"
    FLAC = "flac"
    WEBM_OPUS = "webm_opus"
    AAC = "aac"


SAMPLE_BYTES = {Encoding.PCM_S16LE: 2, Encoding.MULAW: 1, Encoding.ALAW: 1}
"""Bytes of one sample, of the encodings that are nothing but samples."""


class AudioFormat(Struct, frozen=True):
    """`sample_rate` is in Hz; samples of several channels alternate."""

    encoding: Encoding = Encoding.PCM_S16LE
    sample_rate: int = field(default=16_000, name="sample_rate_hz")
    channels: int = 1

    @property
    def raw(self) -> bool:
        """Whether it is nothing but samples, so that bytes tell the time."""
        return self.encoding in SAMPLE_BYTES

    @property
    def bytes_per_second(self) -> int:
        """Of raw sound only."""
        return SAMPLE_BYTES[self.encoding] * self.sample_rate * self.channels

    def milliseconds(self, size: int) -> int:
        """Return how long `size` bytes of raw sound last."""
        return size * 1000 // self.bytes_per_second

    def size(self, milliseconds: int) -> int:
        """Return how many bytes of raw sound last so long: whole samples."""
        step = SAMPLE_BYTES[self.encoding] * self.channels
        return milliseconds * self.sample_rate // 1000 * step
