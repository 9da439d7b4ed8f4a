"""Sound in a WAV file. Multimedia Programming Interface and Data Specifications 1.0; RFC 2361"""

from struct import pack

from msgspec.structs import replace

from integration_api.core.audio import SAMPLE_BYTES, AudioFormat, Encoding
from integration_api.core.stt import TranscribeRequest

CODES = {Encoding.PCM_S16LE: 1, Encoding.ALAW: 6, Encoding.MULAW: 7}
HEAD = 44
"""Bytes before the samples."""


def wav(samples: bytes, form: AudioFormat) -> bytes:
    """Return a file of samples that are all there."""
    size = SAMPLE_BYTES[form.encoding]
    head = pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", HEAD - 8 + len(samples), b"WAVE", b"fmt ", 16,
        CODES[form.encoding], form.channels, form.sample_rate, form.bytes_per_second, size * form.channels, size * 8,
        b"data", len(samples),
    )  # fmt: skip
    return head + samples


def filed(ask: TranscribeRequest) -> TranscribeRequest:
    """Return the same recording as a file that says itself what it is: samples are put into a WAV file."""
    if ask.format is None or not ask.format.raw:
        return ask
    sound = wav(ask.audio, ask.format)
    return replace(ask, audio=sound, format=None, filename="audio.wav", mime="audio/wav")
