"""What every emulated voice has in common: each character is a short tone of its own, so that sound can be checked."""

import array
import math
from functools import cache, lru_cache

CHARACTER_MS = 40
"""A text of 25 characters lasts a second."""
LOUDNESS = 8_000


def pcm(text: str, rate: int) -> bytes:
    """The sound of a text: 16-bit little-endian mono at `rate` Hz, `CHARACTER_MS` for each character."""
    return b"".join(_tone(character, rate) for character in text)


def mulaw(text: str, rate: int = 8_000) -> bytes:
    """The same in G.711 mu-law."""
    table = _mulaw_table()
    return bytes(table[sample & 0xFFFF] for sample in array.array("h", pcm(text, rate)))


def alaw(text: str, rate: int = 8_000) -> bytes:
    """The same in G.711 A-law."""
    table = _alaw_table()
    return bytes(table[sample & 0xFFFF] for sample in array.array("h", pcm(text, rate)))


def milliseconds(text: str) -> int:
    """How long a text takes to say."""
    return len(text) * CHARACTER_MS


@lru_cache(maxsize=4096)
def _tone(character: str, rate: int) -> bytes:
    pitch = 200 + ord(character) % 128 * 8
    samples = rate * CHARACTER_MS // 1000
    return array.array(
        "h", (round(LOUDNESS * math.sin(2 * math.pi * pitch * at / rate)) for at in range(samples))
    ).tobytes()


@cache
def _mulaw_table() -> bytes:
    return bytes(_mulaw(one - 65536 if one & 0x8000 else one) for one in range(65536))


@cache
def _alaw_table() -> bytes:
    return bytes(_alaw(one - 65536 if one & 0x8000 else one) for one in range(65536))


def _mulaw(sample: int) -> int:
    """ITU-T G.711, table 2a, for a sample of 16 bits."""
    sign = 0x80 if sample < 0 else 0
    size = min(abs(sample >> 2), 8158) + 33
    exponent = size.bit_length() - 6
    return ~(sign | exponent << 4 | (size >> exponent + 1) & 0x0F) & 0xFF


def _alaw(sample: int) -> int:
    """ITU-T G.711, table 1a, for a sample of 16 bits."""
    sign = 0x80 if sample >= 0 else 0
    size = (sample if sample >= 0 else ~sample) >> 4
    exponent = max(0, size.bit_length() - 5 + 1) if size > 31 else size >> 4
    if exponent > 1:
        code = exponent << 4 | (size >> exponent - 1) & 0x0F
    else:
        code = size & 0x1F
    return (sign | code) ^ 0x55
