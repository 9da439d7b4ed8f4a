"""Pipecat's reader and writer of Twilio's media socket: what the lab's Twilio says they read, and what they say it takes
as it takes ours. LiveKit's plugins have none: its own server speaks to carriers.
"""

import asyncio
import audioop
import json
import subprocess
import urllib.request
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
)
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from websockets.asyncio.server import ServerConnection, serve

from tests.clients.voice_agents.conftest import spoken
from tests.e2e.service import environment, python

ACCOUNT, TOKEN = "AC00000000000000000000000000000001", "0123456789abcdef0123456789abcdef"
TO, FROM = "+4930123456", "+15005550006"
RATE = 8_000
HELLO, ANSWER = audioop.lin2ulaw(spoken("Hello", RATE), 2), spoken("How can I help", RATE)
OURS = """
import json, sys
from integration_api.core.session import Say
from integration_api.providers.twilio.media import MediaStream
start, sound = json.loads(sys.stdin.read())
media = MediaStream()
list(media.feed(start))
told = [*media.say(bytes.fromhex(sound)), *media.clear()]
print(json.dumps([json.loads(one.message) for one in told if isinstance(one, Say)]))
"""


def asked(url: str, body: Any = None, method: str = "GET", form: bool = False) -> Any:
    data = None if body is None else (urlencode(body) if form else json.dumps(body)).encode()
    request = urllib.request.Request(url, data=data, method=method)
    request.add_header("authorization", f"Basic {b64encode(f'{ACCOUNT}:{TOKEN}'.encode()).decode()}")
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


class Telephone:
    """One call of the lab's: made, its person scripted, and looked into."""

    def __init__(self, lab: str, acts: list[dict[str, Any]]) -> None:
        self.lab = lab
        self.control = f"{lab}/_lab/carriers/twilio"
        asked(self.control, {"phones": {TO: {"acts": acts, "speed": 50}}}, "PUT")

    def call(self, socket: str) -> str:
        twiml = f'<Response><Connect><Stream url="{socket}"><Parameter name="a" value="b"/></Stream></Connect></Response>'
        url = f"{self.lab}/twilio/2010-04-01/Accounts/{ACCOUNT}/Calls.json"
        return str(asked(url, {"To": TO, "From": FROM, "Twiml": twiml}, "POST", form=True)["sid"])

    async def over(self, sid: str) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while not (told := await asyncio.to_thread(asked, f"{self.control}/calls/{sid}"))["done"]:
                await asyncio.sleep(0.01)
        return dict(told)


class Bot:
    """Pipecat's serializer on the socket. `does` says what is to be sent for a frame that it has read."""

    def __init__(self, does: Callable[["Bot", Frame | None], Awaitable[list[Frame]]], **hang_up: Any) -> None:
        self.does = does
        self.hang_up = hang_up
        self.messages: list[dict[str, Any]] = []
        self.frames: list[Frame] = []
        self.call: Any = None
        self.said: list[dict[str, Any]] = []

    async def talk(self, socket: ServerConnection) -> None:
        self.socket = socket
        transport, self.call = await parse_telephony_websocket(self)  # type: ignore[arg-type]
        assert transport == "twilio"
        params = TwilioFrameSerializer.InputParams(auto_hang_up=bool(self.hang_up))
        serializer = TwilioFrameSerializer(
            self.call.stream_id, self.call.call_id, params=params, **self.hang_up
        )
        serializer._sample_rate = RATE
        await self.send(serializer, await self.does(self, None))
        async for message in self.iter_text():
            frame = await serializer.deserialize(message)
            if frame is not None:
                self.frames.append(frame)
                await self.send(serializer, await self.does(self, frame))

    async def send(self, serializer: TwilioFrameSerializer, frames: list[Frame]) -> None:
        for frame in frames:
            message = await serializer.serialize(frame)
            if message is not None:
                self.said.append(json.loads(message))
                await self.socket.send(message)

    async def iter_text(self) -> AsyncIterator[str]:
        async for message in self.socket:
            assert isinstance(message, str)
            self.messages.append(json.loads(message))
            yield message


async def run(bot: Bot, telephone: Telephone) -> dict[str, Any]:
    async with serve(bot.talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        sid = await asyncio.to_thread(telephone.call, f"ws://127.0.0.1:{port}/media")
        return {"sid": sid, **await telephone.over(sid)}


async def test_pipecat_reads_the_lab_and_is_heard_by_it(lab: str) -> None:
    async def does(_: Bot, frame: Frame | None) -> list[Frame]:
        return [OutputAudioRawFrame(ANSWER, RATE, 1)] if frame is None else []

    length = len(ANSWER) // 2 * 1000 // RATE
    acts = [{"sound": b64encode(HELLO).decode()}, {"presses": "1#"}, {"hears_ms": length}, {"hangs_up": True}]
    bot = Bot(does)
    told = await run(bot, Telephone(lab, acts))
    assert (bot.call.call_id, bot.call.body) == (told["sid"], {"a": "b"})
    heard = b"".join(one.audio for one in bot.frames if isinstance(one, InputAudioRawFrame))
    assert heard == audioop.ulaw2lin(b64decode(told["said"]), 2)
    assert heard.startswith(audioop.ulaw2lin(HELLO, 2))
    keys = [one.button for one in bot.frames if isinstance(one, InputDTMFFrame)]
    assert keys == [KeypadEntry.ONE, KeypadEntry.POUND]
    assert b64decode(told["heard"]) == audioop.lin2ulaw(ANSWER, 2)
    assert told["complaints"] == []


async def test_what_pipecat_says_is_what_we_say(lab: str) -> None:
    async def does(bot: Bot, frame: Frame | None) -> list[Frame]:
        if frame is None:
            return [OutputAudioRawFrame(ANSWER, RATE, 1)]
        return [] if len(bot.said) > 1 else [InterruptionFrame()]

    bot = Bot(does)
    acts = [{"waits_ms": 100}, {"hangs_up": True}]
    told = await run(bot, Telephone(lab, acts))
    start = next(json.dumps(one) for one in bot.messages if one["event"] == "start")
    sound = audioop.lin2ulaw(ANSWER, 2).hex()
    ours = subprocess.run(
        [python(), "-c", OURS], input=json.dumps([start, sound]), env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(ours.stdout) == bot.said
    [[heard, dropped]] = told["cleared"]
    assert heard + dropped == len(ANSWER) // 2
    assert dropped > 0


async def test_pipecat_hangs_up_by_request(lab: str) -> None:
    async def does(bot: Bot, frame: Frame | None) -> list[Frame]:
        return [EndFrame()] if isinstance(frame, InputAudioRawFrame) else []

    bot = Bot(does, account_sid=ACCOUNT, auth_token=TOKEN, base_url=f"{lab}/twilio")
    told = await run(bot, Telephone(lab, []))
    assert (told["state"], bot.messages[-1]["event"]) == ("completed", "stop")


@pytest.fixture(autouse=True)
def forgotten(lab: str) -> None:
    asked(f"{lab}/_lab/carriers/twilio", method="DELETE")
