"""What a ciphertext is bound to: moved to any other place, it does not open.

Additional authenticated data are binary, each part with its length before it,
so that no two bindings ever give the same bytes.

    part      u32 length || bytes; numbers are big-endian and of fixed width
    wrap      "iv1/wrap" format suite kek_id kek_version organization project credential version
    data      "iv1/data" format suite organization project credential provider field version
    root      "iv1/root" root_id kek_id kek_version organization purpose

The data do not name the key-encryption key: wrapping a data key anew must not
touch the ciphertext under it.
"""

from functools import lru_cache
from struct import Struct as Layout

import msgspec

from integration_api.core.records import CredentialRecord, VaultKey

FIELD = "secrets"
"""All secret fields of a credential are sealed together, under this name."""

_WRAP = Layout(">I8s IB IB I16s II IQ IQ IQ IQ".replace(" ", ""))
_DATA = Layout(">I8s IB IB IQ IQ IQ".replace(" ", ""))
_LENGTH = Layout(">I")
_NUMBER = Layout(">IQ")


class Binding(msgspec.Struct, frozen=True, gc=False):
    organization_id: int
    project_id: int
    credential_id: int
    provider: str
    version: int
    """Of the credential: each replacement of its value is a version of its own."""
    field: str = FIELD


def binding(record: CredentialRecord) -> Binding:
    tenant = record.tenant
    return Binding(tenant.organization_id, tenant.project_id, record.id, record.provider, record.version)


def wrap_aad(to: Binding, version: int, suite: int, kek_id: bytes, kek_version: int) -> bytes:
    """Return what a wrapped data key is bound to."""
    return _WRAP.pack(
        8, b"iv1/wrap", 1, version, 1, suite, 16, kek_id, 4, kek_version,
        8, to.organization_id, 8, to.project_id, 8, to.credential_id, 8, to.version,
    )  # fmt: skip


def data_aad(to: Binding, version: int, suite: int) -> bytes:
    """Return what the secret fields are bound to."""
    return (
        _DATA.pack(
            8, b"iv1/data", 1, version, 1, suite, 8, to.organization_id, 8, to.project_id, 8, to.credential_id
        )
        + _names(to.provider, to.field)
        + _NUMBER.pack(8, to.version)
    )  # fmt: skip


def root_aad(key: VaultKey) -> bytes:
    """Return what a key wrapped by the root key is bound to."""
    return b"".join(
        _part(part)
        for part in (
            b"iv1/root", key.root_id.encode(), key.id, key.version.to_bytes(4, "big"),
            key.organization_id.to_bytes(8, "big"), key.purpose.encode(),
        )
    )  # fmt: skip


@lru_cache(512)
def _names(provider: str, field: str) -> bytes:
    return _part(provider.encode()) + _part(field.encode())


def _part(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value
