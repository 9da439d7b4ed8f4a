"""Text-to-Speech: voices, live and whole (cloud.google.com/text-to-speech/docs/reference)."""

from base64 import b64encode

from lab import mouth
from lab.faults import directives
from lab.google_speech import client
from lab.google_speech.listen import ABORTED, INVALID, Wrong
from lab.http import Call, Peer, Response
from lab.protobuf import Fields, fields, inside, message, number, text
from lab.sockets import Broken, Fate, Opened
from lab.wave import wav

LONGEST = 5_000
"""Bytes of a text."""
IDLE_SECONDS = 5.0
"""Without text for so long, Google ends the call."""
STEP_MS = 100
"""How much sound comes in one message."""
PCM, MULAW, ALAW = 7, 5, 6
VOICES = ("en-US-Chirp3-HD-Charon", "en-US-Wavenet-A", "hi-IN-Neural2-A")


def sound(said: str, encoding: int, rate: int) -> bytes:
    """The sound of a text, bare."""
    match encoding:
        case 5:
            return mouth.mulaw(said, rate)
        case 6:
            return mouth.alaw(said, rate)
        case _:
            return mouth.pcm(said, rate)


def live(call: Call) -> Response:
    """StreamingSynthesize. Raises `Refused`."""
    client.admit(call)
    return Opened([], Voice(call).talk)


class Voice:
    """One live voice, which speaks each text as it comes."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.encoding = PCM
        self.rate = 24_000
        self.spoken_ms = 0

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        try:
            first = await fate.receive(IDLE_SECONDS)
            if first is None and not fate.idle:
                return
            if first is not None:
                self.begin(fields(first) if isinstance(first, bytes) else {})
                while (said := await fate.receive(IDLE_SECONDS)) is not None:
                    await self.speak(peer, fate, fields(said) if isinstance(said, bytes) else {})
        except Wrong as wrong:
            await peer.close(INVALID, str(wrong))
            return
        except Broken:
            return
        if fate.idle:
            await peer.close(ABORTED, "Stream aborted due to long duration elapsed without input sent.")

    def begin(self, said: Fields) -> None:
        """Reads the first message. Raises `Wrong`."""
        if 1 not in said:
            raise Wrong("The first message must hold streaming_config.")
        config = inside(said, 1)
        voice, audio = inside(config, 1), inside(config, 4)
        self.call.model = text(voice, 2)
        if not text(voice, 1):
            raise Wrong("Voice language_code is required.")
        if "Chirp" not in self.call.model and not text(voice, 6).startswith("gemini"):
            raise Wrong("Currently, only Chirp 3: HD voices are supported for streaming synthesis.")
        self.encoding = number(audio, 1) or PCM
        if self.encoding not in (PCM, MULAW, ALAW):
            raise Wrong("Unsupported audio encoding.")
        self.rate = number(audio, 2) or 24_000
        if not 8_000 <= self.rate <= 48_000:
            raise Wrong("Invalid sample rate.")

    async def speak(self, peer: Peer, fate: Fate, said: Fields) -> None:
        """Speaks one text. Raises `Wrong` and `Broken`."""
        words = text(inside(said, 2), 1) or text(inside(said, 2), 5)
        if 1 in said or not words:
            raise Wrong("Input must follow streaming_config.")
        if len(words.encode()) > LONGEST:
            raise Wrong(f"Input must be at most {LONGEST} bytes.")
        data = sound(words, self.encoding, self.rate)
        size = (2 if self.encoding == PCM else 1) * self.rate * STEP_MS // 1000
        for at in range(0, len(data), size):
            await fate.at(self.spoken_ms)
            await peer.send(message({1: data[at : at + size]}))
            self.spoken_ms += STEP_MS
            await fate.pause(directives(self.call.model).gap_ms)


def whole(call: Call) -> Response:
    """POST /v1/text:synthesize. Raises `Refused`."""
    client.admit(call)
    asked = call.json()
    voice, audio, given = asked.get("voice", {}), asked.get("audioConfig", {}), asked.get("input", {})
    call.model = voice.get("name", "")
    if not voice.get("languageCode"):
        client.refuse(call, "Voice language_code is required.")
    if "ssml" in given and "Chirp" in call.model:
        client.refuse(call, "This voice does not support SSML.")
    said = given.get("text") or given.get("ssml") or given.get("markup") or ""
    if not said:
        client.refuse(call, "Input is required.")
    if len(said.encode()) > LONGEST:
        client.refuse(
            call, f"Either `input.text` or `input.ssml` is longer than the limit of {LONGEST} bytes."
        )
    rate = audio.get("sampleRateHertz", 24_000)
    match audio.get("audioEncoding"):
        case "LINEAR16":
            data = wav(mouth.pcm(said, rate), rate)
        case "MULAW":
            data = wav(mouth.mulaw(said, rate), rate, code=7, bits=8)
        case "ALAW":
            data = wav(mouth.alaw(said, rate), rate, code=6, bits=8)
        case "PCM" | "MP3" | "OGG_OPUS" | "M4A":
            data = mouth.pcm(said, rate)
        case _:
            client.refuse(call, "Unsupported audio encoding.")
    return client.answer(call, {"audioContent": b64encode(data).decode()})


def voices(call: Call) -> Response:
    """GET /v1/voices. Raises `Refused`."""
    client.admit(call)
    wanted = call.query.get("languageCode", "")
    told = [
        {"languageCodes": [name[:5]], "name": name, "ssmlGender": "MALE", "naturalSampleRateHertz": 24_000}
        for name in VOICES
        if name.startswith(wanted)
    ]
    return client.answer(call, {"voices": told})
