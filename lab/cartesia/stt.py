"""Ink where the client says when a turn is over, and recordings (docs.cartesia.ai/api-reference/stt)."""

import json
from collections.abc import Sequence
from typing import Any

from lab import multipart
from lab.cartesia import client
from lab.ear import Ear, Moment, Word, words_of
from lab.http import Call, Peer, Response
from lab.sockets import Broken, Fate, Opened

PARAMETERS = frozenset({
    "model", "encoding", "sample_rate", "language", "keyterm", "min_volume", "max_silence_duration_secs",
})  # fmt: skip
FIELDS = frozenset({"file", "model", "language", "timestamp_granularities[]", "timestamp_granularities"})
IDLE_SECONDS = 180.0
"""Without a message for so long, Cartesia closes."""


def listening(call: Call, parameters: frozenset[str]) -> float:
    """Checks what every ear is asked, and tells how many bytes a millisecond has. Raises `Refused`."""
    client.admit(call)
    client.known(call, parameters)
    call.model = call.query.get("model", "")
    for name in ("model", "encoding", "sample_rate"):
        if not call.query.get(name):
            client.refuse(call, f"{name} is required")
    size = client.ENCODINGS.get(call.query["encoding"])
    if size is None or not call.query["sample_rate"].isdecimal():
        client.refuse(call, "encoding and sample_rate do not describe sound")
    if "+" in call.query.get("keyterm", ""):
        client.refuse(call, "a keyterm holds a plus sign: write a space as %20")
    return int(call.query["sample_rate"]) * size / 1000


def live(call: Call) -> Response:
    """GET /stt/websocket. Raises `Refused`."""
    return Opened(client.switching(call), Ink(call, listening(call, PARAMETERS)).talk)


class Ink:
    """One live transcript. Each text goes on where the last final one ended."""

    def __init__(self, call: Call, rate: float) -> None:
        self.call = call
        self.rate = rate
        self.ear = Ear(call.take())
        self.settled_ms = 0.0
        self.first = True

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        while (message := await fate.receive(IDLE_SECONDS)) is not None:
            if isinstance(message, bytes):
                for moment in self.ear.hear(len(message) / self.rate):
                    await self._tell(peer, moment)
                try:
                    await fate.at(self.ear.now_ms)
                except Broken:
                    return
            elif message == "finalize":
                for moment in self.ear.finalize():
                    await self._tell(peer, moment)
                await self._say(peer, {"type": "flush_done"})
                self.first = True
            elif message in ("close", "done"):
                for moment in self.ear.rest():
                    await self._tell(peer, moment)
                await self._say(peer, {"type": "done"})
                return
            else:
                said = client.problem(400, self.call, "commands are the words finalize and close")
                await self._say(peer, {"type": "error", "status_code": 400, **said})
                return

    async def _tell(self, peer: Peer, moment: Moment) -> None:
        if moment.kind not in ("interim", "final"):
            return
        space = "" if self.first else " "
        said = {
            "type": "transcript",
            "is_final": moment.kind == "final",
            "text": space + moment.text,
            "language": moment.said.language,
            "words": words(moment.words),
        }
        if moment.kind == "final":
            said["duration"] = (self.ear.now_ms - self.settled_ms) / 1000
            self.settled_ms = self.ear.now_ms
            self.first = False
        await self._say(peer, said)

    async def _say(self, peer: Peer, document: dict[str, Any]) -> None:
        await peer.send(json.dumps({"request_id": client.identity(self.call), **document}))


def words(heard: Sequence[Word]) -> list[dict[str, Any]]:
    return [{"word": one.text, "start": one.start_ms / 1000, "end": one.end_ms / 1000} for one in heard]


def recorded(call: Call) -> Response:
    """POST /stt: a recording. Raises `Refused`."""
    client.admit(call)
    client.known(call, {"encoding", "sample_rate"})
    parts = multipart.fields(call)
    for name in parts:
        if name not in FIELDS:
            client.refuse(call, f"unknown field: {name}")
    if not parts.get("file", [b""])[0]:
        client.refuse(call, "file is required")
    call.model = parts.get("model", [b""])[0].decode()
    if not call.model.startswith("ink-whisper"):
        client.refuse(call, "model must be one that transcribes recordings: ink-whisper")
    ear = Ear(call.take())
    timed = any(name.startswith("timestamp_granularities") for name in parts)
    all_words = [word for said in ear.heard for word in words_of(said)]
    return client.answer(call, {
        "type": "transcript", "text": " ".join(said.text for said in ear.heard), "is_final": True,
        "language": parts.get("language", [b"en"])[0].decode(), "request_id": client.identity(call),
        "duration": max(said.end_ms for said in ear.heard) / 1000,
        **({"words": words(all_words)} if timed else {}),
    })  # fmt: skip
