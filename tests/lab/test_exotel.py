"""The Exotel emulator by plain HTTP: there is no SDK, and all of it is derived from documentation."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from lab import Fault, Lab, mouth, web
from lab.carrier import Arrival, Delivery, Leg
from lab.exotel import Exotel
from lab.http import Call, Peer
from lab.multipart import texts
from lab.phone import Act, Phone
from tests.lab.callee import Callee, Told, listening, until

UNDRIVEN = {("exotel", "telephony"): "unverified"}
KEY = "key1:0123456789abcdef"
HOME = "/v1/Accounts/lab1"
TO, FROM = "+919876543210", "+918047491899"
CAMEL, MULAW, BOTH = "+918047491801", "+918047491802", "+918047491803"
FAST = 50.0


@pytest.fixture
async def us() -> AsyncIterator[Callee]:
    async with listening() as callee:
        yield callee


@pytest.fixture
def carrier(lab: Lab) -> Exotel:
    found = lab.carriers["exotel"]
    assert isinstance(found, Exotel)
    return found


async def asked(lab: Lab, path: str, form: Any = None, key: str = KEY, **query: Any) -> tuple[int, Any]:
    url = lab.url("exotel", version="") + path + (f"?{urlencode(query)}" if query else "")
    headers = [("authorization", f"Basic {b64encode(key.encode()).decode()}")]
    if form is not None:
        headers.append(("content-type", "application/x-www-form-urlencoded"))
    body = b"" if form is None else urlencode(form, doseq=True).encode()
    reply = await web.ask("GET" if form is None else "POST", url, headers, body)
    return reply.status, json.loads(reply.body)


async def created(lab: Lab, us: Callee, key: str = KEY, **more: Any) -> tuple[int, Any]:
    form = {
        "From": TO, "CallerId": FROM, "StreamUrl": f"{us.ws}/media", "StreamType": "bidirectional",
        "StatusCallback": f"{us.http}/status", "StatusCallbackEvents[]": ["ringing", "answered", "terminal"],
        "CustomField": "7", **more,
    }  # fmt: skip
    given = {name: value for name, value in form.items() if value is not None}
    return await asked(lab, f"{HOME}/Calls/connect.json", given, key)


async def called(lab: Lab, us: Callee, **more: Any) -> str:
    status, told = await created(lab, us, **more)
    assert status == 200, told
    return str(told["Call"]["Sid"])


async def done(carrier: Exotel, sid: str) -> Leg:
    async with asyncio.timeout(60):
        await carrier.legs[sid].done.wait()
    return carrier.legs[sid]


def said(*acts: Act, **more: Any) -> Phone:
    return Phone(acts=list(acts), **{"speed": FAST, **more})


def notice(one: Told) -> dict[str, Any]:
    """What a callback says, whichever way it is written."""
    match one.headers["content-type"].partition(";")[0]:
        case "application/json":
            return dict(json.loads(one.body))
        case "multipart/form-data":
            return texts(Call("POST", "/", {}, one.headers, one.body))
        case _:
            return one.form


class Ours:
    """What our side hears, and says after the start: messages, or how many bytes to hear first."""

    def __init__(self, *plan: dict[str, Any] | int, key: str = "stream_sid", leaves: bool = False) -> None:
        self.plan = list(plan)
        self.key = key
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
            stream = told.get(self.key, stream)
            if told["event"] == "media":
                self.heard += b64decode(told["media"]["payload"])
            while stream and self.plan:
                if isinstance(self.plan[0], int):
                    if len(self.heard) < self.plan[0]:
                        break
                    self.plan.pop(0)
                else:
                    await peer.send(json.dumps({self.key: stream, **self.plan.pop(0)}))
            if stream and self.leaves and not self.plan:
                return


def media(sound: bytes) -> dict[str, Any]:
    return {"event": "media", "media": {"payload": b64encode(sound).decode()}}


def mark(name: str) -> dict[str, Any]:
    return {"event": "mark", "mark": {"name": name}}


# --- calls and what is told of them -----------------------------------------------------------


@pytest.mark.parametrize(
    "written", [None, "application/x-www-form-urlencoded", "application/json"], ids=["parts", "form", "json"]
)
async def test_a_call_is_told_of_from_its_ringing_to_its_end(lab, us, carrier, written) -> None:
    carrier.phones[TO] = said(Act(says="Hi"), Act(hangs_up=True))
    status, told = await created(lab, us, StatusCallbackContentType=written)
    call = told["Call"]
    assert (status, call["Status"], call["Direction"]) == (200, "in-progress", "outbound-api")
    assert (call["From"], call["PhoneNumberSid"], call["To"]) == ("09876543210", "08047491899", None)
    await done(carrier, call["Sid"])
    notices = [notice(one) for one in us.told]
    assert [(one["EventType"], one["Status"]) for one in notices] == [
        ("ringing", "ringing"), ("answered", "in-progress"), ("terminal", "completed"),
    ]  # fmt: skip
    assert {one["CallSid"] for one in notices} == {call["Sid"]}
    assert (notices[-1]["CustomField"], notices[-1]["From"]) == ("7", "09876543210")
    assert not [name for one in us.told for name in one.headers if "signature" in name]
    status, gone = await asked(lab, f"{HOME}/Calls/{call['Sid']}.json", details="true")
    assert (gone["Call"]["Status"], gone["Call"]["Details"]["Leg1Status"]) == ("completed", "completed")


@pytest.mark.parametrize(
    "picks_up, status",
    [("busy", "busy"), ("rejects", "busy"), ("no", "no-answer"), ("unreachable", "failed")],
)
async def test_a_call_that_nobody_takes(lab, us, carrier, picks_up, status) -> None:
    carrier.phones["*"] = Phone(picks_up=picks_up, rings_ms=40, speed=FAST)
    leg = await done(carrier, await called(lab, us, TimeOut=2))
    assert [notice(one)["Status"] for one in us.told] == ["ringing", status]
    assert (leg.state, leg.sockets) == (status, 0)


async def test_without_events_only_the_end_is_told_in_few_words(lab, us, carrier) -> None:
    carrier.phones["*"] = Phone(picks_up="busy")
    await done(carrier, await called(lab, us, **{"StatusCallbackEvents[]": None}))
    [told] = us.told
    assert notice(told).keys() == {"CallSid", "DateUpdated", "Status", "RecordingUrl"}


async def test_only_what_has_ended_is_listed_newest_first_by_a_cursor(lab, us, carrier) -> None:
    carrier.phones["*"] = Phone(picks_up="busy")
    made = [await called(lab, us, From=f"+9198765432{n % 2}0") for n in range(5)]
    for sid in made:
        await done(carrier, sid)
    carrier.phones["*"] = said()
    under_way = await called(lab, us)
    _, first = await asked(lab, f"{HOME}/Calls.json", PageSize=3)
    assert [one["Sid"] for one in first["Calls"]] == made[:1:-1]
    after = dict(parse_qsl(urlsplit(first["Metadata"]["NextPageUri"]).query))["After"]
    _status, second = await asked(lab, f"{HOME}/Calls.json", PageSize=3, After=after)
    assert [one["Sid"] for one in second["Calls"]] == made[1::-1]
    assert second["Metadata"]["NextPageUri"] is None
    for query, sids in (
        ({"From": "+919876543210"}, made[3::-2]),
        ({"DateCreated": "gte:2999-01-01 00:00:00"}, []),
        ({"Status": "completed"}, []),
        ({"PhoneNumber": FROM, "PageSize": 1}, made[4:]),
    ):
        _, found = await asked(lab, f"{HOME}/Calls.json", **query)
        assert [one["Sid"] for one in found["Calls"]] == sids, query
    _, told = await asked(lab, f"{HOME}/Calls/{under_way}.json")
    assert told["Call"]["Status"] == "in-progress"


async def test_the_account_and_its_numbers_in_pages(lab) -> None:
    status, account = await asked(lab, f"{HOME}.json")
    assert (status, account["Account"]["Sid"]) == (200, "lab1")
    found, page = [], 0
    while True:
        status, told = await asked(lab, "/v2_beta/Accounts/lab1/IncomingPhoneNumbers", Page=page, PageSize=2)
        found += [one["phone_number"] for one in told["incoming_phone_numbers"]]
        if told["next_page_uri"] is None:
            break
        page += 1
    assert (found[0], len(found), page) == (FROM, 5, 2)


@pytest.mark.parametrize(
    "given, status",
    [
        ({"From": "nobody"}, 400), ({"CallerId": ""}, 400), ({"CallerId": "+918000000000"}, 403),
        ({"StreamUrl": None}, 400), ({"StreamUrl": "https://x.test"}, 400), ({"StreamUrl": "wss://x.test/" + "x" * 600}, 400),
        ({"StreamType": "unidirectional"}, 400), ({"Url": "http://my.exotel.com/lab1/exoml/start_voice/1"}, 400),
        ({"Url": "https://x.test", "StreamUrl": None}, 400), ({"TimeLimit": 14_401}, 400), ({"CustomField": "x" * 129}, 400),
        ({"StatusCallback": "nowhere"}, 400), ({"StatusCallbackEvents[]": "everything"}, 400),
        ({"StatusCallbackContentType": "text/plain"}, 400),
    ],
)  # fmt: skip
async def test_what_exotel_would_refuse(lab, us, carrier, given, status) -> None:
    refused, told = await created(lab, us, **given)
    assert (refused, told["RestException"]["Status"]) == (status, status)
    assert told["RestException"]["Message"]
    assert not carrier.legs


async def test_keys_say_what_they_are_good_for(lab, us) -> None:
    for key, status in (
        ("key9:invalid", 401), ("key9:forbidden", 403), ("key9:", 401), (":good", 401), ("key9:first", 200),
        ("key9:another", 401),
    ):  # fmt: skip
        assert (await asked(lab, f"{HOME}.json", key=key))[0] == status, key
    assert (await created(lab, us, key="key8:noquota"))[0] == 402
    assert (await asked(lab, f"{HOME}/Calls/none.json"))[0] == 404
    lab.fault("exotel", Fault(status=503))
    status, told = await asked(lab, f"{HOME}.json")
    assert (status, told["RestException"]["Status"]) == (503, 503)


async def test_so_many_calls_a_minute_and_no_more(lab, us, carrier) -> None:
    carrier.phones["*"] = Phone(picks_up="busy")
    carrier.calls_per_second = 3 / 60
    assert [(await created(lab, us))[0] for _ in range(5)] == [200, 200, 200, 429, 429]
    assert [let_in for _, let_in in carrier.asked] == [True] * 3 + [False] * 2
    carrier.clear()
    assert [carrier.admitted("lab1") for _ in range(201)] == [0.0] * 200 + [None]


@pytest.mark.parametrize(
    "deliveries, events",
    [
        ([Delivery(how="twice", times=0)], ["ringing", "ringing", "terminal", "terminal"]),
        ([Delivery(how="late", of="ringing")], ["terminal", "ringing"]),
        ([Delivery(how="lost", of="ringing")], ["terminal"]),
    ],
    ids=["twice", "out of order", "lost"],
)
async def test_notices_go_astray(lab, us, carrier, deliveries, events) -> None:
    carrier.phones["*"] = Phone(picks_up="busy")
    carrier.deliveries.waiting = deliveries
    await done(carrier, await called(lab, us))
    assert [notice(one)["EventType"] for one in us.told] == events


# --- the media socket -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number, rate, encoding",
    [
        (FROM, "", "base64"), (FROM, "16000", "base64"), (FROM, "24000", "base64"), (CAMEL, "", "raw/slin"),
        (CAMEL, "16000", "raw/slin"), (MULAW, "", "audio/x-mulaw"), (BOTH, "", "audio/x-mulaw;rate=8000"),
    ],
)  # fmt: skip
async def test_sound_goes_both_ways_in_either_spelling(lab, us, carrier, number, rate, encoding) -> None:
    camel, mulaw = number in (CAMEL, BOTH), "mulaw" in encoding
    hertz = int(rate or 8_000)
    sounds = mouth.mulaw if mulaw else mouth.pcm
    hello, answer = sounds("Hello there", hertz), sounds("Good day to you", hertz)
    answer += bytes(max(9_600 - len(answer), -len(answer) % 3_200))
    us.talk = ours = Ours(
        1_600,
        media(answer[:6_400]),
        media(answer[6_400:]),
        mark("said"),
        key="streamSid" if camel else "stream_sid",
    )
    carrier.phones[TO] = said(
        Act(says="Hello there"), Act(presses="1#"), Act(waits_ms=60), Act(awaits="said"), Act(hangs_up=True)
    )
    url = f"{us.ws}/media?who=a%20b" + (f"&sample-rate={rate}" if rate else "")
    sid = await called(lab, us, CallerId=number, StreamUrl=url)
    leg = await done(carrier, sid)
    assert ours.events[0] == {"event": "connected"}
    start = ours.events[1]["start"]
    spelled = [("callSid", "customParameters", "mediaFormat", "sampleRate", "sequenceNumber"),
               ("call_sid", "custom_parameters", "media_format", "sample_rate", "sequence_number")][not camel]  # fmt: skip
    call_sid, custom, format, sample_rate, number_key = spelled
    assert (start[call_sid], start[custom]) == (sid, {"who": "a b"})
    assert (start[format]["encoding"], start[format][sample_rate]) == (encoding, str(hertz))
    numbers = [one[number_key] for one in ours.events[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    sizes = {len(b64decode(one["media"]["payload"])) for one in ours.of("media")[:-1]}
    assert sizes == {hertz // 10 * (1 if mulaw else 2)}
    assert ours.heard == bytes(leg.line.said)
    assert ours.heard.startswith(hello)
    assert bytes(leg.line.heard) == answer
    assert [one["dtmf"]["digit"] for one in ours.of("dtmf")] == ["1", "#"]
    assert [one["mark"]["name"] for one in ours.of("mark")] == ["said"]
    assert ours.events[-1]["stop"]["reason"] == "callended"
    assert (leg.complaints, leg.more.get("small", 0)) == ([], 0)


async def test_a_clear_drops_what_has_not_begun_to_be_played(lab, us, carrier) -> None:
    us.talk = Ours(
        *[media(bytes([n]) * 3_200) for n in range(1, 9)], mark("never"), 4_800, {"event": "clear"}, media(b"\x09" * 3_200), mark("c"),
    )  # fmt: skip
    carrier.phones[TO] = said(Act(awaits="c"), Act(hangs_up=True), speed=10)
    leg = await done(carrier, await called(lab, us))
    heard = bytes(leg.line.heard)
    last = heard[-3_201]
    assert heard == b"".join(bytes([n]) * 3_200 for n in [*range(1, last + 1), 9])
    assert 1 <= last < 8
    assert leg.line.reached == ["c"]


async def test_chunks_of_other_sizes_are_noted_and_leave_gaps(lab, us, carrier) -> None:
    us.talk = Ours(media(b"\x01" * 320), media(b"\x02" * 3_201), mark("said"))
    carrier.phones[TO] = said(Act(awaits="said"), Act(hangs_up=True))
    leg = await done(carrier, await called(lab, us))
    assert leg.complaints == ["a chunk of 3201 bytes: no multiple of 320"]
    assert leg.more["small"] == 1
    assert bytes(leg.line.heard).count(0) == 320


@pytest.mark.parametrize(
    "message",
    [media(b"\x01" * 100_160), {**media(b"\x01" * 3_200), "stream_sid": "another"}, {"event": "speak"}, mark(""),
     {"event": "media", "media": {"payload": "?"}}],
)  # fmt: skip
async def test_what_is_no_message_ends_the_stream_and_the_call(lab, us, carrier, message) -> None:
    us.talk = Ours(message)
    carrier.phones[TO] = said()
    leg = await done(carrier, await called(lab, us))
    assert leg.complaints
    assert leg.state == "completed"


@pytest.mark.parametrize("how", ["reset", "fin"])
async def test_the_socket_is_lost_in_the_middle_of_a_word(lab, us, carrier, how) -> None:
    us.talk = ours = Ours()
    carrier.phones[TO] = said(Act(says="Hello"), Act(loses=how))
    leg = await done(carrier, await called(lab, us))
    await until(lambda: len(ours.heard) > 0)
    assert (leg.state, ours.of("stop")) == ("completed", [])


async def test_leaving_the_socket_or_its_time_ends_the_call(lab, us, carrier) -> None:
    us.talk = Ours(1_600, leaves=True)
    carrier.phones[TO] = said()
    assert (await done(carrier, await called(lab, us))).state == "completed"
    us.talk = ours = Ours()
    assert (await done(carrier, await called(lab, us, TimeLimit=2))).state == "completed"
    assert ours.events[-1]["stop"]["reason"] == "stopped"


async def test_a_socket_that_is_refused_is_asked_for_once_more(lab, us, carrier) -> None:
    carrier.phones[TO] = said()
    us.status = 403
    leg = await done(carrier, await called(lab, us))
    assert (len(us.handshakes), leg.state, len(leg.complaints)) == (2, "completed", 1)


@pytest.mark.parametrize("query", ["a=1&b=2&c=3&d=4", "a=" + "x" * 256, "sample-rate=44100"])
async def test_a_socket_that_exotel_would_not_open(lab, us, carrier, query) -> None:
    carrier.phones[TO] = said()
    leg = await done(carrier, await called(lab, us, StreamUrl=f"{us.ws}/media?{query}"))
    assert (leg.sockets, us.handshakes, len(leg.complaints)) == (0, [], 1)


# --- flows ------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["http", "ws"])
async def test_a_call_that_comes_in_is_asked_about_connected_and_told_of_by_applets(us, carrier, url) -> None:
    us.talk = ours = Ours()
    us.answers["/answer"] = json.dumps({"url": f"{us.ws}/media?a=b"}).encode()
    applet = f"{us.http}/answer" if url == "http" else f"{us.ws}/media?a=b"
    phone = said(Act(says="Hello"), Act(hangs_up=True))
    leg = carrier.arrive(Arrival(to=MULAW, from_=TO, url=applet, status=f"{us.http}/status", phone=phone))
    await done(carrier, leg.id)
    asked = [dict(parse_qsl(urlsplit(one.url).query)) for one in us.told]
    *first, last = asked
    assert len(first) == (url == "http")
    for one in asked:
        assert (one["CallSid"], one["Direction"], one["CallFrom"]) == (leg.id, "incoming", "09876543210")
    assert (last["Stream[Status]"], last["Stream[DisconnectedBy]"]) == ("completed", "user")
    assert ours.events[1]["start"]["custom_parameters"] == {"a": "b"}
    assert ours.heard.startswith(mouth.mulaw("Hello"))


async def test_credentials_in_an_address_become_a_header(us, carrier) -> None:
    us.talk = Ours(leaves=True)
    address = f"{us.ws}/media".replace("://", "://me:secret@")
    leg = carrier.arrive(Arrival(to=FROM, from_=TO, url=address, phone=said()))
    await done(carrier, leg.id)
    [shaken] = us.handshakes
    assert shaken.header("authorization") == f"Basic {b64encode(b'me:secret').decode()}"


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"url": "https://x.test"}', b"[]"])
async def test_an_answer_that_says_no_address_connects_to_nothing(us, carrier, answer) -> None:
    us.answers["/answer"] = answer
    told = Arrival(to=FROM, from_=TO, url=f"{us.http}/answer", status=f"{us.http}/status", phone=said())
    leg = carrier.arrive(told)
    await done(carrier, leg.id)
    assert (len(leg.complaints), leg.sockets) == (1, 0)
    assert "Stream%5BStatus%5D=failed" in us.told[-1].url


async def test_a_call_goes_to_a_flow(lab, us, carrier) -> None:
    us.talk = ours = Ours()
    carrier.flows["42"] = f"{us.ws}/media"
    carrier.phones[TO] = said(Act(says="Hi"), Act(hangs_up=True))
    url = "http://my.exotel.com/lab1/exoml/start_voice/42"
    leg = await done(carrier, await called(lab, us, Url=url, StreamUrl=None))
    assert (leg.state, leg.complaints) == ("completed", [])
    assert ours.of("stop")


async def test_somebody_calls_by_the_control_api(lab, us, carrier) -> None:
    arrival = {"to": FROM, "from": TO, "url": f"{us.ws}/media", "phone": {"acts": [{"hangs_up": True}]}}
    control = f"{lab.origin}/_lab/carriers/exotel/calls"
    reply = await web.ask("POST", control, (), json.dumps(arrival).encode())
    assert reply.status == 201
    await done(carrier, json.loads(reply.body)["id"])
    reply = await web.ask("POST", control, (), json.dumps({"to": FROM, "from": TO}).encode())
    assert (reply.status, "url" in json.loads(reply.body)["error"]) == (400, True)
