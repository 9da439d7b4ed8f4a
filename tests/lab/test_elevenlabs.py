"""The ElevenLabs emulator, driven by ElevenLabs' own SDK.

The multi-context socket has no client in it: what the lab says there is read by the SDK's types.
"""

import asyncio
import base64
import io
import json
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from elevenlabs import AsyncElevenLabs, ElevenLabs, VoiceSettings
from elevenlabs.core.api_error import ApiError
from elevenlabs.types import AudioOutputMulti, FinalOutputMulti
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lab import Fault, Lab, mouth
from lab.tls import made_up

UNDRIVEN = {("elevenlabs", "tts (live)"): "SDK; the multi-context socket is derived from documentation"}
TEXT = "Hello from the laboratory, where sentences last for more than fifty characters."
VOICE = "lab-voice-0"


@pytest.fixture
async def elevenlabs(lab: Lab) -> AsyncIterator[AsyncElevenLabs]:
    async with httpx.AsyncClient(timeout=60) as http:
        yield AsyncElevenLabs(
            api_key="lab-key", base_url=lab.url("elevenlabs", version=""), httpx_client=http
        )


def client(lab: Lab, http: httpx.AsyncClient, key: str) -> AsyncElevenLabs:
    return AsyncElevenLabs(api_key=key, base_url=lab.url("elevenlabs", version=""), httpx_client=http)


async def joined(parts: AsyncIterator[bytes]) -> bytes:
    return b"".join([part async for part in parts])


FORMATS = {
    "pcm_24000": mouth.pcm(TEXT, 24_000),
    "pcm_8000": mouth.pcm(TEXT, 8_000),
    "ulaw_8000": mouth.mulaw(TEXT),
    "alaw_8000": mouth.alaw(TEXT),
}


@pytest.mark.parametrize("format, sound", FORMATS.items(), ids=FORMATS)
async def test_speech_comes_whole_and_in_pieces(elevenlabs, format: str, sound: bytes) -> None:
    for speak in (elevenlabs.text_to_speech.convert, elevenlabs.text_to_speech.stream):
        asked = {"text": TEXT, "model_id": "eleven_flash_v2_5", "output_format": format}
        assert await joined(speak(VOICE, **asked)) == sound


async def test_a_file_says_how_long_it_is(elevenlabs) -> None:
    data = await joined(elevenlabs.text_to_speech.convert(VOICE, text="Hello", output_format="wav_16000"))
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getframerate(), file.getnframes()) == (16_000, 16 * mouth.milliseconds("Hello"))
    with pytest.raises(ApiError) as refused:
        await joined(elevenlabs.text_to_speech.stream(VOICE, text="Hello", output_format="wav_16000"))
    assert refused.value.status_code == 422


async def test_times_are_those_of_each_lines_own_sound(elevenlabs) -> None:
    lines = [
        line
        async for line in elevenlabs.text_to_speech.stream_with_timestamps(
            VOICE, text="Hello, you.", output_format="pcm_16000"
        )
    ]
    assert b"".join(base64.b64decode(line.audio_base_64) for line in lines) == mouth.pcm("Hello, you.", 16000)
    assert "".join("".join(line.alignment.characters) for line in lines) == "Hello, you."
    assert [line.alignment.character_start_times_seconds[0] for line in lines] == [0.0, 0.0, 0.0]
    whole = await elevenlabs.text_to_speech.convert_with_timestamps(VOICE, text="Hello, you.")
    assert whole.alignment.character_end_times_seconds[-1] == 0.44


async def test_voices_come_in_pages(elevenlabs) -> None:
    first = await elevenlabs.voices.search(page_size=2)
    assert [one.name for one in first.voices] == ["Ada", "Grace"]
    assert first.has_more
    last = await elevenlabs.voices.search(page_size=2, next_page_token=first.next_page_token)
    assert [one.labels["gender"] for one in last.voices] == ["male"]
    assert not last.has_more


async def test_what_elevenlabs_would_not_take_is_refused(lab, elevenlabs) -> None:
    for asked in (
        {"text": ""},
        {"text": "a", "output_format": "pcm_12345"},
        {"text": "a", "voice_settings": VoiceSettings(speed=2.0)},
    ):
        with pytest.raises(ApiError) as refused:
            await joined(elevenlabs.text_to_speech.convert(VOICE, **asked))
        assert refused.value.status_code == 422
    async with httpx.AsyncClient(timeout=60) as http:
        for key, status in (("invalid", "invalid_api_key"), ("forbidden", "missing_permissions"),
                            ("noquota", "quota_exceeded"), ("scoped", "missing_permissions")):  # fmt: skip
            with pytest.raises(ApiError) as refused:
                await client(lab, http, key).user.get()
            assert refused.value.status_code == 401
            assert refused.value.body["detail"]["status"] == status
    lab.fault("elevenlabs", Fault(status=429))
    with pytest.raises(ApiError) as refused:
        await joined(elevenlabs.text_to_speech.stream(VOICE, text="a"))
    assert refused.value.body["detail"]["status"] == "too_many_concurrent_requests"


# --- sockets ----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:ConnectionClosed.code is deprecated")  # The SDK reads it.
async def test_a_live_voice_speaks_one_utterance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, authority = made_up()
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(authority)
    # The SDK dials wss whatever its base URL says.
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with Lab(tls=tls) as lab:
        sdk = ElevenLabs(api_key="lab-key", base_url=lab.url("elevenlabs", version=""))

        def spoken() -> bytes:
            return b"".join(
                sdk.text_to_speech.convert_realtime(
                    VOICE, text=iter(TEXT.split(" ")), model_id="eleven_flash_v2_5", output_format="pcm_16000"
                )
            )

        sound = await asyncio.to_thread(spoken)
        said = [json.loads(one) for one in lab.requests[0].said]
        refused = ElevenLabs(api_key="invalid", base_url=lab.url("elevenlabs", version=""))
        with pytest.raises(InvalidStatus):
            await asyncio.to_thread(
                lambda: list(refused.text_to_speech.convert_realtime(VOICE, text=iter(["a"])))
            )
    assert sound == mouth.pcm("".join(one["text"] for one in said[1:]), 16_000)
    assert said[-1] == {"text": ""}


def multi(lab: Lab, query: str = "output_format=pcm_16000&auto_mode=true") -> connect:
    address = lab.url("elevenlabs").replace("http", "ws", 1)
    return connect(
        f"{address}/text-to-speech/{VOICE}/multi-stream-input?{query}",
        additional_headers={"xi-api-key": "lab-key"},
    )


async def say(socket: ClientConnection, **said: object) -> None:
    await socket.send(json.dumps(said))


async def told(socket: ClientConnection, finals: int) -> list[AudioOutputMulti | FinalOutputMulti]:
    """Return what is said until so many contexts have ended."""
    heard: list[AudioOutputMulti | FinalOutputMulti] = []
    while sum(isinstance(one, FinalOutputMulti) for one in heard) < finals:
        said = json.loads(await socket.recv())
        kind = FinalOutputMulti if said["isFinal"] else AudioOutputMulti
        heard.append(kind.model_validate(said))
    return heard


async def test_contexts_speak_side_by_side(lab: Lab) -> None:
    async with multi(lab) as socket:
        for name, text in (("a", "One. "), ("b", "Two. ")):
            await say(socket, text=" ", context_id=name)
            await say(socket, text=text, context_id=name)
        for name in ("a", "b"):
            await say(socket, context_id=name, flush=True)
            await say(socket, context_id=name, close_context=True)
        heard = await told(socket, 2)
        await say(socket, close_socket=True)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert socket.close_code == 1000
    for name, text in (("a", "One. "), ("b", "Two. ")):
        mine = [one for one in heard if one.context_id == name]
        assert isinstance(mine[-1], FinalOutputMulti)
        assert b"".join(base64.b64decode(one.audio) for one in mine[:-1]) == mouth.pcm(text, 16_000)
        assert all(one.alignment.char_start_times_ms[0] == 0 for one in mine[:-1])


async def test_a_sixth_context_closes_the_socket(lab: Lab) -> None:
    async with multi(lab) as socket:
        for name in "abcdef":
            await say(socket, text=" ", context_id=name)
        complaint = json.loads(await socket.recv())
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert (complaint["error"], complaint["code"]) == ("max_active_conversations", 1008)
    assert socket.close_code == 1008


async def test_a_voice_can_be_set_only_with_the_first_words(lab: Lab) -> None:
    async with multi(lab) as socket:
        await say(socket, text=" ", context_id="a", voice_settings={"speed": 1.1})
        await say(socket, text="One. ", context_id="a", voice_settings={"speed": 0.9})
        assert json.loads(await socket.recv())["code"] == 1008


async def test_who_says_nothing_for_too_long_is_let_go(lab: Lab) -> None:
    async with multi(lab, "output_format=pcm_16000&inactivity_timeout=0.05") as socket:
        assert json.loads(await socket.recv())["error"] == "input_timeout_exceeded"
