"""A provider goes silent while somebody speaks: another hears the rest, and the transcript has neither hole nor repeat."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any, TypeAlias

import pytest
from google.protobuf import json_format
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from integration_api.proto import voice_pb2 as wire
from tests.e2e.service import Service
from tests.e2e.test_voice import (
    FRAME_MS,
    HEARD,
    PATIENCE_MS,
    SILENCE,
    SPEECH,
    TURNS,
    ask_lab,
    call,
    fresh,
    lab,
    of,
    say,
    service,
    told,
)
from tests.rpc.test_voice import rest, streaming

__all__ = ["fresh", "lab", "service"]

PAIRS = {
    "google to nova": ("google-speech/chirp_3", "deepgram/nova-3"),
    "nova to universal": ("deepgram/nova-3", "assemblyai/universal-streaming-english"),
    "universal to azure": ("assemblyai/universal-streaming-english", "azure-speech/default"),
    "azure to saaras": ("azure-speech/default", "sarvam/saaras:v3-realtime"),
    "saaras to flux": ("sarvam/saaras:v3-realtime", "deepgram/flux-general-en"),
    "flux to ink": ("deepgram/flux-general-en", "cartesia/ink-2"),
    "ink to gpt": ("cartesia/ink-2", "openai/gpt-4o-transcribe"),
    "gpt to google": ("openai/gpt-4o-transcribe", "google-speech/chirp_3"),
}
"""Each listens first once, and once after another."""
OLDER = "sarvam/saaras:v3"
"""Tells neither times nor a text before a turn is over."""
WHOLE = (OLDER, "openai/gpt-4o-transcribe")
"""Tell no text before a turn is over."""
OTHERS = {
    "google v1 to older saaras": ("google-speech/phone_call", "sarvam/saaras:v3"),
    "older saaras to whisper": ("sarvam/saaras:v3", "cartesia/ink-whisper"),
    "whisper to google v1": ("cartesia/ink-whisper", "google-speech/phone_call"),
}
"""The same of the other languages of those who have two."""
PAUSE = 0.002
"""Seconds between frames of somebody who speaks: ten times as fast as anybody does."""
Spoken: TypeAlias = AsyncIterator[bytes]
Listen: TypeAlias = Callable[[Service, dict[str, Any], Spoken], Any]


async def over_a_socket(service: Service, start: dict[str, Any], spoken: Spoken) -> list[dict[str, Any]]:
    async with call(service, "stt", **start) as socket:
        await socket.recv()
        async for sound in spoken:
            await socket.send(sound)
        await socket.send('{"type": "end"}')
        return await told(socket)


async def over_grpc(service: Service, start: dict[str, Any], spoken: Spoken) -> list[dict[str, Any]]:
    async with streaming(service, "SpeechToText/StreamTranscribe", wire.SttServer) as stream:
        await stream.write(json_format.ParseDict({"start": start}, wire.SttClient()))
        await stream.read()
        async for sound in spoken:
            await stream.write(wire.SttClient(audio=sound))
        await stream.write(wire.SttClient(end=wire.SttClient.End()))
        return [_as_json(one) for one in await rest(stream)]


def _as_json(message: wire.SttServer) -> dict[str, Any]:
    kind = message.WhichOneof("event")
    return {
        "type": kind,
        **json_format.MessageToDict(getattr(message, kind), preserving_proto_field_name=True),
    }


async def spoken(pause: float) -> Spoken:
    """Speech and then silence, in frames with a pause between them."""
    step = 32 * FRAME_MS
    for sound, wait in ((SPEECH, pause), (SILENCE, 0.0)):
        for at in range(0, len(sound), step):
            yield sound[at : at + step]
            await asyncio.sleep(wait)


def asked(first: str, second: str) -> dict[str, Any]:
    return {
        "target": {"model": first},
        "languages": ["en-IN"],
        "endpointing": {"silence_ms": 300},
        "fallback": {"targets": [{"model": second}], "first_event_timeout_ms": PATIENCE_MS},
    }


def turns(model: str) -> list[str]:
    """What comes of the two turns where a model heard the first: Whisper leaves it to the caller to end one."""
    return [" ".join(TURNS)] if "whisper" in model else TURNS


def provider(model: str) -> str:
    return model.partition("/")[0]


def script(lab: str, pair: tuple[str, str], after_ms: int, later: list[dict[str, Any]]) -> None:
    """Have the first go silent once it has heard so much, and the second hear `later`."""
    first, second = map(provider, pair)
    ask_lab(lab, "PUT", "script", {first: [{"heard": HEARD}], second: [{"heard": later, "times": 0}]})
    ask_lab(lab, "PUT", "faults", {first: [{"end": "hang", "after": after_ms}]})


WAYS: dict[str, tuple[Listen, float]] = {
    "websocket, all at once": (over_a_socket, 0.0),
    "grpc, while somebody speaks": (over_grpc, PAUSE),
}


HANDED_ON = {
    **{f"{who}, {way}": (pair, door) for who, pair in PAIRS.items() for way, door in WAYS.items()},
    **{who: (pair, door) for (who, pair), door in zip(OTHERS.items(), cycle(WAYS.values()))},
}


@pytest.mark.parametrize("pair, way", HANDED_ON.values(), ids=HANDED_ON)
async def test_the_next_hears_all_that_was_said(
    service: Service, lab: str, pair: tuple[str, str], way: tuple[Listen, float]
) -> None:
    door, pause = way
    script(lab, pair, 1000, HEARD)
    async with asyncio.timeout(60):
        events = await door(service, asked(*pair), spoken(pause))
    assert [one["text"] for one in of(events, "utterance_end")] == turns(pair[1])
    assert " ".join(one["text"] for one in of(events, "final")) == " ".join(TURNS)
    again = of(events, "reconnected")
    assert [one["new_provider"] for one in again] == [provider(pair[1])]
    # Who may be silent while somebody speaks has a little less time to answer a ping.
    assert again[0]["gap_ms"] >= PATIENCE_MS * (0.7 if pair[0] in WHOLE else 1)
    assert again[0]["replayed_ms"] > 0
    assert events[-1]["reason"] == "finished"


UNTIMED = (OLDER, "cartesia/ink-2")
TIMED = [pair for pair in (PAIRS | OTHERS).values() if pair[0] not in UNTIMED]
"""Who tells when something was said is gone on from right behind it."""


@pytest.mark.parametrize("pair", TIMED, ids=["-".join(map(provider, pair)) for pair in TIMED])
async def test_what_was_settled_is_not_heard_again(service: Service, lab: str, pair: tuple[str, str]) -> None:
    ended = HEARD[1]["end_ms"]
    rest = [{**HEARD[2], "start_ms": HEARD[2]["start_ms"] - ended, "end_ms": HEARD[2]["end_ms"] - ended}]
    script(lab, pair, 2700, rest)
    async with asyncio.timeout(60):
        events = await over_a_socket(service, asked(*pair), spoken(PAUSE))
    assert [one["text"] for one in of(events, "utterance_end")] == turns(pair[0])
    assert " ".join(one["text"] for one in of(events, "final")) == " ".join(TURNS)
    last = of(events, "final")[-1].get("end_ms")
    assert last == (None if pair[1] in UNTIMED else HEARD[2]["end_ms"])


async def test_who_ends_a_session_after_an_hour_is_asked_for_another(service: Service, lab: str) -> None:
    gpt = WHOLE[1]
    ended = HEARD[1]["end_ms"]
    rest = [{**HEARD[2], "start_ms": HEARD[2]["start_ms"] - ended, "end_ms": HEARD[2]["end_ms"] - ended}]
    ask_lab(lab, "PUT", "script", {"openai": [{"heard": HEARD}, {"heard": rest}]})
    ask_lab(lab, "PUT", "faults", {"openai": [{"limit_ms": 2600}]})
    start = asked(gpt, gpt)
    start["fallback"]["targets"] = []
    async with asyncio.timeout(60):
        events = await over_a_socket(service, start, spoken(PAUSE))
    assert [(one["text"], one["end_ms"]) for one in of(events, "final")] == [
        (TURNS[0], 2200),
        (TURNS[1], 3600),
    ]
    assert len(of(events, "reconnected")) == 1
    assert events[-1]["reason"] == "finished"


NOVAS = ("deepgram/nova-3", "deepgram/nova-2")
REST = [{"text": HEARD[1]["text"], "start_ms": 100, "end_ms": 900}]
"""What is heard of the second piece from the end of the first on."""


@pytest.mark.parametrize("ask", ["", '{"type": "finalize"}'], ids=["by silence", "by the caller"])
async def test_a_text_that_is_never_settled_is_heard_again(service: Service, lab: str, ask: str) -> None:
    """The provider goes silent in the middle of a turn, and somebody falls silent just then: no sound is missed."""
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": HEARD[:2]}, {"heard": REST}]})
    ask_lab(lab, "PUT", "faults", {"deepgram": [{"end": "hang", "after": 1900}]})
    async with asyncio.timeout(60), call(service, "stt", **asked(*NOVAS)) as socket:
        await say(socket, SPEECH[: 32 * 2200])
        events: list[dict[str, Any]] = []
        while not of(events, "interim") or "for" not in of(events, "interim")[-1]["text"]:
            events.append(json.loads(await socket.recv()))
        if ask:
            await socket.send(ask)
        else:
            await say(socket, bytes(32 * 6000))
        while not of(events, "utterance_end"):
            events.append(json.loads(await socket.recv()))
    assert [one["text"] for one in of(events, "final") if one["text"]] == [one["text"] for one in HEARD[:2]]
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS[:1]
    assert len(of(events, "reconnected")) == 1


@asynccontextmanager
async def hesitant() -> AsyncIterator[str]:
    """A Deepgram that guesses a text of the first sound, takes it back, and has nothing more to say."""
    guess = {
        "type": "Results", "start": 0.0, "duration": 1.0, "is_final": False, "speech_final": False,
        "channel": {"alternatives": [{"transcript": "hm", "confidence": 0.5, "words": []}]},
    }  # fmt: skip
    nothing = {**guess, "is_final": True, "channel": {"alternatives": [{"transcript": "", "words": []}]}}

    async def talk(peer: ServerConnection) -> None:
        await peer.recv()
        await peer.send(json.dumps(guess))
        await peer.send(json.dumps(nothing))
        async for message in peer:
            if isinstance(message, str) and "CloseStream" in message:
                return

    def known(peer: ServerConnection, request: Request) -> Response | None:
        return None if "Upgrade" in request.headers else peer.respond(200, "{}")  # A key that is looked at.

    async with serve(talk, "127.0.0.1", 0, process_request=known) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_text_that_came_to_nothing_is_not_waited_for(service: Service) -> None:
    async with asyncio.timeout(60), hesitant() as url:
        credential = await asyncio.to_thread(
            service.add_credential, "deepgram", base_url=url, name="hesitant", default=False
        )
        start = asked(*NOVAS)
        start["target"]["credential_id"] = credential
        async with call(service, "stt", **start) as socket:
            await say(socket, SPEECH[: 32 * FRAME_MS])
            events = [json.loads(await socket.recv())]
            while not of(events, "interim"):
                events.append(json.loads(await socket.recv()))
            # For longer than anybody's patience, and as much sound as would settle a text.
            await say(socket, bytes(32 * 6000), pause=0.003)
            await socket.send('{"type": "end"}')
            events += await told(socket)
    assert [one["type"] for one in events if one["type"] in ("reconnected", "error")] == []
    assert events[-1] == {**events[-1], "type": "closed", "reason": "finished"}


@pytest.mark.parametrize("model", UNTIMED)
async def test_who_speaks_on_before_a_text_without_times_is_there_is_heard_whole(
    service: Service, lab: str, model: str
) -> None:
    rest = [{**HEARD[2], "start_ms": 400, "end_ms": 1000}]
    script(lab, (model, "deepgram/nova-3"), 3300, rest)
    async with asyncio.timeout(60), call(service, "stt", **asked(model, "deepgram/nova-3")) as socket:
        events: list[dict[str, Any]] = []

        async def until(kind: str) -> None:
            while not of(events, kind):
                events.append(json.loads(await socket.recv()))

        await say(socket, SPEECH[: 32 * 400])
        await until("speech_started")
        await say(socket, SPEECH[: 32 * 1800] + bytes(32 * 200))
        # The next is being said by the time that the text of this is there.
        rest_of_it = bytes(32 * 600) + SPEECH[: 32 * 400]
        for at in range(0, len(rest_of_it), 640):
            await socket.send(rest_of_it[at : at + 640])
        await until("utterance_end")
        await say(socket, SPEECH[: 32 * 200] + bytes(32 * 1000))
        await socket.send('{"type": "end"}')
        events += await told(socket)
    # From somewhere in the pause on.
    assert 1600 <= of(events, "reconnected")[0]["replayed_ms"] < 2400
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS


GONE = [{"end": "hang", "after": 1000}, {"end": "stuck", "after": 1000}]
"""Nobody is there any more, or only the socket is, which answers pings."""


def unheard(lab: str, fault: dict[str, Any], times: int = 1, model: str = OLDER) -> None:
    """Have one of the `WHOLE` announce that somebody speaks, and then do as the fault says."""
    heard = {provider(model): [{"heard": HEARD, "times": 0}], "deepgram": [{"heard": HEARD, "times": 0}]}
    ask_lab(lab, "PUT", "script", heard)
    ask_lab(lab, "PUT", "faults", {provider(model): [{**fault, "times": times}]})


@pytest.mark.parametrize("model", WHOLE)
async def test_speech_that_was_announced_and_never_told_is_heard_by_the_next(
    service: Service, lab: str, model: str
) -> None:
    unheard(lab, GONE[1], model=model)
    async with asyncio.timeout(60), call(service, "stt", **asked(model, "deepgram/nova-3")) as socket:
        # Silence enough for a turn to end, and the time that a provider has to say so.
        await say(socket, SPEECH + bytes(32 * 6000), pause=PAUSE)
        events: list[dict[str, Any]] = []
        while len(of(events, "utterance_end")) < len(TURNS):
            events.append(json.loads(await socket.recv()))
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS
    assert [one["new_provider"] for one in of(events, "reconnected")] == ["deepgram"]


OWED = {
    "half open": (OLDER, GONE[0], "finalize"),
    "stuck, finalized": (OLDER, GONE[1], "finalize"),
    "stuck, ended": (OLDER, GONE[1], "end"),
    "never heard": (OLDER, {"end": "hang", "after": 0}, "end"),
    "gpt stuck, ended": (WHOLE[1], GONE[1], "end"),
}


@pytest.mark.parametrize("model, fault, ask", OWED.values(), ids=OWED)
async def test_who_owes_a_text_when_it_is_asked_for_is_left(
    service: Service, lab: str, model: str, fault: dict[str, Any], ask: str
) -> None:
    unheard(lab, fault, model=model)
    async with asyncio.timeout(60), call(service, "stt", **asked(model, "deepgram/nova-3")) as socket:
        await say(socket, SPEECH[: 32 * 2200])
        await socket.send(json.dumps({"type": ask}))
        events: list[dict[str, Any]] = []
        while not of(events, "utterance_end"):
            events.append(json.loads(await socket.recv()))
    assert " ".join(one["text"] for one in of(events, "final")) == TURNS[0]
    assert [one["new_provider"] for one in of(events, "reconnected")] == ["deepgram"]
    assert of(events, "warning") == []


async def test_who_is_gone_at_the_end_is_left_however_patient_the_caller_is(
    service: Service, lab: str
) -> None:
    unheard(lab, {"end": "hang", "after": 0})
    start = asked(OLDER, "deepgram/nova-3")
    start["fallback"]["first_event_timeout_ms"] = 60_000
    async with asyncio.timeout(30), call(service, "stt", **start) as socket:
        await socket.recv()
        await say(socket, SPEECH[: 32 * FRAME_MS])
        while not ask_lab(lab, "GET", "requests?provider=sarvam")["requests"][-1]["said"]:
            await asyncio.sleep(0.01)  # It goes when it hears the first of it.
        await say(socket, SPEECH[32 * FRAME_MS :])
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS
    assert [one["new_provider"] for one in of(events, "reconnected")] == ["deepgram"]


async def test_who_was_asked_for_no_interims_is_left_as_well(service: Service, lab: str) -> None:
    script(lab, ("azure-speech/default", "deepgram/nova-3"), 1000, HEARD)
    ask_lab(lab, "PUT", "faults", {"azure-speech": [GONE[1]]})
    start = {**asked("azure-speech/default", "deepgram/nova-3"), "interim_results": False}
    async with asyncio.timeout(60):
        events = await over_a_socket(service, start, spoken(PAUSE))
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS
    assert [one["new_provider"] for one in of(events, "reconnected")] == ["deepgram"]


@pytest.mark.parametrize("model", WHOLE)
async def test_noise_is_no_reason_to_leave_who_is_there(service: Service, lab: str, model: str) -> None:
    """It is loud for longer than anybody's patience, and the provider hears nobody speak."""
    nobody = [{"text": "Hello?", "start_ms": 60_000, "end_ms": 61_000}]
    ask_lab(lab, "PUT", "script", {provider(model): [{"heard": nobody, "times": 0}]})

    async def ended(start: dict[str, Any]) -> list[str]:
        async with asyncio.timeout(60), call(service, "stt", **start) as socket:
            await say(socket, SPEECH, pause=0.006)
            await socket.send('{"type": "end"}')
            return [one["type"] for one in await told(socket)]

    alone, accompanied = asked(model, "deepgram/nova-3"), asked(model, "deepgram/nova-3")
    alone["fallback"]["targets"] = []
    assert await asyncio.gather(ended(alone), ended(accompanied)) == [
        ["ready", "usage", "closed"],
        ["ready", "usage", "closed"],
    ]


@pytest.mark.parametrize(
    "model", ["google-speech/chirp_3", "assemblyai/universal-streaming-english", "azure-speech/default"]
)
async def test_noise_ends_no_session_whose_provider_is_there(service: Service, lab: str, model: str) -> None:
    """It is loud for several times anybody's patience, and nobody speaks; then somebody does."""
    late = [{"text": "Hello?", "start_ms": 3_400, "end_ms": 3_900}]
    ask_lab(lab, "PUT", "script", {provider(model): [{"heard": late, "times": 0}]})
    start = asked(model, model)
    start["fallback"] = {"first_event_timeout_ms": 1_000}
    async with asyncio.timeout(60), call(service, "stt", **start) as socket:
        await say(socket, SPEECH[: 32 * 3_200], pause=0.02)
        await say(socket, SPEECH[32 * 3_200 :] + SILENCE)
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert [one["type"] for one in events if one["type"] in ("error", "reconnected")] == []
    assert " ".join(one["text"] for one in of(events, "final")) == "Hello?"


async def test_what_is_announced_and_never_told_is_a_warning_where_nobody_else_is_left(
    service: Service, lab: str
) -> None:
    unheard(lab, GONE[1], times=2)
    start = asked(OLDER, OLDER)
    start["fallback"]["targets"] = []
    async with asyncio.timeout(60), call(service, "stt", **start) as socket:
        await say(socket, SPEECH[: 32 * 2200])
        await socket.send('{"type": "end"}')
        events = await told(socket)
    kinds = ["ready", "speech_started", "reconnected", "warning", "usage", "closed"]
    assert [one["type"] for one in events] == kinds
    assert of(events, "warning")[0]["code"] == "unanswered_speech"
    assert events[-1]["reason"] == "finished"


async def test_a_second_target_that_is_silent_too_is_told_at_last(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "faults", {"deepgram": [{"end": "hang", "after": 0, "times": 0}]})
    async with asyncio.timeout(60), call(service, "stt", **asked(*NOVAS)) as socket:
        await say(socket, SPEECH)
        events = await told(socket)
    assert [one["type"] for one in events if one["type"] != "ready"] == [
        "reconnected",
        "reconnected",
        "error",
        "closed",
    ]
    assert of(events, "error")[0]["code"] == "upstream_timeout"
