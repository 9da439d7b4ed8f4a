"""Audit records as rows of the platform's own tables, whose columns and widths are kept."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from integration_api.core.llm import Usage
from integration_api.core.records import AuditRecord
from integration_api.storage.operation import Row
from integration_api.storage.rows import LARGEST, json_text, moment, read_mapping, seconds

COLUMNS = (
    "id", "created_date", "integration_name", "asset_prefix", "response_status", "time_taken",
    "credential_id", "project_id", "organization_id", "status", "created_actor_type", "created_actor_id",
    "event_id", "operation", "provider", "model", "credential_version", "fault", "error_code",
    "finish_reason", "streamed", "request_id", "provider_request_id", "provider_status", "retries",
    "queue_time", "first_token_time", "upstream_time", "key_id", "usage", "input_tokens",
    "output_tokens", "cached_tokens", "reasoning_tokens",
)  # fmt: skip
READ = (
    "id", "created_date", "integration_name", "response_status", "time_taken", "credential_id",
    "project_id", "organization_id", "status", "event_id", "operation", "provider", "model",
    "credential_version", "fault", "error_code", "finish_reason", "streamed", "request_id",
    "provider_request_id", "provider_status", "retries", "queue_time", "first_token_time",
    "upstream_time", "key_id", "created_actor_type", "created_actor_id", "usage", "metrics",
)  # fmt: skip
ACTORS = frozenset({"user", "project", "organization", "service", "system"})
UNKNOWN = "unknown"
WIDE = 200
STATUS_WIDE = 50
VALUE_WIDE = 1000
"""The platform's column widths: what is longer is cut, never lost."""
_SMALLEST = -LARGEST - 1
_INTEGER = (1 << 31) - 1

_usage = msgspec.json.Decoder(Usage)
_metrics = msgspec.json.Decoder(list[Any])


def text(value: str, width: int = WIDE) -> str:
    """Return what a column of `width` characters can hold: no NUL, no half of a surrogate pair."""
    value = value[:width]
    if not value.isprintable():
        value = value.replace("\0", "").encode("utf-8", "replace").decode()
    return value


def actor(kind: str, id: int, project_id: int) -> tuple[str, int | None]:
    """Return who made a row, in a pair the platform's constraint allows."""
    if kind == "project":
        id = id or project_id
    return (kind, id) if kind in ACTORS and id > 0 else (UNKNOWN, None)


def values(record: AuditRecord) -> tuple[Any, ...]:
    """Return a record as values of `COLUMNS`. No record is refused: what does not fit is made to."""
    usage = record.usage
    if not _fits(record, usage):
        record = _fitted(record)
        usage = record.usage
    project_id = record.project_id
    who, id = actor(record.actor_type, record.actor_id, project_id)
    return (
        record.id,
        moment(record.created_at),
        record.provider,
        f"{record.organization_id}/{project_id}/{record.credential_id}",
        record.response_status,
        record.time_taken,
        record.credential_id,
        project_id,
        record.organization_id,
        record.status,
        who,
        id,
        record.event_id,
        record.operation,
        record.provider,
        record.model,
        record.credential_version,
        record.fault,
        record.error_code,
        record.finish_reason,
        record.streamed,
        record.request_id,
        record.provider_request_id,
        record.provider_status,
        record.retries,
        record.queue_time,
        record.first_token_time,
        record.upstream_time,
        record.key_id,
        _usage_text(usage),
        usage.input_total,
        usage.output_total,
        usage.cache_read,
        usage.reasoning,
    )


def _fits(record: AuditRecord, usage: Usage) -> bool:
    """Whether every value is one that its column takes, as nearly all are."""
    texts = (
        record.event_id, record.provider, record.operation, record.model, record.fault, record.error_code,
        record.finish_reason, record.request_id, record.provider_request_id, record.status,
    )  # fmt: skip
    numbers = (
        record.response_status, record.provider_status, record.retries, record.time_taken >> 31,
        record.queue_time >> 31, record.first_token_time >> 31, record.upstream_time >> 31,
        usage.input_total or 0, usage.output_total or 0, usage.cache_read or 0, usage.reasoning or 0,
    )  # fmt: skip
    return (
        "".join(texts).isprintable()
        and max(map(len, texts)) <= WIDE
        and len(record.status) <= STATUS_WIDE
        and min(numbers) >= 0
        and max(numbers) <= _INTEGER
    )


def _fitted(record: AuditRecord) -> AuditRecord:
    """Cut texts to their columns' width, and numbers to their range."""
    usage = record.usage
    return replace(
        record,
        event_id=text(record.event_id),
        provider=text(record.provider),
        operation=text(record.operation),
        model=text(record.model),
        fault=text(record.fault),
        error_code=text(record.error_code),
        finish_reason=text(record.finish_reason),
        request_id=text(record.request_id),
        provider_request_id=text(record.provider_request_id),
        status=text(record.status, STATUS_WIDE),
        response_status=_int(record.response_status),
        provider_status=_int(record.provider_status),
        retries=_int(record.retries),
        time_taken=_bigint(record.time_taken),
        queue_time=_bigint(record.queue_time),
        first_token_time=_bigint(record.first_token_time),
        upstream_time=_bigint(record.upstream_time),
        usage=replace(
            usage,
            input_total=_count(usage.input_total),
            output_total=_count(usage.output_total),
            cache_read=_count(usage.cache_read),
            reasoning=_count(usage.reasoning),
        ),
    )


def metadata_values(record: AuditRecord, id: int) -> list[tuple[Any, ...]]:
    """Return a record's metadata as rows of (audit, key, value, created, actor type, actor id)."""
    if not record.metadata:
        return []
    who = actor(record.actor_type, record.actor_id, record.project_id)
    created = moment(record.created_at)
    return [(id, text(key), text(value, VALUE_WIDE), created, *who) for key, value in record.metadata.items()]


def read(row: Row) -> AuditRecord:
    """Read `READ` columns followed by the metadata as JSON, of our rows and of the platform's."""
    (
        id, created, integration_name, response_status, time_taken, credential_id,
        project_id, organization_id, status, event_id, operation, provider, model,
        credential_version, fault, error_code, finish_reason, streamed, request_id,
        provider_request_id, provider_status, retries, queue_time, first_token_time,
        upstream_time, key_id, actor_type, actor_id, usage, metrics, metadata,
    ) = row  # fmt: skip
    record = AuditRecord(
        event_id=event_id or f"{id:032x}",
        id=id,
        created_at=seconds(created),
        organization_id=organization_id,
        project_id=project_id,
        key_id=key_id,
        actor_type=actor_type or UNKNOWN,
        actor_id=actor_id or 0,
        operation=operation,
        provider=provider or integration_name.lower(),
        model=model,
        credential_id=credential_id,
        credential_version=credential_version,
        status=status,
        response_status=response_status,
        fault=fault,
        error_code=error_code,
        finish_reason=finish_reason,
        streamed=bool(streamed),
        request_id=request_id,
        provider_request_id=provider_request_id,
        provider_status=provider_status,
        retries=retries,
        time_taken=time_taken or 0,
        queue_time=queue_time,
        first_token_time=first_token_time,
        upstream_time=upstream_time,
        usage=_usage.decode(usage) if usage else Usage(),
        metadata=read_mapping(metadata),
    )
    return _from_metrics(record, metrics) if metrics and not event_id else record


def _from_metrics(record: AuditRecord, metrics: str) -> AuditRecord:
    """Fill in what the platform's own service kept as a list of {name, value}, in either case."""
    found: dict[str, int] = {}
    try:
        for metric in _metrics.decode(metrics):
            name, value = str(metric["name"]).lower(), str(metric["value"])
            if value.isascii() and value.isdigit():
                found[name] = int(value)
    except (msgspec.DecodeError, KeyError, TypeError):
        return record
    return replace(
        record,
        first_token_time=found.get("time_to_first_token", found.get("first_token_recieved_time", 0)),
        usage=Usage(
            input_total=found.get("input_token"),
            output_total=found.get("output_token"),
            cache_read=found.get("cached_content_token"),
            reasoning=found.get("thoughts_token"),
        ),
    )


def _usage_text(usage: Usage) -> str:
    try:
        return json_text(usage)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return json_text(replace(usage, native=None))


def _int(value: int) -> int:
    return max(-_INTEGER, min(value, _INTEGER))


def _bigint(value: int) -> int:
    return max(_SMALLEST, min(value, LARGEST))


def _count(value: float | None) -> int | None:
    return None if value is None else _bigint(int(value))


def cut(mapping: Mapping[str, str]) -> dict[str, str]:
    """Return metadata as it will be kept."""
    return {text(key): text(value, VALUE_WIDE) for key, value in mapping.items()}
