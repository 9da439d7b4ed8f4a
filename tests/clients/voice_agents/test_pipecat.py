"""Pipecat's own OpenAI services, unmodified, in a pipeline, with providers of speech behind."""

from collections.abc import Callable, Sequence

import pytest
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.worker import PipelineParams
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.tests.utils import run_test

from tests.clients.voice_agents.conftest import RATE, SAID, SPEECH, spoken
from tests.e2e.service import ADMIN_KEY, Service

TEXT = "A table for two, please."
VOICES = [
    "deepgram/aura-2@aura-2-thalia-en",
    "cartesia/sonic-3@a0e99841-438c-4a64-b679-ae501e7d6091",
    "elevenlabs/eleven_flash_v2_5@21m00Tcm4TlvDq8ikWAM",
    "openai/gpt-4o-mini-tts",
]
"""Pipecat offers no voices but OpenAI's, so the model names the others'."""
EARS = ["deepgram/nova-3", "cartesia/ink-whisper", "openai/gpt-transcribe"]
FRAME_BYTES = RATE // 50 * 2


async def through(processor: FrameProcessor, frames: Sequence[Frame]) -> Sequence[Frame]:
    """Send frames through one service of a pipeline; return what comes out at its end."""
    params = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
    down, _ = await run_test(processor, frames_to_send=frames, pipeline_params=params, start_timeout=10)
    return down


@pytest.fixture
def reach(service: Service) -> dict[str, str]:
    return {"base_url": f"{service.url}/v1", "api_key": ADMIN_KEY}


@pytest.mark.parametrize("model", VOICES)
async def test_a_voice_speaks_sample_for_sample(reach: dict[str, str], model: str) -> None:
    settings = OpenAITTSService.Settings(model=model, voice="alloy")
    speaker = OpenAITTSService(settings=settings, sample_rate=RATE, **reach)
    frames = await through(speaker, [TTSSpeakFrame(TEXT)])
    heard = b"".join(one.audio for one in frames if isinstance(one, TTSAudioRawFrame))
    expected = spoken(TEXT, RATE)
    assert heard[: len(expected)] == expected
    assert not heard[len(expected) :].strip(b"\0"), "Pipecat adds silence, and nobody anything else"


@pytest.mark.parametrize("model", EARS)
async def test_a_segment_is_written_down(
    reach: dict[str, str], hears: Callable[[str], None], model: str
) -> None:
    hears(model)
    sound = [
        InputAudioRawFrame(SPEECH[at : at + FRAME_BYTES], RATE, 1)
        for at in range(0, len(SPEECH), FRAME_BYTES)
    ]
    ear = OpenAISTTService(settings=OpenAISTTService.Settings(model=model), sample_rate=RATE, **reach)
    frames = await through(ear, [VADUserStartedSpeakingFrame(), *sound, VADUserStoppedSpeakingFrame()])
    assert [one.text for one in frames if isinstance(one, TranscriptionFrame)] == [SAID]
