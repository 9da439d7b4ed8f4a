"""A voice is open and silent: another is asked beside it, and whoever has the first sound goes on alone.

An organization's and project's budget for this is ten at once: there are no more such tests of one service.
"""

import asyncio
import json

import pytest

from lab import mouth
from tests.e2e.service import Service
from tests.e2e.test_voice import VOICES, ask_lab, call, fresh, heard, lab, of, recorded, service
from tests.e2e.test_voice_hedging import hedged

__all__ = ["fresh", "lab", "service"]


async def outcomes(service: Service, session: str) -> dict[str, tuple[str, str]]:
    """Return how the two providers of a session fared, by the audit."""
    found = await recorded(service, session, 2)
    assert len(found) == 2
    return {one["provider"]: (one["status"], one["error_code"] or "") for one in found}


SILENT = [name for name in VOICES if name not in ("flux", "elevenlabs single")]
"""One voice of each provider."""


@pytest.mark.parametrize("first", SILENT)
async def test_another_voice_speaks_where_the_first_is_silent(service: Service, lab: str, first: str) -> None:
    second = "sonic" if first != "sonic" else "aura"
    silent, speaks = (VOICES[one]["model"].partition("/")[0] for one in (first, second))
    ask_lab(lab, "PUT", "faults", {silent: [{"end": "hang", "after": 0}]})
    texts = {"a": "Hello, this is a test.", "b": "And another one."}
    async with (
        asyncio.timeout(30),
        call(service, "tts", target=VOICES[first], fallback=hedged(VOICES[second], 50)) as socket,
    ):
        session = json.loads(await socket.recv())["session_id"]
        for id, text in texts.items():
            await socket.send(json.dumps({"type": "text", "utterance_id": id, "text": text, "final": True}))
        await socket.send('{"type": "end"}')
        events, frames = await heard(socket)
    assert of(events, "error") == []
    assert {id: b"".join(frames[id]) for id in texts} == {
        id: mouth.pcm(text, 24_000) for id, text in texts.items()
    }
    assert [one["utterance_id"] for one in of(events, "done")] == ["a", "b"]
    assert await outcomes(service, session) == {
        silent: ("cancelled", "hedge_lost"),
        speaks: ("success", ""),
    }


async def test_what_is_said_while_two_are_asked_is_said_to_both(service: Service, lab: str) -> None:
    """The second is being dialled while text goes on coming, and an utterance is taken back."""
    ask_lab(
        lab, "PUT", "faults",
        {"deepgram": [{"end": "hang", "after": 0}], "cartesia": [{"delay_ms": 500}]},
    )  # fmt: skip
    async with (
        asyncio.timeout(30),
        call(service, "tts", target=VOICES["aura"], fallback=hedged(VOICES["sonic"], 20)) as socket,
    ):
        await socket.recv()
        for id in ("a", "b"):
            words = {"type": "text", "utterance_id": id, "text": f"This is {id}.", "final": True}
            await socket.send(json.dumps(words))
        while not ask_lab(lab, "GET", "requests?provider=cartesia")["requests"]:
            await asyncio.sleep(0.01)
        await socket.send('{"type": "cancel", "utterance_id": "a", "played_ms": 0}')
        await socket.send('{"type": "text", "utterance_id": "c", "text": "And ", "final": false}')
        await socket.send('{"type": "text", "utterance_id": "c", "text": "c.", "final": true}')
        await socket.send('{"type": "end"}')
        events, frames = await heard(socket)
    assert of(events, "error") == []
    assert [one["utterance_id"] for one in of(events, "cancelled")] == ["a"]
    assert {id: b"".join(frames[id]) for id in frames} == {
        "b": mouth.pcm("This is b.", 24_000),
        "c": mouth.pcm("And c.", 24_000),
    }


async def test_a_voice_that_speaks_in_time_is_not_hedged(service: Service, lab: str) -> None:
    async with call(
        service, "tts", target=VOICES["aura"], fallback=hedged(VOICES["sonic"], 20_000)
    ) as socket:
        session = json.loads(await socket.recv())["session_id"]
        await socket.send(json.dumps({"type": "text", "text": "Hello.", "final": True}))
        await socket.send('{"type": "end"}')
        await heard(socket)
    assert [one["provider"] for one in await recorded(service, session, 1)] == ["deepgram"]
    assert ask_lab(lab, "GET", "requests?provider=cartesia")["requests"] == []
