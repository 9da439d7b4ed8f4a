"""Wrapped key-encryption keys, as the vault keeps them: the database alone opens none."""

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import KeyState, VaultKey
from integration_api.core.tenant import Tenant
from integration_api.storage import changes
from integration_api.storage.operation import Operation, execute, fetch, fetch_one
from integration_api.storage.rows import VAULT_KEY, read_vault_key


def of_organization(organization_id: int, purpose: str) -> Operation[list[VaultKey]]:
    rows = yield from fetch(
        f"SELECT {VAULT_KEY} FROM vault_keys WHERE organization_id = $1 AND purpose = $2"
        " ORDER BY created_at, version",
        organization_id,
        purpose,
    )
    return [read_vault_key(row) for row in rows]


def every() -> Operation[list[VaultKey]]:
    rows = yield from fetch(
        f"SELECT {VAULT_KEY} FROM vault_keys ORDER BY organization_id, purpose, created_at, version"
    )
    return [read_vault_key(row) for row in rows]


def add(key: VaultKey) -> Operation[bool]:
    """Add a version. A current one takes over from an older current version of the same key."""
    if key.state is KeyState.CURRENT:
        newer = yield from fetch_one(
            "SELECT 1 FROM vault_keys WHERE organization_id = $1 AND id = $2 AND version >= $3",
            key.organization_id,
            key.id,
            key.version,
        )
        if newer is not None:
            return False
        yield from execute(
            "UPDATE vault_keys SET state = $1"
            " WHERE organization_id = $2 AND purpose = $3 AND id = $4 AND version < $5 AND state = $6",
            KeyState.DECRYPT_ONLY.value,
            key.organization_id,
            key.purpose,
            key.id,
            key.version,
            KeyState.CURRENT.value,
        )
    added = yield from execute(
        f"INSERT INTO vault_keys ({VAULT_KEY}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " ON CONFLICT DO NOTHING",
        key.id,
        key.version,
        key.organization_id,
        key.purpose,
        key.root_id,
        key.wrapped,
        key.state.value,
        key.wraps,
        key.created_at,
    )
    if added:
        yield from _note(key)
    return added > 0


def reserve_wraps(organization_id: int, key_id: bytes, version: int, count: int) -> Operation[int]:
    yield from execute(
        "UPDATE vault_keys SET wraps = wraps + $1 WHERE organization_id = $2 AND id = $3 AND version = $4",
        count,
        organization_id,
        key_id,
        version,
    )
    row = yield from fetch_one(
        "SELECT wraps FROM vault_keys WHERE organization_id = $1 AND id = $2 AND version = $3",
        organization_id,
        key_id,
        version,
    )
    if row is None:
        raise Failure(Kind.NOT_FOUND, "there is no such vault key", code="vault_key_not_found")
    return int(row[0])


def replace(old: VaultKey, new: VaultKey) -> Operation[bool]:
    replaced = yield from execute(
        "UPDATE vault_keys SET root_id = $1, wrapped = $2, state = $3"
        " WHERE organization_id = $4 AND id = $5 AND version = $6"
        " AND wrapped = $7 AND root_id = $8 AND state = $9",
        new.root_id,
        new.wrapped,
        new.state.value,
        old.organization_id,
        old.id,
        old.version,
        old.wrapped,
        old.root_id,
        old.state.value,
    )
    if replaced:
        yield from _note(new)
    return replaced > 0


def _note(key: VaultKey) -> Operation[None]:
    yield from changes.note(Tenant(key.organization_id, 0), "vault_key", [key.id.hex()])
