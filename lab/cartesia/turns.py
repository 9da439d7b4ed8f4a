"""Ink where it tells turns (docs.cartesia.ai/api-reference/stt/turns/websocket)."""

import json
from typing import Any

from lab.cartesia import client
from lab.cartesia.stt import IDLE_SECONDS, listening
from lab.ear import Ear, Moment
from lab.http import Call, Peer, Response
from lab.sockets import Broken, Fate, Opened

RANGES = {
    "eager_end_threshold": (0.3, 0.6),
    "end_threshold": (0.05, 0.5),
    "start_threshold": (0.5, 0.9),
    "end_timeout_ms": (640, 11_200),
}
PARAMETERS = frozenset({
    "model", "encoding", "sample_rate", "keyterm", *(f"turn_{name}" for name in RANGES),
})  # fmt: skip


def live(call: Call) -> Response:
    """GET /stt/turns/websocket. Raises `Refused`."""
    rate = listening(call, PARAMETERS)
    if not call.model.startswith("ink-2"):
        client.refuse(call, "only ink-2 tells turns")
    asked = {name: call.query[f"turn_{name}"] for name in RANGES if f"turn_{name}" in call.query}
    if wrong := _wrong({name: float(value) for name, value in asked.items()}):
        client.refuse(call, wrong)
    return Opened(client.switching(call), Turns(call, rate).talk)


class Turns:
    """One live transcript: what is told of a turn is cumulative."""

    def __init__(self, call: Call, rate: float) -> None:
        self.call = call
        self.rate = rate
        self.ear = Ear(call.take())
        self.begun = False
        self.kept: tuple[Moment, ...] = ()

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        await self._say(peer, "connected")
        while (message := await fate.receive(IDLE_SECONDS)) is not None:
            if isinstance(message, bytes):
                for moment in self.ear.hear(len(message) / self.rate):
                    await self._tell(peer, moment)
                try:
                    await fate.at(self.ear.now_ms)
                except Broken:
                    return
                continue
            match _command(message):
                case {"type": "close"}:
                    break
                case {"type": "config", "turn": dict(turn)} if not _wrong(turn):
                    continue
                case _:
                    said = client.problem(400, self.call, "commands are config and close, in JSON")
                    await self._say(peer, "error", status_code=400, **said)
                    return
        else:
            return
        for moment in self.ear.finalize():
            await self._tell(peer, moment)
        if self.kept:
            await self._over(peer)

    async def _tell(self, peer: Peer, moment: Moment) -> None:
        match moment.kind:
            case "start":
                if not self.begun:
                    self.begun = True
                    await self._say(peer, "turn.start")
                elif self.kept:
                    await self._say(peer, "turn.resume")
            case "interim":
                await self._say(peer, "turn.update", transcript=self._text(moment))
            case "final":
                self.kept = (*self.kept, moment)
                await self._say(peer, "turn.update", transcript=self._text())
                await self._say(peer, "turn.eager_end", transcript=self._text())
            case "end":
                await self._over(peer)

    async def _over(self, peer: Peer) -> None:
        await self._say(peer, "turn.end", transcript=self._text())
        self.begun = False
        self.kept = ()

    def _text(self, *more: Moment) -> str:
        return " ".join(one.text for one in (*self.kept, *more))

    async def _say(self, peer: Peer, kind: str, **about: Any) -> None:
        await peer.send(json.dumps({"type": kind, "request_id": client.identity(self.call), **about}))


def _command(message: str) -> Any:
    try:
        return json.loads(message)
    except ValueError:
        return None


def _wrong(turn: dict[str, float]) -> str:
    """What is wrong with the settings of a turn, if anything is."""
    for name, value in turn.items():
        if name not in RANGES:
            return f"unknown setting: {name}"
        low, high = RANGES[name]
        if not low <= value <= high:
            return f"{name} must be between {low} and {high}"
    return ""
