"""Batches are dialed: each number once, whatever the carrier does, by as many processes as there are."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from integration_api.core.errors import Failure
from integration_api.core.telephony import CallState
from integration_api.core.telephony_records import BatchState, CallRecord, Retry, Window
from integration_api.services import dialing, dialing_follow_up, dialing_line
from integration_api.services.call_batches import Action
from integration_api.storage.dialing_store import Line
from tests.services.dialing_rig import FROM, HASTY, Rig, number, rig
from tests.services.test_pace import busiest
from tests.storage.telephony import call as made_up


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked for now and then is looked for more often, and what was refused is left alone for less."""
    monkeypatch.setattr(dialing, "SCAN_AT_MOST_SECONDS", 0.03)
    monkeypatch.setattr(dialing_line, "LOOK_SECONDS", 0.03)
    monkeypatch.setattr(dialing_line, "FIRST_BACKOFF", 0.2)
    monkeypatch.setattr(dialing_follow_up, "FIRST_PAUSE", 0.1)


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


@pytest.fixture
async def hasty(tmp_path: Path) -> AsyncIterator[Rig]:
    """Soon in doubt of a call, soon without news of it, and soon without a lease."""
    async with rig(tmp_path, HASTY) as made:
        yield made


async def test_each_number_is_called_once_by_whichever_process(one: Rig) -> None:
    for _ in range(3):
        one.dial()
    batch = await one.batch(60)
    await one.completed(batch)
    assert one.carrier.called == {number(at): 1 for at in range(60)}
    progress = (await one.batches.get(one.tenant, batch.id)).progress
    assert (progress.total, progress.attempts, dict(progress.states)) == (60, 60, {CallState.BUSY: 60})
    assert {call.provider_call_id for call in await one.calls()} == {call["sid"] for call in one.carrier.made}
    calls = await one.calls()
    assert await one.story(calls[0]) == ["dialing", "dialed"]
    assert {id for id, _ in one.ended} == {call.id for call in calls}
    assert sum(first for _, first in one.ended) == 60, "each end is told once as such"


async def test_the_audit_has_each_dial_in_the_name_of_whoever_asked(one: Rig) -> None:
    one.dial()
    batch = await one.batch(2, metadata={"campaign": "x"})
    await one.completed(batch)
    from integration_api.core.records import Page
    from integration_api.storage.audit_filter import AuditFilter

    async def kept() -> list:
        return await one.house.store.audits(one.tenant, AuditFilter(operation="call.dial"), Page(10))

    async def both() -> bool:
        return len(await kept()) == 2

    await one.until(both)
    calls = {str(call.id) for call in await one.calls()}
    for record in await kept():
        assert (record.status, record.provider, record.key_id) == ("success", "twilio", 5)
        assert record.credential_id == one.credential_id
        assert record.metadata["batch_id"] == str(batch.id)
        assert record.metadata["campaign"] == "x"
        calls.remove(record.metadata["call_id"])


async def test_the_carrier_never_has_more_calls_in_a_second_than_the_slowest_batch_allows(one: Rig) -> None:
    one.dial()
    batches = [await one.batch(25, 100, calls_per_second=20), await one.batch(15, calls_per_second=60)]
    for batch in batches:
        await one.completed(batch)
    times = [at for at, _ in one.carrier.asked]
    assert busiest(times) <= 20
    assert times[-1] - times[0] > 1.0
    first = [to for _, to in one.carrier.asked[:20]]
    assert any(int(to[-3:]) >= 100 for to in first), "they take turns"
    assert any(int(to[-3:]) < 100 for to in first)


async def test_single_calls_are_made_at_once_and_batches_pay_for_them(one: Rig) -> None:
    rate, singles = 10, 15
    await asyncio.gather(
        *(one.dials.make(one.origin, single(one, to=number(900 + at))) for at in range(singles))
    )
    asked = [at for at, _ in one.carrier.asked]
    assert len(asked) == singles, "before anything was dialed of a batch"
    one.dial()
    batch = await one.batch(10, calls_per_second=rate)
    await one.completed(batch)
    of_batch = [at for at, _ in one.carrier.asked][singles:]
    for at, dialed in enumerate(of_batch, singles):
        assert dialed >= asked[0] + (at + 1) / rate - 1, "sooner than the pace allows for so many in all"


async def test_a_single_call_that_is_not_answered_keeps_its_place(one: Rig) -> None:
    one.carrier.slow = 0.4
    single_call = asyncio.create_task(one.dials.make(one.origin, single(one, to=number(900))))
    await one.until(lambda: len(one.carrier.asked) == 1)
    one.dial()
    await one.completed(await one.batch(1, calls_per_second=1))
    await single_call
    (first, _), (then, _) = one.carrier.asked
    assert then >= first + 0.4 + 1


async def test_a_single_call_that_is_not_answered_is_not_looked_at_all_the_time(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialing_line, "LOOK_SECONDS", 0.25)
    one.carrier.slow = 2.5
    single_call = asyncio.create_task(one.dials.make(one.origin, single(one, to=number(900))))
    await one.until(lambda: len(one.carrier.asked) == 1)
    looks, store = [], type(one.house.store.dialing)
    singles = store.singles

    async def looked(self: Any, line: Line, since: float) -> Any:
        looks.append(time.monotonic())
        return await singles(self, line, since)

    monkeypatch.setattr(store, "singles", looked)
    one.dial()
    await one.batch(1, calls_per_second=1)
    await single_call
    assert looks
    # And whenever something has changed.
    assert len(looks) <= (looks[-1] - looks[0]) / dialing_line.LOOK_SECONDS + 6


async def test_a_batch_without_a_pace_has_its_carriers(one: Rig) -> None:
    one.dial()
    batch = await one.batch(2, calls_per_second=0.0)
    assert batch.calls_per_second == 1.0
    await one.completed(batch)
    assert busiest([at for at, _ in one.carrier.asked]) == 1


async def test_no_more_calls_are_under_way_than_may_be(one: Rig) -> None:
    one.carrier.usually = "ring"
    one.dial()
    batch = await one.batch(6, max_concurrent=2)
    for done in (0, 2, 4):
        await one.until(lambda done=done: len(one.carrier.made) == done + 2)
        for call in await one.standing(CallState.RINGING, 2):
            assert len(one.carrier.made) == done + 2
            await one.hear(call, lambda stored: replace(stored, state=CallState.COMPLETED))
    await one.completed(batch)
    assert set(one.carrier.called.values()) == {1}


async def test_further_attempts_are_made_by_the_rule(one: Rig) -> None:
    one.carrier.script = {number(0): ["busy", "busy", "ring"], number(1): ["400"], number(2): ["busy"] * 3}
    one.carrier.usually = "busy"
    one.dial()
    batch = await one.batch(3, retry=Retry(max=2, backoff_s=0.2, on=(CallState.BUSY,)))
    await one.until(lambda: one.carrier.called == {number(0): 3, number(2): 3})
    [ringing] = await one.standing(CallState.RINGING)
    assert (ringing.to, ringing.attempt, ringing.row) == (number(0), 3, 0)
    assert await one.state(batch) == "running"
    await one.hear(ringing, lambda stored: replace(stored, state=CallState.COMPLETED))
    await one.completed(batch)
    asked = {
        to: [at for at, name in one.carrier.asked if name == to] for to in (number(0), number(1), number(2))
    }
    assert [len(times) for times in asked.values()] == [3, 1, 3]
    first, second, third = asked[number(0)]
    assert second - first >= 0.2
    assert third - second >= 0.4
    [refused] = await one.calls(number=number(1))
    assert (refused.state, refused.error_code, refused.provider_code) == (
        CallState.FAILED, "invalid_request", "21211",
    )  # fmt: skip
    progress = (await one.batches.get(one.tenant, batch.id)).progress
    assert (progress.total, progress.attempts) == (3, 7)
    assert progress.states == {CallState.COMPLETED: 1, CallState.FAILED: 1, CallState.BUSY: 1}


@pytest.mark.parametrize("word", ["made and cut", "made and 500", "made and silent"])
async def test_a_call_that_may_have_been_made_is_looked_for_and_found(hasty: Rig, word: str) -> None:
    hasty.carrier.script = {number(0): [word]}
    hasty.dial()
    batch = await hasty.batch(2)
    await hasty.until(lambda: hasty.carrier.questions > 0)
    for call in hasty.carrier.made:
        call["status"] = "busy"
    found = (await hasty.calls(number=number(0)))[0]

    async def adopted() -> bool:
        nonlocal found
        found = (await hasty.calls(number=number(0)))[0]
        return found.provider_call_id != ""

    await hasty.until(adopted)
    assert found.provider_call_id == next(
        call["sid"] for call in hasty.carrier.made if call["to"] == number(0)
    )
    assert found.credential_version == 1
    if not found.state.ended:
        await hasty.hear(found, lambda stored: replace(stored, state=CallState.COMPLETED))
    await hasty.completed(batch)
    assert hasty.carrier.called == {number(0): 1, number(1): 1}
    assert "requeued" not in await hasty.story(found)


async def test_a_call_that_was_not_made_is_made_once_the_carrier_says_so(hasty: Rig) -> None:
    hasty.carrier.script = {number(0): ["cut"], number(1): ["500", "cut"]}
    hasty.carrier.away = True
    hasty.dial()
    batch = await hasty.batch(3)
    await hasty.until(lambda: hasty.carrier.questions >= 3)
    assert hasty.carrier.called == {number(2): 1}, "nothing is made while nobody knows"
    hasty.carrier.away = False
    await hasty.completed(batch)
    assert hasty.carrier.called == {number(0): 1, number(1): 1, number(2): 1}
    [call] = await hasty.calls(number=number(0))
    story = await hasty.story(call)
    assert (story[:3], story[-1]) == (["dialing", "requeued", "dialing"], "dialed")


async def test_a_notice_settles_a_doubt(hasty: Rig) -> None:
    hasty.carrier.script = {number(0): ["made and cut"]}
    hasty.carrier.away = True
    hasty.dial()
    batch = await hasty.batch(1)
    await hasty.until(lambda: hasty.carrier.questions > 0)
    [call] = await hasty.calls()
    sid = hasty.carrier.made[0]["sid"]
    await hasty.hear(call, lambda stored: replace(stored, state=CallState.COMPLETED, provider_call_id=sid))
    await hasty.completed(batch)
    assert hasty.carrier.called == {number(0): 1}


async def test_calls_to_one_number_are_told_apart(hasty: Rig) -> None:
    """Two rows with one number, both in doubt, of which one was made."""
    hasty.carrier.script = {number(0): ["made and cut", "cut", "busy"]}
    hasty.dial()
    from integration_api.services.call_batches import BatchAsk, BatchRow

    batch = await hasty.batches.create(
        hasty.origin,
        BatchAsk(
            provider="twilio", from_=FROM, rows=(BatchRow(to=number(0)), BatchRow(to=number(0))),
            calls_per_second=100, max_concurrent=5,
        ),
    )  # fmt: skip

    async def both() -> bool:
        return all(call.provider_call_id for call in await hasty.calls())

    await hasty.until(both)
    first, second = await hasty.calls()
    assert first.provider_call_id != second.provider_call_id
    for call in (first, second):
        await hasty.hear(call, lambda stored: replace(stored, state=CallState.COMPLETED))
    await hasty.completed(batch)
    assert hasty.carrier.called == {number(0): 2}


async def test_a_carrier_that_has_enough_is_left_alone_for_as_long_as_it_wants(one: Rig) -> None:
    one.carrier.script = {number(0): ["429"]}
    one.dial()
    batch = await one.batch(3)
    await one.completed(batch)
    assert one.carrier.called == {number(0): 1, number(1): 1, number(2): 1}
    refused, again = (at for at, to in one.carrier.asked if to == number(0))
    assert again >= refused + 1.0
    [call] = await one.calls(number=number(0))
    assert await one.story(call) == ["dialing", "requeued", "dialing", "dialed"]


async def test_a_credential_that_is_refused_does_not_cost_a_batch_its_calls(one: Rig) -> None:
    one.carrier.usually = "401"
    one.dial()
    batch = await one.batch(5, calls_per_second=10)
    await one.until(lambda: len(one.carrier.asked) >= 2)
    one.carrier.usually = "busy"
    await one.completed(batch)
    assert set(one.carrier.called.values()) == {1}


async def test_pausing_and_cancelling_are_obeyed_at_once(one: Rig) -> None:
    one.carrier.slow = 0.05
    for _ in range(2):
        one.dial()
    batch = await one.batch(200, calls_per_second=60)
    await one.until(lambda: len(one.carrier.asked) > 10)
    paused = await one.batches.control(one.tenant, batch.id, Action.PAUSE)
    at = len(one.carrier.asked)
    assert paused.batch.state is BatchState.PAUSED
    assert (await one.batches.control(one.tenant, batch.id, Action.PAUSE)).batch.state is BatchState.PAUSED
    other = await one.batch(3, 500)
    await one.completed(other)
    assert len(one.carrier.asked) == at + 3, "others go on, and nobody else is called"
    await one.batches.control(one.tenant, batch.id, Action.RESUME)
    await one.until(lambda: len(one.carrier.asked) > at + 13)
    queued = (await one.calls(states=(CallState.QUEUED,)))[-1]
    await one.hear(queued, lambda stored: replace(stored, state=CallState.CANCELLED, hung_up_by="caller"))
    cancelled = await one.batches.control(one.tenant, batch.id, Action.CANCEL)
    at = len(one.carrier.asked)
    assert cancelled.progress.states[CallState.CANCELLED] == 200 - (at - 3)
    await one.completed(await one.batch(3, 600))
    assert len(one.carrier.asked) == at + 3
    with pytest.raises(Failure) as refused:
        await one.batches.control(one.tenant, batch.id, Action.RESUME)
    assert (refused.value.code, refused.value.kind.value) == ("batch_state", "conflict")
    ends = [id for id, first in one.ended if first]
    assert len(ends) == len(set(ends)) == 205, "those that were never dialed have ended, too"
    assert (queued.id, False) in one.ended, "whoever hung it up has told so"
    assert (queued.id, True) not in one.ended


async def test_a_large_batch_that_is_cancelled_holds_up_no_other(
    one: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialing_follow_up, "SETTLED_AT_ONCE", 2)
    large = await one.batch(60)
    await one.batches.control(one.tenant, large.id, Action.CANCEL)
    other = await one.batch(3, 500)
    settled_first: list[int] = []
    one.carrier.heard = lambda: settled_first.append(len(one.ended))
    one.dial()
    await one.completed(other)
    await one.until(lambda: len({id for id, _ in one.ended}) == 63)
    assert settled_first[0] < 60, "whoever is due is dialed meanwhile"


async def test_a_batch_waits_once_its_credential_is_deleted(one: Rig) -> None:
    one.dial()
    batch = await one.batch(40, calls_per_second=20)
    await one.until(lambda: len(one.carrier.asked) >= 5)
    await one.house.credentials.delete(one.origin, one.credential_id)
    stood = await one.batches.get(one.tenant, batch.id)
    assert (stood.batch.state, stood.batch.paused_for) == (BatchState.PAUSED, "credential_not_found")

    async def quiet() -> bool:
        return not await one.calls(states=(CallState.DIALING,))

    await one.until(quiet)
    stood = await one.batches.get(one.tenant, batch.id)
    assert set(stood.progress.states) == {CallState.BUSY, CallState.QUEUED}, "none has failed for it"
    assert stood.progress.attempts == len(one.carrier.asked) < 40
    with pytest.raises(Failure) as refused:
        await one.batches.control(one.tenant, batch.id, Action.RESUME)
    assert (refused.value.code, refused.value.kind.value) == ("credential_not_found", "not_found")
    cancelled = await one.batches.control(one.tenant, batch.id, Action.CANCEL)
    assert (cancelled.batch.state, cancelled.batch.paused_for) == (BatchState.CANCELLED, "")


async def test_a_batch_that_runs_without_its_credential_waits_too(one: Rig) -> None:
    """As one that was made by a process that had not heard yet of the deletion."""
    batch = await one.batch(3)
    await one.house.credentials.delete(one.origin, one.credential_id)
    await one.house.store.telephony.set_batch_state(
        one.tenant, batch.id, (BatchState.PAUSED,), BatchState.RUNNING, time.time()
    )
    one.dial()

    async def paused() -> bool:
        found = await one.batches.get(one.tenant, batch.id)
        return found.batch.paused_for == "credential_not_found" and found.progress.states == {
            CallState.QUEUED: 3
        }

    await one.until(paused)
    assert not one.carrier.asked


async def test_nobody_is_called_outside_the_window(one: Rig) -> None:
    one.dial()
    hour = time.gmtime(time.time() + 7200).tm_hour
    shut = await one.batch(2, window=Window(start=f"{hour:02}:00", end=f"{(hour + 1) % 24:02}:00", tz="UTC"))
    hour = time.gmtime(time.time() - 3600).tm_hour
    open_ = await one.batch(
        2, 10, window=Window(start=f"{hour:02}:00", end=f"{(hour + 3) % 24:02}:00", tz="UTC")
    )
    await one.completed(open_)
    assert one.carrier.called == {number(10): 1, number(11): 1}
    assert await one.state(shut) == "running"

    async def asleep() -> bool:
        return await one.house.store.dialing.lines(3600, 3600) == []

    await one.until(asleep)
    later = await one.batch(1, 20)
    await one.completed(later)
    assert one.carrier.called == {number(10): 1, number(11): 1, number(20): 1}


async def test_calls_without_news_are_asked_for(hasty: Rig) -> None:
    hasty.carrier.script = {number(0): ["ring"], number(1): ["ring"]}
    hasty.times = replace(HASTY, stale=0.5)
    hasty.dial()
    batch = await hasty.batch(2)
    await hasty.until(lambda: len(hasty.carrier.made) == 2)
    silent, lost = sorted(hasty.carrier.made, key=lambda call: call["to"])
    silent["status"] = "no-answer"
    hasty.carrier.made.remove(lost)
    await hasty.completed(batch)
    ends = [(call.state, call.error_code) for call in await hasty.calls()]
    assert ends == [(CallState.NO_ANSWER, ""), (CallState.FAILED, "unknown_to_carrier")]


async def test_a_doubt_that_can_not_be_resolved_any_more_ends_the_call(hasty: Rig) -> None:
    hasty.carrier.script = {number(0): ["made and cut"]}
    hasty.times = replace(HASTY, stale=0.5)
    hasty.dial()
    hasty.carrier.away = True
    batch = await hasty.batch(2, retry=Retry(max=3, backoff_s=0.0, on=(CallState.FAILED,)))
    await hasty.until(lambda: hasty.carrier.questions > 0)
    await hasty.house.credentials.delete(hasty.origin, hasty.credential_id)
    await hasty.completed(batch)
    [doubtful] = await hasty.calls(number=number(0))
    assert (doubtful.state, doubtful.error_code) == (CallState.FAILED, "in_doubt")
    assert hasty.carrier.called[number(0)] == 1, "whatever the rule says"


async def test_another_process_goes_on_after_one_that_died(hasty: Rig) -> None:
    """Whose lease stands until it ends, and whose last call may be in doubt."""
    batch = await hasty.batch(3)
    line = Line(hasty.tenant, hasty.credential_id, "twilio")
    store = hasty.house.store.dialing
    assert await store.lease(line, "dead", HASTY.lease) is not None
    from integration_api.storage.dialing_store import Wanted

    [lost] = (
        await store.claim(
            line, "dead", HASTY.lease, [Wanted(batch.id, 1)], [hasty.dials.blank(hasty.tenant, "dialing")]
        )
        or []
    )
    died = time.monotonic()
    hasty.dial()
    await hasty.completed(batch)
    assert hasty.carrier.called == {number(at): 1 for at in range(3)}
    first = hasty.carrier.asked[0][0]
    assert first - died >= HASTY.lease + 1.0, (
        "what the dead one sent last may have arrived until its lease ended"
    )
    story = await hasty.story(lost)
    assert (story[:3], story[-1]) == (["dialing", "requeued", "dialing"], "dialed")


async def test_stopping_leaves_nothing_in_doubt(one: Rig) -> None:
    one.carrier.slow = 0.1
    dialer = one.dial()
    batch = await one.batch(200, calls_per_second=40)
    await one.until(lambda: len(one.carrier.asked) > 10)
    await dialer.stop()
    at = len(one.carrier.asked)
    assert await one.calls(states=(CallState.DIALING,)) == []
    assert (await one.batches.get(one.tenant, batch.id)).progress.states[CallState.BUSY] == at


# --- one call -------------------------------------------------------------------------------------


def single(one: Rig, **more: object) -> CallRecord:
    fields = {
        "to": number(0), "from_": FROM, "credential_id": one.credential_id, "created_at": time.time(), **more,
    }  # fmt: skip
    return made_up(one.house.calls.ids.next(), one.tenant, **fields)


async def test_a_single_call_is_made_now_and_once_for_its_key(one: Rig) -> None:
    one.carrier.usually = "ring"
    first = await one.dials.make(one.origin, single(one, idempotency_key="k", fingerprint=b"f"))
    assert (first.state, first.provider_call_id) == (CallState.RINGING, one.carrier.made[0]["sid"])
    again = await one.dials.make(one.origin, single(one, idempotency_key="k", fingerprint=b"f"))
    assert again == first
    assert one.carrier.called == {number(0): 1}


async def test_a_single_call_that_is_refused_has_failed(one: Rig) -> None:
    one.carrier.usually = "429"
    with pytest.raises(Failure) as refused:
        await one.dials.make(one.origin, single(one))
    assert refused.value.retry_after == 1.0
    [call] = await one.calls()
    assert (call.state, call.error_code) == (CallState.FAILED, "rate_limited")
    assert (call.credential_version, call.refused_status) == (1, 429)
    assert one.ended == [(call.id, True)]
    assert len(one.carrier.asked) == 1, "nothing is sent twice behind the pace's back"


@pytest.mark.parametrize("word", ["cut", "made and cut"])
async def test_a_single_call_in_doubt_is_made_once(hasty: Rig, word: str) -> None:
    hasty.carrier.script = {number(0): [word]}
    hasty.carrier.usually = "ring"
    doubtful = await hasty.dials.make(hasty.origin, single(hasty))
    assert (doubtful.state, doubtful.provider_call_id) == (CallState.DIALING, "")
    hasty.dial()

    async def known() -> bool:
        return bool((await hasty.calls())[0].provider_call_id)

    await hasty.until(known)
    assert hasty.carrier.called == {number(0): 1}


async def test_a_single_call_is_not_made_when_nobody_waits_for_it_any_more(hasty: Rig) -> None:
    hasty.carrier.script = {number(0): ["cut"]}
    await hasty.dials.make(hasty.origin, single(hasty, created_at=time.time() - 3600))
    hasty.dial()

    async def failed() -> bool:
        return (await hasty.calls())[0].state is CallState.FAILED

    await hasty.until(failed)
    [call] = await hasty.calls()
    assert call.error_code == "not_dialed"
    assert hasty.carrier.called == {}
