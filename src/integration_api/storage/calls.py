"""Telephone calls and their stories."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import Page
from integration_api.core.telephony_records import CallFilter, CallNote, CallRecord
from integration_api.core.tenant import Tenant
from integration_api.storage import changes
from integration_api.storage.call_rows import (
    CALL,
    CHANGING,
    NOTE,
    call_values,
    changing_values,
    note_values,
    places,
    read_call,
    read_note,
    settings,
)
from integration_api.storage.operation import Operation, execute, execute_many, fetch, fetch_one, lock
from integration_api.storage.rows import LARGEST, MOST_ROWS, page_limit, searchable

MINE = "organization_id = $1 AND project_id = $2"
ENDED = "state IN ('completed', 'busy', 'no_answer', 'rejected', 'cancelled', 'failed')"
INSERT = f"INSERT INTO calls ({CALL}, updated_at) VALUES ({places(CALL + ', updated_at')})"
INSERT_NOTE = f"INSERT INTO call_notes ({NOTE}) VALUES ({places(NOTE)})"


def add(call: CallRecord, note: CallNote) -> Operation[CallRecord]:
    there = yield from _there(call)
    if there is not None:
        return there
    yield from execute(INSERT, *call_values(call), note.at)
    yield from execute(INSERT_NOTE, *note_values(replace(note, state=call.state)))
    yield from tell(call.tenant, [call])
    return call


def _there(call: CallRecord) -> Operation[CallRecord | None]:
    """Return the call that is there already in place of this one, alone with what tells them the same."""
    tenant = call.tenant
    if call.idempotency_key:
        yield from alone_with_key(tenant, call.idempotency_key)
        found = yield from _one(tenant, "idempotency_key = $3", call.idempotency_key)
        if found is not None and found.fingerprint != call.fingerprint:
            raise key_reused()
        return found
    if call.provider_call_id:
        yield from lock(f"provider call {call.credential_id} {call.provider_call_id}")
        return (
            yield from _one(
                tenant,
                "credential_id = $3 AND provider_call_id = $4",
                call.credential_id,
                call.provider_call_id,
            )
        )
    return None


def alone_with_key(tenant: Tenant, idempotency_key: str) -> Operation[None]:
    yield from lock(f"idempotency {tenant.organization_id} {tenant.project_id} {idempotency_key}")


def key_reused() -> Failure:
    return Failure(
        Kind.CONFLICT,
        "this idempotency key came with another request before; use a new key for a new request",
        code="idempotency_key_reused",
        param="idempotency_key",
    )


def by_id(tenant: Tenant, id: int) -> Operation[CallRecord | None]:
    return (yield from _one(tenant, "id = $3", id))


def _one(tenant: Tenant, where: str, *args: Any) -> Operation[CallRecord | None]:
    row = yield from fetch_one(
        f"SELECT {CALL} FROM calls WHERE {MINE} AND {where}", tenant.organization_id, tenant.project_id, *args
    )
    return read_call(row) if row else None


def matching(tenant: Tenant, filter: CallFilter, page: Page) -> Operation[list[CallRecord]]:
    args: list[Any] = [tenant.organization_id, tenant.project_id]
    clauses = [MINE]

    def place(value: Any) -> str:
        args.append(searchable(value) if type(value) is str else value)
        return f"${len(args)}"

    if filter.states:
        clauses.append(f"state IN ({', '.join(place(state.value) for state in filter.states)})")
    if filter.direction is not None:
        clauses.append(f"direction = {place(filter.direction.value)}")
    if filter.provider is not None:
        clauses.append(f"provider = {place(filter.provider)}")
    if filter.batch_id is not None:
        clauses.append(f"batch_id = {place(filter.batch_id)} AND batch_id <> 0")
    if filter.number is not None:
        number = place(filter.number)
        clauses.append(f"(callee = {number} OR caller = {number})")
    before, limit = page_limit(page)
    rows = yield from fetch(
        f"SELECT {CALL} FROM calls WHERE {' AND '.join(clauses)} AND id < {place(before)}"
        f" ORDER BY id DESC LIMIT {place(limit)}",
        *args,
    )
    return [read_call(row) for row in rows]


def update(
    tenant: Tenant, id: int, change: Callable[[CallRecord], CallRecord | None], note: CallNote
) -> Operation[CallRecord | None]:
    # Whoever changes a call holds its row from before it is read.
    row = yield from fetch_one(
        f"SELECT {CALL} FROM calls WHERE {MINE} AND id = $3 FOR UPDATE",
        tenant.organization_id,
        tenant.project_id,
        id,
    )
    if row is None:
        return None
    call = read_call(row)
    if (yield from fetch_one(f"SELECT 1 FROM call_notes WHERE {MINE} AND call_id = $3 AND key = $4",
                             tenant.organization_id, tenant.project_id, id, note.key)):  # fmt: skip
        return call
    changed = change(call)
    if changed is not None:
        call = changed
        if call.state.ended and call.ended_at is None:
            call = replace(call, ended_at=note.at)
        yield from execute(
            f"UPDATE calls SET {settings(CHANGING + ', updated_at', 4)} WHERE {MINE} AND id = $3",
            tenant.organization_id,
            tenant.project_id,
            id,
            *changing_values(call),
            note.at,
        )
    yield from execute(INSERT_NOTE, *note_values(replace(note, state=call.state)))
    yield from tell(tenant, [call])
    return call


def settle(tenant: Tenant, id: int) -> Operation[None]:
    yield from execute(
        f"UPDATE calls SET settled = true WHERE {MINE} AND id = $3 AND batch_id = 0 AND {ENDED}",
        tenant.organization_id,
        tenant.project_id,
        id,
    )


def insert(calls: Sequence[CallRecord]) -> Operation[int]:
    """Add calls without a word to anybody; return how many."""
    return (yield from execute_many(INSERT, [(*call_values(call), call.created_at) for call in calls]))


def add_notes(notes: Sequence[CallNote]) -> Operation[None]:
    """Add lines to the stories of calls whose rows the transaction holds."""
    yield from execute_many(INSERT_NOTE, [note_values(note) for note in notes])


def tell(tenant: Tenant, calls: Sequence[CallRecord]) -> Operation[None]:
    """Tell the feed that calls changed, and with them how their batches stand."""
    yield from changes.note(tenant, "call", [str(call.id) for call in calls])
    batches = {call.batch_id for call in calls}
    yield from changes.note(tenant, "batch", [str(id) for id in sorted(batches) if id])


def notes(tenant: Tenant, call_id: int, after_id: int, limit: int) -> Operation[list[CallNote]]:
    rows = yield from fetch(
        f"SELECT {NOTE} FROM call_notes WHERE {MINE} AND call_id = $3 AND id > $4 ORDER BY id LIMIT $5",
        tenant.organization_id,
        tenant.project_id,
        call_id,
        min(after_id, LARGEST),
        max(0, min(limit, MOST_ROWS)),
    )
    return [read_note(row) for row in rows]
