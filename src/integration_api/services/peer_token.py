"""Tokens by which one replica gets at a call's sound on another: for one call, at one machine, once, and not for long.

    token     base64url of what it says and its MAC
    says      organization project call u64, big-endian || made f64, Unix seconds || nonce 16
    MAC       HMAC-SHA256 of each part with its length before it: what for, at which machine, what it says

The key is the installation's, from the vault: replicas share it and nobody else has it. A machine that lets another in
proves with the same key that it could read the token, so that no sound goes to an address that is no replica's.
"""

import contextlib
import hmac
import os
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from integration_api.core.tenant import Tenant
from integration_api.services import clock

KEY = "media-peers"
"""The vault's name for the key."""
LIFETIME_SECONDS = 20.0
"""From making a token until it is worth nothing: a machine is dialed within two, and clocks are apart by some."""
AHEAD_SECONDS = 5.0
"""How far the clock of the machine that made it may be ahead of the one that looks at it."""
KEPT_SECONDS = 300.0
"""How long it is known that a token was used: longer than it lives by any clock that is set meanwhile."""
ASK, ANSWER = b"media-peer/1 ask", b"media-peer/1 answer"
_LAYOUT = struct.Struct(">QQQd16s")
_MAC = 32
LENGTH = 108
"""Characters: 48 and 32 bytes in base64url, one of them to pad."""


class Refused(Exception):
    """The token is not good; `reason` is a word of ours."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Asked(Struct, frozen=True):
    tenant: Tenant
    call_id: int
    proof: bytes
    """What is said first to whoever was let in."""


class Spent:
    """The tokens that were used at this machine, whichever of its processes they came to: a file of no bytes each.

    Only tokens that are good otherwise get there, so nobody else can make files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tidied = 0.0

    def take(self, nonce: bytes, now: float) -> bool:
        """Use a token; return whether it was the first time. Raises `OSError` where that can not be kept."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if abs(now - self._tidied) > KEPT_SECONDS:
            self._tidied = now
            self._tidy(now)
        try:
            os.close(os.open(self._folder / nonce.hex(), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True

    def _tidy(self, now: float) -> None:
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # Another process was first.
                if path.stat().st_mtime < now - KEPT_SECONDS:
                    path.unlink()


class PeerTokens:
    def __init__(self, key: bytes, spent: Spent, now: Callable[[], float] = clock.now) -> None:
        self._key = key
        self._spent = spent
        self._now = now

    def make(self, machine: str, tenant: Tenant, call_id: int) -> str:
        """Return a token for a call's sound at a machine, as its replicas name it."""
        says = _LAYOUT.pack(tenant.organization_id, tenant.project_id, call_id, self._now(), os.urandom(16))
        return urlsafe_b64encode(says + self._mac(ASK, machine.encode(), says)).decode()

    def open(self, machine: str, token: str) -> Asked:
        """Return what a token is for that came to `machine`, and let it come no more. Raises `Refused` or `OSError`."""
        raw = _decoded(token)
        says, mac = raw[: _LAYOUT.size], raw[_LAYOUT.size :]
        if not hmac.compare_digest(mac, self._mac(ASK, machine.encode(), says)):
            raise Refused("forged")
        organization_id, project_id, call_id, made, nonce = _LAYOUT.unpack(says)
        now = self._now()
        if not now - LIFETIME_SECONDS <= made <= now + AHEAD_SECONDS:
            raise Refused("expired")
        if not self._spent.take(nonce, now):
            raise Refused("replayed")
        return Asked(Tenant(organization_id, project_id), call_id, self.proof(machine, token))

    def proof(self, machine: str, token: str) -> bytes:
        """Return what only a replica can say to a token."""
        return self._mac(ANSWER, machine.encode(), token.encode())

    def _mac(self, *parts: bytes) -> bytes:
        said = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.new(self._key, said, sha256).digest()


def _decoded(token: str) -> bytes:
    try:
        raw = urlsafe_b64decode(token) if len(token) == LENGTH else b""
    except ValueError:
        raw = b""
    if (
        not raw or urlsafe_b64encode(raw).decode() != token
    ):  # It is read leniently, and good in one spelling only.
        raise Refused("forged")
    return raw
