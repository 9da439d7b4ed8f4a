"""Taking over the platform's own vault: its credentials with their ids, sealed, each once.

Safe to stop anywhere and to run again: what is stored already is left as it is.
"""

import hmac
from asyncio import Semaphore, gather
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

from msgspec import Struct, field
from msgspec.structs import replace

from integration_api.core.credential import BASE_URL
from integration_api.core.errors import Failure, Kind
from integration_api.core.ids import LARGEST_ID
from integration_api.core.provider import Provider
from integration_api.core.records import CredentialRecord, SealedCredential
from integration_api.core.secret import Secret
from integration_api.core.tenant import Principal, Scope, Tenant
from integration_api.dialects.platform_vault import forget, forget_raw, read_value
from integration_api.providers import find
from integration_api.services import clock
from integration_api.services.call import Origin
from integration_api.services.credential import NAME_LENGTH, CredentialService, Sealer
from integration_api.services.fields import part_fields
from integration_api.storage.platform_vault import PlatformCredential, PlatformVault
from integration_api.storage.repository import Repository

BATCH = 200
"""Rows read and stored at once: small enough that a service beside it does not wait."""
CHECKS = 16
"""Providers asked at the same time."""
ACTIVE = "active"
OPERATOR = frozenset(Scope)


class Skipped(Struct, frozen=True):
    """A row that was not taken, or not blanked, and why. Nothing here is secret."""

    id: int
    provider: str
    reason: str


class Report(Struct):
    imported: int = 0
    present: int = 0
    """Stored by an earlier run."""
    blanked: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    failed: list[Skipped] = field(default_factory=list)
    """Worth another run: somebody did not answer."""

    @property
    def seen(self) -> int:
        return self.imported + self.present + len(self.skipped) + len(self.failed)


class Wishes(Struct, frozen=True, kw_only=True):
    """What the operator asked for."""

    verify: bool = False
    """Ask each provider, and take only what it accepts."""
    blank: bool = False
    """Empty a source row once its copy here has been read back."""
    dry: bool = False
    """Say what would be done."""
    providers: frozenset[str] = frozenset()
    """Only these, by name or alias; all when empty."""


class _Taken(Struct):
    """A row that can be taken, its value in memory."""

    row: PlatformCredential
    provider: Provider
    record: CredentialRecord
    plain: Mapping[str, str]
    secret: Mapping[str, Secret]


class VaultImport:
    def __init__(
        self,
        source: PlatformVault,
        store: Repository,
        vault: Sealer,
        credentials: CredentialService,
        wishes: Wishes,
    ) -> None:
        self._source = source
        self._store = store
        self._vault = vault
        self._credentials = credentials
        self._wishes = wishes
        self._only = {known.name for name in wishes.providers if (known := find(name))}
        self._checks = Semaphore(CHECKS)
        self.report = Report()

    async def run(self, tell: Callable[[int, int], None]) -> Report:
        """Go through every row once; `tell` hears how many are done, of how many. Raises `Failure`."""
        total = await self._source.count()
        done = 0
        after: int | None = None
        tell(done, total)
        while rows := await self._source.after(after, BATCH):
            await self._batch(rows)
            after = rows[-1].id
            done += len(rows)
            tell(done, max(done, total))
        return self.report

    async def _batch(self, rows: Sequence[PlatformCredential]) -> None:
        owners = await self._store.credential_owners(
            [row.id for row in rows if 0 < row.id <= LARGEST_ID] or [0]
        )
        values: list[dict[str, Secret]] = []
        try:
            taken: list[_Taken] = []
            for row in rows:
                found = self._take(row, owners.get(row.id), values)
                if isinstance(found, str):
                    self._skip(row, found)
                else:
                    taken.append(found)
            new = [one for one in taken if one.row.id not in owners]
            if self._wishes.verify:
                answers = await gather(*(self._accepted(one) for one in new))
                new = [one for one, accepted in zip(new, answers, strict=True) if accepted]
            self.report.present += len(taken) - sum(one.row.id not in owners for one in taken)
            if self._wishes.dry:
                self.report.imported += len(new)
                return
            for tenant in dict.fromkeys(one.record.tenant for one in new):
                await self._add(tenant, [one for one in new if one.record.tenant == tenant])
            if self._wishes.blank:
                for one in taken:
                    await self._blank(one)
        finally:
            for value in values:
                forget(value)
            for row in rows:
                forget_raw(row.value)

    def _take(
        self, row: PlatformCredential, owner: Tenant | None, values: list[dict[str, Secret]]
    ) -> _Taken | str:
        """Return a row with its value, or why it is left."""
        provider = find(row.provider)
        if self._only and (provider is None or provider.name not in self._only):
            return "not asked for"
        if row.status.strip().lower() != ACTIVE:
            return f"its status is {row.status[:32]}, not {ACTIVE.upper()}"
        tenant = Tenant(row.organization_id, row.project_id)
        if not all(0 < id <= LARGEST_ID for id in (row.id, tenant.organization_id, tenant.project_id)):
            return "it has no organization or no project"
        if provider is None:
            return "this release has no such provider"
        if owner is not None and owner != tenant:
            return "its id is another project's here"
        try:
            value = read_value(row.value)
            values.append(value)
            if not value:
                return "its value is empty, or was blanked by an earlier run"
            plain, secret = part_fields(provider, value, lenient=True)
        except Failure as failure:
            return failure.message
        # What only the platform knows what it is for is kept, and as a secret.
        known = {name for one in provider.fields for name in (one.name, *one.aliases)} | {BASE_URL.name}
        secret |= {name: held for name, held in value.items() if name not in known and len(held)}
        if any(name.startswith("$") for name in secret):
            return "a field's name begins with $"
        return _Taken(row, provider, _record(row, tenant, provider, plain, secret), plain, secret)

    async def _accepted(self, one: _Taken) -> bool:
        """Whether the provider knows the credential."""
        known = {
            name: one.secret[name] for name in one.secret if name in {f.name for f in one.provider.fields}
        }
        try:
            async with self._checks:
                await self._credentials.check(_origin(one.record.tenant), one.provider, one.plain, known)
        except Failure as failure:
            wrong = failure.kind in {Kind.CREDENTIAL_INVALID, Kind.INVALID_REQUEST}
            (self._skip if wrong else self._fail)(one.row, failure.message)
            return False
        one.record = _verified(one.record)
        return True

    async def _add(self, tenant: Tenant, new: Sequence[_Taken]) -> None:
        sealed = [SealedCredential(one.record, await self._vault.seal(one.record, one.secret)) for one in new]
        try:
            async with AsyncExitStack() as stack:
                for one in new:
                    recorded = self._credentials.recorded(
                        _origin(tenant), one.provider, "credential.import", one.record
                    )
                    await stack.enter_async_context(recorded)
                added = await self._store.add_credentials(tenant, sealed)
        except Failure as failure:
            if failure.kind is not Kind.CONFLICT:
                raise
            for one in new:
                self._skip(one.row, "its project is another organization's here")
            return
        self.report.imported += len(added)
        self.report.present += len(new) - len(added)

    async def _blank(self, one: _Taken) -> None:
        """Empty the row at its source, if what is stored here opens to what it holds."""
        tenant = one.record.tenant
        sealed = await self._store.credential(tenant, one.row.id)
        if sealed is None:
            return  # It was skipped, and that has been said.
        if not await self._opens_to(sealed, one):
            self._skip(one.row, "not blanked: it is not what was imported")
        elif await self._source.blank(one.row):
            self.report.blanked += 1
        else:
            self._skip(one.row, "not blanked: it has changed since it was read")

    async def _opens_to(self, sealed: SealedCredential, one: _Taken) -> bool:
        record = sealed.record
        if record.provider != one.provider.name or record.fields != one.plain:
            return False
        if set(record.masked) != set(one.secret):
            return False
        await self._vault.confirm(sealed)
        secrets = await self._vault.secrets(sealed)
        for name, held in one.secret.items():
            with Secret(secrets.reveal(name)) as opened, opened.view() as here, held.view() as there:
                if not hmac.compare_digest(here, there):
                    return False
        return True

    def _skip(self, row: PlatformCredential, reason: str) -> None:
        self.report.skipped.append(Skipped(row.id, row.provider[:64], reason))

    def _fail(self, row: PlatformCredential, reason: str) -> None:
        self.report.failed.append(Skipped(row.id, row.provider[:64], reason))


def _record(
    row: PlatformCredential,
    tenant: Tenant,
    provider: Provider,
    plain: Mapping[str, str],
    secret: Mapping[str, Secret],
) -> CredentialRecord:
    name = "".join(char if char.isprintable() else " " for char in row.name).strip()[:NAME_LENGTH]
    return CredentialRecord(
        id=row.id,
        tenant=tenant,
        provider=provider.name,
        name=name or f"{provider.name} ({row.id})",
        default=False,
        status="unverified",
        fields=plain,
        masked={name: held.mask() for name, held in secret.items()},
        version=1,
        created_at=row.created_at or clock.now(),
        updated_at=clock.now(),
    )


def _verified(record: CredentialRecord) -> CredentialRecord:
    return replace(record, status="valid", verified_at=clock.now())


def _origin(tenant: Tenant) -> Origin:
    """The operator, acting in the project that a row belongs to."""
    return Origin(Principal(tenant, 0, OPERATOR), clock.unique(), clock.perf())
