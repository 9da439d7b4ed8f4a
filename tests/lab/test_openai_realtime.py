"""The emulator of OpenAI's realtime transcription, driven by OpenAI's own SDK."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lab import Answer, Fault, Lab
from lab.script import Heard
from tests.lab.conftest import KEY

TWO = (
    Heard(text="I would like a table.", start_ms=500, end_ms=1500),
    Heard(text="At eight.", start_ms=2500, end_ms=3000, confidence=0.9),
)
TENTH = bytes(4800)
"""A tenth of a second at 24 kHz."""
COMPLETED = "conversation.item.input_audio_transcription.completed"
DELTA = "conversation.item.input_audio_transcription.delta"


@asynccontextmanager
async def listening(lab: Lab, key: str = KEY, **query: str) -> AsyncIterator[Any]:
    base = lab.url("openai")
    async with (
        openai.AsyncOpenAI(api_key=key, base_url=base, websocket_base_url=base.replace("http", "ws"),
                           max_retries=0) as client,
        client.realtime.connect(extra_query={"intent": "transcription", **query}) as connection,
    ):  # fmt: skip
        yield connection


def session(model: str, include: Any = None, language: str | None = None, **heard: Any) -> Any:
    spoken = {"model": model, **({"language": language} if language else {})}
    return {
        "type": "transcription",
        "audio": {"input": {"transcription": spoken, **heard}},
        **({"include": include} if include else {}),
    }


async def say(connection: Any, tenths: int, piece: bytes = TENTH) -> None:
    for _ in range(tenths):
        await connection.input_audio_buffer.append(audio=b64encode(piece).decode())


async def until(connection: Any, kind: str, count: int = 1) -> list[Any]:
    """Return the events up to the `count`th of a kind."""
    events: list[Any] = []
    async with asyncio.timeout(60):
        while sum(one.type == kind for one in events) < count:
            events.append(await connection.recv())
    return events


def of(events: list[Any], kind: str) -> list[Any]:
    return [one for one in events if one.type == kind]


async def test_turns_are_heard_by_their_silence_and_written_down(lab) -> None:
    lab.script("openai", Answer(heard=TWO))
    async with listening(lab) as ear:
        created = await ear.recv()
        assert (created.type, created.session.type) == ("session.created", "transcription")
        silence = {"type": "server_vad", "silence_duration_ms": 400}
        sure = ["item.input_audio_transcription.logprobs"]
        await ear.session.update(session=session("gpt-4o-transcribe", sure, "en", turn_detection=silence))
        turns = (await ear.recv()).session.audio.input.turn_detection
        assert (turns.prefix_padding_ms, turns.silence_duration_ms) == (300, 400)
        await say(ear, 40)
        events = await until(ear, COMPLETED, 2)
    assert [one.audio_start_ms for one in of(events, "input_audio_buffer.speech_started")] == [200, 2200]
    assert [one.audio_end_ms for one in of(events, "input_audio_buffer.speech_stopped")] == [1900, 3400]
    commits = of(events, "input_audio_buffer.committed")
    assert [one.previous_item_id for one in commits] == [None, commits[0].item_id]
    done = of(events, COMPLETED)
    assert [one.item_id for one in done] == [one.item_id for one in commits]
    assert [one.transcript for one in done] == ["I would like a table.", "At eight."]
    assert (done[0].usage.type, done[0].usage.input_token_details.audio_tokens) == ("tokens", 19)
    assert [round(one.logprob, 3) for one in done[1].logprobs] == [-0.105, -0.105]
    first = [one.delta for one in of(events, DELTA) if one.item_id == done[0].item_id]
    assert first == ["I", " would", " like", " a", " table."]


async def test_a_short_item_may_be_written_down_before_a_long_one(lab) -> None:
    lab.script("openai", Answer(heard=TWO, gap_ms=20))
    async with listening(lab) as ear:
        await ear.session.update(session=session("gpt-4o-transcribe"))
        await say(ear, 1, TENTH * 40)
        events = await until(ear, COMPLETED, 2)
    assert [one.transcript for one in of(events, COMPLETED)] == ["At eight.", "I would like a table."]


async def test_the_caller_ends_turns_where_nobody_hears_them(lab) -> None:
    lab.script("openai", Answer(heard=TWO))
    async with listening(lab) as ear:
        form = {"type": "audio/pcmu"}
        await ear.session.update(session=session("whisper-1", format=form, turn_detection=None))
        await say(ear, 11, b"\xff" * 800)
        await ear.input_audio_buffer.commit()
        events = await until(ear, COMPLETED)
        await say(ear, 1, b"\xff" * 160)
        await ear.input_audio_buffer.commit(event_id="mine")
        refused = await ear.recv()
        await ear.input_audio_buffer.clear()
        assert (await ear.recv()).type == "input_audio_buffer.cleared"
    assert not of(events, "input_audio_buffer.speech_started")
    assert [one.delta for one in of(events, DELTA)] == ["I would like"]
    assert (events[-1].transcript, events[-1].usage.seconds) == ("I would like", 1.1)
    assert (refused.type, refused.error.code, refused.error.event_id) == (
        "error", "input_audio_buffer_commit_empty", "mine",
    )  # fmt: skip


@pytest.mark.parametrize("model", ["gpt-live-transcribe", "gpt-realtime-whisper"])
async def test_some_write_while_somebody_speaks_and_hear_no_turns(lab, model: str) -> None:
    lab.script("openai", Answer(heard=TWO))
    async with listening(lab) as ear:
        await ear.recv()
        await ear.session.update(session=session(model, turn_detection={"type": "server_vad"}))
        assert (await ear.recv()).type == "error"
        await ear.session.update(session=session(model))
        assert (await ear.recv()).session.audio.input.turn_detection is None
        await say(ear, 11)
        told = await until(ear, DELTA, 3)
        await ear.input_audio_buffer.commit()
        events = await until(ear, COMPLETED)
    assert [one.delta for one in told] == ["I", " would", " like"]
    assert {one.item_id for one in told} == {events[-1].item_id}
    assert events[-1].transcript == "I would like"


async def test_what_can_not_be_made_out_is_told_of_its_item(lab) -> None:
    lab.script("openai", Answer(heard=TWO, refusal="audio_unintelligible"))
    async with listening(lab) as ear:
        await ear.session.update(session=session("gpt-transcribe"))
        await say(ear, 25)
        failed = (await until(ear, "conversation.item.input_audio_transcription.failed"))[-1]
    assert failed.error.code == "audio_unintelligible"


WRONG = {
    "a model": (session("gpt-5"), "invalid_model"),
    "a language": (session("whisper-1", language="en-US"), "invalid_language_format"),
    "words": (
        {"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1", "keywords": ["x"]}}}},
        "unsupported_parameter",
    ),
    "a conversation": ({"type": "realtime"}, "invalid_parameter"),
    "a rate": (session("whisper-1", format={"type": "audio/pcm", "rate": 16_000}), "invalid_value"),
    "a field": (session("whisper-1", colour="red"), "unknown_parameter"),
}  # fmt: skip


@pytest.mark.parametrize("asked, code", WRONG.values(), ids=WRONG)
async def test_what_openai_refuses_is_refused_and_the_session_goes_on(lab, asked: Any, code: str) -> None:
    async with listening(lab) as ear:
        await ear.recv()
        await ear.session.update(session=asked, event_id="mine")
        refused = (await ear.recv()).error
        assert (refused.code, refused.event_id) == (code, "mine")
        await ear.session.update(session=session("gpt-transcribe"))
        assert (await ear.recv()).type == "session.updated"


REFUSED = {
    "a key": ({"key": "invalid"}, None, 401),
    "a model in the address": ({"model": "whisper-1"}, None, 400),
    "another intent": ({"intent": "talk"}, None, 400),
    "too often": ({}, Fault(status=429), 429),
}


@pytest.mark.parametrize("asked, fault, status", REFUSED.values(), ids=REFUSED)
async def test_a_handshake_is_refused(lab, asked: dict[str, str], fault: Fault | None, status: int) -> None:
    if fault is not None:
        lab.fault("openai", fault)
    with pytest.raises(InvalidStatus) as refused:
        async with listening(lab, **asked):
            pass
    assert refused.value.response.status_code == status


async def test_a_session_ends_with_its_hour_and_by_a_fault(lab) -> None:
    lab.fault("openai", Fault(limit_ms=500), Fault(end="fin", after=500))
    async with listening(lab) as ear:
        await say(ear, 6)
        told = (await until(ear, "error"))[-1]
        with pytest.raises(ConnectionClosed) as closed:
            await ear.recv()
    assert (told.error.code, closed.value.rcvd.code) == ("session_expired", 1001)
    async with listening(lab) as ear:
        await ear.recv()
        await say(ear, 6)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await ear.recv()
    assert closed.value.rcvd.code == 1011
