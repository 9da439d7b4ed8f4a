"""What Deepgram's own SDK sends to the lab, and what we send in its place. Where they differ, it says why."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types import ListenV1Configure
from deepgram.listen.v2.types import ListenV2Configure, ListenV2ConfigureThresholds
from deepgram.speak.v1.types import SpeakV1Text
from deepgram.speak.v2.types import (
    SpeakV2Configure,
    SpeakV2Interrupt,
    SpeakV2InterruptPlaybackOffset,
    SpeakV2Speak,
)

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.exchange import HttpRequest
from integration_api.core.session import Say
from integration_api.core.stt import Endpointing, ListenRequest, TranscribeRequest, Update
from integration_api.core.tts import Manner, SpeakRequest, SynthesisRequest
from integration_api.core.utterances import Utterances
from integration_api.providers.deepgram import DEEPGRAM
from integration_api.providers.deepgram.flux_stt import Flux
from integration_api.providers.deepgram.flux_tts import FluxVoice
from integration_api.providers.deepgram.stt import Nova
from integration_api.providers.deepgram.tts import Aura
from lab import Lab
from lab.record import Received

CREDENTIAL = Credential("deepgram")
SOUND = b"\0\0"
FORM = AudioFormat(Encoding.PCM_S16LE, 16_000)


@asynccontextmanager
async def sdk(lab: Lab) -> AsyncIterator[AsyncDeepgramClient]:
    base = lab.url("deepgram", version="")
    sockets = base.replace("http", "ws")
    where = DeepgramClientEnvironment(base=base, production=sockets, agent=sockets, agent_rest=base)
    async with httpx.AsyncClient(timeout=60) as http:
        yield AsyncDeepgramClient(api_key="k", environment=where, httpx_client=http)


def same(ours: HttpRequest, theirs: Received) -> None:
    """The same place is asked in the same way, and signed alike."""
    address = urlsplit(ours.url)
    assert address.path == theirs.path
    assert dict(parse_qsl(address.query)) == theirs.query
    assert ours.method == theirs.method
    assert (ours.auth.name, ours.auth.prefix) == ("authorization", "Token ")
    assert theirs.headers["authorization"].startswith("Token sha256:")


def read(said: list[Any]) -> list[Any]:
    """Return what was said on a socket: texts as what they mean, sound as it is."""
    messages = [one.message if isinstance(one, Say) else one for one in said]
    return [json.loads(one) if isinstance(one, str) else one for one in messages]


async def test_nova_is_told_what_the_sdk_would_tell_it() -> None:
    async with Lab() as lab, sdk(lab) as deepgram:
        async with deepgram.listen.v1.connect(
            model="nova-3", encoding="linear16", sample_rate=16_000, channels=1, interim_results=True,
            vad_events=True, punctuate=True, language="de", endpointing=300, utterance_end_ms=1000,
            diarize_model="latest", profanity_filter=True, keyterm="table",
        ) as socket:  # fmt: skip
            await socket.send_media(SOUND)
            await socket.send_keep_alive()
            await socket.send_configure(ListenV1Configure(keyterms=["chair"]))
            await socket.send_finalize()
            await socket.send_close_stream()
            [_ async for _ in socket]
        theirs = lab.requests[-1]
    ours = Nova(
        ListenRequest(
            model="nova-3", input=FORM, languages=("de",), diarize=True, profanity_filter=True,
            keyterms=("table",), endpointing=Endpointing(silence_ms=300, utterance_end_ms=1000),
        ),
        CREDENTIAL,
        Utterances(),
    )  # fmt: skip
    same(ours.request, theirs)
    assert ours.keep_alive is not None
    told = [
        *ours.audio(SOUND), *ours.keep_alive.acts, *ours.update(Update(keyterms=("chair",))), *ours.finalize(),
        *ours.finish(),
    ]  # fmt: skip
    assert read(told) == read(theirs.said)


async def test_a_flux_ear_is_told_what_the_sdk_would_tell_it() -> None:
    async with Lab() as lab, sdk(lab) as deepgram:
        async with deepgram.listen.v2.connect(
            model="flux-general-multi", encoding="linear16", sample_rate=16_000, eager_eot_threshold=0.5,
            eot_timeout_ms=900, keyterm="table", language_hint="de",
        ) as socket:  # fmt: skip
            await socket.send_media(SOUND)
            await socket.send_configure(
                ListenV2Configure(
                    keyterms=["chair"], language_hints=["en"],
                    thresholds=ListenV2ConfigureThresholds(eager_eot_threshold=0.4, eot_timeout_ms=800),
                )
            )  # fmt: skip
            await socket.send_force_end_turn()
            await socket.send_close_stream()
            [_ async for _ in socket]
        theirs = lab.requests[-1]
    ours = Flux(
        ListenRequest(
            model="flux-general-multi", input=FORM, languages=("de",), keyterms=("table",),
            endpointing=Endpointing(silence_ms=900, eager_threshold=0.5),
        ),
        CREDENTIAL,
        Utterances(),
    )  # fmt: skip
    same(ours.request, theirs)
    change = Update(
        keyterms=("chair",), languages=("en",), endpointing=Endpointing(silence_ms=800, eager_threshold=0.4)
    )
    told = [*ours.audio(SOUND), *ours.update(change), *ours.finalize(), *ours.finish()]
    assert read(told) == read(theirs.said)


async def test_aura_is_told_what_the_sdk_would_tell_it() -> None:
    async with Lab() as lab, sdk(lab) as deepgram:
        async with deepgram.speak.v1.connect(
            model="aura-2-thalia-en", encoding="mulaw", sample_rate="8000"
        ) as socket:
            await socket.send_text(SpeakV1Text(type="Speak", text="Hello"))
            await socket.send_flush()
            await socket.send_clear()
            await socket.send_close()
            [_ async for _ in socket]
        theirs = lab.requests[-1]
    form = AudioFormat(Encoding.MULAW, 8_000)
    ours = Aura(SynthesisRequest(model="aura-2-thalia-en", voice=None, output=form), CREDENTIAL)
    same(ours.request, theirs)
    told = [*ours.text("a", "Hello"), *ours.end_utterance("a"), *ours.cancel("a", None), *ours.finish()]
    assert read(told) == read(theirs.said)


async def test_a_voice_of_flux_is_told_what_the_sdk_would_tell_it() -> None:
    async with Lab() as lab, sdk(lab) as deepgram:
        async with deepgram.speak.v2.connect(
            model="flux-haley-en", encoding="linear16", sample_rate="16000", speed=1.2
        ) as socket:
            await socket.send_speak(SpeakV2Speak(text="Hello"))
            await socket.send_configure(SpeakV2Configure(speed=1.1))
            await socket.send_flush()
            offset = SpeakV2InterruptPlaybackOffset(value=120)
            await socket.send_interrupt(SpeakV2Interrupt(playback_offset=offset))
            await socket.send_close()
            [_ async for _ in socket]
        theirs = lab.requests[-1]
    ask = SynthesisRequest(model="flux-haley-en", voice=None, output=FORM, manner=Manner(speed=1.2))
    ours = FluxVoice(ask, CREDENTIAL)
    same(ours.request, theirs)
    told = [
        *ours.text("a", "Hello"), *ours.update(None, 1.1), *ours.end_utterance("a"), *ours.cancel("a", 120),
        *ours.finish(),
    ]  # fmt: skip
    assert read(told) == read(theirs.said)


async def test_a_recording_is_sent_as_the_sdk_would_send_it() -> None:
    async with Lab() as lab, sdk(lab) as deepgram:
        await deepgram.listen.v1.media.transcribe_file(
            request=b"RIFF",
            model="nova-3",
            language="de",
            punctuate=True,
            smart_format=True,
            utterances=True,
            keyterm="table",
        )
        theirs = lab.requests[-1]
    ask = TranscribeRequest(model="nova-3", audio=b"RIFF", languages=("de",), keyterms=("table",))
    ours = next(DEEPGRAM.stt.transcribe(ask, CREDENTIAL))
    same(ours, theirs)
    assert ours.body == theirs.raw


async def test_a_text_is_sent_as_the_sdk_would_send_it() -> None:
    async with Lab() as lab, sdk(lab) as deepgram:
        spoken = deepgram.speak.v1.audio.generate(
            text="Hello",
            model="aura-2-thalia-en",
            encoding="linear16",
            container="wav",
            sample_rate=24_000,
            speed=1.1,
        )
        [_ async for _ in spoken]
        theirs = lab.requests[-1]
    form = AudioFormat(Encoding.WAV, 24_000)
    ask = SpeakRequest(
        model="aura-2-thalia-en", voice=None, text="Hello", output=form, manner=Manner(speed=1.1)
    )
    ours = DEEPGRAM.tts.speak(ask, CREDENTIAL).request
    same(ours, theirs)
    assert json.loads(ours.body) == theirs.json()


async def test_a_key_and_the_voices_are_asked_for_as_the_sdk_asks() -> None:
    async with Lab() as lab, sdk(lab) as deepgram:
        await deepgram.manage.v1.projects.list()
        await deepgram.manage.v1.models.list()
        projects, models = [*lab.requests][-2:]
    same(next(DEEPGRAM.verify(CREDENTIAL)), projects)
    same(next(DEEPGRAM.tts.voices(CREDENTIAL)), models)
