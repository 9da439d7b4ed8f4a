"""The emulator of OpenAI's audio, driven by OpenAI's own SDK."""

import json
from base64 import b64decode

import openai
import pytest

from lab import Answer, mouth
from lab.script import Heard
from lab.wave import wav

UNDRIVEN = {("openai", "voices"): "our list"}

FILE = ("speech.wav", wav(mouth.pcm("a" * 20, 16_000), 16_000), "audio/wav")
HEARD = (
    Heard(text="A table for two.", start_ms=100, end_ms=900, speaker=0),
    Heard(text="At eight.", start_ms=1200, end_ms=1800, speaker=1),
)
TEXT = "A table for two. At eight."


@pytest.fixture(autouse=True)
def told(lab) -> None:
    lab.script("openai", *[Answer(heard=HEARD)] * 4)


async def test_whisper_tells_times(gpt) -> None:
    made = await gpt.audio.transcriptions.create(
        model="whisper-1",
        file=FILE,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert (made.text, made.duration, made.usage.seconds) == (TEXT, 1.8, 1.8)
    assert next((one.word, one.start, one.end) for one in made.words) == ("A", 0.1, 0.3)
    assert [(one.start, one.end) for one in made.segments] == [(0.1, 0.9), (1.2, 1.8)]


async def test_tokens_are_counted_and_pieces_streamed(gpt) -> None:
    made = await gpt.audio.transcriptions.create(model="gpt-4o-transcribe", file=FILE)
    assert (made.text, made.usage.type, made.usage.input_token_details.audio_tokens) == (TEXT, "tokens", 18)
    stream = await gpt.audio.transcriptions.create(model="gpt-4o-transcribe", file=FILE, stream=True)
    events = [one async for one in stream]
    assert "".join(one.delta for one in events[:-1]) == events[-1].text == TEXT


async def test_speakers_are_told_apart(gpt) -> None:
    model = "gpt-4o-transcribe-diarize"
    made = await gpt.audio.transcriptions.create(
        model=model, file=FILE, response_format="diarized_json", chunking_strategy="auto"
    )
    assert [one.speaker for one in made.segments] == ["A", "B"]


async def test_sound_is_made_in_every_format(gpt) -> None:
    for format in ("mp3", "opus", "aac", "flac", "wav", "pcm"):
        made = await gpt.audio.speech.create(
            model="gpt-4o-mini-tts", voice="alloy", input="Hello", response_format=format
        )
        assert made.content.endswith(mouth.pcm("Hello", 24_000))


async def test_sound_comes_in_events_of_which_the_last_says_what_it_cost(gpt) -> None:
    asked = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hello", "response_format": "pcm"}
    async with gpt.audio.speech.with_streaming_response.create(**asked, stream_format="sse") as streamed:
        events = [json.loads(line[6:]) async for line in streamed.iter_lines() if line]
    assert [one["type"] for one in events[:-1]] == ["speech.audio.delta"] * (len(events) - 1)
    assert b"".join(b64decode(one["audio"]) for one in events[:-1]) == mouth.pcm("Hello", 24_000)
    assert (events[-1]["type"], events[-1]["usage"]["input_tokens"]) == ("speech.audio.done", 5)


async def test_what_openai_refuses_is_refused(gpt) -> None:
    transcribe, speak = gpt.audio.transcriptions.create, gpt.audio.speech.create
    for refused in (
        transcribe(model="gpt-4o-transcribe", file=FILE, response_format="srt"),
        transcribe(model="whisper-1", file=FILE, timestamp_granularities=["word"]),
        transcribe(model="gpt-4o-transcribe", file=FILE, keywords=["table"]),
        transcribe(model="whisper-1", file=("a.wav", b"")),
        transcribe(model="whisper-1", file=FILE, extra_body={"colour": "red"}),
        speak(model="tts-1", voice="nobody", input="Hello"),
        speak(model="tts-1", voice="alloy", input="a" * 4097),
        speak(model="gpt-4o", voice="alloy", input="Hello"),
        speak(model="tts-1", voice="alloy", input="Hello", speed=9),
    ):
        with pytest.raises(openai.BadRequestError):
            await refused
    with pytest.raises(openai.NotFoundError):
        await transcribe(model="gpt-4o", file=FILE)
