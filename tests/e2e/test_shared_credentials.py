"""Speech by the credentials that a project stored for models of the same vendor, whatever door it comes by."""

import asyncio
import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from openai import APIStatusError, OpenAI
from websockets.sync.client import connect

from integration_api.proto import voice_pb2 as wire
from lab import mouth
from lab.wave import wav
from tests.e2e.conftest import value
from tests.e2e.service import ADMIN_KEY, ROOT, Service, running
from tests.e2e.test_isolation import other_project
from tests.e2e.test_voice import SPEECH, ask_lab, call, fresh, lab, of, say, told
from tests.rpc.caller import until
from tests.rpc.test_voice import rest, streaming

__all__ = ["fresh", "lab"]

KEY = {"key": "lab-key-0123456789abcdef"}
OWNERS = {"google-speech": "vertexai", "azure-speech": "azure-openai"}
EARS = {"google-speech": "google-speech/chirp_3", "azure-speech": "azure-speech/default"}
RECORDINGS = {"google-speech": "google-speech/long", "azure-speech": "azure-speech/fast"}
VOICES = {
    "google-speech": ("google-speech/chirp-3-hd", "en-US-Chirp3-HD-Charon"),
    "azure-speech": ("azure-speech/neural", "en-US-JennyNeural"),
}
TEXT = "A table for two, please."
OUTPUT = {"encoding": "pcm_s16le", "sample_rate_hz": 16_000}
GRPC_OUTPUT = {**OUTPUT, "encoding": "PCM_S16LE"}
SOUND = mouth.pcm(TEXT, 16_000)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as started:
        yield started


@pytest.fixture(scope="module")
def values(lab: str) -> dict[str, dict[str, str]]:
    """Credentials as they are stored for models, at addresses where the vendor's other services are, too."""
    account = value(lab, "vertexai")
    assert account is not None
    return {
        "vertexai": {**account, "base_url": f"{lab}/google"},
        "gemini": {**KEY, "base_url": f"{lab}/google/v1beta"},
        "azure-openai": {**KEY, "base_url": f"{lab}/azure/openai/v1"},
        "google-speech": {**KEY, "base_url": f"{lab}/google-speech"},
        "azure-speech": {**KEY, "base_url": f"{lab}/azure-speech"},
        "deepgram": {**KEY, "base_url": f"{lab}/deepgram"},
    }


@pytest.fixture(autouse=True)
def _cleared(service: Service) -> Iterator[None]:
    yield
    for one in service.call("GET", "/v1/credentials")[1]["data"]:
        assert service.call("DELETE", f"/v1/credentials/{one['id']}")[0] == 200


@pytest.fixture
def stored(service: Service, values: dict[str, dict[str, str]]) -> dict[str, str]:
    """A credential for each vendor's models and none for its speech."""
    return {owner: store(service, owner, values) for owner in OWNERS.values()}


def store(service: Service, provider: str, values: dict[str, dict[str, str]]) -> str:
    given = values[provider]
    return service.add_credential(provider, given["base_url"], value=given, name=provider)


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{service.url}/v1", api_key=ADMIN_KEY, max_retries=0, timeout=300) as opened:
        yield opened


def used(service: Service, speech: str, **named: str) -> str:
    """Return the id of the credential with which a provider's voices are listed."""
    headers = {
        "authorization": f"Bearer {ADMIN_KEY}",
        **{name.replace("_", "-"): one for name, one in named.items()},
    }
    asked = urllib.request.Request(f"{service.url}/v1/voices?provider={speech}", headers=headers)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert json.loads(answer.read())["data"]
        return str(answer.headers["x-integration-credential"])


async def listened(service: Service, speech: str, **target: str) -> list[str]:
    async with call(service, "stt", target={"model": EARS[speech], **target}) as socket:
        assert json.loads(await socket.recv())["type"] == "ready"
        await say(socket, SPEECH)
        await socket.send('{"type": "end"}')
        return [one["text"] for one in of(await told(socket), "utterance_end")]


async def spoken(service: Service, speech: str, **target: str) -> tuple[dict[str, Any], bytes]:
    model, voice = VOICES[speech]
    target = {"model": model, "voice_id": voice, **target}
    async with call(service, "tts", target=target, output=OUTPUT) as socket:
        ready = json.loads(await socket.recv())
        await socket.send(json.dumps({"type": "text", "text": TEXT, "final": True}))
        await socket.send('{"type": "end"}')
        return ready, b"".join([one async for one in socket if isinstance(one, bytes)])


@pytest.mark.parametrize("speech", OWNERS)
@pytest.mark.parametrize("named", [False, True], ids=["by default", "by its id"])
async def test_every_door_speaks_and_listens_by_the_credential_for_models(
    service: Service, lab: str, client: OpenAI, stored: dict[str, str], speech: str, named: bool
) -> None:
    id = stored[OWNERS[speech]]
    headers = {"x-credential-id": id} if named else {}
    target = {"credential_id": id} if named else {}
    model, voice = VOICES[speech]

    asking = client.with_options(default_headers=headers)
    file = ("speech.wav", wav(SPEECH, 16_000), "audio/wav")
    assert asking.audio.transcriptions.create(model=RECORDINGS[speech], file=file, language="en").text
    asked: Any = {"model": model, "voice": voice, "input": TEXT, "response_format": "pcm"}
    assert asking.audio.speech.create(**asked).content == mouth.pcm(TEXT, 24_000)
    assert used(service, speech, **({"x_credential_id": id} if named else {})) == id

    assert await listened(service, speech, **target)
    assert (await spoken(service, speech, **target))[1].startswith(SOUND)

    async with streaming(service, "SpeechToText/StreamTranscribe", wire.SttServer) as stream:
        start = {"start": {"target": {"model": EARS[speech], **target}}}
        await stream.write(json_format.ParseDict(start, wire.SttClient()))
        await stream.read()
        await stream.write(wire.SttClient(audio=SPEECH))
        await stream.write(wire.SttClient(end=wire.SttClient.End()))
        assert any(one.WhichOneof("event") == "utterance_end" for one in await rest(stream))
    async with streaming(service, "TextToSpeech/StreamSynthesize", wire.TtsServer) as stream:
        start = {"start": {"target": {"model": model, "voice_id": voice, **target}, "output": GRPC_OUTPUT}}
        await stream.write(json_format.ParseDict(start, wire.TtsClient()))
        await stream.write(wire.TtsClient(text=wire.TtsClient.Text(text=TEXT, final=True)))
        await stream.write(wire.TtsClient(end=wire.TtsClient.End()))
        assert b"".join(one.audio.audio for one in await rest(stream)).startswith(SOUND)

    calls = until(lambda: kept if len(kept := records(service, speech, id)) == 7 else None)
    assert {(one["operation"], one["status"]) for one in calls} == {
        ("stt", "success"), ("tts", "success"), ("voices", "success"),
    }  # fmt: skip
    elsewhere = {one["credential_id"] for one in records(service, speech)} - {id}
    assert not elsewhere & set(stored.values())
    sent = ask_lab(lab, "GET", f"requests?provider={speech.partition('-')[0]}")["requests"]
    signed = {"google-speech": "authorization", "azure-speech": "ocp-apim-subscription-key"}[speech]
    # What is stored is verified by the provider that it was stored for, and its header of keys is another.
    verified = {"google-speech": [], "azure-speech": ["/openai/v1/models"]}[speech]
    assert [one["path"] for one in sent if signed not in one["headers"]] == verified


def records(service: Service, speech: str, id: str = "") -> list[dict[str, Any]]:
    """Return the calls of a provider on record, by one credential or by any."""
    query = f"provider={speech}&limit=100" + (f"&credential_id={id}" if id else "")
    status, page = service.call("GET", f"/v1/audit?{query}")
    assert status == 200
    found: list[dict[str, Any]] = page["data"]
    return found


def test_ones_own_takes_over_at_once_and_gives_way_when_it_is_gone(
    service: Service, values: dict[str, dict[str, str]], stored: dict[str, str]
) -> None:
    assert used(service, "google-speech") == stored["vertexai"]
    gemini = store(service, "gemini", values)
    assert used(service, "google-speech") == stored["vertexai"]
    assert used(service, "google-speech", x_credential_id=gemini) == gemini
    own = {speech: store(service, speech, values) for speech in OWNERS}
    for speech, id in own.items():
        assert used(service, speech) == id
        service.call("DELETE", f"/v1/credentials/{id}")
        assert used(service, speech) == stored[OWNERS[speech]]
    service.call("DELETE", f"/v1/credentials/{stored['vertexai']}")
    assert used(service, "google-speech") == gemini
    service.call("DELETE", f"/v1/credentials/{gemini}")
    status, answer = service.call("GET", "/v1/voices?provider=google-speech")
    assert (status, answer["error"]["code"]) == (400, "credential_missing")
    assert "google-speech, vertexai or gemini" in answer["error"]["message"]


def test_a_key_of_geminis_listens_in_the_language_that_needs_no_project(
    service: Service, client: OpenAI, values: dict[str, dict[str, str]], stored: dict[str, str], lab: str
) -> None:
    named = client.with_options(default_headers={"x-credential-id": store(service, "gemini", values)})
    file = ("speech.wav", wav(SPEECH, 16_000), "audio/wav")
    assert named.audio.transcriptions.create(model="google-speech/latest_long", file=file, language="en").text
    asked = ask_lab(lab, "GET", "requests?provider=google")["requests"][-1]
    assert asked["path"] == "/v1/speech:recognize"
    with pytest.raises(APIStatusError, match="project_id"):
        named.audio.transcriptions.create(model="google-speech/chirp_3", file=file, language="en")


def test_all_voices_are_those_of_who_could_speak(service: Service, stored: dict[str, str]) -> None:
    listed = service.call("GET", "/v1/voices")[1]
    assert {one["provider"] for one in listed["data"]} == set(OWNERS)
    assert "warnings" not in listed


def test_a_strangers_credential_is_refused(
    service: Service, values: dict[str, dict[str, str]], stored: dict[str, str]
) -> None:
    deepgram = store(service, "deepgram", values)
    for speech, id in (("google-speech", deepgram), ("azure-speech", stored["vertexai"])):
        answer = service.call("GET", f"/v1/voices?provider={speech}", headers={"x-credential-id": id})
        assert (answer[0], answer[1]["error"]["code"]) == (400, "credential_mismatch")


def test_another_projects_credential_speaks_for_nobody(service: Service, stored: dict[str, str]) -> None:
    stranger = other_project(service)
    for speech, owner in OWNERS.items():
        path = f"/v1/voices?provider={speech}"
        named = service.call("GET", path, key=stranger, headers={"x-credential-id": stored[owner]})
        assert (named[0], named[1]["error"]["code"]) == (404, "credential_not_found")
        unnamed = service.call("GET", path, key=stranger)
        assert (unnamed[0], unnamed[1]["error"]["code"]) == (400, "credential_missing")
        socket = service.url.replace("http", "ws") + "/v1/voice/tts"
        headers = {"authorization": f"Bearer {stranger}"}
        with connect(socket, additional_headers=headers, open_timeout=60) as opened:
            model, voice = VOICES[speech]
            target = {"model": model, "voice_id": voice, "credential_id": stored[owner]}
            opened.send(json.dumps({"type": "start", "target": target}))
            assert json.loads(opened.recv())["code"] == "credential_not_found"


@pytest.mark.parametrize("change", ["replaced", "deleted", "overtaken"])
async def test_a_socket_that_waits_goes_with_the_credential_that_opened_it(
    service: Service, lab: str, values: dict[str, dict[str, str]], stored: dict[str, str], change: str
) -> None:
    id = stored["azure-openai"]
    await spoken(service, "azure-speech")
    await waits(lab, 2)
    again, _ = await spoken(service, "azure-speech")
    assert again["reused_connection"]
    await waits(lab, 3)
    before = ask_lab(lab, "GET", "stats")["connections"]
    if change == "overtaken":
        # Its owner is still there: the socket may wait, but nobody of another credential takes it.
        store(service, "azure-speech", values)
    elif change == "deleted":
        assert service.call("DELETE", f"/v1/credentials/{id}")[0] == 200
    else:
        new = {**values["azure-openai"], "key": "another-key-0123456789"}
        assert service.call("PATCH", f"/v1/credentials/{id}", {"value": new})[0] == 200
    if change != "overtaken":
        async with asyncio.timeout(60):
            while ask_lab(lab, "GET", "stats")["connections"] >= before:
                await asyncio.sleep(0.01)
    if change != "deleted":
        anew, sound = await spoken(service, "azure-speech")
        assert not anew.get("reused_connection")
        assert sound.startswith(SOUND)


async def waits(lab: str, count: int) -> None:
    """Wait until so many sockets have been opened to speak."""
    deadline = time.monotonic() + 60
    while True:
        asked = ask_lab(lab, "GET", "requests?provider=azure")["requests"]
        if sum("sec-websocket-key" in one["headers"] for one in asked) == count:
            return
        assert time.monotonic() < deadline, asked
        await asyncio.sleep(0.01)


def test_the_command_line_speaks_and_listens(service: Service, stored: dict[str, str]) -> None:
    made = service.command("say", TEXT, "--voice", "azure-speech/en-US-JennyNeural", "--out", "hello.wav")
    assert made.returncode == 0, made.stderr
    heard = service.command(
        "transcribe",
        "hello.wav",
        "--model",
        "google-speech/long",
        "--whole",
        "--credential",
        stored["vertexai"],
    )
    assert heard.returncode == 0, heard.stderr
    assert heard.stdout.strip()


def test_what_the_documents_show_is_so(service: Service, lab: str, folder: Path) -> None:
    (script,) = re.findall(
        r"^```sh\n(LAB=.*?)^```", (ROOT / "docs/voice.md").read_text(), re.MULTILINE | re.DOTALL
    )
    script = script.replace("http://localhost:9104", lab).replace("http://localhost:9004", service.url)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("curl ", "curl -sS --fail ")],
        env={"KEY": ADMIN_KEY, "PATH": os.environ["PATH"]}, cwd=folder, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"text":"Hello from the laboratory."' in done.stdout
    assert (folder / "azure.wav").read_bytes()[44:] == mouth.pcm(TEXT, 24_000)
