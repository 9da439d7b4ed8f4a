"""What an operator does from the command line: the same use cases, without a port."""

import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

import msgspec

from integration_api.app import House
from integration_api.core.errors import Failure, Kind
from integration_api.core.records import ApiKey, CredentialRecord, Page
from integration_api.core.secret import Secret
from integration_api.core.tenant import Principal, Scope, Tenant
from integration_api.providers import find
from integration_api.services import clock
from integration_api.services.call import Origin
from integration_api.services.vault_import import Report, VaultImport, Wishes
from integration_api.settings import Settings
from integration_api.storage.platform_vault import PlatformVault
from integration_api.telemetry.log import Log
from integration_api.vault.rotation import rewrap_keys, rotate_keks, rotate_root

EVERYTHING = Page(1000)


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[House, Tenant, Origin]]:
    """Open the house for one command, acting as the operator in the default project."""
    house = await House.open(settings, Log("error"))
    try:
        project = await house.store.first_project()
        if project is None:
            raise _not_started()
        operator = Principal(project.tenant, 0, frozenset(Scope))
        yield house, project.tenant, Origin(operator, clock.unique(), clock.perf())
    finally:
        await house.close()


def _not_started() -> Failure:
    return Failure(Kind.NOT_FOUND, "there is no project yet: start the service once")


async def create_key(settings: Settings, name: str, scopes: Iterable[str]) -> tuple[ApiKey, str]:
    async with opened(settings) as (house, tenant, _):
        return await house.identity.issue(tenant, name, [Scope(scope) for scope in scopes])


async def list_keys(settings: Settings) -> list[ApiKey]:
    async with opened(settings) as (house, tenant, _):
        return await house.identity.keys(tenant, EVERYTHING)


async def revoke_key(settings: Settings, id: int) -> None:
    async with opened(settings) as (house, tenant, _):
        await house.identity.revoke(tenant, id)


async def secret_fields(provider_name: str) -> list[str]:
    """Name the secret fields a provider's credential must have."""
    provider = find(provider_name)
    if provider is None:
        raise Failure(Kind.INVALID_REQUEST, f"there is no provider named {provider_name!r}; see `providers`")
    return [field.name for field in provider.fields if field.secret and field.required]


async def add_credential(
    settings: Settings,
    provider: str,
    name: str,
    plain: Mapping[str, str],
    secret: Mapping[str, bytearray],
    *,
    verify: bool,
) -> CredentialRecord:
    fields = {field: Secret(bytearray(value.encode())) for field, value in plain.items()}
    fields |= {field: Secret(value) for field, value in secret.items()}
    try:
        async with opened(settings) as (house, _, origin):
            return await house.credentials.create(origin, provider, name, fields, verify=verify)
    finally:
        for held in fields.values():
            held.wipe()


async def list_credentials(settings: Settings) -> list[CredentialRecord]:
    async with opened(settings) as (house, tenant, _):
        return await house.credentials.page(tenant, None, EVERYTHING)


async def verify_credential(settings: Settings, id: int) -> CredentialRecord:
    async with opened(settings) as (house, _, origin):
        return await house.credentials.verify_stored(origin, id)


async def delete_credential(settings: Settings, id: int) -> None:
    async with opened(settings) as (house, _, origin):
        await house.credentials.delete(origin, id)


async def import_vault(
    settings: Settings, url: str, wishes: Wishes, tell: Callable[[int, int], None]
) -> Report:
    """Take over the platform's vault at `url`. Raises `Failure`."""
    # Keys of an operator's own database are no oracle: their number has no limit here.
    limits = msgspec.structs.replace(settings.limits, verifications_per_minute=sys.maxsize)
    house = await House.open(msgspec.structs.replace(settings, limits=limits), Log("error"))
    try:
        if await house.store.first_project() is None:
            # The default project is the first there is, and comes with the admin key: no imported one may be.
            raise _not_started()
        source = await PlatformVault.open(url)
        try:
            return await VaultImport(source, house.store, house.vault, house.credentials, wishes).run(tell)
        finally:
            await source.close()
    finally:
        await house.close()


async def rotate(settings: Settings, *, root: bool, tell: Callable[[str, int, int], None]) -> bool:
    """Rotate every organization's key, and with `root` the root key, while services run.

    `tell` hears what is being wrapped anew, how many are done, of how many. Return whether organizations' keys
    are those of a rotation that was interrupted.
    """
    async with opened(settings) as (house, _, _):

        def keys(done: int, total: int) -> None:
            tell("organizations' keys", done, total)

        if root:
            await rotate_root(house.roots, house.store, keys)
        resumed = await rotate_keks(
            house.vault.keyring, house.store, lambda done, total: tell("credentials", done, total)
        )
        if root:
            # A service that had not yet seen the new root may have made an organization's first key meanwhile.
            await rewrap_keys(house.roots, house.store, keys)
        return resumed
