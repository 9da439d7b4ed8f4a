"""Who is calling, in HTTP headers and gRPC metadata alike: a key of our own, or somebody the platform knows."""

from collections.abc import Mapping
from typing import Protocol

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Principal
from integration_api.services.identity import PREFIX
from integration_api.services.service_token import ServiceTokens

SERVICE_KEY = b"x-internal-service-key"
API_KEYS = (b"x-api-key", b"api-key")
ORGANIZATION_KEY = b"x-org-key"
USER_ID = b"x-auth-id"
PROJECT_ID = b"x-project-id"
_OURS = PREFIX.encode()
_BEARER = b"Bearer " + _OURS


class Keys(Protocol):
    async def authenticate(self, key: bytes) -> Principal:
        """Return who holds a key of our own. Raises `Failure(AUTHENTICATION)`."""
        ...


class Platform(Protocol):
    """Where the platform's own keys and tokens are known. All raise `Failure`."""

    async def project(self, key: bytes) -> Principal: ...
    async def user(self, token: bytes, user_id: bytes, project_id: bytes) -> Principal: ...
    async def organization(self, key: bytes) -> Principal: ...


class Authentication:
    """Of several credentials in one request the strongest class counts, and no other in its place.

    That order is the platform's: its services say who they are beside whomever they call for.
    """

    def __init__(
        self, keys: Keys, *, tokens: ServiceTokens | None = None, platform: Platform | None = None
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._platform = platform

    async def authenticate(self, headers: Mapping[bytes, bytes]) -> Principal:
        """Return who is calling. Raises `Failure` (AUTHENTICATION, PERMISSION, OVERLOADED)."""
        if SERVICE_KEY in headers:
            return self._service(headers[SERVICE_KEY])
        authorization = headers.get(b"authorization", b"").strip()
        if authorization.startswith(_BEARER) and headers.keys().isdisjoint(API_KEYS):
            return await self._keys.authenticate(
                authorization[len(_BEARER) - len(_OURS) :]
            )  # Nearly every call.
        scheme, _, token = authorization.partition(b" ")
        bearer = token.strip() if scheme.lower() == b"bearer" else b""
        found = {bearer} | {headers[name] for name in API_KEYS if name in headers}
        found.discard(b"")
        if self._platform is None or any(key.startswith(_OURS) for key in found):
            if len(found) > 1:
                raise Failure(
                    Kind.AUTHENTICATION,
                    "the request carries two different API keys; send one",
                    code="invalid_api_key",
                )
            if not found and authorization.count(b".") == 2 and b" " not in authorization:
                return self._service(authorization)  # As the platform's services say who they are over HTTP.
            return await self._keys.authenticate(found.pop() if found else b"")
        if key := headers.get(API_KEYS[0]):
            return await self._platform.project(key)
        if user_id := headers.get(USER_ID):
            return await self._platform.user(bearer or authorization, user_id, headers.get(PROJECT_ID, b""))
        if key := headers.get(ORGANIZATION_KEY):
            return await self._platform.organization(key)
        if authorization.count(b".") == 2 and b" " not in authorization:
            return self._service(authorization)
        return await self._keys.authenticate(bearer)

    def _service(self, token: bytes) -> Principal:
        if self._tokens is None:
            raise Failure(
                Kind.AUTHENTICATION,
                "internal service tokens are not taken here: the operator has set no SECRET",
                code="invalid_service_token",
                retryable=False,
            )
        return self._tokens.verify(token)
