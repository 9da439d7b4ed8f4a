"""The AssemblyAI emulator, driven by AssemblyAI's own SDK."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import assemblyai
import pytest
from assemblyai.streaming.v3 import (
    AsyncRealTimeTranscriber,
    RealTimeEvents,
    RealTimeParameters,
    RealTimeSessionParameters,
    RealTimeTranscriberOptions,
)

from lab import Answer, Fault, Lab
from lab.script import Heard
from lab.wave import wav

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""The SDK's: it calls things by names that its own libraries have given up."""
TWO = Answer(
    heard=[
        Heard(text="I would like a table", start_ms=200, end_ms=1200, speaker=1),
        Heard(text="for two please.", start_ms=1300, end_ms=2000, speaker=1),
    ]
)
WHOLE = "I would like a table for two please."
PIECE = bytes(3200)
"""A tenth of a second."""


class Ear:
    """A live session, and what it was told."""

    def __init__(self, sdk: AsyncRealTimeTranscriber) -> None:
        self.sdk = sdk
        self.told: list[Any] = []
        self.errors: list[Any] = []
        for event in RealTimeEvents:
            into = self.errors if event is RealTimeEvents.Error else self.told
            sdk.on(event, lambda _, message, into=into: into.append(message))

    def of(self, kind: str) -> list[Any]:
        return [one for one in self.told if one.type == kind]


@asynccontextmanager
async def listening(lab: Lab, key: str = "lab-key", **asked: Any) -> AsyncIterator[Ear]:
    host = lab.url("assemblyai", version="").replace("http", "ws")
    sdk = AsyncRealTimeTranscriber(
        RealTimeTranscriberOptions(api_key=key, api_host=host, connect_timeout=10, max_connection_retries=0)
    )
    ear = Ear(sdk)
    await sdk.connect(
        RealTimeParameters(**{"sample_rate": 16_000, "speech_model": "universal-streaming-english", **asked})
    )
    yield ear
    await sdk.disconnect(terminate=True)


@pytest.fixture
async def client(lab: Lab) -> AsyncIterator[assemblyai.AsyncClient]:
    base = lab.url("assemblyai", version="")
    settings = assemblyai.Settings(
        api_key="lab-key", base_url=base, sync_base_url=base, polling_interval=0.01
    )
    async with assemblyai.AsyncClient(settings=settings) as started:
        yield started


async def test_a_turn_that_is_to_be_formatted_ends_twice(lab) -> None:
    lab.script("assemblyai", TWO)
    async with listening(lab, format_turns=True, keyterms_prompt=["a table"]) as ear:
        for _ in range(30):
            await ear.sdk.stream(PIECE)
    assert [one.type for one in ear.told[:2]] == ["Begin", "SpeechStarted"]
    assert ear.told[1].timestamp == 200
    ends = [one for one in ear.of("Turn") if one.end_of_turn]
    assert [(one.turn_is_formatted, one.transcript) for one in ends] == [
        (False, WHOLE.lower().replace(".", "")),
        (True, WHOLE),
    ]
    first = ear.of("Turn")[1]
    assert [(word.text, word.word_is_final) for word in first.words] == [("i", True), ("would", False)]
    assert first.transcript == "i"
    assert ear.of("Termination")[0].audio_duration_seconds == 3
    assert ear.errors == []


async def test_a_turn_is_ended_by_force_and_settings_change(lab) -> None:
    lab.script("assemblyai", TWO)
    async with listening(lab) as ear:
        await ear.sdk.set_params(RealTimeSessionParameters(max_turn_silence=900))
        for _ in range(7):
            await ear.sdk.stream(PIECE)
        await ear.sdk.force_endpoint()
        await ear.sdk.keep_alive()
    ends = [one.transcript for one in ear.of("Turn") if one.end_of_turn]
    assert ends[0] == "i would"


async def test_speakers_are_told_anew(lab) -> None:
    lab.script("assemblyai", TWO)
    async with listening(
        lab, format_turns=True, speaker_labels=True, speaker_labels_revision_interval_ms=0
    ) as ear:
        for _ in range(30):
            await ear.sdk.stream(PIECE)
    assert {word.speaker for one in ear.of("Turn") for word in one.words} == {"A"}
    (revision,) = ear.of("SpeakerRevision")[0].revisions
    assert (revision.turn_order, revision.speaker_label) == (0, "B")
    assert {word.speaker for word in revision.words} == {"B"}


REFUSED = {
    "key": ({"key": "invalid"}, 4001),
    "money": ({"key": "noquota"}, 4002),
    "plan": ({"key": "forbidden"}, 4003),
}


@pytest.mark.parametrize("asked, code", REFUSED.values(), ids=REFUSED)
async def test_a_key_is_refused_once_the_socket_has_opened(lab, asked: dict, code: int) -> None:
    async with listening(lab, **asked) as ear:
        async with asyncio.timeout(60):
            while not ear.errors:
                await asyncio.sleep(0.01)
    assert ear.errors[0].code == code


async def test_sound_in_pieces_that_are_too_short_is_refused(lab) -> None:
    async with listening(lab) as ear:
        await ear.sdk.stream(bytes(640))
        async with asyncio.timeout(60):
            while not ear.errors:
                await asyncio.sleep(0.01)
    assert ear.errors[0].code == 3007


async def test_a_fault_at_the_handshake_and_one_amid_the_sound(lab) -> None:
    lab.fault("assemblyai", Fault(status=429))
    async with listening(lab) as ear:
        pass
    assert ear.errors[0].code == 429
    lab.fault("assemblyai", Fault(end="fin", after=500))
    async with listening(lab) as ear:
        for _ in range(6):
            await ear.sdk.stream(PIECE)
        async with asyncio.timeout(60):
            while not ear.errors:
                await asyncio.sleep(0.01)
    assert ear.errors[0].code == 1011
    assert ear.of("Turn")[-1].transcript == "hello"


async def test_a_recording_is_a_job(lab, client) -> None:
    lab.script("assemblyai", TWO)
    config = assemblyai.TranscriptionConfig(
        speech_models=["universal-2"], speaker_labels=True, language_detection=True
    )
    transcript = await assemblyai.AsyncTranscriber(client=client, config=config).transcribe(b"RIFF")
    assert transcript.text == WHOLE
    assert [(one.text, one.speaker) for one in transcript.utterances] == [
        ("I would like a table", "B"), ("for two please.", "B"),
    ]  # fmt: skip
    assert (transcript.words[0].start, transcript.audio_duration) == (200, 2)


async def test_a_job_that_fails_says_why(lab, client) -> None:
    lab.script("assemblyai", Answer(refusal="no audio"))
    transcript = await assemblyai.AsyncTranscriber(client=client).transcribe(b"RIFF")
    assert transcript.status == "error"
    assert "does not appear to contain audio" in transcript.error


async def test_a_short_recording_is_answered_at_once(lab, client) -> None:
    lab.script("assemblyai", TWO)
    config = assemblyai.SyncTranscriptionConfig(timestamps=True, keyterms_prompt=["a table"])
    answer = await assemblyai.AsyncSyncTranscriber(client=client, config=config).transcribe(
        wav(PIECE, 16_000)
    )
    assert (answer.text, answer.audio_duration_ms, answer.words[0].start) == (WHOLE, 2000, 200)


async def test_a_job_is_not_asked_for_with_a_wrong_key(lab) -> None:
    settings = assemblyai.Settings(api_key="invalid", base_url=lab.url("assemblyai", version=""))
    async with assemblyai.AsyncClient(settings=settings) as stranger:
        with pytest.raises(assemblyai.TranscriptError, match="Authentication error"):
            await assemblyai.AsyncTranscriber(client=stranger).transcribe(b"RIFF")
