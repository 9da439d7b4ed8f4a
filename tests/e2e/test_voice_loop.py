"""A whole voice loop inside the service: a call comes in, is written down, is answered by a model, and is spoken to."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from openai import AsyncOpenAI

from integration_api.proto import voice_pb2 as wire
from lab import mouth
from tests.e2e.service import ADMIN_KEY, Service, lab_running
from tests.e2e.telephones import (
    CARRIERS,
    Attached,
    Exchange,
    attached,
    create,
    sound,
    until,
)
from tests.e2e.test_voice import ask_lab
from tests.ports import free_port

EAR, VOICE = "deepgram/nova-3", "elevenlabs/eleven_flash_v2_5"
SPEECH = mouth.mulaw("a" * 80)
"""More than three seconds that are loud."""
STORY = ("call.dial", "call.media", "call.hangup", "call", "stt", "tts")
"""What the audit tells of a call."""
LONG = "This is a very long answer that goes on and on, for much longer than anybody would listen to it. " * 3
SHORT = "Yes, I do listen to you."
"""Longer than it takes until what silenced the voice is told as final: which must not silence the answer to it."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with lab_running(tmp_path_factory.mktemp("lab")) as url:
        yield url


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, lab: str) -> Iterator[Service]:
    port = free_port()
    started = Service(
        tmp_path_factory.mktemp("service"), {"TELEPHONY__PUBLIC_URL": f"http://127.0.0.1:{port}"}, port=port
    )
    try:
        started.start()
        for carrier in CARRIERS.values():
            started.add_credential(carrier.name, f"{lab}/{carrier.name}", value=carrier.value)
        for provider in ("deepgram", "elevenlabs", "openai"):
            started.add_credential(provider, f"{lab}/{provider}", key="key-of-the-lab-0123456789")
        yield started
    finally:
        if started.alive:
            started.kill()


@pytest.fixture
def exchange(lab: str) -> Exchange:
    ask_lab(lab, "DELETE", "")
    made = Exchange(lab, CARRIERS["twilio"])
    made.reset()
    return made


def inline(**more: Any) -> dict[str, Any]:
    return {
        "mode": "inline",
        "stt": {"type": "start", "target": {"model": EAR}},
        "tts": {"type": "start", "target": {"model": VOICE, "voice_id": "v1"}},
        **more,
    }


def told(caller: Attached, side: str, kind: str) -> list[dict[str, Any]]:
    return [one["event"] for one in caller.of(side) if one["event"]["type"] == kind]


async def test_a_call_is_written_down_answered_by_a_model_and_spoken_to(
    service: Service, lab: str, exchange: Exchange
) -> None:
    heard = [{"text": "I would like a table", "start_ms": 300, "end_ms": 1300}]
    ask_lab(
        lab, "PUT", "script", {"deepgram": [{"heard": heard}], "openai": [{"text": ["For how ", "many?"]}]}
    )
    exchange.phone(sound(SPEECH))
    call = create(service, exchange.carrier, media=inline())
    async with attached(service, call["id"]) as caller:
        await until(lambda: told(caller, "stt", "final"))
        [said] = told(caller, "stt", "final")
        async with AsyncOpenAI(base_url=f"{service.url}/v1", api_key=ADMIN_KEY, timeout=300) as model:
            stream = await model.chat.completions.create(
                model="openai/gpt-4o-mini",
                messages=[{"role": "user", "content": said["text"]}],
                stream=True,
            )
            async for chunk in stream:
                if chunk.choices and (text := chunk.choices[0].delta.content):
                    await caller.say("text", utterance_id="answer", text=text)
        await caller.say("text", utterance_id="answer", text="", final=True)
        await until(lambda: [one for one in caller.of("mark_reached") if one["name"] == "answer"])
        await caller.say("hangup")
        await until(lambda: caller.done)
    assert said["text"] == "I would like a table"
    assert caller.sound == b"", "the sound stays in the service"
    assert mouth.mulaw("For how many?") in exchange.heard(call["provider_call_id"])
    assert told(caller, "tts", "done")
    records = await until(lambda: loop_records(service, call["id"]))
    assert {name: one["status"] for name, one in records.items()} == dict.fromkeys(STORY, "success")


def loop_records(service: Service, call_id: str) -> dict[str, Any] | None:
    status, answer = service.call("GET", "/v1/audit?limit=50")
    assert status == 200, answer
    found = {
        one["operation"]: one for one in answer["data"] if one.get("metadata", {}).get("call_id") == call_id
    }
    return found if set(STORY) <= set(found) else None


async def test_over_grpc_a_call_is_written_down_and_spoken_to(
    service: Service, lab: str, exchange: Exchange
) -> None:
    heard = [{"text": "I would like a table", "start_ms": 300, "end_ms": 1300}]
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": heard}]})
    exchange.phone(sound(SPEECH), {"waits_ms": 60_000})
    call = create(service, exchange.carrier, media=inline())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stream = channel.stream_stream(
            "/integration.voice.v1.Telephony/AttachMedia",
            wire.MediaClient.SerializeToString,
            wire.MediaServer.FromString,
        )(metadata=(("authorization", f"Bearer {ADMIN_KEY}"),), timeout=60)
        await stream.write(wire.MediaClient(attach=wire.MediaClient.Attach(call_id=call["id"])))
        said, spoken = "", ""
        while not spoken:
            message = await stream.read()
            match message.WhichOneof("event"):
                case "stt" if message.stt.WhichOneof("event") == "final":
                    said = message.stt.final.text
                    text = wire.TtsClient.Text(utterance_id="u", text="For how many?", final=True)
                    await stream.write(wire.MediaClient(text=text))
                case "mark_reached":
                    spoken = message.mark_reached.name
        await stream.write(wire.MediaClient(hangup=wire.MediaClient.Hangup()))
        while (message := await stream.read()) is not grpc.aio.EOF:
            last = message
    assert (said, spoken) == ("I would like a table", "u")
    assert last.closed.reason
    assert mouth.mulaw("For how many?") in exchange.heard(call["provider_call_id"])


async def test_who_speaks_silences_the_voice_at_once(service: Service, lab: str, exchange: Exchange) -> None:
    heard = [{"text": "Stop please", "start_ms": 2000, "end_ms": 2600}]
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": heard}]})
    exchange.phone({"waits_ms": 600_000}, speed=2.0)
    call = create(service, exchange.carrier, media=inline())
    async with attached(service, call["id"]) as caller:
        await until(lambda: told(caller, "tts", "ready"))
        await caller.say("text", utterance_id="long", text=LONG, final=True)
        await until(lambda: told(caller, "tts", "cancelled"))
        [cancelled] = told(caller, "tts", "cancelled")
        await caller.say("text", utterance_id="short", text=SHORT, final=True)
        await until(lambda: [one for one in caller.of("mark_reached") if one["name"] == "short"])
    everything = exchange.heard(call["provider_call_id"]).replace(b"\xff", b"")
    long, short = (mouth.mulaw(text).replace(b"\xff", b"") for text in (LONG, SHORT))
    assert everything.endswith(short)
    before = everything.removesuffix(short)
    assert 0 < len(before) < len(long)
    assert long.startswith(before), "not one byte of it after the silence"
    assert cancelled["text_spoken"]
    assert cancelled["text_spoken"] + cancelled["text_remaining"] == LONG
    assert [one["name"] for one in caller.of("mark_reached") if not one["cancelled"]] == ["short"]


async def test_a_voice_that_is_to_go_on_goes_on(service: Service, lab: str, exchange: Exchange) -> None:
    heard = [{"text": "Mhm", "start_ms": 300, "end_ms": 500}]
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": heard}]})
    exchange.phone(sound(SPEECH))
    call = create(service, exchange.carrier, media=inline(barge_in="off"))
    async with attached(service, call["id"]) as caller:
        await until(lambda: told(caller, "tts", "ready"))
        await caller.say("text", utterance_id="u", text="Let me finish.", final=True)
        await until(lambda: [one for one in caller.of("mark_reached") if one["name"] == "u"])
        await until(lambda: told(caller, "stt", "final"))
    assert mouth.mulaw("Let me finish.") in exchange.heard(call["provider_call_id"])
    assert told(caller, "tts", "cancelled") == []


async def test_who_attaches_late_is_told_what_was_said_before(
    service: Service, lab: str, exchange: Exchange
) -> None:
    heard = [{"text": "Is anybody there?", "start_ms": 300, "end_ms": 1300}]
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": heard}]})
    exchange.phone(sound(SPEECH))
    call = create(service, exchange.carrier, media=inline())
    await until(lambda: len(exchange.said(call["provider_call_id"])) > len(SPEECH))
    async with attached(service, call["id"]) as caller:
        await until(lambda: told(caller, "stt", "final"))
        assert told(caller, "stt", "final")[0]["text"] == "Is anybody there?"
        await caller.socket.send(b"sound")
        await until(lambda: caller.of("warning"))
        assert caller.of("warning")[0]["code"] == "media_inline"


async def test_an_ear_that_can_not_be_opened_is_told_of_and_the_call_goes_on(
    service: Service, exchange: Exchange
) -> None:
    exchange.phone(sound(SPEECH))
    media = inline(stt={"type": "start", "target": {"model": "cartesia/ink-2"}})
    call = create(service, exchange.carrier, media=media)
    async with attached(service, call["id"]) as caller:
        await until(lambda: caller.of("warning"))
        assert caller.of("warning")[0]["code"] == "stt_failed"
        assert "credential_missing" in caller.of("warning")[0]["message"]
        await until(lambda: told(caller, "tts", "ready"))
        await caller.say("text", utterance_id="u", text="Hello.", final=True)
        await until(lambda: [one for one in caller.of("mark_reached") if one["name"] == "u"])


async def test_text_is_spoken_in_inline_calls_only(service: Service, exchange: Exchange) -> None:
    exchange.phone(sound(SPEECH))
    call = create(service, exchange.carrier)
    async with attached(service, call["id"]) as caller:
        await until(lambda: caller.of("started"))
        await caller.say("text", utterance_id="u", text="Hello.", final=True)
        await until(lambda: caller.of("warning"))
        assert caller.of("warning")[0]["code"] == "not_inline"


@pytest.mark.parametrize(
    ("media", "param"),
    [
        ({"mode": "inline"}, "media"),
        ({"mode": "stream", "barge_in": "off"}, "media.mode"),
        (inline(barge_in="loudly"), "media.barge_in"),
        (inline(tts={"type": "start", "target": {"model": "nobody/x"}}), "model"),
    ],
)
def test_wiring_that_can_not_be_is_refused_before_anybody_is_called(
    service: Service, exchange: Exchange, media: dict[str, Any], param: str
) -> None:
    asked = {"provider": "twilio", "to": "+4930123456", "from": "+15005550006", "media": media}
    status, answer = service.call("POST", "/v1/calls", asked)
    assert (status, answer["error"]["param"]) == (400, param)


async def test_an_inbound_call_is_wired_as_its_route_says(
    service: Service, lab: str, exchange: Exchange
) -> None:
    heard = [{"text": "Hello?", "start_ms": 300, "end_ms": 800}]
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": heard}]})
    asked = {"name": "reception", "provider": "twilio", "media": inline()}
    status, route = service.call("POST", "/v1/calls/inbound", asked)
    assert status == 201, route
    exchange.arrive(route["answer_url"], route["status_url"], sound(SPEECH), {"hears_ms": 100})
    calls = await until(lambda: service.call("GET", "/v1/calls?direction=inbound&limit=1")[1]["data"])
    async with attached(service, calls[0]["id"]) as caller:
        await until(lambda: told(caller, "stt", "final"))
        await caller.say("text", utterance_id="u", text="Good morning.", final=True)
        await until(lambda: [one for one in caller.of("mark_reached") if one["name"] == "u"])
    assert mouth.mulaw("Good morning.") in exchange.heard(calls[0]["provider_call_id"])
