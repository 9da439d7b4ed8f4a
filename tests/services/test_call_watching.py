"""Who is told that calls changed, and how much of it may wait."""

import pytest

from integration_api.core.errors import Failure
from integration_api.core.records import Change
from integration_api.core.tenant import Tenant
from integration_api.services.call_batches import MOST_ROWS
from integration_api.services.call_watching import MOST_CHANGED, Watching

HERE = Tenant(1, 2)


async def change(watching: Watching, calls: range, tenant: Tenant = HERE) -> None:
    for id in calls:
        await watching.changed(Change(id, "call", tenant, str(id)))


async def test_a_watcher_may_be_told_of_a_large_batch_that_is_cancelled_beside_others() -> None:
    watching = Watching()
    watcher, batches = watching.add(HERE, "call"), watching.add(HERE, "batch")
    await change(watching, range(2 * MOST_ROWS + 1))
    await change(watching, range(5))
    await change(watching, range(50_000, 50_005), Tenant(1, 3))
    assert await watcher.changed() == list(range(2 * MOST_ROWS + 1)), "each once, and the project's own"
    await watching.changed(Change(1, "batch", HERE, "7"))
    assert await batches.changed() == [7]


async def test_one_who_reads_too_slowly_is_told_to_watch_anew() -> None:
    watching = Watching()
    watcher = watching.add(HERE, "call")
    await change(watching, range(MOST_CHANGED + 1))
    with pytest.raises(Failure) as told:
        await watcher.changed()
    assert told.value.code == "watch_overrun"
