"""Pipecat's reader and writer of Exotel's media socket: what the lab's Exotel says they read, and what they say it takes as
it takes ours. There is no SDK of Exotel's: this is the only other side that its socket is held against.
"""

import asyncio
import json
import subprocess
import urllib.request
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
)
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.exotel import ExotelFrameSerializer
from websockets.asyncio.server import ServerConnection, serve

from tests.clients.voice_agents.conftest import spoken
from tests.e2e.service import environment, python

ACCOUNT = "lab1"
TO, FROM = "+919876543210", "+918047491899"
CHUNK = 3_200
OURS = """
import json, sys
from integration_api.core.session import Say
from integration_api.providers.exotel.media import ExotelMedia
start, *sounds = json.loads(sys.stdin.read())
media = ExotelMedia()
list(media.feed(start))
told = [*(one for sound in sounds for one in media.say(bytes.fromhex(sound))), *media.clear()]
print(json.dumps([json.loads(one.message) for one in told if isinstance(one, Say)]))
"""


def asked(url: str, body: Any = None, method: str = "GET", form: bool = False) -> Any:
    data = None if body is None else (urlencode(body) if form else json.dumps(body)).encode()
    request = urllib.request.Request(url, data=data, method=method)
    request.add_header("authorization", f"Basic {b64encode(b'key1:0123456789abcdef').decode()}")
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


class Bot:
    """Pipecat's serializer on the socket: it says its sounds once it has started, and falls silent when a key is pressed."""

    def __init__(self, rate: int, *sounds: bytes) -> None:
        self.rate = rate
        self.sounds = sounds
        self.messages: list[dict[str, Any]] = []
        self.frames: list[Frame] = []
        self.call: Any = None
        self.said: list[dict[str, Any]] = []

    async def talk(self, socket: ServerConnection) -> None:
        self.socket = socket
        transport, self.call = await parse_telephony_websocket(self)  # type: ignore[arg-type]
        assert transport == "exotel"
        params = ExotelFrameSerializer.InputParams(exotel_sample_rate=self.rate)
        serializer = ExotelFrameSerializer(self.call.stream_id, self.call.call_id, params)
        serializer._sample_rate = self.rate
        for sound in self.sounds:
            await self.send(serializer, OutputAudioRawFrame(sound, self.rate, 1))
        async for message in self.iter_text():
            frame = await serializer.deserialize(message)
            if frame is not None:
                self.frames.append(frame)
            if isinstance(frame, InputDTMFFrame) and frame.button is KeypadEntry.POUND:
                await self.send(serializer, InterruptionFrame())

    async def send(self, serializer: ExotelFrameSerializer, frame: Frame) -> None:
        message = await serializer.serialize(frame)
        assert message is not None
        self.said.append(json.loads(message))
        await self.socket.send(message)

    async def iter_text(self) -> AsyncIterator[str]:
        async for message in self.socket:
            assert isinstance(message, str)
            self.messages.append(json.loads(message))
            yield message


async def run(lab: str, bot: Bot, *acts: dict[str, Any]) -> dict[str, Any]:
    """Have one call of the lab's, whose telephone does these acts, and return how it went."""
    control = f"{lab}/_lab/carriers/exotel"
    await asyncio.to_thread(asked, control, {"phones": {TO: {"acts": list(acts), "speed": 50}}}, "PUT")
    async with serve(bot.talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        form = {
            "From": TO, "CallerId": FROM, "StreamUrl": f"ws://127.0.0.1:{port}/media?a=b&sample-rate={bot.rate}",
            "StreamType": "bidirectional",
        }  # fmt: skip
        url = f"{lab}/exotel/v1/Accounts/{ACCOUNT}/Calls/connect.json"
        sid = (await asyncio.to_thread(asked, url, form, "POST", form=True))["Call"]["Sid"]
        async with asyncio.timeout(10):
            while not (told := await asyncio.to_thread(asked, f"{control}/calls/{sid}"))["done"]:
                await asyncio.sleep(0.01)
    return {"sid": sid, **told}


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
async def test_pipecat_reads_the_lab_and_is_heard_by_it(lab: str, rate: int) -> None:
    hello, answer = spoken("Hello", rate), spoken("How can I help", rate)
    answer += bytes(-len(answer) % CHUNK)
    length = len(answer) // 2 * 1000 // rate
    bot = Bot(rate, answer)
    told = await run(
        lab, bot, {"sound": b64encode(hello).decode()}, {"presses": "1*"}, {"hears_ms": length}, {"hangs_up": True}
    )  # fmt: skip
    assert (bot.call.call_id, bot.call.account_sid, bot.call.from_number) == (told["sid"], ACCOUNT, FROM)
    heard = b"".join(one.audio for one in bot.frames if isinstance(one, InputAudioRawFrame))
    assert heard == b64decode(told["said"])
    assert heard.startswith(hello)
    keys = [one.button for one in bot.frames if isinstance(one, InputDTMFFrame)]
    assert keys == [KeypadEntry.ONE, KeypadEntry.STAR]
    assert b64decode(told["heard"]) == answer
    assert told["complaints"] == []


async def test_what_pipecat_says_is_what_we_say(lab: str) -> None:
    chunks = [bytes([n]) * CHUNK for n in range(1, 9)]
    bot = Bot(8_000, *chunks)
    told = await run(lab, bot, {"presses": "#"}, {"waits_ms": 400}, {"hangs_up": True})
    start = next(json.dumps(one) for one in bot.messages if one["event"] == "start")
    ours = subprocess.run(
        [python(), "-c", OURS], input=json.dumps([start, *(one.hex() for one in chunks)]), env=environment(),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(ours.stdout) == bot.said
    [[heard, dropped]] = told["cleared"]
    assert heard + dropped == len(chunks) * CHUNK
    assert dropped > 0


@pytest.fixture(autouse=True)
def forgotten(lab: str) -> None:
    asked(f"{lab}/_lab/carriers/exotel", method="DELETE")
