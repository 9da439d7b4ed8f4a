"""Webhooks on the event URL. https://developer.vonage.com/en/voice/voice-api/webhook-reference#event-webhook"""

from datetime import UTC, datetime

import msgspec

from integration_api.core.telephony import CallEvent, CallReport, Notice
from integration_api.providers.vonage import client, wire
from integration_api.providers.vonage.answer import not_understood
from integration_api.providers.vonage.states import LAST, ORDER, STATES, seconds

SOCKETS = ("ws://", "wss://")


def events(notice: Notice) -> tuple[CallEvent, ...]:
    """Read what happened. What is told of the socket's own leg is a note: it is not the call."""
    if notice.body:
        try:
            told = wire.TOLD.decode(notice.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise not_understood() from None
    else:
        told = msgspec.convert(
            {name: value for name, value in notice.fields if value}, wire.Told, strict=False
        )
    at = _time(told.timestamp)
    if not told.uuid or (told.to or "").startswith(SOCKETS):
        what = f"media {told.status}" if told.status else "media"
        return (_note(told, what, at),)
    state = STATES.get(told.status)
    if state is None:
        return (_note(told, told.status or "event", at),)
    reason = told.sip_code or told.detail or (told.sub_state or None)
    return (
        CallEvent(
            provider_call_id=told.uuid,
            key=f"{told.uuid} {told.status} {told.sub_state}".rstrip(),
            sequence=ORDER.get(told.status, LAST),
            at=at,
            report=CallReport(
                provider_call_id=told.uuid,
                state=state,
                provider_state=told.status,
                provider_code="" if reason is None else str(reason),
                from_=client.full(told.from_),
                to=client.full(told.to),
                duration_s=seconds(told.duration),
                price=told.price,
            ),
        ),
    )


def _note(told: wire.Told, what: str, at: float | None) -> CallEvent:
    key = f"{told.uuid or told.conversation_uuid} {what} {told.timestamp or ''}".strip()
    return CallEvent(provider_call_id="", key=key, at=at, note=what)


def _time(text: str | None) -> float | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
