"""The head of a WAV file whose length is not known yet. https://learn.microsoft.com/windows/win32/xaudio2/resource-interchange-file-format--riff-"""

from struct import pack

from integration_api.core.audio import AudioFormat

UNKNOWN = 0xFFFF_FFFF
"""What players take for "until it ends"."""
PCM, BITS = 1, 16


def wave_header(form: AudioFormat) -> bytes:
    """Return the bytes before the samples of 16-bit PCM."""
    step = form.channels * BITS // 8
    return pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", UNKNOWN, b"WAVE", b"fmt ", 16,
        PCM, form.channels, form.sample_rate, form.sample_rate * step, step, BITS,
        b"data", UNKNOWN,
    )  # fmt: skip
