"""Bulbul: voices, live and whole (docs.sarvam.ai/api-reference-docs/text-to-speech)."""

import base64
import json
from typing import Any

from lab import mouth
from lab.faults import directives
from lab.http import Call, Peer, Response
from lab.sarvam import client
from lab.sockets import Broken, Fate, Opened
from lab.wave import wav

FIELDS = frozenset({
    "text", "language_code", "target_language_code", "speaker", "model", "pitch", "pace", "loudness", "temperature",
    "speech_sample_rate", "enable_preprocessing", "output_audio_codec", "output_audio_bitrate", "dict_id",
    "enable_cached_responses", "min_buffer_size", "max_chunk_length",
})  # fmt: skip
RATES = frozenset({8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000})
CODECS = frozenset({"mp3", "linear16", "mulaw", "alaw", "opus", "flac", "aac", "wav"})
OLDER = frozenset({"anushka", "manisha", "vidya", "arya", "abhilash", "karun", "hitesh"})
LANGUAGES = client.LANGUAGES | {"od-IN"}
STEP_MS = 100
"""How much sound comes in one message."""
PIECE = 4096


def sound(text: str, asked: dict[str, Any]) -> bytes:
    """The sound of a text, as it is asked for."""
    rate = asked.get("speech_sample_rate", 22_050)
    match asked.get("output_audio_codec"):
        case "mulaw":
            return mouth.mulaw(text, rate)
        case "alaw":
            return mouth.alaw(text, rate)
        case "wav":
            return wav(mouth.pcm(text, rate), rate)
        case _:
            return mouth.pcm(text, rate)


def wrong(asked: dict[str, Any], model: str) -> str:
    """What is wrong with what is asked for: the language goes by its name of today or the one before."""
    for name in asked:
        if name not in FIELDS:
            return f"Extra inputs are not permitted: {name}"
    if (asked.get("language_code") or asked.get("target_language_code")) not in LANGUAGES:
        return "language_code is required, and one of India's"
    if asked.get("speech_sample_rate", 22_050) not in RATES:
        return "speech_sample_rate is none of those there are"
    if asked.get("output_audio_codec", "wav") not in CODECS:
        return "output_audio_codec is none of those there are"
    speaker = asked.get("speaker") or ""
    if speaker != speaker.lower():
        return "speakers' names are in lower case"
    if speaker and (speaker in OLDER) != model.startswith("bulbul:v2"):
        return f"Speaker {speaker} is not compatible with model {model}"
    return ""


def whole(call: Call) -> Response:
    """POST /text-to-speech. Raises `Refused`."""
    asked = _asked(call)
    said = sound(asked["text"], {"output_audio_codec": "wav", **asked})
    return client.answer(
        call, {"request_id": client.identity(call), "audios": [base64.b64encode(said).decode()]}
    )


def streamed(call: Call) -> Response:
    """POST /text-to-speech/stream. Raises `Refused`."""
    asked = _asked(call)
    data = sound(asked["text"], {"output_audio_codec": "mp3", **asked})
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    return Response(200, client.headers(call, "audio/mpeg"), events=pieces, gap_ms=call.asked.gap_ms)


def _asked(call: Call) -> dict[str, Any]:
    client.admit(call)
    asked: dict[str, Any] = call.json()
    call.model = asked.get("model") or "bulbul:v2"
    text = asked.get("text")
    if not isinstance(text, str) or not text:
        client.refuse(call, "text is required")
    longest = 1500 if call.model.startswith("bulbul:v2") else 2500
    if len(text) > longest:
        client.refuse(call, f"text may have {longest} characters")
    if problem := wrong(asked, call.model):
        client.refuse(call, problem)
    return asked


def live(call: Call) -> Response:
    """GET /text-to-speech/ws. Raises `Refused`."""
    client.admit(call)
    client.known(call, {"model", "send_completion_event"})
    call.model = call.query.get("model", "bulbul:v2")
    return Opened(client.switching(call), Bulbul(call).talk)


class Bulbul:
    """One live voice. Text waits until there is enough of it, or until it is flushed; nothing stops it."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.tells_end = call.query.get("send_completion_event") == "true"
        self.config: dict[str, Any] = {}
        self.waiting = ""

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        try:
            while (message := await fate.receive()) is not None:
                said = json.loads(message)
                if problem := await self.hear(peer, fate, said):
                    data = {
                        "message": problem,
                        "code": 422,
                        "details": None,
                        "request_id": client.identity(self.call),
                    }
                    await peer.send(json.dumps({"type": "error", "data": data}))
                    await peer.close(1003, problem[:120])
                    return
        except Broken:
            return

    async def hear(self, peer: Peer, fate: Fate, said: dict[str, Any]) -> str:
        """What is wrong with a message, when it is not obeyed."""
        kind = said.get("type")
        if kind == "config":
            await self.speak(peer, fate)
            self.config = {name: value for name, value in said["data"].items() if value is not None}
            return wrong(self.config, self.call.model)
        if not self.config:
            return "the first message must be a config"
        if kind == "text":
            self.waiting += said["data"]["text"]
            if len(self.waiting) >= self.config.get("min_buffer_size", 50):
                await self.speak(peer, fate)
        elif kind == "flush":
            await self.speak(peer, fate)
            if self.tells_end:
                await peer.send(json.dumps({"type": "event", "data": {"event_type": "final"}}))
        elif kind != "ping":
            return "not a message"
        return ""

    async def speak(self, peer: Peer, fate: Fate) -> None:
        text, self.waiting = self.waiting, ""
        codec = self.config.get("output_audio_codec", "mp3")
        data = sound(text, self.config)
        size = (
            self.config.get("speech_sample_rate", 22_050)
            * STEP_MS
            // 1000
            * (1 if codec in ("mulaw", "alaw") else 2)
        )
        for place, at in enumerate(range(0, len(data), size)):
            await fate.at(place * STEP_MS)
            piece = base64.b64encode(data[at : at + size]).decode()
            body = {
                "content_type": f"audio/{codec}",
                "audio": piece,
                "request_id": client.identity(self.call),
            }
            await peer.send(json.dumps({"type": "audio", "data": body}))
            await fate.pause(directives(self.call.model).gap_ms)
