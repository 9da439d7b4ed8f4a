"""What one process changes, another hears: in order, once, and whatever happens to the store meanwhile."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from integration_api.cache.feed import BATCH, ChangeFeed
from integration_api.core.errors import Failure, Kind
from integration_api.core.records import Change
from integration_api.core.tenant import Tenant
from tests.stores import ACME, GLOBEX, Kept, credential

SEALED = bytes(200)


class Ear:
    def __init__(self) -> None:
        self.begun: list[int] = []
        self.heard: list[Change] = []

    def begin(self, seq: int) -> None:
        self.begun.append(seq)

    async def changed(self, change: Change) -> None:
        self.heard.append(change)

    async def has(self, last: Callable[[Change], bool]) -> list[Change]:
        """Return what was heard once the last of it has come."""
        until = time.monotonic() + 60
        while not any(map(last, self.heard)):
            assert time.monotonic() < until
            await asyncio.sleep(0.01)
        return self.heard


async def test_changes_of_another_process_are_heard_in_order(kept: Kept) -> None:
    await kept.repository.add_credential(credential(1), SEALED)
    ears = [Ear(), Ear()]
    other = await kept.another()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(other.close)
        feed = ChangeFeed(kept.repository, ears, poll=0.01)
        await feed.start()
        stack.push_async_callback(feed.stop)
        await other.add_credential(credential(2), SEALED)
        await other.add_credential(credential(3, GLOBEX), SEALED)
        await other.delete_credential(ACME, 2)
        await other.add_credential(credential(4, GLOBEX), SEALED)
        for ear in ears:
            heard = await ear.has(lambda one: one.subject == "4")
            credentials = [
                (one.tenant, one.subject)
                for one in heard
                if one.topic == "credential" and one.subject.isdecimal()
            ]
            assert credentials == [(ACME, "2"), (GLOBEX, "3"), (ACME, "2"), (GLOBEX, "4")]
            assert [one.seq for one in heard] == sorted({one.seq for one in heard})
            assert ear.begun == [heard[0].seq - 1], "what was before the start is no news"


class Source:
    """A store whose feed fails whenever `failure` says so."""

    def __init__(self, count: int = 0) -> None:
        self.changes = [Change(seq, "credential", Tenant(1, 1), str(seq)) for seq in range(1, count + 1)]
        self.failure: Exception | None = None
        self.asked = 0

    async def changes_after(self, seq: int, limit: int) -> list[Change]:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return [one for one in self.changes if one.seq > seq][:limit]

    async def last_change(self) -> int:
        return 0


async def test_a_store_that_is_away_costs_nothing_of_it() -> None:
    source, ear = Source(2), Ear()
    source.failure = Failure(Kind.OVERLOADED, "away")
    feed = ChangeFeed(source, [ear], poll=0.001)
    await feed.start()
    while source.asked < 3:
        await asyncio.sleep(0.001)
    source.failure = OSError()
    while source.asked < 6:
        await asyncio.sleep(0.001)
    assert ear.heard == []
    source.failure = None
    assert [one.seq for one in await ear.has(lambda one: one.seq == 2)] == [1, 2]
    await feed.stop()


async def test_a_long_absence_is_caught_up_in_batches() -> None:
    source, ear = Source(2 * BATCH + 5), Ear()
    feed = ChangeFeed(source, [ear])
    await feed.start()
    await feed.catch_up()
    assert [one.seq for one in ear.heard] == list(range(1, 2 * BATCH + 6))
    await feed.catch_up()
    assert len(ear.heard) == 2 * BATCH + 5
    await feed.stop()
    await feed.stop()


async def test_a_change_of_ones_own_is_heard_without_waiting(kept: Kept) -> None:
    ear = Ear()
    feed = ChangeFeed(kept.repository, [ear], poll=3600)
    await kept.repository.add_credential(credential(1), SEALED)
    await feed.hear()
    assert ear.heard == [], "before it has begun, nothing is cached either"
    await feed.start()
    await kept.repository.delete_credential(ACME, 1)
    await feed.hear()
    assert [change.subject for change in ear.heard if change.topic == "credential"][:1] == ["1"]
    await feed.stop()
