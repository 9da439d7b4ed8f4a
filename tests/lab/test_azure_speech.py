"""The Azure Speech emulator, driven by Azure's own native SDK, beside which our adapter says the same."""

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import azure.cognitiveservices.speech as speech
import pytest
from websockets.asyncio.client import connect

from integration_api.core.audio import AudioFormat
from integration_api.core.credential import Credential
from integration_api.core.session import HangUp, Say
from integration_api.core.stt import Endpointing, ListenRequest
from integration_api.core.tts import Spoken, SynthesisRequest
from integration_api.core.utterances import Utterances
from integration_api.dialects.azure_resource import ANY_SCOPE
from integration_api.providers.azure_speech import AZURE_SPEECH
from integration_api.providers.azure_speech.stt import Conversation
from integration_api.providers.azure_speech.token_tts import TokenVoice
from integration_api.providers.azure_speech.tts import SsmlVoice
from lab import Answer, Fault, Lab, mouth
from lab.azure_speech import usp
from lab.record import fingerprint
from lab.script import Heard
from tests.lab import beside

UNDRIVEN = {("azure-speech", "stt (batch)"): "unverified", ("azure-speech", "tts (whole)"): "unverified"}
"""The SDK talks on sockets alone; what is asked over REST is written from documentation."""

HEARD = [
    Heard(text="I would like a table", start_ms=300, end_ms=1300),
    Heard(text="for two please.", start_ms=1400, end_ms=2200),
    Heard(text="At eight.", start_ms=3000, end_ms=3600, language="de"),
]
SOUND = bytes(32_000 * 46 // 10)
UNIVERSAL = "/stt/speech/universal/v2"
CLASSIC = "/speech/recognition/conversation/cognitiveservices/v1?language=en-US&wordLevelTimestamps=true"


def configured(lab: Lab, path: str = UNIVERSAL, key: str = "lab-key") -> speech.SpeechConfig:
    url = lab.url("azure-speech", version="").replace("http", "ws")
    config = speech.SpeechConfig(endpoint=url + path, subscription=key)
    config.output_format = speech.OutputFormat.Detailed
    config.request_word_level_timestamps()
    config.set_profanity(speech.ProfanityOption.Raw)
    config.set_property(speech.PropertyId.Speech_SegmentationSilenceTimeoutMs, "300")
    return config


def recognized(
    config: speech.SpeechConfig,
    sound: bytes = SOUND,
    *,
    format: Any = None,
    languages: list[str] | None = None,
    make: Callable[..., Any] = speech.SpeechRecognizer,
) -> list[tuple[str, Any]]:
    """Return what the SDK tells of sound, heard to its end."""
    more: dict[str, Any] = {}
    if languages:
        more["auto_detect_source_language_config"] = speech.languageconfig.AutoDetectSourceLanguageConfig(
            languages
        )
    else:
        config.speech_recognition_language = "en-US"
    stream = speech.audio.PushAudioInputStream(**({"stream_format": format} if format else {}))
    ear = make(config, audio_config=speech.audio.AudioConfig(stream=stream), **more)
    told: list[tuple[str, Any]] = []
    over = threading.Event()
    if make is speech.SpeechRecognizer:
        ear.recognizing.connect(lambda event: told.append(("interim", event.result)))
        ear.recognized.connect(lambda event: told.append(("final", event.result)))
        speech.PhraseListGrammar.from_recognizer(ear).addPhrase("table")
        start, stop = ear.start_continuous_recognition_async, ear.stop_continuous_recognition_async
    else:
        ear.transcribed.connect(lambda event: told.append(("final", event.result)))
        start, stop = ear.start_transcribing_async, ear.stop_transcribing_async
    ear.canceled.connect(lambda event: (told.append(("canceled", event.cancellation_details)), over.set()))
    start().get()
    for at in range(0, len(sound), 3200):
        stream.write(sound[at : at + 3200])
    stream.close()
    assert over.wait(60)
    stop().get()
    return told


def finals(told: list[tuple[str, Any]]) -> list[tuple[str, int, int]]:
    return [
        (one.text, one.offset // 10_000, (one.offset + one.duration) // 10_000)
        for kind, one in told
        if kind == "final"
    ]


WHAT = [("I would like a table for two please.", 300, 2200), ("At eight.", 3000, 3600)]


@pytest.mark.parametrize("path", [UNIVERSAL, CLASSIC], ids=["universal", "classic"])
async def test_a_live_transcript_goes_on_over_the_ends_of_turns(lab, path: str) -> None:
    lab.script("azure-speech", Answer(heard=HEARD))
    told = await asyncio.to_thread(recognized, configured(lab, path))
    assert finals(told) == WHAT
    assert [kind for kind, _ in told].count("interim") == 10
    first = json.loads(next(one for kind, one in told if kind == "final").json)
    assert first["NBest"][0]["Words"][-1]["Word"] == "please"
    assert told[-1][1].reason is speech.CancellationReason.EndOfStream
    contexts = [one for one in lab.requests[-1].said if isinstance(one, str) and "speech.context" in one]
    assert len(contexts) >= 2


async def test_a_telephones_sound_is_heard(lab) -> None:
    lab.script("azure-speech", Answer(heard=HEARD))
    format = speech.audio.AudioStreamFormat(
        samples_per_second=8000, bits_per_sample=8, wave_stream_format=speech.AudioStreamWaveFormat.MULAW
    )
    told = await asyncio.to_thread(recognized, configured(lab), bytes(8 * 4600), format=format)
    assert finals(told) == WHAT


async def test_the_language_is_told_where_it_is_to_be_found_out(lab) -> None:
    lab.script("azure-speech", Answer(heard=HEARD))
    told = await asyncio.to_thread(recognized, configured(lab), languages=["en-US", "de-DE"])
    found = [
        speech.AutoDetectSourceLanguageResult(one).language
        for kind, one in told
        if kind == "final" and one.text
    ]
    assert found == ["en-US", "de-DE"]


async def test_speakers_are_told_apart(lab) -> None:
    said = [Heard(text="Yes.", start_ms=300, end_ms=900, speaker=1)]
    lab.script("azure-speech", Answer(heard=said))
    told = await asyncio.to_thread(
        recognized, configured(lab), make=speech.transcription.ConversationTranscriber
    )
    assert [(one.text, one.speaker_id) for kind, one in told if kind == "final"] == [("Yes.", "Guest-1")]


async def test_a_token_of_entra_id_is_as_good_as_a_key(lab) -> None:
    class Token:
        token = "lab-token"
        expires_on = 4_102_444_800

    class Issuer:
        def get_token(self, *scopes: str) -> Token:
            assert scopes == (ANY_SCOPE,)
            return Token()

    url = lab.url("azure-speech", version=UNIVERSAL).replace("http", "ws")
    config = speech.SpeechConfig(endpoint=url, token_credential=Issuer())
    told = await asyncio.to_thread(recognized, config)
    assert finals(told)[0][0] == "Hello from the laboratory."
    sent = lab.requests[-1].headers
    assert "authorization" in sent
    assert "ocp-apim-subscription-key" not in sent


REFUSED = {
    401: speech.CancellationErrorCode.AuthenticationFailure,
    403: speech.CancellationErrorCode.AuthenticationFailure,
    429: speech.CancellationErrorCode.TooManyRequests,
}


def refused(config: speech.SpeechConfig, *languages: str) -> Any:
    """Return how the SDK names what it was refused with. Asked once: its continuous mode takes ten seconds for it."""
    stream = speech.audio.PushAudioInputStream()
    among = speech.languageconfig.AutoDetectSourceLanguageConfig(list(languages or ("en-US",)))
    ear = speech.SpeechRecognizer(
        config,
        audio_config=speech.audio.AudioConfig(stream=stream),
        auto_detect_source_language_config=among,
    )
    stream.write(SOUND[:3200])
    stream.close()
    return ear.recognize_once_async().get().cancellation_details.code


@pytest.mark.parametrize("status, code", REFUSED.items())
async def test_a_refusal_at_the_handshake_is_what_the_sdk_says(lab, status: int, code: Any) -> None:
    lab.fault("azure-speech", Fault(status=status, times=0))
    assert await asyncio.to_thread(refused, configured(lab)) is code


async def test_a_wrong_key_and_a_strange_language_are_refused(lab) -> None:
    wrong = await asyncio.to_thread(refused, configured(lab, key="invalid"))
    assert wrong is speech.CancellationErrorCode.AuthenticationFailure
    strange = await asyncio.to_thread(refused, configured(lab), "en-US", "elvish")
    assert strange is speech.CancellationErrorCode.BadRequest


# --- voices -----------------------------------------------------------------------------------

TEXT = "Hello, you & me."
SSML = (
    '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">'
    '<voice name="en-US-JennyNeural">Hello, you &amp; me.</voice></speak>'
)
RAW = speech.SpeechSynthesisOutputFormat.Raw24Khz16BitMonoPcm


def speaking(lab: Lab, version: str, key: str = "lab-key") -> tuple[speech.SpeechSynthesizer, list[Any]]:
    """Return a voice, and what it tells of words."""
    url = lab.url("azure-speech", version="").replace("http", "ws")
    config = speech.SpeechConfig(
        endpoint=f"{url}/tts/cognitiveservices/websocket/{version}", subscription=key
    )
    config.speech_synthesis_voice_name = "en-US-JennyNeural"
    config.set_speech_synthesis_output_format(RAW)
    voice = speech.SpeechSynthesizer(config, audio_config=None)
    words: list[Any] = []
    voice.synthesis_word_boundary.connect(
        lambda event: words.append((event.text, event.audio_offset // 10_000, event.boundary_type))
    )
    return voice, words


def spoken(lab: Lab, times: int = 1, key: str = "lab-key") -> tuple[list[Any], list[Any]]:
    voice, words = speaking(lab, "v1", key)
    return [voice.speak_ssml_async(SSML).get() for _ in range(times)], words


def streamed(lab: Lab) -> Any:
    voice, _ = speaking(lab, "v2")
    request = speech.SpeechSynthesisRequest(input_type=speech.SpeechSynthesisRequestInputType.TextStream)
    task = voice.speak_async(request)
    request.input_stream.write("Hello, ")
    request.input_stream.write("you & me.")
    request.input_stream.close()
    return task.get()


async def test_a_voice_speaks_documents_one_after_the_other_on_one_socket(lab) -> None:
    results, words = await asyncio.to_thread(spoken, lab, 2)
    assert [one.audio_data for one in results] == [mouth.pcm(TEXT, 24_000)] * 2
    assert len(lab.requests) == 1
    kind = speech.SpeechSynthesisBoundaryType
    assert words[:2] == [("Hello", 0, kind.Word), (",", 5 * mouth.CHARACTER_MS, kind.Punctuation)]


async def test_a_voice_speaks_text_as_it_is_written(lab) -> None:
    result = await asyncio.to_thread(streamed, lab)
    assert result.audio_data == mouth.pcm(TEXT, 24_000)


async def test_a_voice_refuses_a_wrong_key(lab) -> None:
    (result,), _ = await asyncio.to_thread(spoken, lab, 1, "invalid")
    assert result.cancellation_details.error_code is speech.CancellationErrorCode.AuthenticationFailure


async def test_the_voices_are_listed(lab) -> None:
    def ask() -> Any:
        config = speech.SpeechConfig(
            endpoint=lab.url("azure-speech", version="").replace("http", "ws"), subscription="lab-key"
        )
        listed = lab.url("azure-speech", version="/tts/cognitiveservices/voices/list")
        config.set_property(speech.PropertyId.SpeechServiceConnection_VoicesListEndpoint, listed)
        return speech.SpeechSynthesizer(config, audio_config=None).get_voices_async().get()

    told = await asyncio.to_thread(ask)
    assert "en-US-JennyNeural" in [one.short_name for one in told.voices]
    theirs = await beside.heard(lab, 0)
    async with beside.ours(lab, AZURE_SPEECH) as mine:
        (listed,) = await mine.run(AZURE_SPEECH.tts.voices(mine.credential))
        (verified,) = await mine.run(AZURE_SPEECH.verify(mine.credential))
    differ = beside.apart(listed, theirs)
    # The SDK names its connections, and signs with a token as well, which is empty where it has a key.
    assert differ.keys() == {"headers.x-connectionid", "headers.authorization"}
    assert differ["headers.authorization"] == (beside.ABSENT, fingerprint("Bearer "))
    assert beside.apart(verified, listed) == {}


# --- what our adapter says, beside what the SDK says ------------------------------------------


async def ours(lab: Lab, **asked: Any) -> list[Any]:
    """Drive our session against the emulator in the way the SDK is driven; return what it said."""
    session = Conversation(
        ListenRequest(
            **{
                "model": "default",
                "input": AudioFormat(),
                "languages": ("en-US",),
                "word_timestamps": True,
                "keyterms": ("table",),
                "endpointing": Endpointing(silence_ms=300),
                **asked,
            }
        ),
        Credential(
            "azure-speech", {"base_url": lab.url("azure-speech", version="")}, held=frozenset({"key"})
        ),
        Utterances(),
    )
    headers = {"ocp-apim-subscription-key": "lab-key"}
    async with connect(session.request.url, additional_headers=headers, subprotocols=["USP"]) as socket:

        async def do(outcome: Any) -> None:
            for act in outcome:
                if isinstance(act, Say):
                    await socket.send(act.message)

        await do(session.begin({key.lower(): value for key, value in socket.response.headers.items()}))
        for at in range(0, len(SOUND), 3200):
            await do(session.audio(SOUND[at : at + 3200]))
        await do(session.finish())
        while HangUp() not in (outcome := list(session.feed(await socket.recv()))):
            await do(outcome)
    return lab.requests[-1].said


def shown(said: list[Any]) -> list[Any]:
    """What was said, without what differs from run to run: times, names, and how sound was cut into messages."""
    told: list[Any] = []
    for raw in said:
        one = usp.read(raw)
        if one.path == "telemetry":
            continue
        names = sorted(set(one.headers) - {"x-timestamp"})
        if one.path != "audio":
            told.append((one.path, names, one.json()))
        elif "content-type" in one.headers or not one.body:
            told.append((one.path, names, one.headers["x-streamid"], one.body))
        elif told[-1][0] != "sound":
            told.append(("sound", names))
    # Whether the end of the sound still reaches a turn that the service ends is a matter of time.
    ends = [at for at, one in enumerate(told) if one[0] == "audio" and not one[-1]]
    return [one for at, one in enumerate(told) if at not in ends[:-1]]


async def test_our_adapter_says_what_the_sdk_says(lab) -> None:
    lab.script("azure-speech", Answer(heard=HEARD), Answer(heard=HEARD))
    await asyncio.to_thread(recognized, configured(lab))
    theirs = shown(lab.requests[-1].said)
    # Left out is telemetry, which tells Microsoft about its SDK; `speech.config` names us and our system.
    mine = shown(await ours(lab))
    assert (mine[0][0], mine[0][1]) == (theirs[0][0], theirs[0][1])
    assert set(mine[0][2]["context"]) <= set(theirs[0][2]["context"])
    assert mine[1:] == theirs[1:]


async def said_by(lab: Lab, session: Any, ask: Callable[[Any], list[Any]]) -> list[tuple[str, str, Any]]:
    """Drive one of our voices against the emulator until it has spoken; return what it said."""
    headers = {"ocp-apim-subscription-key": "lab-key"}
    async with connect(session.request.url, additional_headers=headers, subprotocols=["USP"]) as socket:
        told = {key.lower(): value for key, value in socket.response.headers.items()}
        outcome = [*session.begin(told), *ask(session)]
        while not any(isinstance(one, Spoken) for one in outcome):
            for act in outcome:
                if isinstance(act, Say):
                    await socket.send(act.message)
            outcome = list(session.feed(await socket.recv()))
    return voiced(lab.requests[-1].said)


def voiced(said: list[Any]) -> list[tuple[str, str, Any]]:
    """What was said to a voice, with the kinds of bodies and without times, names and telemetry."""
    told = [usp.read(one) for one in said]
    return [
        (one.path, one.headers.get("content-type", ""), one.body.decode())
        for one in told
        if one.path not in ("telemetry", "speech.config")
    ]


def options(said: list[tuple[str, str, Any]]) -> dict[str, Any]:
    """What is asked for in a context, without what is told beside the sound: we want the times of words only."""
    asked = json.loads(said[0][2])["synthesis"]
    asked["audio"].pop("metadataOptions")
    return asked


async def test_our_voices_say_what_the_sdk_says(lab) -> None:
    credential = Credential(
        "azure-speech", {"base_url": lab.url("azure-speech", version="")}, held=frozenset({"key"})
    )
    ask = SynthesisRequest(model="en-US-JennyNeural", voice=None)
    await asyncio.to_thread(streamed, lab)
    theirs = voiced(lab.requests[-1].said)
    mine = await said_by(
        lab,
        TokenVoice(ask, credential),
        lambda one: [*one.text("a", "Hello, "), *one.text("a", "you & me."), *one.end_utterance("a")],
    )
    assert mine[1:] == theirs[1:]
    assert options(mine) == options(theirs)
    await asyncio.to_thread(spoken, lab)
    theirs = voiced(lab.requests[-1].said)
    mine = await said_by(
        lab,
        SsmlVoice(ask, credential),
        lambda one: [*one.text("a", SSML, ssml=True), *one.end_utterance("a")],
    )
    assert mine[1:] == theirs[1:]
    assert options(mine) == options(theirs)
