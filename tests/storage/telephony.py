"""Calls, lines of their stories, batches and routes, made up."""

from typing import Any

from integration_api.core.telephony import CallState, Direction
from integration_api.core.telephony_records import (
    BatchRecord,
    BatchState,
    CallNote,
    CallRecord,
    InboundRoute,
    MediaPlan,
)
from integration_api.core.tenant import Tenant
from tests.stores import ACME


def call(id: int = 1, tenant: Tenant = ACME, **more: Any) -> CallRecord:
    fields: dict[str, Any] = {
        "id": id, "tenant": tenant, "provider": "twilio", "credential_id": 7, "direction": Direction.OUTBOUND,
        "state": CallState.QUEUED, "to": f"+49301{id:06}", "from_": "+4930999", "created_at": 5.0,
    }  # fmt: skip
    return CallRecord(**{**fields, **more})


def note(id: int = 1, call_id: int = 1, tenant: Tenant = ACME, **more: Any) -> CallNote:
    fields: dict[str, Any] = {
        "id": id, "tenant": tenant, "call_id": call_id, "key": f"k{id}", "at": 6.0, "source": "service",
        "state": CallState.QUEUED, "what": "created",
    }  # fmt: skip
    return CallNote(**{**fields, **more})


def batch(id: int = 50, tenant: Tenant = ACME, **more: Any) -> BatchRecord:
    fields: dict[str, Any] = {
        "id": id, "tenant": tenant, "provider": "twilio", "credential_id": 7, "state": BatchState.RUNNING,
        "calls_per_second": 1.0, "max_concurrent": 10, "rows": 3, "created_at": 5.0, "updated_at": 5.0,
    }  # fmt: skip
    return BatchRecord(**{**fields, **more})


def queued(batch: BatchRecord, count: int, first: int = 100, **more: Any) -> list[CallRecord]:
    """The calls of a batch, one a row."""
    return [
        call(first + row, batch.tenant, batch_id=batch.id, row=row, credential_id=batch.credential_id, **more)
        for row in range(count)
    ]


def route(id: int = 1, tenant: Tenant = ACME, **more: Any) -> InboundRoute:
    fields: dict[str, Any] = {
        "id": id, "tenant": tenant, "provider": "twilio", "credential_id": 7, "name": "in",
        "media": MediaPlan(params={"a": "b"}), "metadata": {"m": "1"}, "created_at": 5.0,
    }  # fmt: skip
    return InboundRoute(**{**fields, **more})
