"""Vonage's requests, answers and webhooks, without a network."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vonage_voice.models.ncco import Connect, Record
from vonage_voice.models.requests import CreateCallRequest

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import ApplicationToken, Basic, HttpResponse
from integration_api.core.telephony import (
    Arrival,
    CallState,
    Control,
    DialRequest,
    Direction,
    Done,
    Lookup,
    Notice,
    Routes,
    Transfer,
)
from integration_api.core.webhook import BodyJwt
from integration_api.core.webhook import Path as ByPath
from integration_api.providers.vonage import VONAGE
from integration_api.providers.vonage.answer import MOST_HEADERS
from tests.providers.talk import Talk, reply

APPLICATION = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
CALL = "63f61863-4a51-4f6b-86e1-46edebcf9356"
LEG = "11111111-4a51-4f6b-86e1-46edebcf9356"
TALK = "CON-f972836a-550f-45fa-956c-12a2ab5b7d22"
HELD = Credential("vonage", {"application_id": APPLICATION}, held=frozenset({"private_key"}))
FULL = Credential(
    "vonage",
    {"application_id": APPLICATION, "api_key": "a1b2c3d4"},
    held=frozenset({"private_key", "signature_secret", "api_secret"}),
)
ROUTES = Routes("https://here.test/telephony/vonage/s/status", "wss://here.test/telephony/vonage/m/media")
HOME = "https://api.nexmo.com/v1/calls"
PHONE = VONAGE.telephony
TO, FROM = "+4930123456", "+15005550006"


def resource(**fields: Any) -> dict[str, Any]:
    return {
        "uuid": CALL, "conversation_uuid": TALK, "status": "started", "direction": "outbound",
        "to": {"type": "phone", "number": "4930123456"}, "from": {"type": "phone", "number": "15005550006"},
        **fields,
    }  # fmt: skip


CREATED = {"uuid": CALL, "status": "started", "direction": "outbound", "conversation_uuid": TALK}


def refused(status: int, **said: Any) -> HttpResponse:
    return reply(said, status)


def asking(**asked: Any) -> DialRequest:
    return DialRequest(**{"to": TO, "from_": FROM, "routes": ROUTES, **asked})


def connecting(**more: Any) -> dict[str, Any]:
    """A document that connects the media socket, as it is written here by hand."""
    socket = {"type": "websocket", "uri": ROUTES.media, "content-type": "audio/l16;rate=16000", "headers": {}}
    return {
        "action": "connect", "eventType": "synchronous", "eventUrl": [ROUTES.status], "from": "15005550006",
        "endpoint": [socket | more],
    }  # fmt: skip


def as_sdk_reads(action: dict[str, Any]) -> dict[str, Any]:
    """What Vonage's own model of a `connect` makes of ours, written again."""
    fields = {("from_" if name == "from" else name): value for name, value in action.items()}
    fields["endpoint"] = [
        {("contentType" if name == "content-type" else name): value for name, value in one.items()}
        for one in action["endpoint"]
    ]
    return Connect(**fields).model_dump(mode="json", by_alias=True, exclude_none=True)


# --- calls ------------------------------------------------------------------------------------


def test_a_call_is_asked_for_once_with_its_document() -> None:
    talk = Talk(
        VONAGE, PHONE.dial(asking(media_params={"who": "me"}, ring_timeout_s=20), HELD), reply(CREATED, 201)
    )
    [request] = talk.asked
    assert (request.method, request.url) == ("POST", HOME)
    assert (request.once, request.idempotent) == (True, False)
    assert request.auth == ApplicationToken(APPLICATION)
    assert talk.body() == {
        "to": [{"type": "phone", "number": "4930123456"}], "from": {"type": "phone", "number": "15005550006"},
        "event_url": [ROUTES.status], "event_method": "POST", "ringing_timer": 20,
        "ncco": [connecting(headers={"who": "me"})],
    }  # fmt: skip
    assert (talk.answer.provider_call_id, talk.answer.state) == (CALL, CallState.DIALING)
    assert talk.answer.provider_state == "started"


def test_what_a_call_may_be_asked_with_is_what_the_sdk_would_ask_with() -> None:
    asked = asking(
        from_="", max_duration_s=60, detect_machine=True, record=True,
        extras={"advanced_machine_detection": {"behavior": "continue", "mode": "detect_beep"}, "event_method": "GET"},
    )  # fmt: skip
    talk = Talk(VONAGE, PHONE.dial(asked, HELD), reply(CREATED, 201))
    ours = talk.body()
    [record, connect] = ours.pop("ncco")
    assert Record(**record).model_dump(mode="json", exclude_none=True) == record
    assert as_sdk_reads(connect) == connect
    assert (connect["randomFromNumber"], "from" in connect) == (True, False)
    by_sdk = CreateCallRequest(
        to=[{"number": "4930123456"}], random_from_number=True, answer_url=["https://x.test"], length_timer=60,
        event_url=[ROUTES.status], event_method="GET", machine_detection="continue",
        advanced_machine_detection={"behavior": "continue", "mode": "detect_beep"},
    ).model_dump(mode="json", by_alias=True, exclude_none=True)  # fmt: skip
    del by_sdk["answer_url"]
    assert ours == by_sdk


def test_a_document_elsewhere_says_itself_whether_to_record() -> None:
    there = asking(answer_url="https://there.test/answer?a=1")
    body = Talk(VONAGE, PHONE.dial(there, HELD), reply(CREATED, 201)).body()
    assert (body["answer_url"], "ncco" in body) == (["https://there.test/answer?a=1"], False)
    with pytest.raises(Failure) as refusal:
        next(PHONE.dial(asking(answer_url="https://there.test/answer", record=True), HELD))
    assert (refusal.value.kind, refusal.value.param) == (Kind.UNSUPPORTED, "record")


@pytest.mark.parametrize(
    "params",
    [
        {"a": "x" * MOST_HEADERS},
        {"a": "ü" * (MOST_HEADERS // 2)},
        {"event": "mine"},
        {"content-type": "mine"},
        {"a": "\ud800"},
    ],
    ids=["long", "long in bytes", "an event", "a format", "half a character"],
)
def test_what_cannot_be_told_on_the_socket_is_refused_before_it_is_sent(params: dict[str, str]) -> None:
    with pytest.raises(Failure) as refusal:
        next(PHONE.dial(asking(media_params=params), HELD))
    assert (refusal.value.kind, refusal.value.param) == (Kind.INVALID_REQUEST, "media.params")


@pytest.mark.parametrize("name", ["to", "from", "random_from_number"])
def test_no_option_names_another_number(name: str) -> None:
    with pytest.raises(Failure) as refusal:
        next(PHONE.dial(asking(extras={name: "any"}), HELD))
    assert (refusal.value.kind, refusal.value.param) == (Kind.INVALID_REQUEST, f"provider_options.{name}")


@pytest.mark.parametrize(
    "fields, state",
    [
        ({"status": "started"}, CallState.DIALING), ({"status": "ringing"}, CallState.RINGING),
        ({"status": "answered"}, CallState.ANSWERED), ({"status": "machine"}, CallState.MACHINE),
        ({"status": "completed"}, CallState.COMPLETED), ({"status": "busy"}, CallState.BUSY),
        ({"status": "cancelled"}, CallState.CANCELLED), ({"status": "failed"}, CallState.FAILED),
        ({"status": "rejected"}, CallState.REJECTED), ({"status": "timeout"}, CallState.NO_ANSWER),
        ({"status": "unanswered"}, CallState.NO_ANSWER),
    ],
)  # fmt: skip
def test_how_a_call_stands(fields: dict[str, Any], state: CallState) -> None:
    talk = Talk(VONAGE, PHONE.report(CALL, HELD), reply(resource(**fields)))
    assert talk.asked[0].url == f"{HOME}/{CALL}"
    assert (talk.answer.state, talk.answer.provider_state) == (state, fields["status"])
    assert (talk.answer.to, talk.answer.from_) == (TO, FROM)


def test_what_a_call_took_and_cost() -> None:
    over = resource(status="completed", duration="12", price="0.00333333", rate="0.1", network="23420")
    told = Talk(VONAGE, PHONE.report(CALL, HELD), reply(over)).answer
    assert (told.duration_s, told.price) == (12.0, "0.00333333 EUR")


def test_a_state_that_is_not_known_is_an_error_but_of_a_call_that_was_just_made() -> None:
    with pytest.raises(ProviderError) as error:
        Talk(VONAGE, PHONE.report(CALL, HELD), reply(resource(status="something new")))
    assert error.value.kind is Kind.BAD_RESPONSE
    made = Talk(VONAGE, PHONE.dial(asking(), HELD), reply({**CREATED, "status": "something new"}, 201)).answer
    assert (made.provider_call_id, made.state) == (CALL, CallState.DIALING)


def test_calls_that_may_be_the_one_are_found_page_by_page() -> None:
    socket = resource(uuid="w", to={"type": "websocket", "uri": ROUTES.media})
    came_in = resource(uuid="i", direction="inbound")
    elsewhere = resource(uuid="e", to={"type": "phone", "number": "49301234567"})
    from_another = resource(uuid="f", **{"from": {"type": "phone", "number": "15005550007"}})
    first = [resource(uuid="1"), socket, came_in, elsewhere, from_another]
    page = first + [resource(uuid=f"o{n}", direction="inbound") for n in range(95)]
    since = 1_795_773_609.7
    talk = Talk(
        VONAGE,
        PHONE.find(Lookup(to=TO, from_=FROM, reference="1", since=since), HELD),
        reply({"count": 101, "_embedded": {"calls": page}}),
        reply({"count": 101, "_embedded": {"calls": [resource(uuid="2", status="busy")]}}),
    )
    assert [one.provider_call_id for one in talk.answer] == ["1", "2"]
    assert [dict(parse_qsl(urlsplit(one.url).query)) for one in talk.asked] == [
        {"date_start": "2026-11-27T10:00:09Z", "page_size": "100", "record_index": index}
        for index in ("0", "100")
    ]
    nobody = Talk(
        VONAGE,
        PHONE.find(Lookup(to=TO, from_="", reference="1", since=since), HELD),
        reply({"_embedded": {"calls": first}}),
    )
    assert [one.provider_call_id for one in nobody.answer] == ["1", "f"]


# --- changing a call --------------------------------------------------------------------------


def control(**more: Any) -> Control:
    return Control(provider_call_id=CALL, state=CallState.ANSWERED, **more)


BAD = {
    "type": 400,
    "title": "Bad Request",
    "invalid_parameters": [{"name": "uuid", "reason": "is not active"}],
}


@pytest.mark.parametrize(
    "replies, asked",
    [
        ([HttpResponse(204, {}, b"")], ["PUT"]),
        ([refused(404, type="NOT_FOUND", error_title="Not Found")], ["PUT"]),
        ([refused(400, **BAD), reply(resource(status="completed"))], ["PUT", "GET"]),
        ([refused(400, **BAD), reply(resource(status="busy"))], ["PUT", "GET"]),
    ],
)
def test_a_call_is_hung_up_and_one_that_is_over_stays_so(replies: list[Any], asked: list[str]) -> None:
    talk = Talk(VONAGE, PHONE.hang_up(control(), HELD), *replies)
    assert [one.method for one in talk.asked] == asked
    assert {one.url for one in talk.asked} == {f"{HOME}/{CALL}"}
    assert talk.body(0) == {"action": "hangup"}
    assert talk.answer == Done()


@pytest.mark.parametrize(
    "replies, kind",
    [
        ([refused(401, type="UNAUTHORIZED", error_title="Unauthorized")], Kind.CREDENTIAL_REJECTED),
        ([refused(400, **BAD), reply(resource(status="ringing"))], Kind.INVALID_REQUEST),
        ([refused(400, **BAD), refused(500)], Kind.UPSTREAM),
    ],
)
def test_a_hang_up_that_was_refused_is_told(replies: list[Any], kind: Kind) -> None:
    with pytest.raises(ProviderError) as refusal:
        Talk(VONAGE, PHONE.hang_up(control(), HELD), *replies)
    assert refusal.value.kind is kind


def test_keys_are_pressed() -> None:
    talk = Talk(
        VONAGE, PHONE.send_dtmf(control(digits="1w2#"), HELD), reply({"message": "DTMF sent", "uuid": CALL})
    )
    assert (talk.asked[0].method, talk.asked[0].url) == ("PUT", f"{HOME}/{CALL}/dtmf")
    assert (talk.body(), talk.asked[0].idempotent) == ({"digits": "1p2#"}, False)


@pytest.mark.parametrize("caller", ["", FROM])
def test_a_call_is_sent_on_as_the_sdk_would(caller: str) -> None:
    asked = Transfer(provider_call_id=CALL, to="+4930999888", from_=caller)
    talk = Talk(VONAGE, PHONE.transfer(asked, HELD), HttpResponse(204, {}, b""))
    shown = {"from_": "15005550006"} if caller else {"randomFromNumber": True}
    by_sdk = Connect(endpoint=[{"type": "phone", "number": "4930999888"}], **shown)
    ncco = [by_sdk.model_dump(mode="json", by_alias=True, exclude_none=True)]
    assert talk.body() == {"action": "transfer", "destination": {"type": "ncco", "ncco": ncco}}
    assert (talk.asked[0].method, talk.asked[0].idempotent) == ("PUT", False)


# --- numbers, credentials, refusals -------------------------------------------------------------


def test_numbers_are_listed_page_by_page() -> None:
    many = [
        {"country": "DE", "msisdn": f"49301{n}", "type": "landline", "features": ["VOICE", "SMS"]}
        for n in range(100)
    ]
    talk = Talk(
        VONAGE,
        PHONE.numbers(FULL),
        reply({"count": 101, "numbers": many}),
        reply({"count": 101, "numbers": [{"country": "US", "msisdn": "15005550006"}]}),
    )
    assert [one.url for one in talk.asked] == [
        f"https://rest.nexmo.com/account/numbers?index={page}&size=100" for page in (1, 2)
    ]
    assert {one.auth for one in talk.asked} == {Basic("a1b2c3d4", "api_secret")}
    first, last = talk.answer.numbers[0], talk.answer.numbers[-1]
    assert (first.number, first.country, first.capabilities) == ("+493010", "DE", ("voice", "sms"))
    assert (last.number, last.capabilities, len(talk.answer.numbers)) == (FROM, (), 101)
    assert Talk(VONAGE, PHONE.numbers(FULL), reply({})).answer.numbers == ()
    with pytest.raises(Failure) as refusal:
        next(PHONE.numbers(HELD))
    assert refusal.value.param == "api_secret"


def test_a_credential_is_good_when_all_that_it_holds_is() -> None:
    none, balance = reply({"_embedded": {"calls": []}}), reply({"value": 3.14, "autoReload": False})
    [asked] = Talk(VONAGE, VONAGE.verify(HELD), none).asked
    assert (asked.url, asked.auth) == (f"{HOME}?page_size=1", ApplicationToken(APPLICATION))
    asked_both = Talk(VONAGE, VONAGE.verify(FULL), none, balance).asked
    assert asked_both[1].url == "https://rest.nexmo.com/account/get-balance"
    assert asked_both[1].auth == Basic("a1b2c3d4", "api_secret")
    half = Credential("vonage", FULL.fields, held=frozenset({"private_key"}))
    with pytest.raises(Failure) as refusal:
        Talk(VONAGE, VONAGE.verify(half), none)
    assert refusal.value.param == "api_secret"


def test_where_an_account_lives() -> None:
    there = Credential("vonage", {**HELD.fields, "region": "eu-3"}, held=HELD.held)
    assert next(VONAGE.verify(there)).url == "https://api-eu-3.vonage.com/v1/calls?page_size=1"
    mine = Credential("vonage", {**FULL.fields, "base_url": "http://127.0.0.1:9/vonage/"}, held=FULL.held)
    assert next(VONAGE.verify(mine)).url == "http://127.0.0.1:9/vonage/v1/calls?page_size=1"
    assert next(PHONE.numbers(mine)).url.startswith("http://127.0.0.1:9/vonage/account/numbers?")
    assert next(PHONE.report("a/../b?c", HELD)).url == f"{HOME}/a%2F..%2Fb%3Fc"
    for region in ("eu/3", "x.evil.test", "eu-3@evil.test"):
        nowhere = Credential("vonage", {**HELD.fields, "region": region}, held=HELD.held)
        with pytest.raises(Failure) as refusal:
            next(VONAGE.verify(nowhere))
        assert refusal.value.param == "region"


LOW = "https://developer.nexmo.com/api-errors/#low-balance"


@pytest.mark.parametrize(
    "status, said, kind, words",
    [
        (401, {"type": "UNAUTHORIZED", "error_title": "Unauthorized"}, Kind.CREDENTIAL_REJECTED, "private_key"),
        (401, {"error-code": "401", "error-code-label": "authentication failed"}, Kind.CREDENTIAL_REJECTED, "api_secret"),
        (403, {"title": "Forbidden", "detail": "not yours"}, Kind.PERMISSION, "Forbidden: not yours"),
        (404, {"type": "NOT_FOUND", "error_title": "Not Found"}, Kind.NOT_FOUND, "Not Found"),
        (429, {"type": LOW, "title": "Low balance", "detail": "too low", "instance": "i"}, Kind.QUOTA, "Low balance"),
        (429, {"title": "Rate Limit Hit"}, Kind.RATE_LIMITED, "Rate Limit Hit"),
        (400, BAD, Kind.INVALID_REQUEST, "Bad Request: uuid is not active"),
        (400, {"title": "Bad Request", "invalid_parameters": {"to": 1}}, Kind.INVALID_REQUEST, "Bad Request"),
        (503, {}, Kind.OVERLOADED, "answered 503"),
    ],
)  # fmt: skip
def test_refusals(status: int, said: dict[str, Any], kind: Kind, words: str) -> None:
    error = VONAGE.fault(refused(status, **said))
    assert (error.kind, error.refusal.status) == (kind, status)
    assert words in error.message
    assert error.refusal.request_id == said.get("instance")


def test_only_the_signature_secret_proves_a_webhook() -> None:
    claims = (("api_key", "a1b2c3d4"), ("application_id", APPLICATION))
    assert PHONE.proof(FULL) == BodyJwt("signature_secret", issuer="Vonage", claims=claims)
    assert PHONE.proof(HELD) is None
    assert PHONE.media_proof(HELD) == ByPath()


# --- webhooks ---------------------------------------------------------------------------------


def notice(*, method: str = "POST", **fields: Any) -> Notice:
    said = {("from" if name == "from_" else name): value for name, value in fields.items()}
    if method == "GET":
        return Notice(method="GET", fields=tuple(said.items()))
    return Notice(method="POST", body=json.dumps(said).encode(), content_type="application/json")


TOLD = {
    "uuid": CALL, "conversation_uuid": TALK, "from_": "15005550006", "to": "4930123456", "direction": "outbound",
    "timestamp": "2026-11-27T10:00:09.000Z",
}  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_status_is_told_with_its_place_and_time(method: str) -> None:
    over = TOLD | {
        "status": "completed", "duration": "7", "price": "0.00015000", "rate": "0.0045", "sip_code": "200",
        "start_time": "2026-11-27T10:00:02.000Z", "end_time": "2026-11-27T10:00:09.000Z", "disconnected_by": "user",
    }  # fmt: skip
    [event] = PHONE.events(notice(method=method, **over))
    assert (event.provider_call_id, event.sequence, event.at) == (CALL, 4, 1795773609.0)
    assert (event.direction, event.note) == (Direction.OUTBOUND, "")
    assert event.report is not None
    assert (event.report.state, event.report.duration_s, event.report.price) == (
        CallState.COMPLETED, 7.0, "0.00015000 EUR",
    )  # fmt: skip
    assert (event.report.from_, event.report.to, event.report.provider_code) == (FROM, TO, "200")
    assert event.detail == {
        "start_time": over["start_time"], "end_time": over["end_time"], "disconnected_by": "user",
    }  # fmt: skip


def test_the_states_of_a_call_come_in_an_order_and_have_keys_of_their_own() -> None:
    told = [
        PHONE.events(notice(**TOLD, status=status))[0]
        for status in ("started", "ringing", "answered", "human", "completed")
    ]
    assert [one.sequence for one in told] == [0, 1, 2, 3, 4]
    assert len({one.key for one in told}) == 5
    again = PHONE.events(notice(**{**TOLD, "timestamp": "2026-11-27T11:00:00Z"}, status="ringing"))[0]
    assert again.key == told[1].key


@pytest.mark.parametrize(
    "fields, state, code",
    [
        ({"status": "machine", "call_uuid": CALL}, CallState.MACHINE, ""),
        ({"status": "machine", "call_uuid": CALL, "sub_state": "beep_start"}, CallState.MACHINE, "beep_start"),
        ({"status": "human", "call_uuid": CALL}, CallState.ANSWERED, ""),
        ({"status": "failed", "uuid": CALL, "detail": "cannot_route", "sip_code": 404}, CallState.FAILED, "404"),
        ({"status": "rejected", "uuid": CALL, "detail": "restricted"}, CallState.REJECTED, "restricted"),
        ({"status": "timeout", "uuid": CALL}, CallState.NO_ANSWER, ""),
        ({"status": "answered", "uuid": CALL, "start_time": None, "rate": None}, CallState.ANSWERED, ""),
    ],
)  # fmt: skip
def test_what_a_status_means(fields: dict[str, Any], state: CallState, code: str) -> None:
    [event] = PHONE.events(notice(**fields))
    assert event.report is not None
    assert (event.provider_call_id, event.report.state, event.report.provider_code) == (CALL, state, code)


@pytest.mark.parametrize(
    "status", ["started", "answered", "disconnected", "completed", "unanswered", "failed"]
)
def test_the_sockets_own_leg_is_never_the_call(status: str) -> None:
    [event] = PHONE.events(notice(**TOLD | {"uuid": LEG, "to": ROUTES.media}, status=status))
    assert (event.provider_call_id, event.report, event.note) == ("", None, f"websocket {status}")


def test_what_is_told_beside_the_call() -> None:
    url = "https://api.nexmo.com/v1/files/1"
    beside = {"conversation_uuid": TALK, "timestamp": "2026-11-27T10:00:09.000Z"}
    told = [
        PHONE.events(notice(**fields, **beside))[0]
        for fields in (
            {"recording_url": url, "recording_uuid": "r1", "size": 12222, "start_time": "s", "end_time": "e"},
            {"reason": "Syntax error in NCCO. Invalid value type or action."},
            {
                "type": "transfer",
                "uuid": CALL,
                "conversation_uuid_from": TALK,
                "conversation_uuid_to": "CON-2",
            },
            {"uuid": CALL, "status": "something-new", "to": "4930123456"},
            {"uuid": CALL, "dtmf": {"digits": "42", "timed_out": True}},
        )
    ]
    assert [one.note for one in told] == ["recording", "error", "transfer", "something-new", "event"]
    assert {(one.provider_call_id, one.report) for one in told} == {("", None)}
    assert told[0].detail == {
        "recording_url": url, "recording_uuid": "r1", "size": "12222", "start_time": "s", "end_time": "e",
    }  # fmt: skip
    assert "NCCO" in told[1].detail["reason"]
    assert len({one.key for one in told}) == 5


@pytest.mark.parametrize(
    "body", [b"nonsense", b"[]", b'"x"', b'{"uuid": 1}', b'{"uuid": "x", "status": []}', b"\xff"]
)
def test_what_is_no_webhook_is_refused(body: bytes) -> None:
    told = Notice(method="POST", body=body, content_type="application/json")
    with pytest.raises(Failure) as refusal:
        PHONE.events(told)
    assert refusal.value.kind is Kind.INVALID_REQUEST


def test_a_call_without_a_name_does_not_come_in() -> None:
    for told in (notice(to="1"), notice(method="GET", to="1"), Notice(method="POST", body=b'{"uuid": 1}')):
        with pytest.raises(Failure):
            PHONE.arrival(told)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_call_that_comes_in_is_connected(method: str) -> None:
    arrived = PHONE.arrival(notice(
        method=method, uuid=CALL, conversation_uuid=TALK, from_="4930123456", to="15005550006",
        region_url="https://api-eu-3.vonage.com", SipHeader_X_UserId="7", something="else",
    ))  # fmt: skip
    assert (arrived.provider_call_id, arrived.from_, arrived.to) == (CALL, TO, FROM)
    assert arrived.metadata == {
        "conversation_uuid": TALK, "region_url": "https://api-eu-3.vonage.com", "SipHeader_X_UserId": "7",
    }  # fmt: skip
    document = PHONE.answer(arrived, ROUTES, {"x": "'\"<&>\n"}, HELD)
    assert document.content_type == "application/json"
    [connect] = json.loads(document.body)
    assert connect == connecting(headers={"x": "'\"<&>\n"})
    assert as_sdk_reads(connect) == connect


def test_who_calls_may_be_nobodys_number() -> None:
    hidden = PHONE.arrival(notice(uuid=CALL, from_="anonymous", to="15005550006"))
    assert hidden.from_ == "anonymous"
    assert PHONE.arrival(notice(uuid=CALL, from_user="jane", to="15005550006")).from_ == "jane"
    [connect] = json.loads(
        PHONE.answer(Arrival(provider_call_id=CALL, from_="", to="sip-user"), ROUTES, {}, HELD).body
    )
    assert as_sdk_reads(connect) == connect
    assert connect["randomFromNumber"] is True


SAID = st.dictionaries(
    st.sampled_from(["uuid", "call_uuid", "status", "to", "from", "timestamp", "duration", "price", "sip_code", "type"]),
    st.none() | st.text("a0:-+TZü\ud800", max_size=20) | st.integers() | st.sampled_from(["completed", "9999-12-31T23:59:59Z", "0001-01-01"]),
)  # fmt: skip


@given(SAID)
def test_whatever_a_notice_says_is_read_or_refused(fields: dict[str, Any]) -> None:
    asked = Notice(method="GET", fields=tuple((name, str(value)) for name, value in fields.items()))
    for told in (Notice(method="POST", body=json.dumps(fields).encode()), asked):
        for read in (PHONE.events, PHONE.arrival):
            try:
                read(told)
            except Failure as refusal:
                assert refusal.kind is Kind.INVALID_REQUEST


# --- examples from its documentation ------------------------------------------------------------

FOLDER = os.environ.get("REFERENCE_DIR", "")
EXAMPLES = sorted((Path(FOLDER) / "traffic/handwritten/vonage").rglob("*.json")) if FOLDER else []

if EXAMPLES:

    def example(source: str) -> HttpResponse:
        for path in EXAMPLES:
            told = json.loads(path.read_text())
            if told["source"]["path"].endswith(f"/{source}"):
                return reply(told["response"]["body"], told["response"]["status"])
        raise LookupError(source)

    def test_the_documented_answers_are_read() -> None:
        made = Talk(VONAGE, PHONE.dial(asking(), HELD), example("create_call.json")).answer
        assert (made.provider_call_id, made.state) == (
            "106a581a-34d0-432a-a625-220221fd434f",
            CallState.DIALING,
        )
        over = Talk(VONAGE, PHONE.report(CALL, HELD), example("get_call.json")).answer
        assert (over.state, over.to, over.duration_s, over.price) == (
            CallState.COMPLETED, "+1234567890", 2.0, "0.00333333 EUR",
        )  # fmt: skip
        listed = example("list_calls_filter.json")
        ours = Lookup(to="+1234567890", from_="+9876543210", reference="1", since=0.0)
        [found] = Talk(VONAGE, PHONE.find(ours, HELD), listed).answer
        assert found.provider_call_id == "1acdf499-83ae-4861-a694-9e47a98c505d"
        [owned] = Talk(VONAGE, PHONE.numbers(FULL), example("list_owned_numbers_subset.json")).answer.numbers
        assert (owned.number, owned.country, owned.capabilities) == ("+3400000000", "ES", ("sms",))
        assert Talk(VONAGE, PHONE.numbers(FULL), example("nothing.json")).answer.numbers == ()

    def test_the_documented_refusals_are_told_apart() -> None:
        unknown, poor = (VONAGE.fault(example(name)) for name in ("404.json", "low_balance_error.json"))
        assert (unknown.kind, unknown.refusal.request_id) == (
            Kind.NOT_FOUND,
            "00a5916655d650e920ccf0daf40ef4ee",
        )
        assert (poor.kind, poor.refusal.code) == (Kind.QUOTA, "Low balance")
