"""Organizations, projects, our own API keys, and the numbers that keep ids apart."""

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import ApiKey, Organization, Page, Project
from integration_api.core.tenant import Tenant
from integration_api.storage import changes
from integration_api.storage.ids import WORKERS
from integration_api.storage.operation import Operation, execute, fetch, fetch_one
from integration_api.storage.rows import API_KEY, page_limit, read_api_key, read_project, scopes_text


def acquire_worker() -> Operation[int]:
    yield from execute("UPDATE id_workers SET handed_out = handed_out + 1 WHERE id = 1")
    row = yield from fetch_one("SELECT handed_out FROM id_workers WHERE id = 1")
    if row is None:
        raise Failure(Kind.INTERNAL, "the table id_workers lost its row; run `migrate`")
    return int(row[0]) % WORKERS


def create_organization(organization: Organization) -> Operation[None]:
    added = yield from execute(
        "INSERT INTO organizations (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        organization.id,
        organization.name,
        organization.created_at,
    )
    if not added:
        raise Failure(Kind.CONFLICT, "an organization with this id exists already")


def create_project(project: Project) -> Operation[None]:
    tenant = project.tenant
    added = yield from execute(
        "INSERT INTO projects (organization_id, id, name, created_at)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        tenant.organization_id,
        tenant.project_id,
        project.name,
        project.created_at,
    )
    if not added:
        raise Failure(Kind.CONFLICT, "a project with this id exists already")
    yield from changes.note(tenant, "project", [str(tenant.project_id)])


def know(tenant: Tenant, now: float) -> Operation[None]:
    """Make rows for a tenant that another service of the platform created, if there are none yet."""
    yield from execute(
        "INSERT INTO organizations (id, name, created_at) VALUES ($1, '', $2) ON CONFLICT DO NOTHING",
        tenant.organization_id,
        now,
    )
    yield from execute(
        "INSERT INTO projects (organization_id, id, name, created_at)"
        " VALUES ($1, $2, '', $3) ON CONFLICT DO NOTHING",
        tenant.organization_id,
        tenant.project_id,
        now,
    )


def project(tenant: Tenant) -> Operation[Project | None]:
    row = yield from fetch_one(
        "SELECT organization_id, id, name, created_at FROM projects WHERE organization_id = $1 AND id = $2",
        tenant.organization_id,
        tenant.project_id,
    )
    return read_project(row) if row else None


def first_project() -> Operation[Project | None]:
    row = yield from fetch_one(
        "SELECT organization_id, id, name, created_at FROM projects ORDER BY created_at, id LIMIT 1"
    )
    return read_project(row) if row else None


def add_api_key(key: ApiKey) -> Operation[None]:
    yield from know(key.tenant, key.created_at)
    added = yield from execute(
        f"INSERT INTO api_keys ({API_KEY}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " ON CONFLICT DO NOTHING",
        key.id,
        key.tenant.organization_id,
        key.tenant.project_id,
        key.name,
        key.hint,
        key.digest,
        scopes_text(key.scopes),
        key.created_at,
        key.revoked_at,
    )
    if not added:
        raise Failure(Kind.CONFLICT, "this API key exists already")
    yield from changes.note(key.tenant, "api_key", [str(key.id)])


def api_key_by_digest(digest: bytes) -> Operation[ApiKey | None]:
    row = yield from fetch_one(f"SELECT {API_KEY} FROM api_keys WHERE digest = $1", digest)
    return read_api_key(row) if row else None


def api_keys(tenant: Tenant, page: Page) -> Operation[list[ApiKey]]:
    rows = yield from fetch(
        f"SELECT {API_KEY} FROM api_keys WHERE organization_id = $1 AND project_id = $2 AND id < $3"
        " ORDER BY id DESC LIMIT $4",
        tenant.organization_id,
        tenant.project_id,
        *page_limit(page),
    )
    return [read_api_key(row) for row in rows]


def revoke_api_key(tenant: Tenant, id: int, now: float) -> Operation[bool]:
    revoked = yield from execute(
        "UPDATE api_keys SET revoked_at = $1"
        " WHERE organization_id = $2 AND project_id = $3 AND id = $4 AND revoked_at IS NULL",
        now,
        tenant.organization_id,
        tenant.project_id,
        id,
    )
    if revoked:
        yield from changes.note(tenant, "api_key", [str(id)])
    return revoked > 0
