"""Calls made, and how they stand.

https://developer.exotel.com/docs/agentstream/connect-voice-ai
https://developer.exotel.com/docs/voice-v1/api-reference/connect-to-flow
https://developer.exotel.com/docs/voice-v1/api-reference/call-details
"""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Exchange, decode
from integration_api.core.telephony import CallReport, DialRequest, Lookup
from integration_api.providers.exotel import client, wire
from integration_api.providers.exotel.answer import address
from integration_api.providers.exotel.states import STATES, seconds

EVENTS = ("ringing", "answered", "terminal")
FIXED = frozenset({"from", "callerid", "to"})
"""Who is called, and by whom: as the call's own `to` and `from` say. Its names are taken in any case."""
LONGEST_CALL = 14_400
"""Seconds, of `TimeLimit`."""
LONGEST_STREAM_URL = 600
PAGE = 100
"""Calls asked for at once: the most there is."""
CLOCK = timezone(timedelta(hours=5, minutes=30))
"""Its times are India's, and say no zone."""
SLACK_SECONDS = 60
"""Its clock and ours may differ by so much."""


def dial(ask: DialRequest, credential: Credential) -> Exchange[CallReport]:
    """The answered call is connected to the socket at once; with `answer_url` it goes to that flow."""
    reply = yield client.post_once("/Calls/connect.json", credential, form(ask))
    told = decode(reply, wire.CALLED)
    return read(told.call or told.lower)


def form(ask: DialRequest) -> list[tuple[str, str | int]]:
    """Raises `Failure` for what Exotel can not do."""
    said = dict(_said(ask))
    extras: dict[str, tuple[str | int, ...]] = {}
    for name, value in ask.extras.items():
        if name.lower() in FIXED:
            raise _wrong(
                f"provider_options.{name}",
                f"{name} is what the call's own `to` and `from` say; leave it out of provider_options",
            )
        extras[name] = tuple(
            _written(name, one) for one in (value if isinstance(value, list | tuple) else (value,))
        )
    ours: dict[str, tuple[str | int, ...]] = {name: (value,) for name, value in said.items()}
    ours["StatusCallbackEvents[]"] = EVENTS
    theirs = {name.lower() for name in extras}
    kept = {name: values for name, values in ours.items() if name.lower() not in theirs}
    return [(name, value) for name, values in {**kept, **extras}.items() for value in values]


def _said(ask: DialRequest) -> Iterator[tuple[str, str | int]]:
    if ask.detect_machine:
        raise Failure(
            Kind.UNSUPPORTED,
            f"{client.NAME} does not tell machines from people",
            code="unsupported",
            param="amd",
        )
    yield "From", ask.to
    yield "CallerId", ask.from_
    yield "CallType", "trans"
    if ask.answer_url:
        yield "Url", ask.answer_url
    else:
        media = address(ask.routes.media, ask.media_params)
        if len(media) > LONGEST_STREAM_URL:
            raise _wrong(
                "media.params",
                f"the media socket's address is longer than the {LONGEST_STREAM_URL} characters {client.NAME} takes",
            )
        yield "StreamUrl", media
        yield "StreamType", "bidirectional"
    if ask.ring_timeout_s is not None:
        yield "TimeOut", ask.ring_timeout_s
    if ask.max_duration_s is not None:
        if ask.max_duration_s > LONGEST_CALL:
            raise _wrong("max_duration_s", f"{client.NAME} ends calls after {LONGEST_CALL} seconds at most")
        yield "TimeLimit", ask.max_duration_s
    if ask.record:
        yield "Record", "true"
    yield "StatusCallback", ask.routes.status
    yield "CustomField", ask.reference


def _written(name: str, value: object) -> str | int:
    match value:
        case bool():
            return str(value).lower()
        case str() | int():
            return value
        case float():
            return str(value)
        case _:
            raise _wrong(
                f"provider_options.{name}",
                f"{name} must be text, a number, true or false, or a list of those: {client.NAME} takes a form",
            )


def _wrong(param: str, message: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, message, code="invalid_value", param=param)


def report(provider_call_id: str, credential: Credential) -> Exchange[CallReport]:
    reply = yield client.get(f"/Calls/{quote(provider_call_id, safe='')}.json", credential)
    told = decode(reply, wire.CALLED)
    return read(told.call or told.lower)


def find(ask: Lookup, credential: Credential) -> Exchange[tuple[CallReport, ...]]:
    """Look through the ended calls to a number since then: those under way are not listed.

    A list says nothing of `CustomField` by its documentation; where it does, it settles which call is meant.
    """
    since = datetime.fromtimestamp(ask.since - SLACK_SECONDS, CLOCK).strftime("%Y-%m-%d %H:%M:%S")
    query: list[tuple[str, str | int]] = [
        ("DateCreated", f"gte:{since}"),
        ("From", ask.to),
        ("PageSize", PAGE),
    ]
    reply = yield client.get("/Calls.json", credential, query)
    calls = [
        call
        for call in decode(reply, wire.LISTED).calls
        if not call.phone_number_sid or client.same(call.phone_number_sid, ask.from_)
    ]
    ours = [call for call in calls if call.custom_field == ask.reference]
    return tuple(read(call) for call in ours or [call for call in calls if not call.custom_field])


def read(call: wire.Call | wire.CallInLower | None) -> CallReport:
    """Raises `ProviderError` for a state nobody knows: it may be one that ends a call."""
    state = None if call is None else STATES.get(call.status)
    if call is None or state is None:
        raise ProviderError(
            Kind.BAD_RESPONSE,
            f"{client.NAME} told of a call's state that is not known",
            provider=client.NAME,
            code="bad_upstream_response",
        )
    if isinstance(call, wire.CallInLower):
        return CallReport(provider_call_id=call.sid, state=state, provider_state=call.status)
    from_, to = call.phone_number_sid or "", call.from_ or ""
    if call.direction == "inbound":
        from_, to = to, call.to or from_
    return CallReport(
        provider_call_id=call.sid,
        state=state,
        provider_state=call.status,
        from_=from_,
        to=to,
        duration_s=seconds(call.duration),
        price=None if call.price is None else str(call.price),
    )
