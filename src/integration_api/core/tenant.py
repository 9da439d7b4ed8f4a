"""Who owns what: an organization holds projects, a project holds keys and credentials."""

from enum import StrEnum

from msgspec import Struct


class Tenant(Struct, frozen=True, order=True):
    """The pair every row, cache key and ciphertext is bound to."""

    organization_id: int
    project_id: int


class Scope(StrEnum):
    """What a key may do; `admin` may do everything in its project."""

    INFER = "infer"
    CREDENTIALS_READ = "credentials:read"
    CREDENTIALS_WRITE = "credentials:write"
    AUDIT_READ = "audit:read"
    ADMIN = "admin"


class Principal(Struct, frozen=True):
    """Who is calling, once authenticated. There is no anonymous principal."""

    tenant: Tenant
    key_id: int
    """Of our own key; 0 for a caller the platform vouches for."""
    scopes: frozenset[Scope]
    service: str = ""
    """Name of the platform's service that calls, by its own word; empty for everybody else."""

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes
