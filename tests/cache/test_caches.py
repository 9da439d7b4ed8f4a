"""What both caches promise, and what each does when it is full or away."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator

import pytest

from integration_api.cache.local import OVERHEAD, LocalCache
from integration_api.cache.redis import PAUSE_SECONDS, RedisCache
from tests.cache.conftest import Prefixed
from tests.servers import RedisServer


async def test_what_was_set_is_got(cache: Prefixed) -> None:
    assert await cache.ping()
    assert await cache.get("a") is None
    await cache.set("a", b"1", 60)
    await cache.set("b", b"2", 60)
    assert (await cache.get("a"), await cache.get("b")) == (b"1", b"2")
    await cache.set("a", b"3", 60)
    assert await cache.get("a") == b"3"


@pytest.mark.parametrize("value", [b"", b"\0", bytes(range(256)), os.urandom(100_000)], ids=len)
async def test_bytes_come_back_as_they_are(cache: Prefixed, value: bytes) -> None:
    await cache.set("bytes", value, 60)
    assert await cache.get("bytes") == value


@pytest.mark.parametrize("key", ["", "a b", "ключ", "x" * 1000, "a:b:c", "*", "a\nb"])
async def test_names_are_any_text(cache: Prefixed, key: str) -> None:
    await cache.set(key, b"here", 60)
    assert await cache.get(key) == b"here"
    assert await cache.get(key + "x") is None


async def test_what_is_deleted_is_gone(cache: Prefixed) -> None:
    for name in "abc":
        await cache.set(name, b"1", 60)
    await cache.delete(["a", "c", "never there"])
    await cache.delete([])
    assert [await cache.get(name) for name in "abc"] == [None, b"1", None]


async def test_what_has_had_its_time_is_gone(cache: Prefixed) -> None:
    await cache.set("long", b"2", 60)
    for seconds in (0.2, 1, 5, 25):  # Until one was long enough to be seen.
        await cache.set("short", b"1", seconds)
        if seen := await cache.get("short"):
            break
    assert seen == b"1"
    until = time.monotonic() + 60
    while await cache.get("short") is not None:
        assert time.monotonic() < until
        await asyncio.sleep(0.02)
    assert await cache.get("long") == b"2"


# --- in process -------------------------------------------------------------------------------------


async def test_a_full_cache_lets_go_of_what_was_used_longest_ago() -> None:
    cost = 1 + 100 + OVERHEAD
    cache = LocalCache(3 * cost)
    for name in "abc":
        await cache.set(name, bytes(100), 60)
    assert await cache.get("a")
    await cache.set("d", bytes(100), 60)
    assert [name for name in "abcd" if await cache.get(name)] == ["a", "c", "d"]
    await cache.set("e", bytes(4 * cost), 60)
    assert [name for name in "abcde" if await cache.get(name)] == []
    for name in "xyz":
        await cache.set(name, bytes(100), 60)
    assert [name for name in "xyz" if await cache.get(name)] == ["x", "y", "z"], "its room is counted right"


# --- Redis ------------------------------------------------------------------------------------------


@pytest.fixture
async def away(patient: None) -> AsyncIterator[tuple[RedisServer, RedisCache]]:
    """A Redis of one's own, which was stopped, and a cache that knew it."""
    server = RedisServer()
    server.start()
    cache = RedisCache("127.0.0.1", server.port)
    await cache.set("a", b"1", 60)
    assert await cache.get("a") == b"1"
    server.stop()
    yield server, cache
    await cache.close()
    server.stop()


async def test_a_redis_that_is_gone_is_an_empty_cache(away: tuple[RedisServer, RedisCache]) -> None:
    _, cache = away
    assert await cache.get("a") is None
    await cache.set("a", b"2", 60)
    await cache.delete(["a"])
    assert not await cache.ping()


async def test_a_redis_that_is_back_is_used_again(away: tuple[RedisServer, RedisCache]) -> None:
    server, cache = away
    assert await cache.get("a") is None
    server.start()
    until = time.monotonic() + 60
    while await cache.get("b") is None:
        await cache.set("b", b"3", 60)
        assert time.monotonic() < until
        await asyncio.sleep(0.02)
    assert await cache.get("b") == b"3"
    assert await cache.ping()


async def test_a_redis_that_hangs_is_not_asked_call_by_call() -> None:
    asked = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        cache = RedisCache("127.0.0.1", server.sockets[0].getsockname()[1])
        began = time.monotonic()
        for _ in range(1000):
            assert await cache.get("a") is None
            await cache.set("a", b"1", 60)
            await cache.delete(["a"])
        pauses = (time.monotonic() - began) / PAUSE_SECONDS
        assert asked <= 2 + pauses
        await cache.close()


@pytest.mark.parametrize("answer", [b"-ERR no\r\n", b"-WRONGPASS invalid\r\n", b"nonsense\r\n", b""])
async def test_a_redis_that_answers_badly_is_an_empty_cache(answer: bytes) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while answer and await reader.read(1024):
                writer.write(answer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    async with server:
        cache = RedisCache("127.0.0.1", server.sockets[0].getsockname()[1])
        assert await cache.get("a") is None
        assert not await cache.ping()
        await cache.close()
