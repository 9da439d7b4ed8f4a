"""VaultService: the project's credentials, kept and listed.

No answer holds a secret, but for services of the platform that the operator has named.
"""

from collections.abc import Sequence

from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.ids import LARGEST_ID
from integration_api.core.records import CredentialRecord, Page
from integration_api.core.secret import Secret, wipe, wipe_bytes
from integration_api.core.tenant import Scope
from integration_api.dialects.platform_vault import field, write_value
from integration_api.dialects.unified_answer import write_error
from integration_api.dialects.unified_credential import take_credential
from integration_api.proto import common_pb2 as common
from integration_api.proto import vault_pb2 as wire
from integration_api.providers import find
from integration_api.rpc.listing import comparison_of, page_of, paginated, unknown
from integration_api.rpc.methods import Ask, RpcMethod
from integration_api.rpc.outcome import code_of
from integration_api.rpc.reading import forget, parsed
from integration_api.rpc.targeting import provider_of
from integration_api.services.credential import CredentialService
from integration_api.storage.repository import Comparison, CredentialFilter

SERVICE = "vault_api.VaultService"
ACTIVE, ARCHIVED = "ACTIVE", "ARCHIEVE"
"""As the platform spells them."""
EITHER = "or"
"""The platform's logic for a provider that may be any of several."""


VALUE, DATA = 3, 3
"""Numbers of `VaultCredential.value` and of `GetCredentialResponse.data`."""
CODES = {
    "azure-openai": "azure-foundry",
    "bedrock": "aws-bedrock",
    "together": "togetherai",
    "google-speech": "google-speech-service",
    "azure-speech": "azure-speech-service",
    "sarvam": "sarvamai",
}
"""What the platform calls a provider, where we call it something else."""


class VaultDoor:
    """`trusted` names the services to which `GetCredential` gives values in clear."""

    def __init__(self, service: CredentialService, trusted: frozenset[str] = frozenset()) -> None:
        self._service = service
        self._trusted = trusted

    async def create(self, ask: Ask, message: bytearray) -> bytes:
        """Verify and store. What the provider refuses is an answer with `error`."""
        offered = take_credential(message)  # The request has its fields where a credential has its value.
        try:
            asked = parsed(message, wire.CreateProviderCredentialRequest)
            provider = provider_of(asked.provider)
            record = await self._service.create(ask.origin({}), provider.name, asked.name, offered)
        except ProviderError as error:
            code = code_of(error)
            return wire.GetCredentialResponse(code=code, error=write_error(error, code)).SerializeToString()
        finally:
            forget(offered)
        return _found(record)

    async def all(self, ask: Ask, message: bytearray) -> bytes:
        asked = parsed(message, wire.GetAllOrganizationCredentialRequest)
        page, size, offset = page_of(asked.paginate)
        filter = filter_of(asked.criterias)
        records, total = await self._service.find(ask.caller.tenant, filter, Page(size), offset)
        return wire.GetAllOrganizationCredentialResponse(
            code=200, success=True, data=map(write_credential, records), paginated=paginated(page, total)
        ).SerializeToString()

    async def one(self, ask: Ask, message: bytearray) -> bytes:
        id = _id(parsed(message, wire.GetCredentialRequest).vaultId)
        if ask.caller.service in self._trusted:
            return _disclosed(*await self._service.disclose(ask.origin({}), id))
        return _found(await self._service.read(ask.caller.tenant, id))

    async def delete(self, ask: Ask, message: bytearray) -> bytes:
        id = _id(parsed(message, wire.DeleteCredentialRequest).vaultId)
        record = await self._service.read(ask.caller.tenant, id)
        await self._service.delete(ask.origin({}), id)
        return _found(record, ARCHIVED)

    def methods(self) -> list[RpcMethod]:
        write, look = Scope.CREDENTIALS_WRITE, Scope.CREDENTIALS_READ
        return [
            RpcMethod(service=SERVICE, name="CreateProviderCredential", scope=write, unary=self.create),
            RpcMethod(service=SERVICE, name="GetAllOrganizationCredential", scope=look, unary=self.all),
            RpcMethod(service=SERVICE, name="DeleteCredential", scope=write, unary=self.delete),
            RpcMethod(service=SERVICE, name="GetCredential", scope=look, unary=self.one),
            RpcMethod(service=SERVICE, name="GetOauth2Credential", scope=look, unary=self.one),
        ]


def write_credential(record: CredentialRecord, status: str = ACTIVE) -> wire.VaultCredential:
    """Return a credential without its value: a caller that names the id needs no more."""
    written = wire.VaultCredential(
        id=record.id,
        name=record.name,
        status=status,
        provider=CODES.get(record.provider, record.provider),
        organizationId=record.tenant.organization_id,
    )
    written.createdDate.FromNanoseconds(int(record.created_at * 1_000_000) * 1_000)
    written.updatedDate.FromNanoseconds(int(record.updated_at * 1_000_000) * 1_000)
    return written


def filter_of(given: Sequence[common.Criteria]) -> CredentialFilter:
    """Return what credentials are found by. Raises `Failure(INVALID_REQUEST)` for what they are not."""
    providers: list[str] = []
    name = contained = None
    for place, criterion in enumerate(given):
        either = criterion.logic.strip().lower() == EITHER
        comparison = Comparison.EQUAL if either else comparison_of(criterion, place)
        match criterion.key, comparison:
            case "provider", Comparison.EQUAL:
                known = find(criterion.value)
                providers.append(known.name if known else criterion.value)
            case "name", Comparison.EQUAL if not either:
                name = criterion.value
            case "name", Comparison.CONTAINS:
                contained = criterion.value
            case _:
                raise unknown(place, ("provider (=, or)", "name (=, contains)"))
    return CredentialFilter(providers=tuple(providers), name=name, name_contains=contained)


def _found(record: CredentialRecord, status: str = ACTIVE) -> bytes:
    data = write_credential(record, status)
    return wire.GetCredentialResponse(code=200, success=True, data=data).SerializeToString()


def _disclosed(record: CredentialRecord, fields: dict[str, Secret]) -> bytes:
    """Write an answer with its value, past any parser that would keep copies of it; only the answer is one."""
    value = bytearray()
    try:
        value = write_value(fields)
        credential = write_credential(record).SerializeToString() + field(VALUE, value)
        head = wire.GetCredentialResponse(code=200, success=True).SerializeToString()
        answer = head + field(DATA, credential)
        wipe_bytes(credential)
        return answer
    finally:
        wipe(value)
        forget(fields)


def _id(given: int) -> int:
    if given > LARGEST_ID:
        raise Failure(Kind.NOT_FOUND, "there is no such credential", code="credential_not_found")
    return given
