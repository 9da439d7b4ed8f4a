"""The feed of changes: written with the rows it speaks of, read by every cache."""

from collections.abc import Iterable

from integration_api.core.records import Change
from integration_api.core.tenant import Tenant
from integration_api.storage.operation import Operation, execute_many, fetch, fetch_one, lock

FEED = "changes"
"""Held from numbering a change to its commit, so that numbers become visible in their order."""


def note(tenant: Tenant, topic: str, subjects: Iterable[str]) -> Operation[None]:
    """Tell the feed; the last thing a transaction does, because it holds the feed from here on."""
    yield from lock(FEED)
    yield from execute_many(
        "INSERT INTO changes (topic, organization_id, project_id, subject) VALUES ($1, $2, $3, $4)",
        [(topic, tenant.organization_id, tenant.project_id, subject) for subject in subjects],
    )


def after(seq: int, limit: int) -> Operation[list[Change]]:
    rows = yield from fetch(
        "SELECT seq, topic, organization_id, project_id, subject FROM changes"
        " WHERE seq > $1 ORDER BY seq LIMIT $2",
        seq,
        limit,
    )
    return [
        Change(seq, topic, Tenant(organization_id, project_id), subject)
        for seq, topic, organization_id, project_id, subject in rows
    ]


def last() -> Operation[int]:
    row = yield from fetch_one("SELECT coalesce(max(seq), 0) FROM changes")
    return int(row[0]) if row else 0
