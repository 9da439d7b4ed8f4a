"""Aura and Flux: voices, live and whole (developers.deepgram.com/reference/text-to-speech)."""

import json
from collections.abc import Iterator

from lab import mouth
from lab.deepgram import client
from lab.faults import directives
from lab.http import Call, Peer, Response
from lab.sockets import Broken, Fate, Opened
from lab.wave import wav

PARAMETERS = frozenset({
    "model", "encoding", "container", "sample_rate", "bit_rate", "speed", "mip_opt_out", "callback",
    "callback_method", "tag",
})  # fmt: skip
LONGEST = 2000
STEP_MS = 100
"""How much sound comes in one message."""
TYPES = {"mp3": "audio/mpeg", "opus": "audio/ogg", "flac": "audio/flac", "aac": "audio/aac"}


def sound(text: str, encoding: str, rate: int) -> bytes:
    """The sound of a text, as it is asked for."""
    match encoding:
        case "mulaw":
            return mouth.mulaw(text, rate)
        case "alaw":
            return mouth.alaw(text, rate)
        case _:
            return mouth.pcm(text, rate)


def whole(call: Call) -> Response:
    """POST /v1/speak. Raises `Refused`."""
    client.admit(call)
    client.known(call, PARAMETERS)
    call.model = call.query.get("model", "aura-asteria-en")
    text = call.json().get("text")
    if not isinstance(text, str) or not text:
        client.refuse(call, "text is required")
    if len(text) > LONGEST:
        client.refuse(call, f"Input text exceeds maximum character limit of {LONGEST}.", status=413)
    encoding = call.query.get("encoding", "mp3")
    rate = int(call.query.get("sample_rate", "8000" if encoding in ("mulaw", "alaw") else "24000"))
    data = sound(text, encoding, rate)
    kind = TYPES.get(encoding, "audio/l16")
    if call.query.get("container", "wav") == "wav" and encoding == "linear16":
        data, kind = wav(data, rate), "audio/wav"
    headers = [*client.headers(call, kind), ("dg-model-name", call.model), ("dg-char-count", str(len(text)))]
    return Response(200, headers, events=list(_pieces(data, 4096)), gap_ms=call.asked.gap_ms)


def live(call: Call) -> Response:
    """GET /v1/speak. Raises `Refused`."""
    return Opened(_admitted(call), Aura(call).talk)


def flux(call: Call) -> Response:
    """GET /v2/speak. Raises `Refused`."""
    headers = _admitted(call)
    if not call.model.startswith("flux"):
        client.refuse(call, "v2 has flux models only")
    return Opened(headers, Flux(call).talk)


def _admitted(call: Call) -> list[tuple[str, str]]:
    client.admit(call)
    client.known(call, PARAMETERS)
    call.model = call.query.get("model", "aura-asteria-en")
    if call.query.get("encoding", "linear16") not in client.ENCODINGS:
        client.refuse(call, "live speech is linear16, mulaw or alaw")
    return client.switching(call)


class Aura:
    """One live voice. Text waits until it is flushed."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.encoding = call.query.get("encoding", "linear16")
        self.rate = int(call.query.get("sample_rate", "24000"))
        self.waiting = ""
        self.sequence = 0

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        await self.greet(peer)
        while (message := await fate.receive()) is not None:
            said = json.loads(message)
            match said.get("type"):
                case "Speak":
                    self.waiting += said["text"]
                case "Flush":
                    try:
                        if not await self.speak(peer, fate):
                            return
                    except Broken:
                        return
                case "Clear":
                    self.waiting = ""
                    await self.say(peer, {"type": "Cleared", "sequence_id": self.sequence})
                case "Interrupt":
                    text, self.waiting = self.waiting, ""
                    await self.interrupted(peer, said, text)
                case "Configure":
                    await self.configured(peer, said)
                case "Close":
                    await self.closing(peer)
                    return
                case _:
                    await self.say(
                        peer, {"type": "Error", "code": "DATA-0000", "description": "not a message"}
                    )
                    await peer.close(1008)
                    return

    async def greet(self, peer: Peer) -> None:
        await self.say(peer, {
            "type": "Metadata", "request_id": client.identity(self.call), "model_name": self.call.model,
            "model_version": "1", "model_uuid": "00000000-0000-4000-8000-000000000000",
        })  # fmt: skip

    async def speak(self, peer: Peer, fate: Fate) -> bool:
        """Speaks what waits, unless the client interrupts; whether it is still there."""
        text, self.waiting = self.waiting, ""
        await self.begun(peer)
        size = client.ENCODINGS[self.encoding] * self.rate * STEP_MS // 1000
        for at, piece in enumerate(_pieces(sound(text, self.encoding, self.rate), size)):
            await fate.at(at * STEP_MS)
            await peer.send(piece)
            await fate.pause(directives(self.call.model).gap_ms)
            if (cut := fate.peek()) is not None and (said := json.loads(cut)).get("type") in (
                "Clear",
                "Interrupt",
            ):
                await fate.receive()
                for _ in range(fate.late):
                    await peer.send(piece)
                await self.interrupted(peer, said, text, (at + 1) * STEP_MS)
                return True
        await self.spoken(peer, text)
        return True

    async def begun(self, peer: Peer) -> None:
        """Tells of the beginning of what was flushed."""

    async def configured(self, peer: Peer, said: dict[str, object]) -> None:
        """Tells that a change has been made."""

    async def closing(self, peer: Peer) -> None:
        """Tells what all of it was."""

    async def spoken(self, peer: Peer, text: str) -> None:
        await self.say(peer, {"type": "Flushed", "sequence_id": self.sequence})
        self.sequence += 1

    async def interrupted(self, peer: Peer, said: dict[str, object], text: str = "", played: int = 0) -> None:
        await self.say(peer, {"type": "Cleared", "sequence_id": self.sequence})

    async def say(self, peer: Peer, document: dict[str, object]) -> None:
        await peer.send(json.dumps(document))


class Flux(Aura):
    """One live voice that tells what was heard of an utterance that was cut off.

    Places are in the session's sound, as its client has heard it: what an interruption cut off is no part of it.
    """

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.begun_ms = 0
        """Where the present turn begins."""
        self.cut_ms = 0
        """What the last interruption has named, or was told."""
        self.sounded = False

    async def greet(self, peer: Peer) -> None:
        await self.say(peer, {
            "type": "Connected", "request_id": client.identity(self.call), "model_name": self.call.model,
            "model_version": "1", "model_uuids": ["00000000-0000-4000-8000-000000000000"],
        })  # fmt: skip

    async def spoken(self, peer: Peer, text: str) -> None:
        self.begun_ms += mouth.milliseconds(text)
        self.sounded = self.sounded or bool(text)
        await self.say(peer, {"type": "Flushed", "speech_id": self.speech})
        await self.say(peer, {"type": "SpeechMetadata", **self.cost(text, mouth.milliseconds(text))})
        self.sequence += 1

    async def interrupted(self, peer: Peer, said: dict[str, object], text: str = "", played: int = 0) -> None:
        offset = said.get("playback_offset")
        place = int(offset["value"]) if isinstance(offset, dict) else None
        if not played and not self.sounded:
            self.waiting = text
            return await self.warn(peer, "NO_AUDIO_GENERATED")
        if not text:
            return await self.warn(peer, "NO_ACTIVE_SPEECH")
        if place is not None and place <= self.cut_ms:
            await self.warn(peer, "INVALID_INTERRUPT_OFFSET")
            self.waiting = text
            return None
        self.sounded = True
        told: dict[str, object] = {}
        if place is not None:
            cut = min(len(text), max(0, place - self.begun_ms) // mouth.CHARACTER_MS)
            told = {"text_spoken": text[:cut], "text_remaining": text[cut:]}
        self.cut_ms = self.begun_ms = self.begun_ms + played if place is None else place
        await self.say(peer, {
            "type": "SpeechInterrupted", "audio_played_ms": self.cut_ms, **told, "metadata": self.cost(text, played),
        })  # fmt: skip
        self.sequence += 1
        return None

    @property
    def speech(self) -> str:
        return f"dg_sp_{self.sequence:012x}"

    def cost(self, text: str, made_ms: int) -> dict[str, object]:
        return {
            "speech_id": self.speech, "audio_duration_ms": made_ms, "input_character_count": len(text),
            "billable_character_count": len(text),
            "controls_applied": {"pronunciations_applied": 0, "breaks_applied": 0, "pronunciation_warnings": 0},
        }  # fmt: skip

    async def begun(self, peer: Peer) -> None:
        await self.say(peer, {"type": "SpeechStarted", "speech_id": self.speech})

    async def configured(self, peer: Peer, said: dict[str, object]) -> None:
        await self.say(peer, {"type": "ConfigureSuccess", "applied": {"speed": said.get("speed")}})

    async def closing(self, peer: Peer) -> None:
        await self.say(peer, {
            "type": "SessionMetadata", "total_audio_duration_ms": self.begun_ms, "total_input_character_count": 0,
            "total_billable_character_count": 0, "speech_count": self.sequence,
        })  # fmt: skip

    async def warn(self, peer: Peer, code: str) -> None:
        await self.say(peer, {"type": "Warning", "code": code, "description": "The interruption is ignored."})


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
