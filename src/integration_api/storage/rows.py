"""Between rows and records: column lists, and how each column is read and written."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from integration_api.core.records import (
    ApiKey,
    CredentialRecord,
    KeyState,
    Page,
    Project,
    SealedCredential,
    VaultKey,
)
from integration_api.core.tenant import Scope, Tenant
from integration_api.storage.operation import Row

API_KEY = "id, organization_id, project_id, name, hint, digest, scopes, created_at, revoked_at"
VAULT_KEY = "id, version, organization_id, purpose, root_id, wrapped, state, wraps, created_at"
CREDENTIAL = (
    "c.id, c.organization_id, c.project_id, c.provider, c.name, c.is_default, c.status, c.fields, c.masked,"
    " c.version, c.created_at, c.updated_at, c.verified_at"
)

LARGEST = (1 << 63) - 1
MOST_ROWS = 1000
"""The longest list one call returns: a caller that asks for more is paged."""
KEY_ID = slice(4, 20)
KEY_VERSION = slice(20, 24)
"""Where a sealed credential says which key wrapped it: `IV`, two version bytes, id, big-endian version."""

_mapping = msgspec.json.Decoder(dict[str, str])


def page_limit(page: Page) -> tuple[int, int]:
    """Return the id to stay below and the number of rows to fetch."""
    before = LARGEST if page.before_id is None else page.before_id
    return min(before, LARGEST), max(0, min(page.limit, MOST_ROWS))


def searchable(text: str) -> str:
    """Return text a database accepts; what no row can hold becomes text that no row holds."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def read_mapping(text: str | None) -> dict[str, str]:
    return _mapping.decode(text) if text else {}


def scopes_text(scopes: Iterable[Scope]) -> str:
    return " ".join(sorted(scope.value for scope in scopes))


def moment(seconds: float) -> datetime:
    """Return Unix seconds as the platform's tables keep time: UTC, without saying so."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def seconds(moment: datetime | str) -> float:
    """Read such a time, which SQLite keeps as ISO 8601 text."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.replace(tzinfo=UTC).timestamp()


def read_project(row: Row) -> Project:
    organization_id, id, name, created_at = row
    return Project(Tenant(organization_id, id), name, created_at)


def read_api_key(row: Row) -> ApiKey:
    id, organization_id, project_id, name, hint, digest, scopes, created_at, revoked_at = row
    return ApiKey(
        id=id,
        tenant=Tenant(organization_id, project_id),
        name=name,
        hint=hint,
        digest=bytes(digest),
        scopes=frozenset(Scope(scope) for scope in scopes.split()),
        created_at=created_at,
        revoked_at=revoked_at,
    )


def read_vault_key(row: Row) -> VaultKey:
    id, version, organization_id, purpose, root_id, wrapped, state, wraps, created_at = row
    return VaultKey(
        id=bytes(id),
        version=version,
        organization_id=organization_id,
        purpose=purpose,
        root_id=root_id,
        wrapped=bytes(wrapped),
        state=KeyState(state),
        wraps=wraps,
        created_at=created_at,
    )


def read_credential(row: Row) -> CredentialRecord:
    return CredentialRecord(
        id=row[0],
        tenant=Tenant(row[1], row[2]),
        provider=row[3],
        name=row[4],
        default=bool(row[5]),
        status=row[6],
        fields=read_mapping(row[7]),
        masked=read_mapping(row[8]),
        version=row[9],
        created_at=row[10],
        updated_at=row[11],
        verified_at=row[12],
    )


def read_sealed(row: Row) -> SealedCredential:
    """Read a credential's columns followed by its sealed bytes."""
    return SealedCredential(read_credential(row), bytes(row[13]))


def wrapped_by(sealed: bytes) -> tuple[bytes, int]:
    """Return the id and version of the key that wrapped `sealed`. Raises `ValueError` if it is too short."""
    if len(sealed) < KEY_VERSION.stop:
        raise ValueError("a sealed credential begins with a header of 24 bytes")
    return sealed[KEY_ID], int.from_bytes(sealed[KEY_VERSION], "big")
