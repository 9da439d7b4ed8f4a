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


class Actor(Struct, frozen=True):
    """Who has done something, as the platform's audit tables say it."""

    kind: str = "project"
    """user, project, organization, service or system; `unknown` for a caller who does not say."""
    id: int = 0
    """The platform's; 0 where there is none."""


PROJECT = Actor()
"""Whoever holds a key of a project's, the platform's or our own: which of them `key_id` says."""


class Principal(Struct, frozen=True):
    """Who is calling, once authenticated. There is no anonymous principal."""

    tenant: Tenant
    key_id: int
    """Of our own key; 0 for a caller the platform vouches for."""
    scopes: frozenset[Scope]
    service: str = ""
    """Name of the platform's service that calls, by its own word; empty for everybody else."""
    actor: Actor = PROJECT
    """Who acts: of a service that calls for somebody, that somebody."""

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes
