"""Both databases behind one fixture: every test that takes `kept` runs on SQLite and on PostgreSQL.

from tests.stores import backend, kept, postgres_url   # in a conftest.py
"""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from integration_api.core.records import AuditRecord, CredentialRecord, Organization, Project
from integration_api.core.secret import Secret
from integration_api.core.tenant import Tenant
from integration_api.storage.open import StorageConfig, open_repository
from integration_api.storage.repository import Repository
from tests.servers import connected, postgres_url

__all__ = ["Kept", "backend", "kept", "postgres_url"]

ACME, GLOBEX = Tenant(1, 101), Tenant(2, 201)
SISTER = Tenant(1, 102)
"""Another project of the same organization as `ACME`."""
TABLES = (
    "organizations, projects, api_keys, vault_keys, credentials, credential_versions, changes,"
    " external_audits, external_audit_metadata, external_audit_documents,"
    " calls, call_notes, inbound_routes, call_batches, dialing_leases"
)


class Kept:
    """A migrated, empty store with three tenants, and a way around it: SQL as the database's owner."""

    def __init__(self, backend: str, config: StorageConfig, repository: Repository, url: str) -> None:
        self.backend = backend
        self.config = config
        self.repository = repository
        self.url = url

    async def another(self) -> Repository:
        """Open the same store as another process would."""
        return await open_repository(self.config)

    async def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement with `$1` parameters, bound by nothing; return its rows."""
        if self.backend == "sqlite":
            with contextlib.closing(sqlite3.connect(self.config.sqlite_path)) as connection:
                rows = connection.execute(statement.replace("$", "?"), values).fetchall()
                connection.commit()
                return rows
        async with connected(self.url) as owner:
            return [tuple(row) for row in await owner.fetch(statement, *values)]


def config_of(url: str) -> StorageConfig:
    """Read a PostgreSQL URL as the settings would name its parts."""
    parts = urlsplit(url)
    return StorageConfig(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 5432,
        user=unquote(parts.username or "postgres"),
        password=unquote(parts.password or ""),
        database=parts.path.lstrip("/"),
    )


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The name of a database and its URL, if it has one."""
    return request.param, request.getfixturevalue("postgres_url") if request.param == "postgres" else ""


@pytest.fixture
async def kept(backend: tuple[str, str], tmp_path: Path) -> AsyncIterator[Kept]:
    name, url = backend
    config = config_of(url) if url else StorageConfig(sqlite_path=str(tmp_path / "kept.db"))
    repository = await open_repository(config)
    await repository.migrate()
    if url:
        async with connected(url) as owner:
            await owner.execute(f"TRUNCATE {TABLES} CASCADE")
    for tenant in (ACME, GLOBEX):
        await repository.create_organization(Organization(tenant.organization_id, "org", 1.0))
    for at, tenant in enumerate((ACME, GLOBEX, SISTER), 1):
        await repository.create_project(Project(tenant, "project", float(at)))
    yield Kept(name, config, repository, url)
    await repository.close()


def credential(id: int = 7, tenant: Tenant = ACME, **more: Any) -> CredentialRecord:
    fields: dict[str, Any] = {
        "id": id, "tenant": tenant, "provider": "openai", "name": f"n{id}", "default": False,
        "status": "valid", "fields": {}, "masked": {"key": "…1234"}, "version": 1, "created_at": 1.0,
        "updated_at": 1.0,
    }  # fmt: skip
    return CredentialRecord(**{**fields, **more})


def audit(id: int, tenant: Tenant = ACME, **more: Any) -> AuditRecord:
    fields: dict[str, Any] = {
        "event_id": f"{id:032x}", "id": id, "created_at": 1_700_000_000.0 + id,
        "organization_id": tenant.organization_id, "project_id": tenant.project_id, "operation": "chat",
        "status": "success", "actor_id": tenant.project_id,
    }  # fmt: skip
    return AuditRecord(**{**fields, **more})


def secrets_of(**values: str) -> dict[str, Secret]:
    return {name: Secret(bytearray(value.encode())) for name, value in values.items()}
