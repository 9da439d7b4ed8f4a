"""Tokens that the platform's services call one another with: JWTs, HS256, one secret for all services.

https://www.rfc-editor.org/rfc/rfc7515 https://www.rfc-editor.org/rfc/rfc7519
"""

import hmac
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from hashlib import sha256
from typing import Literal, NoReturn

import msgspec
from msgspec import Struct

from integration_api.core.errors import Failure, Kind
from integration_api.core.ids import LARGEST_ID, read_id
from integration_api.core.tenant import Actor, Principal, Scope, Tenant
from integration_api.services import clock

LONGEST = 4096
"""Bytes of a token; the platform's have some five hundred."""
SKEW_SECONDS = 60.0
"""How far the clocks of two services may be apart."""
LIFETIME_SECONDS = 300.0
"""The longest life of a token that says when it was made."""
OLD_LIFETIME_SECONDS = 86_400.0
"""The longest life of one that does not, as services of the old generations send."""
AUDIENCE = "rapida-internal"
UNNAMED = "legacy"
"""What a service is called whose token does not say which one it is."""

LOOK = frozenset({Scope.INFER, Scope.CREDENTIALS_READ, Scope.AUDIT_READ})
"""What projects and services may do: create and delete is for users."""
USER = LOOK | {Scope.CREDENTIALS_WRITE}

_TOKEN = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class _Header(Struct, frozen=True):
    alg: Literal["HS256"]
    crit: list[str] | None = None


class _Claims(Struct, frozen=True):
    """An id is a JSON number or a decimal string: never a float, which would lose its last digits."""

    exp: int | float
    iat: int | float | None = None
    iss: str | None = None
    aud: str | list[str] | None = None
    actor_type: str | None = None
    actor_id: int | str | None = None
    user_id: int | str | None = msgspec.field(default=None, name="userId")
    organization_id: int | str | None = msgspec.field(default=None, name="organizationId")
    project_id: int | str | None = msgspec.field(default=None, name="projectId")
    delegated_auth_type: Literal["user", "project", "organization", "service", "system"] | None = None
    delegated_actor_id: int | str | None = None

    @property
    def dated(self) -> bool:
        """Whether it is of a generation that says who made it, for whom and when."""
        told = (self.iat, self.iss, self.aud, self.actor_type, self.actor_id)
        return any(claim is not None for claim in (*told, self.delegated_auth_type, self.delegated_actor_id))


_HEADER = msgspec.json.Decoder(_Header)
_CLAIMS = msgspec.json.Decoder(_Claims)


class ServiceTokens:
    """Checks tokens. `strict` takes only those that say who made them, for whom and when."""

    def __init__(self, secret: str, *, strict: bool = False, now: Callable[[], float] = clock.now) -> None:
        self._keyed = hmac.new(secret.encode(), digestmod=sha256)
        self._strict = strict
        self._now = now

    def verify(self, token: bytes) -> Principal:
        """Return who calls, and for which project.

        Raises `Failure`: AUTHENTICATION for a token that is not good, PERMISSION for one without a project.
        """
        claims = self._claims(token)
        now = self._now()
        if now >= claims.exp + SKEW_SECONDS:
            _refuse("has expired")
        service, actor = self._dated(claims, now) if claims.dated else self._undated(claims, now)
        organization = _id("organizationId", claims.organization_id)
        project = _id("projectId", claims.project_id)
        if organization is None:
            _refuse("names no organization")
        if project is None:
            raise no_project()
        return Principal(
            Tenant(organization, project), 0, USER if actor.kind == "user" else LOOK, service, actor
        )

    def _claims(self, token: bytes) -> _Claims:
        """Return the claims of a token whose signature is right; nothing of another is looked at."""
        found = _TOKEN.fullmatch(token) if len(token) <= LONGEST else None
        if found is None:
            _refuse("is not one")
        keyed = self._keyed.copy()
        keyed.update(token[: found.start(3) - 1])
        if not hmac.compare_digest(keyed.digest(), _decoded(found[3])):
            _refuse("has a wrong signature: every service must have the same SECRET")
        try:
            if _HEADER.decode(_decoded(found[1])).crit is not None:
                _refuse("asks for an extension")
            return _CLAIMS.decode(_decoded(found[2]))
        except msgspec.DecodeError:
            _refuse("has a claim that is not what it should be")

    def _dated(self, claims: _Claims, now: float) -> tuple[str, Actor]:
        """Return the service and who acts: whom it calls for, or itself."""
        maker = _id("actor_id", claims.actor_id)
        if claims.actor_type != "service" or maker is None or not claims.iss:
            _refuse("does not say which service made it")
        audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud or []
        if AUDIENCE not in audience:
            _refuse(f"is not for {AUDIENCE}")
        if (
            claims.iat is None
            or claims.iat > now + SKEW_SECONDS
            or claims.exp - claims.iat > LIFETIME_SECONDS
        ):
            _refuse(f"must have been made in the past and live at most {LIFETIME_SECONDS:.0f} seconds")
        if claims.user_id is not None:
            _refuse("must not have userId")
        delegated = _id("delegated_actor_id", claims.delegated_actor_id)
        if (claims.delegated_auth_type is None) != (delegated is None):
            _refuse("must have both of delegated_auth_type and delegated_actor_id, or neither")
        if claims.delegated_auth_type == "project" and claims.project_id is None:
            _refuse("acts for a project and names none")
        if claims.delegated_auth_type == "organization" and claims.project_id is not None:
            _refuse("acts for an organization and names a project")
        if claims.delegated_auth_type is None or delegated is None:
            return claims.iss, Actor("service", maker)
        return claims.iss, Actor(claims.delegated_auth_type, delegated)

    def _undated(self, claims: _Claims, now: float) -> tuple[str, Actor]:
        if self._strict:
            _refuse("does not say who made it, for whom and when: PLATFORM__STRICT_SERVICE_TOKENS is on")
        if claims.exp > now + OLD_LIFETIME_SECONDS + SKEW_SECONDS:
            _refuse("must live at most a day")
        user = _id("userId", claims.user_id)
        return UNNAMED, Actor("unknown") if user is None else Actor("user", user)


def no_project() -> Failure:
    """A caller who is known, but not for any project: everything here belongs to one."""
    return Failure(
        Kind.PERMISSION,
        "project context is unavailable: call for one project",
        code="project_required",
        retryable=False,
    )


def _id(name: str, value: int | str | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        value = read_id(value) or 0
    if not 0 < value <= LARGEST_ID:
        _refuse(f"has a {name} that is not an id")
    return value


def _decoded(part: bytes) -> bytes:
    try:
        return urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except ValueError:
        _refuse("is not one")


def _refuse(why: str) -> NoReturn:
    raise Failure(
        Kind.AUTHENTICATION, f"the service token {why}", code="invalid_service_token", retryable=False
    ) from None
