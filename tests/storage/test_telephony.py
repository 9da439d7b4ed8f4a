"""Calls, stories, routes and batches over both databases, tenants apart in every method."""

import asyncio

import pytest
from msgspec.structs import replace

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import Page
from integration_api.core.telephony import CallState, Direction
from integration_api.core.telephony_records import (
    Author,
    BatchState,
    CallFilter,
    CallRecord,
    Dialing,
    MediaMode,
    MediaPlan,
    Progress,
    Retry,
    Window,
)
from integration_api.core.tenant import Actor, Tenant
from tests.storage.telephony import batch, call, note, queued, route
from tests.storage.test_repository import sealed
from tests.stores import ACME, GLOBEX, SISTER, Kept, credential

ALL = Page(1000)
STRANGERS = (GLOBEX, SISTER, Tenant(1, 201), Tenant(2, 101), Tenant(9, 9))
OPEN = (BatchState.RUNNING, BatchState.PAUSED)
FULL = call(
    dialing=Dialing(
        media=MediaPlan(mode=MediaMode.INLINE, params={"a": "ü"}, answer_url="https://x", inline={"stt": {"n": [1]}}),
        ring_timeout_s=20, max_duration_s=60, detect_machine=True, record=True, extras={"Trim": [True, None]},
    ),
    metadata={"k": "v"}, author=Author(9, Actor("user", 5), "assistant-api"), provider_call_id="CA1",
    provider_state="in-progress", provider_code="200", dialed_at=1.5, answered_at=2.5, ended_at=3.5,
    duration_s=1.25, price="0.0065 USD", hung_up_by="caller", error_code="e", sequence=4, noticed_at=7.5,
    media_generation=2, fingerprint=b"\x00\xff", route_id=8, state=CallState.COMPLETED,
    credential_version=3, refused_status=429, media_peer="http://10.0.0.7:9004", keys_until=9.5,
)  # fmt: skip


def to(state: CallState, **more: object):
    return lambda call: replace(call, state=state, **more)


async def test_a_call_is_kept_whole_and_seen_by_its_project_alone(kept: Kept) -> None:
    store = kept.repository.telephony
    assert await store.add_call(FULL, note()) == FULL
    assert await store.call(ACME, 1) == FULL
    assert await store.notes(ACME, 1, 0, 10) == [note(state=CallState.COMPLETED)]
    for stranger in STRANGERS:
        assert await store.call(stranger, 1) is None
        assert await store.calls(stranger, CallFilter(), ALL) == []
        assert await store.notes(stranger, 1, 0, 10) == []
        assert (
            await store.update_call(stranger, 1, to(CallState.FAILED), note(2, tenant=stranger, key="x"))
            is None
        )
    assert await store.call(ACME, 1) == FULL


async def test_a_call_is_added_once_for_its_idempotency_key(kept: Kept) -> None:
    store = kept.repository.telephony
    asked = [call(id, idempotency_key="k", fingerprint=b"f") for id in range(1, 6)]
    stored = await asyncio.gather(*(store.add_call(one, note(one.id, one.id)) for one in asked))
    assert len({one.id for one in stored}) == 1
    assert len(await store.calls(ACME, CallFilter(), ALL)) == 1
    with pytest.raises(Failure) as refused:
        await store.add_call(call(9, idempotency_key="k", fingerprint=b"other"), note(9, 9))
    assert (refused.value.kind, refused.value.code) == (Kind.CONFLICT, "idempotency_key_reused")
    theirs = call(10, SISTER, idempotency_key="k", fingerprint=b"other")
    assert await store.add_call(theirs, note(10, 10, SISTER)) == theirs


async def test_an_inbound_call_is_added_once_for_its_carriers_id(kept: Kept) -> None:
    store = kept.repository.telephony
    arrivals = [call(id, direction=Direction.INBOUND, provider_call_id="CA9") for id in range(1, 6)]
    stored = await asyncio.gather(*(store.add_call(one, note(one.id, one.id)) for one in arrivals))
    assert len({one.id for one in stored}) == 1
    other = call(9, credential_id=8, provider_call_id="CA9")
    assert await store.add_call(other, note(9, 9)) == other


async def test_a_change_and_its_line_happen_once_and_together(kept: Kept) -> None:
    store = kept.repository.telephony
    await store.add_call(call(), note())
    ringing = await store.update_call(ACME, 1, to(CallState.RINGING), note(2, key="n1", at=8.0))
    assert ringing is not None
    assert ringing.state is CallState.RINGING
    again = await store.update_call(ACME, 1, to(CallState.BUSY), note(3, key="n1", at=9.0))
    assert again == ringing
    line = await store.update_call(ACME, 1, lambda _: None, note(4, key="n2", what="dtmf", detail={"d": "5"}))
    assert line == ringing
    ended = await store.update_call(ACME, 1, to(CallState.BUSY), note(5, key="n3", at=10.0))
    assert ended is not None
    assert ended.ended_at == 10.0
    story = await store.notes(ACME, 1, 0, 10)
    assert [(one.id, one.state, one.what) for one in story] == [
        (1, CallState.QUEUED, "created"), (2, CallState.RINGING, "created"), (4, CallState.RINGING, "dtmf"),
        (5, CallState.BUSY, "created"),
    ]  # fmt: skip
    assert await store.notes(ACME, 1, 2, 1) == [story[2]]
    assert await store.update_call(ACME, 99, to(CallState.BUSY), note(6, 99)) is None


async def test_changes_of_one_call_never_lose_one_another(kept: Kept) -> None:
    store = kept.repository.telephony
    await store.add_call(call(), note())

    def count(call: CallRecord) -> CallRecord:
        return replace(call, sequence=call.sequence + 1)

    await asyncio.gather(*(store.update_call(ACME, 1, count, note(id, key=f"c{id}")) for id in range(2, 22)))
    counted = await store.call(ACME, 1)
    assert counted is not None
    assert counted.sequence == 19


async def test_two_calls_can_not_be_the_same_call_of_the_carriers(kept: Kept) -> None:
    store = kept.repository.telephony
    for id in (1, 2):
        await store.add_call(call(id), note(id, id))
    await store.update_call(ACME, 1, lambda one: replace(one, provider_call_id="CA1"), note(3, 1))
    with pytest.raises(Failure) as refused:
        await store.update_call(ACME, 2, lambda one: replace(one, provider_call_id="CA1"), note(4, 2))
    assert refused.value.kind is Kind.CONFLICT


async def test_calls_are_found_by_what_they_are(kept: Kept) -> None:
    store = kept.repository.telephony
    for one in (
        call(1, state=CallState.RINGING), call(2, direction=Direction.INBOUND, from_="+1", batch_id=50, row=1),
        call(3, provider="vonage", to="+1", batch_id=50, row=2), call(4, state=CallState.FAILED),
    ):  # fmt: skip
        await store.add_call(one, note(one.id, one.id))

    async def found(**filter: object) -> list[int]:
        return [one.id for one in await store.calls(ACME, CallFilter(**filter), ALL)]

    assert await found() == [4, 3, 2, 1]
    assert await found(states=(CallState.RINGING, CallState.FAILED)) == [4, 1]
    assert await found(direction=Direction.INBOUND) == [2]
    assert await found(provider="vonage") == [3]
    assert await found(batch_id=50) == [3, 2]
    assert await found(number="+1") == [3, 2]
    assert await found(number="+1", provider="twilio") == [2]
    assert await found(number="+1\0") == []
    assert [one.id for one in await store.calls(ACME, CallFilter(), Page(2, 4))] == [3, 2]


async def test_routes_are_kept_listed_and_deleted_by_their_project(kept: Kept) -> None:
    store = kept.repository.telephony
    for id in (1, 2):
        await store.add_route(route(id))
    assert await store.route(ACME, 1) == route(1)
    assert await store.inbound_routes(ACME, ALL) == [route(2), route(1)]
    for stranger in STRANGERS:
        assert await store.route(stranger, 1) is None
        assert await store.inbound_routes(stranger, ALL) == []
        assert await store.delete_route(stranger, 1) is False
    assert await store.delete_route(ACME, 1) is True
    assert await store.delete_route(ACME, 1) is False
    assert await store.route(ACME, 1) is None


async def test_a_batch_is_kept_whole_with_its_calls(kept: Kept) -> None:
    store = kept.repository.telephony
    made = batch(
        name="n", window=Window(start="09:00", end="17:00", tz="Europe/Berlin", days=(1, 5)), rows=150,
        retry=Retry(max=2, backoff_s=1.5, on=(CallState.FAILED,)), dialing=FULL.dialing, metadata={"k": "v"},
        author=FULL.author, calls_per_second=0.5, idempotency_key="b", fingerprint=b"f",
    )  # fmt: skip
    calls = queued(made, 150)
    assert await store.add_batch(made, calls) == made
    again = replace(made, id=51)
    assert await store.add_batch(again, queued(again, 150, first=1000)) == made
    with pytest.raises(Failure) as refused:
        await store.add_batch(replace(again, fingerprint=b"g"), queued(again, 150, first=1000))
    assert refused.value.code == "idempotency_key_reused"
    assert await store.batch(ACME, 50) == made
    assert await store.batches(ACME, ALL) == [made]
    assert await store.calls(ACME, CallFilter(batch_id=50), ALL) == calls[::-1]
    assert await store.progress(ACME, 50) == Progress(total=150, states={CallState.QUEUED: 150}, attempts=0)
    for stranger in STRANGERS:
        assert await store.batch(stranger, 50) is None
        assert await store.batches(stranger, ALL) == []
        assert (await store.progress(stranger, 50)).total == 0
        assert await store.set_batch_state(stranger, 50, OPEN, BatchState.CANCELLED, 9.0) is None


async def test_a_batch_of_which_a_call_can_not_be_stored_is_not_stored(kept: Kept) -> None:
    store = kept.repository.telephony
    made = batch()
    await store.add_call(call(101), note(1, 101))
    with pytest.raises(Failure) as refused:
        await store.add_batch(made, queued(made, 3))
    assert refused.value.kind is Kind.CONFLICT
    assert await store.batch(ACME, 50) is None


async def test_a_batch_changes_its_state_only_from_those_that_allow_it(kept: Kept) -> None:
    store = kept.repository.telephony
    made = batch()
    await store.add_batch(made, queued(made, 3))
    paused = await store.set_batch_state(ACME, 50, (BatchState.RUNNING,), BatchState.PAUSED, 9.0)
    assert paused == replace(made, state=BatchState.PAUSED, updated_at=9.0)
    assert await store.set_batch_state(ACME, 50, (BatchState.RUNNING,), BatchState.PAUSED, 10.0) == paused
    await store.update_call(ACME, 101, to(CallState.RINGING), note(1, 101))
    cancelled = await store.set_batch_state(ACME, 50, OPEN, BatchState.CANCELLED, 11.0)
    assert cancelled is not None
    assert cancelled.state is BatchState.CANCELLED
    assert (await store.progress(ACME, 50)).states == {CallState.CANCELLED: 2, CallState.RINGING: 1}
    ended = await store.call(ACME, 102)
    assert ended is not None
    assert ended.ended_at == 11.0


async def test_deleting_a_credential_pauses_the_batches_that_run_with_it_and_no_others(kept: Kept) -> None:
    store = kept.repository.telephony
    await kept.repository.add_credential(credential(7, provider="twilio"), sealed())
    for made in (batch(50), batch(51), batch(52, credential_id=8), batch(53, SISTER)):
        await store.add_batch(made, queued(made, 1, first=10 * made.id))
    await store.set_batch_state(ACME, 51, (BatchState.RUNNING,), BatchState.CANCELLED, 6.0)
    told = await kept.repository.last_change()
    assert await kept.repository.delete_credential(ACME, 7)
    found = [await store.batch(ACME, 50), await store.batch(ACME, 51), await store.batch(ACME, 52)]
    found.append(await store.batch(SISTER, 53))
    assert [(one.state, one.paused_for) for one in found if one is not None] == [
        (BatchState.PAUSED, "credential_not_found"), (BatchState.CANCELLED, ""), (BatchState.RUNNING, ""),
        (BatchState.RUNNING, ""),
    ]  # fmt: skip
    heard = await kept.repository.changes_after(told, 100)
    assert [one.subject for one in heard if one.topic == "batch"] == ["50"]
    again = await store.set_batch_state(ACME, 50, (BatchState.PAUSED,), BatchState.RUNNING, 7.0)
    assert again is not None
    assert (again.state, again.paused_for) == (BatchState.RUNNING, "")


async def test_the_feed_tells_of_what_somebody_may_wait_for(kept: Kept) -> None:
    store = kept.repository

    async def told(seq: int) -> list[tuple[str, str]]:
        return [(one.topic, one.subject) for one in await store.changes_after(seq, 100)]

    start = await store.last_change()
    await store.telephony.add_call(call(), note())
    await store.telephony.update_call(ACME, 1, lambda _: None, note(2))
    assert await told(start) == [("call", "1")] * 2
    made = batch()
    start = await store.last_change()
    await store.telephony.add_batch(made, queued(made, 2))
    assert await told(start) == [("batch", "50")], "there is nothing to be told yet of its calls"
    start = await store.last_change()
    await store.telephony.update_call(ACME, 100, to(CallState.RINGING), note(3, 100))
    await store.telephony.set_batch_state(ACME, 50, OPEN, BatchState.CANCELLED, 11.0)
    assert await told(start) == [("call", "100"), ("batch", "50"), ("call", "101"), ("batch", "50")]
