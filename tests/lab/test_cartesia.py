"""The Cartesia emulator, driven by Cartesia's own SDK."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cartesia import APIStatusError, AsyncCartesia
from websockets.exceptions import InvalidStatus

from lab import Answer, Fault, Lab, mouth
from lab.script import Heard

TWO = Answer(
    heard=[
        Heard(text="I would like a table", start_ms=200, end_ms=1200),
        Heard(text="for two please.", start_ms=1300, end_ms=2000),
    ]
)
SOUND: dict[str, Any] = {"encoding": "pcm_s16le", "sample_rate": 16_000}
RAW: dict[str, Any] = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000}
VOICE = {"id": "00000000-0000-4000-8000-000000000001"}


@asynccontextmanager
async def client(lab: Lab, key: str) -> AsyncIterator[AsyncCartesia]:
    base = lab.url("cartesia", version="")
    async with AsyncCartesia(
        api_key=key, base_url=base, websocket_base_url=base.replace("http", "ws"), max_retries=0
    ) as started:
        yield started


@pytest.fixture
async def cartesia(lab: Lab) -> AsyncIterator[AsyncCartesia]:
    async with client(lab, "lab-key") as started:
        yield started


async def test_what_is_said_until_finalize_comes_in_pieces_that_go_on_where_the_last_ended(
    lab, cartesia
) -> None:
    lab.script("cartesia", TWO)
    async with cartesia.stt.manual_finalize.websocket(model="ink-2", **SOUND) as socket:
        for _ in range(21):
            await socket.send_raw(bytes(3200))
        await socket.send("finalize")
        await socket.send("close")
        said = [message async for message in socket]
    assert [message.type for message in said[-2:]] == ["flush_done", "done"]
    finals = [one for one in said if one.type == "transcript" and one.is_final]
    assert [one.text for one in finals] == ["I would like a table", " for two please."]
    assert finals[1].words[-1].end == 2.0
    assert len([one for one in said if one.type == "transcript"]) > len(finals)


async def test_turns_are_told_with_their_guesses(lab, cartesia) -> None:
    lab.script("cartesia", TWO)
    async with cartesia.stt.auto_finalize.websocket(
        model="ink-2", turn_eager_end_threshold=0.5, keyterm=["a table"], **SOUND
    ) as socket:
        await socket.send({"type": "config", "turn": {"end_timeout_ms": 900}})
        for _ in range(30):
            await socket.send_raw(bytes(3200))
        await socket.send({"type": "close"})
        said = [message async for message in socket]
    kinds = [message.type for message in said]
    assert kinds[:2] == ["connected", "turn.start"]
    assert kinds.count("turn.eager_end") == 2
    assert kinds.count("turn.resume") == 1
    assert kinds[-1] == "turn.end"
    assert said[-1].transcript == "I would like a table for two please."


async def test_what_is_no_command_is_an_error(cartesia) -> None:
    async with cartesia.stt.auto_finalize.websocket(model="ink-2", **SOUND) as socket:
        await socket.send({"type": "config", "turn": {"end_timeout_ms": 1}})
        said = [message async for message in socket]
    assert (said[-1].type, said[-1].status_code) == ("error", 400)


async def test_a_recording_is_written_down(lab, cartesia) -> None:
    lab.script("cartesia", TWO)
    answer = await cartesia.stt.transcribe(
        file=("a.wav", b"RIFF", "audio/wav"),
        model="ink-whisper",
        language="en",
        timestamp_granularities=["word"],
    )
    assert answer.text == "I would like a table for two please."
    assert (answer.words[0].start, answer.duration) == (0.2, 2.0)


async def test_contexts_speak_at_the_same_time(cartesia) -> None:
    async with cartesia.tts.websocket_connect() as socket:
        found: dict[str, bytes] = {}
        order: list[str] = []
        texts = {"a": "Hello, this is a test.", "b": "And another one."}
        for id, text in texts.items():
            await socket.send({
                "context_id": id, "model_id": "sonic-3-lab-paced-1-10", "transcript": text, "voice": VOICE, "output_format": RAW,
                "continue": False, "add_timestamps": True,
            })  # fmt: skip
        done = []
        async for message in socket:
            if message.type == "chunk":
                found[message.context_id] = found.get(message.context_id, b"") + message.audio
                order.append(message.context_id)
            elif message.type == "timestamps" and message.context_id == "b":
                assert message.word_timestamps.words == ["And", "another", "one."]
                assert message.word_timestamps.start == [0.0, 0.16, 0.48]
            elif message.type == "done":
                done.append(message.context_id)
                if len(done) == 2:
                    break
    assert found == {id: mouth.pcm(text, 24_000) for id, text in texts.items()}
    assert "ba" in "".join(order)


async def test_the_sdks_own_context_speaks_and_ends(cartesia) -> None:
    async with cartesia.tts.websocket_connect() as socket:
        context = socket.context(model_id="sonic-3", voice=VOICE, output_format=RAW)
        await context.push("Hel")
        await context.push("lo", flush=True)
        await context.no_more_inputs()
        said = [message async for message in context.receive()]
    assert b"".join(one.audio for one in said if one.type == "chunk") == mouth.pcm("Hello", 24_000)
    assert [one.type for one in said if one.type != "chunk"] == ["flush_done", "done"]


async def test_a_context_that_is_cancelled_falls_silent(cartesia) -> None:
    async with cartesia.tts.websocket_connect() as socket:
        about = {"model_id": "sonic-3-lab-paced-1-20", "voice": VOICE, "output_format": RAW}
        await socket.send({"context_id": "a", "transcript": "Far too long." * 20, "continue": False, **about})
        assert (await socket.recv()).type == "chunk"
        await socket.send({"context_id": "a", "cancel": True})
        await socket.send({"context_id": "b", "transcript": "Yes?", "continue": False, **about})
        while (message := await socket.recv()).context_id == "a":
            assert message.type == "chunk"
        while message.type != "done":
            message = await socket.recv()
            assert message.context_id == "b"


async def test_what_is_asked_wrongly_of_a_voice_is_an_error_of_its_context(cartesia) -> None:
    async with cartesia.tts.websocket_connect() as socket:
        about = {"context_id": "a", "voice": VOICE, "output_format": RAW, "continue": True}
        await socket.send({**about, "model_id": "sonic-3", "transcript": "Hello"})
        await socket.send({**about, "model_id": "sonic-2", "transcript": "Hello"})
        while (message := await socket.recv()).type != "error":
            pass
    assert (message.context_id, message.status_code) == ("a", 400)


async def test_speech_comes_whole_and_in_events(cartesia) -> None:
    about: dict[str, Any] = {"model_id": "sonic-3", "transcript": "Hello you", "voice": VOICE}
    mulaw = {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000}
    async with cartesia.tts.with_streaming_response.generate(output_format=mulaw, **about) as answer:
        assert await answer.read() == mouth.mulaw("Hello you")
    stream = await cartesia.tts.generate_sse(output_format=RAW, add_timestamps=True, **about)
    said = [event async for event in stream]
    assert b"".join(one.audio for one in said if one.type == "chunk") == mouth.pcm("Hello you", 24_000)
    assert next(one for one in said if one.type == "timestamps").word_timestamps.end == [0.2, 0.36]
    assert said[-1].type == "done"


async def test_the_voices_are_listed_page_by_page(cartesia) -> None:
    names = [voice.name async for voice in cartesia.voices.list(limit=2)]
    assert names == ["Katie", "Kiefer", "Kyle"]


REFUSED = {"invalid": 401, "noquota": 402, "forbidden": 403}


@pytest.mark.parametrize("key, status", REFUSED.items())
async def test_a_key_that_is_no_good_is_refused(lab, key: str, status: int) -> None:
    async with client(lab, key) as stranger:
        with pytest.raises(APIStatusError) as refused:
            await stranger.voices.list(limit=1)
        assert refused.value.status_code == status
        with pytest.raises(InvalidStatus) as closed:
            async with stranger.tts.websocket_connect():
                pass
        assert closed.value.response.status_code == status


async def test_without_a_version_nothing_is_done(lab) -> None:
    async with client(lab, "lab-key") as old:
        with pytest.raises(APIStatusError) as refused:
            await old.voices.list(extra_headers={"cartesia-version": ""})
    assert refused.value.response.text == "Invalid request: Cartesia-Version is required"


async def test_a_fault_at_the_handshake_and_one_amid_the_sound(lab, cartesia) -> None:
    lab.fault("cartesia", Fault(status=429))
    with pytest.raises(InvalidStatus) as refused:
        async with cartesia.stt.auto_finalize.websocket(model="ink-2", **SOUND):
            pass
    assert refused.value.response.status_code == 429
    lab.fault("cartesia", Fault(end="stuck", after=500))
    async with cartesia.stt.auto_finalize.websocket(model="ink-2", **SOUND) as socket:
        for _ in range(20):
            await socket.send_raw(bytes(3200))
        said = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                async for message in socket:
                    said.append(message)
    assert [one.transcript for one in said if one.type == "turn.update"] == ["Hello", "Hello from"]
