"""A cache in this process: least recently used out first, bounded in bytes, each entry with its end."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

OVERHEAD = 200
"""What an entry costs beside its key and value."""


class LocalCache:
    def __init__(self, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most_bytes
        self._clock = clock
        self._bytes = 0
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    async def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[1] <= self._clock():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry[0]

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        self._drop(key)
        self._entries[key] = (value, self._clock() + ttl)
        self._bytes += len(key) + len(value) + OVERHEAD
        while self._bytes > self._most and self._entries:
            self._drop(next(iter(self._entries)))

    async def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._drop(key)

    async def ping(self) -> bool:
        return True

    async def close(self) -> None:
        self._entries.clear()
        self._bytes = 0

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(key) + len(entry[0]) + OVERHEAD
