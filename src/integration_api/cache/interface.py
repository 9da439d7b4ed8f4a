"""What a shared cache must offer: it may forget at any time, and it never raises on the hot path."""

from collections.abc import Iterable
from typing import Protocol


class Cache(Protocol):
    async def get(self, key: str) -> bytes | None:
        """Return a value, or None when it is not there or the cache does not answer."""
        ...

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value for `ttl` seconds, if the cache answers."""
        ...

    async def delete(self, keys: Iterable[str]) -> None: ...

    async def ping(self) -> bool:
        """Return whether the cache answers. Never raises."""
        ...

    async def close(self) -> None: ...
