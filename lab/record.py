"""What the lab remembers: the requests it received, without their keys, and how its connections fared."""

import time
from collections import deque
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

import msgspec

from lab.http import Call

_SECRETS = frozenset({
    "authorization", "x-api-key", "api-key", "x-goog-api-key", "xi-api-key", "cookie",
    "ocp-apim-subscription-key", "api-subscription-key",
})  # fmt: skip
_SECRET_PARAMETERS = frozenset({"key", "api_key", "access_token", "token", "single_use_token"})


def fingerprint(value: str) -> str:
    """What stands for a secret: its SHA-256, behind the scheme if it has one."""
    scheme, space, secret = value.rpartition(" ")
    return f"{scheme}{space}sha256:{sha256(secret.encode()).hexdigest()}"


@dataclass(slots=True)
class Received:
    """One request as it came in; `at` is the monotonic clock, `connection` tells connections apart."""

    serial: int
    at: float
    connection: int
    provider: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes
    said: list[str | bytes] = field(default_factory=list)
    """What the client said on the WebSocket that the request opened, so far."""

    def json(self) -> Any:
        """The body as JSON. Raises `msgspec.DecodeError`."""
        return msgspec.json.decode(self.raw)

    def report(self) -> dict[str, Any]:
        """The request as the control API shows it: `body` is JSON where it can be, `text` is what came."""
        try:
            body = self.json()
        except msgspec.DecodeError:
            body = None
        return {
            "serial": self.serial,
            "at": self.at,
            "connection": self.connection,
            "provider": self.provider,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "body": body,
            "text": self.raw.decode("utf-8", "replace"),
            "said": [one if isinstance(one, str) else len(one) for one in self.said],
        }


def received(call: Call, connection: int) -> Received:
    """The record of a request. Keys leave only their fingerprints."""
    return Received(
        serial=call.serial,
        at=time.monotonic(),
        connection=connection,
        provider=call.provider,
        method=call.method,
        path=call.path,
        query={k: fingerprint(v) if k in _SECRET_PARAMETERS else v for k, v in call.query.items()},
        headers={k: fingerprint(v) if k in _SECRETS else v for k, v in call.headers.items()},
        raw=call.body,
        said=call.said,
    )


@dataclass(slots=True)
class Disconnect:
    """A client that left while it was being answered: when (both clocks), and after how much."""

    at: float
    unix: float
    serial: int
    provider: str
    path: str
    model: str
    sent_bytes: int
    sent_pieces: int


@dataclass(slots=True)
class Stats:
    """Counters since the last clearing; `connections` and `answering` are what is alive now."""

    connections: int = 0
    connections_seen: int = 0
    answering: int = 0
    answering_most: int = 0
    requests: dict[str, int] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    disconnects: int = 0
    disconnected: deque[Disconnect] = field(default_factory=lambda: deque(maxlen=1000))
    malformed: int = 0

    def clear(self) -> None:
        """Forgets the past, not the present."""
        self.connections_seen = self.connections
        self.answering_most = self.answering
        self.requests.clear()
        self.statuses.clear()
        self.disconnects = 0
        self.disconnected.clear()
        self.malformed = 0

    def report(self) -> dict[str, Any]:
        """The counters as the control API shows them, with the clocks a reader compares them to."""
        return {
            "now": time.monotonic(),
            "unix": time.time(),
            "connections": self.connections,
            "connections_seen": self.connections_seen,
            "answering": self.answering,
            "answering_most": self.answering_most,
            "requests": self.requests,
            "statuses": {str(status): number for status, number in self.statuses.items()},
            "disconnects": self.disconnects,
            "disconnected": [asdict(one) for one in self.disconnected],
            "malformed": self.malformed,
        }
