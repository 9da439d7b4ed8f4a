"""The Sarvam emulator, driven by Sarvam's own SDK."""

import base64
import io
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import get_args

import httpx
import pytest
from sarvamai import AsyncSarvamAI
from sarvamai.core.api_error import ApiError
from sarvamai.environment import SarvamAIEnvironment
from sarvamai.types import (
    RealtimeAudioInput,
    RealtimeConfigUpdate,
    RealtimeEnd,
    RealtimeFlush,
    RealtimePing,
    RealtimeSpeechEnd,
    RealtimeSpeechStart,
    TextToSpeechSpeaker,
)
from websockets.asyncio.client import connect

from integration_api.providers.sarvam.voices import SPEAKERS
from lab import Answer, Fault, Lab, mouth
from lab.sarvam.speak import OLDER
from lab.script import Heard

UNDRIVEN = {("sarvam", "voices"): "our list"}

TWO = Answer(
    heard=[
        Heard(text="I would like a table", start_ms=200, end_ms=1200),
        Heard(text="for two please.", start_ms=1300, end_ms=2000),
    ]
)
TURN = "I would like a table for two please."
CHUNK = bytes(3200)


@asynccontextmanager
async def client(lab: Lab, key: str) -> AsyncIterator[AsyncSarvamAI]:
    base = lab.url("sarvam", version="")
    async with httpx.AsyncClient(timeout=60) as http:
        yield AsyncSarvamAI(
            api_subscription_key=key,
            environment=SarvamAIEnvironment(base=base, creative=base, production=base.replace("http", "ws")),
            httpx_client=http,
        )


@pytest.fixture
async def sarvam(lab: Lab) -> AsyncIterator[AsyncSarvamAI]:
    async with client(lab, "lab-key") as started:
        yield started


def encoded(sound: bytes) -> str:
    return base64.b64encode(sound).decode()


async def test_the_older_socket_tells_whole_turns(lab, sarvam) -> None:
    lab.script("sarvam", TWO)
    async with sarvam.speech_to_text_streaming.connect(
        language_code="hi-IN", model="saaras:v3", sample_rate="16000", vad_signals="true", flush_signal="true",
        input_audio_codec="pcm_s16le",
    ) as socket:  # fmt: skip
        for _ in range(30):
            await socket.transcribe(audio=encoded(CHUNK))
        told = [await socket.recv() for _ in range(3)]
    assert [one.type for one in told] == ["events", "events", "data"]
    assert [one.data.signal_type for one in told[:2]] == ["START_SPEECH", "END_SPEECH"]
    assert told[2].data.transcript == TURN


async def test_a_translator_is_told_what_to_expect(lab, sarvam) -> None:
    lab.script("sarvam", TWO)
    async with sarvam.speech_to_text_translate_streaming.connect(
        model="saaras:v2.5", sample_rate="16000", vad_signals="true", flush_signal="true",
        input_audio_codec="pcm_s16le",
    ) as socket:  # fmt: skip
        await socket.set_prompt("Bulbul, Saaras")
        for _ in range(30):
            await socket.translate(audio=encoded(CHUNK))
        told = [await socket.recv() for _ in range(3)]
    assert told[2].data.transcript == TURN


async def test_a_flush_ends_a_turn_on_the_older_socket(lab, sarvam) -> None:
    lab.script("sarvam", TWO)
    async with sarvam.speech_to_text_streaming.connect(
        language_code="unknown", flush_signal="true"
    ) as socket:
        for _ in range(7):
            await socket.transcribe(audio=encoded(CHUNK))
        await socket.flush()
        told = await socket.recv()
    assert told.data.transcript == "I would"
    assert told.data.language_code == "en-IN"
    assert told.data.language_probability == 0.97


async def test_the_newer_socket_tells_partials_turns_and_times(lab, sarvam) -> None:
    lab.script("sarvam", TWO)
    async with sarvam.speech_to_text_realtime_streaming.connect(
        language_code="auto", model="saaras:v3-realtime", encoding="linear16", sample_rate="16000",
        return_timestamps="true", endpointing="vad",
    ) as socket:  # fmt: skip
        for _ in range(30):
            await socket.send_realtime_audio_input(RealtimeAudioInput(audio=encoded(CHUNK)))
        await socket.send_realtime_config_update(RealtimeConfigUpdate(silence_duration_ms=400))
        await socket.send_realtime_flush(RealtimeFlush())
        await socket.send_realtime_ping(RealtimePing())
        await socket.send_realtime_end(RealtimeEnd())
        told = [one async for one in socket]
    events = [one.event for one in told]
    assert events[0] == "session.begin"
    assert events[-1] == "session.end"
    assert {"vad.speech_start", "transcript.partial", "vad.speech_end", "config.updated", "pong"} <= set(
        events
    )
    final = next(one for one in told if one.event == "transcript.final")
    assert (final.text, final.start_s, final.end_s, final.language) == (TURN, 0.2, 2.0, "en-IN")
    assert told[-1].audio_duration_s == 3.0


async def test_turns_can_be_told_by_hand(lab, sarvam) -> None:
    lab.script("sarvam", TWO)
    async with sarvam.speech_to_text_realtime_streaming.connect(
        language_code="or-IN", endpointing="manual", encoding="mulaw", sample_rate="8000"
    ) as socket:
        await socket.recv()
        await socket.send_realtime_speech_start(RealtimeSpeechStart())
        for _ in range(22):
            await socket.send_realtime_audio_input(RealtimeAudioInput(audio=encoded(bytes(800))))
        await socket.send_realtime_speech_end(RealtimeSpeechEnd())
        while (told := await socket.recv()).event != "transcript.final":
            assert told.event == "transcript.partial"
    assert told.text == TURN
    assert told.language is None


async def test_what_the_newer_socket_does_not_know_closes_it(lab, sarvam) -> None:
    async with sarvam.speech_to_text_realtime_streaming.connect(language_code="od-IN") as socket:
        told = await socket.recv()
    assert (told.event, told.is_fatal, told.status_code) == ("error", True, 400)


async def test_a_recording_is_written_down(lab, sarvam) -> None:
    lab.script("sarvam", TWO)
    answer = await sarvam.speech_to_text.transcribe(
        file=("a.wav", b"RIFF", "audio/wav"), model="saaras:v3", language_code="unknown", with_timestamps=True
    )
    assert answer.transcript == TURN
    assert answer.language_code == "en-IN"
    assert answer.timestamps.words == ["I would like a table", "for two please."]
    assert answer.timestamps.end_time_seconds == [1.2, 2.0]
    with pytest.raises(ApiError) as refused:
        await sarvam.speech_to_text.transcribe(file=("a.wav", b"RIFF", "audio/wav"), language_code="or-IN")
    assert refused.value.status_code == 422


async def test_a_voice_speaks_what_is_flushed(lab, sarvam) -> None:
    async with sarvam.text_to_speech_streaming.connect(
        model="bulbul:v2", send_completion_event="true"
    ) as socket:
        await socket.configure(
            target_language_code="en-IN", speech_sample_rate=16_000, output_audio_codec="linear16"
        )
        await socket.ping()
        await socket.convert("Hello")
        await socket.flush()
        sound = b""
        async for message in socket:
            if message.type == "event":
                break
            sound += base64.b64decode(message.data.audio)
    assert message.data.event_type == "final"
    assert sound == mouth.pcm("Hello", 16_000)


async def test_a_voice_that_a_model_does_not_have_is_refused(sarvam) -> None:
    async with sarvam.text_to_speech_streaming.connect(model="bulbul:v3") as socket:
        await socket.configure(target_language_code="en-IN", speaker="anushka")
        told = await socket.recv()
    assert (told.type, told.data.code) == ("error", 422)


async def test_speech_comes_whole(sarvam) -> None:
    asked = {"text": "Hello", "speaker": "shubh", "model": "bulbul:v3", "speech_sample_rate": 16_000}
    answer = await sarvam.text_to_speech.convert(language_code="en-IN", **asked)
    with wave.open(io.BytesIO(base64.b64decode(answer.audios[0]))) as file:
        assert file.readframes(1 << 20) == mouth.pcm("Hello", 16_000)
    stream = sarvam.text_to_speech.convert_stream(
        language_code="en-IN", **asked, output_audio_codec="linear16"
    )
    assert b"".join([part async for part in stream]) == mouth.pcm("Hello", 16_000)


async def test_a_language_goes_by_its_older_name_too(lab, sarvam) -> None:
    async with httpx.AsyncClient(timeout=60) as http:
        reply = await http.post(
            lab.url("sarvam", version="") + "/text-to-speech",
            headers={"api-subscription-key": "lab-key"},
            json={"text": "Hello", "target_language_code": "hi-IN"},
        )
    assert reply.status_code == 200


async def test_who_leaves_before_it_is_answered_is_told_goodbye(lab) -> None:
    address = lab.url("sarvam", version="").replace("http", "ws", 1)
    async with connect(
        f"{address}/speech-to-text/ws?language-code=hi-IN&flush_signal=true",
        additional_headers={"api-subscription-key": "lab-key"},
    ) as socket:
        audio = {"data": encoded(CHUNK * 10), "sample_rate": 16_000, "encoding": "audio/wav"}
        await socket.send(json.dumps({"audio": audio}))
        await socket.send('{"type":"flush"}')
    assert socket.close_code == 1000


@pytest.mark.parametrize("key, status", [("invalid", 403), ("forbidden", 403), ("noquota", 429)])
async def test_a_key_that_is_no_good_is_refused_everywhere(lab, key: str, status: int) -> None:
    async with client(lab, key) as stranger:
        with pytest.raises(ApiError) as refused:
            await stranger.pronunciation_dictionary.list()
        assert refused.value.status_code == status
        for connect in (
            stranger.speech_to_text_streaming.connect(language_code="hi-IN"),
            stranger.speech_to_text_realtime_streaming.connect(language_code="hi-IN"),
            stranger.text_to_speech_streaming.connect(),
        ):
            with pytest.raises(ApiError) as refused:
                async with connect:
                    pass
            assert refused.value.status_code == status


async def test_a_fault_at_the_handshake(lab, sarvam) -> None:
    lab.fault("sarvam", Fault(status=429))
    with pytest.raises(ApiError) as refused:
        async with sarvam.text_to_speech_streaming.connect():
            pass
    assert refused.value.status_code == 429


def test_every_voice_that_is_listed_is_one_that_the_sdk_knows() -> None:
    known = set(get_args(get_args(TextToSpeechSpeaker)[0]))
    for model, names in SPEAKERS.items():
        assert set(names) <= known
        assert all((name in OLDER) == (model == "bulbul:v2") for name in names)
