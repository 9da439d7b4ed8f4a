"""The Azure Speech emulator, driven by Azure's own native SDK, which also names what our adapter says differently."""

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import azure.cognitiveservices.speech as speech
import pytest

from integration_api.core.audio import AudioFormat
from integration_api.core.credential import Credential
from integration_api.core.session import HangUp, Say
from integration_api.core.stt import Endpointing, ListenRequest
from integration_api.core.utterances import Utterances
from integration_api.providers.azure_speech.stt import Conversation
from lab import Answer, Fault, Lab
from lab.azure_speech import usp
from lab.script import Heard

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
    assert over.wait(10)
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


# --- what our adapter says, beside what the SDK says ------------------------------------------


async def ours(lab: Lab, **asked: Any) -> list[Any]:
    """Drive our session against the emulator in the way the SDK is driven; return what it said."""
    from websockets.asyncio.client import connect

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
        Credential("azure-speech", {"base_url": lab.url("azure-speech", version="")}),
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
