"""Flux: a live transcript that tells turns (developers.deepgram.com/docs/flux)."""

import json

from lab.deepgram import client
from lab.deepgram.listen import alternative
from lab.ear import Ear, Moment
from lab.http import Call, Peer, Response
from lab.sockets import Broken, Fate, Opened

PARAMETERS = frozenset({
    "model", "encoding", "sample_rate", "eot_threshold", "eager_eot_threshold", "eot_timeout_ms", "keyterm", "tag",
    "mip_opt_out", "language_hint", "numerals",
})  # fmt: skip
RANGES = {"eot_threshold": (0.5, 1.0), "eager_eot_threshold": (0.3, 0.9), "eot_timeout_ms": (500, 60_000)}


def live(call: Call) -> Response:
    """GET /v2/listen. Raises `Refused`."""
    client.admit(call)
    client.known(call, PARAMETERS)
    for name, (low, high) in RANGES.items():
        if not low <= float(call.query.get(name, low)) <= high:
            client.refuse(call, f"{name} must be between {low} and {high}")
    call.model = call.query.get("model", "")
    if not call.model.startswith("flux"):
        client.refuse(call, "v2 has flux models only")
    return Opened(client.switching(call), Flux(call).talk)


class Flux:
    """One live transcript."""

    def __init__(self, call: Call) -> None:
        self.call = call
        size = client.ENCODINGS.get(call.query.get("encoding", ""), 2)
        self.rate = int(call.query.get("sample_rate", "16000")) * size
        self.eager = "eager_eot_threshold" in call.query
        self.ear = Ear(call.take())
        self.turn = 0
        self.begun = False
        self.window = 0.0
        self.kept: tuple[Moment, ...] = ()
        self.sequence = 0

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        await self._say(peer, {"type": "Connected"})
        while (message := await fate.receive()) is not None:
            if isinstance(message, bytes):
                for moment in self.ear.hear(len(message) * 1000 / self.rate):
                    await self._tell(peer, moment)
                try:
                    await fate.at(self.ear.now_ms)
                except Broken:
                    return
                continue
            kind = json.loads(message).get("type")
            if kind == "ForceEndTurn":
                for moment in self.ear.finalize():
                    await self._event(peer, "EndOfTurn", moment)
                    self._over()
                if self.kept:
                    await self._event(peer, "EndOfTurn", None)
                    self._over()
            elif kind == "Configure":
                await self._say(peer, {"type": "ConfigureSuccess"})
            elif kind == "CloseStream":
                break
            else:
                await self._say(peer, {"type": "Error", "code": "DATA-0000", "description": "not a message"})
                await peer.close(1008)
                return
        for moment in self.ear.rest():
            await self._tell(peer, moment)

    async def _tell(self, peer: Peer, moment: Moment) -> None:
        match moment.kind:
            case "start":
                if not self.begun:
                    self.begun = True
                    self.window = moment.at_ms / 1000
                    await self._event(peer, "StartOfTurn", moment)
                elif self.kept and self.eager:
                    await self._event(peer, "TurnResumed", moment)
            case "interim":
                await self._event(peer, "Update", moment)
            case "final":
                self.kept = (*self.kept, moment)
                await self._event(peer, "Update", None)
                if self.eager:
                    await self._event(peer, "EagerEndOfTurn", None)
            case "end" if self.kept:
                await self._event(peer, "EndOfTurn", None)
                self._over()

    def _over(self) -> None:
        self.turn += 1
        self.begun = False
        self.kept = ()

    async def _event(self, peer: Peer, event: str, moment: Moment | None) -> None:
        parts = [*self.kept, *([] if moment is None or moment in self.kept else [moment])]
        words = tuple(word for one in parts for word in one.words)
        heard = alternative(words, "en", 0.98)
        await self._say(peer, {
            "type": "TurnInfo", "event": event, "turn_index": self.turn, "transcript": heard["transcript"],
            "words": [{k: v for k, v in word.items() if k != "punctuated_word"} | {"word": one.text}
                      for word, one in zip(heard["words"], words, strict=True)],
            "audio_window_start": self.window, "audio_window_end": self.ear.now_ms / 1000,
            "end_of_turn_confidence": 0.9 if event == "EndOfTurn" else 0.4,
        })  # fmt: skip

    async def _say(self, peer: Peer, document: dict[str, object]) -> None:
        document |= {"request_id": client.identity(self.call), "sequence_id": self.sequence}
        self.sequence += 1
        await peer.send(json.dumps(document))
