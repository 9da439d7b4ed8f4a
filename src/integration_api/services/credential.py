"""A tenant's provider credentials: verified with the provider, sealed, listed, replaced, deleted."""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec

from integration_api.core.credential import Credential, Secrets
from integration_api.core.errors import CredentialRefused, Failure, Kind, Outcome, ProviderError
from integration_api.core.llm import Usage
from integration_api.core.provider import Provider
from integration_api.core.records import CredentialRecord, Page, SealedCredential
from integration_api.core.secret import Secret
from integration_api.core.tenant import Tenant
from integration_api.providers import find
from integration_api.services import clock
from integration_api.services.call import Call, Calls, Ending, Ids, Origin
from integration_api.services.fields import part_fields
from integration_api.services.target import LiveCredential, Target
from integration_api.services.unary import Unary
from integration_api.storage.repository import CredentialFilter, Repository
from integration_api.vault.vault import LiveSecrets

NAME_LENGTH = 200
REFUSED = {
    Kind.CREDENTIAL_REJECTED: (Outcome.INVALID, "the provider does not know this key"),
    Kind.PERMISSION: (Outcome.NO_PERMISSION, "the key is not allowed to do this"),
    Kind.QUOTA: (Outcome.NO_QUOTA, "the account has no quota or credit"),
    Kind.NOT_FOUND: (Outcome.WRONG_ENDPOINT, "the address or region is wrong"),
    Kind.INVALID_REQUEST: (Outcome.REFUSED, "the provider refused the check"),
}
"""What a refusal says of a credential. Anything else says nothing of it: the provider may be down."""
WRONG_REGION = "wrong_region"


class Sealer(Protocol):
    async def seal(self, record: CredentialRecord, fields: Mapping[str, Secret]) -> bytes: ...
    async def secrets(self, sealed: SealedCredential) -> Secrets: ...
    async def confirm(self, sealed: SealedCredential) -> None: ...


class CredentialService:
    """Every method takes the caller's origin: another tenant's credential is one that does not exist."""

    def __init__(
        self,
        store: Repository,
        vault: Sealer,
        calls: Calls,
        unary: Unary,
        ids: Ids,
        *,
        verifications_per_minute: int,
        changed: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`changed` is awaited after every change, so that this process's caches go by it at once."""
        self._store = store
        self._vault = vault
        self._calls = calls
        self._unary = unary
        self._ids = ids
        self._per_minute = verifications_per_minute
        self._changed = changed
        self._recent: dict[int, deque[float]] = {}

    async def create(
        self,
        origin: Origin,
        provider_name: str,
        name: str,
        value: Mapping[str, Secret],
        *,
        default: bool | None = None,
        verify: bool = True,
    ) -> CredentialRecord:
        """Verify with the provider, then store. Raises `Failure(CREDENTIAL_INVALID)` with its reason.

        The first credential of a provider becomes the project's default for it.
        """
        provider = _provider(provider_name)
        plain, secret = part_fields(provider, value)
        if verify:
            await self.check(origin, provider, plain, secret)
        now = clock.now()
        tenant = origin.principal.tenant
        if default is None:
            default = not await self._store.credentials(tenant, provider.name, Page(1))
        record = CredentialRecord(
            id=self._ids.next(),
            tenant=tenant,
            provider=provider.name,
            name=_name(name),
            default=default,
            status="valid" if verify else "unverified",
            fields=plain,
            masked={field: value.mask() for field, value in secret.items()},
            version=1,
            created_at=now,
            updated_at=now,
            verified_at=now if verify else None,
        )
        async with self.recorded(origin, provider, "credential.create", record):
            await self._store.add_credential(record, await self._vault.seal(record, secret))
        return record

    async def verify_offered(self, origin: Origin, provider_name: str, value: Mapping[str, Secret]) -> None:
        """Ask the provider about a credential without storing it. Raises `Failure(CREDENTIAL_INVALID)`."""
        provider = _provider(provider_name)
        await self.check(origin, provider, *part_fields(provider, value))

    async def verify_stored(self, origin: Origin, id: int) -> CredentialRecord:
        """Ask the provider about a stored credential and note the outcome."""
        sealed = await self._get(origin.principal.tenant, id)
        record = sealed.record
        await self._vault.confirm(sealed)
        secrets = await self._vault.secrets(sealed)
        await self._ask(
            origin,
            _provider(record.provider),
            LiveCredential(record.fields, secrets, frozenset(record.masked)),
            record,
        )
        verified = msgspec.structs.replace(record, status="valid", verified_at=clock.now())
        await self._store.update_credential(record.tenant, record.version, verified, None)
        return verified

    async def page(self, tenant: Tenant, provider: str | None, page: Page) -> list[CredentialRecord]:
        return await self._store.credentials(tenant, provider, page)

    async def find(
        self, tenant: Tenant, filter: CredentialFilter, page: Page, offset: int
    ) -> tuple[list[CredentialRecord], int]:
        """Return a page of what matches, newest first, and how many match."""
        found = await self._store.find_credentials(tenant, filter, page, offset=offset)
        return found, await self._store.count_credentials(tenant, filter)

    async def read(self, tenant: Tenant, id: int) -> CredentialRecord:
        return (await self._get(tenant, id)).record

    async def disclose(self, origin: Origin, id: int) -> tuple[CredentialRecord, dict[str, Secret]]:
        """Return a credential with all its fields in clear, which the caller must wipe; it is recorded.

        For who may see secrets at all, which the caller of this has made sure of.
        """
        sealed = await self._get(origin.principal.tenant, id)
        record = sealed.record
        provider = _provider(record.provider)
        marks = {field.mark_name for field in provider.fields if field.marks}
        async with self.recorded(origin, provider, "credential.disclose", record):
            await self._vault.confirm(sealed)
            secrets = await self._vault.secrets(sealed)
            fields = {
                name: Secret(bytearray(value.encode()))
                for name, value in record.fields.items()
                if name not in marks
            }
            fields |= {name: Secret(secrets.reveal(name)) for name in record.masked}
        return record, fields

    async def change(
        self,
        origin: Origin,
        id: int,
        *,
        name: str | None = None,
        value: Mapping[str, Secret] | None = None,
        default: bool | None = None,
        verify: bool = True,
    ) -> CredentialRecord:
        """Rename, make default, or replace the value: verified again, and version + 1."""
        old = (await self._get(origin.principal.tenant, id)).record
        provider = _provider(old.provider)
        new = msgspec.structs.replace(
            old,
            name=old.name if name is None else _name(name),
            default=old.default if default is None else default,
            updated_at=clock.now(),
        )
        sealed = None
        if value is not None:
            plain, secret = part_fields(provider, value)
            if verify:
                await self.check(origin, provider, plain, secret)
            new = msgspec.structs.replace(
                new,
                fields=plain,
                masked={field: value.mask() for field, value in secret.items()},
                version=old.version + 1,
                status="valid" if verify else "unverified",
                verified_at=clock.now() if verify else None,
            )
            sealed = await self._vault.seal(new, secret)
        async with self.recorded(origin, provider, "credential.update", new):
            if not await self._store.update_credential(old.tenant, old.version, new, sealed):
                raise Failure(
                    Kind.CONFLICT,
                    "the credential was changed meanwhile; read it and try again",
                    code="credential_changed",
                )
        return new

    async def delete(self, origin: Origin, id: int) -> None:
        record = (await self._get(origin.principal.tenant, id)).record
        async with self.recorded(origin, _provider(record.provider), "credential.delete", record):
            await self._store.delete_credential(record.tenant, id)

    async def _get(self, tenant: Tenant, id: int) -> SealedCredential:
        found = await self._store.credential(tenant, id)
        if found is None:
            raise Failure(Kind.NOT_FOUND, "there is no such credential", code="credential_not_found")
        return found

    async def check(
        self, origin: Origin, provider: Provider, plain: Mapping[str, str], secret: Mapping[str, Secret]
    ) -> None:
        """Ask the provider about fields that are parted already. Raises `Failure(CREDENTIAL_INVALID)`."""
        await self._ask(origin, provider, LiveCredential(plain, LiveSecrets(dict(secret)), frozenset(secret)))

    async def _ask(
        self,
        origin: Origin,
        provider: Provider,
        live: LiveCredential,
        record: CredentialRecord | None = None,
    ) -> None:
        """Ask the provider; the audit record names the credential if it is a stored one."""
        self._limit(origin.principal.tenant)
        call = await self._calls.open(origin, Target(provider, "", live=live), "verify")
        if record is not None:
            call.credential = msgspec.structs.replace(call.credential, id=record.id, version=record.version)
        with Ending(call):
            try:
                await self._unary.drive(call, provider.verify(call.credential))
            except ProviderError as refusal:
                if refusal.kind in REFUSED:
                    raise _invalid(provider, refusal) from None
                raise
            call.done(Usage())

    def _limit(self, tenant: Tenant) -> None:
        """Keep verification from becoming an oracle that tries stolen keys."""
        now = clock.perf()
        recent = self._recent.setdefault(tenant.organization_id, deque())
        while recent and recent[0] < now - 60:
            recent.popleft()
        if len(recent) >= self._per_minute:
            raise Failure(
                Kind.RATE_LIMITED,
                f"at most {self._per_minute} credential checks a minute; wait and try again",
                code="rate_limit_exceeded",
                retry_after=max(1.0, recent[0] + 60 - now),
            )
        recent.append(now)

    @asynccontextmanager
    async def recorded(
        self, origin: Origin, provider: Provider, operation: str, record: CredentialRecord
    ) -> AsyncGenerator[Call, None]:
        """Record an administrative act: none happens without its audit record, nor fails in silence."""
        target = Target(provider, "", live=LiveCredential({}, LiveSecrets({})))
        call = await self._calls.open(origin, target, operation)
        call.credential = Credential(record.provider, record.fields, record.id, record.version)
        with Ending(call):
            yield call
            call.done(Usage())
        if self._changed is not None:
            await self._changed()


def _provider(name: str) -> Provider:
    provider = find(name)
    if provider is None:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"there is no provider named {name[:64]!r}; GET /v1/providers lists them",
            code="unknown_provider",
            param="provider",
        )
    return provider


def _name(name: str) -> str:
    if not name.strip() or len(name) > NAME_LENGTH:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"name must have 1 to {NAME_LENGTH} characters",
            code="invalid_value",
            param="name",
        )
    return name


_TELLING = frozenset({"clock_skew", "key_expired", "session_expired", WRONG_REGION})
"""Codes of refusals that are more than a wrong key; their words are our own and say what to do."""


def _invalid(provider: Provider, refusal: ProviderError) -> Failure:
    outcome, words = REFUSED[refusal.kind]
    if refusal.code == WRONG_REGION:
        outcome = Outcome.WRONG_ENDPOINT
    if refusal.code in _TELLING:
        words = refusal.message
    return CredentialRefused(
        f"{provider.title} refused the credential: {words}",
        outcome,
        provider=provider.name,
        refusal=refusal.refusal,
    )
