"""Asking the platform's web-api whose a key or token is: web_api.AuthenticationService."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from google.protobuf.message import DecodeError, Message

from integration_api.cache.principals import PrincipalCache
from integration_api.core.errors import Failure, Kind
from integration_api.core.ids import LARGEST_ID, read_id
from integration_api.core.tenant import Actor, Principal, Tenant
from integration_api.proto import web_pb2 as wire
from integration_api.services.service_token import LOOK, USER, no_project
from integration_api.transport.grpc import Refused

SERVICE = "/web_api.AuthenticationService/"
LONGEST = 4096
"""A longer key or token is nobody's and is not worth a question."""
PROJECT_PREFIX, ORGANIZATION_PREFIX = b"rpd-prj-", b"rpd-org-"
ORGANIZATION = "organizaiton"
"""The platform's spelling of that scope."""
AWAY = frozenset({1, 4, 8, 12, 13, 14})
"""CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE: of the service, not of
the key. UNKNOWN is what the platform says of keys it does not know."""

Answer = TypeVar("Answer", bound=Message)


class Caller(Protocol):
    async def unary(
        self, path: str, message: bytes, metadata: Sequence[tuple[bytes, bytes]], *, seconds: float
    ) -> bytes: ...
    async def close(self) -> None: ...


class WebApi:
    """Keys and tokens are remembered by `digest` alone. All methods raise `Failure`:

    AUTHENTICATION for whom nobody knows, PERMISSION without a project, OVERLOADED while web-api is away.
    """

    def __init__(
        self, channel: Caller, cache: PrincipalCache, digest: Callable[[bytes], bytes], *, seconds: float
    ) -> None:
        self._channel = channel
        self._cache = cache
        self._digest = digest
        self._seconds = seconds

    async def close(self) -> None:
        await self._channel.close()

    async def project(self, key: bytes) -> Principal:
        token = key.removeprefix(PROJECT_PREFIX)
        return await self._known((b"project", token), lambda: self._scoped("project", (b"x-api-key", token)))

    async def organization(self, key: bytes) -> Principal:
        """An organization is nobody here without a project; whether its key is good is looked at first."""
        token = key.removeprefix(ORGANIZATION_PREFIX)
        return await self._known(
            (b"organization", token), lambda: self._scoped(ORGANIZATION, (b"x-org-key", token))
        )

    async def user(self, token: bytes, user_id: bytes, project_id: bytes) -> Principal:
        return await self._known(
            (b"user", token, user_id, project_id), lambda: self._user(token, user_id, project_id)
        )

    async def _known(self, shown: tuple[bytes, ...], ask: Callable[[], Awaitable[Principal]]) -> Principal:
        if not shown[1] or any(len(part) > LONGEST or not _visible(part) for part in shown):
            raise _nobody()
        parts = b"".join([len(part).to_bytes(4, "big") + part for part in shown])
        return await self._cache.get(self._digest(parts), ask)

    async def _scoped(self, scope: str, metadata: tuple[bytes, bytes]) -> Principal:
        answer = await self._ask(
            "ScopeAuthorize",
            wire.ScopeAuthorizeRequest(scope=scope),
            [metadata],
            wire.ScopedAuthenticationResponse,
        )
        found = answer.data
        if not answer.success or found.status.lower() not in {"", "active"}:
            raise _nobody()
        if not 0 < found.organizationId <= LARGEST_ID:
            raise _nobody()
        if scope != "project" or not 0 < found.projectId <= LARGEST_ID:
            raise no_project()
        return Principal(Tenant(found.organizationId, found.projectId), 0, LOOK)

    async def _user(self, token: bytes, user_id: bytes, project_id: bytes) -> Principal:
        if not _number(user_id):
            raise _nobody()
        answer = await self._ask(
            "Authorize",
            wire.AuthorizeRequest(),
            [(b"authorization", token), (b"x-auth-id", user_id)],
            wire.AuthenticateResponse,
        )
        found = answer.data
        organization_id = found.organizationRole.organizationId
        if not answer.success or found.token.isExpired or found.user.id != _number(user_id):
            raise _nobody()
        chosen = _number(project_id)
        if not 0 < organization_id <= LARGEST_ID or not chosen:
            raise no_project()
        if chosen not in {role.projectId for role in found.projectRoles}:
            raise no_project()
        return Principal(Tenant(organization_id, chosen), 0, USER, actor=Actor("user", found.user.id))

    async def _ask(
        self,
        method: str,
        message: Message,
        metadata: list[tuple[bytes, bytes]],
        kind: type[Answer],
    ) -> Answer:
        try:
            said = await self._channel.unary(
                SERVICE + method, message.SerializeToString(), metadata, seconds=self._seconds
            )
            return kind.FromString(said)
        except Refused as refused:
            raise _away() if refused.status in AWAY else _nobody() from None
        except (OSError, TimeoutError, DecodeError):
            raise _away() from None


def _visible(part: bytes) -> bool:
    return all(0x20 < byte < 0x7F for byte in part)


def _number(text: bytes) -> int:
    """Return an id, or 0 for what is none."""
    return read_id(text.decode("latin-1")) or 0


def _nobody() -> Failure:
    return Failure(
        Kind.AUTHENTICATION,
        "the platform does not know this key or token",
        code="invalid_api_key",
        retryable=False,
    )


def _away() -> Failure:
    return Failure(
        Kind.OVERLOADED,
        "the platform can not be asked whose key this is: try again",
        code="platform_unavailable",
        retry_after=1.0,
    )
