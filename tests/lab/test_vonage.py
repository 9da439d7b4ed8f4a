"""The Vonage emulator, driven by Vonage's own SDK, which also judges what the emulator signs."""

import asyncio
import json
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from vonage import Vonage
from vonage_http_client.errors import (
    AuthenticationError,
    ForbiddenError,
    HttpRequestError,
    NotFoundError,
    RateLimitedError,
)
from vonage_jwt import verify_signature
from vonage_numbers.requests import ListOwnedNumbersFilter
from vonage_voice.models.connect_endpoints import PhoneEndpoint, WebsocketEndpoint
from vonage_voice.models.ncco import Connect, Record, Talk
from vonage_voice.models.requests import CreateCallRequest, ListCallsFilter
from vonage_voice.models.webhooks import AnswerWebhook

from integration_api.core.credential import Credential
from integration_api.providers.vonage import VONAGE
from integration_api.services import proof
from lab import Fault, Lab, mouth, web
from lab.carrier import Arrival, Delivery, Leg
from lab.http import Peer
from lab.phone import Act, Phone
from lab.vonage import Vonage as LabVonage
from tests.lab.callee import Callee, Told, listening, silent, until
from tests.lab.vonage_keys import APPLICATION, SIGNATURE_SECRET, keys, tokens
from tests.lab.vonage_sdk import sdk, trusted

TO, FROM = "4930123456", "15005550006"
FAST = 50.0


@pytest.fixture
async def lab(tmp_path, monkeypatch) -> AsyncIterator[Lab]:
    async with trusted(tmp_path, monkeypatch) as started:
        yield started


@pytest.fixture
async def us() -> AsyncIterator[Callee]:
    async with listening() as callee:
        callee.content_type = "application/json"
        yield callee


@pytest.fixture
def vonage(lab: Lab) -> Vonage:
    return sdk(lab)


@pytest.fixture
def carrier(lab: Lab) -> LabVonage:
    found = lab.carriers["vonage"]
    assert isinstance(found, LabVonage)
    return found


def connecting(us: Callee, rate: int = 16_000, **more: Any) -> Connect:
    endpoint = WebsocketEndpoint(
        uri=f"{us.ws}/media", contentType=f"audio/l16;rate={rate}", headers=more.pop("headers", None)
    )
    asked = {
        "endpoint": [endpoint],
        "from_": FROM,
        "eventUrl": [f"{us.http}/socket"],
        "eventType": "synchronous",
    }
    return Connect(**asked | more)


def written(*actions: Any) -> bytes:
    return json.dumps(
        [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in actions]
    ).encode()


async def created(vonage: Vonage, us: Callee, **more: Any) -> Any:
    asked = {
        "to": [{"number": TO}], "from_": {"number": FROM}, "event_url": [f"{us.http}/status"], "ncco": [connecting(us)],
    } | more  # fmt: skip
    request = CreateCallRequest(**{name: value for name, value in asked.items() if value is not None})
    return await asyncio.to_thread(vonage.voice.create_call, request)


async def done(carrier: LabVonage, uuid: str) -> Leg:
    async with asyncio.timeout(60):
        await carrier.legs[uuid].done.wait()
    return carrier.legs[uuid]


def said(*acts: Act, **more: Any) -> Phone:
    return Phone(acts=list(acts), **{"speed": FAST, **more})


def events(us: Callee, path: str = "/status") -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in us.told if one.path == path]


def statuses(us: Callee, path: str = "/status") -> list[str]:
    return [one.get("status", "") for one in events(us, path)]


def token(told: Told) -> str:
    return told.headers["authorization"].removeprefix("Bearer ")


class Held:
    def reveal(self, field: str) -> bytearray:
        assert field == "signature_secret"
        return bytearray(SIGNATURE_SECRET.encode())


def believed(told: Told, body: bytes | None = None, url: str = "") -> str:
    """Why our own check refuses a webhook; "" where it does not."""
    held = Credential("vonage", {"application_id": APPLICATION}, held=frozenset({"signature_secret"}))
    rule = VONAGE.telephony.proof(held)
    raw = {name.encode(): value.encode() for name, value in told.headers.items()}
    evidence = proof.Evidence(
        method="POST", url=url or told.url, headers=raw, body=told.body if body is None else body
    )
    try:
        proof.check(rule, evidence, Held(), proof.Gate(replay_seconds=300.0), time.time())
    except proof.Forged as forged:
        return forged.reason
    return ""


# --- calls and what is told of them -----------------------------------------------------------


async def test_a_call_is_told_of_in_signed_notices_that_the_sdk_and_we_accept(us, vonage, carrier) -> None:
    carrier.phones[f"+{TO}"] = said(Act(says="Hi"), Act(hangs_up=True))
    call = await created(vonage, us)
    assert (call.status, call.direction, call.conversation_uuid[:4]) == ("started", "outbound", "CON-")
    leg = await done(carrier, call.uuid)
    assert statuses(us) == ["started", "ringing", "answered", "completed"]
    assert {(one["uuid"], one["conversation_uuid"], one["from"], one["to"]) for one in events(us)} == {
        (call.uuid, call.conversation_uuid, FROM, TO)
    }
    assert events(us)[-1]["duration"] == str(round(leg.seconds))
    assert events(us)[-1]["disconnected_by"] == "user"
    assert statuses(us, "/socket") == ["started", "answered", "completed"]
    [socket] = {one["uuid"] for one in events(us, "/socket")}
    assert socket != call.uuid
    assert {one["to"] for one in events(us, "/socket")} == {f"{us.ws}/media"}
    assert len(us.told) == 7
    for one in us.told:
        assert verify_signature(token(one), SIGNATURE_SECRET)
        assert not verify_signature(token(one), "another" * 5)
        assert believed(one) == ""
        claims = jwt.decode(token(one), SIGNATURE_SECRET, algorithms=["HS256"])
        assert (claims["iss"], claims["application_id"]) == ("Vonage", APPLICATION)
    gone = await asyncio.to_thread(vonage.voice.get_call, call.uuid)
    assert (gone.status, gone.to.number, gone.from_.number, gone.duration) == (
        "completed", TO, FROM, events(us)[-1]["duration"],
    )  # fmt: skip


async def test_what_was_tampered_with_passes_the_sdk_and_not_us(us, vonage, carrier) -> None:
    """The SDK looks at the token's signature alone: whoever has one token could say anything with it."""
    carrier.phones["*"] = Phone(picks_up="busy")
    await done(carrier, (await created(vonage, us)).uuid)
    one = us.told[-1]
    tampered = one.body.replace(b'"busy"', b'"answered"')
    assert tampered != one.body
    assert verify_signature(token(one), SIGNATURE_SECRET)
    assert believed(one, tampered) == "payload_hash"
    assert believed(one) == ""


@pytest.mark.parametrize(
    "picks_up, status, more",
    [
        ("busy", "busy", {"sip_code": "486"}),
        ("rejects", "rejected", {"sip_code": "603", "detail": "restricted"}),
        ("no", "timeout", {}),
        ("unreachable", "failed", {"sip_code": "404", "detail": "cannot_route"}),
    ],
)
async def test_a_call_that_nobody_takes(us, vonage, carrier, picks_up, status, more) -> None:
    carrier.phones["*"] = Phone(picks_up=picks_up, rings_ms=40, speed=FAST)
    call = await created(vonage, us, ringing_timer=2)
    leg = await done(carrier, call.uuid)
    assert statuses(us) == ["started", "ringing", status]
    assert more.items() <= events(us)[-1].items()
    assert (leg.state, leg.sockets) == (status, 0)


@pytest.mark.parametrize(
    "picks_up, asked, told, sockets",
    [
        ("yes", {"machine_detection": "continue"}, "human", 1),
        ("machine", {"machine_detection": "continue"}, "machine", 1),
        ("machine", {"machine_detection": "hangup"}, "machine", 0),
        ("machine", {"advanced_machine_detection": {"behavior": "continue"}}, "machine", 1),
    ],
)
async def test_who_answered_is_told_of_a_call_uuid(
    us, vonage, carrier, picks_up, asked, told, sockets
) -> None:
    carrier.phones["*"] = said(Act(hangs_up=True), picks_up=picks_up)
    leg = await done(carrier, (await created(vonage, us, **asked)).uuid)
    assert statuses(us) == ["started", "ringing", "answered", told, "completed"]
    assert (events(us)[3]["call_uuid"], "uuid" in events(us)[3]) == (leg.id, False)
    assert leg.sockets == sockets


async def test_calls_and_their_sockets_are_listed_page_by_page(us, vonage, carrier) -> None:
    carrier.phones["*"] = Phone(picks_up="busy")
    made = [(await created(vonage, us)).uuid for _ in range(3)]
    carrier.phones["*"] = said(Act(hangs_up=True))
    made.append((await created(vonage, us)).uuid)
    await done(carrier, made[-1])
    found, index = [], None
    while True:
        asked = ListCallsFilter(page_size=1, record_index=index)
        calls, index = await asyncio.to_thread(vonage.voice.list_calls, asked)
        found += calls
        if index is None:
            break
    assert [one.uuid for one in found[:4]] == made
    assert (found[4].to.type, found[4].to.uri) == ("websocket", f"{us.ws}/media")
    for asked, uuids in (
        ({"status": "completed"}, [made[3], found[4].uuid]),
        ({"order": "desc", "status": "busy"}, made[2::-1]),
        ({"date_start": "2999-01-01T00:00:00Z"}, []),
        ({"date_start": "2020-01-01T00:00:00Z", "status": "busy"}, made[:3]),
        ({"date_end": "2020-01-01T00:00:00Z"}, []),
        ({"conversation_uuid": found[0].conversation_uuid}, made[:1]),
    ):
        calls, _ = await asyncio.to_thread(vonage.voice.list_calls, ListCallsFilter(**asked))
        assert [one.uuid for one in calls] == uuids
    numbers, count, more = await asyncio.to_thread(
        vonage.numbers.list_owned_numbers, ListOwnedNumbersFilter(size=2)
    )
    assert ([one.msisdn for one in numbers], count, more) == (["15005550006", "15005550016"], 3, 2)
    assert (await asyncio.to_thread(vonage.account.get_balance)).value == 10.28


@pytest.mark.parametrize(
    "asked, name",
    [
        ({"to": [{"number": "030"}]}, "to"), ({"to": [{"number": TO}] * 2}, "to"), ({"from_": {"number": "x"}}, "from"),
        ({"event_url": ["nowhere"]}, "event_url"), ({"ncco": []}, "ncco"),
    ],
)  # fmt: skip
async def test_what_vonage_would_refuse_is_refused(us, vonage, carrier, asked, name) -> None:
    with pytest.raises(HttpRequestError) as refusal:
        await created(vonage, us, **asked)
    assert refusal.value.response.status_code == 400
    assert [one["name"] for one in refusal.value.response.json()["invalid_parameters"]] == [name]
    assert not carrier.legs


# --- keys -------------------------------------------------------------------------------------


async def test_keys_say_what_they_are_good_for(lab, us, vonage) -> None:
    for application, kind in (("invalid", AuthenticationError), ("forbidden", ForbiddenError)):
        with pytest.raises(kind):
            await asyncio.to_thread(sdk(lab, application).voice.list_calls)
    with pytest.raises(RateLimitedError) as poor:
        await created(sdk(lab, "noquota"), us)
    assert poor.value.response.json()["type"].endswith("#low-balance")
    with pytest.raises(AuthenticationError) as refusal:
        await asyncio.to_thread(sdk(lab, api_secret="Another1234").account.get_balance)
    assert refusal.value.response.json()["error-code"] == "401"
    with pytest.raises(NotFoundError):
        await asyncio.to_thread(vonage.voice.get_call, "nobodys")
    lab.fault("vonage", Fault(status=503))
    with pytest.raises(HttpRequestError) as broken:
        await asyncio.to_thread(vonage.voice.get_call, "nobodys")
    assert broken.value.response.status_code == 503


def spoiled(how: str) -> str:
    now = int(time.time())
    claims = {"application_id": APPLICATION, "iat": now, "exp": now + 900, "jti": "1"}
    head = {"alg": "RS256", "typ": "JWT"}
    match how:
        case "expired":
            claims |= {"iat": now - 1000, "exp": now - 100}
        case "old, and says no end":
            claims |= {"iat": now - 1000}
            del claims["exp"]
        case "from the future":
            claims |= {"iat": now + 1000, "exp": now + 1900}
        case "for too long":
            claims["exp"] = now + 25 * 3600
        case "of no application" | "without jti" | "without iat":
            del claims[{"n": "application_id", "j": "jti", "i": "iat"}[how.split()[1][0]]]
        case "by a secret":
            return jwt.encode(claims, "x" * 32, algorithm="HS256")
        case "unsigned":
            return jwt.encode(claims, "", algorithm="none")
    signed = jwt.encode(claims, keys()[0], algorithm="RS256", headers=head)
    return signed[:-8] + "AAAAAAAA" if how == "by another key" else signed


@pytest.mark.parametrize(
    "how",
    ["expired", "old, and says no end", "from the future", "for too long", "of no application", "without jti", "without iat",
     "by a secret", "unsigned", "by another key", "nothing"],
)  # fmt: skip
async def test_a_token_that_vonage_would_not_take(lab, carrier, how) -> None:
    async with Lab() as plain:
        plain.carriers["vonage"].tokens |= tokens()
        url = f"{plain.url('vonage')}/calls"
        good = await web.ask("GET", url, [("authorization", f"Bearer {spoiled('')}")])
        assert good.status == 200
        headers = [] if how == "nothing" else [("authorization", f"Bearer {spoiled(how)}")]
        refused = await web.ask("GET", url, headers)
        assert (refused.status, json.loads(refused.body)["type"]) == (401, "UNAUTHORIZED")


# --- pace and deliveries ----------------------------------------------------------------------


async def test_more_calls_than_the_account_may_make_are_refused_at_once(us, vonage, carrier) -> None:
    carrier.phones["*"] = Phone(picks_up="busy")
    carrier.calls_per_second = 0.01
    await created(vonage, us)
    before = time.monotonic()
    with pytest.raises(RateLimitedError) as refusal:
        await created(vonage, us)
    assert refusal.value.response.json()["title"] == "Rate Limit Hit"
    assert [let_in for _, let_in in carrier.asked] == [True, False]
    assert carrier.asked[1][0] >= before
    carrier.calls_per_second = 3
    now = time.monotonic()
    assert [carrier.admitted("another") for _ in range(5)] == [0.0] * 3 + [None] * 2
    assert time.monotonic() - now < 1


@pytest.mark.parametrize(
    "deliveries, told",
    [
        ([Delivery(how="twice", times=0)], ["started"] * 2 + ["ringing"] * 2 + ["busy"] * 2),
        ([Delivery(how="late", of="ringing")], ["started", "busy", "ringing"]),
        ([Delivery(how="lost", of="ringing")], ["started", "busy"]),
        ([Delivery(delay_ms=60)], ["ringing", "busy", "started"]),
    ],
    ids=["twice", "out of order", "lost", "delayed"],
)
async def test_notices_go_astray(us, vonage, carrier, deliveries, told) -> None:
    carrier.phones["*"] = Phone(picks_up="busy")
    carrier.deliveries.waiting = deliveries
    await created(vonage, us)
    await until(lambda: len(us.told) == len(told))
    assert statuses(us) == told
    assert {believed(one) for one in us.told} == {""}


async def test_notices_are_signed_badly(us, vonage, carrier) -> None:
    carrier.phones["*"] = Phone(picks_up="busy")
    carrier.deliveries.waiting = [
        Delivery(proof="none"), Delivery(proof="of_another_body"), Delivery(proof="of_another_key"),
    ]  # fmt: skip
    await done(carrier, (await created(vonage, us)).uuid)
    assert statuses(us) == ["started", "ringing", "busy"]
    assert [believed(one) for one in us.told] == ["unsigned", "payload_hash", "signature"]
    assert "authorization" not in us.told[0].headers
    assert [verify_signature(token(one), SIGNATURE_SECRET) for one in us.told[1:]] == [True, False]


async def test_of_a_notice_by_get_its_query_is_signed(us, vonage, carrier) -> None:
    carrier.phones["*"] = said(Act(hangs_up=True))
    ours = f"{us.http}/status?a=1&b=ü%20x"
    await done(
        carrier, (await created(vonage, us, event_url=[ours.replace("ü", "%C3%BC")], event_method="GET")).uuid
    )
    told = [one for one in us.told if one.path == "/status"]
    queries = [dict(parse_qsl(urlsplit(one.url).query)) for one in told]
    assert [one["status"] for one in queries] == ["started", "ringing", "answered", "completed"]
    assert {(one["a"], one["b"]) for one in queries} == {("1", "ü x")}
    for one in told:
        assert (one.body, believed(one)) == (b"", "")
        assert believed(one, url=one.url.replace("status=", "status=un")) == "payload_hash"


# --- the media socket -------------------------------------------------------------------------


class Ours:
    """What our side hears, and says after the start: messages, or how many milliseconds to hear first."""

    def __init__(self, *plan: dict[str, Any] | bytes | int, rate: int = 16_000, leaves: bool = False) -> None:
        self.plan = list(plan)
        self.leaves = leaves
        self.per_ms = rate * 2 // 1000
        self.heard = b""
        self.sizes: set[int] = set()
        self.events: list[dict[str, Any]] = []

    def of(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one["event"] == f"websocket:{event}"]

    async def __call__(self, peer: Peer) -> None:
        while (message := await peer.receive()) is not None:
            if isinstance(message, bytes):
                self.heard += message
                self.sizes.add(len(message))
            else:
                self.events.append(json.loads(message))
            while self.events and self.plan:
                if isinstance(self.plan[0], int):
                    if len(self.heard) < self.plan[0] * self.per_ms:
                        break
                    self.plan.pop(0)
                else:
                    first = self.plan.pop(0)
                    await peer.send(first if isinstance(first, bytes) else json.dumps(first))
            if self.events and self.leaves and not self.plan:
                return


def frames(sound: bytes, rate: int = 16_000) -> list[bytes]:
    size = rate // 25
    return [sound[at : at + size].ljust(size, b"\0") for at in range(0, len(sound), size)]


def notify(name: str) -> dict[str, Any]:
    return {"action": "notify", "payload": {"mark": name}}


@pytest.mark.parametrize("rate, nested", [(8_000, False), (16_000, True), (24_000, False)])
async def test_sound_goes_both_ways_to_the_sample_with_keys_and_notices(
    us, vonage, carrier, rate, nested
) -> None:
    answer = mouth.pcm("Good day", rate)
    us.talk = ours = Ours(100, *frames(answer, rate), notify("said"), rate=rate)
    carrier.nested_keys = nested
    carrier.phones[f"+{TO}"] = said(
        Act(says="Hello"), Act(presses="1#"), Act(sound=b64encode(b"\x11\x22" * 200).decode()), Act(awaits="said"),
        Act(hangs_up=True),
    )  # fmt: skip
    headers = {"who": "me", "age": 40}
    leg = await done(carrier, (await created(vonage, us, ncco=[connecting(us, rate, headers=headers)])).uuid)
    assert ours.events[0] == {
        "event": "websocket:connected", "content-type": f"audio/l16;rate={rate}", **headers,
    }  # fmt: skip
    assert ours.sizes == {rate // 25}
    assert ours.heard == bytes(leg.line.said)
    assert ours.heard.startswith(mouth.pcm("Hello", rate))
    assert b"\x11\x22" * 200 + bytes(len(frames(b"\x01" * 400, rate)) * rate // 25 - 400) in ours.heard
    assert bytes(leg.line.heard) == answer
    keyed = [one["dtmf"] if nested else one for one in ours.of("dtmf")]
    assert [(one["digit"], one["duration"]) for one in keyed] == [("1", 260), ("#", 260)]
    assert [one["payload"] for one in ours.of("notify")] == [{"mark": "said"}]
    assert ours.events[-1]["event"] == "websocket:disconnected"
    assert {one["headers"]["who"] for one in events(us, "/socket")} == {"me"}
    assert leg.complaints == []


async def test_a_clear_silences_at_once_and_forgets_what_was_to_be_told(us, vonage, carrier) -> None:
    us.talk = ours = Ours(
        *[b"\x01" * 640] * 5, notify("a"), *[b"\x02" * 640] * 50, notify("b"), 400, {"action": "clear"}, b"\x03" * 640,
        notify("c"),
    )  # fmt: skip
    carrier.phones[f"+{TO}"] = said(Act(awaits="c"), Act(hangs_up=True), speed=10)
    leg = await done(carrier, (await created(vonage, us)).uuid)
    assert [one["payload"]["mark"] for one in ours.of("notify")] == ["a", "c"]
    assert len(ours.of("cleared")) == 1
    assert leg.line.heard.endswith(b"\x03" * 640)
    [cleared] = leg.line.cleared
    played = len(leg.line.heard) - 640
    assert (cleared.heard_bytes, cleared.dropped_bytes) == (played, 55 * 640 - played)
    assert 5 * 640 < played < 55 * 640


@pytest.mark.parametrize(
    "message",
    [
        b"\x01" * 320,
        b"\x01" * 641,
        b"",
        {"action": "speak"},
        {"action": "notify"},
        {"action": "notify", "payload": 1},
    ],
)
async def test_what_is_no_message_ends_the_socket(us, vonage, carrier, message) -> None:
    us.talk = Ours(message)
    carrier.phones[f"+{TO}"] = said()
    leg = await done(carrier, (await created(vonage, us)).uuid)
    assert len(leg.complaints) == 1
    assert [one["reason"] for one in events(us) if "reason" in one] == leg.complaints
    assert (statuses(us, "/socket")[-1], leg.state) == ("disconnected", "completed")


async def test_more_sound_than_is_kept_is_lost(us, vonage, carrier) -> None:
    us.talk = Ours(*[b"\x01" * 640] * 3_200)
    carrier.phones[f"+{TO}"] = said(speed=1)
    leg = carrier.legs[(await created(vonage, us)).uuid]
    await until(lambda: len(leg.line.arrivals) + leg.more.get("lost_frames", 0) == 3_200)
    assert 3_200 - 3_072 - leg.line.now_ms / 20 <= leg.more["lost_frames"] <= 3_200 - 3_072
    carrier.act(leg, [Act(hangs_up=True)])
    await done(carrier, leg.id)


async def test_leaving_the_socket_is_told_and_ends_the_call(us, vonage, carrier) -> None:
    us.talk = Ours(40, leaves=True)
    carrier.phones[f"+{TO}"] = said()
    leg = await done(carrier, (await created(vonage, us)).uuid)
    assert (leg.state, statuses(us)[-1]) == ("completed", "completed")
    assert events(us)[-1]["disconnected_by"] == "platform"
    assert statuses(us, "/socket") == ["started", "answered", "disconnected"]


async def test_what_is_answered_to_a_socket_that_is_gone_is_done_instead(us, vonage, carrier) -> None:
    us.talk = Ours(40, leaves=True)
    us.answers["/socket"] = written(Talk(text="Sorry"))
    carrier.phones[f"+{TO}"] = said()
    leg = await done(carrier, (await created(vonage, us, ncco=[connecting(us), Talk(text="Next")])).uuid)
    assert bytes(leg.line.heard) == mouth.pcm("Sorry", 16_000)
    del us.answers["/socket"]
    leg = await done(carrier, (await created(vonage, us, ncco=[connecting(us), Talk(text="Next")])).uuid)
    assert bytes(leg.line.heard) == mouth.pcm("Next", 16_000)
    us.told.clear()
    leg = await done(carrier, (await created(vonage, us, ncco=[connecting(us, eventType=None)])).uuid)
    assert (leg.state, statuses(us, "/socket")) == ("completed", ["started", "answered"])


@pytest.mark.parametrize("how", ["reset", "fin"])
async def test_the_socket_is_lost_in_the_middle_of_a_word(us, vonage, carrier, how) -> None:
    us.talk = ours = Ours()
    carrier.phones[f"+{TO}"] = said(Act(says="Hel"), Act(loses=how))
    leg = await done(carrier, (await created(vonage, us)).uuid)
    await until(lambda: ours.heard == mouth.pcm("Hel", 16_000))
    assert (leg.state, ours.of("disconnected")) == ("completed", [])


async def test_a_socket_that_is_refused_is_told_of(us, vonage, carrier) -> None:
    carrier.phones[f"+{TO}"] = said()
    us.status = 403
    leg = await done(carrier, (await created(vonage, us)).uuid)
    assert statuses(us, "/socket") == ["started", "failed"]
    assert (leg.state, leg.sockets) == ("completed", 1)


# --- changing a call --------------------------------------------------------------------------


async def test_a_call_is_ended_while_it_rings_or_is_spoken_on(us, vonage, carrier) -> None:
    carrier.phones[f"+{TO}"] = Phone(rings_ms=60_000)
    ringing = await created(vonage, us)
    await until(lambda: len(us.told) == 2)
    await asyncio.to_thread(vonage.voice.hangup, ringing.uuid)
    await done(carrier, ringing.uuid)
    assert statuses(us) == ["started", "ringing", "cancelled"]
    us.talk = ours = Ours()
    carrier.phones[f"+{TO}"] = said()
    call = await created(vonage, us)
    await until(lambda: bool(ours.heard))
    await asyncio.to_thread(vonage.voice.play_dtmf_into_call, call.uuid, "1p2#")
    await asyncio.to_thread(vonage.voice.hangup, call.uuid)
    leg = await done(carrier, call.uuid)
    assert (leg.keyed, ours.events[-1]["event"]) == ("1p2#", "websocket:disconnected")
    assert (statuses(us)[-1], statuses(us, "/socket")[-1]) == ("completed", "completed")
    for change in (
        lambda: vonage.voice.hangup(call.uuid),
        lambda: vonage.voice.play_dtmf_into_call(call.uuid, "1"),
        lambda: vonage.voice.mute(call.uuid),
    ):
        with pytest.raises(HttpRequestError) as refusal:
            await asyncio.to_thread(change)
        assert refusal.value.response.status_code == 400


async def test_a_call_is_sent_on_until_the_other_hangs_up(us, vonage, carrier) -> None:
    us.talk = ours = Ours()
    carrier.phones[f"+{TO}"] = said()
    carrier.phones["+4930999888"] = said(Act(waits_ms=100), Act(hangs_up=True))
    call = await created(vonage, us)
    await until(lambda: bool(ours.heard))
    there = Connect(endpoint=[PhoneEndpoint(number="4930999888")], from_=FROM)
    await asyncio.to_thread(vonage.voice.transfer_call_ncco, call.uuid, [there])
    leg = await done(carrier, call.uuid)
    assert (leg.went_to, leg.state, len(ours.of("disconnected"))) == (["+4930999888"], "completed", 1)
    call = await created(vonage, us)
    await until(lambda: len(us.handshakes) == 2 and len(ours.of("connected")) == 2)
    us.answers["/elsewhere"] = written(Talk(text="Bye"))
    await asyncio.to_thread(vonage.voice.transfer_call_answer_url, call.uuid, f"{us.http}/elsewhere")
    leg = await done(carrier, call.uuid)
    assert leg.line.heard == mouth.pcm("Bye", 16_000)


async def test_a_call_is_over_when_its_time_is(us, vonage, carrier) -> None:
    us.talk = silent
    carrier.phones[f"+{TO}"] = said()
    leg = await done(carrier, (await created(vonage, us, length_timer=2)).uuid)
    assert leg.state == "completed"
    assert events(us)[-1]["disconnected_by"] == "platform"


async def test_a_recording_is_told_of_when_the_call_is_over(us, vonage, carrier) -> None:
    carrier.phones[f"+{TO}"] = said(Act(hangs_up=True))
    record = Record(eventUrl=[f"{us.http}/tape"])
    leg = await done(carrier, (await created(vonage, us, ncco=[record, connecting(us)])).uuid)
    [tape] = events(us, "/tape")
    assert tape["conversation_uuid"] == leg.more["conversation"]
    assert tape["recording_url"].startswith("https://api.nexmo.com/v1/files/")


# --- calls that come in, and other documents ----------------------------------------------------


@pytest.mark.parametrize("method", ["", "POST"])
async def test_a_call_comes_in_and_is_connected(us, carrier, method) -> None:
    us.talk = ours = Ours()
    us.answers["/answer"] = written(connecting(us))
    arrived = Arrival(
        to=f"+{FROM}", from_=f"+{TO}", url=f"{us.http}/answer", status=f"{us.http}/status", method=method,
        account=APPLICATION, phone=said(Act(says="Hello"), Act(hangs_up=True)),
    )  # fmt: skip
    leg = carrier.arrive(arrived)
    await done(carrier, leg.id)
    [asked] = [one for one in us.told if one.path == "/answer"]
    fields = json.loads(asked.body) if method else dict(parse_qsl(urlsplit(asked.url).query))
    told = AnswerWebhook(**fields)
    assert (told.from_, told.to, told.uuid) == (TO, FROM, leg.id)
    assert (verify_signature(token(asked), SIGNATURE_SECRET), believed(asked)) == (True, "")
    assert ours.heard == mouth.pcm("Hello", 16_000)
    assert statuses(us) == ["ringing", "started", "answered", "completed"]
    assert {one["direction"] for one in events(us)} == {"inbound"}


async def test_an_answer_that_is_none_ends_the_call(us, carrier) -> None:
    def arrive(path: str) -> Leg:
        return carrier.arrive(
            Arrival(to=FROM, from_=TO, url=f"{us.http}{path}", status=f"{us.http}/status", phone=said())
        )

    for path, document in (
        ("/nonsense", b"nonsense"), ("/object", b"{}"), ("/unknown", b'[{"action": "dance"}]'),
        ("/plain", written(connecting(us)).replace(us.ws.encode(), b"ws://elsewhere.test")),
        ("/nobody", written(connecting(us)).replace(b'"from"', b'"whose"')),
        ("/rate", written(connecting(us)).replace(b"16000", b"48000")),
        ("/long", written(connecting(us, headers={"a": "x" * 512}))),
    ):  # fmt: skip
        us.answers[path] = document
        us.told.clear()
        leg = await done(carrier, arrive(path).id)
        assert (leg.state, len(leg.complaints), leg.sockets) == ("failed", 1, 0), path
        assert [one["reason"] for one in events(us) if "reason" in one] == leg.complaints
    us.status = 503
    await done(carrier, arrive("/later").id)
    assert [one.path for one in us.told].count("/later") == 2
    us.status = 500
    await done(carrier, arrive("/broken").id)
    assert [one.path for one in us.told].count("/broken") == 1


async def test_a_document_is_fetched_for_a_call_that_was_asked_for(us, vonage, carrier) -> None:
    carrier.phones[f"+{TO}"] = said()
    us.answers["/answer"] = written(
        Talk(text="Hello"), Connect(endpoint=[PhoneEndpoint(number="4930999888")], from_=FROM)
    )
    carrier.phones["+4930999888"] = Phone(picks_up="busy")
    leg = await done(carrier, (await created(vonage, us, ncco=None, answer_url=[f"{us.http}/answer"])).uuid)
    assert (leg.line.heard, leg.went_to) == (mouth.pcm("Hello", 16_000), ["+4930999888"])


# --- the control API --------------------------------------------------------------------------


async def test_another_process_can_do_all_of_it(us) -> None:
    us.talk = silent
    us.answers["/answer"] = written(connecting(us))
    async with Lab() as lab:

        async def control(method: str, path: str = "", body: Any = None) -> tuple[int, Any]:
            sent = b"" if body is None else json.dumps(body).encode()
            reply = await web.ask(method, f"{lab.origin}/_lab/carriers/vonage{path}", body=sent)
            return reply.status, json.loads(reply.body)

        given = {
            "tokens": tokens(),
            "deliveries": [{"of": "started", "proof": "none"}],
            "calls_per_second": 3,
        }
        assert await control("PUT", body=given) == (200, {"ok": True})
        arrived = {
            "to": FROM, "from": TO, "url": f"{us.http}/answer", "status": f"{us.http}/status", "account": APPLICATION,
            "phone": {"acts": [{"says": "Hi"}], "speed": FAST},
        }  # fmt: skip
        status, call = await control("POST", "/calls", arrived)
        assert (status, call["direction"]) == (201, "inbound")
        await control("POST", f"/calls/{call['id']}", {"acts": [{"says": "Bye"}, {"hangs_up": True}]})
        async with asyncio.timeout(60):
            while not (told := (await control("GET", f"/calls/{call['id']}"))[1])["done"]:
                await asyncio.sleep(0.005)
        assert b64decode(told["said"]).endswith(mouth.pcm("Bye", 16_000))
        assert [believed(one) for one in us.told if one.path == "/status"] == ["", "unsigned", "", ""]
        assert (await control("POST", "/calls", {"to": FROM, "from": TO}))[0] == 400
        await control("DELETE")
        assert (await control("GET"))[1]["calls"] == []
