"""What Sarvam's messages mean, without a network. No recording of its sockets or short transcripts is known."""

import base64
import json
from typing import Any

import pytest

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import HttpResponse
from integration_api.core.session import Began, Closed, HangUp, Redial, Say, Warned
from integration_api.core.stt import (
    Endpointing,
    Final,
    Heard,
    Interim,
    ListenRequest,
    SpeechStarted,
    TranscribeRequest,
    Update,
    UtteranceEnd,
)
from integration_api.core.tts import Flushed, Manner, Sound, SpeakRequest, Spoken, SynthesisRequest
from integration_api.core.utterances import Utterances
from integration_api.providers.sarvam import SARVAM, Bulbul
from integration_api.providers.sarvam.stt import Legacy

CREDENTIAL = Credential("sarvam")
PCM = AudioFormat(Encoding.PCM_S16LE, 16_000)


def listen(model: str = "saaras:v3-realtime", **more: Any) -> Any:
    return SARVAM.stt.listen(ListenRequest(model=model, **more), CREDENTIAL, Utterances())


def said(acts: Any) -> list[dict[str, Any]]:
    return [json.loads(act.message) for act in acts if isinstance(act, Say)]


def event(name: str, **more: Any) -> str:
    return json.dumps({"event": name, **more})


def message(kind: str, **data: Any) -> str:
    return json.dumps({"type": kind, "data": data})


# --- the newer socket -----------------------------------------------------------------------------


def test_each_model_has_its_socket() -> None:
    assert "/speech-to-text-realtime/ws?" in listen("saaras:v4").request.url
    assert "/speech-to-text/ws?" in listen("saarika:v2.5").request.url
    assert "/speech-to-text-translate/ws?" in listen("saaras:v2.5").request.url


def test_odia_is_called_otherwise_on_the_newer_socket_and_one_name_has_a_hyphen() -> None:
    assert "language_code=or-IN" in listen(languages=("od-IN",)).request.url
    assert "language-code=od-IN" in listen("saaras:v3", languages=("or",)).request.url
    assert "language_code=auto" in listen().request.url
    assert "language-code=unknown" in listen("saaras:v3", languages=("hi", "en")).request.url
    told = list(listen("saaras:v3").feed(message("data", transcript="x", language_code="od-IN")))
    assert next(one for one in told if isinstance(one, Final)).language == "or-IN"


def test_a_translator_is_told_what_to_expect_and_may_be_told_anew() -> None:
    session = listen("saaras:v2.5", keyterms=("Bulbul", "Saaras"), extras={"high_vad_sensitivity": True})
    assert "prompt" not in session.request.url
    assert "high_vad_sensitivity=true" in session.request.url
    assert said(session.begin({})) == [{"type": "config", "prompt": "Bulbul, Saaras"}]
    own = listen("saaras:v2.5", keyterms=("Bulbul",), extras={"prompt": "About birds."})
    assert said(own.begin({})) == [{"type": "config", "prompt": "About birds."}]
    assert "prompt" not in own.request.url
    assert said(session.update(Update(keyterms=("Mayura",)))) == [{"type": "config", "prompt": "Mayura"}]
    (refused,) = session.update(Update(languages=("hi",)))
    assert refused.code == "unsupported_update"
    assert said(listen("saarika:v2.5", keyterms=("Bulbul",)).begin({})) == []


def test_a_turn_is_its_partials_its_final_and_its_end() -> None:
    session = listen()
    told = [
        *session.feed(event("session.begin", request_id="r", config={})),
        *session.feed(event("vad.speech_start", utterance_idx=0)),
        *session.feed(event("transcript.partial", utterance_idx=0, text="One")),
        *session.feed(event("transcript.partial", utterance_idx=0, text="One two")),
        *session.feed(event("vad.speech_end", utterance_idx=0)),
        *session.feed(event("transcript.final", utterance_idx=0, text="One two.", start_s=0.2, end_s=1.25)),
        *session.feed(event("session.end", request_id="r", audio_duration_s=3.0)),
    ]
    assert [type(one) for one in told] == [Began, SpeechStarted, Interim, Interim, Final, UtteranceEnd, Heard]
    final, end, heard = told[-3:]
    assert (final.text, final.start_ms, final.end_ms, final.confidence) == ("One two.", 200, 1250, None)
    assert (end.text, end.reason) == ("One two.", "provider")
    assert heard.audio_ms == 3000


def test_a_final_that_was_asked_for_says_so() -> None:
    session = listen()
    assert said(session.finalize()) == [{"event": "flush"}]
    told = list(session.feed(event("transcript.final", utterance_idx=0, text="One")))
    assert (told[-2].from_finalize, told[-1].reason) == (True, "finalize")


def test_a_final_that_nothing_answered_is_not_the_next_turns() -> None:
    for session, start, final in (
        (listen(), event("vad.speech_start"), event("transcript.final", text="One")),
        (
            listen("saaras:v3"),
            message("events", signal_type="START_SPEECH"),
            message("data", transcript="One"),
        ),
    ):
        list(session.finalize())
        told = [*session.feed(start), *session.feed(final)]
        assert (told[-2].from_finalize, told[-1].reason) == (False, "provider")


def test_turns_by_hand_begin_when_the_last_one_ends() -> None:
    session = listen(endpointing=Endpointing(mode="client"))
    assert "endpointing=manual" in session.request.url
    assert said(session.feed(event("session.begin", request_id="r"))) == [{"event": "speech_start"}]
    assert said(session.finalize()) == [{"event": "speech_end"}, {"event": "speech_start"}]
    assert said(session.finish()) == [{"event": "speech_end"}, {"event": "end"}]


def test_keyterms_are_one_json_list_and_only_for_who_knows_them() -> None:
    assert "keyterms=%5B%22New+Delhi%22%5D" in listen("saaras:v4", keyterms=("New Delhi",)).request.url
    assert "keyterms" not in listen(keyterms=("New Delhi",)).request.url
    assert isinstance(next(iter(listen().update(Update(keyterms=("a",))))), Warned)


def test_what_can_be_changed_is() -> None:
    change = Update(languages=("or-IN",), endpointing=Endpointing(silence_ms=500))
    assert said(listen().update(change)) == [
        {"event": "config.update", "language_code": "or-IN", "silence_duration_ms": 500}
    ]


def test_an_error_is_the_end_only_where_it_says_so() -> None:
    session = listen()
    assert list(session.feed(event("error", code="invalid_config", is_fatal=False, message="no"))) == [
        Warned("invalid_config", "no")
    ]
    with pytest.raises(ProviderError) as error:
        list(session.feed(event("error", code="x", is_fatal=True, message="no", status_code=408)))
    assert error.value.kind is Kind.TIMEOUT


CLOSES = {
    "key": (Closed(1003, "Invalid subscription key"), Kind.CREDENTIAL_REJECTED),
    "quota": (Closed(1003, "Quota exhausted"), Kind.QUOTA),
    "rate": (Closed(1003, "Rate limit exceeded"), Kind.RATE_LIMITED),
    "silent": (Closed(1008), Kind.TIMEOUT),
    "broken": (Closed(1011), Kind.UPSTREAM),
    "parameters": (Closed(4000, "invalid model"), Kind.INVALID_REQUEST),
    "cut": (Closed(1006), Kind.TRUNCATED),
    "early": (Closed(1000), Kind.TRUNCATED),
}


@pytest.mark.parametrize("closed, kind", CLOSES.values(), ids=CLOSES)
def test_a_close_before_its_time_says_what_it_means(closed: Closed, kind: Kind) -> None:
    for session in (listen(), listen("saaras:v3"), bulbul()):
        with pytest.raises(ProviderError) as error:
            list(session.close(closed))
        assert error.value.kind is kind


TAKEN = {
    ("saaras:v4", AudioFormat(Encoding.MULAW, 8_000)): AudioFormat(Encoding.MULAW, 8_000),
    ("saaras:v4", AudioFormat(Encoding.PCM_S16LE, 48_000, 2)): PCM,
    ("saaras:v3-realtime", AudioFormat(Encoding.ALAW, 11_025)): AudioFormat(Encoding.PCM_S16LE, 8_000),
    ("saaras:v3", AudioFormat(Encoding.MULAW, 8_000)): PCM,
}


@pytest.mark.parametrize("model, format", TAKEN)
def test_sound_is_taken_as_it_is_where_it_can_be(model: str, format: AudioFormat) -> None:
    assert SARVAM.stt.takes(format, model) == TAKEN[model, format]


# --- the older socket -----------------------------------------------------------------------------


def test_sound_is_wav_by_name_whatever_it_is() -> None:
    assert said(listen("saaras:v3").audio(b"\1\2")) == [
        {"audio": {"data": "AQI=", "sample_rate": 16_000, "encoding": "audio/wav"}}
    ]


def test_a_turn_on_the_older_socket_is_one_transcript() -> None:
    session = listen("saaras:v3")
    assert isinstance(session, Legacy)
    assert not session.capabilities.interim
    told = [
        *session.feed(message("events", event_type="vad", signal_type="START_SPEECH", occured_at=1.0)),
        *session.feed(message("events", event_type="vad", signal_type="END_SPEECH", occured_at=2.0)),
        *session.feed(
            message("data", request_id="r", transcript="One two.", metrics={"audio_duration": 1.0})
        ),
    ]
    assert [type(one) for one in told] == [SpeechStarted, Final, UtteranceEnd]


def test_a_turn_that_begins_before_the_text_of_the_last_is_there_is_told_behind_it() -> None:
    session = listen("saaras:v3")
    signals = ("START_SPEECH", "END_SPEECH", "START_SPEECH")
    early = [one for signal in signals for one in session.feed(message("events", signal_type=signal))]
    told = [*early, *session.feed(message("data", transcript="One."))]
    told += [
        *session.feed(message("events", signal_type="END_SPEECH")),
        *session.feed(message("data", transcript="Two.")),
    ]
    assert [type(one) for one in told] == 2 * [SpeechStarted, Final, UtteranceEnd]


def test_the_older_socket_is_hung_up_on_when_nothing_more_is_heard() -> None:
    session = listen("saaras:v3")
    assert said(session.keep_alive.acts)[0]["audio"]["data"]
    assert said(session.finish()) == [{"type": "flush"}]
    # What was said before the end may still be on its way: each transcript gives the next one time.
    assert said(session.feed(message("data", transcript="One."))) == [{"type": "flush"}]
    assert list(session.keep_alive.acts) == [HangUp()]
    assert list(session.close(Closed(1006))) == []


def test_speech_that_the_older_socket_never_answered_is_told_of_at_the_end() -> None:
    session = listen("saaras:v3")
    list(session.feed(message("events", event_type="vad", signal_type="START_SPEECH", occured_at=1.0)))
    list(session.finish())
    # A flush has to be answered for it: that is waited for.
    assert HangUp() not in session.keep_alive.acts
    (warned,) = session.close(Closed(1006))
    assert isinstance(warned, Warned)
    assert warned.code == "unanswered_speech"


def test_what_the_older_socket_announced_is_answered_by_an_empty_text_too() -> None:
    session = listen("saaras:v3")
    list(session.finish())
    list(session.feed(message("events", event_type="vad", signal_type="START_SPEECH", occured_at=1.0)))
    assert HangUp() not in session.keep_alive.acts
    assert said(session.feed(message("data", transcript=""))) == [{"type": "flush"}]
    assert list(session.keep_alive.acts) == [HangUp()]
    assert list(session.close(Closed(1006))) == []


def test_an_error_on_the_older_socket_says_what_it_means() -> None:
    with pytest.raises(ProviderError) as error:
        list(listen("saaras:v3").feed(message("error", error="words", code="rate_limit_exceeded_error")))
    assert (error.value.kind, error.value.message) == (Kind.RATE_LIMITED, "words")


# --- recordings -----------------------------------------------------------------------------------


def asked(**more: Any) -> Any:
    exchange = SARVAM.stt.transcribe(
        TranscribeRequest(**{"model": "saaras:v3", "audio": b"RIFF", **more}), CREDENTIAL
    )
    return exchange, next(exchange)


def test_a_recording_goes_as_a_form_and_sentences_come_back() -> None:
    exchange, request = asked(languages=("hi-IN",), segment_timestamps=True, translate=True)
    assert request.url == "https://api.sarvam.ai/speech-to-text"
    for part in (b'name="mode"\r\n\r\ntranslate', b'name="with_timestamps"\r\n\r\ntrue',
                 b'name="language_code"\r\n\r\nhi-IN', b'name="file"; filename="audio.wav"'):  # fmt: skip
        assert part in request.body
    answer = {
        "request_id": "r", "transcript": "One. Two.", "language_code": "hi-IN",
        "timestamps": {"words": ["One.", "Two."], "start_time_seconds": [0.0, 1.0], "end_time_seconds": [1.0, 2.5]},
    }  # fmt: skip
    with pytest.raises(StopIteration) as done:
        exchange.send(HttpResponse(200, {}, json.dumps(answer).encode()))
    told = done.value.value
    assert (told.text, told.language, told.words) == ("One. Two.", "hi-IN", ())
    assert [(one.text, one.start_ms, one.end_ms) for one in told.segments] == [
        ("One.", 0, 1000),
        ("Two.", 1000, 2500),
    ]


def test_the_first_translator_has_an_address_of_its_own() -> None:
    _, request = asked(model="saaras:v2.5", prompt="names")
    assert request.url.endswith("/speech-to-text-translate")
    assert b"language_code" not in request.body


def test_what_a_recording_can_not_be_asked_for_is_refused() -> None:
    with pytest.raises(Failure):
        asked(diarize=True, strict=True)


def test_samples_that_are_not_taken_bare_are_sent_as_a_file() -> None:
    _, request = asked(format=PCM, audio=b"\1\2")
    assert b'name="input_audio_codec"\r\n\r\npcm_s16le' in request.body
    assert b"RIFF" not in request.body
    _, request = asked(format=AudioFormat(Encoding.MULAW, 8_000), audio=b"\1\2")
    assert b"input_audio_codec" not in request.body
    assert b"audio/wav\r\n\r\nRIFF" in request.body


# --- voices ---------------------------------------------------------------------------------------


def bulbul(**more: Any) -> Bulbul:
    return Bulbul(
        SynthesisRequest(**{"model": "bulbul:v3", "voice": "Shubh", "output": PCM, **more}), CREDENTIAL
    )


def test_the_first_message_says_how_it_is_all_to_be_said() -> None:
    session = bulbul(manner=Manner(language="or-IN", speed=1.2, pitch=1.0), extras={"min_buffer_size": 30})
    assert (
        session.request.url
        == "wss://api.sarvam.ai/text-to-speech/ws?model=bulbul%3Av3&send_completion_event=true"
    )
    began, warned, config = session.begin({})
    assert isinstance(began, Began)
    assert "pitch" in warned.message
    assert said([config]) == [{"type": "config", "data": {
        "language_code": "od-IN", "speaker": "shubh", "pace": 1.2, "speech_sample_rate": 16_000,
        "output_audio_codec": "linear16", "min_buffer_size": 30,
    }}]  # fmt: skip
    persona = said(bulbul(voice="simran_hi_customer").begin({}))
    assert persona[0]["data"]["language_code"] == "hi-IN"


def test_utterances_are_spoken_one_after_another_and_each_is_flushed() -> None:
    session = bulbul()
    assert said(session.text("a", "One.")) == [{"type": "text", "data": {"text": "One."}}]
    assert list(session.text("b", "Two.")) == []
    assert list(session.end_utterance("b")) == []
    assert said(session.end_utterance("a")) == [{"type": "flush"}]
    sound = message("audio", content_type="audio/linear16", audio=base64.b64encode(b"\1\2").decode())
    assert list(session.feed(sound)) == [Sound("a", b"\1\2")]
    told = list(session.feed(message("event", event_type="final")))
    assert told[0] == Spoken(utterance_id="a", characters=4)
    assert [one["type"] for one in said(told)] == ["text", "flush"]
    assert list(session.feed(sound)) == [Sound("b", b"\1\2")]


def test_a_flush_is_told_of_and_the_end_waits_for_all_of_them() -> None:
    session = bulbul()
    list(session.text("a", "One. "))
    assert said(session.flush("a")) == [{"type": "flush"}]
    assert list(session.flush("a")) == []
    list(session.text("a", "Two."))
    final = message("event", event_type="final")
    assert list(session.feed(final)) == [Flushed("a")]
    list(session.flush("a"))
    # Nothing is left to flush: the end is what is still to come.
    assert list(session.end_utterance("a")) == []
    assert list(session.feed(final)) == [Spoken(utterance_id="a", characters=9)]


def test_it_is_stopped_by_hanging_up() -> None:
    session = bulbul()
    list(session.text("a", "One."))
    list(session.text("b", "Two."))
    assert list(session.cancel("b", None)) == []
    assert list(session.cancel("a", None)) == [Redial()]
    assert list(session.text("c", "Three.")) == []
    assert list(session.feed(message("audio", audio="AAAA"))) == []
    assert list(session.close(Closed(1006))) == []


def test_no_text_is_longer_than_it_takes() -> None:
    lengths = [len(one["data"]["text"]) for one in said(bulbul(model="bulbul:v2").text("a", "x" * 3100))]
    assert lengths == [1500, 1500, 100]


def test_another_voice_or_speed_holds_at_once() -> None:
    told = said(bulbul().update("Ritu", 0.9))
    assert (told[0]["data"]["speaker"], told[0]["data"]["pace"]) == ("ritu", 0.9)


def test_an_error_to_a_voice_keeps_its_request() -> None:
    with pytest.raises(ProviderError) as error:
        list(bulbul().feed(message("error", message="words", code=422, request_id="r1")))
    assert (error.value.kind, error.value.refusal.request_id) == (Kind.INVALID_REQUEST, "r1")


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_file_comes_in_json_and_other_sound_as_it_is_made(size: int) -> None:
    output = AudioFormat(Encoding.WAV, 24_000)
    ask = SpeakRequest(model="bulbul:v3", voice="shubh", text="Hello", output=output)
    stream = SARVAM.tts.speak(ask, CREDENTIAL)
    assert stream.request.url == "https://api.sarvam.ai/text-to-speech"
    assert json.loads(stream.request.body) == {
        "text": "Hello", "model": "bulbul:v3", "language_code": "en-IN", "speaker": "shubh",
        "speech_sample_rate": 24_000, "output_audio_codec": "wav",
    }  # fmt: skip
    body = json.dumps({"request_id": "r", "audios": [base64.b64encode(b"RIFFxyz").decode()]}).encode()
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    frames = [frame for chunk in [*chunks, b""] for frame in stream.framing.feed(chunk)]
    told = [one for frame in frames for one in stream.reader.feed(frame)]
    assert told == [Sound("0", b"RIFFxyz")]
    assert list(stream.reader.close()) == [Spoken(utterance_id="0", characters=5)]
    raw = SARVAM.tts.speak(SpeakRequest(model="bulbul:v3", voice=None, text="a", output=PCM), CREDENTIAL)
    assert raw.request.url.endswith("/text-to-speech/stream")


REFUSALS = {
    "invalid_api_key_error": (403, Kind.CREDENTIAL_REJECTED),
    "authentication_error": (401, Kind.CREDENTIAL_REJECTED),
    "insufficient_quota_error": (429, Kind.QUOTA),
    "rate_limit_exceeded_error": (429, Kind.RATE_LIMITED),
    "unprocessable_entity_error": (422, Kind.INVALID_REQUEST),
    "model_call_error": (500, Kind.UPSTREAM),
    "gateway_timeout_error": (504, Kind.TIMEOUT),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_keeps_its_code_and_request_id(code: str) -> None:
    status, kind = REFUSALS[code]
    body = json.dumps({"error": {"message": "words", "code": code, "request_id": "r1"}}).encode()
    error = SARVAM.fault(HttpResponse(status, {}, body))
    assert (error.kind, error.refusal.code, error.refusal.request_id) == (kind, code, "r1")


def test_a_handshake_that_is_forbidden_is_a_key_that_is_not_known() -> None:
    assert SARVAM.fault(HttpResponse(403, {}, b"")).kind is Kind.CREDENTIAL_REJECTED
