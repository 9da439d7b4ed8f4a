"""Calls by way of Vonage's emulator, which Vonage's own SDK has driven; and what that SDK asks, beside what we do."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from vonage import Auth, Vonage
from vonage_numbers.requests import ListOwnedNumbersFilter
from vonage_voice.models.connect_endpoints import PhoneEndpoint, WebsocketEndpoint
from vonage_voice.models.ncco import Connect, Record
from vonage_voice.models.requests import CreateCallRequest, ListCallsFilter

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import ApplicationToken, Exchange
from integration_api.core.media import Cleared, Dtmf, Heard, MarkReached, MediaEvent, Started, Stopped
from integration_api.core.session import HangUp, Say
from integration_api.core.telephony import CallState, Control, DialRequest, Lookup, Notice, Routes, Transfer
from integration_api.providers.vonage import VONAGE
from integration_api.providers.vonage.media import VonageMedia
from integration_api.transport import application_token
from integration_api.transport.drive import Trace, Transport
from lab import Lab, mouth
from lab.carrier import Arrival, Delivery
from lab.http import Peer
from lab.phone import Act, Phone
from lab.vonage import Vonage as Carrier
from tests.lab.callee import Callee, Told, listening, until
from tests.lab.vonage_keys import API_KEY, API_SECRET, APPLICATION, keys
from tests.lab.vonage_sdk import sdk, trusted
from tests.transport.upstream import Held, transport

TO, FROM = "+4930123456", "+15005550006"
FAST = 50.0
PHONE = VONAGE.telephony


def notice(told: Told) -> Notice:
    return Notice(method="POST", fields=tuple(parse_qsl(urlsplit(told.url).query)), body=told.body)


class Bench:
    """Our adapter on a real transport, in front of the lab; a callee that tells what it is told."""

    def __init__(self, lab: Lab, us: Callee, over: Transport) -> None:
        self.lab = lab
        self.us = us
        self.over = over
        carrier = lab.carriers["vonage"]
        assert isinstance(carrier, Carrier)
        self.carrier = carrier
        self.routes = Routes(f"{us.http}/status", f"{us.ws}/media")
        fields = {
            "application_id": APPLICATION,
            "api_key": API_KEY,
            "base_url": lab.url("vonage", version=""),
        }
        self.credential = Credential("vonage", fields, held=frozenset({"private_key", "api_secret"}))

    async def run(
        self,
        exchange: Exchange[Any],
        private_key: str = "",
        api_secret: str = API_SECRET,
        account: str = "account",
    ) -> Any:
        held = Held(private_key=private_key or keys()[0], api_secret=api_secret)
        try:
            return await self.over.run(exchange, VONAGE.fault, held, Trace(0.0), account)
        finally:
            assert not held.lent or held.all_wiped

    async def dial(self, **more: Any) -> str:
        asked = DialRequest(**{"to": TO, "from_": FROM, "routes": self.routes, **more})
        report = await self.run(PHONE.dial(asked, self.credential))
        assert report.state is CallState.DIALING
        return str(report.provider_call_id)

    async def over_is(self, uuid: str) -> None:
        async with asyncio.timeout(60):
            await self.carrier.legs[uuid].done.wait()

    @property
    def events(self) -> list[Any]:
        return [event for one in self.us.told if one.path == "/status" for event in PHONE.events(notice(one))]

    @property
    def states(self) -> list[CallState]:
        return [event.report.state for event in self.events if event.report is not None]


class Talk:
    """Our media session on a socket: what it was told, and what it does when something is told."""

    def __init__(
        self, does: Callable[[VonageMedia, MediaEvent], list[Any]] = lambda session, event: []
    ) -> None:
        self.does = does
        self.told: list[MediaEvent] = []

    async def __call__(self, peer: Peer) -> None:
        session = VonageMedia()
        while (message := await peer.receive()) is not None:
            for event in session.feed(message):
                if isinstance(event, Say):
                    await peer.send(event.message)
                    continue
                self.told.append(event)
                for one in self.does(session, event):
                    if isinstance(one, Say):
                        await peer.send(one.message)
                    elif isinstance(one, HangUp):
                        await peer.close()
                        self.told += session.close()
                        return
                    else:
                        self.told.append(one)
        self.told += session.close()

    @property
    def heard(self) -> bytes:
        return b"".join(one.data for one in self.told if isinstance(one, Heard))

    def of(self, kind: type) -> list[Any]:
        return [one for one in self.told if isinstance(one, kind)]


@pytest.fixture
async def bench(tmp_path, monkeypatch) -> AsyncIterator[Bench]:
    async with trusted(tmp_path, monkeypatch) as lab, listening() as us:
        us.content_type = "application/json"
        knows = ssl.create_default_context(cafile=str(tmp_path / "authority.pem"))
        async with transport(tls=knows) as over:
            yield Bench(lab, us, over)


def said(*acts: Act, **more: Any) -> Phone:
    return Phone(acts=list(acts), **{"speed": FAST, **more})


async def test_an_outbound_call_from_end_to_end(bench: Bench) -> None:
    answer = mouth.pcm("How can I help you", 16_000)

    def speak(session: VonageMedia, event: MediaEvent) -> list[Any]:
        if not isinstance(event, Started):
            return []
        pieces = [answer[at : at + 333] for at in range(0, len(answer), 333)]
        return [act for piece in pieces for act in session.say(piece)] + [*session.mark("said")]

    bench.us.talk = talk = Talk(speak)
    bench.carrier.phones[TO] = said(
        Act(says="Hello"), Act(presses="42#"), Act(awaits="said"), Act(says="Bye"), Act(hangs_up=True)
    )
    params = {"who": "<me> & 'you'", "ü": "é"}
    uuid = await bench.dial(media_params=params, detect_machine=True, record=True)
    await bench.over_is(uuid)
    await until(lambda: isinstance(talk.told[-1], Stopped))
    [started] = talk.of(Started)
    assert (talk.told[0], started.custom) == (started, params)
    leg = bench.carrier.legs[uuid]
    assert talk.heard == bytes(leg.line.said)
    assert bytes(leg.line.heard) == answer
    assert [one.digit for one in talk.of(Dtmf)] == ["4", "2", "#"]
    assert talk.of(MarkReached) == [MarkReached("said")]
    assert bench.states == [
        CallState.DIALING, CallState.RINGING, CallState.ANSWERED, CallState.ANSWERED, CallState.COMPLETED,
    ]  # fmt: skip
    assert {one.provider_call_id for one in bench.events if one.report is not None} == {uuid}
    assert [one.note for one in bench.events if one.report is None] == [
        "websocket started", "websocket answered", "websocket completed", "recording",
    ]  # fmt: skip
    assert len({one.key for one in bench.events}) == len(bench.events)
    assert bench.events[-1].detail["recording_url"].startswith("https://")
    assert (leg.complaints, leg.sockets) == ([], 1)
    report = await bench.run(PHONE.report(uuid, bench.credential))
    told = next(one.report for one in bench.events if one.report and one.report.state.ended)
    assert (report.state, report.duration_s, report.price) == (
        CallState.COMPLETED, told.duration_s, told.price,
    )  # fmt: skip
    assert told.price.endswith(" EUR")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_inbound_call_is_answered_by_our_document(bench: Bench, method: str) -> None:
    bench.us.talk = talk = Talk()
    arrival = PHONE.arrival(Notice(method="GET", fields=(("uuid", "u"), ("from", TO[1:]), ("to", FROM[1:]))))
    document = PHONE.answer(arrival, bench.routes, {"a": "b"}, bench.credential)
    bench.us.answers["/answer"] = document.body
    phone = said(Act(says="Hello"), Act(hangs_up=True))
    leg = bench.carrier.arrive(
        Arrival(
            to=FROM,
            from_=TO,
            url=f"{bench.us.http}/answer",
            method=method,
            phone=phone,
            status=bench.routes.status,
        )
    )
    await bench.over_is(leg.id)
    await until(lambda: isinstance(talk.told[-1], Stopped))
    assert talk.heard == mouth.pcm("Hello", 16_000)
    assert talk.of(Started)[0].custom == {"a": "b"}
    [asked] = [one for one in bench.us.told if one.path == "/answer"]
    read = PHONE.arrival(notice(asked))
    assert (read.provider_call_id, read.from_, read.to) == (leg.id, TO, FROM)
    assert read.metadata["conversation_uuid"] == leg.more["conversation"]
    assert bench.states == [CallState.RINGING, CallState.DIALING, CallState.ANSWERED, CallState.COMPLETED]


async def test_barge_in_stops_what_is_played(bench: Bench) -> None:
    def interrupt(session: VonageMedia, event: MediaEvent) -> list[Any]:
        match event:
            case Started():
                return [*session.say(b"\x01" * 32_000), *session.mark("long")]
            case Dtmf():
                return [*session.clear(), *session.say(b"\x02" * 640), *session.mark("short")]
            case _:
                return []

    bench.us.talk = talk = Talk(interrupt)
    bench.carrier.phones[TO] = said(
        Act(hears_ms=200), Act(presses="1"), Act(awaits="short"), Act(hangs_up=True), speed=5
    )
    uuid = await bench.dial()
    await bench.over_is(uuid)
    assert talk.of(MarkReached) == [MarkReached("long", cancelled=True), MarkReached("short")]
    assert len(talk.of(Cleared)) == 1
    heard = bytes(bench.carrier.legs[uuid].line.heard)
    silenced = heard.index(b"\x02")
    assert heard[silenced:] == b"\x02" * 640
    assert bench.carrier.legs[uuid].line.cleared[0].dropped_bytes == 32_000 - silenced > 0


async def test_nothing_is_lost_of_more_sound_than_vonage_keeps(bench: Bench) -> None:
    whole = b"".join(n.to_bytes(2, "little") * 320 for n in range(3_500))

    def speak(session: VonageMedia, event: MediaEvent) -> list[Any]:
        return [*session.say(whole), *session.mark("end")] if isinstance(event, Started) else []

    bench.us.talk = talk = Talk(speak)
    bench.carrier.phones[TO] = said(Act(awaits="end"), Act(hangs_up=True), speed=200)
    uuid = await bench.dial()
    await bench.over_is(uuid)
    leg = bench.carrier.legs[uuid]
    assert (bytes(leg.line.heard) == whole, leg.more.get("lost_frames", 0)) == (True, 0)
    assert talk.of(MarkReached) == [MarkReached("end")]


async def test_we_hang_up_by_request_or_by_leaving(bench: Bench) -> None:
    def leave(session: VonageMedia, event: MediaEvent) -> list[Any]:
        return [*session.hang_up()] if isinstance(event, Heard) else []

    bench.us.talk = Talk(leave)
    bench.carrier.phones[TO] = said()
    await bench.over_is(await bench.dial())
    assert bench.events[-2].note == "websocket disconnected"
    bench.us.talk = talk = Talk()
    uuid = await bench.dial()
    await until(lambda: bool(talk.heard))
    spoken_on = Control(provider_call_id=uuid, state=CallState.ANSWERED)
    await bench.run(PHONE.hang_up(spoken_on, bench.credential))
    await bench.over_is(uuid)
    await bench.run(PHONE.hang_up(spoken_on, bench.credential))
    bench.carrier.phones[TO] = Phone(rings_ms=60_000)
    uuid = await bench.dial()
    await bench.run(PHONE.hang_up(Control(provider_call_id=uuid, state=CallState.RINGING), bench.credential))
    await bench.over_is(uuid)
    assert [state for state in bench.states if state.ended] == [
        CallState.COMPLETED, CallState.COMPLETED, CallState.CANCELLED,
    ]  # fmt: skip
    gone = Control(provider_call_id="nobodys", state=CallState.RINGING)
    await bench.run(PHONE.hang_up(gone, bench.credential))


async def test_keys_and_transfers(bench: Bench) -> None:
    bench.us.talk = talk = Talk()
    bench.carrier.phones[TO] = said()
    bench.carrier.phones["+4930999888"] = said(Act(hangs_up=True))
    uuid = await bench.dial()
    await until(lambda: bool(talk.heard))
    pressed = Control(provider_call_id=uuid, state=CallState.ANSWERED, digits="1w2#", routes=bench.routes)
    await bench.run(PHONE.send_dtmf(pressed, bench.credential))
    assert len(talk.of(Started)) == 1, "the sound goes on where it is"
    for caller in (FROM, ""):
        there = Transfer(provider_call_id=uuid, to="+4930999888", from_=caller)
        await bench.run(PHONE.transfer(there, bench.credential))
        await bench.over_is(uuid)
        leg = bench.carrier.legs[uuid]
        assert (leg.keyed, leg.went_to, leg.complaints) == ("1p2#" if caller else "", ["+4930999888"], [])
        bench.us.talk = Talk()
        uuid = await bench.dial()
        await until(lambda uuid=uuid: bool(bench.carrier.legs[uuid].sockets))
    bench.carrier.legs[uuid].hangup()
    await bench.over_is(uuid)
    with pytest.raises(ProviderError) as refusal:
        await bench.run(PHONE.send_dtmf(pressed, bench.credential))
    assert (refusal.value.kind, "is not active" in refusal.value.message) == (Kind.INVALID_REQUEST, True)


async def test_a_call_is_found_of_which_the_answer_was_lost(bench: Bench) -> None:
    looked_for = Lookup(to=TO, from_=FROM, reference="7", since=0.0)
    assert await bench.run(PHONE.find(looked_for, bench.credential)) == ()
    bench.carrier.phones["*"] = said(Act(hangs_up=True))
    made = [await bench.dial() for _ in range(2)]
    await bench.over_is(made[1])
    await bench.dial(to="+4930123457")
    found = await bench.run(PHONE.find(looked_for, bench.credential))
    assert [one.provider_call_id for one in found] == made
    late = Lookup(to=TO, from_=FROM, reference="7", since=bench.carrier.legs[made[0]].created + 60)
    assert await bench.run(PHONE.find(late, bench.credential)) == ()


async def test_more_calls_than_may_be_are_refused_and_not_asked_for_again(bench: Bench) -> None:
    bench.carrier.phones["*"] = Phone(picks_up="busy")
    bench.carrier.calls_per_second = 0.01
    await bench.dial()
    with pytest.raises(ProviderError) as refusal:
        await bench.dial()
    assert refusal.value.kind is Kind.RATE_LIMITED
    assert [let_in for _, let_in in bench.carrier.asked] == [True, False]


async def test_notices_that_go_astray_leave_the_states_as_they_were(bench: Bench) -> None:
    bench.carrier.phones["*"] = Phone(picks_up="busy")
    bench.carrier.deliveries.waiting = [Delivery(how="late", of="ringing"), Delivery(how="twice", of="busy")]
    await bench.over_is(await bench.dial())
    sequences = [one.sequence for one in bench.events]
    assert bench.states == [CallState.DIALING, CallState.BUSY, CallState.BUSY, CallState.RINGING]
    assert sequences[1] == sequences[2] > sequences[3] > sequences[0]
    assert bench.events[1].key == bench.events[2].key


async def test_credentials_and_numbers(bench: Bench) -> None:
    await bench.run(VONAGE.verify(bench.credential))
    told = await bench.run(PHONE.numbers(bench.credential))
    assert [one.number for one in told.numbers] == [FROM, "+15005550016", "+15005550026"]
    assert told.numbers[0].capabilities == ("voice", "sms")
    with pytest.raises(ProviderError) as refusal:
        await bench.run(VONAGE.verify(bench.credential), api_secret="Wrong1234", account="another")
    assert (refusal.value.kind, "api_secret" in refusal.value.message) == (Kind.CREDENTIAL_REJECTED, True)
    for word, kind in (("invalid", Kind.CREDENTIAL_REJECTED), ("forbidden", Kind.PERMISSION)):
        fields = {**bench.credential.fields, "application_id": word}
        with pytest.raises(ProviderError) as refusal:
            await bench.run(
                VONAGE.verify(Credential("vonage", fields, held=bench.credential.held)), account=word
            )
        assert refusal.value.kind is kind


# --- beside the SDK ---------------------------------------------------------------------------

UNLIKE = {
    "user-agent": "each says who it is",
    "accept": "ours takes what comes: there is JSON only",
    "accept-encoding": "each says what it can unpack",
    "authorization": "each token has its own time and name; what they say is compared by itself",
    "content-length": "the SDK writes JSON with spaces",
    "content-type": "the SDK keeps the one of the last body for requests that have none",
    "connection": "keeping a connection needs no word in HTTP/1.1",
}
"""Headers that one has and the other has not, or has otherwise, and why."""


def by_sdk(client: Vonage, bench: Bench) -> Mapping[str, Callable[[], Any]]:
    socket = WebsocketEndpoint(
        uri=bench.routes.media, contentType="audio/l16;rate=16000", headers={"a": '"<b>"'}
    )
    connect = Connect(
        endpoint=[socket], from_=FROM[1:], eventUrl=[bench.routes.status], eventType="synchronous"
    )
    record = Record(eventUrl=[bench.routes.status])
    asked = {
        "to": [{"number": TO[1:]}], "from_": {"number": FROM[1:]}, "event_url": [bench.routes.status],
        "event_method": "POST",
    }  # fmt: skip
    full = CreateCallRequest(
        **asked, ncco=[record, connect], ringing_timer=20, length_timer=60, machine_detection="continue",
    )  # fmt: skip
    elsewhere = CreateCallRequest(**asked, answer_url=["https://there.test/a?b=c"])
    there = Connect(endpoint=[PhoneEndpoint(number="4930999888")], from_=FROM[1:])
    since = ListCallsFilter(date_start="2026-11-27T10:00:09Z", page_size=100, record_index=0)
    return {
        "dial": lambda: client.voice.create_call(full),
        "answer_url": lambda: client.voice.create_call(elsewhere),
        "report": lambda: client.voice.get_call("nobodys"),
        "find": lambda: client.voice.list_calls(since),
        "hang_up": lambda: client.voice.hangup("nobodys"),
        "send_dtmf": lambda: client.voice.play_dtmf_into_call("nobodys", "1p#"),
        "transfer": lambda: client.voice.transfer_call_ncco("nobodys", [there]),
        "numbers": lambda: client.numbers.list_owned_numbers(ListOwnedNumbersFilter(index=1, size=100)),
        "verify": lambda: client.voice.list_calls(ListCallsFilter(page_size=1)),
        "balance": client.account.get_balance,
    }


def by_us(bench: Bench) -> Mapping[str, Exchange[Any]]:
    full = DialRequest(
        to=TO, from_=FROM, routes=bench.routes, ring_timeout_s=20, max_duration_s=60, detect_machine=True, record=True,
        media_params={"a": '"<b>"'},
    )  # fmt: skip
    elsewhere = DialRequest(to=TO, from_=FROM, routes=bench.routes, answer_url="https://there.test/a?b=c")
    nobodys = Control(provider_call_id="nobodys", state=CallState.ANSWERED, digits="1w#")
    there = Transfer(provider_call_id="nobodys", to="+4930999888", from_=FROM)
    since = Lookup(to=TO, from_=FROM, reference="1", since=1_795_773_609.7)
    with_us = bench.credential
    alone = Credential(
        "vonage", {k: v for k, v in with_us.fields.items() if k != "api_key"}, held=frozenset({"private_key"})
    )
    return {
        "dial": PHONE.dial(full, with_us),
        "answer_url": PHONE.dial(elsewhere, with_us),
        "report": PHONE.report("nobodys", with_us),
        "find": PHONE.find(since, with_us),
        "hang_up": PHONE.hang_up(nobodys, with_us),
        "send_dtmf": PHONE.send_dtmf(nobodys, with_us),
        "transfer": PHONE.transfer(there, with_us),
        "numbers": PHONE.numbers(with_us),
        "verify": VONAGE.verify(alone),
        "balance": VONAGE.verify(with_us),
    }


def asked(bench: Bench) -> dict[str, Any]:
    """What was asked last, so that it can be compared."""
    one = bench.lab.requests[-1]
    return {
        "method": one.method,
        "path": one.path,
        "query": dict(one.query),
        "body": json.loads(one.raw) if one.raw else None,
        "headers": dict(one.headers),
    }


def said_by(token: str) -> dict[str, Any]:
    """What an application's token says, with its own time and name left out."""
    claims = jwt.decode(token, keys()[1], algorithms=["RS256"])
    lasts = claims.pop("exp") - claims.pop("iat")
    assert len(claims.pop("jti")) == 36
    return {**jwt.get_unverified_header(token), **claims, "lasts": lasts}


def test_the_sdks_tokens_say_what_ours_say() -> None:
    given = application_token.exchange(ApplicationToken(APPLICATION), bytearray(keys()[0].encode()))
    with pytest.raises(StopIteration) as done:
        next(given)
    ours = said_by(done.value.value.token.copy().decode())
    theirs = said_by(
        Auth(application_id=APPLICATION, private_key=keys()[0]).generate_application_jwt().decode()
    )
    assert ours == theirs
    assert (ours["application_id"], ours["alg"], ours["typ"]) == (APPLICATION, "RS256", "JWT")


async def test_the_sdk_asks_what_we_ask(bench: Bench) -> None:
    bench.carrier.phones["*"] = Phone(picks_up="busy")
    theirs, ours = by_sdk(sdk(bench.lab), bench), by_us(bench)
    assert theirs.keys() == ours.keys()
    unlike: set[str] = set()
    for name in theirs:
        answers = []
        for run in (asyncio.to_thread(theirs[name]), bench.run(ours[name])):
            try:
                await run
            except Exception as refusal:
                assert "Not Found" in str(refusal), (name, refusal)
            answers.append(asked(bench))
        by_them, by_our_own = answers
        heads = [one.pop("headers") for one in answers]
        assert by_them == by_our_own, name
        if heads[0]["authorization"].startswith("Basic "):
            assert heads[0].pop("authorization") == heads[1].pop("authorization")
        both = heads[0].keys() | heads[1].keys()
        unlike |= {header for header in both if heads[0].get(header) != heads[1].get(header)}
    assert unlike == set(UNLIKE)
