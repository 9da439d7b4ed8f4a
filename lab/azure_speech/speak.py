"""Voices, live and whole (learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech).

The messages are those of the native SDK, recorded from it.
"""

import re
from typing import Any

from lab import mouth
from lab.azure_speech import client, ssml, usp
from lab.faults import directives
from lab.http import Call, Peer, Response
from lab.sockets import Broken, Fate, Opened
from lab.wave import wav

STEP_MS = 100
"""How much sound comes in one message."""
_WORD = re.compile(r"[\w']+|[.,!?;:]")


def whole(call: Call) -> Response:
    """POST a text; its sound comes back. Raises `Refused`."""
    client.admit(call)
    format = call.header("x-microsoft-outputformat")
    if not call.header("content-type").startswith("application/ssml+xml"):
        client.refuse(call, "the body is application/ssml+xml", status=415)
    if not format or not call.header("user-agent"):
        client.refuse(call, "X-Microsoft-OutputFormat and User-Agent are required")
    try:
        call.model, text = ssml.read(call.body.decode())
        data, rate = ssml.sound(text, format)
    except ValueError as error:
        client.refuse(call, str(error))
    if format.startswith("riff"):
        data = wav(data, rate // 2)
    kind = "audio/x-wav" if format.startswith("riff") else "audio/basic"
    pieces = [data[at : at + 4096] for at in range(0, len(data), 4096)]
    return Response(200, client.headers(call, kind), events=pieces, gap_ms=call.asked.gap_ms)


def live(call: Call) -> Response:
    """GET a socket on which each text is an SSML document. Raises `Refused`."""
    client.admit(call)
    return Opened(client.switching(call), Voice(call).talk)


class Voice:
    """One live voice: a turn for each text."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.request = ""
        self.context: dict[str, Any] = {}
        self.format = ""
        self.said_ms = 0
        """Sound of the turn so far."""
        self.pending = b""

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        configured = False
        while (received := await fate.receive()) is not None:
            try:
                message = usp.read(received)
                if message.path == "speech.config":
                    configured = "system" in message.json().get("context", {})
                elif not configured:
                    raise ValueError("speech.config comes first")
                elif message.path != "telemetry":
                    await self._hear(peer, fate, message)
            except ValueError as error:
                await peer.close(1007, str(error))
                return
            except Broken:
                return

    async def _hear(self, peer: Peer, fate: Fate, message: usp.Message) -> None:
        if not message.request:
            raise ValueError("X-RequestId is required")
        if message.path == "synthesis.context":
            self.request = message.request
            self.context = message.json()["synthesis"]
            self.format = self.context["audio"]["outputFormat"]
            self.said_ms = 0
            ssml.sound("", self.format)
            if self.context.get("input", {}).get("bidirectionalStreamingMode"):
                await self._begin(peer)
            return
        if message.request != self.request:
            raise ValueError("a turn begins with synthesis.context")
        streamed = bool(self.context.get("input", {}).get("bidirectionalStreamingMode"))
        text = message.body.decode()
        match message.path, streamed:
            case "ssml", False:
                self.call.model, text = ssml.read(text)
                await self._begin(peer)
                await self._speak(peer, fate, text)
                await self._end(peer)
            case "text.piece", True:
                self.call.model = self.context["input"]["voiceName"]
                await self._speak(peer, fate, text)
            case "text.end", True:
                await self._end(peer)
            case path, _:
                raise ValueError(f"{path} has no place here")

    async def _begin(self, peer: Peer) -> None:
        tag = {"serviceTag": f"{self.call.serial:032x}"}
        await self._say(peer, "turn.start", {"context": tag})
        audio = {"type": "inline", "streamId": "1"}
        await self._say(peer, "response", {"context": tag, "audio": audio})

    async def _end(self, peer: Peer) -> None:
        if self._wants("sessionEndEnabled"):
            data = {"Type": "SessionEnd", "Data": {"Offset": usp.ticks(self.said_ms)}}
            await self._say(peer, "audio.metadata", {"Metadata": [data]})
        await self._say(peer, "turn.end", {})
        self.request = ""

    async def _speak(self, peer: Peer, fate: Fate, text: str) -> None:
        if self._wants("wordBoundaryEnabled"):
            for word in _WORD.finditer(text):
                if found := self._boundary(word):
                    await self._say(peer, "audio.metadata", {"Metadata": [found]})
        data, rate = ssml.sound(text, self.format)
        size = rate * STEP_MS // 1000
        for place, at in enumerate(range(0, len(data), size)):
            await fate.at(self.said_ms + place * STEP_MS)
            await peer.send(usp.sound(self.request, "1", data[at : at + size]))
            await fate.pause(directives(self.call.model).gap_ms)
        self.said_ms += mouth.milliseconds(text)

    def _boundary(self, word: re.Match[str]) -> dict[str, Any] | None:
        mark = not word[0][0].isalnum()
        if mark and not self._wants("punctuationBoundaryEnabled"):
            return None
        kind = "PunctuationBoundary" if mark else "WordBoundary"
        return {"Type": "WordBoundary", "Data": {
            "Offset": usp.ticks(self.said_ms + mouth.milliseconds(word.string[: word.start()])),
            "Duration": usp.ticks(mouth.milliseconds(word[0])),
            "text": {"Text": word[0], "Length": len(word[0]), "BoundaryType": kind},
        }}  # fmt: skip

    def _wants(self, option: str) -> bool:
        return self.context["audio"].get("metadataOptions", {}).get(option) in (True, "true")

    async def _say(self, peer: Peer, path: str, document: dict[str, Any]) -> None:
        await peer.send(usp.text(path, self.request, document))
