"""Audit records: added in batches, each exactly once, never changed; found by allow-listed columns."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from msgspec.structs import replace

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import AuditRecord, Page
from integration_api.core.tenant import Actor, Tenant
from integration_api.storage import audit_documents, audit_rows
from integration_api.storage.audit_filter import AuditFilter, conditions
from integration_api.storage.ids import TIME_SHIFT
from integration_api.storage.operation import Operation, Row, execute, execute_many, fetch, fetch_one
from integration_api.storage.rows import LARGEST, MOST_ROWS, moment, page_limit

SELECT = (
    f"SELECT {', '.join('a.' + column for column in audit_rows.READ)},"
    " (SELECT json_object_agg(m.key, m.value) FROM external_audit_metadata m"
    " WHERE m.external_audit_id = a.id) FROM external_audits a"
)
INSERT = (
    f"INSERT INTO external_audits ({', '.join(audit_rows.COLUMNS)})"
    f" VALUES ({', '.join(f'${at}' for at in range(1, len(audit_rows.COLUMNS) + 1))}) ON CONFLICT DO NOTHING"
)
INSERT_METADATA = (
    "INSERT INTO external_audit_metadata (external_audit_id, key, value, created_date, created_actor_type,"
    " created_actor_id) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
)
MOST_TRIES = 8
"""How often a taken id is replaced before giving up; 22 random bits make the second try the last."""


def add(records: Sequence[AuditRecord], rows: Sequence[Row]) -> Operation[None]:
    """Store each record once. A record whose id another event has taken gets an id of its own.

    `rows` are the records' values, made beforehand.
    """
    waiting = {audit_rows.text(record.event_id): record for record in records}
    stored: list[AuditRecord] = []
    for attempt in range(MOST_TRIES):
        if attempt or len(waiting) != len(rows):
            rows = [audit_rows.values(record) for record in waiting.values()]
        added = yield from execute_many(INSERT, rows)
        if added == len(waiting):
            stored += waiting.values()
            break
        for event_id, record in list(waiting.items()):
            row = yield from fetch_one("SELECT id FROM external_audits WHERE event_id = $1", event_id)
            if row is None:
                waiting[event_id] = replace(record, id=_another_id(record, attempt))
            else:
                stored.append(replace(record, id=row[0]))
                del waiting[event_id]
        if not waiting:
            break
    else:
        raise Failure(Kind.OVERLOADED, "no free audit id was found", code="store_unavailable")
    yield from execute_many(
        INSERT_METADATA,
        [row for record in stored for row in audit_rows.metadata_values(record, record.id)],
    )
    yield from audit_documents.add(stored)


def _another_id(record: AuditRecord, attempt: int) -> int:
    """Keep the id's time, so that it still sorts, and draw the rest from the event."""
    low = int.from_bytes(blake2b(f"{record.event_id} {attempt}".encode(), digest_size=8).digest(), "big")
    return record.id >> TIME_SHIFT << TIME_SHIFT | low & ((1 << TIME_SHIFT) - 1)


def by_id(tenant: Tenant, id: int) -> Operation[AuditRecord | None]:
    row = yield from fetch_one(
        f"{SELECT} WHERE a.organization_id = $1 AND a.project_id = $2 AND a.id = $3",
        tenant.organization_id,
        tenant.project_id,
        id,
    )
    return audit_rows.read(row) if row else None


def matching(tenant: Tenant, filter: AuditFilter, page: Page, offset: int) -> Operation[list[AuditRecord]]:
    where, args = conditions(tenant, filter)
    before, limit = page_limit(page)
    rows = yield from fetch(
        f"{SELECT} WHERE {where} AND a.id < ${len(args) + 1}"
        f" ORDER BY a.id DESC LIMIT ${len(args) + 2} OFFSET ${len(args) + 3}",
        *args,
        before,
        limit,
        max(0, min(offset, LARGEST)),
    )
    return [audit_rows.read(row) for row in rows]


def count(tenant: Tenant, filter: AuditFilter) -> Operation[int]:
    where, args = conditions(tenant, filter)
    row = yield from fetch_one(f"SELECT count(*) FROM external_audits a WHERE {where}", *args)
    return int(row[0]) if row else 0


def add_metadata(
    tenant: Tenant, id: int, metadata: Mapping[str, str], now: float, actor: Actor
) -> Operation[bool]:
    row = yield from fetch_one(
        "SELECT 1 FROM external_audits WHERE organization_id = $1 AND project_id = $2 AND id = $3",
        tenant.organization_id,
        tenant.project_id,
        id,
    )
    if row is None:
        return False
    for key, value in list(audit_rows.cut(metadata).items())[:MOST_ROWS]:
        yield from execute(
            "INSERT INTO external_audit_metadata (external_audit_id, key, value, created_date,"
            " created_actor_type, created_actor_id) VALUES ($1, $2, $3, $4, $5, $6)"
            " ON CONFLICT (external_audit_id, key) DO UPDATE SET value = excluded.value,"
            " updated_date = excluded.created_date, updated_actor_type = excluded.created_actor_type,"
            " updated_actor_id = excluded.created_actor_id",
            id,
            key,
            value,
            moment(now),
            *audit_rows.actor(actor.kind, actor.id, tenant.project_id),
        )
    return True
