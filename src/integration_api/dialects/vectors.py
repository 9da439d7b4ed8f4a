"""Vectors as packed bytes, from the numbers or the base64 that providers give.

Little-endian float32, or one byte a number for the narrower types: what base64 for the caller is
made of without a detour.
"""

import binascii
import sys
from array import array
from collections.abc import Mapping, Sequence
from math import fsum, sqrt

from integration_api.core.errors import Kind, ProviderError

PACKED = {"int8": "b", "uint8": "B", "binary": "b", "ubinary": "B"}
"""How the numbers of a narrower type are packed: binary is eight dimensions a byte."""


def vector(embedding: str | Sequence[float], dtype: str) -> bytes:
    """Return a vector as packed bytes: little-endian float32, or as `dtype` says.

    Raises `ProviderError` (BAD_RESPONSE) for one that is not what was asked for.
    """
    try:
        if isinstance(embedding, str):
            packed = binascii.a2b_base64(embedding, strict_mode=True)
            if dtype == "float" and len(packed) % 4:
                raise ValueError
            return packed
        if dtype != "float":
            return array(PACKED[dtype], [int(number) for number in embedding]).tobytes()
        numbers = array("f", embedding)
    except (ValueError, OverflowError, TypeError) as error:
        raise _bad(f"the provider's vector could not be read: {type(error).__name__}") from None
    return _little(numbers)


def in_order(found: Mapping[int, bytes], given: int, asked: int) -> list[bytes]:
    """Return the vectors by their place in the request, whatever order they came in.

    `given` is how many came. Raises `ProviderError` (BAD_RESPONSE) unless there is one for each input.
    """
    if given == len(found) == asked and all(place in found for place in range(asked)):
        return [found[place] for place in range(asked)]
    raise _bad(f"the provider gave {given} vectors for {asked} inputs")


def shortened(packed: bytes, dimensions: int) -> bytes:
    """Keep the first `dimensions` of a float32 vector and make its length 1 again.

    Only for models trained so that the beginning of a vector says most of it (Matryoshka,
    https://arxiv.org/abs/2205.13147): of others it would be noise.
    """
    numbers = array("f", packed)
    if sys.byteorder == "big":
        numbers.byteswap()
    kept = numbers[:dimensions]
    length = sqrt(fsum(number * number for number in kept)) or 1.0
    return _little(array("f", [number / length for number in kept]))


def _little(numbers: "array[float]") -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _bad(message: str) -> ProviderError:
    return ProviderError(Kind.BAD_RESPONSE, message, code="bad_upstream_response")
