"""The Twilio emulator, driven by Twilio's own SDK, whose validator also judges what the emulator signs."""

import asyncio
import json
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.voice_response import Connect, VoiceResponse

from integration_api.core.credential import Credential
from integration_api.providers.twilio import TWILIO
from integration_api.services import proof
from lab import Fault, Lab, mouth, web
from lab.carrier import Arrival, Delivery, Leg
from lab.http import Peer
from lab.phone import Act, Phone
from lab.twilio import Twilio
from tests.lab.callee import Callee, listening, silent, until
from tests.lab.twilio_sdk import Rewritten

ACCOUNT = "AC00000000000000000000000000000001"
TOKEN = "0123456789abcdef0123456789abcdef"
TO, FROM = "+4930123456", "+15005550006"
EVENTS = ["initiated", "ringing", "answered", "completed"]
FAST = 50.0


@pytest.fixture
async def us() -> AsyncIterator[Callee]:
    async with listening() as callee:
        yield callee


@pytest.fixture
def twilio(lab: Lab) -> Client:
    return Client(ACCOUNT, TOKEN, http_client=Rewritten(lab))


@pytest.fixture
def carrier(lab: Lab) -> Twilio:
    found = lab.carriers["twilio"]
    assert isinstance(found, Twilio)
    return found


def connecting(us: Callee, *more: str, **params: str) -> str:
    response = VoiceResponse()
    connect = Connect()
    socket = connect.stream(url=f"{us.ws}/media", status_callback=f"{us.http}/stream")
    for name, value in params.items():
        socket.parameter(name=name, value=value)
    response.append(connect)
    return str(response)


async def created(twilio: Client, us: Callee, **more: Any) -> Any:
    asked = {
        "to": TO, "from_": FROM, "twiml": connecting(us), "status_callback": f"{us.http}/status",
        "status_callback_event": EVENTS, **more,
    }  # fmt: skip
    return await asyncio.to_thread(lambda: twilio.calls.create(**asked))


async def done(carrier: Twilio, sid: str) -> Leg:
    async with asyncio.timeout(60):
        await carrier.legs[sid].done.wait()
    return carrier.legs[sid]


def said(*acts: Act, **more: Any) -> Phone:
    return Phone(acts=list(acts), **{"speed": FAST, **more})


# --- calls and what is told of them -----------------------------------------------------------


async def test_a_call_is_told_of_in_signed_notices_that_the_sdk_and_we_accept(
    lab, us, twilio, carrier
) -> None:
    carrier.phones[TO] = said(Act(says="Hi"), Act(hangs_up=True))
    call = await created(twilio, us)
    assert (call.status, call.to, call._from, call.direction) == ("queued", TO, FROM, "outbound-api")
    await done(carrier, call.sid)
    told = us.forms("/status")
    assert [one["CallStatus"] for one in told] == ["initiated", "ringing", "in-progress", "completed"]
    assert [one["SequenceNumber"] for one in told] == ["0", "1", "2", "3"]
    assert {(one["CallSid"], one["AccountSid"]) for one in told} == {(call.sid, ACCOUNT)}
    assert told[-1]["CallDuration"].isdecimal()
    assert [one["StreamEvent"] for one in us.forms("/stream")] == ["stream-started", "stream-stopped"]
    validator = RequestValidator(TOKEN)
    for one in us.told:
        assert validator.validate(one.url, one.form, one.headers["x-twilio-signature"])
        assert not validator.validate(one.url, one.form | {"To": "+1"}, one.headers["x-twilio-signature"])
    [shaken] = us.handshakes
    assert validator.validate(f"{us.ws}/media", {}, shaken.header("x-twilio-signature"))
    ours = TWILIO.telephony.proof(Credential("twilio", held=frozenset({"account_token"})))
    for method, url, headers, body in (
        *(("POST", one.url, one.headers, one.body) for one in us.told),
        ("GET", f"{us.ws}/media", shaken.headers, b""),
    ):
        raw = {name.encode(): value.encode() for name, value in headers.items()}
        evidence = proof.Evidence(method=method, url=url, headers=raw, body=body)
        proof.check(ours, evidence, Held(), proof.Gate(replay_seconds=300.0), time.time())
    gone = await asyncio.to_thread(twilio.calls(call.sid).fetch)
    assert (gone.status, gone.price_unit, gone.end_time is not None) == ("completed", "USD", True)


class Held:
    def reveal(self, field: str) -> bytearray:
        assert field == "account_token"
        return bytearray(TOKEN.encode())


@pytest.mark.parametrize(
    "picks_up, status, code",
    [
        ("busy", "busy", "486"),
        ("rejects", "busy", "603"),
        ("no", "no-answer", "480"),
        ("unreachable", "failed", "404"),
    ],
)
async def test_a_call_that_nobody_takes(us, twilio, carrier, picks_up, status, code) -> None:
    carrier.phones["*"] = Phone(picks_up=picks_up, rings_ms=40, speed=FAST)
    call = await created(twilio, us, timeout=2)
    leg = await done(carrier, call.sid)
    assert [one["CallStatus"] for one in us.forms("/status")] == ["initiated", "ringing", status]
    assert us.forms("/status")[-1]["SipResponseCode"] == code
    assert (leg.state, leg.sockets) == (status, 0)


async def test_a_machine_is_told_of_beside_the_call_or_within_it(us, twilio, carrier) -> None:
    carrier.phones[TO] = said(Act(hangs_up=True), picks_up="machine")
    beside = await created(
        twilio, us, machine_detection="Enable", async_amd="true",
        async_amd_status_callback=f"{us.http}/amd", record=True, recording_status_callback=f"{us.http}/tape",
    )  # fmt: skip
    await done(carrier, beside.sid)
    [detected] = us.forms("/amd")
    assert (detected["CallSid"], detected["AnsweredBy"]) == (beside.sid, "machine_start")
    [tape] = us.forms("/tape")
    assert (tape["RecordingStatus"], tape["RecordingSid"][:2]) == ("completed", "RE")
    us.told.clear()
    await done(carrier, (await created(twilio, us, machine_detection="Enable")).sid)
    assert us.forms("/status")[2]["AnsweredBy"] == "machine_start"


async def test_without_events_only_the_end_is_told(us, twilio, carrier) -> None:
    carrier.phones[TO] = said(Act(hangs_up=True))
    await done(carrier, (await created(twilio, us, status_callback_event=[])).sid)
    assert [one["CallStatus"] for one in us.forms("/status")] == ["completed"]


async def test_calls_are_listed_and_found_page_by_page(us, twilio, carrier) -> None:
    carrier.phones["*"] = Phone(picks_up="busy")
    made = [(await created(twilio, us, to=f"+493000000{n % 2}")).sid for n in range(5)]
    listed = await asyncio.to_thread(lambda: twilio.calls.list(page_size=2))
    assert [one.sid for one in listed] == made[::-1]
    some = await asyncio.to_thread(lambda: twilio.calls.list(to="+4930000000", from_=FROM, page_size=2))
    assert [one.sid for one in some] == made[4::-2]
    numbers = await asyncio.to_thread(lambda: twilio.incoming_phone_numbers.list(page_size=1))
    assert [one.phone_number for one in numbers] == ["+15005550006", "+15005550016", "+15005550026"]
    assert numbers[0].capabilities["voice"] is True
    account = await asyncio.to_thread(twilio.api.accounts(ACCOUNT).fetch)
    assert account.status == "active"


@pytest.mark.parametrize(
    "asked, code",
    [
        ({"to": ""}, 21201), ({"from_": ""}, 21213), ({"to": "+15005550001"}, 21211), ({"to": "030"}, 21211),
        ({"to": "+15005550002"}, 21214), ({"to": "+15005550003"}, 21215), ({"to": "+15005550004"}, 21216),
        ({"from_": "+15005550001"}, 21212), ({"from_": "+15005550007"}, 21210), ({"twiml": None}, 21205),
        ({"url": "nowhere"}, 21205), ({"status_callback": "nowhere"}, 21609), ({"twiml": "<Response>" + "x" * 4000}, 20001),
    ],
)  # fmt: skip
async def test_what_twilio_would_refuse_is_refused_in_its_words(us, twilio, carrier, asked, code) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        await created(twilio, us, **asked)
    assert (refusal.value.status, refusal.value.code) == (400, code)
    assert not carrier.legs


async def test_keys_say_what_they_are_good_for(lab, us, twilio) -> None:
    def asked(account: str, user: str, secret: str, path: str) -> Any:
        client = Client(user, secret, account, http_client=Rewritten(lab))
        return client.api.accounts(account).fetch() if path == "account" else client.calls.list(limit=1)

    for account, user, secret, status, code in (
        ("AC9", "AC9", "invalid", 401, 20003), ("AC9", "AC9", "forbidden", 403, 20006),
        ("AC9", "AC8", "good", 401, 20003), ("AC9", "SK1", "good", 401, 20003),
    ):  # fmt: skip
        with pytest.raises(TwilioRestException) as refusal:
            await asyncio.to_thread(asked, account, user, secret, "account")
        assert (refusal.value.status, refusal.value.code) == (status, code)
    assert await asyncio.to_thread(asked, "AC9", "SK1", "good", "calls") == []
    assert (await asyncio.to_thread(asked, "AC7", "AC7", "noquota", "account")).status == "suspended"
    assert (await asyncio.to_thread(asked, "AC9", "AC9", "first", "account")).status == "active"
    with pytest.raises(TwilioRestException):
        await asyncio.to_thread(asked, "AC9", "AC9", "another", "account")
    with pytest.raises(TwilioRestException) as unknown:
        await asyncio.to_thread(twilio.calls("CA0").fetch)
    assert (unknown.value.status, unknown.value.code) == (404, 20404)
    lab.fault("twilio", Fault(status=503))
    with pytest.raises(TwilioRestException) as broken:
        await asyncio.to_thread(twilio.calls("CA0").fetch)
    assert (broken.value.status, broken.value.code) == (503, 20503)


# --- pace and deliveries ----------------------------------------------------------------------


async def test_more_calls_than_the_account_may_make_wait_their_turn(us, twilio, carrier) -> None:
    carrier.phones["*"] = Phone(picks_up="busy")
    carrier.calls_per_second = 20
    legs = [await done(carrier, (await created(twilio, us)).sid) for _ in range(2)]
    assert all(leg.ended_at - leg.asked_at >= leg.more["wait"] for leg in legs)
    carrier.calls_per_second = 0.01
    legs = [carrier.legs[(await created(twilio, us)).sid] for _ in range(3)]
    assert legs[0].more["wait"] < 1 < 50 < legs[1].more["wait"] < 101 < legs[2].more["wait"] < 201
    await asyncio.to_thread(lambda: twilio.calls(legs[1].id).update(status="canceled"))
    assert (await done(carrier, legs[1].id)).state == "canceled"
    assert legs[2].state == "queued"


async def test_or_they_are_refused_and_when_each_was_asked_for_is_known(us, twilio, carrier) -> None:
    carrier.calls_per_second, carrier.excess = 0.01, "refuse"
    before = time.monotonic()
    await created(twilio, us)
    with pytest.raises(TwilioRestException) as refusal:
        await created(twilio, us)
    assert (refusal.value.status, refusal.value.code) == (429, 20429)
    assert [let_in for _, let_in in carrier.asked] == [True, False]
    assert before < carrier.asked[0][0] < carrier.asked[1][0] < time.monotonic()


@pytest.mark.parametrize(
    "deliveries, statuses",
    [
        ([Delivery(how="twice", times=0)], ["initiated"] * 2 + ["ringing"] * 2 + ["busy"] * 2),
        ([Delivery(how="late", of="ringing")], ["initiated", "busy", "ringing"]),
        ([Delivery(how="late", of="busy")], ["initiated", "ringing", "busy"]),
        ([Delivery(how="lost", of="ringing")], ["initiated", "busy"]),
        ([Delivery(delay_ms=60)], ["ringing", "busy", "initiated"]),
    ],
    ids=["twice", "out of order", "late and last", "lost", "delayed"],
)
async def test_notices_go_astray(us, twilio, carrier, deliveries, statuses) -> None:
    carrier.phones["*"] = Phone(picks_up="busy")
    carrier.deliveries.waiting = deliveries
    await created(twilio, us)
    await until(lambda: len(us.told) == len(statuses))
    assert [one["CallStatus"] for one in us.forms("/status")] == statuses
    assert {one["SequenceNumber"] for one in us.forms("/status")} <= {"0", "1", "2"}


async def test_a_notice_that_finds_nobody_is_sent_again_once(us, twilio, carrier) -> None:
    carrier.phones["*"] = Phone(picks_up="busy")
    call = await created(
        twilio, us, status_callback="http://127.0.0.1:9/status", status_callback_event=["completed"]
    )
    leg = await done(carrier, call.sid)
    assert [one.statuses for one in leg.notices.sent] == [[0, 0]]


# --- the media socket -------------------------------------------------------------------------


class Ours:
    """What our side hears, and says after the start: messages, or how many milliseconds to hear first."""

    def __init__(self, *plan: dict[str, Any] | int, leaves: bool = False) -> None:
        self.plan = list(plan)
        self.leaves = leaves
        self.heard = b""
        self.events: list[dict[str, Any]] = []

    def of(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one["event"] == event]

    async def __call__(self, peer: Peer) -> None:
        stream = ""
        while (message := await peer.receive()) is not None:
            told = json.loads(message)
            self.events.append(told)
            if told["event"] == "start":
                stream = told["streamSid"]
            elif told["event"] == "media":
                self.heard += b64decode(told["media"]["payload"])
            while stream and self.plan:
                if isinstance(self.plan[0], int):
                    if len(self.heard) < self.plan[0] * 8:
                        break
                    self.plan.pop(0)
                else:
                    await peer.send(json.dumps({"streamSid": stream, **self.plan.pop(0)}))
            if stream and self.leaves and not self.plan:
                return


def media(sound: bytes) -> dict[str, Any]:
    return {"event": "media", "media": {"payload": b64encode(sound).decode()}}


def mark(name: str) -> dict[str, Any]:
    return {"event": "mark", "mark": {"name": name}}


async def test_sound_goes_both_ways_to_the_sample_with_keys_and_marks(us, twilio, carrier) -> None:
    answer = mouth.mulaw("Good day to you")
    us.talk = ours = Ours(100, media(answer[:999]), media(answer[999:]), mark("said"))
    carrier.phones[TO] = said(
        Act(says="Hello"), Act(presses="1#"), Act(sound=b64encode(b"\x11" * 200).decode()),
        Act(waits_ms=60), Act(awaits="said"), Act(hangs_up=True),
    )  # fmt: skip
    call = await created(twilio, us, twiml=connecting(us, who='a "b"'))
    leg = await done(carrier, call.sid)
    assert [one["event"] for one in ours.events[:2]] == ["connected", "start"]
    assert "sequenceNumber" not in ours.events[0]
    numbers = [int(one["sequenceNumber"]) for one in ours.events[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    start = ours.events[1]["start"]
    assert (start["callSid"], start["accountSid"], start["customParameters"]) == (
        call.sid, ACCOUNT, {"who": 'a "b"'},
    )  # fmt: skip
    assert start["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    frames = ours.of("media")
    assert {len(b64decode(one["media"]["payload"])) for one in frames} == {160}
    times = [int(one["media"]["timestamp"]) for one in frames]
    assert times == sorted(times)
    assert all(time % 20 == 0 for time in times)
    assert ours.heard == bytes(leg.line.said)
    assert ours.heard.startswith(mouth.mulaw("Hello"))
    assert b"\x11" * 200 + b"\xff" * 120 in ours.heard
    assert [one["dtmf"]["digit"] for one in ours.of("dtmf")] == ["1", "#"]
    assert [one["mark"]["name"] for one in ours.of("mark")] == ["said"]
    assert bytes(leg.line.heard) == answer
    assert ours.events[-1]["event"] == "stop"
    assert leg.complaints == []


async def test_a_mark_comes_back_when_what_is_before_it_has_been_played(us, twilio, carrier) -> None:
    us.talk = ours = Ours(mark("first"), media(b"\x01" * 800), mark("second"))
    carrier.phones[TO] = said(Act(awaits="second"), Act(hangs_up=True))
    await done(carrier, (await created(twilio, us)).sid)
    order = [
        one["mark"]["name"] if one["event"] == "mark" else int(one["media"]["timestamp"])
        for one in ours.events
        if one["event"] in ("mark", "media")
    ]
    first, second = order.index("first"), order.index("second")
    assert len([one for one in order[first:second] if isinstance(one, int)]) == 5


async def test_a_clear_silences_at_once_and_sends_back_the_marks_that_wait(us, twilio, carrier) -> None:
    us.talk = ours = Ours(
        media(b"\x01" * 1600), mark("a"), media(b"\x02" * 80_000), mark("b"), 400, {"event": "clear"}, media(b"\x03" * 160), mark("c"),
    )  # fmt: skip
    carrier.phones[TO] = said(Act(awaits="c"), Act(hangs_up=True), speed=10)
    leg = await done(carrier, (await created(twilio, us)).sid)
    assert [one["mark"]["name"] for one in ours.of("mark")] == ["a", "b", "c"]
    assert leg.line.heard.endswith(b"\x03" * 160)
    [cleared] = leg.line.cleared
    played = len(leg.line.heard) - 160
    assert (cleared.heard_bytes, cleared.dropped_bytes) == (played, 81_600 - played)
    assert 1600 < played < 81_600


async def test_leaving_the_socket_ends_the_call(us, twilio, carrier) -> None:
    us.talk = Ours(40, leaves=True)
    carrier.phones[TO] = said()
    leg = await done(carrier, (await created(twilio, us)).sid)
    assert (leg.state, us.forms("/status")[-1]["CallStatus"]) == ("completed", "completed")


@pytest.mark.parametrize("how", ["reset", "fin"])
async def test_the_socket_is_lost_in_the_middle_of_a_word(us, twilio, carrier, how) -> None:
    us.talk = ours = Ours()
    carrier.phones[TO] = said(Act(says="Hel"), Act(loses=how))
    leg = await done(carrier, (await created(twilio, us)).sid)
    await until(lambda: ours.heard == mouth.mulaw("Hel"))
    assert (leg.state, ours.of("stop")) == ("completed", [])


@pytest.mark.parametrize(
    "message",
    [
        {"event": "media", "streamSid": "MZ1", "media": {"payload": ""}}, {"event": "speak"}, {"event": "mark", "mark": {}},
        {"event": "media", "media": {"payload": "?"}},
    ],
)  # fmt: skip
async def test_what_is_no_message_ends_the_stream(us, twilio, carrier, message) -> None:
    us.talk = Ours(message)
    carrier.phones[TO] = said()
    leg = await done(carrier, (await created(twilio, us)).sid)
    assert leg.complaints[0].startswith("31951")
    assert [one.get("StreamError") for one in us.forms("/stream")] == [None, "31951", None]


async def test_a_socket_that_is_refused_is_told_of(us, twilio, carrier) -> None:
    carrier.phones[TO] = said()
    us.status = 403
    leg = await done(carrier, (await created(twilio, us)).sid)
    [error] = us.forms("/stream")
    assert (error["StreamEvent"], error["StreamError"], leg.state) == ("stream-error", "31920", "completed")


@pytest.mark.parametrize("url", ["wss://x.test/media?a=1", "ws://x.test/media", "https://x.test/media"])
async def test_a_stream_that_twilio_would_not_open(us, twilio, carrier, url) -> None:
    twiml = f'<Response><Connect><Stream url="{url}"/></Connect></Response>'
    leg = await done(carrier, (await created(twilio, us, twiml=twiml)).sid)
    assert leg.complaints[0].startswith("31920")


# --- changing a call --------------------------------------------------------------------------


async def test_a_call_is_ended_while_it_rings_or_is_spoken_on(us, twilio, carrier) -> None:
    carrier.phones[TO] = Phone(rings_ms=60_000)
    ringing = await created(twilio, us)
    await until(lambda: len(us.forms("/status")) == 2)
    told = await asyncio.to_thread(lambda: twilio.calls(ringing.sid).update(status="canceled"))
    assert told.status == "canceled"
    await done(carrier, ringing.sid)
    assert us.forms("/status")[-1]["CallStatus"] == "canceled"
    us.talk = ours = Ours()
    carrier.phones[TO] = said()
    call = await created(twilio, us)
    await until(lambda: bool(ours.heard))
    kept = await asyncio.to_thread(lambda: twilio.calls(call.sid).update(status="canceled"))
    assert kept.status == "in-progress"
    await asyncio.to_thread(lambda: twilio.calls(call.sid).update(status="completed"))
    await done(carrier, call.sid)
    assert ours.events[-1]["event"] == "stop"
    for asked in ({"status": "completed"}, {"twiml": "<Response/>"}):
        with pytest.raises(TwilioRestException) as refusal:
            await asyncio.to_thread(lambda asked=asked: twilio.calls(call.sid).update(**asked))
        assert refusal.value.code == 21220


async def test_keys_are_pressed_and_the_sound_goes_on_on_another_socket(us, twilio, carrier) -> None:
    us.talk = ours = Ours()
    carrier.phones[TO] = said()
    call = await created(twilio, us)
    await until(lambda: bool(ours.heard))
    response = VoiceResponse()
    response.play(digits="12#")
    again = connecting(us).replace("</Response>", "").partition("<Response>")[2]
    twiml = str(response).replace("</Response>", f"{again}</Response>")
    await asyncio.to_thread(lambda: twilio.calls(call.sid).update(twiml=twiml))
    await until(lambda: len(us.handshakes) == 2 and len(ours.of("start")) == 2)
    first, second = (one["streamSid"] for one in ours.of("start"))
    assert first != second
    assert [one["streamSid"] for one in ours.of("stop")] == [first]
    leg = carrier.legs[call.sid]
    assert (leg.keyed, leg.sockets) == ("12#", 2)
    carrier.act(leg, [Act(hangs_up=True)])
    await done(carrier, call.sid)


async def test_a_call_is_sent_on_until_the_other_hangs_up(us, twilio, carrier) -> None:
    us.talk = ours = Ours()
    carrier.phones[TO] = said()
    carrier.phones["+4930999"] = said(Act(waits_ms=100), Act(hangs_up=True))
    call = await created(twilio, us)
    await until(lambda: bool(ours.heard))
    response = VoiceResponse()
    response.dial("+4930999", caller_id=FROM)
    await asyncio.to_thread(lambda: twilio.calls(call.sid).update(twiml=str(response)))
    leg = await done(carrier, call.sid)
    assert (leg.went_to, leg.state, len(ours.of("stop"))) == (["+4930999"], "completed", 1)


async def test_a_call_is_over_when_its_time_is(us, twilio, carrier) -> None:
    us.talk = silent
    carrier.phones[TO] = said()
    leg = await done(carrier, (await created(twilio, us, time_limit=2)).sid)
    assert leg.state == "completed"


# --- calls that come in, and other documents ----------------------------------------------------


async def test_a_call_comes_in_and_is_connected(us, carrier) -> None:
    carrier.tokens[ACCOUNT] = TOKEN
    us.talk = ours = Ours()
    us.answers["/answer"] = connecting(us).encode()
    phone = said(Act(says="Hello"), Act(hangs_up=True))
    leg = carrier.arrive(
        Arrival(to=FROM, from_=TO, url=f"{us.http}/answer", status=f"{us.http}/status", phone=phone)
    )
    await done(carrier, leg.id)
    [asked] = [one for one in us.told if one.path == "/answer"]
    assert (asked.form["From"], asked.form["To"], asked.form["Direction"]) == (TO, FROM, "inbound")
    assert asked.form["CallStatus"] == "ringing"
    assert RequestValidator(TOKEN).validate(asked.url, asked.form, asked.headers["x-twilio-signature"])
    assert ours.heard == mouth.mulaw("Hello")
    assert [one["CallStatus"] for one in us.forms("/status")] == ["completed"]


async def test_what_a_document_may_say_besides(us, carrier) -> None:
    us.answers["/one"] = (
        b"<Response><Pause length='1'/><Redirect>" + us.http.encode() + b"/two</Redirect></Response>"
    )
    us.answers["/two"] = b"<Response><Play digits='1w2'/><Hangup/></Response>"
    us.answers["/no"] = b"<Response><Reject/></Response>"
    us.answers["/bad"] = b"<Response"
    phone = said()
    arrived = {
        path: carrier.arrive(Arrival(to=FROM, from_=TO, url=f"{us.http}{path}", phone=phone))
        for path in ("/one", "/no", "/bad")
    }
    for leg in arrived.values():
        await done(carrier, leg.id)
    assert (arrived["/one"].keyed, arrived["/one"].state) == ("1w2", "completed")
    assert arrived["/no"].state == "busy"
    assert (arrived["/bad"].state, arrived["/bad"].complaints[0][:5]) == ("failed", "12100")


async def test_a_document_that_does_not_come(us, twilio, carrier) -> None:
    carrier.phones[TO] = said()
    us.status = 500
    leg = await done(carrier, (await created(twilio, us, twiml=None, url=f"{us.http}/answer")).sid)
    assert leg.complaints[0].startswith("11200")
    assert leg.state == "completed"


# --- the control API --------------------------------------------------------------------------


async def test_another_process_can_do_all_of_it(lab, us, twilio) -> None:
    async def control(method: str, path: str = "", body: Any = None) -> tuple[int, Any]:
        sent = b"" if body is None else json.dumps(body).encode()
        reply = await web.ask(method, f"{lab.origin}/_lab/carriers/twilio{path}", body=sent)
        return reply.status, json.loads(reply.body)

    us.talk = silent
    phones = {TO: {"acts": [{"says": "Hi"}], "speed": FAST}}
    given = {
        "phones": phones,
        "deliveries": [{"how": "twice"}],
        "calls_per_second": 5,
        "tokens": {ACCOUNT: TOKEN},
    }
    assert await control("PUT", body=given) == (200, {"ok": True})
    call = await created(twilio, us)
    status, told = await control(
        "POST", f"/calls/{call.sid}", {"acts": [{"says": "Bye"}, {"hangs_up": True}]}
    )
    assert status == 200
    async with asyncio.timeout(60):
        while not (told := (await control("GET", f"/calls/{call.sid}"))[1])["done"]:
            await asyncio.sleep(0.005)
    assert b64decode(told["said"]).endswith(mouth.mulaw("Bye"))
    assert (told["state"], told["notices"][0]) == ("completed", ["initiated", [200, 200]])
    us.answers["/answer"] = b"<Response><Hangup/></Response>"
    status, arrived = await control("POST", "/calls", {"to": FROM, "from": TO, "url": f"{us.http}/answer"})
    assert (status, arrived["direction"]) == (201, "inbound")
    listed = (await control("GET"))[1]
    assert [one["id"] for one in listed["calls"]] == [call.sid, arrived["id"]]
    assert len(listed["asked"]) == 1
    assert (await control("POST", "/calls", {"to": FROM, "from": TO}))[0] == 400
    assert (await control("PUT", body={"phones": 1}))[0] == 400
    assert (await control("GET", "/calls/CA0"))[0] == 404
    await control("DELETE")
    assert (await control("GET"))[1]["calls"] == []
    assert (await web.ask("GET", f"{lab.origin}/_lab/carriers/nobody")).status == 400
