"""Pipecat's reader and writer of Vonage's sockets: what the lab's Vonage says it reads, and what it says is what ours says.

It is made for another of Vonage's products, which speaks the same language, and may spell keys otherwise.
"""

import asyncio
import json
import subprocess
import time
import urllib.request
from base64 import b64decode, b64encode, urlsafe_b64encode
from typing import Any

import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
)
from pipecat.serializers.vonage import VonageFrameSerializer
from websockets.asyncio.server import ServerConnection, serve

from tests.clients.voice_agents.conftest import spoken
from tests.e2e.service import environment, python

RATE, FRAME = 16_000, 640
HELLO, ANSWER = spoken("Hello", RATE), spoken("How can I help", RATE)
OURS = """
import json, sys
from integration_api.core.session import Say
from integration_api.providers.vonage.media import VonageMedia
start, sound = json.loads(sys.stdin.read())
media = VonageMedia()
list(media.feed(start))
told = [one.message for one in [*media.say(bytes.fromhex(sound)), *media.clear()] if isinstance(one, Say)]
print(json.dumps([one.hex() if isinstance(one, bytes) else json.loads(one) for one in told]))
"""


def part(said: Any) -> str:
    return urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()


def asked(url: str, body: Any = None, method: str = "GET") -> Any:
    """Ask as an application whose key the lab has not been given: it looks at the claims alone."""
    claims = {"application_id": "any", "iat": int(time.time()), "jti": "1"}
    token = f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.AA"
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


class Bot:
    """Pipecat's serializer on the socket; what it is to say first, and whether it falls silent when it hears something."""

    def __init__(self, *says: Frame, silenced: bool = False) -> None:
        self.says = list(says)
        self.silenced = silenced
        self.start = ""
        self.frames: list[Frame] = []
        self.said: list[Any] = []

    async def talk(self, socket: ServerConnection) -> None:
        serializer = VonageFrameSerializer()
        serializer._sample_rate = RATE
        async for message in socket:
            self.start = self.start or str(message)
            frame = await serializer.deserialize(message)
            if frame is not None:
                self.frames.append(frame)
            if frame is not None and self.silenced and not self.says:
                self.silenced = False
                self.says = [InterruptionFrame()]
            while self.says:
                said = await serializer.serialize(self.says.pop(0))
                assert said is not None
                self.said.append(said.hex() if isinstance(said, bytes) else json.loads(said))
                await socket.send(said)


async def run(lab: str, bot: Bot, *acts: dict[str, Any]) -> dict[str, Any]:
    control = f"{lab}/_lab/carriers/vonage"
    asked(control, {"phones": {"*": {"acts": acts, "speed": 50}}}, "PUT")
    async with serve(bot.talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        socket = {
            "type": "websocket", "uri": f"ws://127.0.0.1:{port}/media", "content-type": f"audio/l16;rate={RATE}",
        }  # fmt: skip
        call = {
            "to": [{"type": "phone", "number": "4930123456"}], "random_from_number": True,
            "ncco": [{"action": "connect", "randomFromNumber": True, "endpoint": [socket]}],
        }  # fmt: skip
        uuid = (await asyncio.to_thread(asked, f"{lab}/vonage/v1/calls", call, "POST"))["uuid"]
        async with asyncio.timeout(10):
            while not (told := await asyncio.to_thread(asked, f"{control}/calls/{uuid}"))["done"]:
                await asyncio.sleep(0.01)
    return dict(told)


def frames(sound: bytes) -> list[Frame]:
    return [OutputAudioRawFrame(sound[at : at + FRAME], RATE, 1) for at in range(0, len(sound), FRAME)]


async def test_pipecat_reads_the_lab_and_is_heard_by_it(lab: str) -> None:
    length = len(ANSWER) // 2 * 1000 // RATE
    bot = Bot(*frames(ANSWER))
    told = await run(
        lab,
        bot,
        {"sound": b64encode(HELLO).decode()},
        {"presses": "1#"},
        {"hears_ms": length},
        {"hangs_up": True},
    )
    heard = b"".join(one.audio for one in bot.frames if isinstance(one, InputAudioRawFrame))
    assert heard == b64decode(told["said"])
    assert heard.startswith(HELLO)
    keys = [one.button for one in bot.frames if isinstance(one, InputDTMFFrame)]
    assert keys == [KeypadEntry.ONE, KeypadEntry.POUND]
    assert b64decode(told["heard"]) == ANSWER
    assert told["complaints"] == []


async def test_what_pipecat_says_is_what_we_say(lab: str) -> None:
    bot = Bot(*frames(ANSWER), silenced=True)
    told = await run(lab, bot, {"waits_ms": 100}, {"hangs_up": True})
    ours = subprocess.run(
        [python(), "-c", OURS], input=json.dumps([bot.start, ANSWER.hex()]), env=environment(), capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert json.loads(ours.stdout) == bot.said
    [[heard, dropped]] = told["cleared"]
    assert heard + dropped == len(ANSWER)
    assert dropped > 0


@pytest.fixture(autouse=True)
def forgotten(lab: str) -> None:
    asked(f"{lab}/_lab/carriers/vonage", method="DELETE")
