"""Texts as vectors: a bag of hashed words, so that texts which share words are near."""

from array import array
from hashlib import sha256
from math import sqrt
from sys import byteorder

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingInput, EmbeddingRequest, EmbeddingResponse
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import Exchange
from integration_api.core.llm import Bytes, Text, Usage
from integration_api.providers.sandbox.account import raise_asked_for
from integration_api.providers.sandbox.words import words

DIMENSIONS = 256
MOST_DIMENSIONS = 4_096
"""Larger than any vendor's vectors."""


def embed(ask: EmbeddingRequest, credential: Credential) -> Exchange[EmbeddingResponse]:
    """Return a vector of length one for each input, in the `dtype` asked for."""
    yield from ()
    raise_asked_for(ask.model)
    dimensions = DIMENSIONS if ask.dimensions is None else ask.dimensions
    if not 1 <= dimensions <= MOST_DIMENSIONS:
        raise Failure(
            Kind.INVALID_REQUEST, f"dimensions must be from 1 to {MOST_DIMENSIONS}", param="dimensions"
        )
    bags = [_bag(text) for text in ask.inputs]
    heard = sum(len(bag) for bag in bags)
    return EmbeddingResponse(
        model=ask.model,
        vectors=tuple(_packed(_vector(bag, dimensions), ask.dtype) for bag in bags),
        usage=Usage(input_total=heard, input_uncached=heard),
    )


def _bag(input: EmbeddingInput) -> list[str]:
    if isinstance(input, str):
        return words(input)
    bag: list[str] = []
    for part in input:
        match part:
            case int():
                bag.append(str(part))
            case Text(text=text):
                bag += words(text)
            case _:
                held = part.source
                bag.append(held.base64 if isinstance(held, Bytes) else repr(held))
    return bag


def _vector(bag: list[str], dimensions: int) -> list[float]:
    vector = [0.0] * dimensions
    for word in bag or [""]:
        digest = sha256(word.encode()).digest()
        # The last byte's low bit is the sign: words that collide cancel as often as they add.
        vector[int.from_bytes(digest[:8], "big") % dimensions] += 1.0 if digest[-1] & 1 else -1.0
    length = sqrt(sum(value * value for value in vector))
    if not length:  # Every word met its opposite.
        vector[0] = length = 1.0
    return [value / length for value in vector]


def _packed(vector: list[float], dtype: str) -> bytes:
    match dtype:
        case "int8":
            return array("b", [round(value * 127) for value in vector]).tobytes()
        case "uint8":
            return bytes(round(value * 127) + 128 for value in vector)
        case "binary" | "ubinary":
            bits = "".join("1" if value > 0 else "0" for value in vector)
            bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
            packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
            # Signed bytes are the unsigned ones less 128.
            return packed if dtype == "ubinary" else bytes(byte ^ 0x80 for byte in packed)
        case _:
            floats = array("f", vector)
            if byteorder == "big":
                floats.byteswap()
            return floats.tobytes()
