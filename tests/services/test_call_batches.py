"""Batches as resources: what is taken, what is refused, and what asking twice gives."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import Page
from integration_api.core.telephony import CallState
from integration_api.core.telephony_records import Dialing, MediaPlan, Retry, Window
from integration_api.core.tenant import Tenant
from integration_api.services.call_batches import MOST_BYTES, MOST_ROWS, Action, BatchAsk, BatchRow
from tests.services.dialing_rig import FROM, Rig, number, rig

STRANGER = Tenant(9, 901)


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


def ask(*rows: BatchRow, **more: Any) -> BatchAsk:
    return BatchAsk(
        **{"provider": "twilio", "from_": FROM, "rows": rows or (BatchRow(to=number(1)),), **more}
    )


async def test_a_row_stands_beside_what_the_batch_says(one: Rig) -> None:
    template = Dialing(media=MediaPlan(params={"a": "1", "b": "1"}), ring_timeout_s=20)
    rows = (
        BatchRow(to=number(1), from_="+15005550016", metadata={"n": "2", "m": "3"}, params={"b": "2"}),
        BatchRow(to=number(2)),
    )
    batch = await one.batches.create(
        one.origin, ask(*rows, dialing=template, metadata={"n": "1"}, name="June")
    )
    first, second = await one.calls()
    assert (first.row, first.to, first.from_, first.state) == (0, number(1), "+15005550016", CallState.QUEUED)
    assert first.metadata == {"n": "2", "m": "3"}
    assert first.dialing == replace(template, media=MediaPlan(params={"a": "1", "b": "2"}))
    assert (second.row, second.from_, second.metadata, second.dialing) == (1, FROM, {"n": "1"}, template)
    assert {first.batch_id, second.batch_id} == {batch.id}
    assert (batch.name, batch.rows, batch.credential_id, batch.author.key_id) == (
        "June",
        2,
        one.credential_id,
        5,
    )
    assert batch.calls_per_second == 1.0, "what Twilio takes by default"


async def test_no_more_is_kept_than_may_be(one: Rig) -> None:
    """Each call keeps what its template says: ten thousand times a little is a lot."""
    rows = tuple(BatchRow(to=number(1)) for _ in range(MOST_ROWS))
    template = Dialing(extras={"Text": "x" * (MOST_BYTES // MOST_ROWS)})
    with pytest.raises(Failure, match="make several batches") as refused:
        await one.batches.create(one.origin, ask(*rows, dialing=template))
    assert (refused.value.kind, refused.value.param) == (Kind.TOO_LARGE, "template")
    with pytest.raises(Failure) as refused:
        await one.batches.create(one.origin, ask(*rows, metadata={"a": "x" * (MOST_BYTES // MOST_ROWS)}))
    assert refused.value.kind is Kind.TOO_LARGE
    assert not await one.calls()
    batch = await one.batches.create(one.origin, ask(*rows[:9], dialing=template))
    assert batch.rows == 9


async def test_a_key_gives_its_batch_and_no_other(one: Rig) -> None:
    first = await one.batches.create(one.origin, ask(idempotency_key="k"))
    assert await one.batches.create(one.origin, ask(idempotency_key="k")) == first
    with pytest.raises(Failure) as refused:
        await one.batches.create(one.origin, ask(BatchRow(to=number(2)), idempotency_key="k"))
    assert (refused.value.kind, refused.value.code) == (Kind.CONFLICT, "idempotency_key_reused")
    other = await one.batches.create(one.origin, ask(idempotency_key="l"))
    assert other.id != first.id
    assert await one.batches.list(one.tenant, Page(10)) == [other, first]
    assert len(await one.calls()) == 2


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"rows": ()}, "rows"), ({"rows": (BatchRow(to="+49 30 1"),)}, "rows[0].to"),
        ({"rows": (BatchRow(to=number(1)), BatchRow(to="0301234567"))}, "rows[1].to"),
        ({"rows": (BatchRow(to="+4930\u0661\u0662\u0663"),)}, "rows[0].to"),
        ({"rows": (BatchRow(to=number(1), from_="me"),)}, "rows[0].from"), ({"from_": ""}, "template.from"),
        ({"rows": (BatchRow(to=number(1)),) * (MOST_ROWS + 1)}, "rows"), ({"calls_per_second": -1.0}, "calls_per_second"),
        ({"calls_per_second": 1e9}, "calls_per_second"), ({"calls_per_second": float("nan")}, "calls_per_second"),
        ({"calls_per_second": 1e-9}, "calls_per_second"), ({"max_concurrent": -1}, "max_concurrent"),
        ({"max_concurrent": 10**9}, "max_concurrent"), ({"retry": Retry(max=99)}, "retry.max"),
        ({"retry": Retry(max=1, backoff_s=-1.0)}, "retry.backoff_s"),
        ({"retry": Retry(max=1, backoff_s=float("inf"))}, "retry.backoff_s"),
        ({"retry": Retry(max=1, on=(CallState.COMPLETED,))}, "retry.on"),
        ({"window": Window(start="9", end="17:00", tz="UTC")}, "window.start"),
        ({"window": Window(start="09:00", end="17:00", tz="Berlin")}, "window.tz"),
        ({"idempotency_key": "k" * 999}, "idempotency_key"), ({"name": "n" * 999}, "name"),
        ({"dialing": Dialing(extras={"To": number(9)})}, "template.provider_options.To"),
        ({"provider": "nobody"}, "provider"), ({"provider": "openai"}, "provider"),
    ],
)  # fmt: skip
async def test_what_can_not_be_dialed_is_refused_by_its_name(
    one: Rig, wrong: dict[str, Any], param: str
) -> None:
    with pytest.raises(Failure) as refused:
        await one.batches.create(one.origin, ask(**wrong))
    assert refused.value.param == param
    assert await one.batches.list(one.tenant, Page(10)) == []


async def test_a_batch_of_the_largest_size_is_stored_whole(one: Rig) -> None:
    rows = tuple(BatchRow(to=number(at)) for at in range(MOST_ROWS))
    batch = await one.batches.create(one.origin, ask(*rows))
    progress = (await one.batches.get(one.tenant, batch.id)).progress
    assert (progress.total, progress.states) == (MOST_ROWS, {CallState.QUEUED: MOST_ROWS})
    cancelled = await one.batches.control(one.tenant, batch.id, Action.CANCEL)
    assert cancelled.progress.states == {CallState.CANCELLED: MOST_ROWS}


async def test_a_batch_is_its_projects_alone(one: Rig) -> None:
    batch = await one.batches.create(one.origin, ask())
    for forbidden in (
        one.batches.get(STRANGER, batch.id),
        one.batches.control(STRANGER, batch.id, Action.CANCEL),
        one.batches.get(one.tenant, batch.id + 1),
    ):
        with pytest.raises(Failure) as refused:
            await forbidden
        assert refused.value.kind is Kind.NOT_FOUND
    assert await one.batches.list(STRANGER, Page(10)) == []
    assert await one.state(batch) == "running"
