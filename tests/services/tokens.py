"""Service tokens as the platform's services make them, written here a second time: nothing of ours is used."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

SECRET = "a-secret-that-all-services-share-0123456789"
LARGE = 9_007_199_254_740_993
"""2**53 + 1: a float can not hold it."""


class Later(NamedTuple):
    """A time so many seconds after a token is signed: claims may be older than the test that uses them."""

    seconds: int


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(claims: Any, *, secret: str = SECRET, header: Any = None) -> str:
    if isinstance(claims, dict):
        now = int(time.time())
        claims = {name: now + it.seconds if isinstance(it, Later) else it for name, it in claims.items()}
    head = f"{part(header or {'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    return f"{head}.{part(hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest())}"


def old(**claims: Any) -> dict[str, Any]:
    """The claims of the first generation: who is called for, and until when."""
    return {"exp": Later(86_400), "organizationId": 7, "projectId": LARGE, **claims}


def new(**claims: Any) -> dict[str, Any]:
    """The claims of the second: also who made it, for whom and when."""
    return {
        "actor_type": "service", "actor_id": "9007", "iss": "assistant-api", "aud": "rapida-internal",
        "iat": Later(0), "exp": Later(300), "organizationId": 7, "projectId": LARGE, **claims,
    }  # fmt: skip


def third(kind: str = "user", **claims: Any) -> dict[str, Any]:
    """The claims of the third: also for whom that service calls."""
    return new(**{"delegated_auth_type": kind, "delegated_actor_id": 12, **claims})


def without(claims: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name not in names}


def metadata(given: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Sign now what is given as claims."""
    return [(name, signed(value) if isinstance(value, dict) else value) for name, value in given]


def service_key(claims: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return claims where a token of theirs belongs; `metadata` signs them."""
    return [("x-internal-service-key", claims)]
