"""The vault over a real store: seals, opens, refuses to open elsewhere, rotates while in use."""

import os
import stat
from pathlib import Path

import msgspec
import pytest

from integration_api.core.errors import Failure
from integration_api.core.records import CredentialRecord, Organization, Project, SealedCredential
from integration_api.core.secret import Secret
from integration_api.core.tenant import Tenant
from integration_api.storage.open import StorageConfig, open_repository
from integration_api.storage.repository import Repository
from integration_api.vault.errors import RootKeyError
from integration_api.vault.roots import open_root
from integration_api.vault.rotation import rotate_keks, rotate_root
from integration_api.vault.vault import LiveSecrets, Vault

HUSH = "hush-hush-hush-hush-1234"


def record(**more: object) -> CredentialRecord:
    fields: dict[str, object] = {
        "id": 7, "tenant": Tenant(1, 101), "provider": "openai", "name": "n", "default": True, "status": "valid",
        "fields": {}, "masked": {}, "version": 1, "created_at": 1.0, "updated_at": 1.0,
    }  # fmt: skip
    return CredentialRecord(**{**fields, **more})  # type: ignore[arg-type]


def fields(**values: str) -> dict[str, Secret]:
    return {name: Secret(bytearray(value.encode())) for name, value in values.items()}


@pytest.fixture
async def store(tmp_path: Path):
    repository = await open_repository(StorageConfig(sqlite_path=str(tmp_path / "test.db")))
    await repository.migrate()
    for number in (1, 2, 3):
        await repository.create_organization(Organization(number, "o", 1.0))
        await repository.create_project(Project(Tenant(number, 100 + number), "p", 1.0))
    yield repository
    await repository.close()


async def vault_of(store: Repository, path: Path) -> Vault:
    return Vault(await open_root(f"file:{path}", rows_exist=await store.rows_exist()), store)


async def test_what_is_sealed_opens_field_by_field(store: Repository, tmp_path: Path) -> None:
    vault = await vault_of(store, tmp_path / "root.json")
    held = record()
    values = {"key": HUSH, "other": 'quotes " and \\ and ünïcode 🗝', "empty": ""}
    sealed = await vault.seal(held, fields(**values))
    assert HUSH.encode() not in sealed
    secrets = await vault.secrets(SealedCredential(held, sealed))
    for name, value in values.items():
        assert secrets.reveal(name).decode() == value
    with pytest.raises(Failure, match="no field absent"):
        secrets.reveal("absent")


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"id": 8},
        {"tenant": Tenant(9, 2)},
        {"tenant": Tenant(1, 3)},
        {"provider": "anthropic"},
        {"version": 2},
    ],
    ids=str,
)
async def test_a_row_moved_elsewhere_does_not_open(
    store: Repository, tmp_path: Path, elsewhere: dict[str, object]
) -> None:
    vault = await vault_of(store, tmp_path / "root.json")
    sealed = await vault.seal(record(), fields(key=HUSH))
    await vault.seal(record(**elsewhere), fields(key="own"))
    with pytest.raises(Failure):
        (await vault.secrets(SealedCredential(record(**elsewhere), sealed))).reveal("key")


async def test_every_flipped_bit_is_noticed(store: Repository, tmp_path: Path) -> None:
    vault = await vault_of(store, tmp_path / "root.json")
    sealed = await vault.seal(record(), fields(key=HUSH))
    for place in range(len(sealed)):
        broken = bytearray(sealed)
        broken[place] ^= 1 << (place % 8)
        with pytest.raises(Failure):
            (await vault.secrets(SealedCredential(record(), bytes(broken)))).reveal("key")


async def test_lengths_do_not_tell_the_provider(store: Repository, tmp_path: Path) -> None:
    vault = await vault_of(store, tmp_path / "root.json")
    sizes = {len(await vault.seal(record(), fields(key="x" * length))) for length in range(20, 45)}
    assert len(sizes) == 1


async def test_rotation_keeps_everything_readable_and_may_be_repeated(
    store: Repository, tmp_path: Path
) -> None:
    path = tmp_path / "root.json"
    vault = await vault_of(store, path)
    for number in range(1, 21):
        held = record(
            id=number, name=f"n{number}", tenant=Tenant(1 + number % 3, 101 + number % 3), default=False
        )
        await store.add_credential(held, await vault.seal(held, fields(key=f"{HUSH}{number}")))
    reader = await vault_of(store, path)
    pepper = await vault.derive("pepper")
    told: list[tuple[int, int]] = []
    for _ in range(2):
        await rotate_root(vault.roots, store, lambda done, total: told.append((done, total)))
        await rotate_keks(vault.keyring, store, lambda done, total: told.append((done, total)))
    assert told[-1] == (20, 20)
    assert len({row.root_id for row in await store.all_vault_keys()}) == 1
    for number in range(1, 21):
        sealed = await store.credential(Tenant(1 + number % 3, 101 + number % 3), number)
        assert sealed is not None
        assert sealed.sealed[20:24] == (3).to_bytes(4, "big")
        for one in (vault, reader, await vault_of(store, path)):
            assert (await one.secrets(sealed)).reveal("key").decode() == f"{HUSH}{number}"
    assert await (await vault_of(store, path)).derive("pepper") == pepper == await reader.derive("pepper")


async def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "root.json"
    root = await open_root(f"file:{path}", rows_exist=False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = await open_root(f"file:{path}", rows_exist=True)
    assert again.current_id == root.current_id
    path.chmod(0o640)
    with pytest.raises(RootKeyError, match="chmod 600"):
        await open_root(f"file:{path}", rows_exist=True)
    path.chmod(0o600)
    path.write_text(path.read_text().replace('"key":"', '"key":"A'))
    with pytest.raises(RootKeyError, match="damaged"):
        await open_root(f"file:{path}", rows_exist=True)
    path.unlink()
    with pytest.raises(RootKeyError, match="missing"):
        await open_root(f"file:{path}", rows_exist=True)
    assert not path.exists()


@pytest.mark.parametrize("spec", ["", "file:", "http://x", "env:", "vault:x", "aws-kms:x"])
async def test_a_root_that_can_not_be_is_one_clear_line(spec: str) -> None:
    with pytest.raises(RootKeyError) as refused:
        await open_root(spec, rows_exist=False)
    assert "\n" not in str(refused.value)


async def test_a_root_key_from_the_environment(monkeypatch: pytest.MonkeyPatch, store: Repository) -> None:
    import base64

    monkeypatch.setenv("ROOT", base64.b64encode(os.urandom(32)).decode())
    vault = Vault(await open_root("env:ROOT", rows_exist=False), store)
    sealed = await vault.seal(record(), fields(key=HUSH))
    assert (await vault.secrets(SealedCredential(record(), sealed))).reveal("key").decode() == HUSH
    for wrong in ("", "not base64!", base64.b64encode(b"short").decode()):
        monkeypatch.setenv("ROOT", wrong)
        with pytest.raises(RootKeyError) as refused:
            await open_root("env:ROOT", rows_exist=False)
        assert not wrong or wrong not in str(refused.value)


def test_live_secrets_give_copies_and_wipe() -> None:
    live = LiveSecrets(fields(key=HUSH))
    assert live.reveal("key").decode() == HUSH
    assert HUSH not in repr(live)
    live.wipe()
    assert live.reveal("key") == b""


def test_records_of_secrets_can_not_be_serialised() -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret(bytearray(b"x")))
