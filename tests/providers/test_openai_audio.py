"""What OpenAI is asked to write down and to speak, and what is left out and said so."""

import json
from typing import Any

import msgspec
import pytest

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, ProviderError, StreamCut
from integration_api.core.exchange import HttpRequest, HttpResponse
from integration_api.core.session import Warned
from integration_api.core.stt import TranscribeRequest, Transcript
from integration_api.core.tts import SpeakRequest
from integration_api.providers.openai import OPENAI
from integration_api.providers.openai.relay_tts import RELAY
from lab.http import Call
from lab.multipart import fields

CREDENTIAL = Credential("openai", {"organization": "org-1"})


def asked(model: str, **more: Any) -> tuple[HttpRequest, dict[str, list[str]], Transcript]:
    exchange = OPENAI.stt.transcribe(TranscribeRequest(model=model, audio=b"sound", **more), CREDENTIAL)
    request = next(exchange)
    call = Call("POST", "", {}, dict(request.headers), request.body)
    with pytest.raises(StopIteration) as done:
        exchange.send(HttpResponse(200, {}, b'{"text": "Hello."}'))
    found = {name: [one.decode() for one in values] for name, values in fields(call).items()}
    return request, found, done.value.value


def test_samples_are_sent_as_a_file() -> None:
    request, _, told = asked("whisper-1", format=AudioFormat(Encoding.MULAW, 8_000), filename="call")
    assert b'filename="audio.wav"\r\n' in request.body
    assert b"audio/wav\r\n\r\nRIFF" in request.body
    assert told.warnings == ()


FORMS: dict[str, tuple[str, dict[str, Any], dict[str, list[str]], list[str]]] = {
    "whisper": (
        "whisper-1",
        {"word_timestamps": True, "languages": ("en-GB",), "prompt": "A table.", "temperature": 0.2},
        {
            "response_format": ["verbose_json"],
            "timestamp_granularities[]": ["word", "segment"],
            "language": ["en"],
            "prompt": ["A table."],
            "temperature": ["0.2"],
        },
        [],
    ),
    "no times": (
        "gpt-4o-transcribe",
        {"segment_timestamps": True, "keyterms": ("table",), "languages": ("en", "de")},
        {"response_format": ["json"]},
        ["timestamp_granularities", "keywords", "languages"],
    ),
    "speakers": (
        "gpt-4o-transcribe-diarize",
        {"diarize": True},
        {"response_format": ["diarized_json"], "chunking_strategy": ["auto"]},
        [],
    ),
    "no speakers": ("whisper-1", {"diarize": True}, {"response_format": ["verbose_json"]}, ["diarize"]),
    "lists": (
        "gpt-transcribe",
        {"keyterms": ("table", "eight"), "languages": ("en", "de")},
        {
            "response_format": ["json"],
            "keywords[]": ["table", "eight"],
            "languages[]": ["en", "de"],
        },
        [],
    ),
    "options": (
        "gpt-4o-transcribe",
        {"extras": {"include[]": "logprobs", "chunking_strategy": {"type": "server_vad"}}},
        {
            "response_format": ["json"],
            "include[]": ["logprobs"],
            "chunking_strategy": ['{"type":"server_vad"}'],
        },
        [],
    ),
}


@pytest.mark.parametrize("model, more, form, left_out", FORMS.values(), ids=FORMS)
def test_a_form_says_what_the_model_takes(
    model: str, more: dict[str, Any], form: dict[str, list[str]], left_out: list[str]
) -> None:
    request, found, told = asked(model, filename="a.mp3", mime="audio/mpeg", **more)
    assert request.url == "https://api.openai.com/v1/audio/transcriptions"
    assert dict(request.headers)["openai-organization"] == "org-1"
    assert b'filename="a.mp3"\r\ncontent-type: audio/mpeg' in request.body
    assert found == {"file": ["sound"], "model": [model], **form}
    assert [one.param for one in told.warnings] == left_out


def test_a_strict_caller_is_refused_what_would_be_left_out() -> None:
    with pytest.raises(Failure) as refused:
        asked("whisper-1", diarize=True, strict=True)
    assert refused.value.param == "diarize"


def test_a_translation_has_an_address_of_its_own() -> None:
    request, found, _ = asked("whisper-1", translate=True, languages=("de",), word_timestamps=True)
    assert request.url.endswith("/v1/audio/translations")
    assert found == {"file": ["sound"], "model": ["whisper-1"], "response_format": ["verbose_json"]}


def speak(model: str = "gpt-4o-mini-tts", **more: Any) -> Any:
    given = {"voice": "alloy", "text": "Hello.", "output": AudioFormat(Encoding.MP3, 24_000), **more}
    return OPENAI.tts.speak(SpeakRequest(model=model, **given), CREDENTIAL)


def test_a_voice_of_ones_own_goes_by_its_id() -> None:
    assert json.loads(speak(voice="voice_1").request.body)["voice"] == {"id": "voice_1"}


def test_instructions_are_for_models_that_take_them() -> None:
    from integration_api.core.tts import Manner

    manner = Manner(instructions="Slowly.", speed=0.5, emotion="joy")
    body = json.loads(speak(manner=manner).request.body)
    assert (body["instructions"], body["speed"]) == ("Slowly.", 0.5)
    stream = speak("tts-1", manner=manner)
    assert "instructions" not in json.loads(stream.request.body)
    told = [event for frame in stream.framing.feed(b"x") for event in stream.reader.feed(frame)]
    assert [one.message for one in told if isinstance(one, Warned)] == [
        "instructions: tts-1 takes no instructions",
        "emotion: openai has no emotion",
    ]


@pytest.mark.parametrize(
    "more, param",
    [
        ({"voice": None}, "voice"),
        ({"output": AudioFormat(Encoding.WEBM_OPUS, 24_000)}, "response_format"),
        ({"ssml": True}, "ssml"),
    ],
)
def test_what_openai_can_not_say_is_refused(more: dict[str, Any], param: str) -> None:
    with pytest.raises(Failure) as refused:
        speak(**more)
    assert refused.value.param == param


# --- texts that pass through ----------------------------------------------------------------------

PASSES = {
    "plain": ({}, True),
    "a voice of one's own": ({"voice": {"id": "voice_1"}}, True),
    "that is written as a text": ({"voice": "voice_1"}, False),
    "no voice": ({"voice": None}, False),
    "our language": ({"language": "de"}, False),
    "no language": ({"language": None}, True),
    "events": ({"stream_format": "sse"}, True),
    "events of an older model": ({"model": "tts-1-hd", "stream_format": "sse"}, False),
    "instructions": ({"instructions": "whisper"}, True),
    "instructions for an older model": ({"model": "tts-1", "instructions": "whisper"}, False),
}


def raw(**more: Any) -> dict[str, msgspec.Raw]:
    body = {"model": "gpt-4o-mini-tts", "input": "Hello.", "voice": "alloy", **more}
    return msgspec.json.decode(json.dumps(body), type=dict[str, msgspec.Raw])


@pytest.mark.parametrize("more, passes", PASSES.values(), ids=PASSES)
def test_a_body_passes_that_needs_no_change(more: dict[str, Any], passes: bool) -> None:
    model = more.get("model", "gpt-4o-mini-tts")
    assert RELAY.accepts(raw(**more), model) is passes


def test_a_body_that_passes_keeps_what_it_says_as_it_was_said() -> None:
    body = raw(provider={"options": {"x": 1}})
    body["speed"] = msgspec.Raw(b"1.50")
    request = RELAY.request(body, "gpt-4o-mini-tts", {"x": 1}, CREDENTIAL)
    assert b'"speed":1.50' in request.body
    assert json.loads(request.body) == {
        "model": "gpt-4o-mini-tts", "input": "Hello.", "voice": "alloy", "speed": 1.5, "x": 1,
    }  # fmt: skip


DELTA = b'data: {"type":"speech.audio.delta","audio":"AAA="}\n\n'
DONE = b'data: {"type":"speech.audio.done","usage":{"input_tokens":3,"output_tokens":5,"total_tokens":8}}\n\n'


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_events_that_pass_are_watched_for_what_they_cost(step: int) -> None:
    watched = RELAY.stream()
    body = DELTA + DONE
    passed = b"".join(watched.feed(body[at : at + step]) for at in range(0, len(body), step))
    rest, tally = watched.close()
    assert passed + rest == body
    assert (tally.usage.input_total, tally.usage.output_total) == (3, 5)


def test_events_that_break_off_or_fail_are_no_answer() -> None:
    watched = RELAY.stream()
    assert watched.feed(DELTA + DONE[:20]) == DELTA
    with pytest.raises(StreamCut):
        watched.close()
    with pytest.raises(ProviderError, match="broke"):
        RELAY.stream().feed(b'data: {"type":"error","error":{"message":"it broke","code":"x"}}\n\n')
