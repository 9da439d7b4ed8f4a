"""What was asked and answered, sealed, beside the record of its call: added with it, read by its tenant, forgotten."""

from collections.abc import Mapping, Sequence

from integration_api.core.records import AuditRecord
from integration_api.core.tenant import Tenant
from integration_api.storage.operation import Operation, execute, execute_many, fetch
from integration_api.storage.rows import moment

INSERT = (
    "INSERT INTO external_audit_documents (external_audit_id, part, organization_id, project_id, created_date, sealed)"
    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
)


def add(records: Sequence[AuditRecord]) -> Operation[None]:
    """Store what came with records, under the ids they were stored with."""
    yield from execute_many(
        INSERT,
        [
            (record.id, part, record.organization_id, record.project_id, moment(record.created_at), sealed)
            for record in records
            for part, sealed in record.documents.items()
        ],
    )


def of(tenant: Tenant, id: int) -> Operation[Mapping[str, bytes]]:
    rows = yield from fetch(
        "SELECT part, sealed FROM external_audit_documents"
        " WHERE organization_id = $1 AND project_id = $2 AND external_audit_id = $3",
        tenant.organization_id,
        tenant.project_id,
        id,
    )
    return {part: bytes(sealed) for part, sealed in rows}


def forget(before: float, limit: int) -> Operation[int]:
    """Delete up to `limit` of those made before a time; return how many went."""
    return (
        yield from execute(
            "DELETE FROM external_audit_documents WHERE (external_audit_id, part) IN ("
            "SELECT external_audit_id, part FROM external_audit_documents WHERE created_date < $1"
            " ORDER BY created_date LIMIT $2)",
            moment(before),
            limit,
        )
    )
