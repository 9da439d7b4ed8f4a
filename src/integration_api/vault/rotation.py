"""Online rotation: new keys, and everything wrapped anew, while services seal and open.

Safe to stop anywhere and to run again: what was begun is finished, nothing that is done is done again,
and each step is a compare-and-swap, so that two runs at once do no harm.
"""

import time
from collections.abc import Callable

import msgspec

from integration_api.core.records import KeyState, VaultKey
from integration_api.core.secret import wipe
from integration_api.vault.binding import binding, root_aad
from integration_api.vault.envelope import key_of, rewrap
from integration_api.vault.keyring import CREDENTIALS, Keyring, KeyStore
from integration_api.vault.roots import RootKeys

BATCH = 500
"""Rows read at once: small enough that a reader beside it does not wait."""

RESUME_SECONDS = 24 * 3600.0
"""A rotation that was interrupted longer ago than this is not taken up: all keys are renewed instead."""

Tell = Callable[[int, int], None]
"""Called with how many are done, of how many."""


async def rotate_root(roots: RootKeys, store: KeyStore, tell: Tell) -> None:
    """Make a new root key and wrap every key with it. Raises `RootKeyError` where that can not be done."""
    rows = await store.all_vault_keys()
    if all(row.root_id == roots.current_id for row in rows):
        await roots.rotate()
    await rewrap_keys(roots, store, tell)


async def rewrap_keys(roots: RootKeys, store: KeyStore, tell: Tell) -> None:
    """Wrap with the current root key whatever another one has wrapped."""
    rows = await store.all_vault_keys()
    for done, row in enumerate(rows, 1):
        await _rewrap_key(roots, store, row)
        tell(done, len(rows))


async def _rewrap_key(roots: RootKeys, store: KeyStore, row: VaultKey) -> None:
    if row.root_id == roots.current_id:
        return
    key = await roots.unwrap(row.root_id, row.wrapped, root_aad(row))
    try:
        moved = msgspec.structs.replace(row, root_id=roots.current_id)
        moved = msgspec.structs.replace(moved, wrapped=await roots.wrap(key, root_aad(moved)))
    finally:
        wipe(key)
    if not await store.replace_vault_key(row, moved):
        for newer in await store.vault_keys(row.organization_id, row.purpose):
            if (newer.id, newer.version) == (row.id, row.version):
                await _rewrap_key(roots, store, newer)


async def rotate_keks(keyring: Keyring, store: KeyStore, tell: Tell) -> bool:
    """Give every organization the next version of its key and wrap its credentials' data keys with it.

    Return whether this finished a rotation that was interrupted: then keys as young as that one stay.
    """
    current = [
        row
        for row in await store.all_vault_keys()
        if row.purpose == CREDENTIALS and row.state is KeyState.CURRENT
    ]
    behind = [row for row in current if await store.sealed_batch(row.id, row.version, 0, 1)]
    now = time.time()
    begun = min((row.created_at for row in behind), default=now)
    resumed = now - begun < RESUME_SECONDS and bool(behind)
    work: list[tuple[VaultKey, int]] = []
    for row in current:
        version = row.version
        if not resumed or row.created_at < begun:
            version = (await keyring.renew(row.organization_id, row.id, version)).version
        work.append((row, version))
    # The last to be renewed goes first: what is left when this is stopped began before all that is done.
    work.reverse()
    total = 0
    for row, version in work:
        total += await _count(store, row.id, version)
    done = 0
    tell(done, total)
    for row, version in work:
        after = 0
        while batch := await store.sealed_batch(row.id, version, after, BATCH):
            for sealed in batch:
                record = sealed.record
                old = await keyring.kek(record.tenant.organization_id, *key_of(sealed.sealed))
                new = await keyring.current(record.tenant.organization_id)
                moved = rewrap(sealed.sealed, binding(record), old, new)
                await store.replace_sealed(record, record.version, sealed.sealed, moved)
                done += 1
            after = batch[-1].record.id
            tell(done, total)
    return resumed


async def _count(store: KeyStore, id: bytes, version: int) -> int:
    found = after = 0
    while batch := await store.sealed_batch(id, version, after, BATCH):
        found += len(batch)
        after = batch[-1].record.id
    return found
