"""LiveKit Agents' own OpenAI plugins, unmodified, with providers of speech behind."""

from collections.abc import AsyncIterator, Callable

import pytest
from livekit import rtc
from livekit.agents import APIStatusError, stt, utils
from livekit.plugins import openai

from tests.clients.voice_agents.conftest import EARS, LIVE, RATE, SAID, SPEECH, VOICES, spoken
from tests.e2e.service import ADMIN_KEY, Service

TEXT = "A table for two, please."


@pytest.fixture
def reach(service: Service) -> dict[str, str]:
    return {"base_url": f"{service.url}/v1", "api_key": ADMIN_KEY}


@pytest.fixture(autouse=True)
async def _connections() -> AsyncIterator[None]:
    """What an agent's job gives its plugins."""
    async with utils.http_context.open():
        yield


def frame(sound: bytes) -> rtc.AudioFrame:
    return rtc.AudioFrame(sound, RATE, 1, len(sound) // 2)


@pytest.mark.parametrize(("model", "voice"), VOICES.items(), ids=VOICES)
async def test_a_voice_speaks_sample_for_sample(reach: dict[str, str], model: str, voice: str) -> None:
    speaker = openai.TTS(model=model, voice=voice, response_format="pcm", **reach)
    async with speaker.synthesize(TEXT) as told:
        heard = b"".join([bytes(one.frame.data) async for one in told])
    expected = spoken(TEXT, RATE)
    assert heard[: len(expected)] == expected
    assert not heard[len(expected) :].strip(b"\0"), "LiveKit adds silence, and nobody anything else"
    await speaker.aclose()


@pytest.mark.parametrize("model", EARS)
async def test_a_recording_is_written_down(
    reach: dict[str, str], hears: Callable[[str], None], model: str
) -> None:
    hears(model)
    event = await openai.STT(model=model, language="en", **reach).recognize([frame(SPEECH)])
    assert event.type == stt.SpeechEventType.FINAL_TRANSCRIPT
    assert event.alternatives[0].text == SAID


async def test_what_is_refused_is_told_as_such(reach: dict[str, str]) -> None:
    speaker = openai.TTS(model="nobody/voice", voice="x", **reach)
    with pytest.raises(APIStatusError, match="there is no provider named") as refused:
        async with speaker.synthesize(TEXT) as told:
            async for _ in told:
                pass
    assert refused.value.status_code == 400
    await speaker.aclose()


@pytest.mark.parametrize(("model", "seconds"), LIVE.items(), ids=LIVE)
async def test_turns_are_told_while_somebody_speaks(
    reach: dict[str, str], hears: Callable[[str], None], model: str, seconds: float
) -> None:
    hears(model)
    ear = openai.STT(model=model, language="en", use_realtime=True, **reach)
    async with ear.stream() as stream:
        stream.push_frame(frame(SPEECH))
        stream.flush()
        told = []
        async for event in stream:
            told.append(event)
            if event.type == stt.SpeechEventType.RECOGNITION_USAGE:
                break
    kinds = stt.SpeechEventType
    assert [one.type for one in told if one.type != kinds.INTERIM_TRANSCRIPT] == [
        kinds.START_OF_SPEECH, kinds.END_OF_SPEECH, kinds.FINAL_TRANSCRIPT, kinds.RECOGNITION_USAGE,
    ]  # fmt: skip
    assert told[-2].alternatives[0].text == SAID
    assert told[-1].recognition_usage.audio_duration == pytest.approx(seconds, abs=0.02)
    await ear.aclose()
