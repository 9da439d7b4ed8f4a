"""Live speech by voices that speak whole texts only: each sentence is a request of its own, and nobody notices."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from lab import mouth
from tests.e2e.service import Service
from tests.e2e.test_voice import ask_lab, call, fresh, heard, lab, of, recorded, service

__all__ = ["fresh", "lab", "service"]

VOICES = {
    "google": {"model": "google-speech/en-US-Neural2-A"},
    "openai": {"model": "openai/gpt-4o-mini-tts", "voice_id": "alloy"},
}
FIRST, SECOND, THIRD = "I would like a table for two. ", "At eight o'clock, please. ", "By the window?"
ASKED = {"encoding": "pcm_s16le", "sample_rate_hz": 24_000}


def spoken(lab: str, provider: str) -> list[str]:
    """Return the texts that the lab was asked to speak, in order."""
    texts = []
    for one in ask_lab(lab, "GET", f"requests?provider={provider}")["requests"]:
        if one["path"].endswith(("/audio/speech", "/text:synthesize")):
            body = json.loads(one["text"])
            said = body["input"]
            texts.append(said if isinstance(said, str) else said.get("text") or said["ssml"])
    return texts


async def until(socket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    """Return the events up to the first of a kind; sound passes by."""
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != kind:
        message = await socket.recv()
        events += [json.loads(message)] if isinstance(message, str) else []
    return events


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


@pytest.mark.parametrize("target", VOICES.values(), ids=VOICES)
async def test_a_model_that_streams_its_words_is_heard_from_its_first_sentence_on(
    service: Service, lab: str, target: dict[str, str]
) -> None:
    provider = target["model"].partition("/")[0]
    async with asyncio.timeout(60), call(service, "tts", target=target, output=ASKED) as socket:
        for word in FIRST.split():
            await say(socket, type="text", utterance_id="a", text=f"{word} ")
        ready, *_ = await until(socket, "started")
        for piece in (SECOND, THIRD):
            await say(socket, type="text", utterance_id="a", text=piece)
        await say(socket, type="text", utterance_id="a", final=True)
        await say(socket, type="end")
        events, _ = await heard(socket)
    assert ready["capabilities"]["live_update"]
    said = spoken(lab, provider)
    assert said[0] == FIRST
    assert "".join(said) == FIRST + SECOND + THIRD
    assert [one["type"] for one in events] == ["done", "usage", "closed"]
    assert abs(events[0]["audio_ms"] - mouth.milliseconds("".join(said))) <= 20
    (record,) = await recorded(service, ready["session_id"], 1)
    assert (record["provider"], record["response_status"], record["status"]) == (provider, 200, "success")
    assert record["characters"] == len(FIRST + SECOND + THIRD)


@pytest.mark.parametrize("target", VOICES.values(), ids=VOICES)
async def test_a_cancel_hangs_up_on_a_sentence_that_is_not_wanted_any_more(
    service: Service, lab: str, target: dict[str, str]
) -> None:
    provider = target["model"].partition("/")[0]
    never = {"delay_ms": 600_000}
    ask_lab(lab, "PUT", "faults", {provider: [{"delay_ms": 0}, never]})
    async with asyncio.timeout(60), call(service, "tts", target=target, output=ASKED) as socket:
        await say(socket, type="text", utterance_id="a", text=FIRST)
        await until(socket, "started")
        await say(socket, type="text", utterance_id="a", text=SECOND, final=True)
        while len(spoken(lab, provider)) < 2:
            await asyncio.sleep(0.01)
        await say(socket, type="cancel", utterance_id="a", played_ms=400)
        (cut,) = of(await until(socket, "cancelled"), "cancelled")
        await say(socket, type="text", utterance_id="a", text=THIRD, final=True)
        await say(socket, type="end")
        events, frames = await heard(socket)
    assert cut["text_spoken"] + cut["text_remaining"] == FIRST + SECOND
    assert b"".join(frames["a"]) == mouth.pcm(THIRD, 24_000)
    assert [one["type"] for one in events] == ["started", "done", "usage", "closed"]
    assert spoken(lab, provider)[1:] == [SECOND, THIRD]
    assert ask_lab(lab, "GET", "stats")["disconnects"] == 1


async def test_another_voice_says_what_the_first_refuses(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "faults", {"openai": [{"status": 400, "times": 0}]})
    fallback = {"targets": [VOICES["google"]]}
    async with asyncio.timeout(60):
        async with call(service, "tts", target=VOICES["openai"], output=ASKED, fallback=fallback) as socket:
            await say(socket, type="text", utterance_id="a", text=FIRST + SECOND, final=True)
            await say(socket, type="end")
            events, frames = await heard(socket)
    assert b"".join(frames["a"]) == mouth.pcm(FIRST + SECOND, 24_000)
    assert [one["type"] for one in events] == ["ready", "started", "done", "usage", "closed"]
    outcomes = {
        one["provider"]: one["response_status"] for one in await recorded(service, events[0]["session_id"], 2)
    }
    assert outcomes == {"openai": 400, "google-speech": 200}


@pytest.mark.parametrize("target", VOICES.values(), ids=VOICES)
async def test_an_utterance_that_breaks_off_ends_the_session_with_its_error(
    service: Service, lab: str, target: dict[str, str]
) -> None:
    provider = target["model"].partition("/")[0]
    ask_lab(lab, "PUT", "faults", {provider: [{"delay_ms": 0}, {"status": 401, "times": 0}]})
    async with asyncio.timeout(60), call(service, "tts", target=target, output=ASKED) as socket:
        await say(socket, type="text", utterance_id="a", text=FIRST)
        await until(socket, "started")
        await say(socket, type="text", utterance_id="a", text=SECOND, final=True)
        events, _ = await heard(socket)
    assert [one["type"] for one in events] == ["error", "closed"]
    assert events[0]["code"] == "credential_rejected"
