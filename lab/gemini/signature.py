"""Signatures of thoughts: what the lab signed it also checks (ai.google.dev/gemini-api/docs/thought-signatures)."""

from base64 import b64encode
from hashlib import blake2b

from lab.gemini.parse import decoded
from lab.http import Call

UNCHECKED = frozenset({"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"})
_HEAD = b"\x12\x24lab"


def sign(call: Call, what: str) -> str:
    """A signature for one part of an answer."""
    # Bytes whose base64 has both of its last two letters: they must not change on their way.
    return b64encode(
        _HEAD + b"\xfb\xff" + blake2b(call.body + what.encode(), digest_size=25).digest()
    ).decode()


def valid(signature: str) -> bool:
    """Whether a signature can be one of Google's, or says that it need not be."""
    raw = decoded(signature) or b""
    return (
        signature in UNCHECKED
        or raw.decode("latin-1") in UNCHECKED
        or raw.startswith((_HEAD, b"\x12", b"\x0a"))
    )
