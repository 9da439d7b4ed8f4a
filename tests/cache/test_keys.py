"""Our own API keys near at hand: revoked ones are gone at once, known ones outlive a store that is away."""

from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from integration_api.cache import keys
from integration_api.cache.keys import AWAY_SECONDS, FRESH_SECONDS, STALE_SECONDS, ApiKeyCache
from integration_api.core.errors import Failure, Kind
from integration_api.core.records import ApiKey, Change
from integration_api.core.tenant import Scope
from tests.stores import ACME, GLOBEX

KEY = ApiKey(
    id=5, tenant=ACME, name="n", hint="iak_…", digest=b"d", scopes=frozenset({Scope.INFER}), created_at=1.0
)


@dataclass
class House:
    rows: dict[bytes, ApiKey] = field(default_factory=lambda: {b"d": KEY})
    failure: Failure | None = None
    asked: int = 0
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.cache = ApiKeyCache(self.load, lambda: self.now)

    async def load(self, digest: bytes) -> ApiKey | None:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return self.rows.get(digest)

    def revoke(self) -> None:
        self.rows[b"d"] = replace(KEY, revoked_at=2.0)


@pytest.fixture
def house() -> House:
    return House()


async def test_the_store_is_asked_once(house: House) -> None:
    assert house.cache.peek(b"d") is None
    for _ in range(3):
        assert await house.cache.get(b"d") is KEY
    assert house.cache.peek(b"d") is KEY
    assert house.asked == 1


async def test_unknown_keys_take_no_room(house: House) -> None:
    for _ in range(2):
        assert await house.cache.get(b"guess") is None
    assert house.asked == 2
    assert house.cache.peek(b"guess") is None


async def test_a_revoked_key_is_gone_when_the_feed_says_so(house: House) -> None:
    await house.cache.get(b"d")
    house.revoke()
    await house.cache.changed(Change(2, "api_key", ACME, "5"))
    assert house.cache.peek(b"d") is None
    found = await house.cache.get(b"d")
    assert found is not None
    assert found.revoked_at
    assert house.cache.peek(b"d") is None, "a revoked key is not kept"


async def test_a_revoked_key_is_gone_soon_without_the_feed(house: House) -> None:
    await house.cache.get(b"d")
    house.revoke()
    house.now += FRESH_SECONDS
    assert house.cache.peek(b"d") is None
    assert (await house.cache.get(b"d")).revoked_at  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "change",
    [Change(2, "api_key", ACME, "6"), Change(2, "credential", ACME, "5"), Change(2, "project", GLOBEX, "5")],
)
async def test_other_changes_change_nothing(house: House, change: Change) -> None:
    await house.cache.get(b"d")
    await house.cache.changed(change)
    assert house.cache.peek(b"d") is KEY


async def test_a_slow_reader_does_not_bring_back_a_revoked_key(house: House) -> None:
    load = house.load

    async def slow(digest: bytes) -> ApiKey | None:
        found = await load(digest)
        house.revoke()
        await house.cache.changed(Change(2, "api_key", ACME, "5"))
        return found

    house.cache = ApiKeyCache(slow, lambda: house.now)
    await house.cache.get(b"d")
    assert house.cache.peek(b"d") is None


async def test_while_the_store_is_away_known_keys_are_good_for_a_while(house: House) -> None:
    await house.cache.get(b"d")
    known = house.now
    house.failure = Failure(Kind.OVERLOADED, "away")
    house.now += FRESH_SECONDS
    for _ in range(10):
        assert await house.cache.get(b"d") is KEY
    assert house.asked == 2, "a store that is away is left alone for a moment"
    house.now += AWAY_SECONDS
    assert await house.cache.get(b"d") is KEY
    assert house.asked == 3
    with pytest.raises(Failure):
        await house.cache.get(b"unknown")
    house.now = known + STALE_SECONDS
    with pytest.raises(Failure):
        await house.cache.get(b"d")


async def test_memory_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "ENTRIES", 3)
    for number in range(5):
        house.rows[b"%d" % number] = replace(KEY, id=number + 10)
        await house.cache.get(b"%d" % number)
    assert [number for number in range(5) if house.cache.peek(b"%d" % number)] == [2, 3, 4]
