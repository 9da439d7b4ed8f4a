"""AuditLoggingService: the project's records of calls, found, read and annotated."""

import asyncio
from collections.abc import Mapping, Sequence

from integration_api.core.errors import Failure, Kind
from integration_api.core.ids import LARGEST_ID
from integration_api.core.records import AuditRecord, Page
from integration_api.core.tenant import Principal, Scope, Tenant
from integration_api.dialects.platform_audit import COMPLETE, write_document, write_record
from integration_api.dialects.unified_answer import write_error
from integration_api.dialects.unified_values import invalid
from integration_api.proto import audit_logging_pb2 as wire
from integration_api.proto import common_pb2 as common
from integration_api.providers import find
from integration_api.rpc.listing import comparison_of, moment_of, page_of, paginated, unknown
from integration_api.rpc.methods import Ask, RpcMethod
from integration_api.rpc.reading import parsed
from integration_api.rpc.targeting import LONGEST_METADATA, MOST_METADATA
from integration_api.services.content import REQUEST, RESPONSE, Content
from integration_api.storage.repository import AuditFilter, Comparison, Criterion, Repository
from integration_api.vault.errors import Tampered

SERVICE = "integration_api.AuditLoggingService"
STORED_SECONDS = 2.0
"""A record is on disk when its caller hears the end, and in the database a moment later: metadata waits for it."""
PAUSE_SECONDS = 0.1
NOT_FOUND = 404

FIELDS: Mapping[str, str] = {
    "id": "id",
    "created_date": "created_at",
    "provider_name": "provider",
    "model_name": "model",
    "integration_name": "integration_name",
    "asset_prefix": "asset_prefix",
    "credential_id": "credential_id",
    "response_status": "response_status",
    "time_taken": "time_taken",
    "time_to_first_token": "first_token_time",
    "outcome": "status",
    "operation": "operation",
    "error_code": "error_code",
    "finish_reason": "finish_reason",
    "request_id": "request_id",
    "provider_request_id": "provider_request_id",
    "created_actor_type": "created_actor_type",
    "created_actor_id": "created_actor_id",
}
"""The platform's names, and ours, of what a record is found by."""
PROVIDER = ("provider_name", "integration_name")
METADATA = (
    "assistant_id", "assistant_provider_model_id", "conversation_id", "user_identifier", "message_id", "endpoint_id",
    "endpoint_provider_model_id", "vault_id", "knowledge_id", "source", "env", "region", "model_id",
    "connection.transport", "service",
)  # fmt: skip
"""Entries that the platform's callers attach to their calls."""


class AuditDoor:
    def __init__(self, store: Repository, content: Content) -> None:
        self._store = store
        self._content = content

    async def all(self, ask: Ask, message: bytearray) -> bytes:
        asked = parsed(message, wire.GetAllAuditLogRequest)
        page, size, offset = page_of(asked.paginate)
        filter = AuditFilter(criteria=criteria_of(asked.criterias))
        tenant = ask.caller.tenant
        records = await self._store.audits(tenant, filter, Page(size), offset=offset)
        total = await self._store.count_audits(tenant, filter)
        return wire.GetAllAuditLogResponse(
            code=200, success=True, data=map(write_record, records), paginated=paginated(page, total)
        ).SerializeToString()

    async def one(self, ask: Ask, message: bytearray) -> bytes:
        record = await self._record(ask.caller.tenant, parsed(message, wire.GetAuditLogRequest).id)
        if record is None:
            error = write_error(_missing(), NOT_FOUND)
            return wire.GetAuditLogResponse(code=NOT_FOUND, error=error).SerializeToString()
        log = write_record(record)
        await self._add_documents(ask.caller.tenant, record, log)
        return wire.GetAuditLogResponse(code=200, success=True, data=log).SerializeToString()

    async def _add_documents(self, tenant: Tenant, record: AuditRecord, log: wire.AuditLog) -> None:
        """Add what was asked and answered, where it was kept."""
        sealed = await self._store.audit_documents(tenant, record.id)
        for part, place in ((REQUEST, log.request), (RESPONSE, log.response)):
            if part in sealed:
                try:
                    document = self._content.open(tenant, record.event_id, part, sealed[part])
                except Tampered:
                    document = {
                        "unavailable": "it does not open: it was changed, or sealed by another installation"
                    }
                write_document(document, place)

    async def annotate(self, ask: Ask, message: bytearray) -> bytes:
        asked = parsed(message, wire.CreateMetadataRequest)
        if len(asked.additionalData) > MOST_METADATA:
            raise invalid(f"at most {MOST_METADATA} entries can be added at once", "additionalData")
        added = {key: value[:LONGEST_METADATA] for key, value in asked.additionalData.items() if key}
        tenant = ask.caller.tenant
        if not await self._annotated(ask.caller, asked.id, added):
            error = write_error(_missing(), NOT_FOUND)
            return wire.CreateMetadataResponse(code=NOT_FOUND, error=error).SerializeToString()
        record = await self._record(tenant, asked.id)
        data = None if record is None else write_record(record)
        return wire.CreateMetadataResponse(code=200, success=True, data=data).SerializeToString()

    async def _annotated(self, caller: Principal, id: int, added: Mapping[str, str]) -> bool:
        if not 0 < id <= LARGEST_ID:
            return False
        for _ in range(int(STORED_SECONDS / PAUSE_SECONDS)):
            if await self._store.add_audit_metadata(caller.tenant, id, added, caller.actor):
                return True
            await asyncio.sleep(PAUSE_SECONDS)
        return await self._store.add_audit_metadata(caller.tenant, id, added, caller.actor)

    async def _record(self, tenant: Tenant, id: int) -> AuditRecord | None:
        return None if id > LARGEST_ID else await self._store.audit(tenant, id)

    def methods(self) -> list[RpcMethod]:
        return [
            RpcMethod(service=SERVICE, name="GetAllAuditLog", scope=Scope.AUDIT_READ, unary=self.all),
            RpcMethod(service=SERVICE, name="GetAuditLog", scope=Scope.AUDIT_READ, unary=self.one),
            RpcMethod(service=SERVICE, name="CreateMetadata", scope=Scope.INFER, unary=self.annotate),
        ]


def criteria_of(given: Sequence[common.Criteria]) -> tuple[Criterion, ...]:
    """Return what records are found by. Raises `Failure(INVALID_REQUEST)` for what they are not."""
    found = []
    for place, criterion in enumerate(given):
        key, comparison = criterion.key, comparison_of(criterion, place)
        if key == "status":  # The platform's: that of every record there is.
            if criterion.value != COMPLETE:
                found.append(Criterion("status", comparison, criterion.value))
        elif key == "created_date":
            found.append(Criterion(FIELDS[key], comparison, moment_of(criterion.value, place)))
        elif key in PROVIDER and comparison is Comparison.EQUAL:
            first, *others = names_of(criterion.value)
            found.append(Criterion(FIELDS[key], comparison, first, tuple(others)))
        elif key in FIELDS:
            found.append(Criterion(FIELDS[key], comparison, criterion.value))
        elif key in METADATA:
            found.append(Criterion(f"metadata.{key}", comparison, criterion.value))
        else:
            raise unknown(place, ("status", *FIELDS, *METADATA))
    return tuple(found)


def names_of(provider: str) -> tuple[str, ...]:
    """Return all names of a provider: records that the platform made have its own, ours have ours."""
    known = find(provider)
    return (provider,) if known is None else (known.name, *known.aliases)


def _missing() -> Failure:
    return Failure(Kind.NOT_FOUND, "there is no such record", code="not_found")
