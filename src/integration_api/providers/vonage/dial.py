"""Calls made, and how they stand. https://developer.vonage.com/en/api/voice#createCall"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Exchange, decode
from integration_api.core.telephony import CallReport, CallState, DialRequest, Lookup
from integration_api.providers.vonage import client, wire
from integration_api.providers.vonage.answer import ncco
from integration_api.providers.vonage.states import STATES, price, seconds

FIXED = ("to", "from", "random_from_number")
PAGE = 100
"""Calls asked for at once: the most there is."""


def dial(ask: DialRequest, credential: Credential) -> Exchange[CallReport]:
    reply = yield client.voice("POST", "/v1/calls", credential, payload(ask), idempotent=False, once=True)
    call = decode(reply, wire.CALL)
    # Whatever it says of its state: it has been made.
    return read(call) if call.status in STATES else read(msgspec.structs.replace(call, status=""))


def payload(ask: DialRequest) -> dict[str, Any]:
    """Return what is asked for. The caller's own options stand in place of ours: all but who is called.

    Raises `Failure` for what Vonage could not be asked.
    """
    asked: dict[str, Any] = {
        "to": [{"type": "phone", "number": client.bare(ask.to)}],
        "event_url": [ask.routes.status],
        "event_method": "POST",
    }
    if ask.from_:
        asked["from"] = {"type": "phone", "number": client.bare(ask.from_)}
    else:
        asked["random_from_number"] = True
    if ask.answer_url:
        if ask.record:
            raise Failure(
                Kind.UNSUPPORTED,
                f"{client.NAME} records what its document says; have the one at answer_url say it",
                code="unsupported",
                param="record",
            )
        asked["answer_url"] = [ask.answer_url]
    else:
        document = ncco(ask.routes, ask.from_, ask.media_params)
        asked["ncco"] = (
            [{"action": "record", "eventUrl": [ask.routes.status]}, *document] if ask.record else document
        )
    if ask.ring_timeout_s is not None:
        asked["ringing_timer"] = ask.ring_timeout_s
    if ask.max_duration_s is not None:
        asked["length_timer"] = ask.max_duration_s
    if ask.detect_machine:
        asked["machine_detection"] = "continue"
    if said := [name for name in FIXED if name in ask.extras]:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"{said[0]} is what the call's own `to` and `from` say; leave it out of provider_options",
            code="invalid_value",
            param=f"provider_options.{said[0]}",
        )
    return {**asked, **ask.extras}


def report(provider_call_id: str, credential: Credential) -> Exchange[CallReport]:
    reply = yield client.voice("GET", f"/v1/calls/{quote(provider_call_id, safe='')}", credential)
    return read(decode(reply, wire.CALL))


def find(ask: Lookup, credential: Credential) -> Exchange[tuple[CallReport, ...]]:
    """Look through the calls since then, oldest first, for those to the number.

    https://developer.vonage.com/en/api/voice#getCalls
    """
    since = datetime.fromtimestamp(ask.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found: list[CallReport] = []
    index = 0
    while True:
        query = urlencode({"date_start": since, "page_size": PAGE, "record_index": index})
        reply = yield client.voice("GET", f"/v1/calls?{query}", credential)
        calls = decode(reply, wire.LISTED).embedded.calls
        found += (
            read(call)
            for call in calls
            if call.direction == "outbound"
            and call.to.number == client.bare(ask.to)
            and (not ask.from_ or call.from_.number == client.bare(ask.from_))
        )
        if len(calls) < PAGE:
            return tuple(found)
        index += len(calls)


def read(call: wire.Call) -> CallReport:
    """Raises `ProviderError` for a state nobody knows: it may be one that ends a call."""
    state = STATES.get(call.status)
    if state is None and call.status:
        raise ProviderError(
            Kind.BAD_RESPONSE,
            f"{client.NAME} told of a call's state that is not known",
            provider=client.NAME,
            code="bad_upstream_response",
        )
    return CallReport(
        provider_call_id=call.uuid,
        state=state or CallState.DIALING,
        provider_state=call.status,
        from_=client.full(call.from_.number),
        to=client.full(call.to.number),
        duration_s=seconds(call.duration),
        price=price(call.price),
    )
