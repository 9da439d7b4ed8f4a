"""What our adapters send to Cartesia, beside what Cartesia's own SDK sends for the same.

The sockets are held against it in `tests/providers/test_cartesia`.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from cartesia import AsyncCartesia

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.exchange import HttpResponse, json_body
from integration_api.core.stt import TranscribeRequest
from integration_api.core.tts import Manner, SpeakRequest
from integration_api.providers.cartesia import CARTESIA
from lab import Lab
from tests.lab.beside import KEY, Ours, apart, heard, ours

ID = "00000000-0000-4000-8000-000000000001"
PCM = AudioFormat(Encoding.PCM_S16LE, 24_000)
RAW: dict[str, Any] = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000}
ASKED: dict[str, Any] = {"model_id": "sonic-3", "transcript": "Hello you", "voice": {"id": ID}}


@pytest.fixture
async def mine(lab: Lab) -> AsyncIterator[Ours]:
    async with ours(lab, CARTESIA) as started:
        yield started


@pytest.fixture
async def cartesia(lab: Lab) -> AsyncIterator[AsyncCartesia]:
    base = lab.url("cartesia", version="")
    async with AsyncCartesia(api_key=KEY, base_url=base, max_retries=0) as started:
        yield started


async def test_a_recording(lab, cartesia, mine) -> None:
    await cartesia.stt.transcribe(
        file=("a.wav", b"RIFF", "audio/wav"),
        model="ink-whisper",
        language="de",
        timestamp_granularities=["word"],
    )
    theirs = await heard(lab, 0)
    ask = TranscribeRequest(
        model="ink-whisper", audio=b"RIFF", filename="a.wav", mime="audio/wav", languages=("de-AT",)
    )
    (sent,) = await mine.run(CARTESIA.stt.transcribe(ask, mine.credential))
    assert apart(sent, theirs) == {}


async def test_a_recording_of_bare_samples(lab, cartesia, mine) -> None:
    await cartesia.stt.transcribe(
        file=("a.raw", bytes(640), "audio/pcm"), model="ink-whisper", encoding="pcm_s16le", sample_rate=24_000,
        timestamp_granularities=["word"],
    )  # fmt: skip
    theirs = await heard(lab, 0)
    ask = TranscribeRequest(
        model="ink-whisper", audio=bytes(640), format=PCM, filename="a.raw", mime="audio/pcm"
    )
    (sent,) = await mine.run(CARTESIA.stt.transcribe(ask, mine.credential))
    assert apart(sent, theirs) == {}


FORMATS: dict[str, tuple[AudioFormat, dict[str, Any]]] = {
    "samples": (PCM, RAW),
    "G.711": (
        AudioFormat(Encoding.MULAW, 8_000),
        {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8_000},
    ),
    "MP3": (
        AudioFormat(Encoding.MP3, 44_100),
        {"container": "mp3", "sample_rate": 44_100, "bit_rate": 128_000},
    ),
    "a file": (
        AudioFormat(Encoding.WAV, 16_000),
        {"container": "wav", "encoding": "pcm_s16le", "sample_rate": 16_000},
    ),
}


@pytest.mark.parametrize("format, named", FORMATS.values(), ids=FORMATS)
async def test_a_text_spoken_as_it_is_made(lab, cartesia, mine, format: AudioFormat, named: Any) -> None:
    await cartesia.tts.generate(
        output_format=named, language="de", generation_config={"speed": 1.1, "volume": 1.995, "emotion": "calm"},
        pronunciation_dict_id="p", **ASKED,
    )  # fmt: skip
    theirs = await heard(lab, 0)
    ask = SpeakRequest(
        model="sonic-3", voice=ID, text="Hello you", output=format,
        manner=Manner(language="de-DE", speed=1.1, volume=6.0, emotion="calm"), extras={"pronunciation_dict_id": "p"},
    )  # fmt: skip
    assert apart(await mine.stream(CARTESIA.tts.speak(ask, mine.credential)), theirs) == {}


async def test_a_text_spoken_with_its_times(lab, cartesia, mine) -> None:
    stream = await cartesia.tts.generate_sse(output_format=RAW, add_timestamps=True, language="de", **ASKED)
    async for _ in stream:
        pass
    theirs = await heard(lab, 0)
    ask = SpeakRequest(
        model="sonic-3",
        voice=ID,
        text="Hello you",
        output=PCM,
        timestamps="word",
        manner=Manner(language="de"),
    )
    assert apart(await mine.stream(CARTESIA.tts.speak(ask, mine.credential)), theirs) == {}


async def test_the_list_of_voices(lab, cartesia, mine) -> None:
    await cartesia.voices.list(limit=100, expand=["preview_file_url"])
    first = await heard(lab, 0)
    await cartesia.voices.list(limit=100, expand=["preview_file_url"], starting_after=ID)
    second = await heard(lab, 0)
    exchange = CARTESIA.tts.voices(mine.credential)
    assert apart(await mine.send(next(exchange)), first) == {}
    page = {"data": [{"id": ID, "name": "a"}], "has_more": True}
    after = exchange.send(HttpResponse(200, {}, json_body(page)))
    assert apart(await mine.send(after), second) == {}


async def test_a_question_about_a_key(lab, cartesia, mine) -> None:
    await cartesia.voices.list(limit=1)
    theirs = await heard(lab, 0)
    (sent,) = await mine.run(CARTESIA.verify(mine.credential))
    assert apart(sent, theirs) == {}
