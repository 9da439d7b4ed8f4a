"""What ElevenLabs' messages mean, without a network."""

import base64
import json
from typing import Any

import pytest
from elevenlabs.types import (
    CloseContext,
    CloseSocket,
    FlushContext,
    InitialiseContext,
    KeepContextAlive,
    SendTextMulti,
)

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Header, HttpResponse, Query
from integration_api.core.session import Began, Closed, HangUp, Redial, Say, Warned
from integration_api.core.tts import Manner, Sound, SpeakRequest, Spoken, SynthesisRequest, Timestamps
from integration_api.providers.elevenlabs import ELEVENLABS, client
from integration_api.providers.elevenlabs.formats import gives, named
from integration_api.providers.elevenlabs.single_tts import StreamInput
from integration_api.providers.elevenlabs.tts import MOST_CONTEXTS, MultiContext

CREDENTIAL = Credential("elevenlabs")
PCM = AudioFormat(Encoding.PCM_S16LE, 16_000)


def asked(**more: Any) -> SynthesisRequest:
    return SynthesisRequest(**{"model": "eleven_flash_v2_5", "voice": "v/1", "output": PCM, **more})


def multi(**more: Any) -> MultiContext:
    return MultiContext(asked(**more), CREDENTIAL)


def said(acts: Any) -> list[dict[str, Any]]:
    return [json.loads(act.message) for act in acts if isinstance(act, Say)]


def sound(text: str, context: str | None = "c1", *, step: int = 40, **more: Any) -> str:
    """A message with 40 ms of silence for each character."""
    times = {
        "chars": list(text),
        "charStartTimesMs": [at * step for at in range(len(text))],
        "charDurationsMs": [step] * len(text),
    }
    data = base64.b64encode(bytes(32 * step * len(text))).decode()
    return json.dumps({"audio": data, "alignment": times, "isFinal": None, "contextId": context, **more})


def final(context: str | None = "c1") -> str:
    return json.dumps({"audio": None, "isFinal": True, "contextId": context})


# --- the multi-context socket, derived from documentation ----------------------------------------


def test_what_is_asked_for_is_written_as_its_parameters() -> None:
    session = multi(manner=Manner(language="de-AT"), text_buffering="sentence", extras={"seed": 7})
    url = session.request.url
    assert url.startswith("wss://api.elevenlabs.io/v1/text-to-speech/v%2F1/multi-stream-input?model_id=")
    for part in ("output_format=pcm_16000", "auto_mode=true", "language_code=de", "seed=7",
                 "sync_alignment=true", "inactivity_timeout=180"):  # fmt: skip
        assert part in url
    assert "auto_mode" not in multi().request.url
    assert "enable_ssml_parsing=true" in multi(ssml_allowed=True).request.url


def test_every_message_is_one_of_the_sdks_types() -> None:
    session = multi(extras={"stability": 0.4}, manner=Manner(speed=1.1))
    acts = [
        *session.text("a", "One two"),
        *session.text("a", " three"),
        *session.flush("a"),
        *session.end_utterance("a"),
        *session.keep_alive.acts,
        *session.finish(),
    ]
    messages = said(acts)
    kinds = [InitialiseContext, SendTextMulti, SendTextMulti, FlushContext, FlushContext, CloseContext, None,
             CloseSocket]  # fmt: skip
    assert len(messages) == len(kinds)
    for message, kind in zip(messages, kinds, strict=True):
        if kind is not None:
            assert set(message) <= set(kind.model_fields)
            kind.model_validate(message, strict=True)
    assert messages == [
        {"text": " ", "voice_settings": {"stability": 0.4, "speed": 1.1}, "context_id": "c1"},
        {"text": "One ", "context_id": "c1"},
        {"text": "two ", "context_id": "c1"},
        {"text": "three", "flush": True, "context_id": "c1"},
        {"flush": True, "context_id": "c1"},
        {"close_context": True, "context_id": "c1"},
        {"text": ""},
        {"close_socket": True},
    ]


def test_half_a_word_waits_for_its_other_half_and_an_ideograph_does_not() -> None:
    session = multi()
    assert said(session.text("a", "Hel")) == []
    assert [one["text"] for one in said(session.text("a", "lo wor"))] == [" ", "Hello "]
    session = multi()
    assert [one["text"] for one in said(session.text("a", "你好"))] == [" ", "你好"]


def test_times_are_told_from_the_start_of_the_utterance() -> None:
    session = multi(timestamps="char")
    list(session.text("a", "Hi you. "))
    told = [*session.feed(sound("Hi ")), *session.feed(sound("you. "))]
    marks = [mark for one in told if isinstance(one, Timestamps) for mark in one.items]
    assert [mark.start_ms for mark in marks] == [0, 40, 80, 120, 160, 200, 240, 280]
    assert "".join("Hi you. "[mark.char_start : mark.char_end] for mark in marks) == "Hi you. "


def test_words_are_put_together_from_their_characters() -> None:
    session = multi(timestamps="word")
    list(session.text("a", "Hello you. "))
    list(session.end_utterance("a"))
    told = [*session.feed(sound("Hel")), *session.feed(sound("lo you.")), *session.feed(final())]
    marks = [mark for one in told if isinstance(one, Timestamps) for mark in one.items]
    assert [(one.text, one.start_ms, one.end_ms, one.char_start, one.char_end) for one in marks] == [
        ("Hello", 0, 200, 0, 5), ("you.", 240, 400, 6, 10),
    ]  # fmt: skip
    assert told[-1] == Spoken(utterance_id="a", characters=11)


def test_a_character_that_is_not_in_the_text_has_a_time_and_no_place() -> None:
    session = multi(timestamps="word")
    list(session.text("a", "5 men "))
    list(session.end_utterance("a"))
    normalized = json.loads(sound("five men"))
    normalized["normalizedAlignment"] = normalized.pop("alignment")
    told = [*session.feed(json.dumps(normalized)), *session.feed(final())]
    marks = [mark for one in told if isinstance(one, Timestamps) for mark in one.items]
    assert [(one.text, one.start_ms, one.char_start) for one in marks] == [
        ("five", 0, None),
        ("men", 200, None),
    ]


def test_either_spelling_of_a_contexts_name_is_read() -> None:
    session = multi()
    list(session.text("a", "One. "))
    message = json.loads(sound("One."))
    message["context_id"] = message.pop("contextId")
    assert isinstance(next(iter(session.feed(json.dumps(message)))), Sound)


def test_no_more_contexts_are_opened_than_are_allowed_and_zombies_count() -> None:
    session = multi()
    for place in range(MOST_CONTEXTS):
        assert said(session.text(f"u{place}", "Some text. "))
    assert said(session.text("more", "More. ")) == []
    # A context that was cancelled is closed, and counts until it says that it is.
    assert said(session.cancel("u0", None)) == [{"close_context": True, "context_id": "c1"}]
    assert said(session.text("more", "Even more. ")) == []
    assert list(session.feed(sound("late"))) == []
    opened = list(session.feed(final("c1")))
    assert [(one["text"], one["context_id"]) for one in said(opened)] == [
        (" ", "c6"), ("More. Even more. ", "c6"),
    ]  # fmt: skip
    assert not any(isinstance(one, Spoken) for one in opened)


def test_one_that_waits_is_cancelled_without_a_word_and_one_that_is_ended_is_already_closed() -> None:
    session = multi()
    for place in range(MOST_CONTEXTS):
        list(session.text(f"u{place}", "Some text. "))
    list(session.text("more", "More. "))
    assert list(session.cancel("more", None)) == []
    list(session.end_utterance("u1"))
    assert list(session.cancel("u1", None)) == []
    assert list(session.feed(sound("late", "c2"))) == []
    assert said(session.feed(final("c2"))) == []


def test_nothing_is_flushed_that_was_never_opened() -> None:
    # A flush would open a context that nobody closes.
    session = multi()
    assert list(session.flush("a")) == []
    assert list(session.end_utterance("a")) == [Spoken(utterance_id="a", characters=0)]


def test_what_waits_for_a_context_is_flushed_once_it_has_one() -> None:
    session = multi()
    for place in range(MOST_CONTEXTS):
        list(session.text(f"u{place}", "Some text. "))
    assert said(session.text("more", "More")) == []
    assert said(session.flush("more")) == []
    list(session.cancel("u0", None))
    opened = said(session.feed(final("c1")))
    assert [(one.get("text"), one.get("flush", False)) for one in opened] == [
        (" ", False), ("More", False), (None, True),
    ]  # fmt: skip


def test_a_name_that_comes_again_gets_a_context_of_its_own() -> None:
    session = multi()
    list(session.text("a", "One. "))
    list(session.cancel("a", None))
    assert {one["context_id"] for one in said(session.text("a", "Two. "))} == {"c2"}
    assert list(session.feed(sound("One.", "c1"))) == []
    assert isinstance(next(iter(session.feed(sound("Two.", "c2")))), Sound)


def test_a_context_that_ends_before_its_text_is_opened_anew() -> None:
    session = multi()
    list(session.text("a", "One. "))
    assert list(session.feed(final())) == []
    assert [(one["text"], one["context_id"]) for one in said(session.text("a", "Two. "))] == [
        (" ", "c2"), ("Two. ", "c2"),
    ]  # fmt: skip


def test_contexts_that_wait_for_text_are_kept_alive() -> None:
    session = multi()
    alive = session.keep_alive.acts
    assert said(alive) == [{"text": ""}]
    list(session.text("a", "One. "))
    assert said(alive) == [{"text": "", "context_id": "c1"}]
    KeepContextAlive.model_validate(said(alive)[0])


def test_another_speed_holds_for_what_is_begun_later_and_another_voice_is_not_to_be_had() -> None:
    session = multi(extras={"stability": 0.5})
    assert list(session.update(None, 1.2)) == []
    assert said(session.text("a", "One. "))[0]["voice_settings"] == {"stability": 0.5, "speed": 1.2}
    assert isinstance(next(iter(session.update("w", None))), Warned)


def test_what_there_is_no_word_for_is_told() -> None:
    told = list(multi(manner=Manner(pitch=2.0)).begin({}))
    assert isinstance(told[0], Began)
    assert "pitch" in told[1].message


COMPLAINTS = {
    "max_active_conversations": Kind.RATE_LIMITED,
    "input_timeout_exceeded": Kind.TIMEOUT,
    "invalid_api_key": Kind.CREDENTIAL_REJECTED,
    "quota_exceeded": Kind.QUOTA,
    "anything": Kind.UPSTREAM,
}


@pytest.mark.parametrize("code, kind", COMPLAINTS.items(), ids=COMPLAINTS)
def test_a_complaint_in_a_message_says_what_it_means(code: str, kind: Kind) -> None:
    with pytest.raises(ProviderError) as error:
        list(multi().feed(json.dumps({"message": "words", "error": code, "code": 1008})))
    assert (error.value.kind, error.value.refusal.code) == (kind, code)


CLOSES = {
    "too many": (Closed(1008, "Maximum simultaneous contexts per WebSocket connection exceeded (5)."), Kind.RATE_LIMITED),
    "named": (Closed(1008, "max_active_conversations"), Kind.RATE_LIMITED),
    "policy": (Closed(1008, "Some policy"), Kind.UPSTREAM),
    "cut": (Closed(1006), Kind.TRUNCATED),
    "early": (Closed(1000), Kind.TRUNCATED),
}  # fmt: skip


@pytest.mark.parametrize("closed, kind", CLOSES.values(), ids=CLOSES)
def test_a_close_before_its_time_says_what_it_means(closed: Closed, kind: Kind) -> None:
    with pytest.raises(ProviderError) as error:
        list(multi().close(closed))
    assert error.value.kind is kind


def test_after_the_end_was_asked_for_a_close_is_the_end() -> None:
    session = multi()
    assert said(session.finish()) == [{"close_socket": True}]
    assert list(session.close(Closed(1000))) == []


# --- one utterance a socket -----------------------------------------------------------------------


def single(**more: Any) -> StreamInput:
    return StreamInput(asked(**more), CREDENTIAL)


def test_a_socket_says_one_utterance_and_is_dialled_anew_for_the_next() -> None:
    session = single()
    assert "/stream-input?" in session.request.url
    assert said(session.begin({})) == [{"text": " "}]
    assert said(session.text("a", "One two")) == [{"text": "One "}]
    assert list(session.text("b", "Other. ")) == []
    assert said(session.end_utterance("a")) == [{"text": "two", "flush": True}, {"text": ""}]
    assert list(session.end_utterance("b")) == []
    told = [*session.feed(sound("One two", None)), *session.feed(final(None))]
    assert told[-1] == Spoken(utterance_id="a", characters=7)
    assert list(session.text("c", "Next. ")) == []
    assert list(session.close(Closed(1000))) == [Redial()]


def test_what_one_socket_says_is_stopped_by_hanging_up() -> None:
    session = single()
    list(session.text("a", "One. "))
    assert list(session.cancel("b", None)) == []
    assert list(session.cancel("a", None)) == [Redial()]
    assert list(session.text("b", "Two. ")) == []
    assert list(session.feed(sound("One.", None))) == []


def test_a_socket_that_nobody_needs_is_hung_up_on() -> None:
    session = single()
    assert list(session.finish()) == [HangUp()]
    assert list(session.close(Closed(1006))) == []
    with pytest.raises(ProviderError):
        list(single().close(Closed(1000)))


def test_which_socket_is_spoken_on_can_be_said() -> None:
    assert isinstance(ELEVENLABS.tts.synthesize(asked(), CREDENTIAL), MultiContext)
    session = ELEVENLABS.tts.synthesize(asked(extras={"multi_context": False}), CREDENTIAL)
    assert isinstance(session, StreamInput)
    assert "multi_context" not in session.request.url


# --- whole ----------------------------------------------------------------------------------------


def speak(**more: Any) -> Any:
    return ELEVENLABS.tts.speak(
        SpeakRequest(**{"model": "eleven_v3", "voice": "v", "text": "Hi you.", "output": PCM, **more}),
        CREDENTIAL,
    )


WAV = AudioFormat(Encoding.WAV, 24_000)
PATHS = {
    "/v1/text-to-speech/v/stream?output_format=pcm_16000": {},
    "/v1/text-to-speech/v/stream/with-timestamps?output_format=pcm_16000": {"timestamps": "char"},
    "/v1/text-to-speech/v?output_format=wav_24000": {"output": WAV},
    "/v1/text-to-speech/v/with-timestamps?output_format=wav_24000": {"output": WAV, "timestamps": "word"},
    "/v1/text-to-speech/v/stream?output_format=pcm_16000&enable_logging=false": {"extras": {"enable_logging": False}},
}  # fmt: skip


@pytest.mark.parametrize("path, more", PATHS.items(), ids=PATHS)
def test_each_way_of_asking_has_its_path(path: str, more: dict[str, Any]) -> None:
    assert speak(**more).request.url == "https://api.elevenlabs.io" + path


def test_what_is_said_stands_in_the_body() -> None:
    stream = speak(
        manner=Manner(speed=0.9, language="en-GB"), extras={"stability": 1.0, "previous_text": "Oh."}
    )
    assert json.loads(stream.request.body) == {
        "text": "Hi you.", "model_id": "eleven_v3", "language_code": "en",
        "voice_settings": {"stability": 1.0, "speed": 0.9}, "previous_text": "Oh.",
    }  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_lines_are_read_wherever_they_break(size: int) -> None:
    lines = b""
    for text in ("Hi ", "you."):
        times = {
            "characters": list(text),
            "character_start_times_seconds": [at * 0.04 for at in range(len(text))],
            "character_end_times_seconds": [(at + 1) * 0.04 for at in range(len(text))],
        }
        data = base64.b64encode(bytes(1280 * len(text))).decode()
        lines += json.dumps({"audio_base64": data, "alignment": times}).encode() + b"\n\n"
    stream = speak(timestamps="char")
    stream.opened({"character-cost": "7"})
    body = lines.rstrip()
    frames = [
        frame for at in range(0, len(body), size) for frame in stream.framing.feed(body[at : at + size])
    ] + [*stream.framing.feed(b"")]
    told = [event for frame in frames for event in stream.reader.feed(frame)]
    marks = [mark for one in told if isinstance(one, Timestamps) for mark in one.items]
    assert [mark.start_ms for mark in marks] == [0, 40, 80, 120, 160, 200, 240]
    assert sum(len(one.data) for one in told if isinstance(one, Sound)) == 7 * 1280
    assert list(stream.reader.close()) == [Spoken(utterance_id="0", characters=7, billed=7.0)]


def test_a_voice_is_needed_and_what_is_not_made_is_refused() -> None:
    for refused in (
        lambda: speak(voice=None),
        lambda: multi(voice=None),
        lambda: speak(output=AudioFormat(Encoding.FLAC, 24_000)),
        lambda: speak(manner=Manner(emotion="glad"), strict=True),
    ):
        with pytest.raises(Failure) as error:
            refused()
        assert error.value.kind in (Kind.INVALID_REQUEST, Kind.UNSUPPORTED)


FORMATS = {
    AudioFormat(Encoding.MULAW, 8_000): "ulaw_8000",
    AudioFormat(Encoding.ALAW, 8_000): "alaw_8000",
    AudioFormat(Encoding.MULAW, 16_000): "pcm_16000",
    AudioFormat(Encoding.PCM_S16LE, 44_100): "pcm_44100",
    AudioFormat(Encoding.PCM_S16LE, 12_000): "pcm_16000",
}


@pytest.mark.parametrize("format, name", FORMATS.items(), ids=FORMATS.values())
def test_both_agree_on_a_format_where_they_can(format: AudioFormat, name: str) -> None:
    assert named(gives(format, "eleven_v3")) == name


def test_voices_are_read_page_by_page() -> None:
    exchange = ELEVENLABS.tts.voices(CREDENTIAL)
    first = next(exchange)
    assert first.url == "https://api.elevenlabs.io/v2/voices?page_size=100"
    one = {"voice_id": "1", "name": "Ada", "labels": {"gender": "female"},
           "verified_languages": [{"language": "en", "locale": "en-US"}, {"language": "en", "locale": "en-US"}]}  # fmt: skip
    page = {"voices": [one], "has_more": True, "next_page_token": "t"}
    second = exchange.send(HttpResponse(200, {}, json.dumps(page).encode()))
    assert second.url.endswith("&next_page_token=t")
    with pytest.raises(StopIteration) as done:
        exchange.send(HttpResponse(200, {}, json.dumps({"voices": [{"voice_id": "2"}]}).encode()))
    ada, other = done.value.value
    assert (ada.name, ada.gender, ada.languages, other.name) == ("Ada", "female", ("en-US",), "2")


REFUSALS = {
    "invalid_api_key": (401, Kind.CREDENTIAL_REJECTED),
    "missing_permissions": (401, Kind.PERMISSION),
    "quota_exceeded": (401, Kind.QUOTA),
    "too_many_concurrent_requests": (429, Kind.RATE_LIMITED),
    "system_busy": (429, Kind.OVERLOADED),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_keeps_its_code_and_request_id(code: str) -> None:
    status, kind = REFUSALS[code]
    body = json.dumps({"detail": {"status": code, "message": "words"}}).encode()
    error = ELEVENLABS.fault(HttpResponse(status, {"request-id": "r1"}, body))
    assert (error.kind, error.refusal.code, error.refusal.request_id) == (kind, code, "r1")


def test_what_did_not_pass_is_told() -> None:
    body = json.dumps(
        {"detail": [{"loc": ["body", "text"], "msg": "Field required", "type": "missing"}]}
    ).encode()
    error = ELEVENLABS.fault(HttpResponse(422, {}, body))
    assert (error.kind, error.message) == (Kind.INVALID_REQUEST, "body.text: Field required")


def test_a_key_that_may_only_speak_is_good() -> None:
    exchange = ELEVENLABS.verify(CREDENTIAL)
    next(exchange)
    with pytest.raises(StopIteration):
        exchange.throw(ProviderError(Kind.PERMISSION, "missing_permissions"))


def test_a_token_signs_live_sessions_where_there_is_no_key() -> None:
    token = Credential("elevenlabs", held=frozenset({"single_use_token"}))
    assert client.socket("/v1", (), token).auth == Query("single_use_token", "single_use_token")
    both = Credential("elevenlabs", held=frozenset({"single_use_token", "key"}))
    assert client.socket("/v1", (), both).auth == Header("xi-api-key")
    assert list(ELEVENLABS.verify(token)) == []  # It is not spent on a question.
    assert len(list(ELEVENLABS.verify(both))) == 1
