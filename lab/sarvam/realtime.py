"""The newer socket (docs.sarvam.ai/api-reference-docs/speech-to-text/realtime)."""

import base64
import json
from typing import Any

from lab.ear import SILENCE_MS, Ear, Moment
from lab.http import Call, Peer, Response
from lab.sarvam import client
from lab.sockets import Broken, Fate, Opened

PARAMETERS = frozenset({
    "language_code", "model", "stream_type", "mode", "prompt", "keyterms", "endpointing", "encoding", "sample_rate",
    "return_timestamps", "threshold", "prefix_padding_ms", "silence_duration_ms", "min_speech_duration_ms",
})  # fmt: skip
SIZES = {"linear16": 2, "linear32": 4, "mulaw": 1, "alaw": 1}
MODELS = ("saaras:v3-realtime", "saaras:v4")
CHANGEABLE = frozenset({
    "language_code", "prompt", "mode", "stream_type", "endpointing", "threshold", "silence_duration_ms",
    "min_speech_duration_ms",
})  # fmt: skip


def live(call: Call) -> Response:
    """GET /speech-to-text-realtime/ws. Raises `Refused`; what is wrong with a parameter is told on the socket."""
    client.admit(call)
    call.model = call.query.get("model", MODELS[0])
    return Opened(client.switching(call), Realtime(call).talk)


class Realtime:
    """One live transcript."""

    def __init__(self, call: Call) -> None:
        query = call.query
        self.call = call
        self.query = query
        self.rate = int(query.get("sample_rate", "16000")) * SIZES.get(query.get("encoding", "linear16"), 2)
        self.manual = query.get("endpointing") == "manual"
        self.timed = query.get("return_timestamps") == "true"
        self.auto = query.get("language_code", "auto") == "auto"
        self.ear = Ear(call.take(), silence_ms=int(query.get("silence_duration_ms", str(SILENCE_MS))))
        self.turn = 0
        self.begun = False
        self.kept: tuple[Moment, ...] = ()

    def wrong(self) -> str:
        """What is wrong with the parameters."""
        for name in self.query:
            if name not in PARAMETERS:
                return f"unsupported query param {name}"
        if self.query.get("language_code", "auto") not in {*client.LANGUAGES, "or-IN", "auto"}:
            return f"unsupported language_code {self.query['language_code']}"
        if not self.call.model.startswith(MODELS):
            return f"invalid model {self.call.model}"
        if "keyterms" in self.query and not self.call.model.startswith("saaras:v4"):
            return "keyterms need saaras:v4"
        return ""

    async def talk(self, peer: Peer) -> None:
        if wrong := self.wrong():
            error = {"code": "invalid_config", "is_fatal": True, "message": wrong, "status_code": 400}
            await self.say(peer, "error", **error)
            await peer.close(4000, wrong[:123])
            return
        fate = Fate(self.call, peer)
        config = {"model": self.call.model, "turn_detection": "manual" if self.manual else "vad"}
        await self.say(peer, "session.begin", request_id=client.identity(self.call), config=config)
        while (message := await fate.receive()) is not None:
            said = json.loads(message)
            match said.get("event"):
                case "audio_input":
                    for moment in self.ear.hear(len(base64.b64decode(said["audio"])) * 1000 / self.rate):
                        await self.tell(peer, moment)
                    try:
                        await fate.at(self.ear.now_ms)
                    except Broken:
                        return
                case "flush" | "speech_end":
                    self.kept += tuple(self.ear.finalize())
                    await self.over(peer)
                case "config.update":
                    await self.changed(peer, said)
                case "ping":
                    await self.say(peer, "pong")
                case "end":
                    break
                case "speech_start":
                    pass
                case _:
                    error = {"code": "invalid_event", "is_fatal": False, "message": "not a message"}
                    await self.say(peer, "error", **error)
        for moment in self.ear.rest():
            await self.tell(peer, moment)
        await self.over(peer)
        await self.say(
            peer, "session.end", request_id=client.identity(self.call), total_utterances=self.turn,
            total_duration_s=self.ear.now_ms / 1000, audio_duration_s=self.ear.now_ms / 1000,
        )  # fmt: skip

    async def changed(self, peer: Peer, said: dict[str, Any]) -> None:
        names = [name for name in said if name != "event"]
        if bad := [name for name in names if name not in CHANGEABLE]:
            error = {"code": "invalid_config", "is_fatal": False, "message": f"{bad[0]} can not be changed"}
            await self.say(peer, "error", **error)
        else:
            await self.say(peer, "config.updated", applied=names)

    async def tell(self, peer: Peer, moment: Moment) -> None:
        match moment.kind:
            case "start" if not self.begun:
                self.begun = True
                if not self.manual:
                    await self.say(peer, "vad.speech_start", utterance_idx=self.turn, confidence=0.9)
            case "interim" if self.query.get("stream_type") != "simulated":
                texts = [*(one.text for one in self.kept), moment.text]
                await self.say(
                    peer,
                    "transcript.partial",
                    utterance_idx=self.turn,
                    text=" ".join(texts),
                    **self.language(moment),
                )
            case "final":
                self.kept = (*self.kept, moment)
            case "end" if not self.manual:
                await self.say(peer, "vad.speech_end", utterance_idx=self.turn, confidence=0.9)
                await self.over(peer)
            case _:
                pass

    async def over(self, peer: Peer) -> None:
        kept, self.kept = self.kept, ()
        self.begun = False
        if not kept:
            return
        told: dict[str, Any] = {"text": " ".join(one.text for one in kept), **self.language(kept[0])}
        if self.auto:
            told["language_confidence"] = 0.97
        if self.timed:
            told |= {"start_s": kept[0].words[0].start_ms / 1000, "end_s": kept[-1].words[-1].end_ms / 1000}
        await self.say(peer, "transcript.final", utterance_idx=self.turn, **told)
        self.turn += 1

    def language(self, moment: Moment) -> dict[str, str]:
        return {"language": f"{moment.said.language}-IN"} if self.auto else {}

    async def say(self, peer: Peer, event: str, **more: object) -> None:
        await peer.send(json.dumps({"event": event, **more}))
