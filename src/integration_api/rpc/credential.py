"""UnifiedProviderService/VerifyCredential: whether a credential is good is an answer, never a status."""

from collections.abc import Mapping

from integration_api.core.errors import Failure, Kind
from integration_api.core.secret import Secret
from integration_api.core.tenant import Scope
from integration_api.proto import unified_pb2 as wire
from integration_api.rpc.llm import SERVICE
from integration_api.rpc.methods import Ask, RpcMethod
from integration_api.rpc.outcome import code_of
from integration_api.rpc.reading import opened
from integration_api.rpc.targeting import LARGEST_ID, provider_of
from integration_api.services.credential import CredentialService

REFUSED = 401
"""What the platform calls a credential that its provider refuses."""


class CredentialDoor:
    def __init__(self, service: CredentialService) -> None:
        self._service = service

    async def verify(self, ask: Ask, message: bytearray) -> bytes:
        """Ask the provider. The credential's fields count, and without them the stored one that is named."""
        with opened(message, wire.VerifyCredentialRequest) as (asked, offered):
            try:
                await self._verify(ask, asked, offered)
            except Failure as error:
                code = REFUSED if error.kind is Kind.CREDENTIAL_INVALID else code_of(error)
                response = wire.VerifyCredentialResponse(code=code, success=False, errorMessage=error.message)
            else:
                response = wire.VerifyCredentialResponse(code=200, success=True, response="valid")
            return response.SerializeToString()

    async def _verify(
        self, ask: Ask, asked: wire.VerifyCredentialRequest, offered: Mapping[str, Secret]
    ) -> None:
        provider = provider_of(asked.providerName)
        origin = ask.origin({})
        stored = asked.credential.id
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
                scope=Scope.CREDENTIALS_WRITE,
                unary=self.verify,
            )
        ]
