"""G.711: a sample of 16 bits in 8, by two laws. https://www.itu.int/rec/T-REC-G.711

Both directions are tables, made when they are first needed.
"""

from functools import cache
from typing import Any

import numpy as np

_BIAS = 33
_LOUDEST = 8158
"""Of 14 bits with the bias; louder is as loud as it gets."""


def decode(data: bytes, *, alaw: bool) -> Any:
    """Return samples as int16."""
    return _decoding(alaw)[np.frombuffer(data, np.uint8)]


def encode(samples: Any, *, alaw: bool) -> bytes:
    """Write int16 samples."""
    coded: bytes = _encoding(alaw)[samples.view(np.uint16)].tobytes()
    return coded


@cache
def _decoding(alaw: bool) -> Any:
    code = np.arange(256, dtype=np.int32)
    if alaw:
        code ^= 0x55
        exponent, mantissa = code >> 4 & 7, code & 0x0F
        size = np.where(
            exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0)
        )
        return np.where(code & 0x80, size, -size).astype(np.int16)
    code = ~code & 0xFF
    size = ((((code & 0x0F) << 3) + 0x84) << (code >> 4 & 7)) - 0x84
    return np.where(code & 0x80, -size, size).astype(np.int16)


@cache
def _encoding(alaw: bool) -> Any:
    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    negative = samples < 0
    if alaw:
        size = np.where(negative, ~samples, samples) >> 4
        exponent = np.maximum(0, _bits(size) - 5 + 1)
        step = np.maximum(exponent - 1, 0)
        code = np.where(exponent > 1, exponent << 4 | (size >> step & 0x0F), size & 0x1F)
        return ((code | np.where(negative, 0, 0x80)) ^ 0x55).astype(np.uint8)
    size = np.minimum(np.abs(samples >> 2), _LOUDEST) + _BIAS
    exponent = _bits(size) - 6
    code = exponent << 4 | (size >> exponent + 1 & 0x0F)
    return (~(code | np.where(negative, 0x80, 0)) & 0xFF).astype(np.uint8)


def _bits(numbers: Any) -> Any:
    """Return each number's length in bits."""
    return np.frexp(numbers.astype(np.float64))[1].astype(np.int32)
