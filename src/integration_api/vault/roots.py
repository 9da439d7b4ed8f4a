"""Root keys: what wraps every organization's key, and never stands in the database.

`RootKeys` is what any place for them must offer; a key file and the environment
are built here, key-management services will join.
"""

import hashlib
import os
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from integration_api.core.secret import wipe
from integration_api.vault.aes_gcm import KEY, NONCE, decrypt, encrypt
from integration_api.vault.errors import RootKeyError


class RootKeys(Protocol):
    """One current root key, and older ones that still unwrap."""

    @property
    def current_id(self) -> str:
        """A fingerprint of the current key, safe to show."""
        ...

    async def wrap(self, key: bytearray, aad: bytes) -> bytes:
        """Return `key` wrapped by the current root key."""
        ...

    async def unwrap(self, root_id: str, wrapped: bytes, aad: bytes) -> bytearray:
        """Return what `wrap` was given, in a buffer the caller must wipe. Raises `Failure`."""
        ...

    async def rotate(self) -> None:
        """Make a new current key, the old ones still unwrapping. Raises `RootKeyError` where it can not."""
        ...


class Root:
    """One root key in memory, ready for use."""

    __slots__ = ("_cipher", "id")

    def __init__(self, key: bytearray) -> None:
        self.id = fingerprint(key)
        self._cipher = AESGCM(key)
        wipe(key)

    def wrap(self, key: bytearray, aad: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + encrypt(self._cipher, nonce, key, aad)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytearray:
        return decrypt(self._cipher, wrapped[:NONCE], wrapped[NONCE:], aad)


def fingerprint(key: bytes | bytearray) -> str:
    """Return a key's public name: 16 hex digits of a hash that says nothing about it."""
    return hashlib.sha256(b"iv1/root-id" + key).hexdigest()[:16]


def new_key() -> bytearray:
    return bytearray(os.urandom(KEY))


async def open_root(spec: str, *, rows_exist: bool) -> RootKeys:
    """Open the root keys that CRYPTO__ROOT names; a key file is made on the first start only.

    Raises `RootKeyError` with one line that says what to do.
    """
    from integration_api.vault.env_root import EnvRoot  # noqa: PLC0415 - both know `Root`
    from integration_api.vault.file_root import FileRoot  # noqa: PLC0415

    scheme, _, rest = spec.partition(":")
    match scheme:
        case "file" if rest:
            return FileRoot.open(rest, rows_exist=rows_exist)
        case "env" if rest:
            return EnvRoot.open(rest)
        case "vault" | "aws-kms" | "gcp-kms" | "azure-kv":
            raise RootKeyError(f"CRYPTO__ROOT={scheme}:… is not built yet; use file:PATH or env:NAME")
        case _:
            raise RootKeyError("CRYPTO__ROOT must be file:PATH or env:NAME")
