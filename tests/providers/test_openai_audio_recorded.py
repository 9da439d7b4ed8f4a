"""What OpenAI answered when it was asked to write down and to speak, as others recorded it."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.exchange import HttpResponse
from integration_api.core.stt import TranscribeRequest
from integration_api.core.tts import Sound, SpeakRequest, Spoken
from integration_api.providers.openai import OPENAI

FOLDER = Path(os.environ.get("REFERENCE_DIR", "")) / "traffic/openai"
WRITTEN = sorted(FOLDER.glob("stt-batch/*.json"))
SPOKEN = sorted(FOLDER.glob("tts/*.json"))
CREDENTIAL = Credential("openai")


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_a_recorded_transcript_is_read_whole(path: Path) -> None:
    body: dict[str, Any] = json.loads(path.read_text())["response"]["body"]
    exchange = OPENAI.stt.transcribe(TranscribeRequest(model="gpt-4o-transcribe", audio=b"x"), CREDENTIAL)
    next(exchange)
    with pytest.raises(StopIteration) as done:
        exchange.send(HttpResponse(200, {}, json.dumps(body).encode()))
    told = done.value.value
    assert told.text == body["text"]
    usage = body.get("usage", {})
    assert told.usage.input_total == usage.get("input_tokens")
    assert told.usage.output_total == usage.get("output_tokens")
    assert [one.speaker for one in told.segments] == [one["speaker"] for one in body.get("segments", [])]
    if usage.get("type") == "duration":
        assert told.usage.audio_seconds == usage["seconds"]


@pytest.mark.parametrize("path", SPOKEN, ids=lambda path: path.name)
def test_recorded_sound_comes_out_byte_for_byte_and_is_asked_for_alike(path: Path) -> None:
    pair = json.loads(path.read_text())
    asked = pair["request"]["body"] or {
        "model": "tts-1",
        "input": "hello",
        "voice": "alloy",
        "response_format": "wav",
    }
    form = Encoding(asked.get("response_format", "mp3"))
    ask = SpeakRequest(
        model=asked["model"], voice=asked["voice"], text=asked["input"], output=AudioFormat(form, 24_000)
    )
    stream = OPENAI.tts.speak(ask, CREDENTIAL)
    assert stream.request is not None
    sent = json.loads(stream.request.body)
    asked.pop("speed", None)  # The voice's own, which is the default.
    assert sent == {"response_format": "mp3", **asked}
    sound = base64.b64decode(pair["response"]["body_base64"])
    for size in (7, 4096):
        stream = OPENAI.tts.speak(ask, CREDENTIAL)
        events = [
            event
            for at in range(0, len(sound) + size, size)
            for frame in stream.framing.feed(sound[at : at + size])
            for event in stream.reader.feed(frame)
        ]
        events += stream.reader.close()
        assert b"".join(event.data for event in events if isinstance(event, Sound)) == sound
        assert isinstance(events[-1], Spoken)
