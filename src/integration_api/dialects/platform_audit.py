"""Audit records as the platform's services read them."""

from collections.abc import Mapping

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from integration_api.core.json import Json
from integration_api.core.records import AuditRecord
from integration_api.dialects.unified_answer import FAILED, SUCCESS, write_metrics
from integration_api.dialects.unified_carried import well_formed
from integration_api.proto import audit_logging_pb2 as wire

COMPLETE = "complete"
"""The platform's word for every record of a call that has ended: others are not kept."""
NANO = 1e-9


def write_record(record: AuditRecord) -> wire.AuditLog:
    """Return a record; what the platform has no column for stands among its metadata."""
    log = wire.AuditLog(
        id=record.id,
        integrationName=record.provider,
        assetPrefix=f"{record.organization_id}/{record.project_id}/{record.credential_id}",
        responseStatus=record.response_status,
        timeTaken=record.time_taken,
        status=COMPLETE,
        projectId=record.project_id,
        organizationId=record.organization_id,
        credentialId=record.credential_id,
        metrics=write_metrics(
            seconds=record.time_taken * NANO,
            status=SUCCESS if record.status == "success" else FAILED,
            usage=record.usage,
            first_token=record.first_token_time * NANO if record.first_token_time else None,
        ),
    )
    log.createdDate.FromNanoseconds(int(record.created_at * 1_000_000) * 1_000)
    log.updatedDate.CopyFrom(log.createdDate)
    for key, value in sorted(_metadata(record).items()):
        log.externalAuditMetadatas.add(key=well_formed(key), value=well_formed(value))
    return log


def write_document(document: Json, place: Struct) -> None:
    """Write what was asked or answered, as JSON says it."""
    json_format.ParseDict(document if isinstance(document, dict) else {"value": document}, place)


def _metadata(record: AuditRecord) -> Mapping[str, str]:
    told = {
        "provider_name": record.provider,
        "model_name": record.model,
        "operation": record.operation,
        "outcome": record.status,
        "error_code": record.error_code,
        "finish_reason": record.finish_reason,
        "request_id": record.request_id,
        "provider_request_id": record.provider_request_id,
        "created_actor_type": record.actor_type,
        "created_actor_id": str(record.actor_id) if record.actor_id else "",
    }
    return {key: value for key, value in told.items() if value} | dict(record.metadata)
