"""Credentials and their ciphertext. A value that was replaced is gone: nobody could read it any more.

Everything that changes a project's credentials holds that project's lock, so that
names and the default stay unique without failing half-way.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import CredentialRecord, Page, SealedCredential
from integration_api.core.tenant import Tenant
from integration_api.storage import call_batches, changes, tenants
from integration_api.storage.operation import Operation, execute, fetch, fetch_one, lock
from integration_api.storage.rows import (
    CREDENTIAL,
    LARGEST,
    json_text,
    page_limit,
    read_credential,
    read_sealed,
    searchable,
    wrapped_by,
)

SEALED = (
    f"SELECT {CREDENTIAL}, v.sealed FROM credentials c JOIN credential_versions v"
    " ON v.organization_id = c.organization_id AND v.project_id = c.project_id"
    " AND v.credential_id = c.id AND v.version = c.version"
)


def add(record: CredentialRecord, sealed: bytes) -> Operation[None]:
    tenant = record.tenant
    yield from alone(tenant)
    yield from tenants.know(tenant, record.created_at)
    yield from _refuse_taken_name(record)
    others = yield from _undo_default(record)
    added = yield from insert(record)
    if not added:
        raise Failure(Kind.CONFLICT, "a credential with this id exists already")
    yield from add_version(record, sealed)
    yield from _note(tenant, record.provider, [record.id, *others])


def insert(record: CredentialRecord) -> Operation[int]:
    """Add a row, unless its id or its place is taken; return how many were added."""
    tenant = record.tenant
    return (
        yield from execute(
            "INSERT INTO credentials (id, organization_id, project_id, provider, name, is_default, status,"
            " fields, masked, version, created_at, updated_at, verified_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
            record.id,
            tenant.organization_id,
            tenant.project_id,
            record.provider,
            record.name,
            record.default,
            record.status,
            json_text(record.fields),
            json_text(record.masked),
            record.version,
            record.created_at,
            record.updated_at,
            record.verified_at,
        )
    )


def by_id(tenant: Tenant, id: int) -> Operation[SealedCredential | None]:
    row = yield from fetch_one(
        f"{SEALED} WHERE c.organization_id = $1 AND c.project_id = $2 AND c.id = $3",
        tenant.organization_id,
        tenant.project_id,
        id,
    )
    return read_sealed(row) if row else None


def default(tenant: Tenant, provider: str) -> Operation[SealedCredential | None]:
    rows = yield from fetch(
        f"{SEALED} WHERE c.organization_id = $1 AND c.project_id = $2 AND c.provider = $3"
        " ORDER BY c.is_default DESC, c.id LIMIT 2",
        tenant.organization_id,
        tenant.project_id,
        provider,
    )
    found = [read_sealed(row) for row in rows]
    if len(found) > 1 and not found[0].record.default:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"the project has several {provider} credentials and none is the default:"
            " name one in x-credential-id, or make one the default",
            code="credential_required",
            param="x-credential-id",
        )
    return found[0] if found else None


def in_project(tenant: Tenant, provider: str | None, page: Page) -> Operation[list[CredentialRecord]]:
    where = "" if provider is None else " AND c.provider = $5"
    rows = yield from fetch(
        f"SELECT {CREDENTIAL} FROM credentials c"
        f" WHERE c.organization_id = $1 AND c.project_id = $2 AND c.id < $3{where}"
        " ORDER BY c.id DESC LIMIT $4",
        tenant.organization_id,
        tenant.project_id,
        *page_limit(page),
        *(() if provider is None else (provider,)),
    )
    return [read_credential(row) for row in rows]


class CredentialFilter(Struct, frozen=True, kw_only=True):
    """Everything that is set must hold."""

    providers: tuple[str, ...] = ()
    """Any of them; none for all."""
    name: str | None = None
    name_contains: str | None = None


def matching(
    tenant: Tenant, filter: CredentialFilter, page: Page, offset: int
) -> Operation[list[CredentialRecord]]:
    where, args = _conditions(tenant, filter)
    before, limit = page_limit(page)
    rows = yield from fetch(
        f"SELECT {CREDENTIAL} FROM credentials c WHERE {where} AND c.id < ${len(args) + 1}"
        f" ORDER BY c.id DESC LIMIT ${len(args) + 2} OFFSET ${len(args) + 3}",
        *args,
        before,
        limit,
        max(0, min(offset, LARGEST)),
    )
    return [read_credential(row) for row in rows]


def count(tenant: Tenant, filter: CredentialFilter) -> Operation[int]:
    where, args = _conditions(tenant, filter)
    row = yield from fetch_one(f"SELECT count(*) FROM credentials c WHERE {where}", *args)
    return int(row[0]) if row else 0


def _conditions(tenant: Tenant, filter: CredentialFilter) -> tuple[str, list[Any]]:
    args: list[Any] = [tenant.organization_id, tenant.project_id]
    clauses = ["c.organization_id = $1", "c.project_id = $2"]

    def place(value: str) -> str:
        args.append(searchable(value))
        return f"${len(args)}"

    if filter.providers:
        clauses.append(f"c.provider IN ({', '.join(map(place, filter.providers))})")
    if filter.name is not None:
        clauses.append(f"c.name = {place(filter.name)}")
    if filter.name_contains is not None:
        clauses.append(f"strpos(c.name, {place(filter.name_contains)}) > 0")
    return " AND ".join(clauses), args


def update(
    tenant: Tenant, old_version: int, record: CredentialRecord, sealed: bytes | None
) -> Operation[bool]:
    yield from alone(tenant)
    row = yield from fetch_one(
        "SELECT version FROM credentials WHERE organization_id = $1 AND project_id = $2 AND id = $3",
        tenant.organization_id,
        tenant.project_id,
        record.id,
    )
    if row is None or row[0] != old_version or (sealed is None and record.version != old_version):
        return False
    yield from _refuse_taken_name(record)
    others = yield from _undo_default(record)
    if sealed is not None:
        yield from execute(
            "DELETE FROM credential_versions"
            " WHERE organization_id = $1 AND project_id = $2 AND credential_id = $3",
            tenant.organization_id,
            tenant.project_id,
            record.id,
        )
    yield from execute(
        "UPDATE credentials SET name = $1, is_default = $2, status = $3, fields = $4, masked = $5,"
        " version = $6, updated_at = $7, verified_at = $8"
        " WHERE organization_id = $9 AND project_id = $10 AND id = $11",
        record.name,
        record.default,
        record.status,
        json_text(record.fields),
        json_text(record.masked),
        record.version,
        record.updated_at,
        record.verified_at,
        tenant.organization_id,
        tenant.project_id,
        record.id,
    )
    if sealed is not None:
        yield from add_version(record, sealed)
    yield from _note(tenant, record.provider, [record.id, *others])
    return True


def delete(tenant: Tenant, id: int, now: float) -> Operation[bool]:
    """Delete a credential; its batches of calls wait."""
    yield from alone(tenant)
    key = (tenant.organization_id, tenant.project_id, id)
    row = yield from fetch_one(
        "SELECT provider FROM credentials WHERE organization_id = $1 AND project_id = $2 AND id = $3", *key
    )
    if row is None:
        return False
    yield from execute(
        "DELETE FROM credentials WHERE organization_id = $1 AND project_id = $2 AND id = $3", *key
    )
    yield from _note(tenant, row[0], [id])
    yield from call_batches.pause_all(tenant, id, "credential_not_found", now)
    return True


def any_sealed() -> Operation[bool]:
    row = yield from fetch_one(
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM vault_keys) OR EXISTS (SELECT 1 FROM credential_versions)"
    )
    return row is not None


def sealed_batch(
    key_id: bytes, below_version: int, after_credential_id: int, limit: int
) -> Operation[list[SealedCredential]]:
    rows = yield from fetch(
        f"SELECT {CREDENTIAL}, v.sealed FROM credential_versions v JOIN credentials c"
        " ON c.organization_id = v.organization_id AND c.project_id = v.project_id"
        " AND c.id = v.credential_id AND c.version = v.version"
        " WHERE v.key_id = $1 AND v.key_version < $2 AND v.credential_id > $3"
        " ORDER BY v.credential_id LIMIT $4",
        key_id,
        below_version,
        after_credential_id,
        limit,
    )
    return [read_sealed(row) for row in rows]


def replace_sealed(record: CredentialRecord, version: int, old: bytes, new: bytes) -> Operation[bool]:
    tenant = record.tenant
    replaced = yield from execute(
        "UPDATE credential_versions SET sealed = $1, key_id = $2, key_version = $3"
        " WHERE organization_id = $4 AND project_id = $5 AND credential_id = $6 AND version = $7"
        " AND sealed = $8",
        new,
        *wrapped_by(new),
        tenant.organization_id,
        tenant.project_id,
        record.id,
        version,
        old,
    )
    if replaced:
        yield from _note(tenant, record.provider, [record.id])
    return replaced > 0


def alone(tenant: Tenant) -> Operation[None]:
    yield from lock(f"credentials {tenant.organization_id} {tenant.project_id}")


def _refuse_taken_name(record: CredentialRecord) -> Operation[None]:
    taken = yield from fetch_one(
        "SELECT 1 FROM credentials"
        " WHERE organization_id = $1 AND project_id = $2 AND provider = $3 AND name = $4 AND id <> $5",
        record.tenant.organization_id,
        record.tenant.project_id,
        record.provider,
        record.name,
        record.id,
    )
    if taken:
        raise Failure(
            Kind.CONFLICT,
            f"the project has a {record.provider} credential of this name already; choose another name",
            code="name_taken",
            param="name",
        )


def _undo_default(record: CredentialRecord) -> Operation[list[int]]:
    """Make room for a new default; return whose turn is over."""
    if not record.default:
        return []
    key = (record.tenant.organization_id, record.tenant.project_id, record.provider, record.id)
    where = "organization_id = $1 AND project_id = $2 AND provider = $3 AND id <> $4 AND is_default"
    rows = yield from fetch(f"SELECT id FROM credentials WHERE {where}", *key)
    if rows:
        yield from execute(f"UPDATE credentials SET is_default = false WHERE {where}", *key)
    return [row[0] for row in rows]


def add_version(record: CredentialRecord, sealed: bytes) -> Operation[None]:
    yield from execute(
        "INSERT INTO credential_versions (organization_id, project_id, credential_id, version,"
        " key_id, key_version, sealed, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        record.tenant.organization_id,
        record.tenant.project_id,
        record.id,
        record.version,
        *wrapped_by(sealed),
        sealed,
        record.updated_at,
    )


def note(tenant: Tenant, subjects: Iterable[str]) -> Operation[None]:
    """Tell the feed which credentials changed, by their ids and by the providers whose default may have."""
    yield from changes.note(tenant, "credential", subjects)


def _note(tenant: Tenant, provider: str, ids: Iterable[int]) -> Operation[None]:
    yield from note(tenant, [*map(str, ids), provider])
