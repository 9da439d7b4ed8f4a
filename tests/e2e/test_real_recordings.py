"""Recorded speech with its pauses, in three languages, written down by every provider: over REST and gRPC alike."""

import re
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from openai import OpenAI

from integration_api.proto import voice_pb2 as wire
from tests.e2e.real_speech import SECONDS, SOUNDS, Speech, measured, near
from tests.e2e.service import ADMIN_KEY, Service
from tests.e2e.test_voice import fresh, lab, service
from tests.rpc.caller import signed

__all__ = ["fresh", "lab", "service"]

EARS = {
    "nova": "deepgram/nova-3",
    "ink": "cartesia/ink-whisper",
    "universal": "assemblyai/universal-3-5-pro",
    "azure": "azure-speech/fast",
    "saaras": "sarvam/saaras:v3",
    "chirp": "google-speech/chirp_3",
    "google's v1": "google-speech/phone_call",
    "whisper": "openai/whisper-1",
}
JOB = "assemblyai/universal-2"
"""It is asked about until it is done: once will do."""
CASES = [(ear, name) for ear in EARS for name in SOUNDS]
INDIAN = {"sarvam"}
"""Those that refuse the name of a language that is not spoken there; they hear for themselves."""
WORDLESS = {"sarvam"}
"""Those that say when a sentence was said, and not when its words were."""
SEGMENTLESS = {"cartesia", "assemblyai"}
"""Those that say when each word was said: subtitles are made of those."""


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{service.url}/v1", api_key=ADMIN_KEY, max_retries=0, timeout=300) as opened:
        yield opened


def bare(word: str) -> str:
    return word.strip(".,!?।")


def check_words(words: list[tuple[str, int, int]], speech: Speech) -> None:
    first, second = speech.texts
    told = [bare(text) for text, _, _ in words]
    assert told == [bare(one) for one in f"{first} {second}".split()]
    after = len(first.split())
    for of, span in zip((words[:after], words[after:]), speech.spans, strict=True):
        assert near((of[0][1], of[-1][2]), span)


def check_segments(segments: list[tuple[str, int, int]], speech: Speech, provider: str) -> None:
    if provider in SEGMENTLESS:
        assert " ".join(text for text, _, _ in segments) == " ".join(speech.texts)
        assert near((segments[0][1], segments[-1][2]), (speech.spans[0][0], speech.spans[1][1]))
        return
    assert [text for text, _, _ in segments] == list(speech.texts)
    assert all(near(one[1:], span) for one, span in zip(segments, speech.spans, strict=True))


CLOCK = r"(\d\d):(\d\d):(\d\d)[,.](\d\d\d)"


def subtitles(text: str) -> list[tuple[str, int, int]]:
    """Read SRT or WebVTT."""
    found = []
    for line in re.finditer(rf"^{CLOCK} --> {CLOCK}\n(.+)\n\n", text, re.MULTILINE):
        times = [int(one) for one in line.groups()[:8]]
        start, end = (
            ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest
            for hours, minutes, seconds, rest in (times[:4], times[4:])
        )
        found.append((line[9], start, end))
    return found


def milliseconds(told: Any, text: str) -> tuple[str, int, int]:
    return text.strip(), round(told.start * 1000), round(told.end * 1000)


@pytest.mark.parametrize("ear, name", [*CASES, ("a job", "de-8000.ulaw")])
def test_a_recording_is_written_down_over_rest_in_every_format(
    client: OpenAI, lab: str, ear: str, name: str
) -> None:
    speech = measured(name)
    model = EARS.get(ear, JOB)
    provider = model.partition("/")[0]
    speech.script(lab, provider)
    text = " ".join(speech.texts)
    asked: dict[str, Any] = {"model": model, "file": ("speech.wav", speech.file, "audio/wav")}
    if provider not in INDIAN:
        asked["language"] = speech.language

    both = client.audio.transcriptions.create(
        **asked, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert both.text == text
    if provider in WORDLESS:
        assert both.words == []
    else:
        check_words([milliseconds(one, one.word) for one in both.words or []], speech)
    check_segments([milliseconds(one, one.text) for one in both.segments or []], speech, provider)
    if ear == "a job":
        return
    assert client.audio.transcriptions.create(**asked).text == text
    srt, vtt = (
        client.audio.transcriptions.with_raw_response.create(**asked, response_format=format).text  # type: ignore[call-overload]
        for format in ("srt", "vtt")
    )
    assert (srt[:2], vtt[:8]) == ("1\n", "WEBVTT\n\n")
    for told in (srt, vtt):
        check_segments(subtitles(told), speech, provider)


@pytest.fixture(scope="module")
def channel(client: OpenAI, service: Service) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as opened:
        yield opened


def transcribed(channel: grpc.Channel, request: wire.TranscribeRequest) -> wire.Transcript:
    ask = channel.unary_unary(
        "/integration.voice.v1.SpeechToText/Transcribe",
        wire.TranscribeRequest.SerializeToString,
        wire.Transcript.FromString,
    )
    return ask(request, metadata=signed(ADMIN_KEY), timeout=SECONDS)


@pytest.mark.parametrize("as_a_file", [False, True], ids=["samples", "file"])
@pytest.mark.parametrize("ear, name", CASES)
def test_a_recording_is_written_down_over_grpc(
    channel: grpc.Channel, lab: str, ear: str, name: str, as_a_file: bool
) -> None:
    speech = measured(name)
    model = EARS[ear]
    provider = model.partition("/")[0]
    speech.script(lab, provider)
    request = wire.TranscribeRequest(
        target=wire.Target(model=model),
        languages=[] if provider in INDIAN else [speech.language],
        word_timestamps=True,
        segment_timestamps=True,
        audio=speech.file if as_a_file else speech.sound,
    )
    if as_a_file:
        request.mime_type = "audio/wav"
    else:
        encoding = wire.MULAW if speech.mulaw else wire.PCM_S16LE
        request.format.CopyFrom(wire.AudioFormat(encoding=encoding, sample_rate_hz=speech.hertz))
    told = transcribed(channel, request)
    assert told.text == " ".join(speech.texts)
    words = [(one.text, one.start_ms, one.end_ms) for one in told.words]
    if provider in WORDLESS:
        assert words == []
    else:
        check_words(words, speech)
    if provider in SEGMENTLESS:
        assert not told.segments
    else:
        check_segments([(one.text, one.start_ms, one.end_ms) for one in told.segments], speech, provider)
    assert [one.code for one in told.warnings] == ["degraded"] * (provider in WORDLESS)


@pytest.mark.parametrize("name", SOUNDS)
def test_who_tells_no_times_is_not_made_to(channel: grpc.Channel, lab: str, name: str) -> None:
    speech = measured(name)
    speech.script(lab, "openai")
    told = transcribed(
        channel,
        wire.TranscribeRequest(
            target=wire.Target(model="openai/gpt-4o-transcribe"),
            audio=speech.file,
            word_timestamps=True,
            segment_timestamps=True,
        ),
    )
    assert told.text == " ".join(speech.texts)
    assert not told.words
    assert not told.segments
    assert not told.HasField("duration_ms")
    assert [one.code for one in told.warnings] == ["dropped"]
