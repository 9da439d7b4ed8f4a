"""A cache that replicas share. https://redis.io/docs/latest/commands/

While Redis does not answer, everything is a miss; it is asked again after a pause.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterable
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

TIMEOUT_SECONDS = 0.05
"""A miss costs one query of the database; waiting longer for Redis would cost more."""
PING_SECONDS = 1.0
PAUSE_SECONDS = 1.0
"""How long a Redis that did not answer is left alone, so that calls do not wait for it one by one."""
PREFIX = "integration-api:"

Answer = TypeVar("Answer")


class RedisCache:
    def __init__(self, host: str, port: int, db: int = 0, *, user: str = "", password: str = "") -> None:
        self._redis = Redis(
            host=host,
            port=port,
            db=db,
            username=user or None,
            password=password or None,
            socket_timeout=PING_SECONDS,
            socket_connect_timeout=PING_SECONDS,
        )
        self._away_until = 0.0

    async def get(self, key: str) -> bytes | None:
        if time.monotonic() < self._away_until:
            return None
        try:
            value = await self._within(self._redis.get(PREFIX + key))
        except (RedisError, OSError, TimeoutError):
            self._away_until = time.monotonic() + PAUSE_SECONDS
            return None
        return value if isinstance(value, bytes) else None

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        if time.monotonic() < self._away_until:
            return
        try:
            await self._within(self._redis.set(PREFIX + key, value, px=max(1, int(ttl * 1000))))
        except (RedisError, OSError, TimeoutError):
            self._away_until = time.monotonic() + PAUSE_SECONDS

    async def delete(self, keys: Iterable[str]) -> None:
        names = [PREFIX + key for key in keys]
        if not names or time.monotonic() < self._away_until:
            return
        try:
            await self._within(self._redis.delete(*names))
        except (RedisError, OSError, TimeoutError):
            self._away_until = time.monotonic() + PAUSE_SECONDS

    async def ping(self) -> bool:
        try:
            return bool(await self._redis.ping())
        except (RedisError, OSError, TimeoutError):
            return False

    async def close(self) -> None:
        await self._redis.aclose()

    @staticmethod
    async def _within(answer: "Awaitable[Answer]") -> "Answer":
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await answer
