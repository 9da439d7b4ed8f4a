"""One text spoken by OpenAI, and its voices. https://platform.openai.com/docs/api-reference/audio/createSpeech"""

from collections.abc import Iterable
from typing import Any

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import Bearer, Exchange, Frame, HttpRequest, Stream, json_body
from integration_api.core.llm import Notice
from integration_api.core.session import Warned
from integration_api.core.tts import SpeakRequest, TtsEvent, Voice
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.plain_sound import PlainSound, SoundReader
from integration_api.providers.openai import client

RATE = 24_000
"""Of samples, in Hz: there is no other."""
FORMS = {
    Encoding.PCM_S16LE: "pcm",
    Encoding.WAV: "wav",
    Encoding.MP3: "mp3",
    Encoding.OGG_OPUS: "opus",
    Encoding.OPUS: "opus",
    Encoding.AAC: "aac",
    Encoding.FLAC: "flac",
}
UNINSTRUCTED = "tts-1"
"""Models of this name take no instructions."""
VOICES = (
    "alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin", "cedar",
)  # fmt: skip
NEWER = frozenset({"ballad", "verse", "marin", "cedar"})
"""Voices that `tts-1` does not have."""


def gives(format: AudioFormat, model: str) -> AudioFormat:
    """Samples are made at one rate, and converted from it."""
    return AudioFormat(Encoding.PCM_S16LE, RATE)


def speak(ask: SpeakRequest, credential: Credential) -> Stream[TtsEvent]:
    """Return the sound as it is made. Raises `Failure` for what can not be asked."""
    notes = Notes(strict=ask.strict)
    request = HttpRequest(
        method="POST",
        url=client.address("/audio/speech", credential),
        headers=(("content-type", "application/json"), *client.headers(credential)),
        body=json_body({**payload(ask, notes), **ask.extras}),
        auth=Bearer(),
    )
    return Stream(request, PlainSound(), Noting(SoundReader(len(ask.text)), notes.all))


def payload(ask: SpeakRequest, notes: Notes) -> dict[str, Any]:
    if ask.voice is None:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"name a voice: {', '.join(VOICES)}, or one of your own",
            code="missing_required_parameter",
            param="voice",
        )
    form = FORMS.get(ask.output.encoding)
    if form is None:
        raise unsupported("response_format", f"openai makes {', '.join(sorted(set(FORMS.values())))}")
    if ask.ssml:
        raise unsupported("ssml", "openai speaks no SSML")
    manner = ask.manner
    body: dict[str, Any] = {"model": ask.model, "input": ask.text, "response_format": form}
    body["voice"] = ask.voice if ask.voice in VOICES else {"id": ask.voice}
    if manner.speed is not None:
        body["speed"] = manner.speed
    if manner.instructions is not None:
        if ask.model.startswith(UNINSTRUCTED):
            notes.cannot("instructions", f"{ask.model} takes no instructions")
        else:
            body["instructions"] = manner.instructions
    notes.lacks(client.NAME, {
        "language": manner.language, "pitch": manner.pitch, "volume": manner.volume, "emotion": manner.emotion,
    })  # fmt: skip
    return body


class Noting:
    """Tells what was left out before the first sound."""

    def __init__(self, reader: SoundReader, notices: tuple[Notice, ...]) -> None:
        self._reader = reader
        self._left = [Warned(one.code, f"{one.param}: {one.message}") for one in notices]

    def feed(self, frame: Frame) -> Iterable[TtsEvent]:
        told, self._left = self._left, []
        return [*told, *self._reader.feed(frame)]

    def close(self) -> Iterable[TtsEvent]:
        return self._reader.close()


def voices(credential: Credential) -> Exchange[tuple[Voice, ...]]:
    """Return the voices OpenAI documents: it has no list to ask for."""
    yield from ()
    return tuple(
        Voice(id=name, name=name.capitalize(), models=("gpt-4o-mini-tts",) if name in NEWER else ())
        for name in VOICES
    )
