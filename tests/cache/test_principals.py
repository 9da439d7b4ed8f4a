"""Whom the platform vouches for: one question for all who wait, and memory that is bounded."""

import asyncio

import pytest

from integration_api.cache import principals
from integration_api.cache.principals import PrincipalCache
from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Principal, Tenant

WHO = Principal(Tenant(1, 2), 0, frozenset())


async def known() -> Principal:
    return WHO


async def nobody() -> Principal:
    raise Failure(Kind.AUTHENTICATION, "nobody", retryable=False)


async def test_who_leaves_fails_nobody_who_waits_for_the_same() -> None:
    cache = PrincipalCache(30.0)
    told = asyncio.Event()

    async def slow() -> Principal:
        await told.wait()
        return WHO

    first = asyncio.create_task(cache.get(b"k", slow))
    await asyncio.sleep(0)
    second = asyncio.create_task(cache.get(b"k", slow))
    await asyncio.sleep(0)
    first.cancel()
    told.set()
    assert await second == WHO
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_each_caller_hears_a_refusal_of_its_own() -> None:
    cache = PrincipalCache(30.0)
    heard = await asyncio.gather(*(cache.get(b"k", nobody) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(one, Failure) and one.kind is Kind.AUTHENTICATION for one in heard)
    assert len({id(one) for one in heard}) == 3


async def test_memory_is_bounded_and_guessing_pushes_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(principals, "ENTRIES", 10)
    monkeypatch.setattr(principals, "UNKNOWN_ENTRIES", 10)
    cache = PrincipalCache(30.0)
    await cache.get(b"good", known)
    for number in range(100):
        with pytest.raises(Failure):
            await cache.get(b"bad %d" % number, nobody)
    assert await cache.get(b"good", nobody) == WHO
    for number in range(100):
        await cache.get(b"good %d" % number, known)
    assert len(cache._known) == len(cache._unknown) == 10
    with pytest.raises(Failure):
        await cache.get(b"good", nobody)


async def test_who_is_known_no_more_is_forgotten() -> None:
    now = 0.0
    cache = PrincipalCache(30.0, lambda: now)
    await cache.get(b"k", known)
    now = 30.0
    with pytest.raises(Failure):
        await cache.get(b"k", nobody)
    with pytest.raises(Failure):
        await cache.get(b"k", known)  # Believed for a moment, too.
    now += principals.UNKNOWN_SECONDS
    assert await cache.get(b"k", known) == WHO
