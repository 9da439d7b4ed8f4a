"""The older socket, and recordings (docs.sarvam.ai/api-reference-docs/speech-to-text)."""

import base64
import json
from typing import Any

from lab import multipart
from lab.ear import Ear, Moment
from lab.http import Call, Peer, Response
from lab.sarvam import client
from lab.sockets import Broken, Fate, Opened

PARAMETERS = frozenset({
    "language-code", "model", "mode", "keyterms", "sample_rate", "high_vad_sensitivity",
    "positive_speech_threshold", "negative_speech_threshold", "min_speech_frames", "first_turn_min_speech_frames",
    "negative_frames_count", "negative_frames_window", "start_speech_volume_threshold",
    "interrupt_min_speech_frames", "pre_speech_pad_frames", "num_initial_ignored_frames", "vad_signals",
    "flush_signal", "input_audio_codec",
})  # fmt: skip
CODECS = frozenset({"wav", "pcm_s16le", "pcm_l16", "pcm_raw"})
FIELDS = frozenset({
    "file", "model", "mode", "language_code", "with_timestamps", "input_audio_codec", "keyterms", "prompt",
})  # fmt: skip


def live(call: Call) -> Response:
    """GET /speech-to-text/ws, /speech-to-text-translate/ws. Raises `Refused`."""
    client.admit(call)
    client.known(call, PARAMETERS)
    query = call.query
    call.model = query.get("model", "saaras:v3")
    language = query.get("language-code")
    if call.path == "/speech-to-text/ws" and language not in {*client.LANGUAGES, "od-IN", "unknown"}:
        client.refuse(call, "language-code is required, and one of India's or unknown", status=422)
    if query.get("sample_rate", "16000") not in ("8000", "16000"):
        client.refuse(call, "sample_rate is 8000 or 16000", status=422)
    if query.get("input_audio_codec", "wav") not in CODECS:
        client.refuse(call, "input_audio_codec is one of wav, pcm_s16le, pcm_l16, pcm_raw", status=422)
    if "keyterms" in query and not call.model.startswith("saaras:v4"):
        client.refuse(call, "keyterms need saaras:v4", status=422)
    return Opened(client.switching(call), Legacy(call).talk)


class Legacy:
    """One live transcript: no interims, and no word for the end."""

    def __init__(self, call: Call) -> None:
        query = call.query
        self.call = call
        self.rate = int(query.get("sample_rate", "16000")) * 2
        self.vad = query.get("vad_signals") == "true"
        self.flushes = query.get("flush_signal") == "true"
        self.detects = query.get("language-code", "unknown") == "unknown"
        self.ear = Ear(call.take())
        self.kept: tuple[Moment, ...] = ()

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        while (message := await fate.receive()) is not None:
            said = json.loads(message)
            if "audio" in said:
                audio = said["audio"]
                if audio.get("encoding") != "audio/wav":
                    await self.complain(peer, "encoding must be audio/wav")
                    return
                data = base64.b64decode(audio["data"])
                for moment in self.ear.hear(len(data) * 1000 / self.rate):
                    await self.tell(peer, moment)
                try:
                    await fate.at(self.ear.now_ms)
                except Broken:
                    return
            elif said.get("type") == "flush" and self.flushes:
                # Whoever speaks on begins another turn.
                self.kept += tuple(self.ear.finalize())
                await self.transcript(peer)
            elif said.get("type") not in ("flush", "config"):
                await self.complain(peer, "not a message")
                return

    async def tell(self, peer: Peer, moment: Moment) -> None:
        match moment.kind:
            case "start" if not self.kept:
                await self.signal(peer, "START_SPEECH")
            case "final":
                self.kept = (*self.kept, moment)
            case "end":
                await self.signal(peer, "END_SPEECH")
                await self.transcript(peer)
            case _:
                pass

    async def signal(self, peer: Peer, kind: str) -> None:
        if self.vad:
            data = {"event_type": "vad", "signal_type": kind, "occured_at": 1_767_225_600.0}
            await self.say(peer, {"type": "events", "data": data})

    async def transcript(self, peer: Peer) -> None:
        kept, self.kept = self.kept, ()
        if not kept:
            return
        await self.say(peer, {"type": "data", "data": {
            "request_id": client.identity(self.call), "transcript": " ".join(one.text for one in kept),
            "timestamps": None, "diarized_transcript": None,
            "language_code": f"{kept[0].said.language}-IN",
            "language_probability": 0.97 if self.detects else None,
            "metrics": {"audio_duration": self.ear.now_ms / 1000, "processing_latency": 0.1},
        }})  # fmt: skip

    async def complain(self, peer: Peer, message: str) -> None:
        await self.say(peer, {"type": "error", "data": {"error": message, "code": "invalid_request_error"}})
        await peer.close(1003, message)

    async def say(self, peer: Peer, document: dict[str, Any]) -> None:
        await peer.send(json.dumps(document))


def recorded(call: Call) -> Response:
    """POST /speech-to-text, /speech-to-text-translate. Raises `Refused`."""
    client.admit(call)
    parts = multipart.fields(call)
    asked = multipart.texts(call)
    for name in parts:
        if name not in FIELDS:
            client.refuse(call, f"Unknown field: {name}", status=422)
    if not parts.get("file", [b""])[0]:
        client.refuse(call, "file is required", status=422)
    call.model = asked.get("model", "saarika:v2.5")
    language = asked.get("language_code", "unknown")
    if language not in {*client.LANGUAGES, "od-IN", "unknown"}:
        client.refuse(call, f"Unsupported language_code {language}", status=422)
    ear = Ear(call.take())
    answer: dict[str, Any] = {
        "request_id": client.identity(call),
        "transcript": " ".join(said.text for said in ear.heard),
        "language_code": f"{ear.heard[0].language}-IN",
        "language_probability": 0.97 if language == "unknown" else None,
    }
    if asked.get("with_timestamps") == "true":
        answer["timestamps"] = {
            "words": [said.text for said in ear.heard],
            "start_time_seconds": [said.start_ms / 1000 for said in ear.heard],
            "end_time_seconds": [said.end_ms / 1000 for said in ear.heard],
        }
    return client.answer(call, answer)
