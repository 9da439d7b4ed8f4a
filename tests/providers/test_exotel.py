"""Exotel's requests, answers and callbacks, without a network: all of it is derived from documentation."""

import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Basic
from integration_api.core.telephony import (
    Arrival,
    CallState,
    DialRequest,
    Direction,
    Lookup,
    Notice,
    PhoneNumber,
    Routes,
)
from integration_api.core.webhook import Addresses
from integration_api.providers.exotel import EXOTEL
from integration_api.providers.exotel.numbers import MOST_PAGES
from tests.providers.talk import Talk, reply

PHONE = EXOTEL.telephony
HELD = frozenset({"client_secret"})
FULL = Credential("exotel", {"account_sid": "lab 1", "client_id": "key1"}, held=HELD)
ROUTES = Routes("https://here.test/telephony/exotel/s/status", "wss://here.test/telephony/exotel/m/media")
TO, FROM = "+919876543210", "+918047491899"
HOME = "https://api.exotel.com/v1/Accounts/lab%201"
CALL = {
    "Sid": "c1", "Status": "in-progress", "From": "09876543210", "PhoneNumberSid": "08047491899", "To": None,
    "Direction": "outbound-api", "Duration": None, "Price": None, "DateCreated": "2026-01-01 10:00:00",
}  # fmt: skip


def ask(**more: Any) -> DialRequest:
    return DialRequest(**{"to": TO, "from_": FROM, "routes": ROUTES, "reference": "7", **more})


def dialed(answer: Any = None, **more: Any) -> Talk:
    return Talk(EXOTEL, PHONE.dial(ask(**more), FULL), reply(answer or {"Call": CALL}))


def form(**more: Any) -> dict[str, list[str]]:
    return parse_qs(dialed(**more).asked[0].body.decode())


def notice(body: Any = None, query: str = "", **fields: Any) -> Notice:
    given = tuple((name, str(value)) for name, value in fields.items())
    if body is not None:
        return Notice(method="POST", body=json.dumps(body).encode(), content_type="application/json")
    return Notice(method="POST", fields=(*parse_qsl(query), *given), content_type="multipart/form-data")


def event(*args: Any, **fields: Any) -> Any:
    [told] = PHONE.events(notice(*args, **fields))
    return told


# --- calls ------------------------------------------------------------------------------------


def test_a_call_is_connected_to_the_socket_at_once_and_never_asked_for_twice() -> None:
    talk = dialed(ring_timeout_s=20, max_duration_s=300, record=True, media_params={"who": "a b"})
    [asked] = talk.asked
    assert (asked.method, asked.url) == ("POST", f"{HOME}/Calls/connect.json")
    assert (asked.once, asked.idempotent, asked.auth) == (True, False, Basic("key1", "client_secret"))
    assert parse_qs(asked.body.decode()) == {
        "From": [TO], "CallerId": [FROM], "CallType": ["trans"], "StreamUrl": [f"{ROUTES.media}?who=a+b"],
        "StreamType": ["bidirectional"], "TimeOut": ["20"], "TimeLimit": ["300"], "Record": ["true"],
        "StatusCallback": [ROUTES.status], "CustomField": ["7"],
        "StatusCallbackEvents[]": ["ringing", "answered", "terminal"],
    }  # fmt: skip
    report = talk.answer
    assert (report.provider_call_id, report.state, report.provider_state) == (
        "c1",
        CallState.DIALING,
        "in-progress",
    )
    assert (report.to, report.from_) == ("09876543210", "08047491899")


def test_the_answer_is_read_in_either_spelling() -> None:
    report = dialed({"call": {"sid": "c1", "status": "queued", "from": TO}}).answer
    assert (report.provider_call_id, report.state) == ("c1", CallState.DIALING)


@pytest.mark.parametrize("answer", [{}, {"Call": {}}, {"Call": {"Sid": "c1", "Status": "new"}}, []])
def test_an_answer_that_says_no_state_is_none(answer: Any) -> None:
    with pytest.raises(ProviderError) as error:
        Talk(EXOTEL, PHONE.dial(ask(), FULL), reply(answer))
    assert error.value.kind is Kind.BAD_RESPONSE


def test_a_call_goes_to_a_flow() -> None:
    url = "http://my.exotel.com/lab1/exoml/start_voice/42"
    said = form(answer_url=url)
    assert said["Url"] == [url]
    assert not said.keys() & {"StreamUrl", "StreamType"}


def test_the_callers_own_options_win_in_any_case() -> None:
    said = form(
        extras={
            "timeout": 9, "Record": False, "StreamName": "a", "StatusCallbackEvents[]": ["terminal"],
            "RecordingChannels": "dual", "Share": 0.5,
        },
        ring_timeout_s=20,
    )  # fmt: skip
    assert (said["timeout"], said["Record"], said["StreamName"]) == (["9"], ["false"], ["a"])
    assert (said["StatusCallbackEvents[]"], said["Share"]) == (["terminal"], ["0.5"])
    assert "TimeOut" not in said


@pytest.mark.parametrize(
    "wrong, param",
    [
        ({"extras": {"from": "+1"}}, "provider_options.from"), ({"extras": {"CallerId": "+1"}}, "provider_options.CallerId"),
        ({"extras": {"To": "+1"}}, "provider_options.To"), ({"extras": {"Odd": {}}}, "provider_options.Odd"),
        ({"media_params": dict.fromkeys("abcd", "x")}, "media.params"),
        ({"media_params": {"a": "x" * 255}}, "media.params"), ({"media_params": {"sample-rate": "44100"}}, "media.params"),
        ({"routes": Routes("https://x.test", "wss://x.test/" + "x" * 600)}, "media.params"),
        ({"max_duration_s": 14_401}, "max_duration_s"), ({"detect_machine": True}, "amd"),
    ],
)  # fmt: skip
def test_what_exotel_cannot_do_is_refused_before_it_is_asked(wrong: Any, param: str) -> None:
    with pytest.raises(Failure) as refusal:
        dialed(**wrong)
    assert refusal.value.param == param


def test_the_rate_of_the_socket_is_asked_for_beside_three_params() -> None:
    params = {"a": "1", "b": "2", "c": "3", "sample-rate": "16000"}
    query = urlsplit(form(media_params=params)["StreamUrl"][0]).query
    assert dict(parse_qsl(query)) == params


@pytest.mark.parametrize(
    "subdomain, host",
    [
        ("", "api.exotel.com"), ("api.in.exotel.com", "api.in.exotel.com"), ("@api.in.exotel.com", "api.in.exotel.com"),
        ("https://api.in.exotel.com/", "api.in.exotel.com"),
    ],
)  # fmt: skip
def test_a_call_is_asked_for_at_its_region(subdomain: str, host: str) -> None:
    credential = Credential(
        "exotel", {"account_sid": "a", "client_id": "k", "subdomain": subdomain}, held=HELD
    )
    talk = Talk(EXOTEL, PHONE.report("c/1", credential), reply({"Call": {**CALL, "Status": "completed"}}))
    assert talk.asked[0].url == f"https://{host}/v1/Accounts/a/Calls/c%2F1.json"


@pytest.mark.parametrize(
    "status, state",
    [
        ("queued", CallState.DIALING), ("ringing", CallState.RINGING), ("in-progress", CallState.DIALING),
        ("completed", CallState.COMPLETED), ("busy", CallState.BUSY), ("no-answer", CallState.NO_ANSWER),
        ("failed", CallState.FAILED), ("canceled", CallState.CANCELLED),
    ],
)  # fmt: skip
def test_how_a_call_stands(status: str, state: CallState) -> None:
    told = {**CALL, "Status": status, "Duration": "17", "Price": "1.500"}
    report = Talk(EXOTEL, PHONE.report("c1", FULL), reply({"Call": told})).answer
    assert (report.state, report.duration_s, report.price) == (state, 17.0, "1.500")


def test_an_inbound_call_is_from_who_called() -> None:
    told = {**CALL, "Status": "completed", "Direction": "inbound"}
    report = Talk(EXOTEL, PHONE.report("c1", FULL), reply({"Call": told})).answer
    assert (report.from_, report.to) == ("09876543210", "08047491899")


@pytest.mark.parametrize(
    "calls, found",
    [
        ([], []),
        ([{"Sid": "a", "CustomField": "7"}, {"Sid": "b", "CustomField": "8"}, {"Sid": "c"}], ["a"]),
        ([{"Sid": "b", "CustomField": "8"}, {"Sid": "c"}], ["c"]),
        (
            [{"Sid": "d", "PhoneNumberSid": "08000000000"}, {"Sid": "e", "PhoneNumberSid": "8047491899"}],
            ["e"],
        ),
    ],
)
def test_a_call_is_looked_for_among_those_that_have_ended(calls: Any, found: list[str]) -> None:
    asked = Lookup(to=TO, from_=FROM, reference="7", since=1_767_243_600.0)
    told = [{**CALL, "Status": "completed", **one} for one in calls]
    talk = Talk(EXOTEL, PHONE.find(asked, FULL), reply({"Calls": told}))
    assert [one.provider_call_id for one in talk.answer] == found
    query = dict(parse_qsl(urlsplit(talk.asked[0].url).query))
    # A minute before, by the clock in India.
    assert query == {"DateCreated": "gte:2026-01-01 10:29:00", "From": TO, "PageSize": "100"}
    assert not PHONE.finds_all


def test_numbers_are_listed_page_by_page_and_not_for_ever() -> None:
    one = {"sid": "1", "phone_number": FROM, "friendly_name": "Desk", "country": "IN",
           "capabilities": {"voice": True, "sms": False}}  # fmt: skip
    first = reply({"incoming_phone_numbers": [one], "next_page_uri": "http://x.test?Page=1"})
    last = reply({"incoming_phone_numbers": [{"phone_number": "+91804"}], "next_page_uri": None})
    talk = Talk(EXOTEL, PHONE.numbers(FULL), first, last)
    assert talk.answer.numbers == (
        PhoneNumber(number=FROM, id="1", name="Desk", country="IN", capabilities=("voice",)),
        PhoneNumber(number="+91804"),
    )
    assert [urlsplit(one.url).query for one in talk.asked] == ["Page=0&PageSize=50", "Page=1&PageSize=50"]
    assert "/v2_beta/Accounts/lab%201/IncomingPhoneNumbers" in talk.asked[0].url
    endless = Talk(EXOTEL, PHONE.numbers(FULL), *[first] * MOST_PAGES)
    assert len(endless.answer.numbers) == MOST_PAGES


def test_a_credential_is_verified_by_the_account() -> None:
    [asked] = Talk(EXOTEL, EXOTEL.verify(FULL), reply({"Account": {}})).asked
    assert (asked.method, asked.url) == ("GET", f"{HOME}.json")


@pytest.mark.parametrize(
    "status, kind",
    [
        (400, Kind.INVALID_REQUEST), (401, Kind.CREDENTIAL_REJECTED), (402, Kind.QUOTA), (404, Kind.NOT_FOUND),
        (429, Kind.RATE_LIMITED), (503, Kind.OVERLOADED),
    ],
)  # fmt: skip
def test_refusals(status: int, kind: Kind) -> None:
    body = {"RestException": {"Status": status, "Message": "In its words", "Code": 34001}}
    error = EXOTEL.fault(reply(body, status))
    assert error.kind is kind
    assert (error.refusal.status, error.refusal.code) == (status, "34001")
    told = "check account_sid" if kind is Kind.CREDENTIAL_REJECTED else "In its words"
    assert told in error.message
    for broken in ({}, [], {"RestException": 1}):
        assert EXOTEL.fault(reply(broken, status)).kind is kind


# --- what is told -----------------------------------------------------------------------------

TERMINAL = {
    "CallSid": "c1", "Status": "completed", "DateUpdated": "2026-01-01 10:30:00", "EventType": "terminal",
    "From": "09876543210", "To": "", "PhoneNumberSid": "08047491899", "EndTime": "2026-01-01 10:30:00",
    "ConversationDuration": 0, "Direction": "outbound-api", "CustomField": "7", "RecordingUrl": "https://x.test/r.mp3",
}  # fmt: skip


def test_the_end_is_told_alike_in_a_form_and_in_json() -> None:
    legs = [{"OnCallDuration": 41, "Status": "completed"}, {"OnCallDuration": None}]
    by_form = event(**TERMINAL, **{"Legs[0][OnCallDuration]": 41, "Legs[0][Status]": "completed"})
    assert by_form == event({**TERMINAL, "Legs": legs})
    assert (by_form.sequence, by_form.at, by_form.direction) == (2, 1_767_243_600.0, Direction.OUTBOUND)
    report = by_form.report
    assert (report.state, report.duration_s) == (CallState.COMPLETED, 41.0)
    assert (report.to, report.from_) == ("09876543210", "08047491899")
    assert by_form.detail == {"RecordingUrl": "https://x.test/r.mp3"}


@pytest.mark.parametrize(
    "fields, sequence, state",
    [
        ({"EventType": "ringing", "Status": "ringing"}, 0, CallState.RINGING),
        ({"EventType": "answered", "Status": "in-progress"}, 1, CallState.ANSWERED),
        ({"EventType": "Answered"}, 1, CallState.ANSWERED),
        ({"Status": "busy"}, 2, CallState.BUSY),
        ({"Status": "no-answer", "RecordingUrl": ""}, 2, CallState.NO_ANSWER),
        ({"EventType": "terminal", "Status": "failed"}, 2, CallState.FAILED),
    ],
)
def test_steps_are_in_order_whatever_their_number(fields: Any, sequence: int, state: CallState) -> None:
    told = event(CallSid="c1", **fields)
    assert (told.sequence, told.report.state, told.note) == (sequence, state, "")


def test_what_is_no_step_is_a_note() -> None:
    told = event({"CallSid": "c1", "EventType": "stream-start", "StreamSid": "s1", "Direction": "inbound"})
    assert (told.report, told.note, told.direction) == (None, "stream-start", Direction.INBOUND)
    assert event(CallSid="c1", EventType="terminal", Status="odd").report is None


PASSTHRU = (
    "CallSid=c1&CallFrom=09876543210&CallTo=08047491899&Direction=incoming&EndTime=1970-01-01+05%3A30%3A00"
    "&CurrentTime=2026-01-01+10%3A30%3A00"
)


@pytest.mark.parametrize(
    "query",
    [
        "&Stream%5BStatus%5D=completed&Stream%5BDuration%5D=28&Stream%5BDisconnectedBy%5D=bot",
        "&Stream=%7B%22Status%22%3A%22completed%22%2C%22Duration%22%3A%2228%22%2C%22DisconnectedBy%22%3A%22bot%22%7D",
    ],
    ids=["nested", "json"],
)
def test_the_applet_behind_a_stream_tells_of_its_end(query: str) -> None:
    told = event(None, PASSTHRU + query)
    assert (told.sequence, told.at, told.direction) == (2, 1_767_243_600.0, Direction.INBOUND)
    report = told.report
    assert (report.state, report.duration_s, report.provider_state) == (
        CallState.COMPLETED,
        28.0,
        "completed",
    )
    assert (report.from_, report.to) == ("09876543210", "08047491899")
    assert told.detail == {"Stream[DisconnectedBy]": "bot"}


@pytest.mark.parametrize(
    "status, state",
    [("failed", CallState.FAILED), ("cancelled", CallState.COMPLETED), ("odd", None)],
)
def test_how_a_stream_ended(status: str, state: CallState | None) -> None:
    told = event(None, f"{PASSTHRU}&Stream%5BStatus%5D={status}")
    assert (told.report and told.report.state) == state


@pytest.mark.parametrize("duration", ["nan", "inf", "-1", "1e999", "soon", ""])
def test_a_duration_that_is_none_is_left_out(duration: str) -> None:
    assert event(CallSid="c1", Status="completed", ConversationDuration=duration).report.duration_s is None


@pytest.mark.parametrize("at", ["", "soon", "0001-01-01 00:00:00", "2026-13-01 00:00:00"])
def test_a_time_that_is_none_is_left_out(at: str) -> None:
    told = event(CallSid="c1", Status="completed", DateUpdated=at)
    assert told.at is None or told.at < 0


def test_keys_tell_notices_apart_and_repeated_ones_not() -> None:
    told = [
        event(CallSid="c1", EventType=one, Status=status)
        for one, status in (
            ("ringing", ""),
            ("answered", "in-progress"),
            ("terminal", "busy"),
            ("terminal", "busy"),
        )
    ]
    assert len({one.key for one in told}) == 3


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"CallSid": []}', b"\xff", b"[" * 10_000])
def test_what_is_no_callback_is_refused(body: bytes) -> None:
    with pytest.raises(Failure) as refusal:
        PHONE.events(Notice(method="POST", body=body, content_type="application/json"))
    assert refusal.value.code == "invalid_webhook"
    with pytest.raises(Failure):
        PHONE.arrival(Notice(method="GET"))


WORDS = st.sampled_from(
    [
        "",
        "c1",
        "stream",
        "terminal",
        "answered",
        "completed",
        "busy",
        "{",
        '{"Status": "failed"}',
        "inbound",
        "nan",
        "1e999",
    ]
)
NAMES = st.sampled_from(
    ["CallSid", "Status", "EventType", "Direction", "DateUpdated", "EndTime", "Stream", "Stream[Status]", "Stream[Duration]",
     "ConversationDuration", "Legs", "From", "RecordingUrl"]
)  # fmt: skip
VALUES = (
    WORDS
    | st.none()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.lists(st.dictionaries(NAMES, WORDS), max_size=2)
)


@settings(max_examples=150, deadline=None)
@given(query=st.lists(st.tuples(NAMES, WORDS), max_size=6), body=st.none() | st.dictionaries(NAMES, VALUES))
def test_whatever_is_told_is_read_or_refused(
    query: list[tuple[str, str]], body: dict[str, Any] | None
) -> None:
    written = b"" if body is None else json.dumps(body).encode()
    kind = "" if body is None else "application/json"
    try:
        [told] = PHONE.events(Notice(method="POST", fields=tuple(query), body=written, content_type=kind))
    except Failure as refusal:
        assert refusal.code == "invalid_webhook"
    else:
        assert told.provider_call_id
        assert (told.report is None) == bool(told.note)


# --- calls that come in -----------------------------------------------------------------------


def test_a_call_that_comes_in_is_answered_by_an_address() -> None:
    arrival = PHONE.arrival(notice(None, PASSTHRU + "&flow_id=100001"))
    assert arrival == Arrival(
        provider_call_id="c1", from_="09876543210", to="08047491899",
        metadata={"Direction": "incoming", "flow_id": "100001"},
    )  # fmt: skip
    document = PHONE.answer(arrival, ROUTES, {"a": "b", "sample-rate": "16000"}, FULL)
    assert document.content_type == "application/json"
    assert json.loads(document.body) == {"url": f"{ROUTES.media}?a=b&sample-rate=16000"}
    with pytest.raises(Failure):
        PHONE.answer(arrival, ROUTES, dict.fromkeys("abcd", "x"), FULL)


def test_nothing_is_signed_and_nothing_can_be_done_to_a_call() -> None:
    assert (PHONE.proof(FULL), PHONE.media_proof(FULL)) == (Addresses(), Addresses())
    assert (PHONE.hang_up, PHONE.send_dtmf, PHONE.transfer) == (None, None, None)
    assert round(PHONE.calls_per_second * 60) == 200
