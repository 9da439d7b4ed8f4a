"""Who is calling: our own API keys, made, kept as digests, checked and revoked."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable
from hashlib import sha256

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import ApiKey, Organization, Page, Project
from integration_api.core.tenant import Principal, Scope, Tenant
from integration_api.services import clock
from integration_api.services.call import Ids
from integration_api.storage.repository import Repository

PREFIX = "iak_"
SECRET_BYTES = 32
"""256 random bits: no rate limit is needed against guessing."""
LONGEST = 512
"""A longer header is not a key of ours and is not worth hashing."""
PEPPER = "api-key-pepper"
"""The vault's name for the installation secret that keys are hashed with."""


class Identity:
    """Checks keys by HMAC-SHA256 digest; `look_up` is a cache over the store."""

    def __init__(
        self,
        pepper: bytes,
        look_up: Callable[[bytes], Awaitable[ApiKey | None]],
        store: Repository,
        ids: Ids,
        *,
        peek: Callable[[bytes], ApiKey | None] = lambda _: None,
        changed: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`changed` is awaited after a key was made or revoked, so that `look_up` goes by it at once."""
        self._keyed = hmac.new(pepper, digestmod=sha256)
        self._look_up = look_up
        self._peek = peek
        self._changed = changed
        self._store = store
        self._ids = ids
        self._principals: dict[int, Principal] = {}

    def digest(self, key: bytes) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(key)
        return keyed.digest()

    async def authenticate(self, key: bytes) -> Principal:
        """Return who holds `key`. Raises `Failure(AUTHENTICATION)`; there is no other way out."""
        if not key.startswith(PREFIX.encode()) or len(key) > LONGEST:
            raise _wrong()
        digest = self.digest(key)
        found = self._peek(digest) or await self._look_up(digest)
        if found is None or found.revoked_at is not None:
            raise _wrong()
        principal = self._principals.get(found.id)
        if principal is None or principal.scopes != found.scopes:
            if len(self._principals) > 10_000:  # Small, and rebuilt at need.
                self._principals.clear()
            principal = self._principals[found.id] = Principal(found.tenant, found.id, found.scopes)
        return principal

    async def issue(
        self, tenant: Tenant, name: str, scopes: Iterable[Scope], *, key: str | None = None
    ) -> tuple[ApiKey, str]:
        """Make a key (or take `key` as it is) and return it with its text, which is never seen again."""
        text = key or PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        record = ApiKey(
            id=self._ids.next(),
            tenant=tenant,
            name=name,
            hint=f"{text[:8]}…{text[-4:]}",
            digest=self.digest(text.encode()),
            scopes=frozenset(scopes),
            created_at=clock.now(),
        )
        await self._store.add_api_key(record)
        await self._tell()
        return record, text

    async def keys(self, tenant: Tenant, page: Page) -> list[ApiKey]:
        return await self._store.api_keys(tenant, page)

    async def revoke(self, tenant: Tenant, id: int) -> None:
        """Make a key useless everywhere within a second. Raises `Failure(NOT_FOUND)`."""
        if not await self._store.revoke_api_key(tenant, id):
            raise Failure(Kind.NOT_FOUND, "there is no such key", code="key_not_found")
        await self._tell()

    async def _tell(self) -> None:
        if self._changed is not None:
            await self._changed()

    async def bootstrap(self, key: str | None) -> tuple[Tenant, str] | None:
        """On the first start make an organization, a project and its admin key; None on later ones."""
        if await self._store.first_project() is not None:
            return None
        organization_id = self._ids.next()
        tenant = Tenant(organization_id, self._ids.next())
        now = clock.now()
        await self._store.create_organization(Organization(organization_id, "default", now))
        await self._store.create_project(Project(tenant, "default", now))
        _, text = await self.issue(tenant, "admin", [Scope.ADMIN, Scope.INFER], key=key)
        return tenant, text


def _wrong() -> Failure:
    return Failure(
        Kind.AUTHENTICATION,
        "the API key is missing or wrong; send `Authorization: Bearer iak_…`",
        code="invalid_api_key",
    )
