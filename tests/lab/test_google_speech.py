"""The emulator of Google's speech services, driven by Google's own SDKs."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud.speech_v1 import SpeechAsyncClient as SpeechAsyncClientV1
from google.cloud.speech_v1 import SpeechClient as SpeechClientV1
from google.cloud.speech_v1.services.speech.transports import (
    SpeechGrpcAsyncIOTransport as SpeechGrpcAsyncIOTransportV1,
)
from google.cloud.speech_v1.services.speech.transports.rest import (
    SpeechRestTransport as SpeechRestTransportV1,
)
from google.cloud.speech_v1.types import cloud_speech as speech_v1
from google.cloud.speech_v2 import SpeechAsyncClient, SpeechClient
from google.cloud.speech_v2.services.speech.transports import SpeechGrpcAsyncIOTransport
from google.cloud.speech_v2.services.speech.transports.rest import SpeechRestTransport
from google.cloud.speech_v2.types import cloud_speech as speech
from google.cloud.texttospeech_v1 import TextToSpeechAsyncClient, TextToSpeechClient
from google.cloud.texttospeech_v1.services.text_to_speech.transports import TextToSpeechGrpcAsyncIOTransport
from google.cloud.texttospeech_v1.services.text_to_speech.transports.rest import TextToSpeechRestTransport
from google.cloud.texttospeech_v1.types import cloud_tts as tts

from lab import Answer, Fault, Lab, mouth
from lab.script import Heard
from lab.wave import wav

TWO = Answer(
    heard=[
        Heard(text="I would like a table", start_ms=200, end_ms=1200),
        Heard(text="for two please.", start_ms=1300, end_ms=2000, confidence=0.9),
    ]
)
RECOGNIZER = "projects/lab/locations/global/recognizers/_"


@pytest.fixture
async def channel(lab: Lab) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{lab.port}") as opened:
        yield opened


@pytest.fixture
async def google(channel: grpc.aio.Channel) -> SpeechAsyncClient:
    return SpeechAsyncClient(transport=SpeechGrpcAsyncIOTransport(channel=channel))


def opening(**config) -> speech.StreamingRecognizeRequest:
    decoding = speech.ExplicitDecodingConfig(encoding=1, sample_rate_hertz=16_000, audio_channel_count=1)
    asked = {
        "explicit_decoding_config": decoding,
        "model": "chirp_3",
        "language_codes": ["en-US"],
        "features": speech.RecognitionFeatures(enable_word_time_offsets=True),
        **config,
    }
    return speech.StreamingRecognizeRequest(
        recognizer=RECOGNIZER,
        streaming_config=speech.StreamingRecognitionConfig(
            config=speech.RecognitionConfig(**asked),
            streaming_features=speech.StreamingRecognitionFeatures(
                interim_results=True, enable_voice_activity_events=True
            ),
        ),
    )


async def heard(google: SpeechAsyncClient, seconds: float, first=None, key: str = "lab-key") -> list:
    async def asked():
        yield first or opening()
        for _ in range(round(seconds * 10)):
            yield speech.StreamingRecognizeRequest(audio=bytes(3200))

    stream = await google.streaming_recognize(requests=asked(), metadata=[("x-goog-api-key", key)])
    return [said async for said in stream]


async def test_a_live_transcript_tells_interims_in_pieces_finals_and_the_voice(lab, google) -> None:
    lab.script("google-speech", TWO)
    said = await heard(google, 3)
    finals = [one.results[0] for one in said if one.results and one.results[0].is_final]
    assert [one.alternatives[0].transcript for one in finals] == ["I would like a table", "for two please."]
    assert finals[1].alternatives[0].words[-1].end_offset.total_seconds() == 2.0
    interims = [one.results for one in said if one.results and not one.results[0].is_final]
    assert [piece.alternatives[0].transcript for piece in interims[1]] == ["I", " would"]
    assert interims[1][0].stability > interims[1][1].stability
    events = [one.speech_event_type.name for one in said if one.speech_event_type]
    assert events == ["SPEECH_ACTIVITY_BEGIN", "SPEECH_ACTIVITY_BEGIN", "SPEECH_ACTIVITY_END"]
    assert said[-1].metadata.total_billed_duration.total_seconds() == 3.0


async def test_the_half_close_settles_what_was_said(lab, google) -> None:
    lab.script("google-speech", TWO)
    said = await heard(google, 0.7)
    finals = [one.results[0] for one in said if one.results and one.results[0].is_final]
    assert [one.alternatives[0].transcript for one in finals] == ["I would"]


async def refused(google: SpeechAsyncClient, seconds: float = 0.0, **asked) -> GoogleAPICallError:
    with pytest.raises(GoogleAPICallError) as error:
        await heard(google, seconds, **asked)
    return error.value


async def test_what_google_would_refuse_is_refused(lab, google) -> None:
    assert (await refused(google, key="invalid")).code == 400
    assert (await refused(google, key="forbidden")).code == 403
    assert (await refused(google, key="noquota")).code == 429
    assert "model" in (await refused(google, first=opening(model=""))).message
    assert (
        "Audio" in (await refused(google, first=speech.StreamingRecognizeRequest(audio=b"x"))).message or True
    )
    big = speech.StreamingRecognizeRequest(audio=bytes(30_000))
    assert (await refused(google, first=big)).code == 400


async def test_a_call_ends_after_305_seconds_of_sound(lab, google) -> None:
    async def asked():
        yield opening()
        # One message more than five minutes: what is said to a call that has ended trips grpcio's client.
        for _ in range(611):
            yield speech.StreamingRecognizeRequest(audio=bytes(16_000))

    stream = await google.streaming_recognize(requests=asked(), metadata=[("x-goog-api-key", "k")])
    with pytest.raises(GoogleAPICallError, match="maximum allowed stream duration of 305 seconds"):
        async for _ in stream:
            pass


async def test_faults_refuse_a_call_and_break_it_amid_the_sound(lab, google) -> None:
    lab.fault("google-speech", Fault(status=429))
    assert (await refused(google)).code == 429
    lab.fault("google-speech", Fault(end="fin", after=300))
    assert (await refused(google, 0.3)).code == 503
    lab.fault("google-speech", Fault(end="hang", after=300))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await heard(google, 1)


KEY = [("x-goog-api-key", "lab-key")]


def rest(lab: Lab, transport):
    """The SDK over REST, which blocks."""
    return transport(
        host=f"127.0.0.1:{lab.port}/google-speech", url_scheme="http", credentials=AnonymousCredentials()
    )


async def test_a_recording_is_written_down(lab) -> None:
    lab.script("google-speech", TWO)
    google = SpeechClient(transport=rest(lab, SpeechRestTransport))
    config = speech.RecognitionConfig(
        auto_decoding_config=speech.AutoDetectDecodingConfig(), model="long", language_codes=["en-US"]
    )
    request = speech.RecognizeRequest(recognizer=RECOGNIZER, config=config, content=b"RIFF")
    answer = await asyncio.to_thread(google.recognize, request=request, metadata=KEY)
    texts = [one.alternatives[0].transcript for one in answer.results]
    assert texts == ["I would like a table", " for two please."]
    assert answer.results[1].alternatives[0].words[-1].end_offset.total_seconds() == 2.0


# --- v1 ----------------------------------------------------------------------------------------


def config_v1(**more) -> speech_v1.RecognitionConfig:
    asked = {"encoding": 1, "sample_rate_hertz": 16_000, "language_code": "en-US", "model": "phone_call"}
    return speech_v1.RecognitionConfig(**{**asked, "enable_word_time_offsets": True, **more})


async def heard_v1(channel: grpc.aio.Channel, seconds: float, **config) -> list:
    google = SpeechAsyncClientV1(transport=SpeechGrpcAsyncIOTransportV1(channel=channel))

    async def asked():
        yield speech_v1.StreamingRecognizeRequest(
            streaming_config=speech_v1.StreamingRecognitionConfig(
                config=config_v1(**config), interim_results=True, enable_voice_activity_events=True
            )
        )
        for _ in range(round(seconds * 10)):
            yield speech_v1.StreamingRecognizeRequest(audio_content=bytes(3200))

    stream = await google.streaming_recognize(requests=asked(), metadata=KEY)
    return [said async for said in stream]


async def test_v1_tells_interims_in_pieces_finals_and_the_voice(lab, channel) -> None:
    lab.script("google-speech", TWO)
    said = await heard_v1(channel, 3)
    finals = [one.results[0] for one in said if one.results and one.results[0].is_final]
    assert [one.alternatives[0].transcript for one in finals] == ["I would like a table", "for two please."]
    assert [one.result_end_time.total_seconds() for one in finals] == [1.2, 2.0]
    assert finals[1].alternatives[0].words[-1].end_time.total_seconds() == 2.0
    interims = [one.results for one in said if one.results and not one.results[0].is_final]
    assert [piece.alternatives[0].transcript for piece in interims[1]] == ["I", " would"]
    events = [one.speech_event_type.name for one in said if one.speech_event_type]
    assert events == ["SPEECH_ACTIVITY_BEGIN", "SPEECH_ACTIVITY_BEGIN", "SPEECH_ACTIVITY_END"]
    assert said[-1].total_billed_time.total_seconds() == 15.0


async def test_v1_tells_who_spoke_of_all_words_since_the_beginning(lab, channel) -> None:
    lab.script("google-speech", TWO)
    said = await heard_v1(channel, 3, diarization_config={"enable_speaker_diarization": True})
    finals = [one.results[0].alternatives[0] for one in said if one.results and one.results[0].is_final]
    assert [len(one.words) for one in finals] == [5, 8]
    assert {word.speaker_label for word in finals[1].words} == {"1"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"language_code": ""},
        {"model": "chirp_3"},
        {"sample_rate_hertz": 1},
        {"alternative_language_codes": ["a"] * 4},
    ],
)
async def test_v1_refuses_what_it_does_not_know(lab, channel, wrong) -> None:
    with pytest.raises(GoogleAPICallError) as error:
        await heard_v1(channel, 0, **wrong)
    assert error.value.code == 400


async def test_v1_writes_a_recording_down_with_who_spoke_last(lab) -> None:
    lab.script("google-speech", TWO, TWO)
    google = SpeechClientV1(transport=rest(lab, SpeechRestTransportV1))
    audio = speech_v1.RecognitionAudio(content=b"RIFF")
    for apart in (False, True):
        config = config_v1(
            encoding=0, sample_rate_hertz=0, diarization_config={"enable_speaker_diarization": apart}
        )
        answer = await asyncio.to_thread(google.recognize, config=config, audio=audio, metadata=KEY)
        texts = [one.alternatives[0].transcript for one in answer.results]
        assert texts == ["I would like a table", " for two please.", *[""] * apart]
        words = answer.results[-1].alternatives[0].words
        assert (len(words), words[-1].end_time.total_seconds()) == (8 if apart else 3, 2.0)
        assert words[-1].speaker_tag == apart
    with pytest.raises(GoogleAPICallError, match="encoding"):
        unknown = speech_v1.RecognitionAudio(content=b"sound")
        await asyncio.to_thread(google.recognize, config=config, audio=unknown, metadata=KEY)


# --- voices ------------------------------------------------------------------------------------


def speaking(*texts: str, name: str = "en-US-Chirp3-HD-Charon"):
    async def asked():
        yield tts.StreamingSynthesizeRequest(
            streaming_config=tts.StreamingSynthesizeConfig(
                voice=tts.VoiceSelectionParams(language_code="en-US", name=name),
                streaming_audio_config=tts.StreamingAudioConfig(audio_encoding=7, sample_rate_hertz=24_000),
            )
        )
        for text in texts:
            yield tts.StreamingSynthesizeRequest(input=tts.StreamingSynthesisInput(text=text))

    return asked()


async def test_a_voice_speaks_each_text_as_it_comes(channel) -> None:
    google = TextToSpeechAsyncClient(transport=TextToSpeechGrpcAsyncIOTransport(channel=channel))
    stream = await google.streaming_synthesize(requests=speaking("Hello ", "there"), metadata=KEY)
    sound = b"".join([said.audio_content async for said in stream])
    assert sound == mouth.pcm("Hello there", 24_000)
    with pytest.raises(GoogleAPICallError, match="only Chirp 3"):
        stream = await google.streaming_synthesize(requests=speaking(name="en-US-Wavenet-A"), metadata=KEY)
        async for _ in stream:
            pass


async def test_speech_comes_whole_and_voices_are_listed(lab) -> None:
    google = TextToSpeechClient(transport=rest(lab, TextToSpeechRestTransport))
    answer = await asyncio.to_thread(
        google.synthesize_speech,
        input=tts.SynthesisInput(text="Hello"),
        voice=tts.VoiceSelectionParams(language_code="en-US", name="en-US-Wavenet-A"),
        audio_config=tts.AudioConfig(audio_encoding=1, sample_rate_hertz=24_000),
        metadata=KEY,
    )
    assert answer.audio_content == wav(mouth.pcm("Hello", 24_000), 24_000)
    listed = await asyncio.to_thread(google.list_voices, language_code="en-US", metadata=KEY)
    assert [one.name for one in listed.voices] == ["en-US-Chirp3-HD-Charon", "en-US-Wavenet-A"]
