"""Pipecat's own OpenAI services, unmodified, in a pipeline, with providers of speech behind."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.stt import OpenAIRealtimeSTTService, OpenAISTTService
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.tests.utils import run_test
from pipecat.workers.runner import WorkerRunner

from tests.clients.voice_agents.conftest import EARS, LIVE, RATE, SAID, SPEECH, VOICES, spoken
from tests.e2e.service import ADMIN_KEY, Service

TEXT = "A table for two, please."
FRAME_BYTES = RATE // 50 * 2


def sound_frames() -> list[Frame]:
    starts = range(0, len(SPEECH), FRAME_BYTES)
    return [InputAudioRawFrame(SPEECH[at : at + FRAME_BYTES], RATE, 1) for at in starts]


async def through(processor: FrameProcessor, frames: Sequence[Frame]) -> Sequence[Frame]:
    """Send frames through one service of a pipeline; return what comes out at its end."""
    params = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
    down, _ = await run_test(processor, frames_to_send=frames, pipeline_params=params, start_timeout=10)
    return down


@pytest.fixture
def reach(service: Service) -> dict[str, str]:
    return {"base_url": f"{service.url}/v1", "api_key": ADMIN_KEY}


@pytest.mark.parametrize(("model", "voice"), VOICES.items(), ids=VOICES)
async def test_a_voice_speaks_sample_for_sample(reach: dict[str, str], model: str, voice: str) -> None:
    # Pipecat offers no voices but OpenAI's, so the model names the others'.
    settings = OpenAITTSService.Settings(model=f"{model}@{voice}", voice="alloy")
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
    ear = OpenAISTTService(settings=OpenAISTTService.Settings(model=model), sample_rate=RATE, **reach)
    frames = await through(
        ear, [VADUserStartedSpeakingFrame(), *sound_frames(), VADUserStoppedSpeakingFrame()]
    )
    assert [one.text for one in frames if isinstance(one, TranscriptionFrame)] == [SAID]


class Last(FrameProcessor):
    """The end of a pipeline: keeps what comes, and says when a turn has."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[Frame] = []
        self.turn = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.frames.append(frame)
        if isinstance(frame, TranscriptionFrame):
            self.turn.set()
        await self.push_frame(frame, direction)


TURNS: dict[str, Any] = {"of the provider": {"type": "server_vad"}, "of the pipeline": False}


@pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)
@pytest.mark.parametrize("model", LIVE)
async def test_turns_are_told_while_somebody_speaks(
    service: Service, hears: Callable[[str], None], model: str, turns: Any
) -> None:
    hears(model)
    ear = OpenAIRealtimeSTTService(
        api_key=ADMIN_KEY,
        base_url=f"{service.url.replace('http', 'ws')}/v1/realtime",
        settings=OpenAIRealtimeSTTService.Settings(model=model),
        turn_detection=turns,
    )
    last = Last()
    worker = PipelineWorker(
        Pipeline([ear, last]),
        params=PipelineParams(audio_in_sample_rate=RATE),
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
    )

    async def speak() -> None:
        for frame in sound_frames():
            await worker.queue_frame(frame)
        if not turns:
            await worker.queue_frame(VADUserStoppedSpeakingFrame())
        try:
            await asyncio.wait_for(last.turn.wait(), 10)
        finally:
            await worker.queue_frame(EndFrame())

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), speak())
    assert [one.text for one in last.frames if isinstance(one, TranscriptionFrame)] == [SAID]
    assert not [one for one in last.frames if isinstance(one, ErrorFrame)]
