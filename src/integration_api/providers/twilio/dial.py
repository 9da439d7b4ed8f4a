"""Making a call. https://www.twilio.com/docs/voice/api/call-resource#create-a-call"""

from collections.abc import Iterator, Mapping

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import Exchange, decode
from integration_api.core.telephony import CallReport, DialRequest
from integration_api.providers.twilio import client, twiml, wire
from integration_api.providers.twilio.calls import read

EVENTS = ("initiated", "ringing", "answered", "completed")
FIXED = ("To", "From")
MOST_TWIML = 4000
"""Characters of a document that comes with the request."""


def dial(ask: DialRequest, credential: Credential) -> Exchange[CallReport]:
    """Ask once; what is more than the account's calls a second waits at Twilio, for up to 24 hours."""
    form = _merged(list(_form(ask)), ask.extras)
    return read(decode((yield client.post("/Calls.json", form, credential, once=True)), wire.CALL))


def _form(ask: DialRequest) -> Iterator[tuple[str, str]]:
    yield "To", ask.to
    yield "From", ask.from_
    if ask.answer_url:
        yield "Url", ask.answer_url
    else:
        yield "Twiml", _document(ask)
    yield "StatusCallback", ask.routes.status
    yield from (("StatusCallbackEvent", event) for event in EVENTS)
    if ask.ring_timeout_s is not None:
        yield "Timeout", str(ask.ring_timeout_s)
    if ask.max_duration_s is not None:
        yield "TimeLimit", str(ask.max_duration_s)
    if ask.detect_machine:
        # In the background: otherwise nobody would be heard until it is known who answered.
        yield "MachineDetection", "Enable"
        yield "AsyncAmd", "true"
        yield "AsyncAmdStatusCallback", ask.routes.status
    if ask.record:
        yield "Record", "true"
        yield "RecordingStatusCallback", ask.routes.status


def _document(ask: DialRequest) -> str:
    document = twiml.response(twiml.connect(ask.routes, ask.media_params))
    if len(document) > MOST_TWIML:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"the media parameters are too long: twilio takes a document of {MOST_TWIML} characters",
            code="invalid_value",
            param="media.params",
        )
    return document


def _merged(form: list[tuple[str, str]], extras: Mapping[str, object]) -> list[tuple[str, str]]:
    """Let the caller's own options stand in place of ours: all but who is called, which is kept and counted."""
    if said := [name for name in FIXED if name in extras]:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"{said[0]} is what the call's own `to` and `from` say; leave it out of provider_options",
            code="invalid_value",
            param=f"provider_options.{said[0]}",
        )
    return [
        *((name, value) for name, value in form if name not in extras),
        *((name, _written(name, one)) for name, value in extras.items() for one in _several(value)),
    ]


def _several(value: object) -> list[object] | tuple[object, ...]:
    return value if isinstance(value, list | tuple) else (value,)


def _written(name: str, value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() | int() | float():
            return str(value)
        case _:
            raise Failure(
                Kind.INVALID_REQUEST,
                f"{name} must be text, a number, true or false, or a list of those: twilio takes a form",
                code="invalid_value",
                param=f"provider_options.{name}",
            )
