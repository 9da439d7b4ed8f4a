"""Speech with its pauses in three languages, and the doors it goes through.

What the lab hears is scripted by where the sound really is: the sound is measured on its way in.
"""

import array
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import grpc
from google.protobuf import json_format
from msgspec import Struct

from integration_api.proto import voice_pb2 as wire
from lab.wave import wav
from tests.e2e.service import ADMIN_KEY, Service
from tests.e2e.test_voice import ask_lab, call, say, told
from tests.rpc.caller import signed

SPEECH = Path(__file__).parents[1] / "samples" / "speech"
FRAME_MS = 20
LOUD = 300
SECONDS = 60
SPOKEN = {
    "en": ("I would like a table for two, please.", "At eight."),
    "de": ("Guten Abend, ein Tisch am Fenster.", "Um acht Uhr."),
    "hi": ("नमस्ते, मुझे मदद चाहिए।", "धन्यवाद।"),
}
SOUNDS = {path.name: path for path in sorted(SPEECH.glob("*-*.*"))}

Events: TypeAlias = list[dict[str, Any]]
Door: TypeAlias = Callable[[Service, str, "Speech"], Awaitable[Events]]


class Speech(Struct, frozen=True):
    """One recording, and when each of its two utterances begins and ends in milliseconds."""

    language: str
    sound: bytes
    rate: int
    """Bytes a second."""
    spans: tuple[tuple[int, int], tuple[int, int]]

    @property
    def mulaw(self) -> bool:
        return self.rate == 8_000

    @property
    def hertz(self) -> int:
        return 8_000 if self.mulaw else 16_000

    @property
    def texts(self) -> tuple[str, str]:
        return SPOKEN[self.language]

    @property
    def file(self) -> bytes:
        """The same as a WAV file."""
        return wav(self.sound, 8_000, code=7, bits=8) if self.mulaw else wav(self.sound, 16_000)

    def script(self, lab: str, provider: str) -> None:
        """Tell the lab to hear what is said, when it is said."""
        heard = [
            {"text": text, "start_ms": start, "end_ms": end, "language": self.language}
            for text, (start, end) in zip(self.texts, self.spans, strict=True)
        ]
        ask_lab(lab, "PUT", "script", {provider: [{"heard": heard, "times": 0}]})


def measured(name: str) -> Speech:
    path = SOUNDS[name]
    sound = path.read_bytes()
    rate = 8_000 if path.suffix == ".ulaw" else 32_000
    volumes = (
        [_volume(one) for one in sound] if rate == 8_000 else [abs(one) for one in array.array("h", sound)]
    )
    size = len(volumes) * rate * FRAME_MS // 1000 // len(sound)
    loud = [
        at // size * FRAME_MS for at in range(0, len(volumes), size) if max(volumes[at : at + size]) > LOUD
    ]
    pause = next(place for place in range(1, len(loud)) if loud[place] - loud[place - 1] >= 500)
    spans = ((loud[0], loud[pause - 1] + FRAME_MS), (loud[pause], loud[-1] + FRAME_MS))
    return Speech(name[:2], sound, rate, spans)


def _volume(code: int) -> int:
    """How far from silence a byte of G.711 mu-law is, as a sample of 16 bits."""
    code = ~code & 0x7F
    return (((code & 0x0F) << 3) + 132 << (code >> 4)) - 132


def near(times: tuple[int, int], span: tuple[int, int], within_ms: int = FRAME_MS) -> bool:
    """Whether something was told to begin and end when it did, to a frame."""
    return all(abs(told - was) <= within_ms for told, was in zip(times, span, strict=True))


# --- live -------------------------------------------------------------------------------------


def _start(model: str, speech: Speech, encodings: tuple[str, str]) -> dict[str, Any]:
    return {
        "target": {"model": model},
        "input": {"encoding": encodings[not speech.mulaw], "sample_rate_hz": speech.hertz},
        "endpointing": {"silence_ms": 300},
        "word_timestamps": True,
    }


def _silence(speech: Speech) -> bytes:
    """Half a second, so that whoever waits for the end of a turn finds it."""
    return (b"\xff" if speech.mulaw else b"\0") * (speech.rate // 2)


async def over_websocket(service: Service, model: str, speech: Speech) -> Events:
    """Return the events of one transcript."""
    async with call(service, "stt", **_start(model, speech, ("mulaw", "pcm_s16le"))) as socket:
        ready = json.loads(await socket.recv())
        await say(socket, speech.sound + _silence(speech), speech.rate)
        await socket.send('{"type": "end"}')
        return [ready, *await told(socket)]


async def over_grpc(service: Service, model: str, speech: Speech) -> Events:
    """Return the events of one transcript, as the WebSocket names them."""
    start = json_format.ParseDict(_start(model, speech, ("MULAW", "PCM_S16LE")), wire.SttClient.Start())
    step = speech.rate * FRAME_MS // 1000
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stub = channel.stream_stream(
            "/integration.voice.v1.SpeechToText/StreamTranscribe",
            wire.SttClient.SerializeToString,
            wire.SttServer.FromString,
        )
        stream = stub(metadata=signed(ADMIN_KEY), timeout=SECONDS)
        await stream.write(wire.SttClient(start=start))
        heard = [await stream.read()]
        sound = speech.sound + _silence(speech)
        for at in range(0, len(sound), step):
            await stream.write(wire.SttClient(audio=sound[at : at + step]))
        await stream.write(wire.SttClient(end=wire.SttClient.End()))
        while (message := await stream.read()) is not grpc.aio.EOF:
            heard.append(message)
    return [plain(one) for one in heard]


def plain(message: Any) -> dict[str, Any]:
    """Return what is told in a message; a field that is not set is not there."""
    kind = message.WhichOneof("event")
    told = json_format.MessageToDict(getattr(message, kind), preserving_proto_field_name=True)
    return {"type": kind, **told}


DOORS: dict[str, Door] = {"websocket": over_websocket, "grpc": over_grpc}
