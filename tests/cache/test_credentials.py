"""Sealed credentials near at hand: how long they are believed, by whom, and what is never believed."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from integration_api.cache import credentials
from integration_api.cache.credentials import (
    AWAY_SECONDS,
    FRESH_SECONDS,
    MISSING_SECONDS,
    STALE_SECONDS,
    CredentialCache,
)
from integration_api.core.errors import Failure, Kind
from integration_api.core.records import Change, SealedCredential
from integration_api.core.tenant import Tenant
from integration_api.vault.errors import Tampered
from tests.cache.conftest import Prefixed
from tests.stores import ACME, GLOBEX, SISTER, credential

AWAY = Failure(Kind.OVERLOADED, "away", code="store_unavailable")


def sealed(id: int = 7, tenant: Tenant = ACME, sealed: bytes = b"ciphertext") -> SealedCredential:
    return SealedCredential(credential(id, tenant), sealed)


@dataclass
class Store:
    """A store that counts how often it is asked."""

    rows: dict[tuple[Tenant, int | str], SealedCredential] = field(default_factory=dict)
    failure: Failure | None = None
    asked: int = 0
    meanwhile: Callable[[], object] = lambda: None
    """What happens between the question and the answer."""

    async def credential(self, tenant: Tenant, id: int) -> SealedCredential | None:
        return await self._find(tenant, id)

    async def default_credential(self, tenant: Tenant, provider: str) -> SealedCredential | None:
        return await self._find(tenant, provider)

    async def _find(self, tenant: Tenant, which: int | str) -> SealedCredential | None:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        found = self.rows.get((tenant, which))
        answer = self.meanwhile()
        if answer is not None:
            await answer  # type: ignore[misc]
        return found


@dataclass
class Replica:
    """One process's cache: `now` is its clock."""

    store: Store
    shared: Prefixed
    secret: bytes = b"the installation's"
    now: float = 1000.0
    alarms: list[tuple[Tenant, int | str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cache = CredentialCache(
            self.store,
            self.shared,
            self.confirm,
            self.secret,
            alarm=lambda tenant, which: self.alarms.append((tenant, which)),
            clock=lambda: self.now,
        )
        self.cache.begin(1)

    async def confirm(self, value: SealedCredential) -> None:
        if value.sealed == b"tampered":
            raise Tampered

    async def hear(self, seq: int, tenant: Tenant = ACME, topic: str = "credential") -> None:
        await self.cache.changed(Change(seq, topic, tenant, "7"))


@pytest.fixture
def store() -> Store:
    return Store({(ACME, 7): sealed(), (ACME, "openai"): sealed()})


@pytest.fixture
def replica(store: Store, cache: Prefixed) -> Replica:
    return Replica(store, cache)


async def test_the_store_is_asked_once(replica: Replica, store: Store) -> None:
    assert replica.cache.peek(ACME, 7) is None
    for _ in range(3):
        assert await replica.cache.get(ACME, 7) == sealed()
        assert await replica.cache.default(ACME, "openai") == sealed()
    assert replica.cache.peek(ACME, 7) == sealed()
    assert store.asked == 2


async def test_another_replica_asks_the_shared_cache(replica: Replica, store: Store) -> None:
    await replica.cache.get(ACME, 7)
    other = Replica(store, replica.shared)
    assert await other.cache.get(ACME, 7) == sealed()
    assert store.asked == 1


@pytest.mark.parametrize("tenant", [GLOBEX, SISTER])
async def test_another_tenant_gets_nothing_of_it(replica: Replica, tenant: Tenant) -> None:
    await replica.cache.get(ACME, 7)
    await replica.cache.default(ACME, "openai")
    assert replica.cache.peek(tenant, 7) is None
    assert await replica.cache.get(tenant, 7) is None
    assert await replica.cache.default(tenant, "openai") is None


async def test_what_is_old_is_asked_for_again(replica: Replica, store: Store) -> None:
    await replica.cache.get(ACME, 7)
    replica.now += FRESH_SECONDS
    assert replica.cache.peek(ACME, 7) is None
    await replica.shared.delete(["credential:1:101:7"])
    await replica.cache.get(ACME, 7)
    assert store.asked == 2


async def test_what_is_missing_is_asked_for_again_soon(replica: Replica, store: Store) -> None:
    assert await replica.cache.get(ACME, 8) is None
    assert await replica.cache.get(ACME, 8) is None
    assert store.asked == 1
    store.rows[ACME, 8] = sealed(8)
    replica.now += MISSING_SECONDS
    assert await replica.cache.get(ACME, 8) == sealed(8)


async def test_while_the_store_is_away_calls_go_on_with_what_is_known(replica: Replica, store: Store) -> None:
    await replica.cache.get(ACME, 7)
    await replica.cache.default(ACME, "sandbox")
    known = replica.now
    store.failure = AWAY
    await replica.shared.delete(["credential:1:101:7"])
    replica.now += FRESH_SECONDS
    assert await replica.cache.get(ACME, 7) == sealed()
    assert await replica.cache.default(ACME, "sandbox") is None
    with pytest.raises(Failure) as refused:
        await replica.cache.get(ACME, 9)
    assert refused.value is AWAY
    replica.now = known + STALE_SECONDS
    with pytest.raises(Failure):
        await replica.cache.get(ACME, 7)


async def test_a_store_that_is_away_is_left_alone_for_a_moment(replica: Replica, store: Store) -> None:
    await replica.cache.get(ACME, 7)
    await replica.shared.delete(["credential:1:101:7"])
    store.failure = AWAY
    replica.now += FRESH_SECONDS
    for _ in range(10):
        assert await replica.cache.get(ACME, 7) == sealed()
    assert store.asked == 2
    store.failure = None
    store.rows[ACME, 7] = sealed(sealed=b"newer")
    replica.now += AWAY_SECONDS
    assert await replica.cache.get(ACME, 7) == sealed(sealed=b"newer")


async def test_a_store_that_refuses_is_not_away(replica: Replica, store: Store) -> None:
    await replica.cache.get(ACME, 7)
    await replica.shared.delete(["credential:1:101:7"])
    store.failure = Failure(Kind.INTERNAL, "outdated")
    replica.now += FRESH_SECONDS
    with pytest.raises(Failure):
        await replica.cache.get(ACME, 7)


# --- changes ----------------------------------------------------------------------------------------


async def test_a_change_is_believed_at_once_and_everywhere(replica: Replica, store: Store) -> None:
    other = Replica(store, replica.shared)
    for one in (replica, other):
        await one.cache.get(ACME, 7)
        await one.cache.default(ACME, "openai")
    store.rows = {(ACME, 7): sealed(sealed=b"newer")}
    for one in (replica, other):
        await one.hear(2)
        assert one.cache.peek(ACME, 7) is None
        assert await one.cache.get(ACME, 7) == sealed(sealed=b"newer")
        assert await one.cache.default(ACME, "openai") is None


async def test_a_change_of_another_tenant_or_thing_changes_nothing(replica: Replica, store: Store) -> None:
    await replica.cache.get(ACME, 7)
    await replica.hear(2, GLOBEX)
    await replica.hear(3, SISTER)
    await replica.hear(4, ACME, "api_key")
    assert replica.cache.peek(ACME, 7) == sealed()
    assert store.asked == 1


async def test_a_slow_reader_does_not_bring_back_what_was_replaced(replica: Replica, store: Store) -> None:
    store.meanwhile = lambda: replica.hear(2)
    assert await replica.cache.get(ACME, 7) == sealed(), "it was asked for before the change"
    store.meanwhile = lambda: None
    assert replica.cache.peek(ACME, 7) is None
    store.rows[ACME, 7] = sealed(sealed=b"newer")
    assert await replica.cache.get(ACME, 7) == sealed(sealed=b"newer")


async def test_a_slow_writer_does_not_bring_back_what_was_replaced(replica: Replica, store: Store) -> None:
    """A replica that has not heard of the change yet writes the old row into the shared cache."""
    slow = Replica(store, replica.shared)
    await replica.hear(2)
    await slow.cache.get(ACME, 7)
    store.rows[ACME, 7] = sealed(sealed=b"newer")
    assert await replica.cache.get(ACME, 7) == sealed(sealed=b"newer")


async def test_a_replica_that_starts_believes_nothing_from_before(replica: Replica, store: Store) -> None:
    await replica.cache.get(ACME, 7)
    store.rows[ACME, 7] = sealed(sealed=b"newer")
    late = Replica(store, replica.shared)
    late.cache.begin(2)
    assert await late.cache.get(ACME, 7) == sealed(sealed=b"newer")


# --- what somebody else wrote -----------------------------------------------------------------------


async def test_an_entry_that_was_altered_is_an_alarm_and_the_store_is_asked(
    replica: Replica, store: Store
) -> None:
    await replica.cache.get(ACME, 7)
    name = "credential:1:101:7"
    written = await replica.shared.get(name)
    assert written is not None
    for at in range(0, len(written), 7):
        forged = bytearray(written)
        forged[at] ^= 1
        await replica.shared.set(name, bytes(forged), 60)
        other = Replica(store, replica.shared)
        asked = store.asked
        assert await other.cache.get(ACME, 7) == sealed()
        assert (other.alarms, store.asked) == ([(ACME, 7)], asked + 1)


async def test_an_entry_that_was_moved_is_an_alarm_and_the_store_is_asked(
    replica: Replica, store: Store
) -> None:
    await replica.cache.get(ACME, 7)
    written = await replica.shared.get("credential:1:101:7")
    assert written is not None
    for name, tenant, which in (
        ("credential:2:201:7", GLOBEX, 7),
        ("credential:1:102:7", SISTER, 7),
        ("credential:1:101:8", ACME, 8),
        ("credential:1:101:openai", ACME, "openai"),
    ):
        await replica.shared.set(name, written, 60)
        other = Replica(Store(), replica.shared)
        found = (
            other.cache.get(tenant, which) if isinstance(which, int) else other.cache.default(tenant, which)
        )
        assert await found is None
        assert other.alarms == [(tenant, which)]


@pytest.mark.parametrize("written", [b"", b"short", bytes(32), bytes(100)])
async def test_an_entry_of_nobody_is_an_alarm(replica: Replica, written: bytes) -> None:
    await replica.shared.set("credential:1:101:7", written, 60)
    assert await replica.cache.get(ACME, 7) == sealed()
    assert replica.alarms == [(ACME, 7)]


async def test_another_installation_is_not_believed(replica: Replica, store: Store) -> None:
    await replica.cache.get(ACME, 7)
    other = Replica(store, replica.shared, secret=b"another's")
    assert await other.cache.get(ACME, 7) == sealed()
    assert other.alarms == [(ACME, 7)]


async def test_a_row_that_does_not_open_is_not_kept(replica: Replica, store: Store) -> None:
    store.rows[ACME, 7] = sealed(sealed=b"tampered")
    for _ in range(2):
        with pytest.raises(Tampered):
            await replica.cache.get(ACME, 7)
    assert replica.cache.peek(ACME, 7) is None
    assert await replica.shared.get("credential:1:101:7") is None
    assert store.asked == 2


async def test_memory_is_bounded(replica: Replica, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "ENTRIES", 10)
    for number in range(30):
        tenant = replace(ACME, project_id=number + 1)
        for id in (1, 2, 3):
            await replica.cache.get(tenant, id)
    held = [
        number
        for number in range(30)
        for id in (1, 2, 3)
        if id in replica.cache._held.get(replace(ACME, project_id=number + 1), {})
    ]
    assert held == [27, 27, 27, 28, 28, 28, 29, 29, 29]
