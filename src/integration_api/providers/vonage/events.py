"""Webhooks on the event URL. https://developer.vonage.com/en/voice/voice-api/webhook-reference#event-webhook"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from integration_api.core.telephony import CallEvent, CallReport, Direction, Notice
from integration_api.providers.vonage import client, wire
from integration_api.providers.vonage.answer import not_understood, said
from integration_api.providers.vonage.states import LAST, ORDER, STATES, price, seconds

SOCKETS = ("ws://", "wss://")
KEPT = (
    "recording_url",
    "recording_uuid",
    "start_time",
    "end_time",
    "size",
    "reason",
    "detail",
    "disconnected_by",
)
"""What is kept of an event beside how the call stands."""
DIRECTIONS = {"inbound": Direction.INBOUND, "outbound": Direction.OUTBOUND}


def events(notice: Notice) -> tuple[CallEvent, ...]:
    """Read what happened. What is told of the socket's own leg is a note: it is not the call."""
    fields = said(notice)
    try:
        told = msgspec.convert(fields, wire.Told, strict=False)
    except msgspec.ValidationError:
        raise not_understood() from None
    at = _time(told.timestamp)
    uuid = told.uuid or told.call_uuid
    state = STATES.get(told.status)
    if not uuid or state is None or (told.to or "").startswith(SOCKETS):
        return (_note(told, uuid, at, _detail(fields)),)
    reason = told.sip_code or told.detail or told.sub_state or ""
    return (
        CallEvent(
            provider_call_id=uuid,
            key=f"{uuid} {told.status} {told.sub_state}".rstrip(),
            sequence=ORDER.get(told.status, LAST),
            at=at,
            report=CallReport(
                provider_call_id=uuid,
                state=state,
                provider_state=told.status,
                provider_code=str(reason),
                from_=client.full(told.from_),
                to=client.full(told.to),
                duration_s=seconds(told.duration),
                price=price(told.price),
            ),
            direction=DIRECTIONS.get(told.direction),
            detail=_detail(fields),
        ),
    )


def _note(told: wire.Told, uuid: str, at: float | None, detail: Mapping[str, str]) -> CallEvent:
    """What it was: Vonage's word for most of it is not in it."""
    if (told.to or "").startswith(SOCKETS):
        what = f"websocket {told.status}".rstrip()
    elif told.recording_url:
        what = "recording"
    else:
        what = told.status or told.type or ("error" if told.reason else "event")
    about = told.recording_uuid or uuid or told.conversation_uuid
    key = f"{about} {what} {told.timestamp or ''}".strip()
    return CallEvent(provider_call_id="", key=key, at=at, note=what, detail=detail)


def _detail(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(fields[name]) for name in KEPT if fields.get(name)}


def _time(text: str | None) -> float | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except OverflowError:
        return None
