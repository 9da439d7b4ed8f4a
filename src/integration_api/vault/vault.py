"""The vault: secret fields in, ciphertext out, and back for one request at a time."""

import hashlib
import hmac
import os
from base64 import b64encode
from collections.abc import Mapping

import msgspec

from integration_api.core.credential import Secrets
from integration_api.core.errors import Failure, Kind
from integration_api.core.records import CredentialRecord, KeyState, SealedCredential
from integration_api.core.secret import Secret, cut_field, wipe, write_fields
from integration_api.vault.binding import binding, root_aad
from integration_api.vault.envelope import Kek, envelope, key_of, seal, unpadded, unseal
from integration_api.vault.errors import KeyUnavailable, RootKeyError, Tampered
from integration_api.vault.keyring import Keyring, KeyStore, new_vault_key
from integration_api.vault.roots import RootKeys

INSTALLATION = 0
"""The organization id under which the installation's own secrets are kept; no organization has it."""
TAKEN_APART = 10_000
"""Rows whose layout is known, so that a call has only to decrypt. They hold what the cache of rows holds."""
MISSING = "credential_field_missing"
PLAIN = "$plain"
"""Sealed beside the secret fields: a digest of the plain ones, so that whoever can write to the database
or the cache can not send a key to an address of his own. No provider has a field of this name."""


class Vault:
    def __init__(self, roots: RootKeys, store: KeyStore) -> None:
        self.roots = roots
        self.keyring = Keyring(roots, store)
        self._store = store
        self._taken_apart: dict[bytes, _Sealed] = {}

    async def seal(self, record: CredentialRecord, fields: Mapping[str, Secret]) -> bytes:
        """Return `fields` sealed for the one place that `record` is. The fields stay the caller's to wipe."""
        kek = await self.keyring.current(record.tenant.organization_id)
        with Secret(_digest(record.fields)) as plain:
            text = write_fields({**fields, PLAIN: plain})
        return seal(text, binding(record), kek)

    def ready(self, sealed: SealedCredential) -> Secrets | None:
        """Return what `secrets` does, for a row that was asked for before and whose key is at hand."""
        known = self._taken_apart.get(sealed.sealed)
        if known is not None and known.row is sealed and known.current(self.keyring):
            return known
        return None

    async def secrets(self, sealed: SealedCredential) -> Secrets:
        """Return the way to a stored credential's secret fields; nothing is decrypted yet."""
        id, version = key_of(sealed.sealed)
        kek = self.keyring.peek(id, version)
        if kek is None:
            kek = await self.keyring.kek(sealed.record.tenant.organization_id, id, version)
        if len(self._taken_apart) >= TAKEN_APART:
            self._taken_apart.clear()
        taken = self._taken_apart[sealed.sealed] = _Sealed(sealed, kek)
        return taken

    async def confirm(self, sealed: SealedCredential) -> None:
        """Make sure that a row is whole: it opens where it stands, and its plain fields are those it was sealed with.

        For whoever takes a row from the store or a cache, once. Raises `Tampered` or as `secrets` does.
        """
        secrets = await self.secrets(sealed)
        try:
            expected = secrets.reveal(PLAIN)
        except Tampered:
            raise
        except Failure as failure:
            raise Tampered if failure.code == MISSING else failure from None
        if not hmac.compare_digest(expected, _digest(sealed.record.fields)):
            raise Tampered

    async def derive(self, purpose: str) -> bytes:
        """Return the installation's secret for `purpose`: 32 random bytes, made once, the same ever after.

        Raises `RootKeyError` when it was wrapped by a root key that is not at hand: nothing stored would open.
        """
        while True:
            rows = await self._store.vault_keys(INSTALLATION, purpose)
            for row in rows:
                if row.state is KeyState.CURRENT:
                    try:
                        return bytes(await self.roots.unwrap(row.root_id, row.wrapped, root_aad(row)))
                    except KeyUnavailable:
                        raise RootKeyError(
                            f"what is stored was wrapped by root key {row.root_id}, and CRYPTO__ROOT gives"
                            f" {self.roots.current_id}: restore the one it was wrapped by"
                        ) from None
            made = await new_vault_key(self.roots, INSTALLATION, purpose, os.urandom(16), 1)
            await self._store.add_vault_key(made)


class _Sealed:
    """Secrets of a stored credential: each `reveal` decrypts, cuts out one field and wipes the rest."""

    __slots__ = ("_envelope", "row")

    def __init__(self, row: SealedCredential, kek: Kek) -> None:
        self.row = row
        self._envelope = envelope(row.sealed, binding(row.record), kek)

    def current(self, keyring: Keyring) -> bool:
        """Whether its key is still the one that the keyring has ready."""
        kek = self._envelope.kek
        return keyring.peek(kek.id, kek.version) is kek

    def reveal(self, field: str) -> bytearray:
        plaintext = unseal(self._envelope)
        try:
            unpadded(plaintext)
            found = cut_field(plaintext, field)
        finally:
            wipe(plaintext)
        if found is None:
            raise _missing(field)
        return found


class LiveSecrets:
    """Secrets of a credential that came with the request. `wipe` when the request is done."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Secret]) -> None:
        self._fields = fields

    def reveal(self, field: str) -> bytearray:
        found = self._fields.get(field)
        if found is None:
            raise _missing(field)
        return found.copy()

    def wipe(self) -> None:
        for secret in self._fields.values():
            secret.wipe()

    def __repr__(self) -> str:
        return "LiveSecrets(***)"


def _digest(fields: Mapping[str, str]) -> bytearray:
    """Return 128 bits of SHA-256 of plain fields in base64, whatever order the fields come in."""
    text = msgspec.json.encode(fields, order="deterministic")
    return bytearray(b64encode(hashlib.sha256(text).digest()[:16]).rstrip(b"="))


def _missing(field: str) -> Failure:
    return Failure(
        Kind.INVALID_REQUEST,
        f"the credential has no field {field}; store it again with that field",
        code=MISSING,
    )
