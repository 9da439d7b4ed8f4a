"""What a key's own text makes a provider think of it: every key is good unless it says otherwise."""

from typing import Literal

from lab.http import Call

Verdict = Literal["good", "missing", "invalid", "forbidden", "noquota"]
_WORDS: tuple[Verdict, ...] = ("invalid", "forbidden", "noquota")
_HEADERS = (
    "authorization", "x-api-key", "x-goog-api-key", "xi-api-key", "ocp-apim-subscription-key",
    "api-subscription-key",
)  # fmt: skip
_PARAMETERS = ("single_use_token", "token")


def bearer(call: Call) -> str:
    """The key of an `Authorization: Bearer` header, or the empty string."""
    scheme, _, key = call.header("authorization").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def offered(call: Call) -> str:
    """The key of a request, whichever header or parameter it came in; of a scheme and a key, the key."""
    given = [value for name in _HEADERS if (value := call.header(name))]
    given += [value for name in _PARAMETERS if (value := call.query.get(name, ""))]
    return given[0].rpartition(" ")[2] if given else ""


def verdict(key: str) -> Verdict:
    """What becomes of a request with this key."""
    if not key:
        return "missing"
    return next((word for word in _WORDS if word in key.lower()), "good")
