"""Made-up embeddings: unit vectors that follow from the text, near to one another for texts that share words."""

from array import array
from base64 import b64encode
from functools import lru_cache
from hashlib import shake_256
from math import sqrt

_KEPT = 512  # vectors remembered; making one of 3072 dimensions takes about a millisecond
_WORDS = 24  # words of a text that shape its vector


@lru_cache(_KEPT)
def vector(text: str, dimensions: int) -> "array[float]":
    """A text's vector of length 1, in float32."""
    words = text.lower().split()[:_WORDS] or [text]
    total = [0] * dimensions
    for word in {*words, text}:
        noise = array("h", shake_256(word.encode()).digest(dimensions * 2))
        total = [one + other for one, other in zip(total, noise, strict=True)]
    length = sqrt(sum(value * value for value in total)) or 1.0
    return array("f", [value / length for value in total])


def in_base64(values: "array[float]") -> str:
    """Little-endian float32, as vendors send vectors when asked for base64."""
    return b64encode(values.tobytes()).decode("ascii")


def narrow(values: "array[float]", dtype: str) -> list[int]:
    """The vector in a narrower type: a byte a number, or a bit."""
    if dtype in ("int8", "uint8"):
        offset = 0 if dtype == "int8" else 128
        return [round(max(-1, min(1, value * 8)) * 127) + offset for value in values]
    bits = [value > 0 for value in values]
    packed = [
        sum(bit << (7 - place) for place, bit in enumerate(bits[at : at + 8]))
        for at in range(0, len(bits), 8)
    ]
    return packed if dtype == "ubinary" else [byte - 128 for byte in packed]


def relevance(query: str, document: str) -> float:
    """How near a document is to a query, from 0 to 1."""
    one, other = vector(query, 64), vector(document, 64)
    near = sum(mine * yours for mine, yours in zip(one, other, strict=True))
    return min(1.0, max(0.0, (near + 1) / 2))
