"""What OpenAI answered when it was asked to write down and to speak, as others recorded it."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import StreamCut
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


@pytest.mark.parametrize("path", sorted(FOLDER.glob("stt-batch-stream/*.json")), ids=lambda path: path.name)
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_recorded_events_pass_through_to_the_byte(path: Path, size: int) -> None:
    body = json.loads(path.read_text())["response"]["body"].encode()
    watched = OPENAI.stt.relay.stream()
    passed = [watched.feed(body[at : at + size]) for at in range(0, len(body), size)]
    assert all(one == b"" or one.endswith((b"\n\n", b"\r\n\r\n")) for one in passed)
    rest, tally = watched.close()
    assert b"".join(passed) + rest == body
    assert (tally.usage.input_total, tally.usage.output_total, tally.usage.input_audio) == (37, 145, 37)
    cut = OPENAI.stt.relay.stream()
    cut.feed(body[: len(body) // 3])
    with pytest.raises(StreamCut):
        cut.close()
