"""The repository over either database: which transaction each method is, and whose rows it may touch."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from integration_api.core.records import (
    ApiKey,
    AuditRecord,
    Change,
    CredentialRecord,
    Organization,
    Page,
    Project,
    SealedCredential,
    VaultKey,
)
from integration_api.core.tenant import PROJECT, Actor, Tenant
from integration_api.storage import (
    audit_documents,
    audit_rows,
    audits,
    changes,
    credentials,
    imports,
    tenants,
    vault_keys,
)
from integration_api.storage.audit_filter import AuditFilter
from integration_api.storage.credentials import CredentialFilter
from integration_api.storage.operation import Database
from integration_api.storage.relational_telephony import RelationalDialing, RelationalTelephony

SLICE = 8
"""Records turned into rows in one go, between which calls that are under way have their turn."""


class RelationalRepository:
    """Keeps the promises of `Repository`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read = database.read
        self._write = database.write
        self.telephony = RelationalTelephony(database)
        self.dialing = RelationalDialing(database)

    async def migrate(self) -> None:
        await self._database.migrate()

    async def ping(self) -> bool:
        return await self._database.ping()

    async def close(self) -> None:
        await self._database.close()

    async def acquire_worker(self) -> int:
        return await self._write(None, tenants.acquire_worker, repeatable=True)

    async def rows_exist(self) -> bool:
        return await self._read(None, credentials.any_sealed)

    async def create_organization(self, organization: Organization) -> None:
        await self._write(organization.id, lambda: tenants.create_organization(organization))

    async def create_project(self, project: Project) -> None:
        await self._write(project.tenant, lambda: tenants.create_project(project))

    async def project(self, tenant: Tenant) -> Project | None:
        return await self._read(tenant, lambda: tenants.project(tenant))

    async def first_project(self) -> Project | None:
        return await self._read(None, tenants.first_project)

    async def add_api_key(self, key: ApiKey) -> None:
        await self._write(key.tenant, lambda: tenants.add_api_key(key))

    async def api_key_by_digest(self, digest: bytes) -> ApiKey | None:
        return await self._read(None, lambda: tenants.api_key_by_digest(digest))

    async def api_keys(self, tenant: Tenant, page: Page) -> list[ApiKey]:
        return await self._read(tenant, lambda: tenants.api_keys(tenant, page))

    async def revoke_api_key(self, tenant: Tenant, id: int) -> bool:
        now = time.time()
        return await self._write(tenant, lambda: tenants.revoke_api_key(tenant, id, now))

    async def vault_keys(self, organization_id: int, purpose: str) -> list[VaultKey]:
        return await self._read(organization_id, lambda: vault_keys.of_organization(organization_id, purpose))

    async def add_vault_key(self, key: VaultKey) -> bool:
        return await self._write(key.organization_id, lambda: vault_keys.add(key))

    async def reserve_wraps(self, organization_id: int, key_id: bytes, version: int, count: int) -> int:
        # Reserving twice wastes a few of four billion wraps; reserving none would reuse them.
        return await self._write(
            organization_id,
            lambda: vault_keys.reserve_wraps(organization_id, key_id, version, count),
            repeatable=True,
        )

    async def replace_vault_key(self, old: VaultKey, new: VaultKey) -> bool:
        return await self._write(old.organization_id, lambda: vault_keys.replace(old, new), erase=True)

    async def all_vault_keys(self) -> list[VaultKey]:
        return await self._read(None, vault_keys.every)

    async def sealed_batch(
        self, key_id: bytes, below_version: int, after_credential_id: int, limit: int
    ) -> list[SealedCredential]:
        return await self._read(
            None, lambda: credentials.sealed_batch(key_id, below_version, after_credential_id, limit)
        )

    async def replace_sealed(self, record: CredentialRecord, version: int, old: bytes, new: bytes) -> bool:
        return await self._write(record.tenant, lambda: credentials.replace_sealed(record, version, old, new))

    async def add_credential(self, record: CredentialRecord, sealed: bytes) -> None:
        await self._write(record.tenant, lambda: credentials.add(record, sealed))

    async def add_credentials(self, tenant: Tenant, given: Sequence[SealedCredential]) -> list[int]:
        return await self._write(tenant, lambda: imports.add(tenant, given), repeatable=True)

    async def credential_owners(self, ids: Sequence[int]) -> Mapping[int, Tenant]:
        return await self._read(None, lambda: imports.owners(ids))

    async def credential(self, tenant: Tenant, id: int) -> SealedCredential | None:
        return await self._read(tenant, lambda: credentials.by_id(tenant, id))

    async def default_credential(self, tenant: Tenant, provider: str) -> SealedCredential | None:
        return await self._read(tenant, lambda: credentials.default(tenant, provider))

    async def credentials(self, tenant: Tenant, provider: str | None, page: Page) -> list[CredentialRecord]:
        return await self._read(tenant, lambda: credentials.in_project(tenant, provider, page))

    async def find_credentials(
        self, tenant: Tenant, filter: CredentialFilter, page: Page, *, offset: int = 0
    ) -> list[CredentialRecord]:
        return await self._read(tenant, lambda: credentials.matching(tenant, filter, page, offset))

    async def count_credentials(self, tenant: Tenant, filter: CredentialFilter) -> int:
        return await self._read(tenant, lambda: credentials.count(tenant, filter))

    async def update_credential(
        self, tenant: Tenant, old_version: int, record: CredentialRecord, sealed: bytes | None
    ) -> bool:
        return await self._write(
            tenant,
            lambda: credentials.update(tenant, old_version, record, sealed),
            erase=sealed is not None,
        )

    async def delete_credential(self, tenant: Tenant, id: int) -> bool:
        now = time.time()
        return await self._write(tenant, lambda: credentials.delete(tenant, id, now), erase=True)

    async def add_audits(self, records: Sequence[AuditRecord]) -> None:
        rows = []
        for record in records:
            rows.append(audit_rows.values(record))
            if not len(rows) % SLICE:
                await asyncio.sleep(0)
        await self._write(None, lambda: audits.add(records, rows), repeatable=True)

    async def audit(self, tenant: Tenant, id: int) -> AuditRecord | None:
        return await self._read(tenant, lambda: audits.by_id(tenant, id))

    async def audits(
        self, tenant: Tenant, filter: AuditFilter, page: Page, *, offset: int = 0
    ) -> list[AuditRecord]:
        return await self._read(tenant, lambda: audits.matching(tenant, filter, page, offset))

    async def count_audits(self, tenant: Tenant, filter: AuditFilter) -> int:
        return await self._read(tenant, lambda: audits.count(tenant, filter))

    async def add_audit_metadata(
        self, tenant: Tenant, id: int, metadata: Mapping[str, str], actor: Actor = PROJECT
    ) -> bool:
        now = time.time()
        return await self._write(
            tenant, lambda: audits.add_metadata(tenant, id, metadata, now, actor), repeatable=True
        )

    async def audit_documents(self, tenant: Tenant, id: int) -> Mapping[str, bytes]:
        return await self._read(tenant, lambda: audit_documents.of(tenant, id))

    async def forget_audit_documents(self, before: float, limit: int) -> int:
        return await self._write(None, lambda: audit_documents.forget(before, limit), repeatable=True)

    async def changes_after(self, seq: int, limit: int) -> list[Change]:
        return await self._read(None, lambda: changes.after(seq, limit))

    async def last_change(self) -> int:
        return await self._read(None, changes.last)
