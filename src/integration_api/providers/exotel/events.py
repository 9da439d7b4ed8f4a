"""Status callbacks, and the Passthru applet's requests behind a Voicebot applet.

https://developer.exotel.com/docs/voice-v1/api-reference/status-callback
https://docs.exotel.com/exotel-agentstream/passthru-applet
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from integration_api.core.errors import Failure, Kind
from integration_api.core.telephony import CallEvent, CallReport, CallState, Direction, Notice
from integration_api.providers.exotel import client
from integration_api.providers.exotel.dial import CLOCK
from integration_api.providers.exotel.states import ENDS, STREAM_ENDS, seconds

_FIELDS = msgspec.json.Decoder(dict[str, Any])
STEPS = {"ringing": (0, CallState.RINGING), "answered": (1, CallState.ANSWERED)}
END = 2
KEPT = (
    "RecordingUrl",
    "Stream[RecordingUrl]",
    "Stream[DisconnectedBy]",
    "Stream[Error]",
    "Stream[DetailedStatus]",
)


def events(notice: Notice) -> tuple[CallEvent, ...]:
    """Read what happened: a form, or JSON where the account wants it so; of an applet, a query.

    A flow ends by its Passthru applet: that the stream before it is over ends the call.
    """
    said = _said(notice)
    sid, status = said.get("CallSid", ""), said.get("Status", "")
    if not sid:
        raise Failure(
            Kind.INVALID_REQUEST, f"this is no status callback of {client.NAME}'s", code="invalid_webhook"
        )
    event = said.get("EventType", "").lower() or ("stream" if "Stream[Status]" in said else "terminal")
    step = STEPS.get(event)
    if event == "stream":
        status = said.get("Stream[Status]", "")
        step = (END, STREAM_ENDS[status]) if status in STREAM_ENDS else None
    elif step is None and status in ENDS:
        step = (END, ENDS[status])
    told = CallEvent(
        provider_call_id=sid,
        key=f"{sid} {event} {status}",
        at=_time(said.get("DateUpdated") or said.get("CurrentTime") or said.get("EndTime")),
        direction=_direction(said.get("Direction", "")),
        detail={name: said[name] for name in KEPT if said.get(name)},
    )
    if step is None:
        return (msgspec.structs.replace(told, note=event),)
    sequence, state = step
    report = CallReport(
        provider_call_id=sid,
        state=state,
        provider_state=status or event,
        from_=_from(told.direction, said),
        to=_to(told.direction, said),
        duration_s=_duration(said),
    )
    return (msgspec.structs.replace(told, sequence=sequence, report=report),)


def _from(direction: Direction | None, said: Mapping[str, str]) -> str:
    inbound = said.get("CallFrom") or said.get("From", "")
    return inbound if direction is Direction.INBOUND else said.get("PhoneNumberSid", "")


def _to(direction: Direction | None, said: Mapping[str, str]) -> str:
    if direction is Direction.INBOUND:
        return said.get("CallTo") or said.get("To") or said.get("PhoneNumberSid", "")
    return said.get("From", "")


def _duration(said: Mapping[str, str]) -> float | None:
    """Return how long was spoken: of a call without a second leg, for how long its only one was up."""
    names = ("Stream[Duration]", "ConversationDuration", "Legs[0][OnCallDuration]")
    known = [told for name in names if (told := seconds(said.get(name)))]
    return known[0] if known else seconds(said.get("ConversationDuration"))


def _direction(said: str) -> Direction | None:
    if said in ("inbound", "incoming"):
        return Direction.INBOUND
    return Direction.OUTBOUND if said.startswith("outbound") else None


def _said(notice: Notice) -> dict[str, str]:
    """Return the fields, whichever way they were written: a form's names are made of an object's and a list's."""
    said = dict(reversed(notice.fields))
    if "json" in notice.content_type:
        said = _flat(notice.body) | said
    if said.get("Stream", "").startswith("{"):
        said |= {f"Stream[{name}]": value for name, value in _flat(said["Stream"]).items()}
    return said


def _flat(document: bytes | str) -> dict[str, str]:
    try:
        fields = _FIELDS.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    flat: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            flat |= {f"{name}[{key}]": text for key, text in _texts(value)}
        elif isinstance(value, list):
            flat |= {
                f"{name}[{place}][{key}]": text
                for place, one in enumerate(value)
                if isinstance(one, dict)
                for key, text in _texts(one)
            }
    return flat | dict(_texts(fields))


def _texts(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in fields.items() if isinstance(value, str | int | float)]


def _time(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text or "").replace(tzinfo=CLOCK).timestamp()
    except (ValueError, OverflowError):
        return None
