"""The Deepgram emulator, driven by Deepgram's own SDK."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types import ListenV1Configure
from deepgram.speak.v2.types import (
    SpeakV2Configure,
    SpeakV2Interrupt,
    SpeakV2InterruptPlaybackOffset,
    SpeakV2Speak,
)

from lab import Answer, Fault, Lab, mouth
from lab.script import Heard

TWO = Answer(
    heard=[
        Heard(text="I would like a table", start_ms=200, end_ms=1200),
        Heard(text="for two please.", start_ms=1300, end_ms=2000, confidence=0.9),
    ]
)


@asynccontextmanager
async def client(lab: Lab, key: str) -> AsyncIterator[AsyncDeepgramClient]:
    base = lab.url("deepgram", version="")
    sockets = base.replace("http", "ws")
    async with httpx.AsyncClient(timeout=60) as http:
        yield AsyncDeepgramClient(
            api_key=key,
            environment=DeepgramClientEnvironment(
                base=base, production=sockets, agent=sockets, agent_rest=base
            ),
            httpx_client=http,
        )


@pytest.fixture
async def deepgram(lab: Lab) -> AsyncIterator[AsyncDeepgramClient]:
    async with client(lab, "lab-key") as started:
        yield started


async def heard(socket, seconds: float, *, rate: int = 16_000) -> list:
    """Send silence of so many seconds, end, and return what was said until the end."""
    for _ in range(int(seconds * 10)):
        await socket.send_media(bytes(rate // 10 * 2))
    await socket.send_close_stream()
    said = []
    async for message in socket:
        said.append(message)
    return said


async def test_a_live_transcript_tells_interims_finals_and_the_end_of_the_turn(lab, deepgram) -> None:
    lab.script("deepgram", TWO)
    async with deepgram.listen.v1.connect(
        model="nova-3", encoding="linear16", sample_rate=16000, interim_results="true", vad_events="true"
    ) as socket:
        said = await heard(socket, 3)
    kinds = [message.type for message in said]
    assert kinds[0] == "SpeechStarted"
    assert kinds[-1] == "Metadata"
    results = [message for message in said if message.type == "Results"]
    finals = [one for one in results if one.is_final]
    assert [one.channel.alternatives[0].transcript for one in finals] == [
        "I would like a table", "for two please.",
    ]  # fmt: skip
    assert [one.speech_final for one in finals] == [False, True]
    assert finals[1].channel.alternatives[0].words[-1].end == 2.0
    assert len(results) > len(finals)
    assert said[-1].duration == 3.0


async def test_finalize_settles_what_was_said(lab, deepgram) -> None:
    lab.script("deepgram", TWO)
    async with deepgram.listen.v1.connect(model="nova-3", encoding="linear16", sample_rate=16000) as socket:
        await socket.send_media(bytes(32_000 * 7 // 10))
        await socket.send_finalize()
        first = await socket.recv()
        said = await heard(socket, 2.5)
    assert first.from_finalize
    assert first.channel.alternatives[0].transcript == "I would"
    texts = [one.channel.alternatives[0].transcript for one in said if one.type == "Results"]
    assert texts == ["like a table", "for two please."]


async def test_keyterms_are_all_that_nova_changes(deepgram) -> None:
    async with deepgram.listen.v1.connect(model="nova-3", encoding="linear16", sample_rate=16000) as socket:
        await socket.send_configure(ListenV1Configure(keyterms=["table"]))
        assert (await socket.recv()).keyterms == ["table"]
    async with deepgram.listen.v1.connect(model="nova-2", encoding="linear16", sample_rate=16000) as socket:
        await socket.send_configure(ListenV1Configure(keyterms=["table"]))
        assert (await socket.recv()).code == "CONFIGURE_KEYTERMS_NOT_SUPPORTED"


async def test_flux_tells_turns(lab, deepgram) -> None:
    lab.script("deepgram", TWO)
    async with deepgram.listen.v2.connect(
        model="flux-general-en", encoding="linear16", sample_rate=16000, eager_eot_threshold=0.4
    ) as socket:
        said = await heard(socket, 3)
    assert said[0].type == "Connected"
    events = [message.event for message in said[1:]]
    assert events[0] == "StartOfTurn"
    assert events[-1] == "EndOfTurn"
    assert events.count("EagerEndOfTurn") == 2
    assert events.count("TurnResumed") == 1
    assert said[-1].transcript == "I would like a table for two please."


async def test_a_recording_is_written_down(lab, deepgram) -> None:
    lab.script("deepgram", TWO)
    answer = await deepgram.listen.v1.media.transcribe_file(
        request=b"RIFF", model="nova-3", utterances=True, detect_language=True
    )
    assert answer.results.channels[0].alternatives[0].transcript == "I would like a table for two please."
    assert [one.transcript for one in answer.results.utterances] == [
        "I would like a table",
        "for two please.",
    ]
    assert answer.results.channels[0].detected_language == "en"


async def test_a_voice_speaks_what_is_flushed(deepgram) -> None:
    async with deepgram.speak.v1.connect(
        model="aura-2-thalia-en", encoding="linear16", sample_rate="24000"
    ) as socket:
        from deepgram.speak.v1.types import SpeakV1Text

        await socket.send_text(SpeakV1Text(type="Speak", text="Hello"))
        await socket.send_flush()
        sound = b""
        async for message in socket:
            if isinstance(message, bytes):
                sound += message
            elif message.type == "Flushed":
                break
    assert sound == mouth.pcm("Hello", 24000)


async def told_until(socket, *last: str) -> tuple[list, bytes]:
    """Return what Flux tells up to a message of these types, and the sound before it."""
    told, sound = [], b""
    while not told or told[-1].type not in last:
        message = await socket.recv()
        if isinstance(message, bytes):
            sound += message
        else:
            told.append(message)
    return told, sound


async def test_a_voice_of_flux_speaks_turns_and_tells_what_they_cost(deepgram) -> None:
    async with deepgram.speak.v2.connect(
        model="flux-haley-en", encoding="linear16", sample_rate="24000"
    ) as socket:
        await socket.send_configure(SpeakV2Configure(speed=1.1))
        for text in ("Hello", "again"):
            await socket.send_speak(SpeakV2Speak(text=text))
            await socket.send_flush()
            told, sound = await told_until(socket, "SpeechMetadata")
            assert sound == mouth.pcm(text, 24_000)
            assert [one.type for one in told][-3:] == ["SpeechStarted", "Flushed", "SpeechMetadata"]
            assert (told[-1].audio_duration_ms, told[-1].input_character_count) == (200, 5)
        await socket.send_close()
        (last,), _ = await told_until(socket, "SessionMetadata")
        assert last.total_audio_duration_ms == 400


async def test_a_voice_of_flux_tells_what_was_heard_up_to_a_place_in_the_session(deepgram) -> None:
    """As the SDK's types say of each message: https://developers.deepgram.com/docs/flux-tts/interrupt-handling."""
    place = SpeakV2InterruptPlaybackOffset
    async with deepgram.speak.v2.connect(model="flux-haley-en-lab-paced-1-20") as socket:
        await socket.send_interrupt()
        told, _ = await told_until(socket, "Warning")
        assert told[-1].code == "NO_AUDIO_GENERATED"
        await socket.send_speak(SpeakV2Speak(text="Good morning."))
        await socket.send_flush()
        await told_until(socket, "SpeechMetadata")
        await socket.send_interrupt()
        told, _ = await told_until(socket, "Warning")
        assert told[-1].code == "NO_ACTIVE_SPEECH"
        for at in (13 * 40 + 8 * 40, None):
            await socket.send_speak(SpeakV2Speak(text="It goes on and on and on. " * 9))
            await socket.send_flush()
            await told_until(socket, "SpeechStarted")
            while not isinstance(await socket.recv(), bytes):
                pass
            offset = None if at is None else place(value=at)
            await socket.send_interrupt(SpeakV2Interrupt(playback_offset=offset))
            told, _ = await told_until(socket, "SpeechInterrupted")
            if at is not None:
                assert (told[-1].audio_played_ms, told[-1].text_spoken) == (at, "It goes ")
                assert told[-1].text_remaining.startswith("on and on")
        assert told[-1].audio_played_ms > 13 * 40 + 8 * 40
        assert told[-1].text_spoken is None
        await socket.send_speak(SpeakV2Speak(text="More."))
        await socket.send_interrupt(SpeakV2Interrupt(playback_offset=place(value=100)))
        told, _ = await told_until(socket, "Warning")
        assert told[-1].code == "INVALID_INTERRUPT_OFFSET"


async def test_speech_comes_whole(deepgram) -> None:
    parts = [
        part
        async for part in deepgram.speak.v1.audio.generate(
            text="Hello", model="aura-2-thalia-en", encoding="mulaw", container="none", sample_rate=8000
        )
    ]
    assert b"".join(parts) == mouth.mulaw("Hello")


async def test_a_wrong_key_is_refused_before_the_socket_opens(lab) -> None:
    async with client(lab, "invalid") as stranger:
        with pytest.raises(ApiError) as refused:
            async with stranger.listen.v1.connect(model="nova-3", encoding="linear16", sample_rate=16000):
                pass
        assert refused.value.status_code == 401
        with pytest.raises(ApiError) as refused:
            await stranger.manage.v1.projects.list()
        assert refused.value.status_code == 401


@pytest.mark.parametrize("wrong", [{"eot_timeout_ms": 300}, {"eager_eot_threshold": 0.95}])
async def test_flux_refuses_what_is_out_of_its_ranges(deepgram, wrong: dict[str, float]) -> None:
    with pytest.raises(ApiError) as refused:
        async with deepgram.listen.v2.connect(
            model="flux-general-en", encoding="linear16", sample_rate=16000, **wrong
        ):
            pass
    assert refused.value.status_code == 400


async def test_a_fault_at_the_handshake_and_one_amid_the_sound(lab, deepgram) -> None:
    lab.fault("deepgram", Fault(status=429))
    with pytest.raises(ApiError) as refused:
        async with deepgram.listen.v1.connect(model="nova-3", encoding="linear16", sample_rate=16000):
            pass
    assert refused.value.status_code == 429
    lab.fault("deepgram", Fault(end="stuck", after=500))
    async with deepgram.listen.v1.connect(
        model="nova-3", encoding="linear16", sample_rate=16000, interim_results="true"
    ) as socket:
        for _ in range(20):
            await socket.send_media(bytes(3200))
        said = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                async for message in socket:
                    said.append(message.channel.alternatives[0].transcript)
    assert said == ["Hello", "Hello from"]


async def test_the_voices_are_listed_among_the_models(deepgram) -> None:
    told = await deepgram.manage.v1.models.list()
    assert [one.canonical_name for one in told.tts] == ["aura-2-thalia-en", "aura-angus-en"]
    assert told.tts[1].metadata.accent == "Irish"
    assert told.stt[0].canonical_name == "nova-3-general"
