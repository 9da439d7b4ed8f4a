"""Between rows and records of telephony: column lists, and how each column is read and written."""

from typing import Any, TypedDict

import msgspec

from integration_api.core.telephony import CallState, Direction
from integration_api.core.telephony_records import (
    Author,
    BatchRecord,
    BatchState,
    CallNote,
    CallRecord,
    Dialing,
    InboundRoute,
    MediaPlan,
    Retry,
    Window,
)
from integration_api.core.tenant import Tenant
from integration_api.storage.operation import Row
from integration_api.storage.rows import json_text, read_mapping

WHOSE = "organization_id, project_id, id, provider, credential_id"
"""What calls, batches and routes begin with."""
FIXED = (
    f"{WHOSE}, direction, callee, caller, dialing, metadata,"
    " author, created_at, idempotency_key, fingerprint, batch_id, place, attempt, route_id"
)
"""Columns of a call that stay as they were made."""
CHANGING = (
    "state, provider_call_id, provider_state, provider_code, dialed_at, answered_at, ended_at, duration_s,"
    " price, hung_up_by, error_code, sequence, noticed_at, media_generation, due_at, credential_version,"
    " refused_status, media_peer, keys_until"
)
CALL = f"{FIXED}, {CHANGING}"
NOTE = "organization_id, project_id, call_id, id, key, at, source, state, what, detail"
ROUTE = f"{WHOSE}, name, media, metadata, author, created_at"
BATCH = (
    f"{WHOSE}, state, name, calls_per_second, max_concurrent,"
    " calling_window, retry, dialing, metadata, author, numbers, idempotency_key, fingerprint, created_at,"
    " updated_at, paused_for"
)

_dialing = msgspec.json.Decoder(Dialing)
_author = msgspec.json.Decoder(Author)
_media = msgspec.json.Decoder(MediaPlan)
_retry = msgspec.json.Decoder(Retry)
_window = msgspec.json.Decoder(Window)


def places(columns: str, first: int = 1) -> str:
    """Return `$1, $2, …`, one for each of the columns."""
    return ", ".join(f"${at}" for at in range(first, first + columns.count(",") + 1))


def settings(columns: str, first: int) -> str:
    """Return `a = $1, b = $2, …`."""
    return ", ".join(f"{name} = ${at}" for at, name in enumerate(columns.split(", "), first))


class _Whose(TypedDict):
    tenant: Tenant
    id: int
    provider: str
    credential_id: int


def _whose_values(record: CallRecord | BatchRecord | InboundRoute) -> tuple[int, int, int, str, int]:
    """Return the columns of `WHOSE`."""
    tenant = record.tenant
    return tenant.organization_id, tenant.project_id, record.id, record.provider, record.credential_id


def _read_whose(row: Row) -> _Whose:
    return {"tenant": Tenant(row[0], row[1]), "id": row[2], "provider": row[3], "credential_id": row[4]}


def call_values(call: CallRecord) -> list[Any]:
    """Return a call's columns, in the order of `CALL`."""
    return [
        *_whose_values(call),
        call.direction,
        call.to,
        call.from_,
        json_text(call.dialing),
        json_text(call.metadata),
        json_text(call.author),
        call.created_at,
        call.idempotency_key,
        call.fingerprint,
        call.batch_id,
        call.row,
        call.attempt,
        call.route_id,
        *changing_values(call),
    ]


def changing_values(call: CallRecord) -> list[Any]:
    """Return the columns of a call that change, in the order of `CHANGING`."""
    return [
        call.state,
        call.provider_call_id,
        call.provider_state,
        call.provider_code,
        call.dialed_at,
        call.answered_at,
        call.ended_at,
        call.duration_s,
        call.price,
        call.hung_up_by,
        call.error_code,
        call.sequence,
        call.noticed_at,
        call.media_generation,
        call.due_at,
        call.credential_version,
        call.refused_status,
        call.media_peer,
        call.keys_until,
    ]


def read_call(row: Row) -> CallRecord:
    return CallRecord(
        **_read_whose(row),
        direction=Direction(row[5]),
        to=row[6],
        from_=row[7],
        dialing=_dialing.decode(row[8]),
        metadata=read_mapping(row[9]),
        author=_author.decode(row[10]),
        created_at=row[11],
        idempotency_key=row[12],
        fingerprint=bytes(row[13]),
        batch_id=row[14],
        row=row[15],
        attempt=row[16],
        route_id=row[17],
        state=CallState(row[18]),
        provider_call_id=row[19],
        provider_state=row[20],
        provider_code=row[21],
        dialed_at=row[22],
        answered_at=row[23],
        ended_at=row[24],
        duration_s=row[25],
        price=row[26],
        hung_up_by=row[27],
        error_code=row[28],
        sequence=row[29],
        noticed_at=row[30],
        media_generation=row[31],
        due_at=row[32],
        credential_version=row[33],
        refused_status=row[34],
        media_peer=row[35],
        keys_until=row[36],
    )


def note_values(note: CallNote) -> list[Any]:
    return [
        note.tenant.organization_id,
        note.tenant.project_id,
        note.call_id,
        note.id,
        note.key,
        note.at,
        note.source,
        note.state,
        note.what,
        json_text(note.detail),
    ]


def read_note(row: Row) -> CallNote:
    return CallNote(
        tenant=Tenant(row[0], row[1]),
        call_id=row[2],
        id=row[3],
        key=row[4],
        at=row[5],
        source=row[6],
        state=CallState(row[7]),
        what=row[8],
        detail=read_mapping(row[9]),
    )


def route_values(route: InboundRoute) -> list[Any]:
    return [
        *_whose_values(route),
        route.name,
        json_text(route.media),
        json_text(route.metadata),
        json_text(route.author),
        route.created_at,
    ]


def read_route(row: Row) -> InboundRoute:
    return InboundRoute(
        **_read_whose(row),
        name=row[5],
        media=_media.decode(row[6]),
        metadata=read_mapping(row[7]),
        author=_author.decode(row[8]),
        created_at=row[9],
    )


def batch_values(batch: BatchRecord) -> list[Any]:
    return [
        *_whose_values(batch),
        batch.state,
        batch.name,
        batch.calls_per_second,
        batch.max_concurrent,
        None if batch.window is None else json_text(batch.window),
        json_text(batch.retry),
        json_text(batch.dialing),
        json_text(batch.metadata),
        json_text(batch.author),
        batch.rows,
        batch.idempotency_key,
        batch.fingerprint,
        batch.created_at,
        batch.updated_at,
        batch.paused_for,
    ]


def read_batch(row: Row) -> BatchRecord:
    return BatchRecord(
        **_read_whose(row),
        state=BatchState(row[5]),
        name=row[6],
        calls_per_second=row[7],
        max_concurrent=row[8],
        window=None if row[9] is None else _window.decode(row[9]),
        retry=_retry.decode(row[10]),
        dialing=_dialing.decode(row[11]),
        metadata=read_mapping(row[12]),
        author=_author.decode(row[13]),
        rows=row[14],
        idempotency_key=row[15],
        fingerprint=bytes(row[16]),
        created_at=row[17],
        updated_at=row[18],
        paused_for=row[19],
    )
