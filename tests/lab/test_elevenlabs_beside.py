"""What our adapters send to ElevenLabs, beside what ElevenLabs' own SDK sends for the same.

The SDK has no client for the multi-context socket: what ours says there is read by its types in
`tests/providers/test_elevenlabs`.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from elevenlabs import AsyncElevenLabs, ElevenLabs, PronunciationDictionaryVersionLocator, VoiceSettings

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.exchange import HttpResponse, json_body
from integration_api.core.tts import Manner, SpeakRequest, SynthesisRequest
from integration_api.providers.elevenlabs import ELEVENLABS
from lab import Lab
from lab.tls import made_up
from tests.lab.beside import ABSENT, KEY, Ours, apart, heard, ours

MODEL = "eleven_flash_v2_5"
VOICE = "lab-voice-0"
PCM = AudioFormat(Encoding.PCM_S16LE, 16_000)
MORE: dict[str, Any] = {
    "seed": 7, "previous_text": "Before.", "next_text": "After.", "apply_text_normalization": "off",
    "apply_language_text_normalization": True, "previous_request_ids": ["a"], "next_request_ids": ["b"],
}  # fmt: skip
"""What both send as it is given."""


@pytest.fixture
async def mine(lab: Lab) -> AsyncIterator[Ours]:
    async with ours(lab, ELEVENLABS) as started:
        yield started


@pytest.fixture
async def elevenlabs(lab: Lab) -> AsyncIterator[AsyncElevenLabs]:
    async with httpx.AsyncClient(timeout=60) as http:
        yield AsyncElevenLabs(api_key=KEY, base_url=lab.url("elevenlabs", version=""), httpx_client=http)


@pytest.mark.filterwarnings("ignore:ConnectionClosed.code is deprecated")  # The SDK reads it.
async def test_a_live_voice(lab, mine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, authority = made_up()
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(authority)
    # The SDK dials wss whatever its base URL says.
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    words = ["Hello, ", "who ", "is ", "there?"]
    async with Lab(tls=tls) as other:
        sdk = ElevenLabs(api_key=KEY, base_url=other.url("elevenlabs", version=""))

        def speak() -> None:
            for _ in sdk.text_to_speech.convert_realtime(
                VOICE, text=iter(words), model_id=MODEL, output_format="pcm_16000",
                voice_settings=VoiceSettings(stability=0.5, speed=1.1),
            ):  # fmt: skip
                pass

        await asyncio.to_thread(speak)
        theirs = await heard(other, 6)
    ask = SynthesisRequest(
        model=MODEL, voice=VOICE, output=PCM, manner=Manner(speed=1.1),
        extras={
            "multi_context": False, "stability": 0.5, "generation_config": {"chunk_length_schedule": [50]},
        },
    )  # fmt: skip
    sent = await mine.live(
        ELEVENLABS.tts.synthesize(ask, mine.credential),
        lambda one: [
            *one.begin({}), *(act for word in words for act in one.text("a", word)), *one.end_utterance("a"),
        ],
    )  # fmt: skip
    assert apart(sent, theirs) == {
        # Ours asks for times with each piece of sound, and to be let wait for text as long as may be.
        "query.sync_alignment": ("true", ABSENT),
        "query.inactivity_timeout": ("180", ABSENT),
        # A chunk is triggered by its schedule, or by a flush; not each by itself, as the SDK tries to, for the voice
        # is the worse for it.
        **{f"said.{at}.try_trigger_generation": (ABSENT, True) for at in range(5)},
        # That the last word is over the SDK says by a space, as behind the others; ours by a flush.
        "said.4.text": ("there?", "there? "),
        "said.4.flush": (True, ABSENT),
    }


async def test_a_text_spoken_whole(lab, elevenlabs, mine) -> None:
    await joined(elevenlabs.text_to_speech.convert(
        VOICE, text="Hello", model_id=MODEL, output_format="wav_16000", language_code="de", enable_logging=False,
        optimize_streaming_latency=2, voice_settings=VoiceSettings(stability=0.5, similarity_boost=0.25, style=0.0,
        use_speaker_boost=True, speed=1.1), **MORE,
        pronunciation_dictionary_locators=[PronunciationDictionaryVersionLocator(
            pronunciation_dictionary_id="p", version_id="v")],
    ))  # fmt: skip
    theirs = await heard(lab, 0)
    ask = SpeakRequest(
        model=MODEL, voice=VOICE, text="Hello", output=AudioFormat(Encoding.WAV, 16_000),
        manner=Manner(language="de-AT", speed=1.1),
        extras={
            "enable_logging": False, "optimize_streaming_latency": 2, "stability": 0.5, "similarity_boost": 0.25,
            "style": 0.0, "use_speaker_boost": True, **MORE,
            "pronunciation_dictionary_locators": [{"pronunciation_dictionary_id": "p", "version_id": "v"}],
        },
    )  # fmt: skip
    assert apart(await mine.stream(ELEVENLABS.tts.speak(ask, mine.credential)), theirs) == {}


async def test_a_text_spoken_as_it_is_made(lab, elevenlabs, mine) -> None:
    await joined(
        elevenlabs.text_to_speech.stream(
            VOICE, text="Hello", model_id=MODEL, output_format="ulaw_8000", **MORE
        )
    )
    theirs = await heard(lab, 0)
    ask = SpeakRequest(
        model=MODEL, voice=VOICE, text="Hello", output=AudioFormat(Encoding.MULAW, 8_000), extras=MORE
    )
    assert apart(await mine.stream(ELEVENLABS.tts.speak(ask, mine.credential)), theirs) == {}


async def test_a_text_spoken_with_its_times(lab, elevenlabs, mine) -> None:
    async for _ in elevenlabs.text_to_speech.stream_with_timestamps(
        VOICE, text="Hello", model_id=MODEL, output_format="pcm_16000", language_code="de"
    ):
        pass
    theirs = await heard(lab, 0)
    ask = SpeakRequest(
        model=MODEL, voice=VOICE, text="Hello", output=PCM, timestamps="word", manner=Manner(language="de")
    )
    assert apart(await mine.stream(ELEVENLABS.tts.speak(ask, mine.credential)), theirs) == {}


async def test_a_file_with_its_times(lab, elevenlabs, mine) -> None:
    await elevenlabs.text_to_speech.convert_with_timestamps(
        VOICE, text="Hello", model_id=MODEL, output_format="wav_16000"
    )
    theirs = await heard(lab, 0)
    ask = SpeakRequest(
        model=MODEL, voice=VOICE, text="Hello", output=AudioFormat(Encoding.WAV, 16_000), timestamps="char"
    )
    assert apart(await mine.stream(ELEVENLABS.tts.speak(ask, mine.credential)), theirs) == {}


async def test_a_question_about_a_key(lab, elevenlabs, mine) -> None:
    await elevenlabs.user.get()
    theirs = await heard(lab, 0)
    (sent,) = await mine.run(ELEVENLABS.verify(mine.credential))
    assert apart(sent, theirs) == {}


async def test_the_list_of_voices(lab, elevenlabs, mine) -> None:
    await elevenlabs.voices.search(page_size=100)
    theirs = await heard(lab, 0)
    (sent,) = await mine.run(ELEVENLABS.tts.voices(mine.credential))
    assert apart(sent, theirs) == {}


async def test_the_next_page_of_voices(lab, elevenlabs, mine) -> None:
    await elevenlabs.voices.search(page_size=100, next_page_token="1")
    theirs = await heard(lab, 0)
    exchange = ELEVENLABS.tts.voices(mine.credential)
    next(exchange)
    page = {"voices": [], "has_more": True, "next_page_token": "1"}
    asked = exchange.send(HttpResponse(200, {}, json_body(page)))
    assert apart(await mine.send(asked), theirs) == {}


async def joined(parts: AsyncIterator[bytes]) -> bytes:
    return b"".join([part async for part in parts])
