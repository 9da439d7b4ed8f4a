"""A batch as it stands, and again whenever that changes, until no call of it is under way or to come."""

import asyncio
from collections.abc import AsyncGenerator

from integration_api.core.telephony import CallState
from integration_api.core.tenant import Tenant
from integration_api.services.call_batches import BatchStatus, CallBatches
from integration_api.services.call_watching import Watching

REST_SECONDS = 0.2
"""Between two times that a batch is counted for one watcher: it changes with every call."""


async def follow(
    batches: CallBatches, watching: Watching, tenant: Tenant, id: int
) -> AsyncGenerator[BatchStatus, None]:
    """Raises `Failure` (NOT_FOUND)."""
    watcher = watching.add(tenant, "batch")
    try:
        before: BatchStatus | None = None
        while True:
            status = await batches.get(tenant, id)
            if status != before:
                yield status
                before = status
            if not status.batch.state.open and not _under_way(status):
                return
            await asyncio.sleep(REST_SECONDS)
            while id not in await watcher.changed():
                pass
    finally:
        watching.remove(watcher)


def _under_way(status: BatchStatus) -> bool:
    return any(count and not CallState(state).ended for state, count in status.progress.states.items())
