"""What our adapters ask Google Speech over REST, beside what Google's own SDKs ask there for the same.

What is said over gRPC is held against its messages in `tests/providers/test_google_speech`.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import speech_v1
from google.cloud.speech_v1 import SpeechClient as SpeechClientV1
from google.cloud.speech_v1.services.speech.transports.rest import (
    SpeechRestTransport as SpeechRestTransportV1,
)
from google.cloud.speech_v2 import SpeechClient
from google.cloud.speech_v2.services.speech.transports.rest import SpeechRestTransport
from google.cloud.speech_v2.types import cloud_speech as speech
from google.cloud.texttospeech_v1 import TextToSpeechClient
from google.cloud.texttospeech_v1.services.text_to_speech.transports.rest import TextToSpeechRestTransport
from google.cloud.texttospeech_v1.types import cloud_tts as tts

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.stt import TranscribeRequest
from integration_api.core.tts import Manner, SpeakRequest
from integration_api.providers.google_speech import GOOGLE_SPEECH
from lab import Lab
from tests.lab.beside import ABSENT, KEY, Ours, apart, heard, ours

SIGNED = [("x-goog-api-key", KEY)]
PLACE = "projects/lab/locations/global"
RECOGNIZER = f"{PLACE}/recognizers/_"


@pytest.fixture
async def mine(lab: Lab) -> AsyncIterator[Ours]:
    async with ours(lab, GOOGLE_SPEECH, project_id="lab") as started:
        yield started


@pytest.fixture
def listening(lab: Lab) -> SpeechClient:
    return SpeechClient(transport=rest(lab, SpeechRestTransport))


@pytest.fixture
def speaking(lab: Lab) -> TextToSpeechClient:
    return TextToSpeechClient(transport=rest(lab, TextToSpeechRestTransport))


def rest(lab: Lab, transport):
    """The SDK over REST, which blocks."""
    return transport(
        host=f"127.0.0.1:{lab.port}/google-speech", url_scheme="http", credentials=AnonymousCredentials()
    )


NUMBERS = (ABSENT, "json;enum-encoding=int")
"""The SDK for listening reads numbers for names; ours reads the names."""


def aside(**named: str) -> dict[str, Any]:
    """Return what the SDK says besides: what the path says already, for calls whose path names no resource."""
    ((name, value),) = named.items()
    return {"query.$alt": NUMBERS, "headers.x-goog-request-params": (ABSENT, f"{name}={value}")}


async def test_a_recording(lab, listening, mine) -> None:
    config = speech.RecognitionConfig(
        auto_decoding_config=speech.AutoDetectDecodingConfig(), model="long", language_codes=["en-US"],
        features=speech.RecognitionFeatures(
            enable_word_time_offsets=True, enable_word_confidence=True, enable_automatic_punctuation=True
        ),
    )  # fmt: skip
    request = speech.RecognizeRequest(recognizer=RECOGNIZER, config=config, content=b"RIFF")
    await asyncio.to_thread(listening.recognize, request=request, metadata=SIGNED)
    theirs = await heard(lab, 0)
    ask = TranscribeRequest(model="long", audio=b"RIFF", word_timestamps=True, languages=("en-US",))
    (sent,) = await mine.run(GOOGLE_SPEECH.stt.transcribe(ask, mine.credential))
    assert apart(sent, theirs) == {
        **aside(recognizer=RECOGNIZER),
        # The SDK leaves out what is so unless it is said otherwise.
        "body.config.features.profanityFilter": (False, ABSENT),
    }


async def test_a_recording_in_the_older_language(lab, mine) -> None:
    google = SpeechClientV1(transport=rest(lab, SpeechRestTransportV1))
    config = speech_v1.RecognitionConfig(
        encoding=1, sample_rate_hertz=16_000, language_code="en-US", model="phone_call",
        enable_word_time_offsets=True, enable_word_confidence=True, enable_automatic_punctuation=True,
    )  # fmt: skip
    audio = speech_v1.RecognitionAudio(content=bytes(640))
    await asyncio.to_thread(google.recognize, config=config, audio=audio, metadata=SIGNED)
    theirs = await heard(lab, 0)
    ask = TranscribeRequest(
        model="phone_call", audio=bytes(640), format=AudioFormat(), word_timestamps=True, languages=("en-US",)
    )
    (sent,) = await mine.run(GOOGLE_SPEECH.stt.transcribe(ask, mine.credential))
    assert apart(sent, theirs) == {
        "query.$alt": NUMBERS,
        # An encoding by its name or its number is the same.
        "body.config.encoding": ("LINEAR16", 1),
        "body.config.profanityFilter": (False, ABSENT),
    }


async def test_a_text_spoken_whole(lab, speaking, mine) -> None:
    await asyncio.to_thread(
        speaking.synthesize_speech,
        input=tts.SynthesisInput(text="Hello"),
        voice=tts.VoiceSelectionParams(language_code="en-GB", name="en-GB-Wavenet-A"),
        audio_config=tts.AudioConfig(
            audio_encoding=1, sample_rate_hertz=24_000, pitch=2.0, speaking_rate=1.25
        ),
        metadata=SIGNED,
    )
    theirs = await heard(lab, 0)
    ask = SpeakRequest(
        model="en-GB-Wavenet-A", voice=None, text="Hello", output=AudioFormat(Encoding.PCM_S16LE, 24_000),
        manner=Manner(pitch=2.0, speed=1.25),
    )  # fmt: skip
    assert apart(await mine.stream(GOOGLE_SPEECH.tts.speak(ask, mine.credential)), theirs) == {}


async def test_the_list_of_voices(lab, speaking, mine) -> None:
    await asyncio.to_thread(speaking.list_voices, metadata=SIGNED)
    theirs = await heard(lab, 0)
    (sent,) = await mine.run(GOOGLE_SPEECH.tts.voices(mine.credential))
    assert apart(sent, theirs) == {}


async def test_a_question_about_a_key(lab, listening, mine) -> None:
    request = speech.ListRecognizersRequest(parent=PLACE, page_size=1)
    await asyncio.to_thread(listening.list_recognizers, request=request, metadata=SIGNED)
    theirs = await heard(lab, 0)
    (sent,) = await mine.run(GOOGLE_SPEECH.verify(mine.credential))
    assert apart(sent, theirs) == aside(parent=PLACE)


async def test_a_question_about_a_key_of_no_project(lab, speaking) -> None:
    await asyncio.to_thread(speaking.list_voices, language_code="en-US", metadata=SIGNED)
    theirs = await heard(lab, 0)
    async with ours(lab, GOOGLE_SPEECH) as mine:
        (sent,) = await mine.run(GOOGLE_SPEECH.verify(mine.credential))
    assert apart(sent, theirs) == {}
