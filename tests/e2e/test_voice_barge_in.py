"""Whoever is interrupted falls silent: after a cancel not one more byte of it is heard, whatever the provider still sends."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeAlias

import pytest
from google.protobuf import json_format
from websockets.asyncio.client import ClientConnection

from integration_api.proto import voice_pb2 as wire
from integration_api.providers import PROVIDERS
from lab import mouth
from tests.e2e.service import Service
from tests.e2e.test_voice import FRAME_MS, ask_lab, call, fresh, lab, service
from tests.rpc.test_voice import streaming

__all__ = ["fresh", "lab", "service"]

RATE = 24_000
TEXT = f"This sentence is {'far, far, ' * 12}too long to be heard to its very end by anybody at all."
"""Seconds of it are still to be made when somebody interrupts it, however late that is."""
PLAYED_MS = 400
VOICES: dict[str, tuple[dict[str, Any], bool]] = {
    "google": ({"model": "google-speech/en-US-Chirp3-HD-Charon-lab-paced-1-20"}, False),
    "aura": ({"model": "deepgram/aura-2-thalia-en-lab-paced-1-20"}, False),
    "flux": ({"model": "deepgram/flux-haley-en-lab-paced-1-20"}, True),
    "sonic": ({"model": "cartesia/sonic-3-lab-paced-1-20", "voice_id": "v"}, False),
    "azure": ({"model": "azure-speech/en-US-JennyNeural-lab-paced-1-20"}, False),
    "bulbul": ({"model": "sarvam/bulbul:v3-lab-paced-1-20", "voice_id": "shubh"}, False),
    "elevenlabs": ({"model": "elevenlabs/eleven_v3-lab-paced-1-20", "voice_id": "v"}, True),
    "elevenlabs single": (
        {
            "model": "elevenlabs/eleven_v3-lab-paced-1-20",
            "voice_id": "v",
            "provider_options": {"multi_context": False},
        },
        True,
    ),
}
"""With whether it is known what was heard: where the provider tells it, or when each character is."""
Told: TypeAlias = bytes | dict[str, Any]


class Line(Protocol):
    """A session of a voice, whichever door it came in by."""

    async def say(self, **message: Any) -> None: ...

    async def hear(self) -> Told | None:
        """Return the next frame or event; None when there is no more."""
        ...


class Socket:
    def __init__(self, socket: ClientConnection) -> None:
        self._told = aiter(socket)
        self._socket = socket

    async def say(self, **message: Any) -> None:
        await self._socket.send(json.dumps(message))

    async def hear(self) -> Told | None:
        told = await anext(self._told, None)
        return json.loads(told) if isinstance(told, str) else told


class Stream:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def say(self, **message: Any) -> None:
        kind = message.pop("type")
        await self._stream.write(json_format.ParseDict({kind: message}, wire.TtsClient()))

    async def hear(self) -> Told | None:
        message = await self._stream.read()
        if not isinstance(message, wire.TtsServer):
            return None
        kind = message.WhichOneof("event")
        told = getattr(message, kind)
        if kind == "audio":
            return bytes(told.audio)
        return {"type": kind, **json_format.MessageToDict(told, preserving_proto_field_name=True)}


@asynccontextmanager
async def over_a_socket(service: Service, **start: Any) -> Any:
    async with call(service, "tts", **start) as socket:
        yield Socket(socket)


@asynccontextmanager
async def over_grpc(service: Service, **start: Any) -> Any:
    async with streaming(service, "TextToSpeech/StreamSynthesize", wire.TtsServer) as stream:
        line = Stream(stream)
        if start.get("text_buffering") == "none":
            start["text_buffering"] = "IMMEDIATE"
        await line.say(type="start", **start)
        yield line


DOORS: dict[str, Callable[..., AbstractAsyncContextManager[Line]]] = {
    "websocket": over_a_socket,
    "grpc": over_grpc,
}


async def heard(line: Line) -> list[Told]:
    found: list[Told] = []
    while (told := await line.hear()) is not None:
        found.append(told)
    return found


async def heard_of(line: Line, id: str) -> list[Told]:
    """Return what is told until so much of an utterance has been heard that somebody might interrupt it."""
    found: list[Told] = []
    mine, played = False, 0
    while played < PLAYED_MS:
        told = await line.hear()
        assert told is not None
        found.append(told)
        if isinstance(told, bytes):
            played += FRAME_MS if mine else 0
        elif told["type"] == "started":
            mine = told["utterance_id"] == id
    return found


def of(told: list[Told], kind: str) -> list[dict[str, Any]]:
    return [one for one in told if isinstance(one, dict) and one["type"] == kind]


def sound(told: list[Told]) -> bytes:
    return b"".join(one for one in told if isinstance(one, bytes))


def by_utterance(told: list[Told]) -> dict[str, bytes]:
    """Return the sound of each: frames belong to the one that began last, and after a cancel to nobody."""
    found: dict[str, bytes] = {}
    current = ""
    for one in told:
        if isinstance(one, bytes):
            found[current] = found.get(current, b"") + one
        elif one["type"] == "started":
            current = one["utterance_id"]
        elif one["type"] == "cancelled" and one["utterance_id"] == current:
            current = ""
    return found


def test_every_live_voice_is_interrupted() -> None:
    live = {name for name, one in PROVIDERS.items() if one.tts is not None and one.tts.synthesize is not None}
    assert {voice["model"].partition("/")[0] for voice, _ in VOICES.values()} == live


@pytest.mark.parametrize("late", [0, 8])
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("voice, exact", VOICES.values(), ids=VOICES)
async def test_what_comes_late_is_nobodys(
    service: Service, lab: str, voice: dict[str, Any], exact: bool, door: Any, late: int
) -> None:
    """Also where the next utterance has the name of the one that was cut off."""
    ask_lab(lab, "PUT", "faults", {voice["model"].partition("/")[0]: [{"late": late, "times": 0}]})
    async with asyncio.timeout(60), door(service, target=voice) as line:
        await line.say(type="text", utterance_id="a", text=TEXT, final=True)
        before = await heard_of(line, "a")
        await line.say(type="cancel", utterance_id="a", played_ms=PLAYED_MS)
        await line.say(type="text", utterance_id="a", text="Yes?", final=True)
        await line.say(type="end")
        told = [*before, *await heard(line)]
    (cut,) = of(told, "cancelled")
    at = told.index(cut)
    assert len(sound(told[:at])) < len(mouth.pcm(TEXT, RATE))
    assert sound(told[at:]) == mouth.pcm("Yes?", RATE)
    spoken = cut.get("text_spoken", "")
    assert spoken + cut.get("text_remaining", "") == TEXT
    assert cut.get("estimated", False) is not exact
    if exact:
        assert spoken == TEXT[: PLAYED_MS // mouth.CHARACTER_MS]
    assert len(of(told, "done")) == 1
    assert of(told, "error") == []


EXACT = {name: voice for name, (voice, exact) in VOICES.items() if exact}


@pytest.mark.parametrize("voice", EXACT.values(), ids=EXACT)
async def test_what_was_heard_of_a_later_utterance_is_told_as_exactly(
    service: Service, voice: dict[str, Any]
) -> None:
    async with asyncio.timeout(60), over_a_socket(service, target=voice) as line:
        await line.say(type="text", utterance_id="before", text="Good morning to you.", final=True)
        while (told := await line.hear()) is not None and not of([told], "done"):
            pass
        for id in ("a", "b"):
            await line.say(type="text", utterance_id=id, text=TEXT, final=True)
            await heard_of(line, id)
            await line.say(type="cancel", utterance_id=id, played_ms=PLAYED_MS)
            while (told := await line.hear()) is not None and not of([told], "cancelled"):
                pass
            (cut,) = of([told], "cancelled") if told else ()
            assert cut["text_spoken"] == TEXT[: PLAYED_MS // mouth.CHARACTER_MS]
            assert cut["text_spoken"] + cut["text_remaining"] == TEXT


# --- contexts side by side on one socket -------------------------------------------------------

ELEVENLABS = {"model": "elevenlabs/eleven_v3-lab-paced-1-5", "voice_id": "v"}
TEXTS = {
    name: f"{name.capitalize()} is told after the other, and each of them is long enough."
    for name in ("one", "two", "three", "four", "five")
}
"""As many as ElevenLabs has contexts for."""


def at_length(name: str) -> dict[str, str]:
    """Return the texts, of which one is far from its end when somebody interrupts, however late that is."""
    return {**TEXTS, name: f"{TEXTS[name][:-1]}{', and goes on' * 40}."}


@pytest.mark.parametrize("complete", [True, False], ids=["all its text has come", "more of it may come"])
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("name", ["one", "three", "five"])
async def test_one_of_five_contexts_is_cut_in_its_middle_and_the_others_go_on(
    service: Service, lab: str, name: str, door: Any, complete: bool
) -> None:
    ask_lab(lab, "PUT", "faults", {"elevenlabs": [{"late": 6, "times": 0}]})
    texts = at_length(name)
    async with asyncio.timeout(60), door(service, target=ELEVENLABS, text_buffering="none") as line:
        for id, text in texts.items():
            await line.say(type="text", utterance_id=id, text=text + " ", final=complete or id != name)
        before = await heard_of(line, name)
        await line.say(type="cancel", utterance_id=name, played_ms=PLAYED_MS)
        await line.say(type="text", utterance_id="last", text="Yes?", final=True)
        await line.say(type="end")
        told = [*before, *await heard(line)]
    (cut,) = of(told, "cancelled")
    assert (cut["text_spoken"], cut.get("estimated", False)) == (texts[name][:10], False)
    assert cut["text_spoken"] + cut["text_remaining"] == texts[name] + " "
    frames = by_utterance(told)
    assert "" not in frames
    whole, mine = mouth.pcm(texts[name] + " ", RATE), frames.pop(name)
    assert len(mouth.pcm(texts[name][:10], RATE)) <= len(mine) < len(whole)
    assert whole.startswith(mine)
    expected = {id: mouth.pcm(text + " ", RATE) for id, text in texts.items() if id != name}
    assert frames == {**expected, "last": mouth.pcm("Yes?", RATE)}
    assert [one["utterance_id"] for one in of(told, "done")] == [*expected, "last"]
    assert len(ask_lab(lab, "GET", "requests?provider=elevenlabs")["requests"]) == 1


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
async def test_a_context_that_is_cut_before_its_turn_is_never_heard(service: Service, door: Any) -> None:
    texts = at_length("one")
    async with asyncio.timeout(60), door(service, target=ELEVENLABS, text_buffering="none") as line:
        for id, text in texts.items():
            await line.say(type="text", utterance_id=id, text=text, final=True)
        before = await heard_of(line, "one")
        await line.say(type="cancel", utterance_id="three", played_ms=0)
        await line.say(type="end")
        told = [*before, *await heard(line)]
    (cut,) = of(told, "cancelled")
    assert (cut.get("text_spoken", ""), cut["text_remaining"]) == ("", texts["three"])
    others = {id: mouth.pcm(text, RATE) for id, text in texts.items() if id != "three"}
    assert by_utterance(told) == others
