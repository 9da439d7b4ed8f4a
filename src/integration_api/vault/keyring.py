"""Organizations' key-encryption keys: unwrapped when first needed, kept ready, counted, replaced in time."""

import os
import time
from collections import OrderedDict
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from integration_api.core.records import Change, CredentialRecord, KeyState, SealedCredential, VaultKey
from integration_api.core.secret import wipe
from integration_api.vault.aes_gcm import KEY
from integration_api.vault.binding import root_aad
from integration_api.vault.envelope import Kek
from integration_api.vault.errors import KeyRetired, KeyUnavailable
from integration_api.vault.roots import RootKeys

CREDENTIALS = "credentials"
READY = 10_000
"""Unwrapped keys kept in memory; an organization more costs one unwrap."""
CURRENT_SECONDS = 60.0
"""How long a key is taken to be current when nobody says otherwise: the feed tells of rotations sooner."""
RESERVED = 10_000
"""Wraps are counted in blocks before they are made: a crash counts too many, never too few."""
MOST_WRAPS = 1 << 30
"""With random 96-bit nonces a collision stays below 2**-37."""
LONGEST_SECONDS = 90 * 24 * 3600.0


class KeyStore(Protocol):
    """What the vault needs of the store."""

    async def vault_keys(self, organization_id: int, purpose: str) -> list[VaultKey]: ...
    async def add_vault_key(self, key: VaultKey) -> bool: ...
    async def reserve_wraps(self, organization_id: int, key_id: bytes, version: int, count: int) -> int: ...
    async def replace_vault_key(self, old: VaultKey, new: VaultKey) -> bool: ...
    async def all_vault_keys(self) -> list[VaultKey]: ...
    async def sealed_batch(
        self, key_id: bytes, below_version: int, after_credential_id: int, limit: int
    ) -> list[SealedCredential]: ...
    async def replace_sealed(
        self, record: CredentialRecord, version: int, old: bytes, new: bytes
    ) -> bool: ...


class _Current:
    __slots__ = ("kek", "left", "since")

    def __init__(self, kek: Kek) -> None:
        self.kek = kek
        self.left = 0
        self.since = time.monotonic()


class Keyring:
    def __init__(self, roots: RootKeys, store: KeyStore) -> None:
        self._roots = roots
        self._store = store
        self._ready: OrderedDict[tuple[bytes, int], Kek] = OrderedDict()
        self._current: dict[int, _Current] = {}

    def peek(self, id: bytes, version: int) -> Kek | None:
        """Return a key that is ready, without asking anybody."""
        return self._ready.get((id, version))

    async def kek(self, organization_id: int, id: bytes, version: int) -> Kek:
        """Return the key a credential names. Raises `KeyUnavailable` or `KeyRetired`."""
        if (ready := self._ready.get((id, version))) is not None:
            return ready
        for row in await self._store.vault_keys(organization_id, CREDENTIALS):
            if row.id == id and row.version == version:
                if row.state is KeyState.RETIRED:
                    raise KeyRetired
                return await self._open(row)
        raise KeyUnavailable

    async def current(self, organization_id: int) -> Kek:
        """Return the key to wrap with, one more wrap counted; makes and replaces keys as needed."""
        held = self._current.get(organization_id)
        if held is None or time.monotonic() - held.since > CURRENT_SECONDS:
            held = self._current[organization_id] = _Current(await self._find(organization_id))
        while not held.left:
            kek = held.kek
            total = await self._store.reserve_wraps(organization_id, kek.id, kek.version, RESERVED)
            if total <= MOST_WRAPS:
                held.left += RESERVED
            else:
                newer = await self.renew(organization_id, kek.id, kek.version)
                held = self._current[organization_id] = _Current(newer)
        held.left -= 1
        return held.kek

    async def renew(self, organization_id: int, id: bytes, version: int) -> Kek:
        """Make the next version of a key current; another process may have been first."""
        row = await self._make(organization_id, id, version + 1)
        await self._store.add_vault_key(row)
        self._current.pop(organization_id, None)
        return await self._newest(organization_id)

    # --- the feed's side ---------------------------------------------------------------------

    def begin(self, seq: int) -> None:
        """Start at a position of the feed; nothing is held yet."""

    async def changed(self, change: Change) -> None:
        """Ask the store anew for a key that was wrapped anew, replaced or retired."""
        if change.topic != "vault_key":
            return
        self._current.pop(change.tenant.organization_id, None)
        for key in [key for key in self._ready if key[0].hex() == change.subject]:
            del self._ready[key]

    # --- finding and making ------------------------------------------------------------------

    async def _find(self, organization_id: int) -> Kek:
        rows = await self._store.vault_keys(organization_id, CREDENTIALS)
        current = [row for row in rows if row.state is KeyState.CURRENT]
        if not current:
            await self._store.add_vault_key(await self._make(organization_id, os.urandom(16), 1))
            return await self._newest(organization_id)
        newest = max(current, key=lambda row: row.version)
        if time.time() - newest.created_at > LONGEST_SECONDS:
            return await self.renew(organization_id, newest.id, newest.version)
        return await self._open(newest)

    async def _newest(self, organization_id: int) -> Kek:
        rows = await self._store.vault_keys(organization_id, CREDENTIALS)
        return await self._open(
            max((row for row in rows if row.state is KeyState.CURRENT), key=lambda row: row.version)
        )

    async def _make(self, organization_id: int, id: bytes, version: int) -> VaultKey:
        return await new_vault_key(self._roots, organization_id, CREDENTIALS, id, version)

    async def _open(self, row: VaultKey) -> Kek:
        if (ready := self._ready.get((row.id, row.version))) is not None:
            return ready
        key = await self._roots.unwrap(row.root_id, row.wrapped, root_aad(row))
        kek = Kek(row.id, row.version, AESGCM(key))
        wipe(key)
        self._ready[row.id, row.version] = kek
        while len(self._ready) > READY:
            self._ready.popitem(last=False)
        return kek


async def new_vault_key(
    roots: RootKeys, organization_id: int, purpose: str, id: bytes, version: int
) -> VaultKey:
    """Return a new random key, wrapped and ready to be stored."""
    key = bytearray(os.urandom(KEY))
    row = VaultKey(
        id=id,
        version=version,
        organization_id=organization_id,
        purpose=purpose,
        root_id=roots.current_id,
        wrapped=b"",
        created_at=time.time(),
    )
    try:
        return msgspec.structs.replace(row, wrapped=await roots.wrap(key, root_aad(row)))
    finally:
        wipe(key)
