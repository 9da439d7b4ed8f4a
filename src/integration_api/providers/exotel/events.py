"""Status callbacks. https://developer.exotel.com/docs/voice-v1/api-reference/status-callback"""

from datetime import datetime
from typing import Any

import msgspec

from integration_api.core.errors import Failure, Kind
from integration_api.core.telephony import CallEvent, CallReport, CallState, Notice
from integration_api.providers.exotel import client
from integration_api.providers.exotel.dial import CLOCK
from integration_api.providers.exotel.states import ENDS, seconds

_FIELDS = msgspec.json.Decoder(dict[str, Any])
STEPS = {"ringing": (0, CallState.RINGING), "answered": (1, CallState.ANSWERED)}
END = 2


def events(notice: Notice) -> tuple[CallEvent, ...]:
    """Read what happened: a form, or JSON where the account wants it so."""
    said = _said(notice)
    sid, status = said.get("CallSid", ""), said.get("Status", "")
    if not sid:
        raise Failure(
            Kind.INVALID_REQUEST, f"this is no status callback of {client.NAME}'s", code="invalid_webhook"
        )
    event = said.get("EventType", "").lower() or "terminal"
    at = _time(said.get("DateUpdated") or said.get("EndTime"))
    step = STEPS.get(event)
    if step is None and status in ENDS:
        step = (END, ENDS[status])
    if step is None:
        return (CallEvent(provider_call_id=sid, key=f"{sid} {event} {status}", at=at, note=event),)
    sequence, state = step
    return (
        CallEvent(
            provider_call_id=sid,
            key=f"{sid} {event} {status}",
            sequence=sequence,
            at=at,
            report=CallReport(
                provider_call_id=sid,
                state=state,
                provider_state=status or event,
                from_=said.get("PhoneNumberSid", ""),
                to=said.get("From", ""),
                duration_s=seconds(said.get("ConversationDuration") or None),
            ),
        ),
    )


def _said(notice: Notice) -> dict[str, str]:
    if "json" not in notice.content_type:
        return dict(reversed(notice.fields))
    try:
        fields = _FIELDS.decode(notice.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {name: str(value) for name, value in fields.items() if isinstance(value, str | int | float)}


def _time(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text or "").replace(tzinfo=CLOCK).timestamp()
    except ValueError:
        return None
