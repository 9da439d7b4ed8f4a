"""What Google's speech services are told and what they say, without a network."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from google.cloud.speech_v2.types import cloud_speech as sdk
from google.cloud.texttospeech_v1.types import cloud_tts as tts

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Bearer, GoogleToken, Header, HttpResponse
from integration_api.core.session import Began, Closed, HalfClose, HangUp, Redial, Say
from integration_api.core.stt import Endpointing, Final, Interim, ListenRequest, TranscribeRequest
from integration_api.core.tts import Manner, Sound, SpeakRequest, Spoken, SynthesisRequest
from integration_api.core.utterances import Utterances
from integration_api.proto import google_speech_pb2 as wire
from integration_api.providers.google_speech import GOOGLE_SPEECH, batch_stt
from integration_api.providers.google_speech.rest_tts import samples
from integration_api.providers.google_speech.stt import LONG_MS, LONGEST_MS, GoogleEar
from integration_api.providers.google_speech.tts import GoogleVoice
from lab.wave import wav

CREDENTIAL = Credential("google-speech", {"project_id": "p-1"}, held=frozenset({"key"}))
FOLDER = Path(os.environ.get("REFERENCE_DIR", "")) / "traffic/google-speech/stt-batch"
RECORDED = sorted(FOLDER.glob("*.json")) if os.environ.get("REFERENCE_DIR") else []


def ear(credential: Credential = CREDENTIAL, so_far: Utterances | None = None, **asked: Any) -> GoogleEar:
    return GoogleEar(ListenRequest(**{"model": "chirp_3", **asked}), credential, so_far or Utterances())


def result(text: str, *, final: bool = False, end: float = 1.0, stability: float = 0.0) -> dict[str, Any]:
    return {
        "alternatives": [{"transcript": text, "confidence": 0.9 if final else 0.0}],
        "is_final": final, "stability": stability, "result_end_offset": f"{end}s", "language_code": "en-us",
    }  # fmt: skip


def said(*results: dict[str, Any], **more: Any) -> bytes:
    """What the SDK would read as this."""
    return sdk.StreamingRecognizeResponse.serialize(
        sdk.StreamingRecognizeResponse.from_json(json.dumps({"results": results, **more}))
    )


def test_the_first_message_is_the_sdks_own_byte_for_byte() -> None:
    session = ear(
        languages=("en-US", "hi-IN"),
        word_timestamps=True,
        keyterms=("two words",),
        diarize=True,
        endpointing=Endpointing(silence_ms=200),
        extras={"denoiser_config": {"denoise_audio": True}},
    )
    first, began = session.begin({})
    assert began == Began()
    phrases = sdk.PhraseSet(phrases=[sdk.PhraseSet.Phrase(value="two words")])
    adapted = sdk.SpeechAdaptation.AdaptationPhraseSet(inline_phrase_set=phrases)
    expected = sdk.StreamingRecognizeRequest(
        recognizer="projects/p-1/locations/global/recognizers/_",
        streaming_config=sdk.StreamingRecognitionConfig(
            config=sdk.RecognitionConfig(
                explicit_decoding_config=sdk.ExplicitDecodingConfig(
                    encoding=sdk.ExplicitDecodingConfig.AudioEncoding.LINEAR16,
                    sample_rate_hertz=16_000,
                    audio_channel_count=1,
                ),
                model="chirp_3",
                language_codes=["en-US", "hi-IN"],
                features=sdk.RecognitionFeatures(
                    enable_word_time_offsets=True,
                    enable_word_confidence=True,
                    enable_automatic_punctuation=True,
                    diarization_config=sdk.SpeakerDiarizationConfig(),
                ),
                adaptation=sdk.SpeechAdaptation(phrase_sets=[adapted]),
                denoiser_config=sdk.DenoiserConfig(denoise_audio=True),
            ),
            streaming_features=sdk.StreamingRecognitionFeatures(
                enable_voice_activity_events=True,
                interim_results=True,
                endpointing_sensitivity=sdk.StreamingRecognitionFeatures.EndpointingSensitivity(2),
            ),
        ),
    )
    assert sdk.StreamingRecognizeRequest.deserialize(first.message) == expected
    sound = list(session.audio(b"\1" * 40_000))
    read = [sdk.StreamingRecognizeRequest.deserialize(one.message) for one in sound]
    assert b"".join(one.audio for one in read) == b"\1" * 40_000
    assert max(len(one.audio) for one in read) == 15_000


ENCODINGS = {
    Encoding.PCM_S16LE: "LINEAR16", Encoding.MULAW: "MULAW", Encoding.ALAW: "ALAW", Encoding.WEBM_OPUS: None,
}  # fmt: skip


@pytest.mark.parametrize("encoding, name", ENCODINGS.items())
def test_sound_is_called_what_v2_calls_it(encoding: Encoding, name: str | None) -> None:
    first = next(iter(ear(input=AudioFormat(encoding, 8_000)).begin({})))
    config = sdk.StreamingRecognizeRequest.deserialize(first.message).streaming_config.config
    if name is None:
        assert "auto_decoding_config" in config
    else:
        assert config.explicit_decoding_config.encoding.name == name


def test_a_message_that_is_none_is_an_error_that_sessions_know() -> None:
    with pytest.raises(ValueError, match="not a message"):
        ear().feed(b"{no message")


LANGUAGES = {
    ("chirp_3", ()): ["auto"], ("latest_long", ()): ["en-US"], ("latest_long", ("de-DE",)): ["de-DE"],
}  # fmt: skip


@pytest.mark.parametrize("asked, codes", LANGUAGES.items(), ids=str)
def test_only_chirp_finds_the_language_out(asked: tuple, codes: list[str]) -> None:
    first = next(iter(ear(model=asked[0], languages=asked[1]).begin({})))
    config = sdk.StreamingRecognizeRequest.deserialize(first.message).streaming_config.config
    assert list(config.language_codes) == codes


def test_the_host_is_the_recognizers_location() -> None:
    assert ear().request.url == (
        "https://speech.googleapis.com/google.cloud.speech.v2.Speech/StreamingRecognize"
    )
    there = ear(extras={"location": "eu"})
    assert there.request.url.startswith("https://eu-speech.googleapis.com/")
    assert b"projects/p-1/locations/eu/recognizers/_" in next(iter(there.begin({}))).message
    assert ear().request.auth == Header("x-goog-api-key", "key")
    account = Credential(
        "google-speech", {"project_id": "p", "region": "us-central1"}, held=frozenset({"service_account_key"})
    )
    assert isinstance(ear(account).request.auth, GoogleToken)
    token = Credential("google-speech", {"project_id": "p"}, held=frozenset({"access_token", "key"}))
    assert ear(token).request.auth == Bearer("access_token")
    assert "us-central1-speech" in ear(account).request.url


WRONG = {
    "no project": (lambda: ear(Credential("google-speech")), "missing_required_parameter"),
    "a region that is none": (lambda: ear(extras={"location": "e/u"}), "invalid_value"),
    "an option that is none": (lambda: ear(extras={"colour": 1}), "invalid_value"),
}


@pytest.mark.parametrize("ask, code", WRONG.values(), ids=WRONG)
def test_what_can_not_be_asked_is_explained(ask, code: str) -> None:
    with pytest.raises(Failure) as refused:
        ask()
    assert refused.value.code == code


def test_interims_come_in_pieces_and_are_told_whole() -> None:
    told = list(ear().feed(said(result("to be", stability=0.9), result(" or not", stability=0.1))))
    interim = next(one for one in told if isinstance(one, Interim))
    assert (interim.text, interim.language) == ("to be or not", "en-US")
    assert interim.stability == pytest.approx(0.1)


@pytest.mark.parametrize("silence_first", [False, True])
def test_a_turn_ends_when_the_voice_falls_silent_and_its_text_is_final(silence_first: bool) -> None:
    session = ear()
    silent = said(speechEventType="SPEECH_ACTIVITY_END", speechEventOffset="1.2s")
    final = said(result(" One two.", final=True))
    list(session.feed(said(speechEventType="SPEECH_ACTIVITY_BEGIN", speechEventOffset="0.5s")))
    list(session.feed(said(result("One"))))
    told = [
        one
        for message in ((silent, final) if silence_first else (final, silent))
        for one in session.feed(message)
    ]
    assert [type(one).__name__ for one in told] == ["Final", "UtteranceEnd"]
    assert (told[0].text, told[0].end_ms, told[0].confidence) == ("One two.", 1000, pytest.approx(0.9))
    assert told[1].reason == "provider"


def test_a_turn_without_interims_ends_with_its_text_though_that_comes_behind_the_silence() -> None:
    session = ear()
    begins = said(speechEventType="SPEECH_ACTIVITY_BEGIN", speechEventOffset="0.5s")
    silent = said(speechEventType="SPEECH_ACTIVITY_END", speechEventOffset="1.2s")
    noise = [one for message in (begins, silent, begins) for one in session.feed(message)]
    assert [type(one).__name__ for one in noise] == ["SpeechStarted", "SpeechStarted"]
    told = [one for message in (silent, said(result("Yes.", final=True))) for one in session.feed(message)]
    assert [(type(one).__name__, one.text) for one in told] == [("Final", "Yes."), ("UtteranceEnd", "Yes.")]


def test_noise_does_not_end_what_is_said_after_it() -> None:
    session = ear()
    begins = said(speechEventType="SPEECH_ACTIVITY_BEGIN", speechEventOffset="0.5s")
    silent = said(speechEventType="SPEECH_ACTIVITY_END", speechEventOffset="1.2s")
    for message in (begins, silent, begins):
        list(session.feed(message))
    told = [one for text in ("I would", "like") for one in session.feed(said(result(text, final=True)))]
    assert [type(one).__name__ for one in told] == ["Final", "Final"]
    (ended,) = session.feed(silent)
    assert ended.text == "I would like"


def test_finalize_is_a_half_close_and_another_call() -> None:
    so_far = Utterances()
    session = ear(so_far=so_far)
    list(session.audio(bytes(32_000)))
    assert list(session.finalize()) == [HalfClose()]
    assert list(session.finalize()) == list(session.audio(b"later")) == list(session.finish()) == []
    final = next(one for one in session.feed(said(result("One", final=True))) if isinstance(one, Final))
    assert final.from_finalize
    ended, again = session.close(Closed(0))
    assert (ended.reason, ended.text, again) == ("finalize", "One", Redial())
    following = ear(so_far=so_far)
    list(following.audio(bytes(16_000)))
    list(following.finalize())
    settled, again = following.close(Closed(0))
    assert (settled.text, settled.end_ms, settled.from_finalize, again) == ("", 500, True, Redial())


def test_before_five_minutes_the_next_final_ends_the_call() -> None:
    session = ear()
    list(session.audio(bytes(32 * (LONG_MS - 100))))
    assert Redial() not in list(session.feed(said(result("One", final=True, end=1.0))))
    list(session.audio(bytes(3200)))
    assert list(session.feed(said(result("Two", final=True))))[-1] == Redial()
    assert list(session.close(Closed(14))) == []
    hurried = ear()
    list(hurried.audio(bytes(32 * LONGEST_MS)))
    assert list(hurried.audio(bytes(320))) == [Redial()]


REDIALED = [
    Closed(11, "Exceeded maximum allowed stream duration of 305 seconds."),
    Closed(
        10,
        "Audio Timeout Error: Long duration elapsed without audio. Audio should be sent close to real time.",
    ),
]


@pytest.mark.parametrize("closed", REDIALED)
def test_where_google_has_no_patience_another_call_goes_on(closed: Closed) -> None:
    assert list(ear().close(closed)) == [Redial()]


ENDED = {
    "key": (Closed(3, "API key not valid. Please pass a valid API key."), Kind.CREDENTIAL_REJECTED),
    "token": (Closed(16, "Request had invalid authentication credentials."), Kind.CREDENTIAL_REJECTED),
    "permission": (Closed(7, "denied on resource projects/123456789"), Kind.PERMISSION),
    "quota": (Closed(8, "Quota exceeded"), Kind.RATE_LIMITED),
    "model": (Closed(3, "The model does not exist in the location"), Kind.INVALID_REQUEST),
    "away": (Closed(14, "the connection was lost"), Kind.OVERLOADED),
    "broken": (Closed(13, ""), Kind.UPSTREAM),
    "early": (Closed(0), Kind.TRUNCATED),
}


@pytest.mark.parametrize("closed, kind", ENDED.values(), ids=ENDED)
def test_an_end_before_its_time_says_what_it_means(closed: Closed, kind: Kind) -> None:
    with pytest.raises(ProviderError) as error:
        list(ear().close(closed))
    assert error.value.kind is kind
    assert "123456789" not in error.value.message


def test_after_the_end_was_asked_for_the_end_of_the_call_is_the_end() -> None:
    session = ear()
    list(session.feed(said(result("One", final=True))))
    assert list(session.finish()) == [HalfClose()]
    billed = list(session.feed(said(metadata={"totalBilledDuration": "2s"})))
    assert [one.billed_ms for one in billed] == [2000]
    assert [one.reason for one in session.close(Closed(0))] == ["stream_end"]


def test_our_messages_have_the_numbers_of_googles() -> None:
    for name, ours in wire.DESCRIPTOR.message_types_by_name.items():
        theirs = getattr(sdk, name, None) or getattr(tts, name, None)
        if name in ("Phrase", "AdaptationPhraseSet") or theirs is None:
            continue
        numbers = {field.name: (field.number, field.type) for field in theirs.pb().DESCRIPTOR.fields}
        for field in ours.fields:
            number, kind = numbers[field.name]
            enum = kind == field.TYPE_ENUM and field.type == field.TYPE_INT32
            assert (number, kind) == (field.number, kind if enum else field.type), (name, field.name)


# --- recordings ------------------------------------------------------------------------------


def test_a_recording_is_asked_for_as_the_sdk_asks() -> None:
    ask = TranscribeRequest(model="long", audio=b"RIFF", word_timestamps=True, languages=("en-US",))
    request = next(GOOGLE_SPEECH.stt.transcribe(ask, CREDENTIAL))
    assert (
        request.url
        == "https://speech.googleapis.com/v2/projects/p-1/locations/global/recognizers/_:recognize"
    )
    read = sdk.RecognizeRequest.from_json(request.body.decode())
    assert read.content == b"RIFF"
    assert read.config.features.enable_word_time_offsets
    assert "auto_decoding_config" in read.config
    with pytest.raises(Failure, match="10 MB"):
        next(
            GOOGLE_SPEECH.stt.transcribe(TranscribeRequest(model="long", audio=bytes(10_000_001)), CREDENTIAL)
        )


if RECORDED:

    @pytest.mark.parametrize("path", RECORDED, ids=[path.stem for path in RECORDED])
    def test_a_recorded_transcript_is_read_whole(path: Path) -> None:
        """The recordings are v1's, as its SDK shows them; v2 has other names for the times."""
        body = json.loads(path.read_text())["response"]["body"]
        results = body["results"]
        for one in results:
            for word in one["alternatives"][0].get("words", ()):
                for old, new in (("startTime", "startOffset"), ("endTime", "endOffset")):
                    at = word.pop(old, None) or {}
                    if isinstance(at, dict):
                        at = f"{int(at.get('seconds') or 0) + (at.get('nanos') or 0) / 1e9:.3f}s"
                    word[new] = at
            one.pop("resultEndTime", None)
        exchange = GOOGLE_SPEECH.stt.transcribe(TranscribeRequest(model="long", audio=b"x"), CREDENTIAL)
        next(exchange)
        with pytest.raises(StopIteration) as done:
            exchange.send(HttpResponse(200, {}, json.dumps({"results": results}).encode()))
        answer = done.value.value
        texts = [one["alternatives"][0].get("transcript", "").strip() for one in results]
        assert answer.text == " ".join(filter(None, texts))
        spoken = [word for one in results for word in one["alternatives"][0].get("words", ())]
        assert [word.text for word in answer.words] == [word["word"] for word in spoken]
        assert [word.end_ms for word in answer.words] == [
            batch_stt.milliseconds(word["endOffset"]) for word in spoken
        ]


@pytest.mark.parametrize("status, fine", [(200, True), (403, True), (401, False), (400, False)])
def test_a_key_is_good_even_where_its_role_may_not_list(status: int, fine: bool) -> None:
    exchange = GOOGLE_SPEECH.verify(CREDENTIAL)
    request = next(exchange)
    assert request.url.endswith("/v2/projects/p-1/locations/global/recognizers?pageSize=1")
    with pytest.raises(StopIteration if fine else ProviderError):
        if status == 200:
            exchange.send(HttpResponse(200, {}, b"{}"))
        else:
            exchange.throw(GOOGLE_SPEECH.fault(HttpResponse(status, {}, b"{}")))
    assert next(GOOGLE_SPEECH.verify(Credential("google-speech"))).url == (
        "https://texttospeech.googleapis.com/v1/voices?languageCode=en-US"
    )


def test_nothing_is_said_but_messages() -> None:
    assert all(isinstance(one, Say) for one in ear().audio(b"\0" * 640))


# --- voices ----------------------------------------------------------------------------------

CHARON = "en-US-Chirp3-HD-Charon"


def voice(**asked: Any) -> GoogleVoice:
    return GoogleVoice(SynthesisRequest(**{"model": CHARON, "voice": None, **asked}), CREDENTIAL)


def test_a_voice_is_told_what_the_sdk_would_tell_it() -> None:
    session = voice(manner=Manner(speed=1.2), output=AudioFormat(Encoding.PCM_S16LE, 16_000))
    assert session.request.url == (
        "https://texttospeech.googleapis.com/google.cloud.texttospeech.v1.TextToSpeech/StreamingSynthesize"
    )
    assert list(session.begin({})) == [Began()]
    opening, *said = session.text("a", "ü" * 3000)
    assert tts.StreamingSynthesizeRequest.deserialize(opening.message) == tts.StreamingSynthesizeRequest(
        streaming_config=tts.StreamingSynthesizeConfig(
            voice=tts.VoiceSelectionParams(language_code="en-US", name=CHARON),
            streaming_audio_config=tts.StreamingAudioConfig(
                audio_encoding=tts.AudioEncoding.PCM, sample_rate_hertz=16_000, speaking_rate=1.2
            ),
        )
    )
    texts = [tts.StreamingSynthesizeRequest.deserialize(one.message).input.text for one in said]
    assert "".join(texts) == "ü" * 3000
    assert max(len(text.encode()) for text in texts) <= 5000


def test_gemini_is_named_beside_its_voice_and_takes_instructions_once() -> None:
    session = voice(model="gemini-2.5-flash-tts", voice="Kore", manner=Manner(instructions="whisper"))
    opening, first = session.text("a", "One.")
    chosen = tts.StreamingSynthesizeRequest.deserialize(opening.message).streaming_config.voice
    assert (chosen.name, chosen.model_name) == ("Kore", "gemini-2.5-flash-tts")
    assert tts.StreamingSynthesizeRequest.deserialize(first.message).input.prompt == "whisper"
    assert b"whisper" not in next(iter(session.text("a", "Two."))).message


@pytest.mark.parametrize(
    "model, name, whole",
    [
        ("en-US-Wavenet-A", None, True),
        ("en-US-Wavenet-A", "en-US-Chirp3-HD-Charon", False),
        ("en-US-Chirp3-HD-Charon", "de-DE-Neural2-B", True),
        ("gemini-2.5-flash-tts", "Kore", False),
    ],
)
def test_only_the_newer_voices_speak_live(model: str, name: str | None, whole: bool) -> None:
    offered = GOOGLE_SPEECH.tts
    assert offered is not None
    assert offered.only_whole(model, name) is whole


def test_an_utterance_is_a_call_and_the_others_wait_for_the_next_one() -> None:
    session = voice()
    list(session.text("a", "One."))
    assert list(session.text("b", "Two.")) == list(session.end_utterance("b")) == []
    assert list(session.end_utterance("a")) == [HalfClose()]
    answer = tts.StreamingSynthesizeResponse.serialize(tts.StreamingSynthesizeResponse(audio_content=b"\1\2"))
    assert list(session.feed(answer)) == [Sound("a", b"\1\2")]
    assert list(session.close(Closed(0))) == [Spoken(utterance_id="a", characters=4), Redial()]


def test_a_cancel_ends_the_call_and_only_that_of_its_utterance() -> None:
    session = voice()
    list(session.text("a", "One."))
    assert list(session.cancel("b", None)) == []
    assert list(session.cancel("a", 100)) == [Redial()]
    assert list(session.close(Closed(14))) == []


def test_a_voice_that_waited_for_text_in_vain_is_called_again_but_not_amid_an_utterance() -> None:
    late = Closed(10, "Stream aborted due to long duration elapsed without input sent.")
    assert list(voice().close(late)) == [Redial()]
    session = voice()
    list(session.text("a", "One"))
    with pytest.raises(ProviderError):
        session.close(late)
    session = voice()
    assert list(session.finish()) == [HangUp()]
    assert list(session.close(Closed(14))) == []


def test_live_voices_take_no_ssml() -> None:
    warned, _, said = voice().text("a", "<speak>Hi</speak>", ssml=True)
    assert warned.code == "unsupported_ssml"
    assert tts.StreamingSynthesizeRequest.deserialize(said.message).input.text == "Hi"


def test_a_whole_text_is_asked_for_as_the_sdk_asks_and_comes_without_its_header() -> None:
    pcm = bytes(range(200))
    ask = SpeakRequest(
        model="en-GB-Wavenet-A", voice=None, text="<speak/>", ssml=True, manner=Manner(pitch=2.0)
    )
    stream = GOOGLE_SPEECH.tts.speak(ask, CREDENTIAL)
    read = tts.SynthesizeSpeechRequest.from_json(stream.request.body.decode())
    assert read.input.ssml == "<speak/>"
    assert (read.voice.language_code, read.voice.name) == ("en-GB", "en-GB-Wavenet-A")
    assert (read.audio_config.audio_encoding.name, read.audio_config.pitch) == ("LINEAR16", 2.0)
    answer = tts.SynthesizeSpeechResponse(audio_content=wav(pcm, 24_000))
    body = tts.SynthesizeSpeechResponse.to_json(answer).encode()
    told = []
    for chunk in (body[:30], body[30:], b""):
        for frame in stream.framing.feed(chunk):
            told += stream.reader.feed(frame)
    assert told == [Sound("0", pcm)]
    assert list(stream.reader.close()) == [Spoken(utterance_id="0", characters=8)]


def test_a_riff_file_is_read_whatever_comes_before_its_sound() -> None:
    plain = wav(b"abcd", 8_000)
    longer = plain[:36] + b"LIST\3\0\0\0xyz\0" + plain[36:]
    assert samples(plain) == samples(longer) == b"abcd"
    assert samples(b"no file") == b"no file"
    with pytest.raises(ProviderError):
        samples(plain[:36])


def test_too_long_a_text_is_refused_by_its_bytes() -> None:
    with pytest.raises(Failure, match="5000 bytes"):
        GOOGLE_SPEECH.tts.speak(SpeakRequest(model=CHARON, voice=None, text="न" * 1700), CREDENTIAL)


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("", "https://us-central1-texttospeech.googleapis.com/v1/voices"),
        (
            "https://generativelanguage.googleapis.com/v1beta/",
            "https://us-central1-texttospeech.googleapis.com/v1/voices",
        ),
        (
            "https://us-east5-aiplatform.googleapis.com",
            "https://us-central1-texttospeech.googleapis.com/v1/voices",
        ),
        (
            "https://aiplatform.eu.rep.googleapis.com",
            "https://us-central1-texttospeech.googleapis.com/v1/voices",
        ),
        ("https://a.example/google/v1beta", "https://a.example/google/v1/voices"),
        ("https://aiplatform.googleapis.com.example", "https://aiplatform.googleapis.com.example/v1/voices"),
    ],
)
def test_an_address_of_models_leads_to_speech(base: str, url: str) -> None:
    fields = {"region": "us-central1", **({"base_url": base} if base else {})}
    credential = Credential("vertexai", fields, held=frozenset({"key"}))
    assert GOOGLE_SPEECH.tts is not None
    assert GOOGLE_SPEECH.tts.voices is not None
    assert next(GOOGLE_SPEECH.tts.voices(credential)).url == url


BLOCKED = (
    "Requests to this API speech.googleapis.com method google.cloud.speech.v1.Speech.Recognize are blocked."
)


def test_a_key_that_is_for_models_only_is_refused_with_what_to_do() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_SERVICE_BLOCKED"}
    body = {"error": {"code": 403, "message": BLOCKED, "status": "PERMISSION_DENIED", "details": [info]}}
    whole = GOOGLE_SPEECH.fault(HttpResponse(403, {}, json.dumps(body).encode()))
    session = ear()
    with pytest.raises(ProviderError) as live:
        session.close(Closed(7, BLOCKED))
    for error in (whole, live.value):
        assert error.kind is Kind.PERMISSION
        assert error.message.startswith(BLOCKED)
        assert "store a credential for google-speech" in error.message
    assert whole.refusal.code == "API_KEY_SERVICE_BLOCKED"
