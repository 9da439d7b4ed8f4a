"""The project's audit records: what was called, by which key, how it ended and what it cost."""

from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct

from integration_api.core.errors import Failure, Kind
from integration_api.core.ids import read_id
from integration_api.core.records import AuditRecord
from integration_api.core.tenant import Scope
from integration_api.edge.application import Response
from integration_api.rest.answers import json
from integration_api.rest.reading import listed, page_of
from integration_api.rest.routing import Ask, Route
from integration_api.storage.repository import AuditFilter, Repository

MILLI = 1e-6
FILTERS = (
    "operation",
    "provider",
    "model",
    "status",
    "request_id",
    "credential_id",
    "key_id",
    "since",
    "until",
)


class AuditView(Struct):
    id: str
    created_at: float
    operation: str
    provider: str
    model: str
    status: str
    response_status: int
    fault: str
    error_code: str
    finish_reason: str
    streamed: bool
    key_id: str
    actor_type: str
    actor_id: str | None
    credential_id: str | None
    credential_version: int | None
    request_id: str
    provider_request_id: str
    provider_status: int | None
    retries: int
    queue_ms: float
    first_token_ms: float | None
    upstream_ms: float
    total_ms: float
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    audio_seconds: float | None
    characters: int | None
    metadata: Mapping[str, str]


class AuditList(Struct):
    object: str
    data: list[AuditView]
    has_more: bool
    last_id: str | None


def view(record: AuditRecord) -> AuditView:
    usage = record.usage
    return AuditView(
        id=str(record.id),
        created_at=record.created_at,
        operation=record.operation,
        provider=record.provider,
        model=record.model,
        status=record.status,
        response_status=record.response_status,
        fault=record.fault,
        error_code=record.error_code,
        finish_reason=record.finish_reason,
        streamed=record.streamed,
        key_id=str(record.key_id),
        actor_type=record.actor_type,
        actor_id=str(record.actor_id) if record.actor_id else None,
        credential_id=str(record.credential_id) if record.credential_id else None,
        credential_version=record.credential_version or None,
        request_id=record.request_id,
        provider_request_id=record.provider_request_id,
        provider_status=record.provider_status or None,
        retries=record.retries,
        queue_ms=record.queue_time * MILLI,
        first_token_ms=record.first_token_time * MILLI if record.first_token_time else None,
        upstream_ms=record.upstream_time * MILLI,
        total_ms=record.time_taken * MILLI,
        input_tokens=usage.input_total,
        output_tokens=usage.output_total,
        cached_tokens=usage.cache_read,
        reasoning_tokens=usage.reasoning,
        audio_seconds=usage.audio_seconds,
        characters=usage.characters,
        metadata=record.metadata,
    )


class AuditDoor:
    def __init__(self, store: Repository) -> None:
        self._store = store

    async def index(self, ask: Ask) -> Response:
        page = page_of(ask)
        records = await self._store.audits(ask.caller.tenant, _filter(ask), page)
        return json(listed([view(r) for r in records], [r.id for r in records], page.limit))

    async def show(self, ask: Ask) -> Response:
        record = await self._store.audit(ask.caller.tenant, ask.id())
        if record is None:
            raise Failure(Kind.NOT_FOUND, "there is no such record", code="not_found")
        return json(view(record))

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", path="/v1/audit", handler=self.index, scope=Scope.AUDIT_READ,
                  summary="List calls, newest first", answer=AuditList, query=("limit", "after", *FILTERS)),
            Route(method="GET", path="/v1/audit/{id}", handler=self.show, scope=Scope.AUDIT_READ,
                  summary="One call", answer=AuditView),
        ]  # fmt: skip


def _filter(ask: Ask) -> AuditFilter:
    query = ask.query()
    unknown = set(query) - {*FILTERS, "limit", "after"}
    if unknown:
        name = min(unknown)[:64]
        raise Failure(
            Kind.INVALID_REQUEST,
            f"{name!r} is not a filter; use {', '.join(FILTERS)}",
            code="invalid_value",
            param=name,
        )
    return AuditFilter(
        operation=query.get("operation"),
        provider=query.get("provider"),
        model=query.get("model"),
        status=query.get("status"),
        request_id=query.get("request_id"),
        credential_id=_number("credential_id", query),
        key_id=_number("key_id", query),
        since=_time("since", query),
        until=_time("until", query),
    )


def _number(name: str, query: Mapping[str, str]) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    number = read_id(text)
    if number is None:
        raise Failure(Kind.INVALID_REQUEST, f"{name} must be an id", code="invalid_value", param=name)
    return number


def _time(name: str, query: Mapping[str, str]) -> float | None:
    """Read Unix seconds or an ISO 8601 time."""
    text = query.get(name)
    if text is None:
        return None
    try:
        if text.replace(".", "", 1).isdigit():
            return float(text)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Failure(
            Kind.INVALID_REQUEST,
            f"{name} must be Unix seconds or an ISO 8601 time",
            code="invalid_value",
            param=name,
        ) from None
