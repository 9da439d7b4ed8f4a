"""How calls stand. https://www.twilio.com/docs/voice/api/call-resource#fetch-a-call-resource"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.telephony import CallReport, CallState, Lookup
from integration_api.providers.twilio import client, wire
from integration_api.providers.twilio.states import state_of, unix

PAGE = 200
MOST_PAGES = 10
"""Calls between two numbers are few, and the newest come first; a list that never ends is left there."""
CLOCKS_SECONDS = 2.0
"""How far Twilio's clock, which it shows in whole seconds, may be behind ours."""


def report(provider_call_id: str, credential: Credential) -> Exchange[CallReport]:
    """Return how a call stands."""
    return read(decode((yield client.get(client.call_path(provider_call_id), (), credential)), wire.CALL))


def find(ask: Lookup, credential: Credential) -> Exchange[tuple[CallReport, ...]]:
    """Return the calls between these numbers that were made by API since then, newest first.

    Twilio keeps nothing of ours with a call. Its filter by start time is not used: a call that waits has none.
    """
    since = ask.since - CLOCKS_SECONDS
    found: list[CallReport] = []
    page: str | None = None
    for _ in range(MOST_PAGES):
        query = [("To", ask.to), ("From", ask.from_), ("PageSize", str(PAGE)), *client.place_of(page)]
        answer = decode((yield client.get("/Calls.json", query, credential)), wire.CALLS)
        young = [one for one in answer.calls if (unix(one.date_created) or 0.0) >= since]
        found += [read(one) for one in young if one.direction == "outbound-api"]
        page = answer.next_page_uri
        if not page or not young:
            break
    return tuple(found)


def read(call: wire.Call) -> CallReport:
    """Tell what Twilio says of a call."""
    return CallReport(
        provider_call_id=call.sid,
        # A word that is not known yet is one of a call that has been asked for.
        state=state_of(call.status, answered_by=call.answered_by or "") or CallState.DIALING,
        provider_state=call.status,
        from_=call.from_ or "",
        to=call.to or "",
        duration_s=seconds(call.duration),
        price=None if call.price is None else f"{call.price} {call.price_unit or ''}".strip(),
    )


def seconds(written: str | int | None) -> float | None:
    try:
        return float(written) if written not in ("", None) else None
    except ValueError:
        return None
