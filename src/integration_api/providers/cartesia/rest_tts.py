"""One text spoken whole. https://docs.cartesia.ai/api-reference/tts/bytes, https://docs.cartesia.ai/api-reference/tts/sse"""

from base64 import b64decode
from collections.abc import Iterable
from typing import Any

from integration_api.core.audio import Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import StreamCut
from integration_api.core.exchange import Frame, Stream
from integration_api.core.tts import Sound, SpeakRequest, Spoken, Timestamps, TtsEvent
from integration_api.dialects.notes import unsupported
from integration_api.dialects.plain_sound import WHOLE, PlainSound, SoundReader
from integration_api.dialects.sse import SseFraming
from integration_api.providers.cartesia import client, formats, speech, wire

BIT_RATE = 128_000
"""Of MP3, in bits a second."""


def speak(ask: SpeakRequest, credential: Credential) -> Stream[TtsEvent]:
    """Return the sound as it is made; with the times of words, where they are asked for and sound is raw."""
    timed = ask.timestamps != "none" and ask.output.raw
    body: dict[str, Any] = {
        **speech.voice(ask.model, ask.voice, ask.manner),
        "transcript": ask.text,
        "output_format": _format(ask),
    }
    if not timed:
        request = client.post_json("/tts/bytes", {**body, **ask.extras}, credential)
        return Stream(request, PlainSound(), SoundReader(len(ask.text)))
    request = client.post_json("/tts/sse", {**body, "add_timestamps": True, **ask.extras}, credential)
    return Stream(request, SseFraming(), TimedReader(ask.text))


class TimedReader:
    """Reads sound and the times of its words."""

    def __init__(self, text: str) -> None:
        self._places = speech.Places()
        self._places.text = text
        self._over = False

    def feed(self, frame: Frame) -> Iterable[TtsEvent]:
        said = wire.SPOKEN.decode(frame.data)
        match said.type:
            case "chunk":
                return [Sound(WHOLE, b64decode(said.data))]
            case "timestamps" if said.word_timestamps is not None:
                items = self._places.marks(said.word_timestamps)
                return [Timestamps(utterance_id=WHOLE, granularity="word", items=items)]
            case "done":
                self._over = True
            case "error":
                raise client.failed(
                    said.status_code, said.error_code, said.title or "", said.message or "", said.request_id
                )
            case _:
                pass
        return ()

    def close(self) -> Iterable[TtsEvent]:
        if not self._over:
            raise StreamCut(client.NAME)
        return (Spoken(utterance_id=WHOLE, characters=len(self._places.text)),)


def _format(ask: SpeakRequest) -> dict[str, Any]:
    output = ask.output
    match output.encoding:
        case Encoding.MP3:
            return {"container": "mp3", "sample_rate": output.sample_rate, "bit_rate": BIT_RATE}
        case Encoding.WAV:
            return {"container": "wav", "encoding": "pcm_s16le", "sample_rate": output.sample_rate}
        case _ if output.raw:
            return {"container": "raw", **dict(formats.sound(output))}
        case _:
            raise unsupported("response_format", "cartesia speaks pcm, wav, mp3 and G.711 only")
