"""Twilio's requests, answers and webhooks, without a network."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.twiml.voice_response import Connect, VoiceResponse

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Basic, HttpRequest
from integration_api.core.telephony import (
    CallState,
    Control,
    DialRequest,
    Done,
    Lookup,
    Notice,
    Routes,
    Transfer,
)
from integration_api.core.webhook import UrlFormHmac
from integration_api.providers.twilio import TWILIO
from integration_api.providers.twilio.states import unix
from tests.providers.talk import Talk, reply

ACCOUNT = "AC00000000000000000000000000000001"
CALL = "CA00000000000000000000000000000001"
HELD = Credential("twilio", {"account_sid": ACCOUNT}, held=frozenset({"account_token"}))
KEYED = Credential(
    "twilio", {"account_sid": ACCOUNT, "api_key_sid": "SK1"}, held=frozenset({"api_key_secret"})
)
ROUTES = Routes("https://here.test/telephony/twilio/s/status", "wss://here.test/telephony/twilio/m/media")
HOME = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}"
PHONE = TWILIO.telephony


def resource(**fields: Any) -> dict[str, Any]:
    return {
        "sid": CALL, "status": "queued", "to": "+4930123456", "from": "+15005550006", "direction": "outbound-api",
        "date_created": "Fri, 27 Nov 2026 10:00:00 +0000", "duration": None, "price": None, "price_unit": "USD",
        "answered_by": None, **fields,
    }  # fmt: skip


def refused(code: int, status: int = 400) -> Any:
    return reply({"code": code, "message": "words", "more_info": "", "status": status}, status)


def form(request: HttpRequest) -> dict[str, list[str]]:
    assert dict(request.headers)["content-type"] == "application/x-www-form-urlencoded"
    return parse_qs(request.body.decode(), strict_parsing=True)


def asking(**asked: Any) -> DialRequest:
    return DialRequest(**{"to": "+4930123456", "from_": "+15005550006", "routes": ROUTES, **asked})


def canonical(document: str | bytes) -> str:
    return ET.canonicalize(document)


def stream(response: VoiceResponse, **params: str) -> VoiceResponse:
    connect = Connect()
    socket = connect.stream(url=ROUTES.media, status_callback=ROUTES.status)
    for name, value in params.items():
        socket.parameter(name=name, value=value)
    response.append(connect)
    return response


# --- calls ------------------------------------------------------------------------------------


def test_a_call_is_asked_for_once_with_its_document() -> None:
    params = {"who": 'a "b" <c> & d'}
    talk = Talk(
        TWILIO, PHONE.dial(asking(media_params=params, ring_timeout_s=20), HELD), reply(resource(), 201)
    )
    [request] = talk.asked
    assert (request.method, request.url) == ("POST", f"{HOME}/Calls.json")
    assert (request.once, request.idempotent) == (True, False)
    assert request.auth == Basic(ACCOUNT, "account_token")
    told = form(request)
    assert canonical(told.pop("Twiml")[0]) == canonical(str(stream(VoiceResponse(), **params)))
    assert told == {
        "To": ["+4930123456"], "From": ["+15005550006"], "StatusCallback": [ROUTES.status], "Timeout": ["20"],
        "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
    }  # fmt: skip
    assert (talk.answer.provider_call_id, talk.answer.state) == (CALL, CallState.DIALING)
    assert (talk.answer.provider_state, talk.answer.to) == ("queued", "+4930123456")


def test_what_a_call_may_be_asked_with() -> None:
    asked = asking(
        answer_url="https://there.test/answer?a=1&b=2",
        max_duration_s=60,
        detect_machine=True,
        record=True,
        extras={
            "AsyncAmd": False,
            "CallReason": "a reason",
            "StatusCallbackEvent": ["answered", "completed"],
        },
    )
    told = form(Talk(TWILIO, PHONE.dial(asked, HELD), reply(resource())).asked[0])
    assert told == {
        "To": ["+4930123456"], "From": ["+15005550006"], "Url": ["https://there.test/answer?a=1&b=2"],
        "StatusCallback": [ROUTES.status], "TimeLimit": ["60"], "MachineDetection": ["Enable"],
        "AsyncAmd": ["false"], "AsyncAmdStatusCallback": [ROUTES.status], "Record": ["true"],
        "RecordingStatusCallback": [ROUTES.status], "CallReason": ["a reason"],
        "StatusCallbackEvent": ["answered", "completed"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "asked",
    [
        {"media_params": {"a": "x" * 500}},
        {"media_params": {f"p{n}": "x" * 400 for n in range(10)}},
        {"media_params": {"a": "\x00"}},
        {"media_params": {"\ud800": "a"}},
        {"extras": {"Headers": {"a": "b"}}},
        {"extras": {"To": "+4930999"}},
    ],
    ids=[
        "a long parameter",
        "many parameters",
        "a control character",
        "half a character",
        "no form",
        "another number",
    ],
)
def test_what_a_form_cannot_hold_is_refused_before_it_is_sent(asked: dict[str, Any]) -> None:
    with pytest.raises(Failure) as refusal:
        next(PHONE.dial(asking(**asked), HELD))
    assert refusal.value.kind is Kind.INVALID_REQUEST


@pytest.mark.parametrize(
    "fields, state",
    [
        ({"status": "ringing"}, CallState.RINGING),
        ({"status": "in-progress", "answered_by": "human"}, CallState.ANSWERED),
        ({"status": "in-progress", "answered_by": "machine_start"}, CallState.MACHINE),
        ({"status": "in-progress", "answered_by": "fax"}, CallState.MACHINE),
        ({"status": "completed", "answered_by": "machine_start"}, CallState.COMPLETED),
        ({"status": "no-answer"}, CallState.NO_ANSWER),
        ({"status": "canceled"}, CallState.CANCELLED),
        ({"status": "something new"}, CallState.DIALING),
    ],
)
def test_how_a_call_stands(fields: dict[str, Any], state: CallState) -> None:
    talk = Talk(TWILIO, PHONE.report(CALL, HELD), reply(resource(**fields)))
    assert talk.asked[0].url == f"{HOME}/Calls/{CALL}.json"
    assert (talk.answer.state, talk.answer.provider_state) == (state, fields["status"])


def test_what_a_call_took_and_cost() -> None:
    over = resource(status="completed", duration="12", price="-0.01300")
    told = Talk(TWILIO, PHONE.report(CALL, HELD), reply(over)).answer
    assert (told.duration_s, told.price) == (12.0, "-0.01300 USD")


def test_calls_that_may_be_the_one_are_found_page_by_page() -> None:
    since = unix("Fri, 27 Nov 2026 10:00:00 +0000")
    older = resource(sid="CA1", date_created="Fri, 27 Nov 2026 09:59:00 +0000")
    waiting = resource(sid="CA2", start_time=None)
    came_in = resource(sid="CA3", direction="inbound")
    younger = resource(sid="CA4", date_created="Fri, 27 Nov 2026 10:05:00 +0000", status="busy")
    talk = Talk(
        TWILIO,
        PHONE.find(Lookup(to="+4930123456", from_="+15005550006", reference="1", since=since), HELD),
        reply({
            "calls": [younger, came_in],
            "next_page_uri": "@evil.test/2010-04-01/Accounts/AC2/Calls.json?Page=1&PageSize=2&PageToken=PACA9&x=y",
        }),
        reply({"calls": [waiting, older], "next_page_uri": None}),
    )  # fmt: skip
    first, second = (urlsplit(one.url) for one in talk.asked)
    assert first.netloc == second.netloc == "api.twilio.com"
    assert parse_qsl(first.query) == [("To", "+4930123456"), ("From", "+15005550006"), ("PageSize", "200")]
    assert parse_qsl(second.query)[3:] == [("Page", "1"), ("PageToken", "PACA9")]
    assert [one.provider_call_id for one in talk.answer] == ["CA4", "CA2"]


# --- changing a call --------------------------------------------------------------------------


def control(state: CallState, **more: Any) -> Control:
    return Control(provider_call_id=CALL, state=state, **more)


@pytest.mark.parametrize(
    "state, replies, said",
    [
        (CallState.ANSWERED, [reply(resource(status="completed"))], ["completed"]),
        (CallState.MACHINE, [refused(21220)], ["completed"]),
        (CallState.RINGING, [reply(resource(status="canceled"))], ["canceled"]),
        (CallState.RINGING, [reply(resource(status="busy"))], ["canceled"]),
        (CallState.RINGING, [refused(20404, 404)], ["canceled"]),
        (CallState.DIALING, [reply(resource(status="in-progress")), reply(resource(status="completed"))], ["canceled", "completed"]),
        (CallState.DIALING, [refused(21220), refused(21220)], ["canceled", "completed"]),
    ],
)  # fmt: skip
def test_a_call_is_hung_up_however_it_stands(state: CallState, replies: list[Any], said: list[str]) -> None:
    talk = Talk(TWILIO, PHONE.hang_up(control(state), HELD), *replies)
    assert [form(one)["Status"] for one in talk.asked] == [[one] for one in said]
    assert {one.url for one in talk.asked} == {f"{HOME}/Calls/{CALL}.json"}
    assert talk.answer == Done()


def test_a_hang_up_that_was_refused_is_told() -> None:
    with pytest.raises(ProviderError) as refusal:
        Talk(TWILIO, PHONE.hang_up(control(CallState.ANSWERED), HELD), refused(20003, 401))
    assert refusal.value.kind is Kind.CREDENTIAL_REJECTED


def test_keys_are_pressed_and_the_sound_goes_on() -> None:
    asked = control(CallState.ANSWERED, digits="1w2#", routes=ROUTES, media_params={"a": "b"})
    talk = Talk(TWILIO, PHONE.send_dtmf(asked, HELD), reply(resource()))
    by_sdk = VoiceResponse()
    by_sdk.play(digits="1w2#")
    [told] = form(talk.asked[0])["Twiml"]
    assert canonical(told) == canonical(str(stream(by_sdk, a="b")))
    assert talk.asked[0].once


@pytest.mark.parametrize(
    "more", [{"digits": "1a", "routes": ROUTES}, {"digits": "", "routes": ROUTES}, {"digits": "1"}]
)
def test_keys_that_are_none_or_would_end_the_sound_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(Failure):
        next(PHONE.send_dtmf(control(CallState.ANSWERED, **more), HELD))


@pytest.mark.parametrize("caller", ["", "+15005550006"])
def test_a_call_is_sent_on(caller: str) -> None:
    asked = Transfer(provider_call_id=CALL, to="+4930999", from_=caller)
    talk = Talk(TWILIO, PHONE.transfer(asked, HELD), reply(resource()))
    by_sdk = VoiceResponse()
    by_sdk.dial("+4930999", caller_id=caller or None)
    assert canonical(form(talk.asked[0])["Twiml"][0]) == canonical(str(by_sdk))


# --- numbers, credentials, refusals -------------------------------------------------------------


def test_numbers_are_listed_page_by_page() -> None:
    one = {
        "sid": "PN1",
        "phone_number": "+1500",
        "friendly_name": "Line",
        "capabilities": {"voice": True, "SMS": True, "fax": False},
    }
    more = {"sid": "PN2", "phone_number": "+1501", "capabilities": None}
    talk = Talk(
        TWILIO,
        PHONE.numbers(HELD),
        reply({"incoming_phone_numbers": [one], "next_page_uri": "/x?Page=1&PageToken=PAPN1"}),
        reply({"incoming_phone_numbers": [more], "next_page_uri": None}),
    )
    assert [one.url for one in talk.asked] == [
        f"{HOME}/IncomingPhoneNumbers.json?PageSize=1000",
        f"{HOME}/IncomingPhoneNumbers.json?PageSize=1000&Page=1&PageToken=PAPN1",
    ]
    assert [(n.number, n.id, n.name, n.capabilities) for n in talk.answer.numbers] == [
        ("+1500", "PN1", "Line", ("voice", "sms")),
        ("+1501", "PN2", "", ()),
    ]


def test_a_credential_is_good_when_all_that_it_holds_is() -> None:
    active = reply({"status": "active"})
    assert [one.url for one in Talk(TWILIO, TWILIO.verify(HELD), active).asked] == [f"{HOME}.json"]
    calls = reply({"calls": []})
    [asked] = Talk(TWILIO, TWILIO.verify(KEYED), calls).asked
    assert (asked.url, asked.auth) == (
        f"{HOME}/Calls.json?PageSize=1", Basic("SK1", "api_key_secret"),
    )  # fmt: skip
    both = Credential("twilio", KEYED.fields, held=frozenset({"api_key_secret", "account_token"}))
    asked = Talk(TWILIO, TWILIO.verify(both), calls, active).asked
    assert [one.auth for one in asked] == [Basic("SK1", "api_key_secret"), Basic(ACCOUNT, "account_token")]
    with pytest.raises(ProviderError) as refusal:
        Talk(TWILIO, TWILIO.verify(HELD), reply({"status": "suspended"}))
    assert refusal.value.kind is Kind.PERMISSION


@pytest.mark.parametrize(
    "credential",
    [
        Credential("twilio", {"account_sid": ACCOUNT}),
        Credential("twilio", {}, held=frozenset({"account_token"})),
        Credential("twilio", {"account_sid": ACCOUNT, "region": "ie1"}, held=HELD.held),
        Credential("twilio", {"account_sid": ACCOUNT, "edge": "dublin"}, held=HELD.held),
        Credential("twilio", {"account_sid": ACCOUNT, "region": "x.evil.test/", "edge": "a"}, held=HELD.held),
    ],
    ids=["no secret", "no account", "no edge", "no region", "no place"],
)
def test_a_credential_that_cannot_work_says_what_it_lacks(credential: Credential) -> None:
    with pytest.raises(Failure) as refusal:
        next(TWILIO.verify(credential))
    assert refusal.value.param in {field.name for field in TWILIO.fields}


def test_where_an_account_lives() -> None:
    there = Credential("twilio", {"account_sid": ACCOUNT, "region": "ie1", "edge": "dublin"}, held=HELD.held)
    assert next(TWILIO.verify(there)).url.startswith("https://api.dublin.ie1.twilio.com/2010-04-01/")
    mine = Credential("twilio", {**there.fields, "base_url": "http://127.0.0.1:9/twilio/"}, held=HELD.held)
    assert next(TWILIO.verify(mine)).url.startswith("http://127.0.0.1:9/twilio/2010-04-01/Accounts/")
    odd = Credential("twilio", {"account_sid": "AC/../x?y"}, held=HELD.held)
    assert "/Accounts/AC%2F..%2Fx%3Fy.json" in next(TWILIO.verify(odd)).url


@pytest.mark.parametrize(
    "code, status, kind",
    [
        (20003, 401, Kind.CREDENTIAL_REJECTED),
        (20404, 404, Kind.NOT_FOUND),
        (20429, 429, Kind.RATE_LIMITED),
        (21211, 400, Kind.INVALID_REQUEST),
        (21210, 400, Kind.INVALID_REQUEST),
        (21215, 400, Kind.PERMISSION),
        (21219, 400, Kind.PERMISSION),
        (21220, 400, Kind.CONFLICT),
        (20500, 500, Kind.UPSTREAM),
        (10004, 400, Kind.RATE_LIMITED),
    ],
)
def test_refusals(code: int, status: int, kind: Kind) -> None:
    error = TWILIO.fault(refused(code, status))
    assert (error.kind, error.refusal.code, error.refusal.status) == (kind, str(code), status)


def test_only_the_accounts_token_proves_a_webhook() -> None:
    proof = PHONE.proof(HELD)
    assert isinstance(proof, UrlFormHmac)
    assert (proof.header, proof.field) == ("x-twilio-signature", "account_token")
    assert {"CallSid", "CallStatus"} <= set(proof.names), "else a cut elsewhere would be believed"
    assert PHONE.media_proof(HELD) == proof
    assert PHONE.proof(KEYED) is None


# --- webhooks ---------------------------------------------------------------------------------


def notice(**fields: str) -> Notice:
    return Notice(method="POST", fields=(("CallSid", CALL), ("AccountSid", ACCOUNT), *fields.items()))


def test_a_status_is_told_with_its_place_and_time() -> None:
    [event] = PHONE.events(notice(
        CallStatus="completed", SequenceNumber="3", Timestamp="Fri, 27 Nov 2026 10:00:09 +0000", CallDuration="7",
        From="+15005550006", To="+4930123456", SipResponseCode="200", CallbackSource="call-progress-events",
    ))  # fmt: skip
    assert (event.provider_call_id, event.key, event.sequence, event.at) == (
        CALL,
        "status:3",
        3,
        1795773609.0,
    )
    assert event.report is not None
    assert (event.report.state, event.report.duration_s, event.report.provider_code) == (
        CallState.COMPLETED, 7.0, "200",
    )  # fmt: skip


@pytest.mark.parametrize(
    "fields, state",
    [
        ({"CallStatus": "initiated"}, CallState.DIALING),
        ({"CallStatus": "in-progress"}, CallState.ANSWERED),
        ({"CallStatus": "in-progress", "AnsweredBy": "machine_end_beep"}, CallState.MACHINE),
        ({"CallStatus": "busy", "SipResponseCode": "486"}, CallState.BUSY),
        ({"CallStatus": "busy", "SipResponseCode": "603"}, CallState.REJECTED),
        ({"CallStatus": "failed", "SipResponseCode": "607"}, CallState.REJECTED),
        ({"CallStatus": "failed", "SipResponseCode": "404"}, CallState.FAILED),
        ({"AnsweredBy": "machine_start"}, CallState.MACHINE),
        ({"AnsweredBy": "human"}, CallState.ANSWERED),
    ],
)
def test_what_a_status_means(fields: dict[str, str], state: CallState) -> None:
    [event] = PHONE.events(notice(**fields))
    assert event.report is not None
    assert event.report.state is state


def test_what_is_told_beside_the_call() -> None:
    [stopped] = PHONE.events(notice(StreamSid="MZ1", StreamEvent="stream-error", StreamError="31920"))
    assert (stopped.report, stopped.note) == (None, "stream-error")
    assert stopped.detail == {"StreamSid": "MZ1", "StreamError": "31920"}
    [taped] = PHONE.events(notice(RecordingSid="RE1", RecordingStatus="completed", RecordingUrl="https://r"))
    assert (taped.report, taped.note, taped.detail["RecordingUrl"]) == (None, "recording", "https://r")
    [new] = PHONE.events(notice(CallStatus="something-new", SequenceNumber="x"))
    assert (new.report, new.note, new.sequence) == (None, "something-new", None)
    assert len({stopped.key, taped.key, new.key}) == 3


def test_a_notice_of_no_call_is_refused() -> None:
    for read in (PHONE.events, PHONE.arrival):
        with pytest.raises(Failure) as refusal:
            read(Notice(method="POST", fields=(("CallStatus", "ringing"),)))
        assert refusal.value.kind is Kind.INVALID_REQUEST
    with pytest.raises(Failure):
        PHONE.events(notice(Unknown="1"))


def test_a_call_that_comes_in_is_connected() -> None:
    arrived = PHONE.arrival(notice(From="+4930123456", To="+15005550006", FromCity="BERLIN", CallToken="t"))
    assert (arrived.provider_call_id, arrived.from_, arrived.to) == (CALL, "+4930123456", "+15005550006")
    assert arrived.metadata == {"FromCity": "BERLIN"}
    document = PHONE.answer(arrived, ROUTES, {"x": "'\"<&>\n"}, HELD)
    assert document.content_type == "text/xml"
    assert canonical(document.body) == canonical(str(stream(VoiceResponse(), x="'\"<&>\n")))


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=30), st.text(max_size=30)))
def test_whatever_a_notice_says_is_read_or_refused(fields: dict[str, str]) -> None:
    told = Notice(method="POST", fields=(("CallSid", CALL), *fields.items()))
    PHONE.arrival(told)
    for name in ("CallStatus", "StreamEvent", "RecordingSid", "AnsweredBy"):
        assert PHONE.events(Notice(method="POST", fields=((name, "x"), *told.fields)))


@settings(deadline=None)
@given(st.text(max_size=60))
def test_a_time_is_read_or_none(written: str) -> None:
    assert unix(written) is None or isinstance(unix(written), float)


# --- documentation's own examples; what was recorded is tried in tests/laws -------------------

FOLDER = os.environ.get("REFERENCE_DIR", "")
RECORDED = [
    path
    for path in sorted((Path(FOLDER) / "traffic/handwritten/twilio/rest").glob("*.json"))
    if FOLDER and "IncomingPhoneNumbers" in json.loads(path.read_text())["request"]["url"]
]

if RECORDED:

    @pytest.mark.parametrize("path", RECORDED, ids=[path.stem for path in RECORDED])
    def test_a_number_of_the_documentation_is_read(path: Path) -> None:
        body = json.loads(path.read_text())["response"]["body"]
        page = {"incoming_phone_numbers": [body], "next_page_uri": None}
        [number] = Talk(TWILIO, PHONE.numbers(HELD), reply(page)).answer.numbers
        assert (number.number, number.id, number.name) == (
            body["phone_number"], body["sid"], body["friendly_name"],
        )  # fmt: skip
        assert set(number.capabilities) == {name.lower() for name, has in body["capabilities"].items() if has}
