"""Both caches, and both databases, for the tests of this floor."""

import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from integration_api.cache import redis
from integration_api.cache.interface import Cache
from integration_api.cache.local import LocalCache
from integration_api.cache.redis import RedisCache
from tests.servers import redis_url
from tests.stores import backend, kept, postgres_url

__all__ = ["backend", "cache", "kept", "postgres_url", "redis_url"]


class Prefixed:
    """A cache seen through names of its own: the Redis of the tests is everybody's."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._prefix = secrets.token_hex(8)

    async def get(self, key: str) -> bytes | None:
        return await self._cache.get(self._prefix + key)

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        await self._cache.set(self._prefix + key, value, ttl)

    async def delete(self, keys: list[str]) -> None:
        await self._cache.delete(self._prefix + key for key in keys)

    async def ping(self) -> bool:
        return await self._cache.ping()

    async def close(self) -> None:
        await self._cache.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a Redis that answers late on a busy machine be waited for: late is away, as far as callers are concerned."""
    monkeypatch.setattr(redis, "TIMEOUT_SECONDS", 60.0)
    monkeypatch.setattr(redis, "PING_SECONDS", 60.0)


def redis_cache(url: str) -> RedisCache:
    parts = urlsplit(url)
    return RedisCache(parts.hostname or "127.0.0.1", parts.port or 6379, int(parts.path.lstrip("/") or 0))


@pytest.fixture(params=["in process", "redis"])
async def cache(request: pytest.FixtureRequest, patient: None) -> AsyncIterator[Prefixed]:
    made: Cache
    if request.param == "redis":
        made = redis_cache(request.getfixturevalue("redis_url"))
    else:
        made = LocalCache(1 << 20)
    prefixed = Prefixed(made)
    yield prefixed
    await prefixed.close()
