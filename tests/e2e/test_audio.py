"""OpenAI's audio routes over every provider of speech, driven by the openai SDK through the running service."""

import io
import json
import re
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from lab import mouth
from lab.wave import wav
from tests.e2e.service import ADMIN_KEY, Service, running
from tests.e2e.test_isolation import other_project
from tests.e2e.test_voice import HEARD, SPEECH, TURNS, ask_lab, fresh, lab, records, service
from tests.rpc.caller import until

__all__ = ["fresh", "lab", "service"]

TEXT = " ".join(TURNS)
FILE = ("speech.wav", wav(SPEECH, 16_000), "audio/wav")
EARS = ["deepgram/nova-3", "google-speech/long", "azure-speech/fast", "openai/whisper-1"]
VOICES = [
    ("deepgram/aura-2", "aura-2-thalia-en"),
    ("azure-speech/neural", "en-US-JennyNeural"),
    ("openai/gpt-4o-mini-tts", "alloy"),
    ("elevenlabs/eleven_v3", "v"),
    ("sarvam/bulbul:v3", "shubh"),
    ("google-speech/chirp-3-hd", "en-US-Chirp3-HD-Charon"),
]


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{service.url}/v1", api_key=ADMIN_KEY, max_retries=0, timeout=300) as opened:
        yield opened


@pytest.fixture(scope="module", autouse=True)
def _openai(service: Service, lab: str) -> None:
    if not service.call("GET", "/v1/credentials?provider=openai")[1]["data"]:
        service.add_credential("openai", f"{lab}/openai/v1")


@pytest.fixture
def scripted(lab: str) -> None:
    heard = [{"heard": HEARD}] * 3
    ask_lab(lab, "PUT", "script", {model.partition("/")[0]: heard for model in EARS})


def recorded(service: Service, raw: Any) -> dict[str, Any]:
    """Return the audit record of an answer, once it is stored."""
    found = until(lambda: records(service, raw.headers["x-request-id"]))
    return found[0]


SRT = """1
00:00:00,300 --> 00:00:01,300
I would like a table

2
00:00:01,400 --> 00:00:02,200
for two please.

3
00:00:03,000 --> 00:00:03,600
At eight.

"""


@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize("model", EARS)
def test_json_is_what_the_sdk_reads(client: OpenAI, model: str) -> None:
    made = client.audio.transcriptions.create(model=model, file=FILE, language="en", prompt="A table.")
    assert made.text == TEXT
    assert made.usage is not None
    assert made.usage.type == "duration"
    # Google bills whole seconds.
    assert made.usage.seconds == (4.0 if model.startswith("google") else 3.6)


@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize("model", EARS)
def test_text_and_subtitles(client: OpenAI, model: str) -> None:
    for format, expected in (
        ("text", f"{TEXT}\n"),
        ("srt", SRT),
        ("vtt", "WEBVTT\n\n" + re.sub(r"^\d\n", "", SRT.replace(",", "."), flags=re.MULTILINE)),
    ):
        raw = client.audio.transcriptions.with_raw_response.create(
            model=model,
            file=FILE,
            response_format=format,  # type: ignore[call-overload]
        )
        assert raw.headers["content-type"] == "text/plain; charset=utf-8"
        assert raw.text == expected


@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize("model", EARS)
def test_verbose_json_has_words_and_segments_when_they_are_wanted(client: OpenAI, model: str) -> None:
    both = client.audio.transcriptions.create(
        model=model,
        file=FILE,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert (both.text, both.duration) == (TEXT, 3.6)
    assert both.language in ("en", "en-US", "english")
    assert [(one.word, one.start, one.end) for one in both.words or []][:2] == [
        ("I", 0.3, 0.5),
        ("would", 0.5, 0.7),
    ]
    assert [(one.id, one.start, one.end) for one in both.segments or []] == [
        (0, 0.3, 1.3), (1, 1.4, 2.2), (2, 3.0, 3.6),
    ]  # fmt: skip
    words = client.audio.transcriptions.create(
        model=model, file=FILE, response_format="verbose_json", timestamp_granularities=["word"]
    )
    assert words.segments is None
    usual = client.audio.transcriptions.create(model=model, file=FILE, response_format="verbose_json")
    assert usual.words is None
    assert len(usual.segments or []) == 3


def test_who_tells_only_sentences_tells_when_each_was_said(client: OpenAI, lab: str) -> None:
    ask_lab(lab, "PUT", "script", {"sarvam": [{"heard": HEARD}] * 2})
    asked = {"model": "sarvam/saaras:v3", "file": FILE, "response_format": "verbose_json"}
    made = client.audio.transcriptions.create(**asked, timestamp_granularities=["segment"])
    assert made.text == TEXT
    assert [(one.text, one.start, one.end) for one in made.segments or []][-1] == ("At eight.", 3.0, 3.6)
    plain = client.audio.transcriptions.create(model="sarvam/saarika:v2.5", file=FILE, language="hi")
    assert plain.text == TEXT


WORDS_ONLY = {
    "cartesia": "cartesia/ink-whisper",
    "a job": "assemblyai/universal-2",
    "at once": "assemblyai/universal-3-5-pro",
}


@pytest.mark.parametrize("model", WORDS_ONLY.values(), ids=WORDS_ONLY)
def test_who_tells_only_words_tells_when_each_was_said(client: OpenAI, lab: str, model: str) -> None:
    ask_lab(lab, "PUT", "script", {model.partition("/")[0]: [{"heard": HEARD}]})
    made = client.audio.transcriptions.create(
        model=model,
        file=FILE,
        language="en",
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )
    assert made.text == TEXT
    assert [(one.word, one.start, one.end) for one in made.words or []][-1] == ("eight.", 3.3, 3.6)


@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize("model", EARS)
def test_a_stream_ends_with_all_of_it(client: OpenAI, model: str) -> None:
    events = list(client.audio.transcriptions.create(model=model, file=FILE, stream=True))
    assert "".join(one.delta for one in events if one.type == "transcript.text.delta") == TEXT
    assert len(events) == 4
    assert (events[-1].type, events[-1].text) == ("transcript.text.done", TEXT)


def test_speakers_are_told_apart(client: OpenAI, lab: str) -> None:
    heard = [{**one, "speaker": place % 2} for place, one in enumerate(HEARD)]
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": heard}] * 2})
    made = client.audio.transcriptions.create(
        model="deepgram/nova-3", file=FILE, response_format="diarized_json"
    )
    assert [one.speaker for one in made.segments] == ["0", "1", "0"]
    events = list(
        client.audio.transcriptions.create(
            model="deepgram/nova-3", file=FILE, response_format="diarized_json", stream=True
        )
    )
    assert [one.text for one in events if one.type == "transcript.text.segment"] == [
        one["text"] for one in HEARD
    ]
    assert ask_lab(lab, "GET", "requests?provider=deepgram")["requests"][-1]["query"]["diarize"] == "true"


@pytest.mark.usefixtures("scripted")
def test_what_is_asked_reaches_the_provider(client: OpenAI, service: Service, lab: str) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(
        model="deepgram/nova-3",
        file=FILE,
        keywords=["table", "eight"],
        languages=["en", "de"],
        include=["logprobs"],
        extra_body={"provider": {"options": {"numerals": True}}},
    )
    request = ask_lab(lab, "GET", "requests?provider=deepgram")["requests"][-1]
    assert request["query"]["language"] == "multi"
    assert request["query"]["numerals"] == "true"
    assert request["query"]["keyterm"] in ("eight", ["table", "eight"])
    assert request["headers"]["content-type"] == "audio/wav"
    assert [one["param"] for one in json.loads(raw.headers["x-integration-warnings"])] == ["include"]
    assert raw.headers["x-integration-provider"] == "deepgram"
    assert recorded(service, raw)["audio_seconds"] == 3.6


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_translation_that_a_provider_can_not_make_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.translations.create(model="deepgram/nova-3", file=FILE)
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "translate")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "format": ({"response_format": "xml"}, "response_format"),
    "granularities": ({"timestamp_granularities": ["word"]}, "timestamp_granularities"),
    "granularity": (
        {"response_format": "verbose_json", "timestamp_granularities": ["line"]},
        "timestamp_granularities",
    ),
    "temperature": ({"temperature": 2}, "temperature"),
    "stream": ({"extra_body": {"stream": "maybe"}}, "stream"),
    "model": ({"model": ""}, "model"),
    "provider": ({"model": "nobody/x"}, "model"),
    "no ears": ({"model": "sandbox/echo"}, "model"),
    "nothing": ({"file": ("a.wav", b"", "audio/wav")}, "file"),
}


@pytest.mark.parametrize("asked, param", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(client: OpenAI, asked: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.transcriptions.create(**{"model": EARS[0], "file": FILE, **asked})
    assert refused.value.param == param


def post(service: Service, body: bytes, kind: str) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(
        f"{service.url}/v1/audio/transcriptions",
        data=body,
        headers={"authorization": f"Bearer {ADMIN_KEY}", "content-type": kind},
    )
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


FIELD = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\ndeepgram/nova-3\r\n'
SOUND = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n'
FORMS = {
    "json": (b"{}", "application/json", "invalid_form"),
    "no boundary": (FIELD + b"--b--\r\n", "multipart/form-data", "invalid_form"),
    "another boundary": (FIELD + b"--b--\r\n", "multipart/form-data; boundary=c", "invalid_form"),
    "cut": (FIELD + SOUND[:-4], "multipart/form-data; boundary=b", "invalid_form"),
    "no name": (b"--b\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b", "invalid_form"),
    "no file": (FIELD + b"--b--\r\n", "multipart/form-data; boundary=b", "missing_required_parameter"),
    "no text": (
        FIELD.replace(b"nova-3", b"\xff") + SOUND + b"--b--\r\n",
        "multipart/form-data; boundary=b",
        "invalid_form",
    ),
    "too many": (FIELD * 300 + b"--b--\r\n", "multipart/form-data; boundary=b", "invalid_form"),
    "a header too long": (
        FIELD.replace(b"\r\n\r\n", b"\r\nx: " + b"y" * 9_000 + b"\r\n\r\n") + b"--b--\r\n",
        "multipart/form-data; boundary=b",
        "invalid_form",
    ),
}


@pytest.mark.parametrize("body, kind, code", FORMS.values(), ids=FORMS)
def test_a_form_that_is_none_is_refused(service: Service, body: bytes, kind: str, code: str) -> None:
    status, told = post(service, body, kind)
    assert (status, told["error"]["code"]) == (400, code)


def test_a_recording_may_be_larger_than_a_chat_and_no_larger_than_is_set(
    tmp_path_factory: pytest.TempPathFactory, lab: str
) -> None:
    small = {"LIMITS__BODY_BYTES": "1000", "LIMITS__UPLOAD_BYTES": "50000"}
    with (
        running(tmp_path_factory.mktemp("small"), **small) as service,
        OpenAI(base_url=f"{service.url}/v1", api_key=ADMIN_KEY, max_retries=0, timeout=300) as client,
    ):
        service.add_credential("deepgram", f"{lab}/deepgram", key="dg-lab-key-0123456789")
        large, larger = ("a.wav", bytes(50_000)), ("a.wav", bytes(50_001))
        assert client.audio.transcriptions.create(model="deepgram/nova-3", file=large).text
        for file in (larger, ("a.wav", bytes(6_000_000))):
            with pytest.raises(openai.APIStatusError) as refused:
                client.audio.transcriptions.create(model="deepgram/nova-3", file=file)
            assert refused.value.status_code == 413
        status, _ = service.call("POST", "/v1/embeddings", {"model": "sandbox/x", "input": "x" * 2_000})
        assert status == 413


# --- speech ---------------------------------------------------------------------------------------

SAID = "Hello, this is a test."
KINDS = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


NOT_MADE = {
    (model, format) for model in ("azure-speech/neural", "elevenlabs/eleven_v3") for format in ("aac", "flac")
} | {("google-speech/chirp-3-hd", "flac")}


@pytest.mark.parametrize("model, format", sorted(NOT_MADE))
def test_a_format_that_is_not_made_is_explained(client: OpenAI, model: str, format: Any) -> None:
    with pytest.raises(openai.BadRequestError, match=f"does not make {format}"):
        client.audio.speech.create(model=model, voice="v", input=SAID, response_format=format)


@pytest.mark.parametrize(
    "model, voice, format",
    [(*one, format) for one in VOICES for format in KINDS if (one[0], format) not in NOT_MADE],
)
def test_every_format_has_its_type(client: OpenAI, model: str, voice: str, format: Any) -> None:
    raw = client.audio.speech.with_raw_response.create(
        model=model, voice=voice, input=SAID, response_format=format
    )
    assert raw.headers["content-type"] == KINDS[format]
    assert raw.headers["transfer-encoding"] == "chunked"
    assert raw.content


@pytest.mark.parametrize("model, voice", [*VOICES, ("cartesia/sonic-3", "v")])
def test_samples_are_exact(client: OpenAI, model: str, voice: str) -> None:
    with client.audio.speech.with_streaming_response.create(
        model=model, voice=voice, input=SAID, response_format="pcm"
    ) as streamed:
        sound = b"".join(streamed.iter_bytes())
    assert sound == mouth.pcm(SAID, 24_000)
    file = client.audio.speech.create(model=model, voice=voice, input=SAID, response_format="wav").content
    with wave.open(io.BytesIO(file)) as opened:
        assert (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) == (24_000, 1, 2)
    assert file[44:] == sound


@pytest.mark.parametrize("model, voice", [*VOICES, ("cartesia/sonic-3", "v")])
def test_sound_comes_as_events_when_they_are_wanted(client: OpenAI, model: str, voice: str) -> None:
    from base64 import b64decode

    with client.audio.speech.with_streaming_response.create(
        model=model, voice=voice, input=SAID, response_format="pcm", stream_format="sse"
    ) as streamed:
        assert streamed.headers["content-type"].startswith("text/event-stream")
        events = [json.loads(line[6:]) for line in streamed.iter_lines() if line.startswith("data: ")]
    assert b"".join(b64decode(one["audio"]) for one in events[:-1]) == mouth.pcm(SAID, 24_000)
    assert {one["type"] for one in events[:-1]} == {"speech.audio.delta"}
    assert events[-1]["type"] == "speech.audio.done"
    assert set(events[-1]["usage"]) >= {"input_tokens", "output_tokens", "total_tokens"}


def test_a_model_may_name_its_voice_for_clients_that_know_no_others(
    client: OpenAI, service: Service, lab: str
) -> None:
    raw = client.audio.speech.with_raw_response.create(
        model="deepgram/aura-2@aura-2-thalia-en", voice="alloy", input=SAID, response_format="pcm"
    )
    assert raw.content == mouth.pcm(SAID, 24_000)
    assert raw.headers["x-integration-model"] == "aura-2"
    assert (
        ask_lab(lab, "GET", "requests?provider=deepgram")["requests"][-1]["query"]["model"]
        == "aura-2-thalia-en"
    )
    assert recorded(service, raw)["model"] == "aura-2"


def test_a_model_that_is_a_voice_needs_no_other(client: OpenAI, service: Service) -> None:
    raw = client.audio.speech.with_raw_response.create(
        model="deepgram/aura-2-thalia-en", voice="", input=SAID, response_format="pcm"
    )
    assert raw.content == mouth.pcm(SAID, 24_000)
    assert recorded(service, raw)["characters"] == len(SAID)


UNSAID = {
    "no text": ({"input": ""}, 400, "invalid_value"),
    "too fast": ({"speed": 9}, 400, "invalid_value"),
    "format": ({"response_format": "gsm"}, 400, "invalid_value"),
    "too long": ({"input": "a" * 100_001}, 400, "string_above_max_length"),
    "no voices": ({"model": "sandbox/echo"}, 400, "unsupported_operation"),
    "too long for it": ({"input": "a" * 2_001}, 413, None),
}


@pytest.mark.parametrize("asked, status, code", UNSAID.values(), ids=UNSAID)
def test_what_can_not_be_said_is_explained(
    client: OpenAI, asked: dict[str, Any], status: int, code: str | None
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        client.audio.speech.create(**{"model": VOICES[0][0], "voice": VOICES[0][1], "input": SAID, **asked})
    assert refused.value.status_code == status
    assert code is None or refused.value.code == code


OWN = {"model": "openai/gpt-4o-mini-tts", "input": SAID, "voice": "alloy"}


def spoken_raw(service: Service, body: bytes) -> tuple[dict[str, str], bytes]:
    """Post a body as it is; return the answer's headers and all of it."""
    headers = {"authorization": f"Bearer {ADMIN_KEY}", "content-type": "application/json"}
    request = urllib.request.Request(f"{service.url}/v1/audio/speech", data=body, headers=headers)
    with urllib.request.urlopen(request) as reply:
        return {name.lower(): value for name, value in reply.headers.items()}, reply.read()


def test_openais_own_speech_passes_through_as_it_comes(service: Service, lab: str) -> None:
    asked = {
        **OWN,
        "response_format": "wav",
        "instructions": "calm",
        "provider": {"options": {"speed": 1.25}},
    }
    body = json.dumps(asked).replace("calm", "c\\u0061lm").encode()
    headers, file = spoken_raw(service, body)
    sent = ask_lab(lab, "GET", "requests?provider=openai")["requests"][-1]
    assert "c\\u0061lm" in sent["text"]
    assert json.loads(sent["text"]) == {
        **OWN, "model": "gpt-4o-mini-tts", "response_format": "wav", "instructions": "calm", "speed": 1.25,
    }  # fmt: skip
    # The file is OpenAI's: it says how long it is, as one of ours that is still being made can not.
    assert file == wav(mouth.pcm(SAID, 24_000), 24_000)
    assert (headers["content-type"], headers["transfer-encoding"]) == ("audio/wav", "chunked")
    assert until(lambda: records(service, headers["x-request-id"]))[0]["characters"] == len(SAID)


def test_openais_own_events_of_speech_pass_through_with_what_they_cost(service: Service, lab: str) -> None:
    body = json.dumps({**OWN, "response_format": "pcm", "stream_format": "sse"}).encode()
    headers, told = spoken_raw(service, body)
    assert ask_lab(lab, "GET", "requests?provider=openai")["requests"][-1]["body"]["stream_format"] == "sse"
    *_, last = (json.loads(line[6:]) for line in told.splitlines() if line)
    assert last["usage"]["input_tokens"] == len(SAID)
    kept = until(lambda: records(service, headers["x-request-id"]))[0]
    assert (kept["input_tokens"], kept["output_tokens"]) == (len(SAID), last["usage"]["output_tokens"])


def test_what_openai_would_not_take_is_made_what_it_takes(service: Service, lab: str) -> None:
    older = {**OWN, "model": "openai/tts-1", "response_format": "pcm", "stream_format": "sse"}
    _, told = spoken_raw(service, json.dumps(older).encode())
    assert told.count(b"speech.audio.done") == 1
    assert "stream_format" not in ask_lab(lab, "GET", "requests?provider=openai")["requests"][-1]["body"]
    headers, _ = spoken_raw(service, json.dumps({**OWN, "language": "en"}).encode())
    assert "language" not in ask_lab(lab, "GET", "requests?provider=openai")["requests"][-1]["body"]
    assert headers["content-type"] == "audio/mpeg"


@pytest.mark.parametrize("events", [False, True])
def test_openais_speech_that_breaks_off_is_not_taken_for_whole(
    client: OpenAI, lab: str, events: bool
) -> None:
    ask_lab(lab, "PUT", "faults", {"openai": [{"end": "reset"}]})
    more: dict[str, Any] = {"stream_format": "sse"} if events else {}
    asked = {**OWN, "response_format": "pcm", **more}
    with client.audio.speech.with_streaming_response.create(**asked) as streamed:
        if events:
            assert b"speech.audio.done" not in (told := streamed.read())
            assert b'"error"' in told
        else:
            with pytest.raises(Exception, match=r"incomplete|closed|reset"):
                streamed.read()


def test_sound_that_breaks_off_is_not_taken_for_whole(client: OpenAI, lab: str) -> None:
    ask_lab(lab, "PUT", "faults", {"deepgram": [{"end": "reset"}]})
    with (
        pytest.raises(Exception, match=r"incomplete|closed|reset"),
        client.audio.speech.with_streaming_response.create(
            model=VOICES[0][0], voice=VOICES[0][1], input=SAID, response_format="pcm"
        ) as streamed,
    ):
        b"".join(streamed.iter_bytes())


@pytest.mark.usefixtures("scripted")
@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_what_is_heard_is_written_in_english_where_that_can_be_done(client: OpenAI) -> None:
    made = client.audio.translations.create(
        model="openai/whisper-1", file=FILE, response_format="verbose_json"
    )
    assert (made.text, made.duration) == (TEXT, 3.6)


@pytest.mark.usefixtures("scripted")
def test_openais_own_events_pass_through_as_they_come(client: OpenAI, service: Service, lab: str) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(
        model="openai/gpt-4o-transcribe",
        file=FILE,
        stream=True,
        include=["logprobs"],
        extra_body={"temperature": 0},
    )
    assert "x-integration-warnings" not in raw.headers
    events = list(raw.parse())
    assert [one.delta for one in events[:-1]] == [
        word if place == 0 else f" {word}" for place, word in enumerate(TEXT.split(" "))
    ]
    assert (events[-1].text, events[-1].usage.input_tokens) == (TEXT, 36)
    sent = ask_lab(lab, "GET", "requests?provider=openai")["requests"][-1]
    assert sent["headers"]["content-type"].startswith("multipart/form-data")
    assert recorded(service, raw)["input_tokens"] == 36


def test_a_stream_that_breaks_off_says_so(client: OpenAI, lab: str) -> None:
    ask_lab(lab, "PUT", "faults", {"openai": [{"end": "reset"}]})
    with pytest.raises(openai.APIError):
        list(client.audio.transcriptions.create(model="openai/gpt-4o-transcribe", file=FILE, stream=True))


def test_openais_refusal_is_told_with_its_reason(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.transcriptions.create(model="openai/gpt-4o-transcribe", file=FILE, response_format="srt")
    assert refused.value.param == "response_format"


@pytest.mark.usefixtures("scripted")
def test_a_model_is_paid_in_tokens(client: OpenAI) -> None:
    made = client.audio.transcriptions.create(model="openai/gpt-4o-transcribe", file=FILE)
    assert made.usage is not None
    assert made.usage.type == "tokens"
    assert made.usage.input_token_details is not None
    assert made.usage.input_token_details.audio_tokens == 36


def test_the_voices_of_an_account_are_listed(service: Service) -> None:
    status, told = service.call("GET", "/v1/voices?provider=elevenlabs")
    assert status == 200
    assert [one["name"] for one in told["data"]] == ["Ada", "Grace", "Alan"]
    status, told = service.call("GET", "/v1/voices?provider=deepgram")
    assert [(one["id"], one["gender"]) for one in told["data"]] == [
        ("aura-2-thalia-en", "feminine"), ("aura-angus-en", "masculine"),
    ]  # fmt: skip
    status, told = service.call("GET", "/v1/voices?provider=sarvam")
    assert {(one["id"], *one["models"]) for one in told["data"]} >= {
        ("shubh", "bulbul:v3"), ("anushka", "bulbul:v2"),
    }  # fmt: skip


def test_voices_are_listed_where_a_provider_tells_them(service: Service) -> None:
    status, told = service.call("GET", "/v1/voices?provider=openai")
    assert status == 200
    assert {(one["provider"], one["id"]) for one in told["data"]} >= {
        ("openai", "alloy"),
        ("openai", "cedar"),
    }
    status, told = service.call("GET", "/v1/voices?provider=sandbox")
    assert (status, told["error"]["code"]) == (400, "unsupported_operation")
    status, told = service.call("GET", "/v1/voices")
    assert (status, told["object"]) == (200, "list")
    assert any(one["id"] == "alloy" for one in told["data"])


# --- other projects -------------------------------------------------------------------------------


def written_down(client: OpenAI, headers: dict[str, str]) -> None:
    client.audio.transcriptions.create(model=EARS[0], file=FILE, extra_headers=headers)


def spoken(client: OpenAI, headers: dict[str, str]) -> None:
    client.audio.speech.create(model=VOICES[0][0], voice=VOICES[0][1], input=SAID, extra_headers=headers)


def test_another_projects_credential_is_nobodys(service: Service) -> None:
    mine = service.call("GET", "/v1/credentials?provider=deepgram")[1]["data"][0]["id"]
    stranger = other_project(service)
    with OpenAI(base_url=f"{service.url}/v1", api_key=stranger, max_retries=0, timeout=300) as theirs:
        for ask in (written_down, spoken):
            for id, code in (
                (mine, "credential_not_found"), ("1", "credential_not_found"), (None, "credential_missing"),
            ):  # fmt: skip
                with pytest.raises(openai.APIStatusError) as refused:
                    ask(theirs, {"x-credential-id": id} if id else {})
                assert refused.value.code == code
    assert service.call("GET", "/v1/voices", key=stranger)[1] == {"object": "list", "data": []}
