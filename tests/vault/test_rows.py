"""Rows that somebody with the database's password moved or changed: none opens, in either database."""

import base64
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from integration_api.cache.credentials import CredentialCache
from integration_api.cache.local import LocalCache
from integration_api.core.credential import Secrets
from integration_api.core.errors import Failure
from integration_api.core.records import Change, SealedCredential
from integration_api.core.tenant import Tenant
from integration_api.vault.errors import RootKeyError, Tampered, UnknownFormat
from integration_api.vault.keyring import MOST_WRAPS, RESERVED
from integration_api.vault.roots import open_root
from integration_api.vault.rotation import rotate_keks, rotate_root
from integration_api.vault.vault import Vault
from tests.stores import ACME, GLOBEX, SISTER, Kept, credential, secrets_of

PLAIN = {"base_url": "https://api.example.com"}
Crime: TypeAlias = Callable[[Kept], Awaitable[object]]


async def vault_over(kept: Kept, folder: Path) -> Vault:
    root = await open_root(f"file:{folder / 'root.json'}", rows_exist=await kept.repository.rows_exist())
    return Vault(root, kept.repository)


async def opened(vault: Vault, kept: Kept, tenant: Tenant, id: int) -> str:
    """Open a credential as a call does: through the cache, the vault's check and the transport's `reveal`."""
    cache = CredentialCache(kept.repository, LocalCache(1 << 20), vault.confirm, bytes(32))
    sealed = await cache.get(tenant, id)
    assert sealed is not None
    return (await vault.secrets(sealed)).reveal("key").decode()


@pytest.fixture
async def vault(kept: Kept, tmp_path: Path) -> Vault:
    """A vault with a credential 1 of ACME's, and others whose places a thief could want it in."""
    made = await vault_over(kept, tmp_path)
    for id, tenant, provider in (
        (1, ACME, "openai"), (2, ACME, "anthropic"), (3, SISTER, "openai"), (4, GLOBEX, "openai"), (5, ACME, "openai"),
    ):  # fmt: skip
        row = credential(id, tenant, provider=provider, fields=PLAIN)
        await kept.repository.add_credential(row, await made.seal(row, secrets_of(key=f"secret-of-{id}")))
    for id, tenant in ((1, ACME), (2, ACME), (3, SISTER), (4, GLOBEX), (5, ACME)):
        assert await opened(made, kept, tenant, id) == f"secret-of-{id}"
    return made


def copied_to(id: int) -> Crime:
    """Copy the ciphertext of credential 1 over another's."""

    async def crime(kept: Kept) -> None:
        (row,) = await kept.sql(
            "SELECT sealed, key_id, key_version FROM credential_versions WHERE credential_id = 1"
        )
        await kept.sql(
            "UPDATE credential_versions SET sealed = $1, key_id = $2, key_version = $3 WHERE credential_id = $4",
            *row,
            id,
        )

    return crime


@pytest.mark.parametrize(
    ("tenant", "id", "crime"),
    [
        pytest.param(ACME, 5, copied_to(5), id="another credential"),
        pytest.param(ACME, 2, copied_to(2), id="another provider"),
        pytest.param(SISTER, 3, copied_to(3), id="another project"),
        pytest.param(GLOBEX, 4, copied_to(4), id="another organization"),
    ],
)
async def test_ciphertext_copied_elsewhere_does_not_open(
    kept: Kept, vault: Vault, tenant: Tenant, id: int, crime: Crime
) -> None:
    await crime(kept)
    with pytest.raises(Failure):
        await opened(vault, kept, tenant, id)
    assert await opened(vault, kept, ACME, 1) == "secret-of-1"


def copy_into(organization_id: int, project_id: int) -> list[str]:
    """Copy credential 1, rows and all, into another project under a free id."""
    where = f"{organization_id}, {project_id}, 9"
    credentials = (
        "status, fields, masked, version, created_at, updated_at, verified_at FROM credentials WHERE id = 1"
    )
    versions = (
        "version, key_id, key_version, sealed, created_at FROM credential_versions WHERE credential_id = 1"
    )
    return [
        f"INSERT INTO credentials SELECT {where}, provider, 'moved', is_default, {credentials}",
        f"INSERT INTO credential_versions SELECT {where}, {versions}",
    ]


@pytest.mark.parametrize(
    ("statements", "tenant"),
    [
        pytest.param(
            ["UPDATE credentials SET version = 2 WHERE id = 1",
             "UPDATE credential_versions SET version = 2 WHERE credential_id = 1"], ACME, id="another version",
        ),
        pytest.param(["UPDATE credentials SET provider = 'mistral' WHERE id = 1"], ACME, id="provider renamed"),
        pytest.param(
            ["""UPDATE credentials SET fields = '{"base_url":"https://thief.example"}' WHERE id = 1"""], ACME,
            id="address changed",
        ),
        pytest.param(["UPDATE credentials SET fields = '{}' WHERE id = 1"], ACME, id="address removed"),
        pytest.param(copy_into(1, 102), SISTER, id="row copied to a project"),
        pytest.param(copy_into(2, 201), GLOBEX, id="row copied to an organization"),
    ],
)  # fmt: skip
async def test_a_row_changed_or_copied_does_not_open(
    kept: Kept, vault: Vault, statements: list[str], tenant: Tenant
) -> None:
    for statement in statements:
        await kept.sql(statement)
    with pytest.raises(Failure):
        await opened(vault, kept, tenant, 1 if tenant == ACME else 9)


async def test_an_organization_that_owns_anothers_key_still_does_not_open_its_rows(
    kept: Kept, vault: Vault
) -> None:
    """Even with the wrapped key copied along: the root binds it to its organization."""
    await kept.sql("DELETE FROM vault_keys WHERE organization_id = 2")
    await kept.sql("UPDATE vault_keys SET organization_id = 2 WHERE organization_id = 1")
    await copied_to(4)(kept)
    fresh = Vault(vault.roots, kept.repository)
    with pytest.raises(Tampered):
        await opened(fresh, kept, GLOBEX, 4)


async def test_a_row_of_a_newer_format_is_refused_as_such(kept: Kept, vault: Vault) -> None:
    (sealed,) = (await kept.sql("SELECT sealed FROM credential_versions WHERE credential_id = 1"))[0]
    await kept.sql(
        "UPDATE credential_versions SET sealed = $1 WHERE credential_id = 1",
        sealed[:2] + b"\x02" + sealed[3:],
    )
    with pytest.raises(UnknownFormat):
        await opened(vault, kept, ACME, 1)


async def test_without_the_organizations_key_nothing_of_it_opens_and_others_do(
    kept: Kept, vault: Vault
) -> None:
    await kept.sql("DELETE FROM vault_keys WHERE organization_id = 1 AND purpose = 'credentials'")
    fresh = Vault(vault.roots, kept.repository)
    with pytest.raises(Failure) as refused:
        await opened(fresh, kept, ACME, 1)
    assert refused.value.code == "vault_key_unavailable"
    assert await opened(fresh, kept, GLOBEX, 4) == "secret-of-4"


async def test_a_retired_key_opens_nothing_once_the_feed_has_told(kept: Kept, vault: Vault) -> None:
    await kept.sql(
        "UPDATE vault_keys SET state = 'retired' WHERE organization_id = 1 AND purpose = 'credentials'"
    )
    (key,) = await kept.repository.vault_keys(1, "credentials")
    assert await opened(vault, kept, ACME, 1), "in memory until told"
    await vault.keyring.changed(Change(1, "vault_key", Tenant(1, 0), key.id.hex()))
    with pytest.raises(Failure) as refused:
        await opened(vault, kept, ACME, 1)
    assert refused.value.code == "vault_key_retired"


# --- rotation ----------------------------------------------------------------------------------


async def test_a_process_that_did_not_rotate_seals_with_the_new_keys_once_told(
    kept: Kept, vault: Vault, tmp_path: Path
) -> None:
    neighbour = await vault_over(kept, tmp_path)
    await neighbour.seal(credential(6), secrets_of(key="x"))
    before = await kept.repository.last_change()
    await rotate_root(vault.roots, kept.repository, lambda _done, _total: None)
    await rotate_keks(vault.keyring, kept.repository, lambda _done, _total: None)
    for change in await kept.repository.changes_after(before, 1000):
        await neighbour.keyring.changed(change)
    row = credential(6)
    sealed = await neighbour.seal(row, secrets_of(key="x"))
    assert sealed[20:24] == (2).to_bytes(4, "big")
    assert neighbour.roots.current_id == vault.roots.current_id
    assert (await vault.secrets(SealedCredential(row, sealed))).reveal("key") == b"x"
    await neighbour.seal(credential(8, Tenant(3, 301)), secrets_of(key="first of its organization"))
    assert {key.root_id for key in await kept.repository.all_vault_keys()} == {vault.roots.current_id}


async def test_two_rotations_of_the_root_at_once_lose_no_key(
    kept: Kept, vault: Vault, tmp_path: Path
) -> None:
    other = await vault_over(kept, tmp_path)
    await vault.roots.rotate()
    await other.roots.rotate()
    for one in (vault, other):
        await rotate_root(one.roots, kept.repository, lambda _done, _total: None)
    for one in (vault, other, await vault_over(kept, tmp_path)):
        for id, tenant in ((1, ACME), (3, SISTER), (4, GLOBEX)):
            assert await opened(Vault(one.roots, kept.repository), kept, tenant, id) == f"secret-of-{id}"


async def test_wraps_are_counted_before_they_are_made_and_end_in_a_new_version(
    kept: Kept, vault: Vault
) -> None:
    async def reserved() -> dict[int, int]:
        return {key.version: key.wraps for key in await kept.repository.vault_keys(1, "credentials")}

    assert await reserved() == {1: RESERVED}
    await kept.sql("UPDATE vault_keys SET wraps = $1 WHERE organization_id = 1", MOST_WRAPS)
    fresh = Vault(vault.roots, kept.repository)
    assert (await fresh.seal(credential(6), secrets_of(key="x")))[20:24] == (2).to_bytes(4, "big")
    assert await reserved() == {1: MOST_WRAPS + RESERVED, 2: RESERVED}
    assert await opened(fresh, kept, ACME, 1) == "secret-of-1"


async def test_re_wraps_are_counted_too(kept: Kept, vault: Vault) -> None:
    await rotate_keks(vault.keyring, kept.repository, lambda _done, _total: None)
    keys = await kept.repository.vault_keys(1, "credentials")
    assert {(key.version, key.state.value, key.wraps) for key in keys} == {
        (1, "decrypt_only", RESERVED), (2, "current", RESERVED),
    }  # fmt: skip


async def test_a_root_from_the_environment_that_is_not_the_one_stops_the_start_with_a_line(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOT", base64.b64encode(os.urandom(32)).decode())
    first = await open_root("env:ROOT", rows_exist=False)
    await Vault(first, kept.repository).derive("pepper")
    monkeypatch.setenv("ROOT", base64.b64encode(os.urandom(32)).decode())
    other = Vault(await open_root("env:ROOT", rows_exist=True), kept.repository)
    with pytest.raises(RootKeyError, match=f"{first.current_id}.*{other.roots.current_id}.*restore"):
        await other.derive("pepper")
    with pytest.raises(RootKeyError, match="key file"):
        await other.roots.rotate()


async def test_secrets_never_show_in_what_a_call_holds(kept: Kept, vault: Vault) -> None:
    sealed = await kept.repository.credential(ACME, 1)
    assert sealed is not None
    secrets: Secrets = await vault.secrets(sealed)
    assert "secret-of-1" not in repr(secrets) + repr(sealed) + str(vars(type(secrets)))
