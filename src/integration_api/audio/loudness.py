"""Whether somebody speaks: a peak that no line noise reaches."""

from functools import cache

from integration_api.core.audio import AudioFormat, Encoding

PEAK = 800
"""Of 32,768: about -32 dB, where speech on a telephone has its peaks well above and noise below."""
_QUIET = bytes([*range(PEAK >> 8), *range(256 - (PEAK >> 8), 256)])
"""What the higher byte of a 16-bit sample is that is below the peak, whatever the lower one is."""
_UNSURE = bytes([*range((PEAK >> 8) + 1), *range(255 - (PEAK >> 8), 256)])
"""What it is of all that is below the peak: any other is above it."""


def loud(sound: bytes, form: AudioFormat) -> bool:
    """Return whether raw sound has a peak of speech; of other sound nothing is known."""
    match form.encoding:
        case Encoding.PCM_S16LE:
            # Nearly all silence ends here, and nearly all speech, without a look at each sample.
            higher = sound[1::2].translate(None, _QUIET)
            if not higher:
                return False
            if higher.translate(None, _UNSURE):
                return True
            samples = memoryview(sound)[: len(sound) & ~1].cast("h")
            return len(samples) > 0 and (max(samples) > PEAK or min(samples) < -PEAK)
        case Encoding.MULAW:
            return b"\x01" in sound.translate(_table(alaw=False))
        case Encoding.ALAW:
            return b"\x01" in sound.translate(_table(alaw=True))
        case _:
            return False


@cache
def _table(*, alaw: bool) -> bytes:
    """Return for each code 1 where it is loud, else 0. The size of a G.711 sample grows with its code."""
    table = bytearray(256)
    for code in range(256):
        plain = code ^ 0x55 if alaw else ~code & 0xFF
        exponent, mantissa = plain >> 4 & 7, plain & 0x0F
        if alaw:
            size = (mantissa << 4) + (0x108 << exponent - 1 if exponent else 8)
        else:
            size = ((mantissa << 3) + 0x84 << exponent) - 0x84
        table[code] = size > PEAK
    return bytes(table)
