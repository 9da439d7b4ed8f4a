"""Whatever whoever calls has put into a carrier's words, what is kept of them can be kept."""

import pytest

from integration_api.core.errors import Failure
from integration_api.core.telephony import Arrival, CallEvent, CallReport, CallState
from integration_api.services import carrier_words
from integration_api.services.carrier_words import LONGEST, LONGEST_VALUE, MOST

LONG = "0123456789" * 1_000
ODD = "a\0b\ud800"


def test_what_is_as_usual_stays_as_it_is() -> None:
    report = CallReport(
        provider_call_id="CA1", state=CallState.RINGING, provider_state="ringing", price="1 USD"
    )
    told = CallEvent(
        provider_call_id="CA1", key="status:1", sequence=1, at=2.0, report=report, detail={"a": "b"}
    )
    assert carrier_words.event(told) == told
    arrival = Arrival(provider_call_id="CA1", from_="+4930123456", to="sip:käthe@example.com")
    assert carrier_words.arrival(arrival) == arrival


def test_what_is_odd_or_long_is_cut_and_kept() -> None:
    said = {LONG: LONG, ODD: ODD, **{str(at): "x" for at in range(2 * MOST)}}
    arrival = carrier_words.arrival(Arrival(provider_call_id="CA1", from_=LONG, to=ODD, metadata=said))
    assert (arrival.from_, arrival.to) == (LONG[:LONGEST], "a\ufffdb?")
    assert len(arrival.metadata) == MOST
    assert list(arrival.metadata.items())[:2] == [
        (LONG[:LONGEST], LONG[:LONGEST_VALUE]),
        ("a\ufffdb?", "a\ufffdb?"),
    ]
    report = CallReport(
        provider_call_id="CA1", state=CallState.FAILED, provider_code=LONG, price=ODD, from_=ODD
    )
    event = carrier_words.event(
        CallEvent(provider_call_id="CA1", key=LONG, report=report, note=LONG, detail={"a": ODD})
    )
    assert event.report is not None
    assert (event.report.provider_code, event.report.price) == (LONG[:LONGEST], "a\ufffdb?")
    assert (event.note, event.detail) == (LONG[:LONGEST], {"a": "a\ufffdb?"})
    # A long key still tells one notice from another.
    other = carrier_words.event(CallEvent(provider_call_id="CA1", key=LONG + "x"))
    assert len(event.key) <= LONGEST
    assert event.key != other.key
    assert event.key == carrier_words.event(CallEvent(provider_call_id="CA1", key=LONG)).key


@pytest.mark.parametrize("id", [LONG, ODD])
def test_an_id_is_never_cut(id: str) -> None:
    with pytest.raises(Failure):
        carrier_words.arrival(Arrival(provider_call_id=id, from_="", to=""))
    with pytest.raises(Failure):
        carrier_words.event(CallEvent(provider_call_id=id, key="a"))
