"""What a key's own text makes a provider think of it: every key is good unless it says otherwise."""

from typing import Literal

from lab.http import Call

Verdict = Literal["good", "missing", "invalid", "forbidden", "noquota"]
_WORDS: tuple[Verdict, ...] = ("invalid", "forbidden", "noquota")


def bearer(call: Call) -> str:
    """The key of an `Authorization: Bearer` header, or the empty string."""
    scheme, _, key = call.header("authorization").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def verdict(key: str) -> Verdict:
    """What becomes of a request with this key."""
    if not key:
        return "missing"
    return next((word for word in _WORDS if word in key.lower()), "good")
