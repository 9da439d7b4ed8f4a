"""A root key from an environment variable: base64 of 32 bytes."""

import os
from base64 import b64decode

from integration_api.vault.aes_gcm import KEY
from integration_api.vault.errors import KeyUnavailable, RootKeyError
from integration_api.vault.roots import Root


class EnvRoot:
    """Holds one key: replacing it is the operator's act, together with a re-wrap by a key file."""

    def __init__(self, root: Root) -> None:
        self._root = root

    @classmethod
    def open(cls, name: str) -> "EnvRoot":
        """Read the variable `name`. Raises `RootKeyError`."""
        text = os.environ.get(name, "")
        if not text:
            raise RootKeyError(f"the root key is missing: set {name} to base64 of 32 random bytes")
        try:
            key = bytearray(b64decode(text, validate=True))
        except ValueError:
            raise RootKeyError(f"the root key in {name} is not base64") from None
        if len(key) != KEY:
            raise RootKeyError(f"the root key in {name} must be {KEY} bytes, base64-encoded")
        return cls(Root(key))

    @property
    def current_id(self) -> str:
        return self._root.id

    async def wrap(self, key: bytearray, aad: bytes) -> bytes:
        return self._root.wrap(key, aad)

    async def unwrap(self, root_id: str, wrapped: bytes, aad: bytes) -> bytearray:
        if root_id != self._root.id:
            raise KeyUnavailable
        return self._root.unwrap(wrapped, aad)

    async def rotate(self) -> None:
        raise RootKeyError(
            "a root key in the environment can not be rotated here; move it into a key file first"
        )
