"""Calls that are over are forgotten once they are old enough, with their stories, and batches with the last of them."""

import asyncio
from typing import Any

from integration_api.core.telephony import CallState
from integration_api.core.telephony_records import BatchState
from integration_api.core.tenant import Tenant
from integration_api.storage.dialing_store import Line, Settlement
from tests.storage.telephony import batch, call, note, queued
from tests.stores import ACME, GLOBEX, SISTER, Kept

OLD, NEW, BEFORE = 100.0, 300.0, 200.0
OPEN = (BatchState.RUNNING, BatchState.PAUSED)


async def add(kept: Kept, id: int, ended_at: float | None = OLD, tenant: Tenant = ACME, **more: Any) -> None:
    store = kept.repository.telephony
    state = CallState.ANSWERED if ended_at is None else CallState.COMPLETED
    made = call(id, tenant, **{"state": state, "ended_at": ended_at, **more})
    await store.add_call(made, note(1, id, tenant))
    await store.update_call(tenant, id, lambda _: None, note(2, id, tenant))
    await store.settle_call(tenant, id)


async def left(kept: Kept) -> list[int]:
    rows = await kept.sql("SELECT id FROM calls ORDER BY id")
    told = await kept.sql("SELECT DISTINCT call_id FROM call_notes ORDER BY call_id")
    ids = [row[0] for row in rows]
    assert [row[0] for row in told] == [id for id in ids if id < 100], "a story goes with its call"
    return ids


async def test_old_calls_go_a_few_at_a_time_whosever_they_are(kept: Kept) -> None:
    store = kept.repository.telephony
    for id, tenant in ((1, ACME), (2, GLOBEX), (3, SISTER), (4, ACME), (5, ACME)):
        await add(kept, id, OLD + id, tenant)
    await add(kept, 6, NEW)
    await add(kept, 7, None)
    assert [await store.forget_calls(BEFORE, 3), await left(kept)] == [3, [4, 5, 6, 7]]
    assert [await store.forget_calls(BEFORE, 3), await left(kept)] == [2, [6, 7]]
    assert await store.forget_calls(BEFORE, 3) == 0
    assert await store.call(ACME, 6) is not None


async def test_a_call_is_kept_until_its_end_is_recorded(kept: Kept) -> None:
    store = kept.repository
    await store.telephony.add_call(call(1, state=CallState.BUSY, ended_at=OLD), note())
    assert await store.telephony.forget_calls(BEFORE, 10) == 0
    await store.telephony.settle_call(ACME, 1)
    assert await store.telephony.forget_calls(BEFORE, 10) == 1


async def test_a_batch_keeps_its_calls_until_it_is_through_and_goes_with_the_last(kept: Kept) -> None:
    store, line = kept.repository, Line(ACME, 7, "twilio")
    for made in (batch(50), batch(60, created_at=NEW, updated_at=NEW)):
        rows = queued(made, 2, first=10 * made.id, state=CallState.BUSY, ended_at=OLD)
        await store.telephony.add_batch(made, rows)
    await store.dialing.settle(
        line, [Settlement(one) for one in await store.dialing.unsettled(line, 9)][:1], 5.0
    )
    assert await store.telephony.forget_calls(BEFORE, 10) == 0, "the other batch's calls are not settled"
    await store.dialing.settle(
        line, [Settlement(one) for one in await store.dialing.unsettled(line, 9)], 150.0
    )
    through = await store.telephony.batch(ACME, 50)
    assert through is not None
    assert through.state is BatchState.COMPLETED
    assert await store.telephony.forget_calls(BEFORE, 3) == 3
    assert await store.telephony.forget_calls(BEFORE, 3) == 1
    assert await left(kept) == []
    assert await store.telephony.forget_calls(BEFORE, 3) == 2
    assert await store.telephony.batch(ACME, 50) is None
    assert await store.telephony.forget_calls(BEFORE, 3) == 0


async def test_a_batch_that_waits_is_not_forgotten(kept: Kept) -> None:
    store, line = kept.repository, Line(ACME, 7, "twilio")
    made = batch(50)
    rows = [*queued(made, 1, first=500, state=CallState.BUSY, ended_at=OLD), *queued(made, 2, first=500)[1:]]
    await store.telephony.add_batch(made, rows)
    await store.dialing.settle(line, [Settlement(one) for one in await store.dialing.unsettled(line, 9)], 5.0)
    await store.telephony.set_batch_state(ACME, 50, OPEN, BatchState.PAUSED, 6.0)
    assert await store.telephony.forget_calls(BEFORE, 10) == 0
    await store.telephony.set_batch_state(ACME, 50, OPEN, BatchState.CANCELLED, 7.0)
    assert await store.telephony.forget_calls(BEFORE, 10) == 1, "what is not settled stays"
    assert await store.telephony.forget_calls(BEFORE, 10) == 0


async def test_processes_that_forget_at_once_do_each_other_no_harm(kept: Kept) -> None:
    for id in range(1, 41):
        await add(kept, id, OLD + id)
    others = [await kept.another() for _ in range(3)]

    async def forget(store: Any) -> int:
        total = 0
        while gone := await store.telephony.forget_calls(BEFORE, 7):
            total += gone
        return total

    went = await asyncio.gather(*(forget(one) for one in (kept.repository, *others)))
    for one in others:
        await one.close()
    assert (sum(went), await left(kept)) == (40, [])
