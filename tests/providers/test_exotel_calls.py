"""Calls by way of Exotel's emulator, which is derived from documentation, as our adapter is."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.media import Dtmf, MarkReached, MediaEvent, Started, Stopped
from integration_api.core.telephony import CallState, DialRequest, Lookup, Notice
from integration_api.providers.exotel import EXOTEL
from integration_api.providers.exotel.media import ExotelMedia
from lab import Lab
from lab.carrier import Arrival
from lab.exotel.resources import NUMBERS
from lab.phone import Act
from tests.lab.callee import Told, listening, until
from tests.lab.test_exotel import notice
from tests.providers import carrier_bench
from tests.providers.carrier_bench import Bench, said, saying
from tests.transport.upstream import transport

TO, FROM = "+919876543210", "+918047491899"
TOKEN = "0123456789abcdef"
PHONE = EXOTEL.telephony


Talk = partial(carrier_bench.Talk, ExotelMedia)


def read(one: Told) -> Notice:
    return Notice(method="POST", fields=tuple((name, str(value)) for name, value in notice(one).items()))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Lab() as lab, listening() as us, transport() as over:
        fields = {"account_sid": "lab1", "client_id": "key1", "base_url": lab.url("exotel", version="")}
        credential = Credential("exotel", fields, held=frozenset({"client_secret"}))
        yield Bench(lab, us, over, EXOTEL, credential, {"client_secret": TOKEN}, read, TO, FROM)


@pytest.mark.parametrize("number", NUMBERS)
async def test_an_outbound_call_from_end_to_end(bench: Bench, number: str) -> None:
    style = NUMBERS[number]
    answer = style.sound.voice("How can I help you", 8_000)
    answer += style.sound.silence * (-len(answer) % 320 // style.sound.width)
    bench.us.talk = talk = Talk(saying(answer))
    bench.carrier.phones[TO] = said(
        Act(says="Hello"), Act(presses="42#"), Act(awaits="said"), Act(says="Bye"), Act(hangs_up=True)
    )
    sid = await bench.dial(from_=number, media_params={"who": "<me> & 'you'"})
    await bench.over_is(sid)
    await until(lambda: isinstance(talk.told[-1], Stopped))
    [started] = talk.of(Started)
    assert (started.provider_call_id, started.custom) == (sid, {"who": "<me> & 'you'"})
    leg = bench.carrier.legs[sid]
    assert talk.heard == bytes(leg.line.said)
    assert bytes(leg.line.heard) == answer
    assert [one.digit for one in talk.of(Dtmf)] == ["4", "2", "#"]
    assert talk.of(MarkReached) == [MarkReached("said")]
    assert talk.told[-1] == Stopped("callended")
    assert bench.states == [CallState.RINGING, CallState.ANSWERED, CallState.COMPLETED]
    assert leg.complaints == []
    assert set(leg.more["chunks"][:-1]) == {3_200}
    report = await bench.run(PHONE.report(sid, bench.credential))
    assert (report.state, report.provider_state, report.price) == (CallState.COMPLETED, "completed", "0.500")


async def test_an_inbound_call_is_answered_by_our_document_and_its_end_told_by_an_applet(
    bench: Bench,
) -> None:

    def leave(session: ExotelMedia, event: MediaEvent) -> list[Any]:
        return [*session.mark("said"), *session.hang_up()] if isinstance(event, Started) else []

    bench.us.talk = talk = Talk(leave)
    arrival = PHONE.arrival(Notice(method="GET", fields=(("CallSid", "c1"),)))
    document = PHONE.answer(arrival, bench.routes, {"a": "b", "sample-rate": "16000"}, bench.credential)
    bench.us.answers["/answer"] = document.body
    asked = Arrival(
        to=FROM, from_=TO, url=f"{bench.us.http}/answer", status=f"{bench.us.http}/status", phone=said()
    )
    leg = bench.carrier.arrive(asked)
    await bench.over_is(leg.id)
    [started] = talk.of(Started)
    assert (started.custom, started.format.sample_rate) == ({"a": "b"}, 16_000)
    first, last = [
        Notice(method="GET", fields=tuple(parse_qsl(urlsplit(one.url).query))) for one in bench.us.told
    ]
    read = PHONE.arrival(first)
    assert (read.provider_call_id, read.from_, read.to) == (leg.id, "09876543210", "08047491899")
    [told] = PHONE.events(last)
    assert (told.provider_call_id, told.report.state) == (leg.id, CallState.COMPLETED)
    assert told.detail["Stream[DisconnectedBy]"] == "bot"


async def test_a_call_is_found_once_it_has_ended(bench: Bench) -> None:
    bench.carrier.phones[TO] = said(Act(waits_ms=500), Act(hangs_up=True))
    bench.us.talk = Talk()
    sid = await bench.dial(reference="7")
    leg = bench.carrier.legs[sid]
    asked = Lookup(to=TO, from_=FROM, reference="7", since=leg.created)
    assert await bench.run(PHONE.find(asked, bench.credential)) == ()
    await bench.over_is(sid)
    [found] = await bench.run(PHONE.find(asked, bench.credential))
    assert (found.provider_call_id, found.state) == (sid, CallState.COMPLETED)


async def test_numbers_the_account_and_refusals(bench: Bench) -> None:
    told = await bench.run(PHONE.numbers(bench.credential))
    assert [one.number for one in told.numbers] == list(NUMBERS)
    await bench.run(EXOTEL.verify(bench.credential))
    for token, kind in (("invalid", Kind.CREDENTIAL_REJECTED), ("noquota", Kind.QUOTA)):
        bench.carrier.tokens.clear()
        with pytest.raises(ProviderError) as error:
            asked = DialRequest(to=TO, from_=FROM, routes=bench.routes)
            await bench.run(PHONE.dial(asked, bench.credential), client_secret=token)
        assert error.value.kind is kind
    bench.carrier.tokens.clear()
    bench.carrier.calls_per_second = 0.0
    with pytest.raises(ProviderError) as error:
        await bench.dial()
    assert error.value.kind is Kind.RATE_LIMITED
