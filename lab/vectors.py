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
