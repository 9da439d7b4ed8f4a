"""One text spoken whole. https://cloud.google.com/text-to-speech/docs/reference/rest/v1/text/synthesize"""

import struct
from base64 import b64decode
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.audio import Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, Phase, ProviderError, StreamCut
from integration_api.core.exchange import Frame, Stream
from integration_api.core.tts import Sound, SpeakRequest, Spoken, TtsEvent
from integration_api.dialects import google_cloud
from integration_api.dialects.plain_sound import WHOLE
from integration_api.providers.google_speech import client
from integration_api.providers.google_speech.voices import is_gemini, selection

MOST_TEXT = 5_000
"""Bytes of a text; three for each letter of Hindi."""
MOST_BYTES = 64 << 20
"""Of an answer: sound of that much text is a tenth of it."""
ENCODINGS = {
    Encoding.PCM_S16LE: "LINEAR16",
    Encoding.WAV: "LINEAR16",
    Encoding.MULAW: "MULAW",
    Encoding.ALAW: "ALAW",
    Encoding.MP3: "MP3",
    Encoding.OGG_OPUS: "OGG_OPUS",
    Encoding.OPUS: "OGG_OPUS",
    Encoding.AAC: "M4A",
}
BARE = frozenset({Encoding.PCM_S16LE, Encoding.MULAW, Encoding.ALAW})
"""Those that Google wraps in RIFF, and nobody wants it."""


class _Spoken(Struct, rename="camel"):
    audio_content: str = ""


_SPOKEN = msgspec.json.Decoder(_Spoken)


def speak(ask: SpeakRequest, credential: Credential) -> Stream[TtsEvent]:
    """Return the sound, which comes all at once. Raises `Failure` (TOO_LARGE) for a text that Google does not take."""
    if len(ask.text.encode()) > MOST_TEXT:
        raise Failure(
            Kind.TOO_LARGE,
            f"{client.NAME} speaks at most {MOST_TEXT} bytes at once; cut the text",
            code="text_too_large",
            param="input",
        )
    place = google_cloud.location(credential)
    address = client.url(client.SPEAKING, "/v1/text:synthesize", credential, place)
    return Stream(
        google_cloud.post(address, body(ask), credential),
        Whole(),
        Reader(len(ask.text), bare=ask.output.encoding in BARE),
    )


def body(ask: SpeakRequest) -> dict[str, Any]:
    """Write what is asked for. Raises `Failure` (UNSUPPORTED) for a format that Google does not make."""
    chosen = selection(ask.model, ask.voice, ask.manner.language)
    voice = {"languageCode": chosen["language_code"], "name": chosen["name"]}
    said: dict[str, Any] = {"ssml" if ask.ssml else "text": ask.text}
    if is_gemini(ask.model):
        voice["modelName"] = ask.model
        if ask.manner.instructions:
            said["prompt"] = ask.manner.instructions
    encoding = ENCODINGS.get(ask.output.encoding)
    if encoding is None:
        raise Failure(
            Kind.UNSUPPORTED,
            f"{client.NAME} does not make {ask.output.encoding}; ask for wav, mp3, opus, aac or pcm",
            code="unsupported_format",
            param="response_format",
        )
    manner = ask.manner
    audio = {
        "audioEncoding": encoding,
        # What is compressed has a rate of its own.
        "sampleRateHertz": ask.output.sample_rate if encoding in ("LINEAR16", "MULAW", "ALAW") else None,
        "speakingRate": manner.speed,
        "pitch": manner.pitch,
        "volumeGainDb": manner.volume,
    }
    audio = {name: value for name, value in audio.items() if value is not None}
    return {"input": said, "voice": voice, "audioConfig": audio, **ask.extras}


class Whole:
    """The body is one frame."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterable[Frame]:
        self._parts.append(chunk)
        self._size += len(chunk)
        if self._size > MOST_BYTES:
            raise unreadable()
        return () if chunk else (Frame("", b"".join(self._parts)),)


class Reader:
    """Tells the sound, `bare` of what wraps it."""

    def __init__(self, characters: int, *, bare: bool) -> None:
        self._characters = characters
        self._bare = bare
        self._spoken = False

    def feed(self, frame: Frame) -> Iterable[TtsEvent]:
        try:
            sound = b64decode(_SPOKEN.decode(frame.data).audio_content, validate=True)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors.
            raise unreadable() from None
        self._spoken = True
        return (Sound(WHOLE, samples(sound) if self._bare else sound),)

    def close(self) -> Iterable[TtsEvent]:
        if not self._spoken:
            raise StreamCut(client.NAME)
        return (Spoken(utterance_id=WHOLE, characters=self._characters),)


def samples(sound: bytes) -> bytes:
    """Return what is in the `data` chunk of a RIFF file; sound that is none is returned as it is."""
    if sound[:4] != b"RIFF" or sound[8:12] != b"WAVE":
        return sound
    at = 12
    while at + 8 <= len(sound):
        name, size = struct.unpack_from("<4sI", sound, at)
        at += 8
        if name == b"data":
            return sound[at : at + size]
        at += size + (size & 1)
    raise unreadable()


def unreadable() -> ProviderError:
    return ProviderError(
        Kind.BAD_RESPONSE,
        "the provider's sound could not be read",
        provider=client.NAME,
        code="bad_upstream_response",
        phase=Phase.STREAM,
    )
