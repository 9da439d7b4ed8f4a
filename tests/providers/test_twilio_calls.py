"""Calls by way of Twilio's emulator, which Twilio's own SDK has driven. What we ask: tests/laws/test_carriers_requests.py."""

from base64 import b64encode
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from integration_api.core.errors import Kind, ProviderError
from integration_api.core.media import Cleared, Dtmf, Heard, MarkReached, MediaEvent, Started, Stopped
from integration_api.core.telephony import (
    CallState,
    Control,
    Lookup,
    Notice,
    Transfer,
)
from integration_api.providers.twilio import TWILIO
from integration_api.providers.twilio.media import MediaStream
from lab import mouth
from lab.carrier import Arrival
from lab.phone import Act, Phone
from tests.lab.callee import until
from tests.providers import carrier_bench
from tests.providers.carrier_bench import FROM, TO, Bench, said, saying
from tests.providers.twilio_bench import opened

SPEECH = (Path(__file__).parents[1] / "samples/speech/en-8000.ulaw").read_bytes()
PHONE = TWILIO.telephony
Talk = partial(carrier_bench.Talk, MediaStream)


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    async with opened(tmp_path, monkeypatch) as made:
        yield made


async def test_an_outbound_call_from_end_to_end(bench: Bench) -> None:
    answer = mouth.mulaw("How can I help you")
    bench.us.talk = talk = Talk(saying(answer))
    bench.carrier.phones[TO] = said(
        Act(sound=b64encode(SPEECH).decode()),
        Act(presses="42#"),
        Act(awaits="said"),
        Act(says="Bye"),
        Act(hangs_up=True),
    )
    sid = await bench.dial(media_params={"who": "<me> & 'you'"})
    assert bench.dialed is not None
    assert (bench.dialed.to, bench.dialed.from_) == (TO, FROM)
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
            await bench.run(TWILIO.verify(bench.credential), account_token=f"{word}-0123456789")
        assert refusal.value.kind is kind
