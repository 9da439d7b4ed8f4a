"""Ids: in the platform's layout, always growing, and never the same in two processes."""

import time
from datetime import UTC, datetime

import pytest

from integration_api.storage.ids import EPOCH_MILLISECONDS, WORKERS, Snowflake, milliseconds_of
from integration_api.storage.open import open_repository
from tests.stores import Kept


def test_the_layout_is_the_platforms() -> None:
    epoch = datetime(2008, 11, 10, 23, tzinfo=UTC).timestamp()
    assert epoch * 1000 == EPOCH_MILLISECONDS
    id = Snowflake(5, lambda: epoch + 1.0).next()
    assert (id >> 22, id >> 12 & 1023, id & 4095) == (1000, 5, 0)
    assert milliseconds_of(id) == EPOCH_MILLISECONDS + 1000
    assert 0 < Snowflake(WORKERS - 1).next() < 1 << 63


def test_ids_grow_when_time_stands_still_or_goes_back() -> None:
    now = [time.time()]
    ids = Snowflake(1, lambda: now[0])
    made = [ids.next() for _ in range(10_000)]  # More than a millisecond has room for.
    now[0] -= 3600
    made += [ids.next() for _ in range(10)]
    assert made == sorted(set(made))
    assert {id >> 12 & 1023 for id in made} == {1}


def test_workers_share_no_id_in_the_same_millisecond() -> None:
    workers = [Snowflake(number, lambda: 1_800_000_000.0) for number in range(WORKERS)]
    made = [worker.next() for worker in workers for _ in range(20)]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("number", [-1, WORKERS])
def test_a_worker_that_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="worker"):
        Snowflake(number)


async def test_replicas_on_one_database_share_no_id(kept: Kept) -> None:
    """Upstream's machine number is always 0."""
    there = await open_repository(kept.config)
    try:
        here = Snowflake(await kept.repository.acquire_worker(), lambda: 1_800_000_000.0)
        other = Snowflake(await there.acquire_worker(), lambda: 1_800_000_000.0)
        made = {ids.next() for ids in (here, other) for _ in range(5000)}
        assert len(made) == 10_000
    finally:
        await there.close()
