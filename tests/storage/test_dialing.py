"""Who dials, what is due, and what becomes of it, over both databases."""

import asyncio
import time

import pytest
from msgspec.structs import replace

from integration_api.core.telephony import CallState
from integration_api.core.telephony_records import BatchRecord, BatchState, CallRecord, Retry
from integration_api.core.tenant import Tenant
from integration_api.storage.dialing_store import Line, Settlement, Wanted
from tests.storage.telephony import batch, call, note, queued
from tests.stores import ACME, GLOBEX, Kept

LINE = Line(ACME, 7, "twilio")
OPEN = (BatchState.RUNNING, BatchState.PAUSED)
HOUR = 3600.0


def notes(count: int, first: int = 1000):
    return [note(first + at, key=f"d{first + at}", what="dialing") for at in range(count)]


async def running(kept: Kept, count: int = 5, **more: object) -> BatchRecord:
    made = batch(**more)
    await kept.repository.telephony.add_batch(made, queued(made, count))
    assert await kept.repository.dialing.lease(LINE, "me", HOUR) is not None
    return made


async def claim(kept: Kept, most: int, batch_id: int = 50, owner: str = "me") -> list[CallRecord] | None:
    found = await kept.repository.dialing.claim(
        LINE, owner, HOUR, [Wanted(batch_id, most)], notes(most, time.time_ns() % 10**9)
    )
    return None if found is None else [one.id for one in found]  # type: ignore[return-value]


async def end(kept: Kept, id: int, state: CallState) -> CallRecord:
    ended = await kept.repository.telephony.update_call(
        ACME, id, lambda one: replace(one, state=state, provider_call_id=f"CA{id}"), note(5000 + id, id)
    )
    assert ended is not None
    return ended


async def test_one_process_at_a_time_has_a_lease(kept: Kept) -> None:
    store = kept.repository.dialing
    leases = await asyncio.gather(*(store.lease(LINE, f"p{at}", HOUR) for at in range(5)))
    assert sum(lease is not None for lease in leases) == 1
    owner = next(f"p{at}" for at, lease in enumerate(leases) if lease is not None)
    assert await store.lease(LINE, "late", HOUR) is None
    assert await store.lease(LINE, owner, HOUR) is not None
    await store.release(LINE, "late", 0, [])
    assert await store.lease(LINE, "late", HOUR) is None
    await store.release(LINE, owner, 0, [])
    taken = await store.lease(LINE, "late", HOUR)
    assert taken is not None
    assert taken.silent_for is not None
    assert 0 <= taken.silent_for < 60
    assert taken.own is False
    await store.release(LINE, "late", 0, [])
    again = await store.lease(LINE, "late", HOUR)
    assert again is not None
    assert again.own is True
    assert await store.lease(Line(GLOBEX, 8, "twilio"), "other", HOUR) is not None


async def test_a_lease_that_is_over_is_anybodys_and_its_owner_claims_nothing(kept: Kept) -> None:
    made = batch()
    await kept.repository.telephony.add_batch(made, queued(made, 5))
    store = kept.repository.dialing
    assert await store.lease(LINE, "dead", 0.05) == await store.lease(Line(ACME, 99, "x"), "a", 1)
    while await store.lease(LINE, "me", HOUR) is None:
        await asyncio.sleep(0.01)
    assert await claim(kept, 3, owner="dead") is None
    assert await claim(kept, 3) == [100, 101, 102]


async def test_what_is_claimed_is_dialing_before_anybody_is_asked(kept: Kept) -> None:
    made = await running(kept)
    assert await claim(kept, 2) == [100, 101]
    assert await claim(kept, 9) == [102, 103, 104]
    assert await claim(kept, 9) == []
    one = await kept.repository.telephony.call(ACME, 100)
    assert one is not None
    assert one.state is CallState.DIALING
    assert one.dialed_at is not None
    assert abs(one.dialed_at - time.time()) < 60
    story = await kept.repository.telephony.notes(ACME, 100, 0, 10)
    assert [(line.what, line.at, line.state) for line in story] == [
        ("dialing", one.dialed_at, CallState.DIALING)
    ]
    assert await kept.repository.dialing.claimed(ACME, made.id, HOUR) == 5
    assert await kept.repository.dialing.claimed(GLOBEX, made.id, HOUR) == 0
    await end(kept, 100, CallState.RINGING)
    assert await kept.repository.dialing.claimed(ACME, made.id, HOUR) == 4
    assert await kept.repository.dialing.claimed(ACME, made.id, -HOUR) == 0


async def test_no_call_is_claimed_beyond_what_a_batch_may_have_under_way(kept: Kept) -> None:
    await running(kept, max_concurrent=2)
    assert await claim(kept, 9) == [100, 101]
    assert await claim(kept, 9) == []
    await end(kept, 100, CallState.ANSWERED)
    assert await claim(kept, 9) == []
    await end(kept, 101, CallState.COMPLETED)
    assert await claim(kept, 9) == [102]


async def test_no_call_is_claimed_of_a_batch_that_does_not_run_or_before_it_is_due(kept: Kept) -> None:
    store = kept.repository
    await running(kept)
    later = batch(51)
    await store.telephony.add_batch(later, queued(later, 1, first=200, due_at=time.time() + HOUR))
    assert await claim(kept, 9, batch_id=51) == []
    wait = await store.dialing.due_in(LINE, [51])
    assert wait is not None
    assert HOUR - 60 < wait <= HOUR
    assert await store.dialing.due_in(LINE, [50, 51]) == 0
    assert await store.dialing.due_in(LINE, []) is None
    await store.telephony.set_batch_state(ACME, 50, OPEN, BatchState.PAUSED, 9.0)
    assert await claim(kept, 9) == []
    assert [one.id for one in await store.dialing.running(LINE)] == [51]
    await store.telephony.set_batch_state(ACME, 50, OPEN, BatchState.RUNNING, 9.0)
    assert await claim(kept, 1) == [100]


async def test_a_call_that_was_not_made_goes_back_unless_it_was_heard_of_or_its_batch_is_cancelled(
    kept: Kept,
) -> None:
    store = kept.repository
    await running(kept)
    await claim(kept, 4)
    calls = [await store.telephony.call(ACME, id) for id in (100, 101, 102, 103)]
    back = await store.dialing.requeue(LINE, calls[0], note(1, 100))
    assert back == replace(calls[0], state=CallState.QUEUED, dialed_at=None)
    await end(kept, 101, CallState.RINGING)
    heard = await store.dialing.requeue(LINE, calls[1], note(2, 101))
    assert heard.state is CallState.RINGING
    later = replace(calls[2], dialed_at=1.0)
    assert await store.dialing.requeue(LINE, later, note(3, 102)) == calls[2]
    await store.telephony.set_batch_state(ACME, 50, OPEN, BatchState.CANCELLED, 9.0)
    gone = await store.dialing.requeue(LINE, calls[3], note(4, 103))
    assert gone.state is CallState.CANCELLED
    assert [one.id for one in await store.dialing.unsettled(LINE, 9)] == [100, 103, 104]


async def test_claims_and_cancelling_at_once_leave_each_call_to_one_of_them(kept: Kept) -> None:
    await running(kept, 60, max_concurrent=1000)
    claims, cancelled = [], asyncio.Event()

    async def dial() -> None:
        while (found := await claim(kept, 3)) and len(claims) < 100:
            claims.extend(found)
        assert cancelled.is_set() or len(claims) == 60

    async def cancel() -> None:
        while len(claims) < 10:
            await asyncio.sleep(0)
        await kept.repository.telephony.set_batch_state(ACME, 50, OPEN, BatchState.CANCELLED, 9.0)
        cancelled.set()

    await asyncio.gather(dial(), cancel())
    states = (await kept.repository.telephony.progress(ACME, 50)).states
    assert len(claims) == len(set(claims))
    assert states[CallState.DIALING] == len(claims)
    assert states.get(CallState.CANCELLED, 0) == 60 - len(claims)


async def test_a_call_that_ended_is_settled_once_with_at_most_one_further_attempt(kept: Kept) -> None:
    store = kept.repository
    await running(kept, 2, retry=Retry(max=1))
    await claim(kept, 9)
    busy, done = await end(kept, 100, CallState.BUSY), await end(kept, 101, CallState.COMPLETED)
    assert await store.dialing.unsettled(LINE, 10) == [busy, done]
    retry = replace(
        busy, id=300, attempt=2, state=CallState.QUEUED, provider_call_id="", dialed_at=None, ended_at=None
    )
    settlements = [Settlement(busy, retry), Settlement(done)]
    await store.dialing.settle(LINE, settlements, 9.0)
    await store.dialing.settle(LINE, [Settlement(busy, replace(retry, id=301)), Settlement(done)], 9.0)
    assert await store.dialing.unsettled(LINE, 10) == []
    progress = await store.telephony.progress(ACME, 50)
    assert (progress.total, progress.attempts) == (2, 2)
    assert progress.states == {CallState.QUEUED: 1, CallState.COMPLETED: 1}
    assert await claim(kept, 9) == [300]
    again = await end(kept, 300, CallState.BUSY)
    await store.dialing.settle(LINE, [Settlement(again)], 9.0)
    completed = await store.telephony.batch(ACME, 50)
    assert completed is not None
    assert completed.state is BatchState.COMPLETED
    assert (await store.telephony.progress(ACME, 50)).attempts == 3


async def test_a_cancelled_batch_gets_no_further_attempts_and_stays_cancelled(kept: Kept) -> None:
    store = kept.repository
    await running(kept, 1)
    await claim(kept, 9)
    await store.telephony.set_batch_state(ACME, 50, OPEN, BatchState.CANCELLED, 9.0)
    busy = await end(kept, 100, CallState.BUSY)
    await store.dialing.settle(LINE, [Settlement(busy, replace(busy, id=300, attempt=2))], 9.0)
    assert await store.telephony.call(ACME, 300) is None
    cancelled = await store.telephony.batch(ACME, 50)
    assert cancelled is not None
    assert cancelled.state is BatchState.CANCELLED


async def test_work_is_seen_until_it_is_done(kept: Kept) -> None:
    store = kept.repository
    assert await store.dialing.lines(HOUR, HOUR) == []
    await running(kept, 1)
    assert await store.dialing.lines(HOUR, HOUR) == []
    await store.dialing.release(LINE, "me", HOUR, [])
    assert await store.dialing.lines(HOUR, HOUR) == [LINE], "a batch came that nobody had looked at"
    assert await store.dialing.lease(LINE, "me", HOUR) is not None
    await store.dialing.release(LINE, "me", HOUR, [50])
    assert await store.dialing.lines(HOUR, HOUR) == []
    await store.telephony.set_batch_state(ACME, 50, OPEN, BatchState.RUNNING, 9.0)
    assert await store.dialing.lines(HOUR, HOUR) == [LINE]
    assert await store.dialing.lease(LINE, "me", HOUR) is not None
    await claim(kept, 9)
    await store.dialing.release(LINE, "me", HOUR, [50])
    assert await store.dialing.lines(HOUR, HOUR) == []
    assert await store.dialing.lines(-HOUR, HOUR) == [LINE]
    assert [one.id for one in await store.dialing.to_ask(LINE, -HOUR, HOUR, 9)] == [100]
    await end(kept, 100, CallState.RINGING)
    assert await store.dialing.to_ask(LINE, -HOUR, 2 * time.time(), 9) == []
    assert [one.id for one in await store.dialing.to_ask(LINE, HOUR, HOUR, 9)] == [100]
    assert await store.dialing.known(LINE, ["CA100", "CA1", ""]) == {"CA100"}
    assert await store.dialing.known(Line(Tenant(1, 102), 7, "twilio"), ["CA100"]) == set()
    await end_again(kept, 100)
    assert await store.dialing.to_ask(LINE, -HOUR, -HOUR, 9) == []
    assert await store.dialing.lines(HOUR, HOUR) == [LINE]
    await store.dialing.settle(LINE, [Settlement(one) for one in await store.dialing.unsettled(LINE, 9)], 9.0)
    assert await store.dialing.lines(HOUR, HOUR) == []


async def test_the_feed_forgets_calls_of_long_ago_and_nothing_else(kept: Kept) -> None:
    store = kept.repository
    await running(kept)
    await claim(kept, 9)
    await store.telephony.add_call(call(1), note(1, 1))
    told = await store.changes_after(0, 1000)
    assert await store.dialing.forget_told(3, 2) == 2
    assert await store.dialing.forget_told(3, 100) > 0
    left = await store.changes_after(0, 1000)
    assert [one for one in left if one.topic in ("call", "batch")] == told[-3:]
    assert [one for one in left if one.topic == "project"] == [one for one in told if one.topic == "project"]


async def end_again(kept: Kept, id: int) -> None:
    await kept.repository.telephony.update_call(
        ACME, id, lambda one: replace(one, state=CallState.COMPLETED), note(9000, id, key="ended")
    )


async def test_calls_of_no_batch_are_told_as_they_were_dialed_and_answered(kept: Kept) -> None:
    store = kept.repository
    await running(kept, 2)
    await claim(kept, 2)
    for id, dialed_at in ((1, 20.0), (2, 30.0), (3, 10.0), (4, 5.0)):
        made = call(id, state=CallState.DIALING, dialed_at=dialed_at)
        await store.telephony.add_call(made, note(1, id, at=dialed_at))
    await store.telephony.add_call(call(5, state=CallState.RINGING, provider_call_id="CA5"), note(1, 5))
    await store.telephony.add_call(
        call(6, state=CallState.DIALING, dialed_at=25.0, credential_id=8), note(1, 6)
    )
    await store.telephony.update_call(
        ACME, 1, lambda one: replace(one, provider_call_id="CA1"), note(2, 1, at=21.5)
    )
    await store.telephony.update_call(
        ACME, 2, lambda one: replace(one, state=CallState.FAILED), note(2, 2, at=31.5)
    )
    told = [(3, 10.0, None), (1, 20.0, 21.5), (2, 30.0, 31.5)]
    assert await store.dialing.singles(LINE, 5.0) == told
    assert await store.dialing.singles(LINE, 20.0) == told[2:]
    assert await store.dialing.singles(Line(GLOBEX, 7, "twilio"), 0.0) == []


async def test_a_call_of_no_batch_that_is_in_doubt_is_seen_too(kept: Kept) -> None:
    store = kept.repository
    single = call(1, state=CallState.DIALING, dialed_at=5.0)
    await store.telephony.add_call(single, note())
    assert await store.dialing.lines(HOUR, HOUR) == [LINE]
    assert await store.dialing.to_ask(LINE, HOUR, HOUR, 9) == [single]
    assert await store.dialing.unsettled(LINE, 9) == []


@pytest.mark.parametrize("by", ["whoever ended it", "whoever dials"])
async def test_a_call_of_no_batch_that_ended_is_seen_until_it_is_settled(kept: Kept, by: str) -> None:
    store = kept.repository
    await store.telephony.add_call(call(1, state=CallState.DIALING, dialed_at=time.time()), note())
    await store.telephony.settle_call(ACME, 1)
    over = await end(kept, 1, CallState.BUSY)
    assert await store.dialing.lines(HOUR, HOUR) == [LINE]
    assert await store.dialing.unsettled(LINE, 9) == [over]
    if by == "whoever dials":
        await store.dialing.settle(LINE, [Settlement(over)], 9.0)
    else:
        await store.telephony.settle_call(GLOBEX, 1)
        assert await store.dialing.unsettled(LINE, 9) == [over]
        await store.telephony.settle_call(ACME, 1)
    assert await store.dialing.lines(HOUR, HOUR) == []
    assert await store.dialing.unsettled(LINE, 9) == []
    assert await store.telephony.call(ACME, 1) == over


async def test_whoever_ends_a_call_of_a_batch_leaves_it_to_whoever_dials(kept: Kept) -> None:
    await running(kept, 1)
    await claim(kept, 9)
    over = await end(kept, 100, CallState.BUSY)
    await kept.repository.telephony.settle_call(ACME, 100)
    assert await kept.repository.dialing.unsettled(LINE, 9) == [over]
