"""Sockets that wait for the next text: taken by who comes next, and gone with their credential."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from lab import mouth
from tests.e2e.service import ADMIN_KEY, Service, lab_running, running
from tests.e2e.test_voice import ask_lab

VOICE = "deepgram/aura-2-thalia-en"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with lab_running(tmp_path_factory.mktemp("lab")) as url:
        yield url


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as started:
        yield started


@pytest.fixture
def credential(service: Service, lab: str) -> Iterator[str]:
    ask_lab(lab, "DELETE", "")
    stored = service.add_credential("deepgram", base_url=f"{lab}/deepgram")
    yield stored
    service.call("DELETE", f"/v1/credentials/{stored}")


@asynccontextmanager
async def speaking(service: Service, credential: str, **start: Any) -> AsyncIterator[ClientConnection]:
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    url = service.url.replace("http", "ws") + "/v1/voice/tts"
    async with connect(url, additional_headers=headers, open_timeout=60) as socket:
        target = {"model": VOICE, "credential_id": credential}
        await socket.send(json.dumps({"type": "start", "target": target, **start}))
        yield socket


async def say(service: Service, credential: str, text: str, **start: Any) -> tuple[dict[str, Any], bytes]:
    """Return what `ready` told, and the sound."""
    async with speaking(service, credential, **start) as socket:
        ready = json.loads(await socket.recv())
        await socket.send(json.dumps({"type": "text", "text": text, "final": True}))
        await socket.send('{"type": "end"}')
        sound = b"".join([message async for message in socket if isinstance(message, bytes)])
    return ready, sound


def handshakes(lab: str) -> int:
    return sum(
        one["path"] == "/v1/speak" for one in ask_lab(lab, "GET", "requests?provider=deepgram")["requests"]
    )


async def until(true: Any) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


async def test_who_comes_next_takes_the_socket_that_waits(
    service: Service, lab: str, credential: str
) -> None:
    first, sound = await say(service, credential, "One.")
    assert not first.get("reused_connection")
    assert sound == mouth.pcm("One.", 24_000)
    await until(lambda: handshakes(lab) == 2)
    again, sound = await say(service, credential, "Two.")
    assert again["reused_connection"]
    assert again["provider_request_id"] != first["provider_request_id"]
    assert sound == mouth.pcm("Two.", 24_000)


async def test_other_parameters_and_other_credentials_have_sockets_of_their_own(
    service: Service, lab: str, credential: str
) -> None:
    await say(service, credential, "One.")
    await until(lambda: handshakes(lab) == 2)
    other, _ = await say(service, credential, "Two.", speed=1.5)
    assert not other.get("reused_connection")
    second = service.add_credential("deepgram", base_url=f"{lab}/deepgram", name="second")
    stranger, _ = await say(service, second, "Three.")
    assert not stranger.get("reused_connection")
    service.call("DELETE", f"/v1/credentials/{second}")


@pytest.mark.parametrize("change", ["replaced", "deleted"])
async def test_no_socket_outlives_its_credential(service: Service, lab: str, change: str) -> None:
    ask_lab(lab, "DELETE", "")
    before = ask_lab(lab, "GET", "stats")["connections"]
    stored = service.add_credential("deepgram", base_url=f"{lab}/deepgram", name=change)
    await say(service, stored, "One.")
    await until(lambda: handshakes(lab) == 2)
    if change == "deleted":
        assert service.call("DELETE", f"/v1/credentials/{stored}")[0] == 200
    else:
        value = {"key": "another-key-0123456789", "base_url": f"{lab}/deepgram"}
        assert service.call("PATCH", f"/v1/credentials/{stored}", {"value": value})[0] == 200
    await until(lambda: ask_lab(lab, "GET", "stats")["connections"] <= before)
    if change == "replaced":
        anew, _ = await say(service, stored, "Two.")
        assert not anew.get("reused_connection")
        service.call("DELETE", f"/v1/credentials/{stored}")


async def test_a_socket_that_the_provider_closed_meanwhile_is_not_taken(
    service: Service, lab: str, credential: str
) -> None:
    ask_lab(lab, "PUT", "faults", {"deepgram": [{"status": 429}]})
    async with speaking(
        service, credential
    ) as socket:  # Its spare is the one that is refused, or it is itself.
        await socket.recv()
    _, sound = await say(service, credential, "Still here.")
    assert sound == mouth.pcm("Still here.", 24_000)
