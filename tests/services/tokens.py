"""Service tokens as the platform's services make them, written here a second time: nothing of ours is used."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

SECRET = "a-secret-that-all-services-share-0123456789"
LARGE = 9_007_199_254_740_993
"""2**53 + 1: a float can not hold it."""


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(claims: Any, *, secret: str = SECRET, header: Any = None) -> str:
    head = f"{part(header or {'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    return f"{head}.{part(hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest())}"


def old(**claims: Any) -> dict[str, Any]:
    """The claims of the first generation: who is called for, and until when."""
    return {"exp": int(time.time()) + 86_400, "organizationId": 7, "projectId": LARGE, **claims}


def new(**claims: Any) -> dict[str, Any]:
    """The claims of the second: also who made it, for whom and when."""
    now = int(time.time())
    return {
        "actor_type": "service", "actor_id": "9007", "iss": "assistant-api", "aud": "rapida-internal",
        "iat": now, "exp": now + 300, "organizationId": 7, "projectId": LARGE, **claims,
    }  # fmt: skip


def third(kind: str = "user", **claims: Any) -> dict[str, Any]:
    """The claims of the third: also for whom that service calls."""
    return new(**{"delegated_auth_type": kind, "delegated_actor_id": 12, **claims})


def without(claims: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name not in names}
