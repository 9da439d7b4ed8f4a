"""A key that speaks or listens for someone is as little left behind as any other: see test_secrecy.py.

Every provider of the registry that hears or speaks is looked into: each of its sockets, and whole calls.
"""

import asyncio
import json
import secrets
import ssl
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from integration_api.providers import PROVIDERS
from lab import mouth
from lab.wave import wav
from tests.e2e.memory import copies
from tests.e2e.secrecy import Stage, staged
from tests.e2e.service import ADMIN_KEY
from tests.rpc.caller import until

EARS = {
    "deepgram": ("nova-3", "flux-general-en"),
    "cartesia": ("ink-2", "ink-whisper"),
    "azure-speech": ("default",),
    "assemblyai": ("universal-streaming-english",),
    "sarvam": ("saaras:v3-realtime", "saaras:v3"),
    "google-speech": ("chirp_3",),
    "openai": ("gpt-4o-transcribe",),
}
VOICES = {
    "deepgram": ("aura-2-thalia-en", "flux-haley-en"),
    "cartesia": ("sonic-3",),
    "azure-speech": ("en-US-JennyNeural",),
    "sarvam": ("bulbul:v3",),
    "elevenlabs": ("eleven_flash_v2_5",),
    "google-speech": ("chirp-3-hd",),
    "openai": ("gpt-4o-mini-tts",),
}
RECORDINGS = {
    "openai": ("whisper-1",),
    "deepgram": ("nova-3",),
    "cartesia": ("ink-whisper",),
    "azure-speech": ("fast",),
    "assemblyai": ("universal-2", "universal-3-5-pro"),
    "sarvam": ("saaras:v3",),
    "google-speech": ("chirp_3",),
}
TEXTS = {
    "openai": ("gpt-4o-mini-tts",),
    "deepgram": ("aura-2",),
    "cartesia": ("sonic-3",),
    "azure-speech": ("neural",),
    "sarvam": ("bulbul:v3",),
    "elevenlabs": ("eleven_flash_v2_5",),
    "google-speech": ("chirp-3-hd",),
}
VOICE = {
    "google-speech": "en-US-Chirp3-HD-Charon",
    "openai": "alloy",
    "azure-speech": "en-US-JennyNeural",
    "sarvam": "shubh",
    "deepgram": "aura-2-thalia-en",
}
SPEECH = mouth.pcm("a" * 25, 16_000)
"""One second that is loud."""
FRAME = 640
STATUS = {"sarvam": 403}
"""What a wrong key is answered with, where that is not 401."""


def refused(stage: Stage, provider: str) -> dict[str, Any]:
    """A refusal of all tries that quotes the key, in a header and in its body."""
    if provider == "deepgram":
        words = f"The key {stage.key()} is not known."
        body = {"err_code": "INVALID_AUTH", "err_msg": words}
        return {"status": 401, "body": body, "headers": {"dg-error": words}, "times": 0}
    return {"status": STATUS.get(provider, 401), "echo_key": True, "times": 0}


QUOTED = {"end": "fin", "echo_key": True, "after": 200, "times": 0}
"""The socket closes, and says why with the key in its words."""


def complaint(stage: Stage, provider: str) -> dict[str, Any]:
    """Say a text before that, in which the key stands, too: of every shape that a provider's errors have."""
    words = f"The key {stage.key()} may not do this."
    body = {
        "type": "Error" if provider in {"deepgram", "assemblyai"} else "error",
        "code": "DATA-0000",
        "is_fatal": True,
        "data": {"error": words, "message": words},
        **dict.fromkeys(("error", "message", "description"), words),
    }
    return {**QUOTED, "error_midstream": True, "body": body}


BROKEN = {"end": "reset", "after": 200, "times": 0}
TOKENS = {
    "stt deepgram": ("nova-3", "access_token"),
    "stt assemblyai": ("universal-streaming-english", "token"),
    "stt azure-speech": ("default", "access_token"),
    "tts elevenlabs": ("eleven_flash_v2_5", "single_use_token"),
}
"""What a credential may hold in place of a key; where it is good for one session it stands in the address."""
SOCKETS = {
    f"{side} {provider}/{model}": (side, provider, model)
    for side, models in (("stt", EARS), ("tts", VOICES))
    for provider, names in models.items()
    for model in names
}
WHOLE = {
    f"{side} {provider}/{model}": (side, provider, model)
    for side, models in (("stt", RECORDINGS), ("tts", TEXTS))
    for provider, names in models.items()
    for model in names
}


def test_every_provider_that_hears_or_speaks_is_looked_into() -> None:
    speech = PROVIDERS.values()
    assert EARS.keys() == {one.name for one in speech if one.stt and one.stt.listen}
    assert VOICES.keys() == {one.name for one in speech if one.tts and (one.tts.synthesize or one.tts.speak)}
    assert set(RECORDINGS) == {one.name for one in speech if one.stt and one.stt.transcribe}
    assert set(TEXTS) == {one.name for one in speech if one.tts and one.tts.speak}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """With PostgreSQL, Redis and TLS: what SQLite keeps is looked into in test_secrecy.py."""
    with staged(tmp_path_factory.mktemp("secrecy"), shared=True) as made:
        for provider in {*EARS, *VOICES, *RECORDINGS, *TEXTS}:
            made.store(provider)
        yield made


@pytest.fixture(autouse=True)
def fresh(request: pytest.FixtureRequest) -> None:
    if "stage" in request.fixturenames:
        faulty(request.getfixturevalue("stage"), "", None)


def ask_lab(stage: Stage, method: str, path: str, body: Any = None) -> bytes:
    asked = urllib.request.Request(
        f"{stage.lab}/{path}", method=method, data=json.dumps(body).encode() if body else None
    )
    trusting = ssl.create_default_context(cafile=stage.service.folder / "lab.pem")
    with urllib.request.urlopen(asked, context=trusting) as answer:
        said: bytes = answer.read()
    return said


def faulty(stage: Stage, provider: str, fault: dict[str, Any] | None) -> None:
    """Tell the lab to fail as `fault` says, or never."""
    if fault:
        ask_lab(stage, "PUT", "_lab/faults", {provider: [fault]})
    else:
        ask_lab(stage, "DELETE", "_lab/")


@asynccontextmanager
async def begun(
    stage: Stage, side: str, provider: str, model: str, **target: str
) -> AsyncIterator[ClientConnection]:
    """Ask for a session."""
    headers = {"authorization": f"Bearer {ADMIN_KEY}", "x-request-id": f"ask-{stage.control}"}
    url = f"{stage.service.url.replace('http', 'ws', 1)}/v1/voice/{side}"
    if side == "tts" and provider != "deepgram":
        target["voice_id"] = VOICE.get(provider, "v")
    start = {"type": "start", "target": {"model": f"{provider}/{model}", **target}}
    async with connect(url, additional_headers=headers, ssl=stage.service.tls, open_timeout=60) as socket:
        await socket.send(json.dumps(start))
        yield socket


async def talk(
    stage: Stage, side: str, provider: str, model: str, *, to_its_end: bool = True, **target: str
) -> list[dict[str, Any]]:
    """Have one session, keep all that was told in it, and return the events."""
    events = []
    async with begun(stage, side, provider, model, **target) as socket, asyncio.timeout(30):
        with suppress(ConnectionClosed):
            for message in (LISTEN if side == "stt" else SPEAK)[: None if to_its_end else -1]:
                await socket.send(message)
        with suppress(ConnectionClosed):
            async for message in socket:
                stage.said += message.encode() if isinstance(message, str) else message
                if isinstance(message, str):
                    events.append(json.loads(message))
    stage.said += (socket.close_reason or "").encode()
    return events


LISTEN = [*(SPEECH[at : at + FRAME] for at in range(0, len(SPEECH), FRAME)), '{"type": "end"}']
SPEAK = ['{"type": "text", "text": "Hello, this is a test.", "final": true}', '{"type": "end"}']


@pytest.mark.parametrize("side, provider, model", SOCKETS.values(), ids=SOCKETS)
async def test_a_session_leaves_no_key_in_memory(stage: Stage, side: str, provider: str, model: str) -> None:
    events = await talk(stage, side, provider, model)
    assert events[0]["type"] == "ready", events
    assert (events[-1]["type"], events[-1].get("reason")) == ("closed", "finished"), events[-2:]
    stage.assert_forgotten()


@pytest.mark.parametrize("side, provider, model", SOCKETS.values(), ids=SOCKETS)
async def test_a_refused_handshake_that_quotes_the_key_leaves_none_in_memory(
    stage: Stage, side: str, provider: str, model: str
) -> None:
    faulty(stage, provider, refused(stage, provider))
    events = await talk(stage, side, provider, model)
    error = next(one for one in events if one["type"] == "error")
    assert error["code"] == "credential_rejected"
    stage.assert_absent_from_answers()
    stage.assert_forgotten()


@pytest.mark.parametrize("side, provider, model", SOCKETS.values(), ids=SOCKETS)
async def test_a_session_that_breaks_leaves_no_key_in_memory(
    stage: Stage, side: str, provider: str, model: str
) -> None:
    faulty(stage, provider, BROKEN)
    assert (await talk(stage, side, provider, model))[-1]["type"] == "closed"
    stage.assert_absent_from_answers()
    stage.assert_forgotten()


@pytest.mark.parametrize("side, provider, model", SOCKETS.values(), ids=SOCKETS)
async def test_an_error_that_quotes_the_key_leaves_none_in_memory(
    stage: Stage, side: str, provider: str, model: str
) -> None:
    # Google's words come with the end of a call, and not before.
    for fault in [QUOTED] if provider == "google-speech" else [QUOTED, complaint(stage, provider)]:
        faulty(stage, provider, fault)
        events = await talk(stage, side, provider, model, to_its_end=False)
        assert "error" in {one["type"] for one in events}, events
    stage.assert_absent_from_answers()
    stage.assert_forgotten()


def whole(stage: Stage, side: str, provider: str, model: str) -> int:
    if side == "tts":
        voice = VOICE.get(provider, "v")
        body = {"model": f"{provider}/{model}", "voice": voice, "input": "Hello.", "response_format": "wav"}
        return stage.ask("POST", "/v1/audio/speech", body, x_request_id=f"ask-{stage.control}")[0]
    border = "form-border"
    parts = [
        f'--{border}\r\ncontent-disposition: form-data; name="model"\r\n\r\n{provider}/{model}\r\n'.encode(),
        f'--{border}\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n'
        "content-type: audio/wav\r\n\r\n".encode()
        + wav(SPEECH, 16_000)
        + b"\r\n",
        f"--{border}--\r\n".encode(),
    ]
    return stage.ask(
        "POST",
        "/v1/audio/transcriptions",
        b"".join(parts),
        content_type=f"multipart/form-data; boundary={border}",
        x_request_id=f"ask-{stage.control}",
    )[0]


@pytest.mark.parametrize("side, provider, model", WHOLE.values(), ids=WHOLE)
def test_a_whole_call_leaves_no_key_in_memory(stage: Stage, side: str, provider: str, model: str) -> None:
    assert whole(stage, side, provider, model) == 200
    stage.assert_forgotten()
    faulty(stage, provider, refused(stage, provider))
    assert whole(stage, side, provider, model) == 424
    stage.assert_absent_from_answers()
    stage.assert_forgotten()


@pytest.mark.parametrize("side, provider, model", SOCKETS.values(), ids=SOCKETS)
async def test_a_caller_who_leaves_a_session_leaves_no_key_in_memory(
    stage: Stage, side: str, provider: str, model: str
) -> None:
    async with begun(stage, side, provider, model) as socket:
        assert json.loads(await socket.recv())["type"] == "ready"
        await socket.send((LISTEN if side == "stt" else SPEAK)[0])
    until(lambda: stage.metric("integration_calls_in_flight") == 0)
    stage.assert_forgotten()


@pytest.mark.parametrize("which", TOKENS)
async def test_a_token_in_place_of_a_key_leaves_none_in_memory(stage: Stage, which: str) -> None:
    side, provider = which.split()
    model, field = TOKENS[which]
    stored = stage.store(provider, **{field: stage.key()})
    asked = {"side": side, "provider": provider, "model": model, "credential_id": stored}
    assert (await talk(stage, **asked))[-1]["reason"] == "finished"
    query = json.loads(ask_lab(stage, "GET", f"_lab/requests?provider={provider}"))["requests"][-1]["query"]
    assert (field in query) == (field in {"token", "single_use_token"})
    faulty(stage, provider, refused(stage, provider))
    events = await talk(stage, **asked)
    assert "credential_rejected" in {one.get("code") for one in events}, events
    faulty(stage, provider, QUOTED)
    assert "error" in {one["type"] for one in await talk(stage, **asked, to_its_end=False)}
    stage.assert_absent_from_answers()
    stage.assert_forgotten()


SHARED = {
    "gemini": ("google", "google-speech", "latest_long", "chirp-3-hd"),
    "azure-openai": ("azure", "azure-speech", "default", "en-US-JennyNeural"),
}
"""Whose keys speech takes, where the lab has both, and with which models."""


@pytest.mark.parametrize("owner", SHARED)
async def test_a_key_that_was_stored_for_models_leaves_none_in_memory(stage: Stage, owner: str) -> None:
    place, provider, ear, voice = SHARED[owner]
    stored = stage.store(owner, f"{stage.lab}/{place}")
    for side, model in (("stt", ear), ("tts", voice)):
        asked = {"side": side, "provider": provider, "model": model, "credential_id": stored}
        assert (await talk(stage, **asked))[-1]["reason"] == "finished"
        faulty(stage, place, refused(stage, place))
        events = await talk(stage, **asked)
        assert "credential_rejected" in {one.get("code") for one in events}, events
        faulty(stage, place, QUOTED)
        assert "error" in {one["type"] for one in await talk(stage, **asked, to_its_end=False)}
        faulty(stage, "", None)
    stage.assert_absent_from_answers()
    stage.assert_forgotten()


async def test_an_account_that_gets_tokens_leaves_neither_its_key_nor_a_token_in_memory(stage: Stage) -> None:
    """The key of a service account, and the token that it is given: that is kept while its credential lives."""
    name = secrets.token_hex(8)
    file = ask_lab(
        stage, "GET", f"vertexai/service-account.json?scheme=https&email={name}@p1.iam.gserviceaccount.com"
    ).decode()
    lines = json.loads(file)["private_key"].splitlines()[1:-1]
    stored = stage.store("google-speech", service_account_key=file, verify=False)
    token = name.encode().hex()
    for side, model in (("stt", "chirp_3"), ("tts", "chirp-3-hd")):
        asked = {"side": side, "provider": "google-speech", "model": model, "credential_id": stored}
        assert (await talk(stage, **asked))[-1]["reason"] == "finished"
        faulty(stage, "google-speech", QUOTED)
        assert "error" in {one["type"] for one in await talk(stage, **asked, to_its_end=False)}
        faulty(stage, "", None)
    assert token.encode() not in stage.said
    found = copies(stage.pid, [token.encode(), *(line.encode() for line in lines)])
    assert found == {**dict.fromkeys(found, 0), token.encode(): 1}
    stage.ask("DELETE", f"/v1/credentials/{stored}")
    until(lambda: not copies(stage.pid, [token.encode()])[token.encode()])


async def test_a_socket_that_waits_holds_no_key(tmp_path: Path) -> None:
    voices = {
        provider: models[0] for provider, models in VOICES.items() if PROVIDERS[provider].tts.warm_seconds
    }
    with staged(tmp_path, shared=False, warm_sockets=1) as stage:
        once = stage.store("elevenlabs", single_use_token=stage.key())
        await talk(stage, "tts", "elevenlabs", voices["elevenlabs"], credential_id=once)
        assert handshakes(stage, "elevenlabs") == 1, "a spare would spend the token"
        stage.ask("DELETE", f"/v1/credentials/{once}")
        ask_lab(stage, "DELETE", "_lab/")
        for provider, model in voices.items():
            stage.store(provider)
            await talk(stage, "tts", provider, model)
        until(lambda: all(handshakes(stage, provider) == 2 for provider in voices))
        stage.assert_forgotten()
        for provider, model in voices.items():
            ready = (await talk(stage, "tts", provider, model))[0]
            assert ready["reused_connection"], provider
        stage.assert_forgotten()


def handshakes(stage: Stage, provider: str) -> int:
    asked = json.loads(ask_lab(stage, "GET", f"_lab/requests?provider={provider}"))["requests"]
    return sum("sec-websocket-key" in one["headers"] for one in asked)


def test_no_key_was_ever_written_or_said(stage: Stage) -> None:
    for provider in sorted({*EARS, *VOICES}):
        side, models = ("stt", EARS) if provider in EARS else ("tts", VOICES)
        asyncio.run(talk(stage, side, provider, models[provider][0]))
    stage.said += (
        stage.client.get("/metrics").content
        + stage.client.get("/v1/audit?limit=100", headers={"authorization": f"Bearer {ADMIN_KEY}"}).content
    )
    stage.assert_forgotten(thoroughly=True)
    stage.assert_absent_everywhere()
