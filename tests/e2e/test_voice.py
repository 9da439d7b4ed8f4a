"""Live speech through the running service, over its WebSockets, with the lab behind it."""

import asyncio
import json
import re
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from integration_api.admin import opened
from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Kind
from integration_api.core.stt import ListenRequest
from integration_api.core.tts import SynthesisRequest
from integration_api.dialects.voice_surface import TargetChoice
from integration_api.services import live_words, tts_words
from integration_api.services.leg import Conversation
from integration_api.services.utterance import Utterance
from integration_api.services.voice import target_of
from integration_api.settings import load
from lab import mouth
from tests.e2e.service import ADMIN_KEY, Service, lab_running, running

FRAME_MS = 20
KEY = "dg-lab-key-0123456789"
PATIENCE_MS = 1_600
"""How long a provider may say nothing where one falls silent: more than the others take for a word, whatever else the
machine does. Where none does, see `patience_ms`."""
HEARD: list[dict[str, Any]] = [
    {"text": "I would like a table", "start_ms": 300, "end_ms": 1300},
    {"text": "for two please.", "start_ms": 1400, "end_ms": 2200},
    {"text": "At eight.", "start_ms": 3000, "end_ms": 3600},
]
TURNS = ["I would like a table for two please.", "At eight."]
SPEECH = mouth.pcm("a" * 100, 16_000)
"""Four seconds that are loud."""
SILENCE = bytes(32_000)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with lab_running(tmp_path_factory.mktemp("lab")) as url:
        yield url


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, lab: str) -> Iterator[Service]:
    # What the lab was asked is counted here, so nothing asks it ahead of time.
    with running(tmp_path_factory.mktemp("service"), VOICE__WARM_SOCKETS="0") as started:
        for provider in ("deepgram", "cartesia", "assemblyai", "elevenlabs", "sarvam", "azure-speech"):
            started.add_credential(provider, base_url=f"{lab}/{provider}", key=KEY)
        started.add_credential("openai", base_url=f"{lab}/openai/v1", key=KEY)
        google = {"key": KEY, "project_id": "lab", "base_url": f"{lab}/google-speech"}
        started.add_credential("google-speech", base_url=google["base_url"], value=google)
        yield started


def patience_ms(fault: dict[str, Any] | None) -> int:
    """How long to wait for a provider that has this fault."""
    return PATIENCE_MS if fault is not None and fault.get("end") == "hang" else 60_000


def ask_lab(lab: str, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"{lab}/_lab/{path}", method=method, data=None if body is None else json.dumps(body).encode()
    )
    with urllib.request.urlopen(request) as reply:
        return json.loads(reply.read())


@pytest.fixture(autouse=True)
def fresh(lab: str) -> None:
    ask_lab(lab, "DELETE", "")


@asynccontextmanager
async def call(service: Service, side: str, **start: Any) -> AsyncIterator[ClientConnection]:
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    async with connect(
        service.url.replace("http", "ws") + f"/v1/voice/{side}", additional_headers=headers, open_timeout=60
    ) as socket:
        await socket.send(json.dumps({"type": "start", **start}))
        yield socket


async def say(socket: ClientConnection, sound: bytes, rate: int = 32_000, pause: float = 0.0) -> None:
    step = rate * FRAME_MS // 1000
    for at in range(0, len(sound), step):
        await socket.send(sound[at : at + step])
        await asyncio.sleep(pause)


async def messages(socket: ClientConnection) -> AsyncIterator[str | bytes]:
    with suppress(ConnectionClosed):
        while True:
            yield await socket.recv()


async def told(socket: ClientConnection) -> list[dict[str, Any]]:
    return [json.loads(message) async for message in messages(socket)]


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in events if one["type"] == kind]


MODELS = {
    "nova": "deepgram/nova-3",
    "flux": "deepgram/flux-general-en",
    "ink": "cartesia/ink-2",
    "universal": "assemblyai/universal-streaming-english",
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
async def test_what_was_said_comes_back_in_turns_with_its_times(
    service: Service, lab: str, model: str
) -> None:
    provider = model.split("/", maxsplit=1)[0]
    ask_lab(lab, "PUT", "script", {provider: [{"heard": HEARD}]})
    async with call(service, "stt", target={"model": model}) as socket:
        ready = json.loads(await socket.recv())
        await say(socket, SPEECH + SILENCE)
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert ready["type"] == "ready"
    assert ready["capabilities"]["vad"]
    assert ready["provider"] == provider
    assert "000000-0000-4000-8000-" in ready["provider_request_id"]
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS
    assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
    finals = of(events, "final")
    assert " ".join(one["text"] for one in finals) == " ".join(TURNS)
    assert len({one["segment_id"] for one in finals}) == len(finals)
    started = of(events, "speech_started")
    assert len(started) == len(TURNS)
    assert events[-1] == {**events[-1], "type": "closed", "reason": "finished"}
    if not ready["capabilities"]["words"]:
        return
    words = [word for one in finals for word in one["words"]]
    expected = [(300, 500), (500, 700), (700, 900), (900, 1100), (1100, 1300)]
    assert [(word["start_ms"], word["end_ms"]) for word in words[:5]] == expected
    assert words[-1]["end_ms"] == 3600
    assert [one["audio_time_ms"] for one in started] == [300, 3000]


TELEPHONE = {"encoding": "mulaw", "sample_rate_hz": 8_000}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
async def test_a_telephones_sound_is_sent_on_as_it_is(service: Service, lab: str, model: str) -> None:
    provider = model.split("/", maxsplit=1)[0]
    ask_lab(lab, "PUT", "script", {provider: [{"heard": HEARD}]})
    sound = mouth.mulaw("a" * 100) + b"\xff" * 8_000
    async with call(service, "stt", target={"model": model}, input=TELEPHONE) as socket:
        negotiated = json.loads(await socket.recv())["negotiated_input"]
        await say(socket, sound, rate=8_000)
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert negotiated["encoding"] == "mulaw"
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS
    asked = ask_lab(lab, "GET", f"requests?provider={provider}")["requests"][-1]["query"]
    assert asked["encoding"].endswith("mulaw")
    assert asked["sample_rate"] == "8000"


AZURE = {
    "at once": (None, 0.0),
    "paced": (None, 0.004),
    "reset": ({"end": "reset", "after": 1000}, 0.004),
    "closed": ({"end": "fin", "after": 1000}, 0.004),
    "half_open": ({"end": "hang", "after": 1000}, 0.004),
}
"""What goes wrong, and how fast somebody speaks: sound that comes at once is not yet heard when a turn ends."""


@pytest.mark.parametrize("fault, pause", AZURE.values(), ids=AZURE)
async def test_turns_of_one_socket_are_one_sessions_time(
    service: Service, lab: str, fault: dict | None, pause: float
) -> None:
    ask_lab(lab, "PUT", "script", {"azure-speech": [{"heard": HEARD, "times": 0}]})
    ask_lab(lab, "PUT", "faults", {"azure-speech": [fault] if fault else []})
    start = {
        "word_timestamps": True,
        "endpointing": {"silence_ms": 300},
        "fallback": {"targets": [], "first_event_timeout_ms": patience_ms(fault)},
    }
    async with call(service, "stt", target={"model": "azure-speech/default"}, **start) as socket:
        await socket.recv()
        await say(socket, SPEECH, pause=pause)
        await say(socket, SILENCE)
        await socket.send('{"type": "end"}')
        events = await told(socket)
    finals = of(events, "final")
    assert [one["text"] for one in finals] == TURNS
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS
    assert [(one["start_ms"], one["end_ms"]) for one in finals] == [(300, 2200), (3000, 3600)]
    assert finals[1]["words"][-1] == {**finals[1]["words"][-1], "text": "eight", "end_ms": 3600}
    assert len(of(events, "reconnected")) == (1 if fault else 0)
    said = ask_lab(lab, "GET", "requests?provider=azure-speech")["requests"][-1]["said"]
    assert sum("Path:speech.context" in one for one in said if isinstance(one, str)) >= 2


async def test_a_telephones_sound_goes_to_azure_as_it_is(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "script", {"azure-speech": [{"heard": HEARD}]})
    start = {"input": {"encoding": "mulaw", "sample_rate_hz": 8000}, "endpointing": {"silence_ms": 300}}
    async with call(service, "stt", target={"model": "azure-speech/default"}, **start) as socket:
        ready = json.loads(await socket.recv())
        await say(socket, mouth.mulaw("a" * 100) + b"\xff" * 8000, rate=8000)
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert ready["negotiated_input"]["encoding"] == "mulaw"
    assert [(one["text"], one["end_ms"]) for one in of(events, "final")] == [
        (TURNS[0], 2200),
        (TURNS[1], 3600),
    ]


async def test_finalize_ends_a_turn_and_the_next_goes_on(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "script", {"azure-speech": [{"heard": HEARD}]})
    async with call(service, "stt", target={"model": "azure-speech/default"}) as socket:
        await socket.recv()
        await say(socket, SPEECH[: 32 * 700])
        await socket.send('{"type": "finalize"}')
        await say(socket, SPEECH[32 * 700 :])
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert [(one["text"], one.get("from_finalize", False)) for one in of(events, "final")] == [
        ("I would", True), ("like a table for two please.", False), ("At eight.", False),
    ]  # fmt: skip
    assert [one["reason"] for one in of(events, "utterance_end")] == ["finalize", "stream_end"]
    assert [one["end_ms"] for one in of(events, "final")] == [700, 2200, 3600]


WHOLE_TURNS = {
    "saaras": ("sarvam/saaras:v3-realtime", [(300, 2200), (3000, 3600)]),
    "saaras, the older socket": ("sarvam/saaras:v3", [(None, None), (None, None)]),
}
"""Who tells no words: with the times of the turns, where they are told."""


@pytest.mark.parametrize("model, times", WHOLE_TURNS.values(), ids=WHOLE_TURNS)
async def test_who_tells_whole_turns_is_told_so(service: Service, lab: str, model: str, times: list) -> None:
    ask_lab(lab, "PUT", "script", {"sarvam": [{"heard": HEARD}]})
    async with call(service, "stt", target={"model": model}) as socket:
        ready = json.loads(await socket.recv())
        await say(socket, SPEECH + SILENCE)
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert not ready["capabilities"]["words"]
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS
    assert [one["text"] for one in of(events, "final")] == TURNS
    assert [(one.get("start_ms"), one.get("end_ms")) for one in of(events, "final")] == times
    assert len(of(events, "speech_started")) == 2
    assert bool(of(events, "interim")) == ready["capabilities"]["interim"]
    assert events[-1] == {**events[-1], "type": "closed", "reason": "finished"}


async def test_finalize_settles_at_once_and_a_change_is_passed_on(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": HEARD}]})
    async with call(service, "stt", target={"model": "deepgram/nova-3"}) as socket:
        await socket.recv()
        await say(socket, SPEECH[: 32 * 700])
        await socket.send('{"type": "update", "keyterms": ["table"]}')
        await socket.send('{"type": "finalize"}')
        while (event := json.loads(await socket.recv()))["type"] != "final":
            assert event["type"] in ("speech_started", "interim")
        assert (event["text"], event["from_finalize"]) == ("I would", True)
        ended = json.loads(await socket.recv())
        assert (ended["type"], ended["reason"]) == ("utterance_end", "finalize")
        await socket.send('{"type": "end"}')
        await told(socket)
    said = ask_lab(lab, "GET", "requests?provider=deepgram")["requests"][-1]["said"]
    assert [json.loads(one) for one in said if isinstance(one, str)] == [
        {"type": "Configure", "keyterms": ["table"]}, {"type": "Finalize"}, {"type": "CloseStream"},
    ]  # fmt: skip


FAULTS = {
    "reset": {"end": "reset", "after": 1000},
    "closed": {"end": "fin", "after": 1000},
    "half_open": {"end": "hang", "after": 1000},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_another_target_goes_on_with_neither_a_hole_nor_a_repeat(
    service: Service, lab: str, fault: dict
) -> None:
    later = [{**one, "start_ms": max(0, one["start_ms"]), "end_ms": one["end_ms"]} for one in HEARD]
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": HEARD}, {"heard": later}]})
    ask_lab(lab, "PUT", "faults", {"deepgram": [fault]})
    fallback = {"targets": [{"model": "deepgram/nova-2"}], "first_event_timeout_ms": patience_ms(fault)}
    async with call(service, "stt", target={"model": "deepgram/nova-3"}, fallback=fallback) as socket:
        await socket.recv()
        await say(socket, SPEECH, pause=0.005)
        await say(socket, SILENCE)
        await socket.send('{"type": "end"}')
        events = await told(socket)
    again = of(events, "reconnected")
    assert len(again) == 1
    assert again[0]["replayed_ms"] > 0
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS
    assert [one["text"] for one in of(events, "final")] == [one["text"] for one in HEARD]
    assert [one["end_ms"] for one in of(events, "final")] == [1300, 2200, 3600]
    asked = [one["query"]["model"] for one in ask_lab(lab, "GET", "requests?provider=deepgram")["requests"]]
    assert asked == ["nova-3", "nova-2"]


async def test_who_tells_no_times_is_gone_on_from_behind_the_last_turn(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "script", {
        "cartesia": [{"heard": HEARD}], "deepgram": [{"heard": [{"text": "At eight.", "start_ms": 300, "end_ms": 900}]}],
    })  # fmt: skip
    ask_lab(lab, "PUT", "faults", {"cartesia": [{"end": "fin", "after": 2700}]})
    fallback = {"targets": [{"model": "deepgram/nova-2"}]}
    async with call(service, "stt", target={"model": "cartesia/ink-2"}, fallback=fallback) as socket:
        await socket.recv()
        await say(socket, SPEECH + SILENCE, pause=0.005)
        await socket.send('{"type": "end"}')
        events = await told(socket)
    again = of(events, "reconnected")[0]
    assert again["new_provider"] == "deepgram"
    assert again["replayed_ms"] <= 2500
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS


async def test_speakers_that_are_told_anew_have_the_sessions_time(service: Service, lab: str) -> None:
    who = [{**one, "speaker": 1} for one in HEARD]
    ask_lab(lab, "PUT", "script", {"assemblyai": [{"heard": who}, {"heard": who}]})
    ask_lab(lab, "PUT", "faults", {"assemblyai": [{"end": "reset", "after": 1000}]})
    options = {"speaker_labels_revision_interval_ms": 0}
    target = {"model": "assemblyai/universal-streaming-english", "provider_options": options}
    async with call(service, "stt", target=target, diarize=True) as socket:
        await socket.recv()
        await say(socket, SPEECH, pause=0.004)
        await say(socket, SILENCE)
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert len(of(events, "reconnected")) == 1
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS
    assert {word["speaker"] for one in of(events, "final") for word in one["words"]} == {"A"}
    revised = of(events, "revision")
    assert [one["utterance_id"] for one in revised] == [
        one["utterance_id"] for one in of(events, "utterance_end")
    ]
    assert {word["speaker"] for one in revised for word in one["words"]} == {"B"}
    assert [one["words"][-1]["end_ms"] for one in revised] == [2200, 3600]
    assert of(events, "usage")[-1]["unit"] == "session"


async def test_a_key_that_is_looked_at_late_is_refused_in_time(service: Service, lab: str) -> None:
    value = {"key": f"invalid-{KEY}", "base_url": f"{lab}/assemblyai"}
    body = {"provider": "assemblyai", "name": "stranger", "value": value, "default": False}
    status, stored = service.call("POST", "/v1/credentials?verify=false", body)
    assert status == 201, stored
    target = {"model": "assemblyai/universal-streaming-english", "credential_id": stored["id"]}
    fallback = {"targets": [{"model": "deepgram/nova-2"}]}
    async with call(service, "stt", target=target, fallback=fallback) as socket:
        assert json.loads(await socket.recv())["model"] == "nova-2"
    async with call(service, "stt", target=target) as socket:
        error = (await told(socket))[0]
    assert (error["type"], error["code"]) == ("error", "credential_rejected")


@pytest.mark.parametrize("mode", ["client", "provider"])
async def test_finalize_is_answered_where_there_is_no_word_for_it_too(
    service: Service, lab: str, mode: str
) -> None:
    later = [{"text": "for two please.", "start_ms": 400, "end_ms": 900}]
    ask_lab(lab, "PUT", "script", {"cartesia": [{"heard": HEARD}, {"heard": later}]})
    start = {"target": {"model": "cartesia/ink-2"}, "endpointing": {"mode": mode}}
    async with call(service, "stt", **start) as socket:
        await socket.recv()
        await say(socket, SPEECH[: 32 * 1320])
        await socket.send('{"type": "finalize"}')
        while (event := json.loads(await socket.recv()))["type"] != "utterance_end":
            pass
        assert (event["text"], event["reason"]) == ("I would like a table", "finalize")
        await say(socket, SPEECH[: 32 * 1000])
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert [one["text"] for one in of(events, "utterance_end")] == ["for two please."]
    assert len(of(events, "reconnected")) == (mode == "provider")


async def test_over_grpc_too_what_was_said_comes_back_in_turns_with_its_times(
    service: Service, lab: str
) -> None:
    ask_lab(lab, "PUT", "script", {"google-speech": [{"heard": HEARD}]})
    async with call(
        service, "stt", target={"model": "google-speech/chirp_3"}, word_timestamps=True
    ) as socket:
        assert json.loads(await socket.recv())["provider"] == "google-speech"
        await say(socket, SPEECH + SILENCE)
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS
    assert [one["end_ms"] for one in of(events, "final")] == [1300, 2200, 3600]
    words = [word for one in of(events, "final") for word in one["words"]]
    assert [(word["start_ms"], word["end_ms"]) for word in words[:2]] == [(300, 500), (500, 700)]
    assert [one["audio_time_ms"] for one in of(events, "speech_started")] == [300, 3000]
    assert of(events, "usage")[-1]["billed_ms"] == 5000
    assert events[-1]["reason"] == "finished"


async def test_google_finalizes_by_a_half_close_and_goes_on_in_another_call(
    service: Service, lab: str
) -> None:
    rest = {"text": "like a table", "start_ms": 0, "end_ms": 600}
    ask_lab(lab, "PUT", "script", {"google-speech": [{"heard": HEARD}, {"heard": [rest]}]})
    async with call(service, "stt", target={"model": "google-speech/chirp_3"}) as socket:
        await socket.recv()
        await say(socket, SPEECH[: 32 * 700])
        await socket.send('{"type": "finalize"}')
        while (event := json.loads(await socket.recv()))["type"] != "final":
            assert event["type"] in ("speech_started", "interim")
        assert (event["text"], event["from_finalize"], event["end_ms"]) == ("I would", True, 700)
        await say(socket, SPEECH[: 32 * 800])
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert [one["reason"] for one in of(events, "utterance_end")] == ["finalize", "stream_end"]
    assert [(one["text"], one["end_ms"]) for one in of(events, "final")] == [("like a table", 1300)]
    assert len(of(events, "reconnected")) == 1


GRPC_FAULTS = {**FAULTS, "refused": {"status": 403}}


@pytest.mark.parametrize("fault", GRPC_FAULTS.values(), ids=GRPC_FAULTS)
async def test_another_provider_goes_on_where_a_grpc_call_ends_or_was_refused(
    service: Service, lab: str, fault: dict
) -> None:
    ask_lab(lab, "PUT", "script", {one: [{"heard": HEARD}] for one in ("google-speech", "deepgram")})
    ask_lab(lab, "PUT", "faults", {"google-speech": [fault]})
    fallback = {"targets": [{"model": "deepgram/nova-3"}], "first_event_timeout_ms": patience_ms(fault)}
    async with call(service, "stt", target={"model": "google-speech/chirp_3"}, fallback=fallback) as socket:
        await socket.recv()
        await say(socket, SPEECH, pause=0.005)
        await say(socket, SILENCE)
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert [one["new_provider"] for one in of(events, "reconnected")] == ["deepgram"]
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS
    assert [one["end_ms"] for one in of(events, "final")] == [1300, 2200, 3600]


async def test_what_is_said_right_after_finalize_is_heard_to_the_end(service: Service, lab: str) -> None:
    later = [{"text": "for two please.", "start_ms": 100, "end_ms": 900}]
    ask_lab(lab, "PUT", "script", {"cartesia": [{"heard": HEARD[:1]}, {"heard": later}]})
    async with call(service, "stt", target={"model": "cartesia/ink-2"}) as socket:
        await socket.recv()
        await say(socket, SPEECH[: 32 * 1320])
        await socket.send('{"type": "finalize"}')
        await say(socket, SPEECH[: 32 * 1000])
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert [one["text"] for one in of(events, "utterance_end")] == ["I would like a table", "for two please."]
    assert of(events, "closed")[0]["reason"] == "finished"


LONG = {
    "google's limit of a stream": ("google-speech/chirp_3", {"limit_ms": 2500}, [1300, 2200, 3600]),
    "google is told nothing": ("google-speech/chirp_3", {"idle_ms": 1_500}, [1300, 2200, 3600]),
    "nova is told nothing": ("deepgram/nova-3", {"idle_ms": 1_500}, [1300, 2200, 3600]),
}
"""Who ends a socket of its own accord, the fault that has it do so soon, and when what was said ended."""


@pytest.mark.parametrize("model, fault, ends", LONG.values(), ids=LONG)
async def test_a_socket_whose_time_is_up_is_followed_by_another(
    service: Service, lab: str, model: str, fault: dict, ends: list[int]
) -> None:
    provider = model.partition("/")[0]
    later = [{**HEARD[2], "start_ms": HEARD[2]["start_ms"] - 2200, "end_ms": HEARD[2]["end_ms"] - 2200}]
    ask_lab(lab, "PUT", "script", {provider: [{"heard": HEARD}, {"heard": later}]})
    ask_lab(lab, "PUT", "faults", {provider: [fault]})
    async with asyncio.timeout(60), call(service, "stt", target={"model": model}) as socket:
        await socket.recv()
        await say(socket, SPEECH[: 32 * 2700], pause=0.002)
        events = [json.loads(await socket.recv())]
        while not of(events, "reconnected"):
            events.append(json.loads(await socket.recv()))
        await say(socket, SPEECH[32 * 2700 :] + SILENCE)
        await socket.send('{"type": "end"}')
        events += await told(socket)
    assert len(of(events, "reconnected")) == 1
    assert [one["text"] for one in of(events, "final")] == [one["text"] for one in HEARD]
    assert [one["end_ms"] for one in of(events, "final")] == ends
    assert events[-1]["reason"] == "finished"


async def test_a_region_stands_in_for_the_credentials_own(service: Service, lab: str) -> None:
    for region in ("europe-west4", ""):
        target = {"model": "google-speech/chirp_3", "region": region}
        async with call(service, "stt", target=target) as socket:
            await socket.recv()
            await socket.send('{"type": "end"}')
            await told(socket)
    asked = ask_lab(lab, "GET", "requests?provider=google-speech")["requests"]
    # Of messages in binary the lab tells the length. The first one names a recognizer in the region.
    first, second = (one["said"][0] for one in asked)
    assert first - second == len("europe-west4") - len("global")


async def test_a_target_that_refuses_is_passed_over(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "faults", {"deepgram": [{"status": 429}]})
    fallback = {"targets": [{"model": "deepgram/nova-2"}]}
    async with call(service, "stt", target={"model": "deepgram/nova-3"}, fallback=fallback) as socket:
        assert json.loads(await socket.recv())["model"] == "nova-2"


async def test_the_next_target_is_dialled_beside_one_that_is_slow(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "faults", {"deepgram": [{"delay_ms": 60_000}]})
    fallback = {"targets": [{"model": "deepgram/nova-2"}], "hedge_after_ms": 50}
    async with call(service, "stt", target={"model": "deepgram/nova-3"}, fallback=fallback) as socket:
        ready = json.loads(await socket.recv())
        assert ready["model"] == "nova-2"
        await socket.send('{"type": "end"}')
        await told(socket)
    found = await recorded(service, ready["session_id"], 2)
    assert sorted((one["model"], one["status"], one["error_code"] or "") for one in found) == [
        ("nova-2", "success", ""), ("nova-3", "cancelled", "hedge_lost"),
    ]  # fmt: skip


async def test_when_nobody_answers_the_caller_is_told_why(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "faults", {"deepgram": [{"status": 401, "times": 0}]})
    async with call(service, "stt", target={"model": "deepgram/nova-3"}) as socket:
        error, closed = await told(socket)
    assert (error["type"], error["code"], error["retryable"]) == ("error", "credential_rejected", False)
    assert KEY not in json.dumps(error)
    assert closed["type"] == "closed"
    assert socket.close_code == 1011


STARTS = {
    "unknown field": ({"target": {"model": "deepgram/nova-3"}, "colour": 1}, "invalid_value"),
    "no target": ({}, "invalid_value"),
    "unknown provider": ({"target": {"model": "nobody/x"}}, "unknown_provider"),
    "no such capability": ({"target": {"model": "sandbox/echo"}}, "unsupported_operation"),
    "no such credential": (
        {"target": {"model": "deepgram/nova-3", "credential_id": "12"}},
        "credential_not_found",
    ),
    "no credential": ({"target": {"model": "deepgram/nova-3", "credential_id": "x"}}, "credential_not_found"),
    "bad rate": ({"target": {"model": "deepgram/nova-3"}, "input": {"sample_rate_hz": 1}}, "invalid_value"),
    "no regions": ({"target": {"model": "deepgram/nova-3", "region": "eu"}}, "invalid_value"),
    "no region's name": (
        {"target": {"model": "azure-speech/default", "region": "evil.example/"}},
        "invalid_value",
    ),
    "bad encoding": ({"target": {"model": "deepgram/nova-3"}, "input": {"encoding": "gsm"}}, "invalid_value"),
    "no confidence": (
        {"target": {"model": "deepgram/nova-3"}, "endpointing": {"eager_threshold": 1.5}},
        "invalid_value",
    ),
}


@pytest.mark.parametrize("start, code", STARTS.values(), ids=STARTS)
async def test_a_bad_start_is_explained_and_closes(service: Service, start: dict, code: str) -> None:
    async with call(service, "stt", **start) as socket:
        error = (await told(socket))[0]
    assert (error["type"], error["code"]) == ("error", code)
    assert socket.close_code == 1008


@pytest.mark.parametrize("first", ["[]", "{", b"sound", '{"type": "end"}'])
async def test_what_is_no_start_is_refused(service: Service, first: str | bytes) -> None:
    for side in ("stt", "tts"):
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        async with connect(
            service.url.replace("http", "ws") + f"/v1/voice/{side}",
            additional_headers=headers,
            open_timeout=60,
        ) as socket:
            await socket.send(first)
            assert (await told(socket))[0]["type"] == "error"


async def test_nonsense_in_the_middle_ends_the_session(service: Service) -> None:
    async with call(service, "stt", target={"model": "deepgram/nova-3"}) as socket:
        await socket.recv()
        await socket.send('{"type": "sing"}')
        events = await told(socket)
    assert [one["type"] for one in events] == ["error", "closed"]
    assert socket.close_code == 1008


async def test_nobody_without_a_key_gets_a_socket(service: Service) -> None:
    for side in ("stt", "tts"):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(service.url.replace("http", "ws") + f"/v1/voice/{side}", open_timeout=60):
                pass
        assert refused.value.response.status_code == 401


async def test_a_caller_who_leaves_is_gone_for_the_provider_too(service: Service, lab: str) -> None:
    before = ask_lab(lab, "GET", "stats")["connections"]
    async with call(service, "stt", target={"model": "deepgram/nova-3"}) as socket:
        await socket.recv()
        await say(socket, SPEECH[:3200])
        assert ask_lab(lab, "GET", "stats")["connections"] == before + 1
        socket.transport.abort()
    async with asyncio.timeout(60):
        while ask_lab(lab, "GET", "stats")["connections"] > before:
            await asyncio.sleep(0.01)


async def test_each_leg_leaves_a_record(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "faults", {"deepgram": [{"status": 503}]})
    fallback = {"targets": [{"model": "deepgram/nova-2"}]}
    async with call(service, "stt", target={"model": "deepgram/nova-3"}, fallback=fallback) as socket:
        ready = json.loads(await socket.recv())
        await say(socket, SPEECH)
        await socket.send('{"type": "end"}')
        await told(socket)
    found = await recorded(service, ready["session_id"], 2)
    told_of = sorted((one["model"], one["status"], one["operation"]) for one in found)
    assert told_of == [("nova-2", "success", "stt"), ("nova-3", "failed", "stt")]
    assert next(one for one in found if one["status"] == "success")["audio_seconds"] == 4.0


async def recorded(service: Service, request_id: str, count: int) -> list[dict[str, Any]]:
    """Return a session's audit records, once there are so many."""
    async with asyncio.timeout(60):
        while len(found := records(service, request_id)) < count:
            await asyncio.sleep(0.05)
    return found


def records(service: Service, request_id: str) -> list[dict[str, Any]]:
    status, page = service.call("GET", "/v1/audit?limit=100")
    assert status == 200
    return [one for one in page["data"] if one["request_id"] == request_id]


# --- voices -----------------------------------------------------------------------------------

OUTPUTS = {
    "as it is made": (
        {"encoding": "pcm_s16le", "sample_rate_hz": 24_000},
        lambda text: mouth.pcm(text, 24_000),
    ),
    "for a telephone": ({"encoding": "mulaw", "sample_rate_hz": 8_000}, mouth.mulaw),
}


VOICES = {
    "google": {"model": "google-speech/en-US-Chirp3-HD-Charon"},
    "aura": {"model": "deepgram/aura-2-thalia-en"},
    "flux": {"model": "deepgram/flux-haley-en"},
    "sonic": {"model": "cartesia/sonic-3", "voice_id": "v"},
    "azure": {"model": "azure-speech/en-US-JennyNeural"},
    "bulbul": {"model": "sarvam/bulbul:v3", "voice_id": "shubh"},
    "elevenlabs": {"model": "elevenlabs/eleven_flash_v2_5", "voice_id": "v"},
    "elevenlabs single": {
        "model": "elevenlabs/eleven_flash_v2_5",
        "voice_id": "v",
        "provider_options": {"multi_context": False},
    },
}
"""With the times of words, where the provider tells them."""


@pytest.mark.parametrize("voice", VOICES.values(), ids=VOICES)
@pytest.mark.parametrize("output, sound", OUTPUTS.values(), ids=OUTPUTS)
async def test_speech_is_exact_and_without_a_gap(service: Service, voice: dict, output: dict, sound) -> None:
    texts = {"a": "Hello, this is a test.", "b": "And another one."}
    async with call(service, "tts", target=voice, output=output, timestamps="word") as socket:
        native = json.loads(await socket.recv())["capabilities"]["word_timestamps"]
        for id, text in texts.items():
            for word in text.split(" "):
                await socket.send(json.dumps({"type": "text", "utterance_id": id, "text": word + " "}))
            if id == "a":
                await socket.send('{"type": "mark", "utterance_id": "a", "name": "m", "char_offset": 7}')
            await socket.send(json.dumps({"type": "text", "utterance_id": id, "final": True}))
        await socket.send('{"type": "end"}')
        events, frames = await heard(socket)
    size = (48_000 if output["encoding"] == "pcm_s16le" else 8_000) * FRAME_MS // 1000
    for id, text in texts.items():
        whole = b"".join(frames[id])
        assert whole == sound(text + " ")
        assert {len(frame) for frame in frames[id]} == {size}
        done = next(one for one in of(events, "done") if one["utterance_id"] == id)
        assert done["audio_ms"] == mouth.milliseconds(text + " ")
    assert of(events, "mark_reached")[0]["at_ms"] == 7 * mouth.CHARACTER_MS
    words = [one for one in of(events, "timestamps") if one["utterance_id"] == "a"]
    assert {one.get("estimated", False) for one in words} == {not native}
    items = [item for one in words for item in one["items"]]
    # A provider's words may be without what stands between them.
    assert [one["text"].strip(",.") for one in items] == [one.strip(",.") for one in texts["a"].split()]
    starts = [word.start() * mouth.CHARACTER_MS for word in re.finditer(r"\S+", texts["a"])]
    assert [one["start_ms"] for one in items] == starts
    assert [one["type"] for one in events][-2:] == ["usage", "closed"]


async def test_frames_keep_their_order_whether_or_not_there_is_room_for_them_at_once(
    service: Service,
) -> None:
    text = "One frame goes at once and the next has to wait."
    asked = SynthesisRequest(model="", voice=None, output=AudioFormat(Encoding.PCM_S16LE, 16_000))
    heard, at_once, offered = b"", 0, 0

    def put(_: Utterance, frame: bytes) -> bool:
        nonlocal heard, at_once, offered
        offered += 1
        if offered % 3 == 0:
            return False
        at_once += 1
        heard += frame
        return True

    async def asks() -> AsyncIterator[tts_words.Ask]:
        yield tts_words.Text(utterance_id="a", text=text, final=True)
        yield live_words.End()

    target = target_of(TargetChoice(model="deepgram/aura-2-thalia-en-lab-paced-1-20"))
    async with (
        opened(load(service.settings())) as (house, _, origin),
        aclosing(house.tts.synthesize(origin, target, asked, asks(), put=put)) as told,
    ):
        async for _, events in told:
            for one in events:
                heard += one.data if isinstance(one, tts_words.Audio) else b""
    assert heard == mouth.pcm(text, 16_000)
    assert at_once


async def test_sound_that_waits_to_be_told_while_its_utterance_is_cut_is_not_the_next_ones(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is cut off and goes on under the same name at once, just when sound has come."""
    arrived, feed = asyncio.Event(), Conversation._feed_at_once

    def watched(self: Conversation[Any], message: str | bytes) -> bool:
        taken = feed(self, message)
        if not taken and isinstance(message, bytes):
            arrived.set()  # The caller is heard before whoever listens to the provider has woken up.
        return taken

    monkeypatch.setattr(Conversation, "_feed_at_once", watched)

    async def asks() -> AsyncIterator[tts_words.Ask]:
        yield tts_words.Text(utterance_id="a", text="Nobody hears the end of this.", final=True)
        await arrived.wait()
        yield tts_words.Cancel("a", 0)
        yield tts_words.Text(utterance_id="a", text="Yes?", final=True)
        yield live_words.End()

    target = target_of(TargetChoice(model="deepgram/aura-2-thalia-en-lab-paced-1-20"))
    asked = SynthesisRequest(model="", voice=None, output=AudioFormat(Encoding.PCM_S16LE, 16_000))
    async with (
        opened(load(service.settings())) as (house, _, origin),
        aclosing(house.tts.synthesize(origin, target, asked, asks())) as told,
    ):
        events = [one async for _, some in told for one in some]
    (cut,) = [at for at, one in enumerate(events) if isinstance(one, tts_words.Cancelled)]
    assert b"".join(one.data for one in events[cut:] if isinstance(one, tts_words.Audio)) == mouth.pcm(
        "Yes?", 16_000
    )


async def mistaken() -> AsyncIterator[Any]:
    """Somebody who asks for something, and a mistake of ours in reading it."""
    await asyncio.sleep(0)
    raise KeyError("nobody foresaw it")
    yield


@pytest.mark.parametrize("side", ["stt", "tts"])
async def test_a_mistake_of_ours_ends_a_session_and_is_told_without_its_words(
    service: Service, side: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ear, voice = (
        target_of(TargetChoice(model=model)) for model in ("deepgram/nova-3", VOICES["aura"]["model"])
    )
    async with asyncio.timeout(60), opened(load(service.settings())) as (house, _, origin):
        told: Any = (
            house.stt.listen(origin, ear, ListenRequest(model=""), mistaken())
            if side == "stt"
            else house.tts.synthesize(origin, voice, SynthesisRequest(model="", voice=None), mistaken())
        )
        async with aclosing(told):
            last = [events[-1] async for _, events in told][-1]
    assert isinstance(last, live_words.Ended)
    assert (last.error.kind, last.error.message) == (
        Kind.INTERNAL,
        "internal error; the log has its request id",
    )
    (line,) = (one for one in capsys.readouterr().err.splitlines() if '"unexpected"' in one)
    assert json.loads(line)["error"] == "KeyError"
    assert "foresaw" not in line


async def test_tokens_are_spoken_as_they_are_written(service: Service, lab: str) -> None:
    target = {"model": "azure-speech/en-US-JennyNeural"}
    async with call(service, "tts", target=target) as socket:
        for id in ("a", "b"):
            for token in ("Tom", " & ", "<Jerry>"):
                await socket.send(json.dumps({"type": "text", "utterance_id": id, "text": token}))
        await socket.send('{"type": "end"}')
        events, frames = await heard(socket)
    for id in ("a", "b"):
        assert b"".join(frames[id]) == mouth.pcm("Tom & <Jerry>", 24_000)
    assert [one["characters"] for one in of(events, "done")] == [13, 13]
    dialled = ask_lab(lab, "GET", "requests?provider=azure-speech")["requests"]
    said = max((one["said"] for one in dialled), key=len)  # Another socket may wait already.
    paths = [one.partition("Path:")[2].partition("\r")[0] for one in said]
    turn = ["synthesis.context", "text.piece", "text.piece", "text.piece", "text.end"]
    assert paths == ["speech.config", *turn, *turn]


async def heard(socket: ClientConnection) -> tuple[list[dict[str, Any]], dict[str, list[bytes]]]:
    """Return the events, and the frames of each utterance."""
    events: list[dict[str, Any]] = []
    frames: dict[str, list[bytes]] = {}
    current = ""
    async for message in messages(socket):
        if isinstance(message, bytes):
            frames.setdefault(current, []).append(message)
        else:
            events.append(json.loads(message))
            if events[-1]["type"] == "started":
                current = events[-1]["utterance_id"]
    return events, frames


async def test_the_times_of_words_say_what_was_heard_of_an_utterance_that_is_cut(service: Service) -> None:
    target = {"model": "cartesia/sonic-3-lab-paced-1-20", "voice_id": "v"}
    text = "This sentence is far too long to be heard to its very end by anybody at all."
    async with call(service, "tts", target=target, timestamps="word") as socket:
        await socket.send(json.dumps({"type": "text", "utterance_id": "a", "text": text, "final": True}))
        played = 0
        while played < 400:
            played += FRAME_MS if isinstance(await socket.recv(), bytes) else 0
        await socket.send('{"type": "cancel", "utterance_id": "a", "played_ms": 400}')
        await socket.send('{"type": "end"}')
        cut = of(await told_beside_sound(socket), "cancelled")[0]
    assert (cut["text_spoken"], cut["estimated"]) == ("This sentence", False)


async def told_beside_sound(socket: ClientConnection) -> list[dict[str, Any]]:
    return [json.loads(one) async for one in messages(socket) if not isinstance(one, bytes)]


async def test_utterances_that_overlap_are_told_one_after_the_other(service: Service) -> None:
    texts = {"a": "One by one.", "b": "And so on."}
    async with call(service, "tts", target={"model": "cartesia/sonic-3", "voice_id": "v"}) as socket:
        for first, second in zip(texts["a"], texts["b"], strict=False):
            for id, text in (("a", first), ("b", second)):
                await socket.send(json.dumps({"type": "text", "utterance_id": id, "text": text}))
        await socket.send(json.dumps({"type": "text", "utterance_id": "b", "final": True}))
        await socket.send(
            json.dumps({"type": "text", "utterance_id": "a", "text": texts["a"][-1], "final": True})
        )
        await socket.send('{"type": "end"}')
        events, frames = await heard(socket)
    assert {id: b"".join(frames[id]) for id in texts} == {
        id: mouth.pcm(text, 24_000) for id, text in texts.items()
    }
    assert [one["utterance_id"] for one in of(events, "done")] == ["a", "b"]


@pytest.mark.parametrize(
    "fault", [{"end": "reset", "after": 0}, {"end": "hang", "after": 0}], ids=["reset", "half_open"]
)
async def test_another_voice_begins_where_the_first_never_did(
    service: Service, lab: str, fault: dict
) -> None:
    ask_lab(lab, "PUT", "faults", {"deepgram": [fault]})
    fallback = {
        "targets": [{"model": "deepgram/aura-2-zeus-en"}], "first_event_timeout_ms": patience_ms(fault),
    }  # fmt: skip
    async with call(
        service, "tts", target={"model": "deepgram/aura-2-thalia-en"}, fallback=fallback
    ) as socket:
        await socket.send(json.dumps({"type": "text", "text": "Hello.", "final": True}))
        await socket.send('{"type": "end"}')
        events, frames = await heard(socket)
    assert [one["type"] for one in events][-1] == "closed"
    assert b"".join(frames["0"])[-len(mouth.pcm("Hello.", 24_000)) :] == mouth.pcm("Hello.", 24_000)


@pytest.mark.parametrize("target", [VOICES["elevenlabs"], VOICES["bulbul"]], ids=["elevenlabs", "bulbul"])
async def test_another_provider_speaks_where_the_first_never_did(
    service: Service, lab: str, target: dict
) -> None:
    provider = target["model"].partition("/")[0]
    ask_lab(lab, "PUT", "faults", {provider: [{"end": "hang", "after": 0}]})
    fallback = {"targets": [VOICES["aura"]], "first_event_timeout_ms": PATIENCE_MS}
    async with call(service, "tts", target=target, fallback=fallback) as socket:
        await socket.send(json.dumps({"type": "text", "text": "Hello.", "final": True}))
        await socket.send('{"type": "end"}')
        _, frames = await heard(socket)
    assert b"".join(frames["0"]) == mouth.pcm("Hello.", 24_000)


STAND_INS = {"aura, sonic": ("aura", "sonic"), "elevenlabs single, aura": ("elevenlabs single", "aura")}
"""Each speaks with its own voice, and knows nothing of the other's options."""


@pytest.mark.parametrize("fault", [{"status": 429}, {"end": "reset", "after": 0}], ids=["refused", "reset"])
@pytest.mark.parametrize("first, second", STAND_INS.values(), ids=STAND_INS)
async def test_who_stands_in_has_a_voice_and_options_of_its_own(
    service: Service, lab: str, first: str, second: str, fault: dict
) -> None:
    ask_lab(lab, "PUT", "faults", {VOICES[first]["model"].partition("/")[0]: [fault]})
    fallback = {"targets": [VOICES[second]], "first_event_timeout_ms": patience_ms(fault)}
    async with call(service, "tts", target=VOICES[first], fallback=fallback) as socket:
        await socket.send(json.dumps({"type": "text", "text": "Hello.", "final": True}))
        await socket.send('{"type": "end"}')
        events, frames = await heard(socket)
    assert of(events, "error") == []
    assert b"".join(frames["0"]) == mouth.pcm("Hello.", 24_000)


async def test_who_listens_instead_is_asked_by_its_own_options(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "faults", {"deepgram": [{"status": 503, "times": 2}]})
    target = {"model": "deepgram/nova-3", "provider_options": {"numerals": True}}
    others = [{"model": "deepgram/nova-2"}, {"model": "cartesia/ink-whisper"}]
    async with call(service, "stt", target=target, fallback={"targets": others}) as socket:
        assert json.loads(await socket.recv())["model"] == "ink-whisper"
        await socket.send('{"type": "end"}')
        await told(socket)
    asked = [one["query"] for one in ask_lab(lab, "GET", "requests?provider=deepgram")["requests"]]
    assert [(one["model"], one.get("numerals")) for one in asked] == [("nova-3", "true"), ("nova-2", "true")]
    (asked,) = (one["query"] for one in ask_lab(lab, "GET", "requests?provider=cartesia")["requests"])
    assert "numerals" not in asked


async def test_who_interrupts_again_and_again_opens_no_more_contexts_than_there_may_be(
    service: Service, lab: str
) -> None:
    """ElevenLabs closes the socket at the sixth, and counts those that were closed until they have ended."""
    target = {"model": "elevenlabs/eleven_v3-lab-paced-1-5", "voice_id": "v"}
    async with call(service, "tts", target=target, text_buffering="none") as socket:
        for place in range(12):
            text = {"type": "text", "utterance_id": f"u{place}", "text": "Some words to be cut off. "}
            await socket.send(json.dumps(text))
            await socket.send(json.dumps({"type": "cancel", "utterance_id": f"u{place}"}))
        await socket.send(json.dumps({"type": "text", "utterance_id": "last", "text": "Yes?", "final": True}))
        await socket.send('{"type": "end"}')
        events, frames = await heard(socket)
    assert [one["type"] for one in events if one["type"] == "error"] == []
    assert len(of(events, "cancelled")) == 12
    assert b"".join(frames["last"]) == mouth.pcm("Yes?", 24_000)
    asked = ask_lab(lab, "GET", "requests?provider=elevenlabs")["requests"]
    assert len(asked) == 1


async def test_sentences_are_let_go_when_they_are_whole(service: Service, lab: str) -> None:
    async with call(
        service, "tts", target={"model": "deepgram/aura-2-thalia-en"}, text_buffering="sentence"
    ) as socket:
        for piece in ("One", " sentence. And", " a half", " more"):
            await socket.send(json.dumps({"type": "text", "text": piece}))
        await socket.send('{"type": "end"}')
        await heard(socket)
    said = ask_lab(lab, "GET", "requests?provider=deepgram")["requests"][-1]["said"]
    spoken = [json.loads(one)["text"] for one in said if '"Speak"' in one]
    assert spoken == ["One sentence. ", "And a half more"]


async def test_bad_words_to_a_voice_are_explained(service: Service) -> None:
    for message, code in (
        ({"type": "text", "ssml": "<speak/>"}, "ssml_not_allowed"),
        ({"type": "text", "text": "a", "ssml": "b"}, "invalid_value"),
        ({"type": "text", "utterance_id": "", "text": "a"}, "invalid_value"),
    ):
        async with call(service, "tts", target={"model": "deepgram/aura-2-thalia-en"}) as socket:
            await socket.send(json.dumps(message))
            events, _ = await heard(socket)
        assert of(events, "error")[0]["code"] == code


def test_the_key_is_in_no_file(service: Service, tmp_path: Path) -> None:
    assert KEY not in service.log.read_text()


@pytest.mark.parametrize("voice", ["deepgram/aura-2-thalia-en", "cartesia/sonic-3"])
async def test_an_utterance_without_text_is_done_at_once(service: Service, voice: str) -> None:
    target = {"model": voice, "voice_id": "" if voice.startswith("deepgram") else "a-voice"}
    async with call(service, "tts", target=target) as socket:
        await socket.send(json.dumps({"type": "text", "utterance_id": "a", "final": True}))
        await socket.send(json.dumps({"type": "text", "utterance_id": "b", "text": "Yes.", "final": True}))
        await socket.send('{"type": "end"}')
        events, frames = await heard(socket)
    assert [(one["utterance_id"], one["audio_ms"]) for one in of(events, "done")] == [("a", 0), ("b", 160)]
    assert set(frames) == {"b"}
