"""What is kept and how it is asked for: the one interface over SQLite and PostgreSQL.

Every method takes the tenant (or the record that names it) whose rows it may see
or change, except those marked "whole installation". Each is one transaction, and
one that changes what a cache may hold tells the feed of changes in it.

All raise `Failure(OVERLOADED, code="store_unavailable")` while the database can not be used.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

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
from integration_api.storage.audit_filter import AuditFilter, Comparison, Criterion
from integration_api.storage.credentials import CredentialFilter
from integration_api.storage.dialing_store import DialingStore
from integration_api.storage.telephony_store import TelephonyStore

__all__ = ["AuditFilter", "Comparison", "CredentialFilter", "Criterion", "Repository"]


class Repository(Protocol):
    @property
    def telephony(self) -> TelephonyStore:
        """Calls, batches of calls, and where calls come in."""
        ...

    @property
    def dialing(self) -> DialingStore:
        """What the dialer asks."""
        ...

    # --- the store itself: whole installation ------------------------------------------------

    async def migrate(self) -> None:
        """Bring the schema up to date; safe to call from many processes. Raises `MigrationFailed`."""
        ...

    async def ping(self) -> bool:
        """Return whether the store answers and takes writes. Never raises."""
        ...

    async def close(self) -> None: ...

    async def acquire_worker(self) -> int:
        """Hand out the next worker number, 0 to 1023, for this process's `Snowflake`."""
        ...

    async def rows_exist(self) -> bool:
        """Return whether anything is stored that a root key must open."""
        ...

    # --- tenants -----------------------------------------------------------------------------

    async def create_organization(self, organization: Organization) -> None: ...
    async def create_project(self, project: Project) -> None: ...
    async def project(self, tenant: Tenant) -> Project | None: ...

    async def first_project(self) -> Project | None:
        """Whole installation: return the project made on the first start, None before it."""
        ...

    async def add_api_key(self, key: ApiKey) -> None:
        """Store a key. A tenant that another service created becomes known here with it."""
        ...

    async def api_key_by_digest(self, digest: bytes) -> ApiKey | None:
        """Whole installation, because the key is what tells the tenant. Finds revoked keys too."""
        ...

    async def api_keys(self, tenant: Tenant, page: Page) -> list[ApiKey]: ...

    async def revoke_api_key(self, tenant: Tenant, id: int) -> bool:
        """Return False when the tenant has no such live key."""
        ...

    # --- vault keys --------------------------------------------------------------------------

    async def vault_keys(self, organization_id: int, purpose: str) -> list[VaultKey]: ...

    async def add_vault_key(self, key: VaultKey) -> bool:
        """Return False when its version exists, or another key of the organization and purpose is current.

        A current key takes over from an older current version of itself.
        """
        ...

    async def reserve_wraps(self, organization_id: int, key_id: bytes, version: int, count: int) -> int:
        """Reserve `count` more wraps; return how many are reserved now. Raises `Failure(NOT_FOUND)`."""
        ...

    async def replace_vault_key(self, old: VaultKey, new: VaultKey) -> bool:
        """Change wrapping, root and state, if they still are as in `old`; else return False."""
        ...

    async def all_vault_keys(self) -> list[VaultKey]:
        """Whole installation: for changing the root key."""
        ...

    async def sealed_batch(
        self, key_id: bytes, below_version: int, after_credential_id: int, limit: int
    ) -> list[SealedCredential]:
        """Whole installation: credentials wrapped by older versions of a key, by ascending id."""
        ...

    async def replace_sealed(self, record: CredentialRecord, version: int, old: bytes, new: bytes) -> bool:
        """Put re-wrapped ciphertext in place of `old`, if it still is there; else return False."""
        ...

    # --- credentials -------------------------------------------------------------------------

    async def add_credential(self, record: CredentialRecord, sealed: bytes) -> None:
        """Raises `Failure(CONFLICT)` when the project has one of that provider and name."""
        ...

    async def add_credentials(self, tenant: Tenant, given: Sequence[SealedCredential]) -> list[int]:
        """Add credentials that have ids already; return those whose id was not taken.

        Of a name that is taken the credential's id becomes a part.
        """
        ...

    async def credential_owners(self, ids: Sequence[int]) -> Mapping[int, Tenant]:
        """Whole installation: say whose each of these ids is, for those that are anybody's."""
        ...

    async def credential(self, tenant: Tenant, id: int) -> SealedCredential | None: ...

    async def default_credential(self, tenant: Tenant, provider: str) -> SealedCredential | None:
        """Return the one marked default, else the only one.

        Raises `Failure(INVALID_REQUEST, code="credential_required")` when there are several and no default.
        """
        ...

    async def credentials(
        self, tenant: Tenant, provider: str | None, page: Page
    ) -> list[CredentialRecord]: ...

    async def find_credentials(
        self, tenant: Tenant, filter: CredentialFilter, page: Page, *, offset: int = 0
    ) -> list[CredentialRecord]:
        """Newest first."""
        ...

    async def count_credentials(self, tenant: Tenant, filter: CredentialFilter) -> int: ...

    async def update_credential(
        self, tenant: Tenant, old_version: int, record: CredentialRecord, sealed: bytes | None
    ) -> bool:
        """Replace the record and, unless None, the ciphertext, if the version still is `old_version`.

        Raises `Failure(CONFLICT)` when the new name is taken. Ciphertext that was replaced is erased.
        """
        ...

    async def delete_credential(self, tenant: Tenant, id: int) -> bool:
        """Erase a credential, ciphertext and all, and pause the batches of calls that are dialed with it.

        Return False when there was none.
        """
        ...

    # --- audit -------------------------------------------------------------------------------

    async def add_audits(self, records: Sequence[AuditRecord]) -> None:
        """Whole installation: store records of any tenants, each event once, all of them or none."""
        ...

    async def audit(self, tenant: Tenant, id: int) -> AuditRecord | None: ...

    async def audits(
        self, tenant: Tenant, filter: AuditFilter, page: Page, *, offset: int = 0
    ) -> list[AuditRecord]:
        """Newest first. Raises `Failure(INVALID_REQUEST)` for a criterion that is not offered."""
        ...

    async def count_audits(self, tenant: Tenant, filter: AuditFilter) -> int: ...

    async def add_audit_metadata(
        self, tenant: Tenant, id: int, metadata: Mapping[str, str], actor: Actor = PROJECT
    ) -> bool:
        """Add or replace entries of a record's metadata. Return False when there is no such record."""
        ...

    async def audit_documents(self, tenant: Tenant, id: int) -> Mapping[str, bytes]:
        """Return what was asked and answered, sealed, by part; nothing where nothing was kept."""
        ...

    async def forget_audit_documents(self, before: float, limit: int) -> int:
        """Whole installation: delete up to `limit` documents made before a time; return how many went."""
        ...

    # --- the feed: whole installation --------------------------------------------------------

    async def changes_after(self, seq: int, limit: int) -> list[Change]:
        """Return changes in order. One with a lower number never appears after one with a higher."""
        ...

    async def last_change(self) -> int: ...
