"""What our adapters send to Sarvam, beside what Sarvam's own SDK sends for the same.

The SDK has no list of voices: ours are held against its types in `test_sarvam`.
"""

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sarvamai import AsyncSarvamAI
from sarvamai.environment import SarvamAIEnvironment
from sarvamai.types import (
    RealtimeAudioInput,
    RealtimeConfigUpdate,
    RealtimeEnd,
    RealtimeFlush,
    RealtimePing,
    RealtimeSpeechEnd,
    RealtimeSpeechStart,
)

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.stt import Endpointing, ListenRequest, TranscribeRequest, Update
from integration_api.core.tts import Manner, SpeakRequest, SynthesisRequest
from integration_api.core.utterances import Utterances
from integration_api.providers.sarvam import SARVAM
from lab import Lab
from tests.lab.beside import ABSENT, KEY, Ours, apart, heard, ours

CHUNK = bytes(3200)
SAID = base64.b64encode(CHUNK).decode()
PCM = AudioFormat(Encoding.PCM_S16LE, 16_000)


@pytest.fixture
async def mine(lab: Lab) -> AsyncIterator[Ours]:
    async with ours(lab, SARVAM) as started:
        yield started


@pytest.fixture
async def sarvam(lab: Lab) -> AsyncIterator[AsyncSarvamAI]:
    base = lab.url("sarvam", version="")
    async with httpx.AsyncClient(timeout=60) as http:
        yield AsyncSarvamAI(
            api_subscription_key=KEY,
            environment=SarvamAIEnvironment(base=base, creative=base, production=base.replace("http", "ws")),
            httpx_client=http,
        )


def listening(mine: Ours, model: str, **more: Any) -> Any:
    return SARVAM.stt.listen(ListenRequest(model=model, **more), mine.credential, Utterances())


async def test_an_older_ear(lab, sarvam, mine) -> None:
    async with sarvam.speech_to_text_streaming.connect(
        language_code="od-IN", model="saaras:v3", sample_rate="16000", vad_signals="true", flush_signal="true",
        input_audio_codec="pcm_s16le",
    ) as socket:  # fmt: skip
        await socket.transcribe(audio=SAID)
        await socket.flush()
        await socket.flush()
        theirs = await heard(lab, 3)
    sent = await mine.live(
        listening(mine, "saaras:v3", languages=("or",)),
        lambda one: [*one.begin({}), *one.audio(CHUNK), *one.finalize(), *one.finish()],
    )
    # The SDK has no word for the end either: it hangs up, and what was said last is lost. Ours flushes first.
    assert apart(sent, theirs) == {}


async def test_an_older_ear_told_how_to_listen(lab, sarvam, mine) -> None:
    async with sarvam.speech_to_text_streaming.connect(
        language_code="unknown", model="saaras:v3", mode="translate", high_vad_sensitivity="true", sample_rate="16000",
        vad_signals="true", flush_signal="true", input_audio_codec="pcm_s16le",
    ):  # fmt: skip
        theirs = await heard(lab, 0)
    session = listening(mine, "saaras:v3", extras={"mode": "translate", "high_vad_sensitivity": True})
    assert apart(await mine.live(session, lambda one: []), theirs) == {}


async def test_a_translator(lab, sarvam, mine) -> None:
    async with sarvam.speech_to_text_translate_streaming.connect(
        model="saaras:v2.5", sample_rate="16000", vad_signals="true", flush_signal="true",
        input_audio_codec="pcm_s16le",
    ) as socket:  # fmt: skip
        await socket.set_prompt("Bulbul, Saaras")
        await socket.translate(audio=SAID)
        await socket.set_prompt("Saarika")
        await socket.flush()
        theirs = await heard(lab, 4)
    sent = await mine.live(
        listening(mine, "saaras:v2.5", keyterms=("Bulbul", "Saaras")),
        lambda one: [
            *one.begin({}), *one.audio(CHUNK), *one.update(Update(keyterms=("Saarika",))), *one.finalize(),
        ],
    )  # fmt: skip
    assert apart(sent, theirs) == {}


async def test_a_newer_ear(lab, sarvam, mine) -> None:
    async with sarvam.speech_to_text_realtime_streaming.connect(
        language_code="or-IN", model="saaras:v4", encoding="mulaw", sample_rate="8000", endpointing="vad",
        return_timestamps="true", silence_duration_ms="500", keyterms='["New Delhi"]', stream_type="fast",
    ) as socket:  # fmt: skip
        await socket.send_realtime_audio_input(RealtimeAudioInput(audio=SAID))
        await socket.send_realtime_config_update(
            RealtimeConfigUpdate(language_code="hi-IN", silence_duration_ms=400)
        )
        await socket.send_realtime_flush(RealtimeFlush())
        await socket.send_realtime_ping(RealtimePing())
        await socket.send_realtime_end(RealtimeEnd())
        theirs = await heard(lab, 5)
    session = listening(
        mine, "saaras:v4", languages=("or",), input=AudioFormat(Encoding.MULAW, 8_000), keyterms=("New Delhi",),
        endpointing=Endpointing(silence_ms=500), extras={"stream_type": "fast"},
    )  # fmt: skip
    change = Update(languages=("hi",), endpointing=Endpointing(silence_ms=400))
    sent = await mine.live(
        session,
        lambda one: [
            *one.begin({}), *one.audio(CHUNK), *one.update(change), *one.finalize(), *one.keep_alive.acts,
            *one.finish(),
        ],
    )  # fmt: skip
    assert apart(sent, theirs) == {}


async def test_a_newer_ear_that_is_told_turns_by_hand(lab, sarvam, mine) -> None:
    async with sarvam.speech_to_text_realtime_streaming.connect(
        language_code="auto", model="saaras:v3-realtime", encoding="linear16", sample_rate="16000",
        return_timestamps="true", endpointing="manual",
    ) as socket:  # fmt: skip
        await socket.send_realtime_speech_start(RealtimeSpeechStart())
        await socket.send_realtime_audio_input(RealtimeAudioInput(audio=SAID))
        await socket.send_realtime_speech_end(RealtimeSpeechEnd())
        await socket.send_realtime_end(RealtimeEnd())
        theirs = await heard(lab, 4)
    sent = await mine.live(
        listening(mine, "saaras:v3-realtime", endpointing=Endpointing(mode="client")),
        lambda one: [*one.feed('{"event":"session.begin"}'), *one.audio(CHUNK), *one.finish()],
    )
    assert apart(sent, theirs) == {}


async def test_a_live_voice(lab, sarvam, mine) -> None:
    async with sarvam.text_to_speech_streaming.connect(
        model="bulbul:v3", send_completion_event="true"
    ) as socket:
        asked = {"speech_sample_rate": 16_000, "output_audio_codec": "linear16", "speaker": "shubh"}
        await socket.configure("od-IN", pace=1.2, **asked)
        await socket.ping()
        await socket.convert("Hello")
        await socket.flush()
        await socket.configure("od-IN", pace=0.9, **asked)
        theirs = await heard(lab, 5)
    ask = SynthesisRequest(
        model="bulbul:v3", voice="Shubh", output=PCM, manner=Manner(language="or", speed=1.2)
    )
    sent = await mine.live(
        SARVAM.tts.synthesize(ask, mine.credential),
        lambda one: [
            *one.begin({}), *one.keep_alive.acts, *one.text("a", "Hello"), *one.end_utterance("a"),
            *one.update(None, 0.9),
        ],
    )  # fmt: skip
    # The SDK writes its own defaults out; ours leaves to the service what it has a default for: which of them a model
    # takes at all, the service knows.
    written = {
        "pitch": 0.0, "loudness": 1.0, "enable_preprocessing": False, "output_audio_bitrate": "128k",
        "min_buffer_size": 50, "max_chunk_length": 150, "dict_id": None,
    }  # fmt: skip
    assert apart(sent, theirs) == {
        f"said.{at}.data.{name}": (ABSENT, value) for at in (0, 4) for name, value in written.items()
    }


async def test_a_recording(lab, sarvam, mine) -> None:
    await sarvam.speech_to_text.transcribe(
        file=("a.wav", b"RIFF", "audio/wav"), model="saaras:v3", mode="translate", language_code="od-IN",
        with_timestamps=True,
    )  # fmt: skip
    theirs = await heard(lab, 0)
    ask = TranscribeRequest(
        model="saaras:v3", audio=b"RIFF", filename="a.wav", mime="audio/wav", languages=("or",), translate=True,
        segment_timestamps=True,
    )  # fmt: skip
    (sent,) = await mine.run(SARVAM.stt.transcribe(ask, mine.credential))
    # The SDK writes out that there are none.
    assert apart(sent, theirs) == {"body.keyterms.0": (ABSENT, b"null")}


async def test_a_recording_of_bare_samples(lab, sarvam, mine) -> None:
    await sarvam.speech_to_text.transcribe(
        file=("a.pcm", CHUNK, "audio/pcm"), model="saaras:v4", language_code="unknown", input_audio_codec="pcm_s16le",
        keyterms=["New Delhi", "Vistaar"],
    )  # fmt: skip
    theirs = await heard(lab, 0)
    ask = TranscribeRequest(
        model="saaras:v4", audio=CHUNK, format=PCM, filename="a.pcm", mime="audio/pcm", keyterms=("New Delhi", "Vistaar"),
    )  # fmt: skip
    (sent,) = await mine.run(SARVAM.stt.transcribe(ask, mine.credential))
    # The same list: the SDK's has spaces in it.
    assert apart(sent, theirs) == {
        "body.keyterms.0": (b'["New Delhi","Vistaar"]', b'["New Delhi", "Vistaar"]')
    }


async def test_a_recording_to_be_translated(lab, sarvam, mine) -> None:
    await sarvam.speech_to_text.translate(
        file=("a.pcm", CHUNK, "audio/pcm"), model="saaras:v2.5", prompt="names", input_audio_codec="pcm_s16le"
    )
    theirs = await heard(lab, 0)
    ask = TranscribeRequest(
        model="saaras:v2.5", audio=CHUNK, format=PCM, filename="a.pcm", mime="audio/pcm", prompt="names"
    )
    (sent,) = await mine.run(SARVAM.stt.transcribe(ask, mine.credential))
    assert apart(sent, theirs) == {}


async def test_a_text_spoken_whole(lab, sarvam, mine) -> None:
    asked = {"text": "Hello", "language_code": "od-IN", "model": "bulbul:v3", "speaker": "shubh", "pace": 1.2}
    await sarvam.text_to_speech.convert(
        **asked, speech_sample_rate=24_000, output_audio_codec="wav", temperature=0.5, dict_id="p"
    )
    theirs = await heard(lab, 0)
    ask = SpeakRequest(
        model="bulbul:v3", voice="Shubh", text="Hello", output=AudioFormat(Encoding.WAV, 24_000),
        manner=Manner(language="or-IN", speed=1.2), extras={"temperature": 0.5, "dict_id": "p"},
    )  # fmt: skip
    assert apart(await mine.stream(SARVAM.tts.speak(ask, mine.credential)), theirs) == {}


async def test_a_text_spoken_as_it_is_made(lab, sarvam, mine) -> None:
    async for _ in sarvam.text_to_speech.convert_stream(
        text="Hello", language_code="en-IN", model="bulbul:v2", speaker="anushka", speech_sample_rate=16_000,
        output_audio_codec="mp3", output_audio_bitrate="128k",
    ):  # fmt: skip
        pass
    theirs = await heard(lab, 0)
    ask = SpeakRequest(
        model="bulbul:v2", voice="anushka", text="Hello", output=AudioFormat(Encoding.MP3, 16_000),
        extras={"output_audio_bitrate": "128k"},
    )  # fmt: skip
    assert apart(await mine.stream(SARVAM.tts.speak(ask, mine.credential)), theirs) == {}


async def test_a_question_about_a_key(lab, sarvam, mine) -> None:
    await sarvam.pronunciation_dictionary.list()
    theirs = await heard(lab, 0)
    (sent,) = await mine.run(SARVAM.verify(mine.credential))
    assert apart(sent, theirs) == {}
