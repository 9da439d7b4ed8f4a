"""Calls made, and how they stand.

https://developer.exotel.com/docs/agentstream/developer-guide
https://developer.exotel.com/docs/voice-v1/api-reference/call-details
"""

from datetime import datetime, timedelta, timezone
from urllib.parse import quote

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange, decode
from integration_api.core.telephony import CallReport, DialRequest, Lookup
from integration_api.providers.exotel import client, wire
from integration_api.providers.exotel.answer import address
from integration_api.providers.exotel.states import STATES, seconds

EVENTS = ("ringing", "answered", "terminal")
PAGE = 100
"""Calls asked for at once: the most there is."""
CLOCK = timezone(timedelta(hours=5, minutes=30))
"""Its times are India's, and say no zone."""
SLACK_SECONDS = 60
"""Its clock and ours may differ by so much."""


def dial(ask: DialRequest, credential: Credential) -> Exchange[CallReport]:
    """The answered call is connected to the socket at once; with `answer_url` it goes to that flow."""
    reply = yield client.post_once("/Calls/connect.json", credential, form(ask, credential))
    return read(decode(reply, wire.CALLED).call)


def form(ask: DialRequest, credential: Credential) -> list[tuple[str, str | int]]:
    said: dict[str, str | int] = {"From": ask.to, "CallerId": ask.from_, "CallType": "trans"}
    if ask.answer_url:
        said["Url"] = ask.answer_url
    else:
        said["StreamUrl"] = address(ask.routes.media, ask.media_params)
        said["StreamType"] = "bidirectional"
    if ask.ring_timeout_s is not None:
        said["TimeOut"] = ask.ring_timeout_s
    if ask.max_duration_s is not None:
        said["TimeLimit"] = ask.max_duration_s
    if ask.record:
        said["Record"] = "true"
    said["StatusCallback"] = ask.routes.status
    said["CustomField"] = ask.reference
    said |= {
        name: value if isinstance(value, int | str) else str(value) for name, value in ask.extras.items()
    }
    return [*said.items(), *(("StatusCallbackEvents[]", event) for event in EVENTS)]


def report(provider_call_id: str, credential: Credential) -> Exchange[CallReport]:
    reply = yield client.get(f"/Calls/{quote(provider_call_id, safe='')}.json", credential)
    return read(decode(reply, wire.CALLED).call)


def find(ask: Lookup, credential: Credential) -> Exchange[tuple[CallReport, ...]]:
    """Look through the ended calls to a number since then: those under way are not listed."""
    since = datetime.fromtimestamp(ask.since - SLACK_SECONDS, CLOCK).strftime("%Y-%m-%d %H:%M:%S")
    query: list[tuple[str, str | int]] = [
        ("DateCreated", f"gte:{since}"),
        ("From", ask.to),
        ("PageSize", PAGE),
    ]
    reply = yield client.get("/Calls.json", credential, query)
    calls = decode(reply, wire.LISTED).calls
    ours = [call for call in calls if call.custom_field == ask.reference]
    return tuple(
        read(call) for call in ours or calls if not call.custom_field or call.custom_field == ask.reference
    )


def read(call: wire.Call) -> CallReport:
    """Raises `ProviderError` for a state nobody knows: it may be one that ends a call."""
    state = STATES.get(call.status)
    if state is None:
        raise ProviderError(
            Kind.BAD_RESPONSE,
            f"{client.NAME} told of a call's state that is not known",
            provider=client.NAME,
            code="bad_upstream_response",
        )
    return CallReport(
        provider_call_id=call.sid,
        state=state,
        provider_state=call.status,
        from_=call.phone_number_sid or "",
        to=call.from_ or "",
        duration_s=seconds(call.duration),
        price=None if call.price is None else str(call.price),
    )
