"""One text spoken whole. https://docs.sarvam.ai/api-reference-docs/text-to-speech/convert"""

from collections.abc import Iterable, Sequence

from integration_api.core.audio import Encoding
from integration_api.core.credential import Credential
from integration_api.core.exchange import Frame, Stream
from integration_api.core.session import Warned
from integration_api.core.tts import Sound, SpeakRequest, Spoken, TtsEvent
from integration_api.dialects.notes import Notes
from integration_api.dialects.plain_sound import WHOLE, PlainSound
from integration_api.providers.sarvam import client, manner, wire


def speak(ask: SpeakRequest, credential: Credential) -> Stream[TtsEvent]:
    """Return the sound as it is made; a file that says how long it is comes in one piece."""
    notes = Notes(strict=ask.strict)
    manner.left_out(ask.manner, notes)
    body = {
        "text": ask.text,
        "model": ask.model,
        **manner.parameters(ask.voice, ask.output, ask.manner, ask.extras),
    }
    whole = ask.output.encoding is Encoding.WAV
    return Stream(
        client.post_json("/text-to-speech" if whole else "/text-to-speech/stream", body, credential),
        Whole() if whole else PlainSound(),
        (InJson if whole else Plain)(len(ask.text), notes),
    )


class Whole:
    """The body is one frame."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterable[Frame]:
        if chunk:
            self._parts.append(chunk)
            return ()
        parts, self._parts = self._parts, []
        return (Frame("", b"".join(parts)),) if parts else ()


class Plain:
    """Tells the sound as it comes. A body cut short is the transport's to notice."""

    def __init__(self, characters: int, notes: Notes) -> None:
        self._characters = characters
        self._notes = notes

    def feed(self, frame: Frame) -> Sequence[TtsEvent]:
        return (Sound(WHOLE, frame.data),) if frame.data else ()

    def close(self) -> Sequence[TtsEvent]:
        warned = (Warned("unsupported_parameter", one.message) for one in self._notes.all)
        return (*warned, Spoken(utterance_id=WHOLE, characters=self._characters))


class InJson(Plain):
    """The sound is in base64, one for each text that was asked for: there was one."""

    def feed(self, frame: Frame) -> Sequence[TtsEvent]:
        return tuple(Sound(WHOLE, one) for one in wire.SPOKEN.decode(frame.data).audios[:1])
