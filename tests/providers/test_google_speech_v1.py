"""What Google's older language for listening is told and what it says, without a network."""

import json
import os
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from google.cloud.speech_v1.types import cloud_speech as sdk

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import HttpResponse
from integration_api.core.session import Began, Redial, Warned
from integration_api.core.stt import Final, Heard, Interim, ListenRequest, TranscribeRequest
from integration_api.core.utterances import Utterances
from integration_api.proto import google_speech_v1_pb2 as wire
from integration_api.providers.google_speech import GOOGLE_SPEECH
from integration_api.providers.google_speech.stt import GoogleEar

KEY_ONLY = Credential("google-speech", {}, held=frozenset({"key"}))
PROJECT = Credential("google-speech", {"project_id": "p-1"}, held=frozenset({"key"}))
FOLDER = Path(os.environ.get("REFERENCE_DIR", "")) / "traffic/google-speech/stt-batch"
RECORDED = sorted(FOLDER.glob("*.json")) if os.environ.get("REFERENCE_DIR") else []


def ear(credential: Credential = KEY_ONLY, **asked: Any) -> GoogleEar:
    return GoogleEar(ListenRequest(**{"model": "phone_call", **asked}), credential, Utterances())


def first_of(session: GoogleEar) -> bytes:
    return next(iter(session.begin({}))).message


CHOSEN = {
    "its own model": ("phone_call", {}, PROJECT, "v1"),
    "a key alone": ("latest_long", {}, KEY_ONLY, "v1"),
    "a project": ("latest_long", {}, PROJECT, "v2"),
    "asked for": ("telephony", {"api_version": "v1"}, PROJECT, "v1"),
    "the other asked for": ("phone_call", {"api_version": "v2"}, PROJECT, "v2"),
    "chirp": ("chirp_3", {}, PROJECT, "v2"),
}


@pytest.mark.parametrize("model, options, credential, version", CHOSEN.values(), ids=CHOSEN)
def test_the_version_follows_from_the_model_the_project_and_the_caller(
    model: str, options: dict[str, Any], credential: Credential, version: str
) -> None:
    method = f"/google.cloud.speech.{version}.Speech/StreamingRecognize"
    assert ear(credential, model=model, extras=options).request.url.endswith(method)
    ask = TranscribeRequest(model=model, audio=b"RIFF", extras=options)
    body = next(GOOGLE_SPEECH.stt.transcribe(ask, credential))
    assert f"googleapis.com/{version}/" in body.url
    assert b"api_version" not in body.body


def test_a_version_that_there_is_not_and_chirp_without_a_project_are_explained() -> None:
    with pytest.raises(Failure, match="v1 or v2"):
        ear(extras={"api_version": "v3"})
    with pytest.raises(Failure, match="latest_long") as refused:
        ear(model="chirp_3")
    assert refused.value.param == "project_id"


def test_the_first_message_is_the_sdks_own_byte_for_byte() -> None:
    session = ear(
        languages=("en-US", "hi-IN"),
        input=AudioFormat(Encoding.MULAW, 8_000),
        word_timestamps=True,
        keyterms=("two words",),
        diarize=True,
        extras={"use_enhanced": True, "enable_spoken_punctuation": True},
    )
    expected = sdk.StreamingRecognizeRequest(
        streaming_config=sdk.StreamingRecognitionConfig(
            config=sdk.RecognitionConfig(
                encoding=sdk.RecognitionConfig.AudioEncoding.MULAW,
                sample_rate_hertz=8_000,
                language_code="en-US",
                alternative_language_codes=["hi-IN"],
                speech_contexts=[sdk.SpeechContext(phrases=["two words"])],
                enable_word_time_offsets=True,
                enable_word_confidence=True,
                enable_automatic_punctuation=True,
                diarization_config=sdk.SpeakerDiarizationConfig(enable_speaker_diarization=True),
                model="phone_call",
                use_enhanced=True,
                enable_spoken_punctuation=True,
            ),
            interim_results=True,
            enable_voice_activity_events=True,
        )
    )
    assert first_of(session) == sdk.StreamingRecognizeRequest.serialize(expected)
    (sound,) = session.audio(b"\1\2")
    told = sdk.StreamingRecognizeRequest(audio_content=b"\1\2")
    assert sound.message == sdk.StreamingRecognizeRequest.serialize(told)


def test_our_messages_have_the_numbers_of_googles() -> None:
    checked = 0
    for name, ours in wire.DESCRIPTOR.message_types_by_name.items():
        theirs = sdk.status_pb2.Status if name == "Status" else getattr(sdk, name, None)
        if theirs is None:
            continue  # It is in a file of its own.
        described = theirs.DESCRIPTOR if name == "Status" else theirs.pb().DESCRIPTOR
        for field in ours.fields:
            google = described.fields_by_name[field.name]
            enum = google.type == google.TYPE_ENUM and field.type == field.TYPE_INT32
            assert (field.number, field.type) == (google.number, field.type if enum else google.type)
            checked += 1
    assert checked > 30


ENCODINGS = {
    "samples": (AudioFormat(Encoding.PCM_S16LE, 44_100), "LINEAR16", 44_100),
    "a file": (AudioFormat(Encoding.WAV, 16_000), "ENCODING_UNSPECIFIED", 0),
    "opus": (AudioFormat(Encoding.OGG_OPUS, 48_000), "OGG_OPUS", 48_000),
    "webm": (AudioFormat(Encoding.WEBM_OPUS, 48_000), "WEBM_OPUS", 48_000),
    "flac": (AudioFormat(Encoding.FLAC, 16_000), "FLAC", 16_000),
    "mp3": (AudioFormat(Encoding.MP3, 44_100), "MP3", 44_100),
}


@pytest.mark.parametrize("form, name, rate", ENCODINGS.values(), ids=ENCODINGS)
def test_encodings_have_v1s_numbers(form: AudioFormat, name: str, rate: int) -> None:
    read = sdk.StreamingRecognizeRequest.deserialize(first_of(ear(input=form)))
    config = read.streaming_config.config
    assert (config.encoding.name, config.sample_rate_hertz) == (name, rate)


def test_a_law_is_made_samples_where_the_model_tells_and_refused_where_only_the_caller_does() -> None:
    alaw = AudioFormat(Encoding.ALAW, 8_000)
    assert GOOGLE_SPEECH.stt.takes(alaw, "phone_call") == AudioFormat(Encoding.PCM_S16LE, 8_000)
    assert GOOGLE_SPEECH.stt.takes(alaw, "telephony") == alaw
    with pytest.raises(Failure, match="mulaw or pcm_s16le"):
        ear(model="telephony", input=alaw)


def test_languages_that_are_not_listened_for_are_told() -> None:
    five = ("en-US", "hi-IN", "de-DE", "fr-FR", "es-ES")
    said, began, warned = ear(languages=five).begin({})
    assert began == Began()
    assert isinstance(warned, Warned)
    config = sdk.StreamingRecognizeRequest.deserialize(said.message).streaming_config.config
    assert [config.language_code, *config.alternative_language_codes] == list(five[:4])
    _, _, warned = ear(detect_language=True).begin({})
    assert "en-US" in warned.message
    assert len(list(ear().begin({}))) == 2


def said(**more: Any) -> bytes:
    """What the SDK would read as this."""
    return sdk.StreamingRecognizeResponse.serialize(
        sdk.StreamingRecognizeResponse.from_json(json.dumps(more))
    )


def result(text: str, *words: tuple[str, int], final: bool = False, **more: Any) -> dict[str, Any]:
    spoken = [
        {"word": word, "startTime": f"{at}s", "endTime": f"{at + 1}s", "speakerTag": 2} for word, at in words
    ]
    best = {"transcript": text, "confidence": 0.9 if final else 0.0, "words": spoken}
    return {"alternatives": [best], "isFinal": final, "languageCode": "en-us", **more}


def test_a_turn_is_told_with_its_times_and_what_it_cost() -> None:
    session = ear()
    told = [
        *session.feed(said(speechEventType="SPEECH_ACTIVITY_BEGIN", speechEventTime="0.5s")),
        *session.feed(said(results=[result("to be", stability=0.9), result(" or", stability=0.1)])),
        *session.feed(
            said(results=[result(" To be.", ("To", 1), ("be.", 2), final=True, resultEndTime="3.1s")])
        ),
        *session.feed(said(speechEventType="SPEECH_ACTIVITY_END", speechEventTime="3.1s")),
        *session.feed(said(totalBilledTime="15s")),
    ]
    started, interim, final, ended, heard = told
    assert started.audio_time_ms == 500
    assert isinstance(interim, Interim)
    assert interim.text == "to be or"
    assert isinstance(final, Final)
    assert (final.text, final.start_ms, final.end_ms, final.language) == ("To be.", 1000, 3100, "en-US")
    assert (ended.text, ended.reason) == ("To be.", "provider")
    assert heard == Heard(audio_ms=0, billed_ms=15_000)


def test_words_that_are_told_again_with_their_speakers_are_taken_once() -> None:
    session = ear(diarize=True)
    first, second = ("One", 0), ("Two", 1)
    told = [
        *session.feed(said(results=[result("One", first, final=True)])),
        *session.feed(said(results=[result(" Two", first, second, final=True)])),
    ]
    finals = [one for one in told if isinstance(one, Final)]
    assert [[(word.text, word.speaker) for word in one.words] for one in finals] == [
        [("One", "2")],
        [("Two", "2")],
    ]
    assert finals[1].start_ms == 1000


def test_a_failure_that_a_message_tells_is_one() -> None:
    session = ear()
    with pytest.raises(ProviderError) as error:
        list(session.feed(said(error={"code": 8, "message": "Quota exceeded"})))
    assert error.value.kind is Kind.RATE_LIMITED
    late = said(error={"code": 11, "message": "Exceeded maximum allowed stream duration of 305 seconds."})
    session = ear()
    assert list(session.feed(late)) == [Redial()]
    assert list(session.feed(late)) == []


# --- recordings ------------------------------------------------------------------------------


def asked(**more: Any) -> tuple[Any, Any]:
    ask = TranscribeRequest(**{"model": "phone_call", "audio": b"RIFF", **more})
    exchange = GOOGLE_SPEECH.stt.transcribe(ask, KEY_ONLY)
    return exchange, next(exchange)


def test_a_recording_is_asked_for_as_the_sdk_asks() -> None:
    _, request = asked(
        word_timestamps=True, diarize=True, languages=("en-US", "hi-IN"), keyterms=("table",),
        extras={"location": "eu", "useEnhanced": True},
    )  # fmt: skip
    assert request.url == "https://eu-speech.googleapis.com/v1/speech:recognize"
    read = sdk.RecognizeRequest.from_json(request.body.decode())
    assert read == sdk.RecognizeRequest(
        config=sdk.RecognitionConfig(
            model="phone_call",
            language_code="en-US",
            alternative_language_codes=["hi-IN"],
            enable_automatic_punctuation=True,
            enable_word_time_offsets=True,
            enable_word_confidence=True,
            diarization_config=sdk.SpeakerDiarizationConfig(enable_speaker_diarization=True),
            speech_contexts=[sdk.SpeechContext(phrases=["table"])],
            use_enhanced=True,
        ),
        audio=sdk.RecognitionAudio(content=b"RIFF"),
    )


SOUNDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a file": ({}, {}),
    "opus": ({"audio": b"OggS"}, {"encoding": "OGG_OPUS", "sampleRateHertz": 48_000}),
    "told": (
        {"audio": b"ID3", "extras": {"encoding": "MP3", "sampleRateHertz": 44_100}},
        {"encoding": "MP3", "sampleRateHertz": 44_100},
    ),
    "samples": (
        {"audio": b"\0", "format": AudioFormat(Encoding.MULAW, 8_000)},
        {"encoding": "MULAW", "sampleRateHertz": 8_000},
    ),
}


@pytest.mark.parametrize("more, expected", SOUNDS.values(), ids=SOUNDS)
def test_what_a_recording_is_is_said_where_it_does_not_say_so(more: dict, expected: dict) -> None:
    body = json.loads(asked(**more)[1].body)
    assert b64decode(body["audio"]["content"]) == more.get("audio", b"RIFF")
    assert {name: body["config"].get(name) for name in expected} == expected
    assert bool(expected) == ("encoding" in body["config"])


def test_what_v1_can_not_know_or_do_is_refused() -> None:
    with pytest.raises(Failure, match="WAV or FLAC"):
        asked(audio=b"ID3")
    with pytest.raises(Failure, match="v2 only"):
        asked(translate=True)


def answered(results: list[dict[str, Any]], **more: Any) -> Any:
    exchange, _ = asked(**more)
    with pytest.raises(StopIteration) as done:
        exchange.send(
            HttpResponse(200, {}, json.dumps({"results": results, "totalBilledTime": "15s"}).encode())
        )
    return done.value.value


def test_who_spoke_is_told_with_the_last_result_and_no_word_twice() -> None:
    pieces = [
        result("One", ("One", 0), final=True, resultEndTime="1s"),
        result(" Two", ("Two", 1), final=True, resultEndTime="2s"),
    ]
    plain = answered(pieces)
    assert (plain.text, plain.duration_ms, plain.usage.audio_seconds) == ("One Two", 2000, 15.0)
    everything = {"alternatives": [{"words": [{"word": "One", "endTime": "1s", "speakerTag": 1}]}]}
    apart = answered([*pieces, everything], diarize=True)
    assert [(word.text, word.speaker) for word in apart.words] == [("One", "1")]
    assert [(one.text, one.start_ms, one.end_ms) for one in apart.segments] == [
        ("One", 0, 1000),
        ("Two", 1000, 2000),
    ]


if RECORDED:

    @pytest.mark.parametrize("path", RECORDED, ids=[path.stem for path in RECORDED])
    def test_a_recorded_transcript_is_read_whole(path: Path) -> None:
        """The recordings show times as an SDK does."""
        results = json.loads(path.read_text())["response"]["body"]["results"]
        spoken = [word for one in results for word in one["alternatives"][0].get("words", ())]
        for word in spoken:
            for name in ("startTime", "endTime"):
                at = word.get(name) or {}
                if isinstance(at, dict):
                    at = f"{int(at.get('seconds') or 0) + (at.get('nanos') or 0) / 1e9:.3f}s"
                word[name] = at
        for one in results:
            one.pop("resultEndTime", None)
        told = answered(results)
        texts = [one["alternatives"][0].get("transcript", "").strip() for one in results]
        assert told.text == " ".join(filter(None, texts))
        assert [word.text for word in told.words] == [word["word"] for word in spoken]
        assert all(word.speaker is None for word in told.words)
