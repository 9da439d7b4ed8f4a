"""What Twilio asks and tells us. https://www.twilio.com/docs/usage/webhooks/voice-webhooks"""

from collections.abc import Mapping

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.telephony import (
    Arrival,
    CallEvent,
    CallReport,
    CallState,
    Document,
    Notice,
    Routes,
)
from integration_api.core.webhook import Proof, UrlFormHmac
from integration_api.providers.twilio import client, twiml
from integration_api.providers.twilio.calls import seconds
from integration_api.providers.twilio.states import is_machine, state_of, unix

KEPT = (
    "ForwardedFrom", "CallerName", "FromCity", "FromState", "FromZip", "FromCountry",
    "ToCity", "ToState", "ToZip", "ToCountry", "StirVerstat",
)  # fmt: skip
"""What is worth keeping of a call that came in."""

TOLD = (
    "StreamSid", "StreamError", "RecordingSid", "RecordingUrl", "RecordingStatus", "RecordingDuration", "ErrorCode",
)  # fmt: skip
"""What is worth keeping of a media stream or a recording."""
READ = (
    "CallSid", "CallStatus", "SequenceNumber", "Timestamp", "AnsweredBy", "CallDuration", "SipResponseCode",
    "ErrorCode", "From", "To", "StreamEvent", "StreamSid", "RecordingSid", "RecordingStatus",
)  # fmt: skip
"""Fields of a form that decide something."""


def proof(credential: Credential) -> Proof | None:
    """Webhooks are signed by the account's token only: an API key's secret proves nothing."""
    if client.TOKEN.name not in credential.held:
        return None
    return UrlFormHmac(header="x-twilio-signature", field=client.TOKEN.name, names=READ)


def arrival(notice: Notice) -> Arrival:
    """Read the request for a document. Raises `Failure` without the call's SID."""
    return Arrival(
        provider_call_id=_call(notice),
        from_=notice.field("From"),
        to=notice.field("To"),
        metadata={name: value for name in KEPT if (value := notice.field(name))},
    )


def answer(
    arrival: Arrival, routes: Routes, media_params: Mapping[str, str], credential: Credential
) -> Document:
    return Document(twiml.response(twiml.connect(routes, media_params)).encode(), "text/xml")


def events(notice: Notice) -> tuple[CallEvent, ...]:
    """Read what was told: of the call, of who answered, of the media stream, of a recording.

    Raises `Failure` without the call's SID.
    """
    call = _call(notice)
    if stream := notice.field("StreamEvent"):
        # https://www.twilio.com/docs/voice/twiml/stream#statuscallback
        key = f"stream:{notice.field('StreamSid')}:{stream}:{notice.field('Timestamp')}"
        return (_note(call, key, stream, notice),)
    if recording := notice.field("RecordingSid"):
        # https://www.twilio.com/docs/voice/api/recording#recordingstatuscallback
        key = f"recording:{recording}:{notice.field('RecordingStatus')}"
        return (_note(call, key, "recording", notice),)
    if status := notice.field("CallStatus"):
        return (_status(call, status, notice),)
    if who := notice.field("AnsweredBy"):
        # https://www.twilio.com/docs/voice/answering-machine-detection#asyncamdstatuscallback
        state = CallState.MACHINE if is_machine(who) else CallState.ANSWERED
        report = CallReport(provider_call_id=call, state=state, provider_state=who)
        return (CallEvent(provider_call_id=call, key=f"answered-by:{who}", report=report),)
    raise Failure(
        Kind.INVALID_REQUEST,
        "the request tells nothing that is known of a call: it has no CallStatus",
        code="invalid_request",
    )


def _note(call: str, key: str, note: str, notice: Notice) -> CallEvent:
    detail = {name: value for name in TOLD if (value := notice.field(name))}
    return CallEvent(provider_call_id=call, key=key, at=_at(notice), note=note, detail=detail)


def _status(call: str, status: str, notice: Notice) -> CallEvent:
    """https://www.twilio.com/docs/voice/api/call-resource#statuscallback"""
    number = notice.field("SequenceNumber")
    sequence = int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else None
    sip_code = notice.field("SipResponseCode")
    state = state_of(status, answered_by=notice.field("AnsweredBy"), sip_code=sip_code)
    return CallEvent(
        provider_call_id=call,
        key=f"status:{status}:{notice.field('Timestamp')}" if sequence is None else f"status:{sequence}",
        sequence=sequence,
        at=_at(notice),
        report=None
        if state is None
        else CallReport(
            provider_call_id=call,
            state=state,
            provider_state=status,
            provider_code=notice.field("ErrorCode") or sip_code,
            from_=notice.field("From"),
            to=notice.field("To"),
            duration_s=seconds(notice.field("CallDuration")),
        ),
        note=status if state is None else "",
    )


def _call(notice: Notice) -> str:
    if sid := notice.field("CallSid"):
        return sid
    raise Failure(
        Kind.INVALID_REQUEST, "the request names no call: it has no CallSid", code="invalid_request"
    )


def _at(notice: Notice) -> float | None:
    return unix(notice.field("Timestamp"))
