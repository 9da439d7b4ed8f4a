"""How a call stands after what its carrier told of it, in any order and any number of times."""

from hypothesis import given, settings
from hypothesis import strategies as st

from integration_api.core.call_progress import reported, told
from integration_api.core.telephony import CallEvent, CallReport, CallState, Direction
from integration_api.core.telephony_records import CallRecord
from integration_api.core.tenant import Tenant

S = CallState
CALL = CallRecord(
    id=1, tenant=Tenant(1, 2), provider="twilio", credential_id=3, direction=Direction.OUTBOUND, state=S.DIALING,
    to="+4930", from_="+4940", created_at=100.0, provider_call_id="CA1",
)  # fmt: skip


def event(state, sequence=None, at=None, id="CA1", **more):
    report = CallReport(provider_call_id=id, state=state, provider_state=f"its-{state}", **more)
    return CallEvent(
        provider_call_id=id, key=f"{state}-{sequence}-{at}", sequence=sequence, at=at, report=report
    )


def after(call, *events, now=999.0):
    for one in events:
        call = told(call, one, now) or call
    return call


STORY = [
    event(S.RINGING, 1, 101.0),
    event(S.ANSWERED, 2, 105.0),
    event(S.MACHINE, 3, 106.0),
    event(S.COMPLETED, 4, 112.5, duration_s=7.0, price="0.01 USD", provider_code="200"),
]


def test_a_call_told_in_order():
    call = after(CALL, *STORY)
    assert (call.state, call.provider_state, call.provider_code) == (S.COMPLETED, "its-completed", "200")
    assert (call.answered_at, call.ended_at, call.duration_s, call.price) == (105.0, 112.5, 7.0, "0.01 USD")
    assert (call.hung_up_by, call.sequence) == ("carrier", 4)


@settings(max_examples=200, deadline=None)
@given(st.permutations(STORY), st.lists(st.sampled_from(STORY), max_size=4))
def test_order_and_repetition_make_no_difference(order, again):
    assert after(CALL, *order, *again) == after(CALL, *STORY)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.builds(event, st.sampled_from(S), st.none() | st.integers(0, 9), st.none() | st.floats(100, 200)),
        max_size=8,
    )
)
def test_no_notice_takes_a_call_back(events):
    call, rank = CALL, list(S).index
    for one in events:
        following = after(call, one)
        if call.state.ended:
            assert (following.state, following.ended_at) == (call.state, call.ended_at)
        else:
            assert following.state.ended or rank(following.state) >= rank(call.state)
        assert (following.ended_at is not None) == following.state.ended
        call = following


def test_without_sequences_the_carriers_clock_orders():
    call = after(CALL, event(S.ANSWERED, at=105.0), event(S.RINGING, at=101.0))
    assert (call.state, call.provider_state) == (S.ANSWERED, "its-answered")
    # What the carrier last said of a state it is in is kept, what it said before that is not.
    assert after(call, event(S.ANSWERED, at=106.0)).noticed_at == 106.0


def test_a_length_is_the_carriers_else_from_answer_to_end_else_not_told():
    assert after(CALL, event(S.ANSWERED, 1, 105.0), event(S.COMPLETED, 2, 112.0)).duration_s == 7.0
    assert after(CALL, event(S.BUSY, 1, 105.0)).duration_s is None
    assert after(CALL, event(S.COMPLETED, 2, 112.0), event(S.ANSWERED, 1, 105.0)).duration_s == 7.0


def test_nothing_is_told_to_be_before_its_cause():
    from msgspec.structs import replace

    call = after(replace(CALL, dialed_at=104.7), event(S.ANSWERED, 1, 104.0), event(S.COMPLETED, 2, 103.0))
    assert (call.answered_at, call.ended_at, call.duration_s) == (104.7, 104.7, 0.0)


def test_who_hung_up_is_whoever_said_so_first():
    from msgspec.structs import replace

    asked = replace(CALL, hung_up_by="caller")
    assert after(asked, event(S.ANSWERED, 1, 1.0), event(S.COMPLETED, 2, 2.0)).hung_up_by == "caller"
    assert after(CALL, event(S.BUSY, 1, 2.0)).hung_up_by == ""


def test_another_leg_and_what_is_no_state_change_nothing():
    assert told(CALL, event(S.COMPLETED, 9, 200.0, id="CA2"), 999.0) is None
    note = CallEvent(provider_call_id="CA1", key="k", note="recording")
    assert told(CALL, note, 999.0) is None
    assert told(after(CALL, *STORY), STORY[0], 999.0) is None


def test_a_report_gives_a_call_the_carriers_id_once():
    from msgspec.structs import replace

    fresh = replace(CALL, provider_call_id="", state=S.QUEUED)
    call = reported(
        fresh, CallReport(provider_call_id="CA9", state=S.DIALING, provider_state="queued"), 101.0
    )
    assert (call.provider_call_id, call.state, call.provider_state) == ("CA9", S.DIALING, "queued")
    assert (
        reported(call, CallReport(provider_call_id="CA8", state=S.RINGING), 102.0).provider_call_id == "CA9"
    )
