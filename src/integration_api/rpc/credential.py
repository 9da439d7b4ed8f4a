"""VerifyCredential, of either generation: whether a credential is good is an answer, never a status."""

from collections.abc import Callable, Mapping

from integration_api.core.errors import Failure, Kind
from integration_api.core.ids import LARGEST_ID
from integration_api.core.provider import Provider
from integration_api.core.secret import Secret
from integration_api.core.tenant import Scope
from integration_api.proto import per_provider_pb2
from integration_api.proto import unified_pb2 as wire
from integration_api.rpc.llm import SERVICE
from integration_api.rpc.methods import Ask, RpcMethod
from integration_api.rpc.outcome import code_of
from integration_api.rpc.reading import opened
from integration_api.rpc.targeting import provider_of
from integration_api.services.credential import CredentialService

REFUSED = 401
"""What the platform calls a credential that its provider refuses."""


class CredentialDoor:
    def __init__(self, service: CredentialService) -> None:
        self._service = service

    async def verify(self, ask: Ask, message: bytearray) -> bytes:
        """Ask the provider. The credential's fields count, and without them the stored one that is named."""
        with opened(message, wire.VerifyCredentialRequest) as (asked, offered):
            return await self.answer(ask, asked, offered, lambda: provider_of(asked.providerName))

    async def answer(
        self,
        ask: Ask,
        asked: wire.VerifyCredentialRequest | per_provider_pb2.VerifyCredentialRequest,
        offered: Mapping[str, Secret],
        whose: Callable[[], Provider],
    ) -> bytes:
        try:
            await self._verify(ask, whose(), asked.credential.id, offered)
        except Failure as error:
            code = REFUSED if error.kind is Kind.CREDENTIAL_INVALID else code_of(error)
            response = wire.VerifyCredentialResponse(code=code, success=False, errorMessage=error.message)
        else:
            response = wire.VerifyCredentialResponse(code=200, success=True, response="valid")
        return response.SerializeToString()

    async def _verify(self, ask: Ask, provider: Provider, stored: int, offered: Mapping[str, Secret]) -> None:
        origin = ask.origin({})
        if offered or not stored:
            await self._service.verify_offered(origin, provider.name, offered)
        elif stored > LARGEST_ID:
            raise Failure(Kind.NOT_FOUND, "there is no such credential", code="credential_not_found")
        else:
            await self._service.verify_stored(origin, stored)

    def methods(self) -> list[RpcMethod]:
        return [
            RpcMethod(
                service=SERVICE,
                name="VerifyCredential",
                scope=Scope.CREDENTIALS_READ,  # As the platform's services and projects ask, too: it keeps nothing.
                unary=self.verify,
            )
        ]
