"""Calls that are over, and batches that are through, once they are old enough to be forgotten.

What is old is looked for in the whole installation, and deleted tenant by tenant. A call is kept until its end is
recorded, and until nothing of its batch is left to be dialed: a batch counts its calls.
"""

from collections.abc import Mapping, Sequence

from integration_api.core.tenant import Tenant
from integration_api.storage import calls
from integration_api.storage.operation import Operation, Row, execute, fetch, lock

OVER = (
    f"settled AND {calls.ENDED} AND NOT EXISTS (SELECT 1 FROM call_batches b WHERE b.id = calls.batch_id"
    " AND b.state IN ('running', 'paused'))"
)
THROUGH = (
    "state IN ('cancelled', 'completed') AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.batch_id = call_batches.id"
    " AND c.batch_id <> 0)"
)


def old_calls(before: float, limit: int) -> Operation[Mapping[Tenant, list[int]]]:
    """Return up to `limit` calls that ended before a time, the oldest first."""
    rows = yield from fetch(
        f"SELECT organization_id, project_id, id FROM calls WHERE ended_at < $1 AND {OVER}"
        " ORDER BY ended_at LIMIT $2",
        before,
        limit,
    )
    return _by_tenant(rows)


def old_batches(before: float, limit: int) -> Operation[Mapping[Tenant, list[int]]]:
    """Return up to `limit` batches that changed last before a time, and have no call any more."""
    rows = yield from fetch(
        f"SELECT organization_id, project_id, id FROM call_batches WHERE updated_at < $1 AND {THROUGH} LIMIT $2",
        before,
        limit,
    )
    return _by_tenant(rows)


def forget_calls(tenant: Tenant, ids: Sequence[int]) -> Operation[int]:
    """Delete calls with their stories; return how many were still there."""
    yield from lock("forgetting calls")
    key = (tenant.organization_id, tenant.project_id, *ids)
    places = _places(ids)
    yield from execute(f"DELETE FROM call_notes WHERE {calls.MINE} AND call_id IN ({places})", *key)
    return (yield from execute(f"DELETE FROM calls WHERE {calls.MINE} AND id IN ({places})", *key))


def forget_batches(tenant: Tenant, ids: Sequence[int]) -> Operation[int]:
    key = (tenant.organization_id, tenant.project_id, *ids)
    return (
        yield from execute(f"DELETE FROM call_batches WHERE {calls.MINE} AND id IN ({_places(ids)})", *key)
    )


def _places(ids: Sequence[int]) -> str:
    return ", ".join(f"${at}" for at in range(3, 3 + len(ids)))


def _by_tenant(rows: Sequence[Row]) -> dict[Tenant, list[int]]:
    found: dict[Tenant, list[int]] = {}
    for organization_id, project_id, id in rows:
        found.setdefault(Tenant(organization_id, project_id), []).append(id)
    return found
