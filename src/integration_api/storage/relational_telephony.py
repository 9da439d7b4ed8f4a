"""Telephony over either database: which transaction each method is, and whose rows it may touch."""

from collections.abc import Callable, Sequence
from functools import partial

from integration_api.core.records import Page
from integration_api.core.telephony_records import (
    BatchRecord,
    BatchState,
    CallFilter,
    CallNote,
    CallRecord,
    InboundRoute,
    Progress,
)
from integration_api.core.tenant import Tenant
from integration_api.storage import call_batches, call_retention, calls, dialing, inbound_routes
from integration_api.storage.dialing_store import Lease, Line, Settlement, Single, Wanted
from integration_api.storage.operation import Database


class RelationalTelephony:
    """Keeps the promises of `TelephonyStore`."""

    def __init__(self, database: Database) -> None:
        self._read = database.read
        self._write = database.write

    async def add_call(self, call: CallRecord, note: CallNote) -> CallRecord:
        return await self._write(call.tenant, lambda: calls.add(call, note))

    async def call(self, tenant: Tenant, id: int) -> CallRecord | None:
        return await self._read(tenant, lambda: calls.by_id(tenant, id))

    async def calls(self, tenant: Tenant, filter: CallFilter, page: Page) -> list[CallRecord]:
        return await self._read(tenant, lambda: calls.matching(tenant, filter, page))

    async def update_call(
        self, tenant: Tenant, id: int, change: Callable[[CallRecord], CallRecord | None], note: CallNote
    ) -> CallRecord | None:
        # A line is added once, so doing it twice does it once.
        return await self._write(tenant, lambda: calls.update(tenant, id, change, note), repeatable=True)

    async def settle_call(self, tenant: Tenant, id: int) -> None:
        await self._write(tenant, lambda: calls.settle(tenant, id), repeatable=True)

    async def notes(self, tenant: Tenant, call_id: int, after_id: int, limit: int) -> list[CallNote]:
        return await self._read(tenant, lambda: calls.notes(tenant, call_id, after_id, limit))

    async def forget_calls(self, before: float, limit: int) -> int:
        for old, forget in (
            (call_retention.old_calls, call_retention.forget_calls),
            (call_retention.old_batches, call_retention.forget_batches),
        ):
            found = await self._read(None, partial(old, before, limit))
            if found:
                return sum(
                    [
                        await self._write(tenant, partial(forget, tenant, ids), repeatable=True)
                        for tenant, ids in found.items()
                    ]
                )
        return 0

    async def add_route(self, route: InboundRoute) -> None:
        await self._write(route.tenant, lambda: inbound_routes.add(route))

    async def route(self, tenant: Tenant, id: int) -> InboundRoute | None:
        return await self._read(tenant, lambda: inbound_routes.by_id(tenant, id))

    async def inbound_routes(self, tenant: Tenant, page: Page) -> list[InboundRoute]:
        return await self._read(tenant, lambda: inbound_routes.in_project(tenant, page))

    async def delete_route(self, tenant: Tenant, id: int) -> bool:
        return await self._write(tenant, lambda: inbound_routes.delete(tenant, id))

    async def add_batch(self, batch: BatchRecord, calls: Sequence[CallRecord]) -> BatchRecord:
        return await self._write(batch.tenant, lambda: call_batches.add(batch, calls))

    async def batch(self, tenant: Tenant, id: int) -> BatchRecord | None:
        return await self._read(tenant, lambda: call_batches.by_id(tenant, id))

    async def batches(self, tenant: Tenant, page: Page) -> list[BatchRecord]:
        return await self._read(tenant, lambda: call_batches.in_project(tenant, page))

    async def set_batch_state(
        self, tenant: Tenant, id: int, allowed: Sequence[BatchState], state: BatchState, now: float
    ) -> BatchRecord | None:
        return await self._write(tenant, lambda: call_batches.set_state(tenant, id, allowed, state, now))

    async def progress(self, tenant: Tenant, id: int) -> Progress:
        return await self._read(tenant, lambda: call_batches.progress(tenant, id))


class RelationalDialing:
    """Keeps the promises of `DialingStore`."""

    def __init__(self, database: Database) -> None:
        self._read = database.read
        self._write = database.write

    async def lines(self, doubt: float, stale: float) -> list[Line]:
        return await self._read(None, lambda: dialing.lines(doubt, stale))

    async def lease(self, line: Line, owner: str, seconds: float) -> Lease | None:
        return await self._write(line.tenant, lambda: dialing.lease(line, owner, seconds), repeatable=True)

    async def release(self, line: Line, owner: str, sleep: float, batches: Sequence[int]) -> None:
        await self._write(line.tenant, lambda: dialing.release(line, owner, sleep, batches), repeatable=True)

    async def running(self, line: Line) -> list[BatchRecord]:
        return await self._read(line.tenant, lambda: dialing.running(line))

    async def claim(
        self, line: Line, owner: str, seconds: float, wanted: Sequence[Wanted], notes: Sequence[CallNote]
    ) -> list[CallRecord] | None:
        # Not repeatable: what an unseen commit has claimed is in doubt, and is looked for.
        return await self._write(line.tenant, lambda: dialing.claim(line, owner, seconds, wanted, notes))

    async def requeue(self, line: Line, call: CallRecord, note: CallNote) -> CallRecord | None:
        return await self._write(line.tenant, lambda: dialing.requeue(line, call, note), repeatable=True)

    async def pause(self, line: Line, why: str, now: float) -> None:
        await self._write(
            line.tenant,
            lambda: call_batches.pause_all(line.tenant, line.credential_id, why, now),
            repeatable=True,
        )

    async def singles(self, line: Line, since: float) -> list[Single]:
        return await self._read(line.tenant, lambda: dialing.singles(line, since))

    async def due_in(self, line: Line, batches: Sequence[int]) -> float | None:
        return await self._read(line.tenant, lambda: dialing.due_in(line, batches))

    async def claimed(self, tenant: Tenant, batch_id: int, within: float) -> int:
        return await self._read(tenant, lambda: dialing.claimed(tenant, batch_id, within))

    async def unsettled(self, line: Line, limit: int) -> list[CallRecord]:
        return await self._read(line.tenant, lambda: dialing.unsettled(line, limit))

    async def settle(self, line: Line, settlements: Sequence[Settlement], now: float) -> None:
        await self._write(line.tenant, lambda: dialing.settle(line, settlements, now), repeatable=True)

    async def to_ask(self, line: Line, doubt: float, stale: float, limit: int) -> list[CallRecord]:
        return await self._read(line.tenant, lambda: dialing.to_ask(line, doubt, stale, limit))

    async def forget_told(self, most: int, limit: int) -> int:
        return await self._write(None, lambda: dialing.forget_told(most, limit), repeatable=True)

    async def known(self, line: Line, provider_call_ids: Sequence[str]) -> set[str]:
        return await self._read(line.tenant, lambda: dialing.known(line, provider_call_ids))
