"""Sonic on a socket: many texts at a time (docs.cartesia.ai/api-reference/tts/websocket)."""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from lab import mouth
from lab.cartesia import client, speech
from lab.cartesia.whole import STEP_MS
from lab.faults import directives
from lab.http import Call, Peer, Response
from lab.sockets import Broken, Fate, Opened

IDLE_SECONDS = 300.0
"""A socket that says nothing for so long is closed."""
CONTEXT_SECONDS = 1.0
"""A context that is silent for so long is forgotten."""
LOCKED = ("model_id", "voice", "language", "output_format")


@dataclass(slots=True)
class Context:
    """One text and its sound."""

    id: str
    asked: dict[str, Any]
    waiting: list[tuple[str, bytes]] = field(default_factory=list)
    """Pieces of sound that are not said, each with what is told before it."""
    said_ms: int = 0
    flushes: int = 0
    more: bool = True
    silent_since: float = 0.0


def live(call: Call) -> Response:
    """GET /tts/websocket. Raises `Refused`."""
    client.admit(call)
    client.known(call, ())
    return Opened(client.switching(call), Sonic(call).talk)


class Sonic:
    """One socket. Contexts take turns, a piece of sound each."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.contexts: dict[str, Context] = {}
        self.said_ms = 0

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        while True:
            speaking = [one for one in self.contexts.values() if one.waiting]
            for one in speaking:
                try:
                    await fate.at(self.said_ms)
                except Broken:
                    return
                await self._piece(peer, one)
            if speaking:
                await fate.pause(directives(self.call.model).gap_ms)
                if fate.peek() is None and any(one.waiting for one in self.contexts.values()):
                    continue
            message = await fate.receive(self._patience())
            if message is None and fate.idle:
                fate.idle = False
                if not self.contexts:
                    return
                await self._forget(peer)
            elif not isinstance(message, str) or not await self._hear(peer, message, fate.late):
                return

    async def _hear(self, peer: Peer, message: str, late: int) -> bool:
        """Takes a request; whether the talk goes on. One that is cancelled has so many pieces of sound under way."""
        asked = json.loads(message)
        id = asked.get("context_id", "")
        if asked.get("cancel"):
            one = self.contexts.pop(id, None)
            while one is not None and one.waiting and late:
                await self._piece(peer, one)
                late -= 1
            return True
        if said := self._wrong(id, asked):
            problem = client.problem(400, self.call, said)
            told = {"type": "error", "done": True, "status_code": 400, **problem}
            await peer.send(json.dumps(told | ({"context_id": id} if id else {})))
            return True
        self.call.model = asked["model_id"]
        one = self.contexts.setdefault(id, Context(id, asked))
        one.silent_since = monotonic()
        one.more = bool(asked.get("continue", False))
        self._write(one, asked)
        if not one.more and not one.waiting:
            await self._done(peer, one)
        elif asked.get("flush") and not one.waiting:
            await self._flushed(peer, one)
        elif asked.get("flush"):
            one.flushes += 1
        return True

    def _wrong(self, id: str, asked: dict[str, Any]) -> str:
        if not id:
            return "context_id is required"
        if said := speech.wrong(asked, speech.LIVE_FIELDS, raw=True):
            return said
        one = self.contexts.get(id)
        if one is not None and any(one.asked.get(name) != asked.get(name) for name in LOCKED):
            return "model, voice and language of a context can not be changed"
        return ""

    def _write(self, one: Context, asked: dict[str, Any]) -> None:
        text, output = asked["transcript"], asked["output_format"]
        told = ""
        if asked.get("add_timestamps") and text.split():
            times = speech.timestamps(text, one.said_ms)
            told = json.dumps({
                "type": "timestamps", "context_id": one.id, "done": False, "status_code": 206, "word_timestamps": times,
            })  # fmt: skip
        one.said_ms += mouth.milliseconds(text)
        data, size = speech.sound(text, output), speech.step(output, STEP_MS)
        for at in range(0, len(data), size):
            one.waiting.append((told if at == 0 else "", data[at : at + size]))

    async def _piece(self, peer: Peer, one: Context) -> None:
        told, data = one.waiting.pop(0)
        if told:
            await peer.send(told)
        await peer.send(json.dumps({
            "type": "chunk", "context_id": one.id, "data": b64encode(data).decode(), "done": False,
            "status_code": 206, "step_time": 1.0,
        }))  # fmt: skip
        self.said_ms += STEP_MS
        one.silent_since = monotonic()
        if one.waiting or one.id not in self.contexts:
            return
        if one.flushes:
            one.flushes -= 1
            await self._flushed(peer, one)
        if not one.more:
            await self._done(peer, one)

    async def _flushed(self, peer: Peer, one: Context) -> None:
        await peer.send(json.dumps({
            "type": "flush_done", "context_id": one.id, "done": False, "status_code": 206, "flush_id": 1,
            "flush_done": True,
        }))  # fmt: skip

    async def _done(self, peer: Peer, one: Context) -> None:
        del self.contexts[one.id]
        await peer.send(json.dumps({"type": "done", "context_id": one.id, "done": True, "status_code": 200}))

    def _patience(self) -> float:
        silent = [one.silent_since for one in self.contexts.values()]
        return max(0.0, min(silent) + CONTEXT_SECONDS - monotonic()) if silent else IDLE_SECONDS

    async def _forget(self, peer: Peer) -> None:
        for one in list(self.contexts.values()):
            if monotonic() - one.silent_since >= CONTEXT_SECONDS:
                await self._done(peer, one)
