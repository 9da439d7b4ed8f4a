"""Batches of calls. Whoever changes what is dialed for a credential is alone with it: see `storage/dialing.py`."""

from collections.abc import Sequence

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import Page
from integration_api.core.telephony import CallState
from integration_api.core.telephony_records import BatchRecord, BatchState, CallRecord, Progress
from integration_api.core.tenant import Tenant
from integration_api.storage import calls, changes
from integration_api.storage.call_rows import BATCH, batch_values, places, read_batch
from integration_api.storage.operation import Operation, execute, fetch, fetch_one, lock
from integration_api.storage.rows import page_limit

MINE = calls.MINE


def alone(credential_id: int) -> Operation[None]:
    yield from lock(f"dialing {credential_id}")


def wake(tenant: Tenant, credential_id: int) -> Operation[None]:
    """Have somebody look now at what there is to dial for a credential."""
    yield from execute(
        f"UPDATE dialing_leases SET wake_at = 0 WHERE {MINE} AND credential_id = $3 AND wake_at > 0",
        tenant.organization_id,
        tenant.project_id,
        credential_id,
    )


def add(batch: BatchRecord, queued: Sequence[CallRecord]) -> Operation[BatchRecord]:
    tenant = batch.tenant
    if batch.idempotency_key:
        yield from calls.alone_with_key(tenant, batch.idempotency_key)
        row = yield from fetch_one(
            f"SELECT {BATCH} FROM call_batches WHERE {MINE} AND idempotency_key = $3",
            tenant.organization_id,
            tenant.project_id,
            batch.idempotency_key,
        )
        if row is not None:
            found = read_batch(row)
            if found.fingerprint != batch.fingerprint:
                raise calls.key_reused()
            return found
    yield from alone(batch.credential_id)
    yield from execute(f"INSERT INTO call_batches ({BATCH}) VALUES ({places(BATCH)})", *batch_values(batch))
    added = yield from calls.insert(queued)
    if added != len(queued):
        raise Failure(Kind.CONFLICT, "a call of this batch exists already")
    yield from wake(tenant, batch.credential_id)
    # Nobody waits for calls of which nothing is to be told yet.
    yield from changes.note(tenant, "batch", [str(batch.id)])
    return batch


def by_id(tenant: Tenant, id: int) -> Operation[BatchRecord | None]:
    row = yield from fetch_one(
        f"SELECT {BATCH} FROM call_batches WHERE {MINE} AND id = $3",
        tenant.organization_id,
        tenant.project_id,
        id,
    )
    return read_batch(row) if row else None


def in_project(tenant: Tenant, page: Page) -> Operation[list[BatchRecord]]:
    rows = yield from fetch(
        f"SELECT {BATCH} FROM call_batches WHERE {MINE} AND id < $3 ORDER BY id DESC LIMIT $4",
        tenant.organization_id,
        tenant.project_id,
        *page_limit(page),
    )
    return [read_batch(row) for row in rows]


def set_state(
    tenant: Tenant, id: int, allowed: Sequence[BatchState], state: BatchState, now: float
) -> Operation[BatchRecord | None]:
    batch = yield from by_id(tenant, id)
    if batch is None:
        return None
    yield from alone(batch.credential_id)
    batch = yield from by_id(tenant, id)
    if batch is None or batch.state not in allowed:
        return batch
    key = (tenant.organization_id, tenant.project_id, id)
    cancelled: list[int] = []
    if state is BatchState.CANCELLED:
        queued = f"{MINE} AND batch_id = $3 AND state = 'queued'"
        # Held until they are changed: none may come under way in between.
        rows = yield from fetch(f"SELECT id FROM calls WHERE {queued} FOR UPDATE", *key)
        cancelled = [row[0] for row in rows]
        yield from execute(
            f"UPDATE calls SET state = 'cancelled', ended_at = $4, updated_at = $4 WHERE {queued}",
            *key,
            now,
        )
    yield from execute(
        f"UPDATE call_batches SET state = $4, paused_for = '', updated_at = $5 WHERE {MINE} AND id = $3",
        *key,
        state.value,
        now,
    )
    if state is BatchState.RUNNING:
        yield from wake(tenant, batch.credential_id)
    yield from changes.note(tenant, "call", map(str, cancelled))
    yield from changes.note(tenant, "batch", [str(id)])
    return (yield from by_id(tenant, id))


def pause_all(tenant: Tenant, credential_id: int, why: str, now: float) -> Operation[None]:
    """Pause the batches of a credential that can not be dialed with any more."""
    yield from alone(credential_id)
    key = (tenant.organization_id, tenant.project_id, credential_id)
    running = f"{MINE} AND credential_id = $3 AND state = 'running'"
    rows = yield from fetch(f"SELECT id FROM call_batches WHERE {running}", *key)
    yield from execute(
        f"UPDATE call_batches SET state = 'paused', paused_for = $4, updated_at = $5 WHERE {running}",
        *key,
        why,
        now,
    )
    yield from changes.note(tenant, "batch", [str(row[0]) for row in rows])


def progress(tenant: Tenant, id: int) -> Operation[Progress]:
    rows = yield from fetch(
        "SELECT latest, state, count(*), count(dialed_at) FROM calls"
        f" WHERE {MINE} AND batch_id = $3 AND batch_id <> 0 GROUP BY latest, state",
        tenant.organization_id,
        tenant.project_id,
        id,
    )
    states = {CallState(state): count for latest, state, count, _ in rows if latest}
    return Progress(total=sum(states.values()), states=states, attempts=sum(row[3] for row in rows))
