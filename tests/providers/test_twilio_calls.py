"""Calls by way of Twilio's emulator, which Twilio's own SDK has driven; and what that SDK asks, beside what we do."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

import pytest
from twilio.rest import Client
from twilio.twiml.voice_response import Connect, VoiceResponse

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange
from integration_api.core.media import Cleared, Dtmf, Heard, MarkReached, MediaEvent, Started, Stopped
from integration_api.core.session import HangUp, Say
from integration_api.core.telephony import (
    CallState,
    Control,
    DialRequest,
    Lookup,
    Notice,
    Routes,
    Transfer,
)
from integration_api.providers.twilio import TWILIO
from integration_api.providers.twilio.media import MediaStream
from integration_api.transport.drive import Trace, Transport
from lab import Lab, mouth
from lab.carrier import Arrival, Carrier
from lab.http import Peer
from lab.phone import Act, Phone
from tests.lab.callee import Callee, listening, until
from tests.lab.twilio_sdk import Rewritten
from tests.transport.upstream import Held, transport

ACCOUNT = "AC00000000000000000000000000000001"
TOKEN = "0123456789abcdef0123456789abcdef"
TO, FROM = "+4930123456", "+15005550006"
FAST = 50.0
SPEECH = (Path(__file__).parents[1] / "samples/speech/en-8000.ulaw").read_bytes()
PHONE = TWILIO.telephony


class Bench:
    """Our adapter on a real transport, in front of the lab; a callee that tells what it is told."""

    def __init__(self, lab: Lab, us: Callee, over: Transport) -> None:
        self.lab = lab
        self.us = us
        self.over = over
        self.carrier: Carrier = lab.carriers["twilio"]
        self.routes = Routes(f"{us.http}/status", f"{us.ws}/media")
        fields = {"account_sid": ACCOUNT, "base_url": lab.url("twilio", version="")}
        self.credential = Credential("twilio", fields, held=frozenset({"account_token"}))

    async def run(self, exchange: Exchange[Any], token: str = TOKEN) -> Any:
        held = Held(account_token=token)
        try:
            return await self.over.run(exchange, TWILIO.fault, held, Trace(0.0), "account")
        finally:
            assert held.all_wiped

    async def dial(self, **more: Any) -> str:
        asked = DialRequest(**{"to": TO, "from_": FROM, "routes": self.routes, **more})
        report = await self.run(PHONE.dial(asked, self.credential))
        assert (report.state, report.to, report.from_) == (CallState.DIALING, TO, FROM)
        return str(report.provider_call_id)

    async def over_is(self, sid: str) -> None:
        async with asyncio.timeout(60):
            await self.carrier.legs[sid].done.wait()

    @property
    def states(self) -> list[CallState]:
        told = [
            PHONE.events(Notice(method="POST", fields=tuple(form.items())))
            for form in self.us.forms("/status")
        ]
        return [event.report.state for events in told for event in events if event.report is not None]


class Talk:
    """Our media session on a socket: what it was told, and what it does when something is told."""

    def __init__(
        self, does: Callable[[MediaStream, MediaEvent], list[Any]] = lambda session, event: []
    ) -> None:
        self.does = does
        self.told: list[MediaEvent] = []
        self.session = MediaStream()

    async def __call__(self, peer: Peer) -> None:
        self.session = session = MediaStream()
        while (message := await peer.receive()) is not None:
            for event in session.feed(message):
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
async def bench() -> AsyncIterator[Bench]:
    async with Lab() as lab, listening() as us, transport() as over:
        yield Bench(lab, us, over)


def said(*acts: Act, **more: Any) -> Phone:
    return Phone(acts=list(acts), **{"speed": FAST, **more})


async def test_an_outbound_call_from_end_to_end(bench: Bench) -> None:
    answer = mouth.mulaw("How can I help you")

    def speak(session: MediaStream, event: MediaEvent) -> list[Any]:
        if not isinstance(event, Started):
            return []
        pieces = [answer[at : at + 333] for at in range(0, len(answer), 333)]
        return [act for piece in pieces for act in session.say(piece)] + [*session.mark("said")]

    bench.us.talk = talk = Talk(speak)
    bench.carrier.phones[TO] = said(
        Act(sound=b64encode(SPEECH).decode()),
        Act(presses="42#"),
        Act(awaits="said"),
        Act(says="Bye"),
        Act(hangs_up=True),
    )
    sid = await bench.dial(media_params={"who": "<me> & 'you'"})
    await bench.over_is(sid)
    await until(lambda: isinstance(talk.told[-1], Stopped))
    [started] = talk.of(Started)
    assert talk.told[0] == started
    assert (started.provider_call_id, started.custom) == (sid, {"who": "<me> & 'you'"})
    leg = bench.carrier.legs[sid]
    assert talk.heard == bytes(leg.line.said)
    assert talk.heard.startswith(SPEECH)
    assert bytes(leg.line.heard) == answer
    assert [one.timestamp_ms % 20 for one in talk.of(Heard)] == [0] * len(talk.of(Heard))
    assert [one.digit for one in talk.of(Dtmf)] == ["4", "2", "#"]
    assert talk.of(MarkReached) == [MarkReached("said")]
    assert bench.states == [CallState.DIALING, CallState.RINGING, CallState.ANSWERED, CallState.COMPLETED]
    assert (leg.complaints, leg.sockets) == ([], 1)
    report = await bench.run(PHONE.report(sid, bench.credential))
    assert (report.state, report.provider_state, report.price) == (
        CallState.COMPLETED, "completed", "-0.01300 USD",
    )  # fmt: skip


async def test_an_inbound_call_is_answered_by_our_document(bench: Bench) -> None:
    bench.us.talk = talk = Talk()
    arrival = PHONE.arrival(Notice(method="POST", fields=(("CallSid", "CA1"), ("From", TO), ("To", FROM))))
    document = PHONE.answer(arrival, bench.routes, {"a": "b"}, bench.credential)
    bench.us.answers["/answer"] = document.body
    phone = said(Act(says="Hello"), Act(hangs_up=True))
    leg = bench.carrier.arrive(Arrival(to=FROM, from_=TO, url=f"{bench.us.http}/answer", phone=phone))
    await bench.over_is(leg.id)
    await until(lambda: isinstance(talk.told[-1], Stopped))
    assert talk.heard == mouth.mulaw("Hello")
    assert talk.of(Started)[0].custom == {"a": "b"}
    [asked] = bench.us.forms("/answer")
    read = PHONE.arrival(Notice(method="POST", fields=tuple(asked.items())))
    assert (read.provider_call_id, read.from_, read.to) == (leg.id, TO, FROM)
    stream = [
        PHONE.events(Notice(method="POST", fields=tuple(one.items())))[0] for one in bench.us.forms("/status")
    ]
    assert [one.note for one in stream] == ["stream-started", "stream-stopped"]
    assert len({one.key for one in stream}) == 2


async def test_barge_in_stops_what_is_played(bench: Bench) -> None:
    def interrupt(session: MediaStream, event: MediaEvent) -> list[Any]:
        match event:
            case Started():
                return [*session.say(b"\x01" * 160_000), *session.mark("long")]
            case Dtmf():
                return [*session.clear(), *session.say(b"\x02" * 160), *session.mark("short")]
            case _:
                return []

    bench.us.talk = talk = Talk(interrupt)
    bench.carrier.phones[TO] = said(
        Act(hears_ms=200), Act(presses="1"), Act(awaits="short"), Act(hangs_up=True), speed=5
    )
    sid = await bench.dial()
    await bench.over_is(sid)
    assert talk.of(MarkReached) == [MarkReached("long", cancelled=True), MarkReached("short")]
    assert len(talk.of(Cleared)) == 1
    heard = bytes(bench.carrier.legs[sid].line.heard)
    silenced = heard.index(b"\x02")
    assert heard[silenced:] == b"\x02" * 160
    assert 1600 <= silenced < 160_000
    assert bench.carrier.legs[sid].line.cleared[0].dropped_bytes == 160_000 - silenced


async def test_we_hang_up_by_request_or_by_leaving(bench: Bench) -> None:
    def leave(session: MediaStream, event: MediaEvent) -> list[Any]:
        return [*session.hang_up()] if isinstance(event, Heard) else []

    bench.us.talk = Talk(leave)
    bench.carrier.phones[TO] = said()
    await bench.over_is(await bench.dial())
    bench.us.talk = talk = Talk()
    sid = await bench.dial()
    await until(lambda: bool(talk.heard))
    for _ in range(2):
        await bench.run(
            PHONE.hang_up(Control(provider_call_id=sid, state=CallState.ANSWERED), bench.credential)
        )
    await bench.over_is(sid)
    bench.carrier.phones[TO] = Phone(rings_ms=60_000)
    sid = await bench.dial()
    await bench.run(PHONE.hang_up(Control(provider_call_id=sid, state=CallState.RINGING), bench.credential))
    await bench.over_is(sid)
    assert [state for state in bench.states if state.ended] == [
        CallState.COMPLETED, CallState.COMPLETED, CallState.CANCELLED,
    ]  # fmt: skip
    gone = Control(provider_call_id="CA9", state=CallState.RINGING)
    await bench.run(PHONE.hang_up(gone, bench.credential))


async def test_a_call_that_was_answered_meanwhile_is_hung_up_all_the_same(bench: Bench) -> None:
    bench.us.talk = talk = Talk()
    bench.carrier.phones[TO] = said()
    sid = await bench.dial()
    await until(lambda: bool(talk.heard))
    await bench.run(PHONE.hang_up(Control(provider_call_id=sid, state=CallState.DIALING), bench.credential))
    await bench.over_is(sid)
    assert bench.states[-1] is CallState.COMPLETED


async def test_keys_and_transfers(bench: Bench) -> None:
    bench.us.talk = talk = Talk()
    bench.carrier.phones[TO] = said()
    bench.carrier.phones["+4930999"] = said(Act(hangs_up=True))
    sid = await bench.dial()
    await until(lambda: bool(talk.heard))
    pressed = Control(
        provider_call_id=sid,
        state=CallState.ANSWERED,
        digits="1w2#",
        routes=bench.routes,
        media_params={"n": "2"},
    )
    await bench.run(PHONE.send_dtmf(pressed, bench.credential))
    await until(lambda: len(talk.of(Started)) == 2)
    assert (talk.of(Started)[1].custom, len(talk.of(Stopped))) == ({"n": "2"}, 1)
    await bench.run(
        PHONE.transfer(Transfer(provider_call_id=sid, to="+4930999", from_=FROM), bench.credential)
    )
    await bench.over_is(sid)
    leg = bench.carrier.legs[sid]
    assert (leg.keyed, leg.went_to, leg.complaints) == ("1w2#", ["+4930999"], [])
    with pytest.raises(ProviderError) as refusal:
        await bench.run(PHONE.send_dtmf(pressed, bench.credential))
    assert refusal.value.kind is Kind.CONFLICT


async def test_a_call_is_found_of_which_the_answer_was_lost(bench: Bench) -> None:
    bench.carrier.phones["*"] = Phone(picks_up="busy")
    bench.carrier.calls_per_second = 0.01
    looked_for = Lookup(to=TO, from_=FROM, reference="7", since=0.0)
    assert await bench.run(PHONE.find(looked_for, bench.credential)) == ()
    made = [await bench.dial() for _ in range(2)]
    found = await bench.run(PHONE.find(looked_for, bench.credential))
    assert [one.provider_call_id for one in found] == made[::-1]
    assert found[0].provider_state == "queued"
    since = bench.carrier.legs[made[0]].created + 60
    late = Lookup(to=TO, from_=FROM, reference="7", since=since)
    assert await bench.run(PHONE.find(late, bench.credential)) == ()


async def test_credentials_and_numbers(bench: Bench) -> None:
    await bench.run(TWILIO.verify(bench.credential))
    told = await bench.run(PHONE.numbers(bench.credential))
    assert [one.number for one in told.numbers] == ["+15005550006", "+15005550016", "+15005550026"]
    assert told.numbers[0].capabilities == ("voice", "sms")
    for word, kind in (
        ("invalid", Kind.CREDENTIAL_REJECTED), ("forbidden", Kind.PERMISSION), ("noquota", Kind.PERMISSION),
    ):  # fmt: skip
        bench.carrier.clear()
        with pytest.raises(ProviderError) as refusal:
            await bench.run(TWILIO.verify(bench.credential), f"{word}-0123456789")
        assert refusal.value.kind is kind


# --- beside the SDK ---------------------------------------------------------------------------

UNLIKE = {
    "user-agent": "each says who it is",
    "accept": "ours takes what comes: there is JSON only at paths that end in .json",
    "accept-charset": "the SDK's; JSON is UTF-8",
    "accept-encoding": "each says what it can unpack",
    "content-length": "ElementTree writes a space before the end of an empty element",
    "content-type": "the SDK gives one to lists, which have no body",
    "connection": "keeping a connection needs no word in HTTP/1.1",
    "x-twilio-client": "the SDK's own",
}
"""Headers that one has and the other has not, or has otherwise, and why."""


def by_sdk(sdk: Client, bench: Bench) -> Mapping[str, Callable[[], Any]]:
    connect = Connect()
    socket = connect.stream(url=bench.routes.media, status_callback=bench.routes.status)
    socket.parameter(name="a", value='"<b>"')
    connected, keyed, sent_on = VoiceResponse(), VoiceResponse(), VoiceResponse()
    connected.append(connect)
    keyed.play(digits="1#")
    keyed.append(connect)
    sent_on.dial("+4930999", caller_id=FROM)
    call = sdk.calls("CA9")
    return {
        "dial": lambda: sdk.calls.create(
            to=TO, from_=FROM, twiml=str(connected), status_callback=bench.routes.status, timeout=20, time_limit=60,
            status_callback_event=["initiated", "ringing", "answered", "completed"], machine_detection="Enable",
            async_amd="true", async_amd_status_callback=bench.routes.status, record=True,
            recording_status_callback=bench.routes.status, call_reason="any",
        ),
        "answer_url": lambda: sdk.calls.create(
            to=TO, from_=FROM, url="https://there.test/a?b=c d", status_callback=bench.routes.status,
            status_callback_event=["initiated", "ringing", "answered", "completed"],
        ),
        "report": call.fetch,
        "find": lambda: sdk.calls.page(to=TO, from_=FROM, page_size=200),
        "hang_up": lambda: call.update(status="completed"),
        "send_dtmf": lambda: call.update(twiml=str(keyed)),
        "transfer": lambda: call.update(twiml=str(sent_on)),
        "numbers": lambda: sdk.incoming_phone_numbers.page(page_size=1000),
        "verify": sdk.api.accounts(ACCOUNT).fetch,
    }  # fmt: skip


def by_us(bench: Bench) -> Mapping[str, Exchange[Any]]:
    params = {"a": '"<b>"'}
    full = DialRequest(
        to=TO, from_=FROM, routes=bench.routes, ring_timeout_s=20, max_duration_s=60, detect_machine=True, record=True,
        media_params=params, extras={"CallReason": "any"},
    )  # fmt: skip
    elsewhere = DialRequest(to=TO, from_=FROM, routes=bench.routes, answer_url="https://there.test/a?b=c d")
    spoken_on = Control(provider_call_id="CA9", state=CallState.ANSWERED)
    keyed = Control(
        provider_call_id="CA9",
        state=CallState.ANSWERED,
        digits="1#",
        routes=bench.routes,
        media_params=params,
    )
    with_us = bench.credential
    return {
        "dial": PHONE.dial(full, with_us),
        "answer_url": PHONE.dial(elsewhere, with_us),
        "report": PHONE.report("CA9", with_us),
        "find": PHONE.find(Lookup(to=TO, from_=FROM, reference="1", since=0.0), with_us),
        "hang_up": PHONE.hang_up(spoken_on, with_us),
        "send_dtmf": PHONE.send_dtmf(keyed, with_us),
        "transfer": PHONE.transfer(Transfer(provider_call_id="CA9", to="+4930999", from_=FROM), with_us),
        "numbers": PHONE.numbers(with_us),
        "verify": TWILIO.verify(with_us),
    }


def asked(bench: Bench) -> dict[str, Any]:
    """What was asked last, so that it can be compared: documents in their canonical form."""
    one = bench.lab.requests[-1]
    form = parse_qs(one.raw.decode(), keep_blank_values=True)
    form |= {name: [ET.canonicalize(value[0])] for name, value in form.items() if name == "Twiml"}
    return {
        "method": one.method,
        "path": one.path,
        "query": dict(one.query),
        "form": form,
        "headers": dict(one.headers),
    }


async def test_the_sdk_asks_what_we_ask(bench: Bench) -> None:
    sdk = Client(ACCOUNT, TOKEN, http_client=Rewritten(bench.lab))
    theirs, ours = by_sdk(sdk, bench), by_us(bench)
    assert theirs.keys() == ours.keys()
    unlike: set[str] = set()
    for name in theirs:
        answers = []
        for run in (asyncio.to_thread(theirs[name]), bench.run(ours[name])):
            try:
                await run
            except Exception as refusal:
                assert "not found" in str(refusal)
            answers.append(asked(bench))
        by_them, by_our_own = answers
        heads = [one.pop("headers") for one in answers]
        assert by_them == by_our_own, name
        both = heads[0].keys() | heads[1].keys()
        unlike |= {header for header in both if heads[0].get(header) != heads[1].get(header)}
    assert unlike == set(UNLIKE)
