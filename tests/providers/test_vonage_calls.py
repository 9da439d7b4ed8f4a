"""Calls by way of Vonage's emulator, which Vonage's own SDK has driven. What we ask: tests/laws/test_carriers_requests.py."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
from vonage import Auth

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import ApplicationToken
from integration_api.core.media import Cleared, Dtmf, Heard, MarkReached, MediaEvent, Started, Stopped
from integration_api.core.telephony import CallState, Control, Lookup, Notice, Transfer
from integration_api.providers.vonage import VONAGE
from integration_api.providers.vonage.media import VonageMedia
from integration_api.transport import application_token
from lab import mouth
from lab.carrier import Arrival, Delivery
from lab.phone import Act, Phone
from tests.lab.callee import until
from tests.lab.vonage_keys import APPLICATION, keys
from tests.providers import carrier_bench
from tests.providers.carrier_bench import FROM, TO, Bench, said, saying
from tests.providers.vonage_bench import notice, opened

PHONE = VONAGE.telephony
Talk = partial(carrier_bench.Talk, VonageMedia)


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    async with opened(tmp_path, monkeypatch) as made:
        yield made


async def test_an_outbound_call_from_end_to_end(bench: Bench) -> None:
    answer = mouth.pcm("How can I help you", 16_000)
    bench.us.talk = talk = Talk(saying(answer))
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
