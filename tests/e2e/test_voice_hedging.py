"""An ear is open and silent: another listens beside it, and whoever has the first word goes on alone.

An organization's and project's budget for this is ten at once: there are no more such tests of one service.
"""

import asyncio
import json
from itertools import cycle
from typing import Any

import pytest

from tests.e2e.service import Service
from tests.e2e.test_voice import (
    HEARD,
    SILENCE,
    SPEECH,
    TURNS,
    call,
    fresh,
    lab,
    of,
    recorded,
    say,
    service,
    told,
)
from tests.e2e.test_voice_failover import PAIRS, PAUSE, WAYS, WHOLE, Listen, provider, script, spoken

__all__ = ["fresh", "lab", "service"]

PATIENCE_MS = 60_000
"""Longer than any of these tests may take: nobody is given up for being silent."""


SURE = {who: pair for who, pair in PAIRS.items() if pair[0] not in WHOLE}
"""Who tells no text before a turn is over owes none to speech that is going on."""


def hedged(second: dict[str, Any], after_ms: int = 1_500) -> dict[str, Any]:
    return {"targets": [second], "first_event_timeout_ms": PATIENCE_MS, "hedge_after_ms": after_ms}


@pytest.mark.parametrize("pair, door", [*zip(SURE.values(), cycle(WAYS.values()))], ids=SURE)
async def test_who_hears_something_goes_on_for_who_is_silent(
    service: Service, lab: str, pair: tuple[str, str], door: tuple[Listen, float]
) -> None:
    script(lab, pair, 1000, HEARD)
    start = {
        "target": {"model": pair[0]},
        "endpointing": {"silence_ms": 300},
        "fallback": hedged({"model": pair[1]}),
    }
    async with asyncio.timeout(60):
        listen, pause = door
        events = await listen(service, start, spoken(pause))
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS
    assert " ".join(one["text"] for one in of(events, "final")) == " ".join(TURNS)
    (again,) = of(events, "reconnected")
    assert again["new_provider"] == provider(pair[1])
    assert again["replayed_ms"] > 0
    assert events[-1]["reason"] == "finished"


async def test_the_audit_says_who_was_outrun_and_how_much_each_heard(service: Service, lab: str) -> None:
    pair = ("deepgram/nova-3", "assemblyai/universal-streaming-english")
    script(lab, pair, 0, HEARD)
    start = {"endpointing": {"silence_ms": 300}, "fallback": hedged({"model": pair[1]})}
    async with asyncio.timeout(60), call(service, "stt", target={"model": pair[0]}, **start) as socket:
        ready = json.loads(await socket.recv())
        await say(socket, SPEECH + SILENCE, pause=PAUSE)
        await socket.send('{"type": "end"}')
        await told(socket)
    found = {one["provider"]: one for one in await recorded(service, ready["session_id"], 2)}
    assert {name: (one["status"], one["error_code"] or "") for name, one in found.items()} == {
        "deepgram": ("cancelled", "hedge_lost"),
        "assemblyai": ("success", ""),
    }
    assert found["assemblyai"]["audio_seconds"] == 5.0
    assert 0 < found["deepgram"]["audio_seconds"] <= 5.0


async def test_a_settled_text_is_not_heard_again_by_who_goes_on(service: Service, lab: str) -> None:
    pair = ("deepgram/nova-3", "azure-speech/default")
    ended = HEARD[1]["end_ms"]
    rest = [{**HEARD[2], "start_ms": HEARD[2]["start_ms"] - ended, "end_ms": HEARD[2]["end_ms"] - ended}]
    script(lab, pair, 2700, rest)
    start = {"endpointing": {"silence_ms": 300}, "fallback": hedged({"model": pair[1]})}
    async with asyncio.timeout(60), call(service, "stt", target={"model": pair[0]}, **start) as socket:
        await socket.recv()
        await say(socket, SPEECH + SILENCE, pause=PAUSE)
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert " ".join(one["text"] for one in of(events, "final")) == " ".join(TURNS)
    assert [one["text"] for one in of(events, "utterance_end")] == TURNS
    assert of(events, "final")[-1]["end_ms"] == HEARD[2]["end_ms"]
    assert len(of(events, "reconnected")) == 1
