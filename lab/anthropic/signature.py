"""Signatures of thinking: what the lab signed it also checks, so that a changed block does not pass."""

import binascii
from base64 import b64decode, b64encode
from hashlib import blake2b

from lab.anthropic.traits import Traits

# Every signature of Anthropic's begins with this byte; the rest of the head is the lab's own.
_FIRST = b"\x12"
_HEAD = _FIRST + b"\x50lab"


def sign(thinking: str, trait: Traits) -> str:
    """The signature of a thinking block as it is shown."""
    return b64encode(_HEAD + _digest(thinking, trait)).decode("ascii")


def valid(signature: str, thinking: str, trait: Traits) -> bool:
    """Whether a replayed block can be one that was signed: byte for byte if the lab did it."""
    try:
        raw = b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    if raw.startswith(_HEAD):
        return raw == _HEAD + _digest(thinking, trait)
    return raw.startswith(_FIRST)


def _digest(thinking: str, trait: Traits) -> bytes:
    return blake2b(thinking.encode(), digest_size=59, person=trait.line.encode()).digest()
