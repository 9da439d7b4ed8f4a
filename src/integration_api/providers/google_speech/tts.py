"""Text-to-Speech, live: one call an utterance, because the end of a call is the only word for the end of one.

https://cloud.google.com/text-to-speech/docs/reference/rpc/google.cloud.texttospeech.v1
"""

import re
from collections.abc import Iterator, Mapping

from google.protobuf.json_format import ParseDict, ParseError

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.session import (
    Act,
    Began,
    Closed,
    HalfClose,
    HangUp,
    KeepAlive,
    Message,
    Outcome,
    Redial,
    Say,
    Warned,
)
from integration_api.core.tts import Sound, Spoken, SynthesisCapabilities, SynthesisRequest, TtsEvent
from integration_api.dialects import google_cloud, ssml_text
from integration_api.proto import google_speech_pb2 as wire
from integration_api.providers.google_speech import client
from integration_api.providers.google_speech.voices import is_gemini, selection

METHOD = "google.cloud.texttospeech.v1.TextToSpeech/StreamingSynthesize"
PCM = 7
"""Samples without a header; the one encoding that every voice streams."""
MOST_BYTES = 5_000
"""Of text in one message."""
_NO_TEXT = re.compile(r"(?i)without input")
"""Google waits for text for five seconds."""


class GoogleVoice:
    """One live voice. What waits for its turn is told again by whoever drives the session, in the next call."""

    capabilities = SynthesisCapabilities()
    keep_alive: KeepAlive | None = None

    def __init__(self, ask: SynthesisRequest, credential: Credential) -> None:
        self.request = client.call(client.SPEAKING, METHOD, credential, google_cloud.location(credential))
        self._opening = wire.StreamingSynthesizeRequest(streaming_config=config(ask)).SerializeToString()
        self._prompt = ask.manner.instructions if is_gemini(ask.model) else None
        self._current: str | None = None
        self._characters = 0
        self._complete = self._leaving = self._finishing = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[TtsEvent]:
        # Nothing is said before there is text: from then on Google has little patience.
        return [Began()]

    def text(self, utterance_id: str, text: str, *, ssml: bool = False) -> Outcome[TtsEvent]:
        if self._leaving or self._complete or self._current not in (None, utterance_id):
            return []
        told: list[Act | TtsEvent] = []
        if ssml:
            text = ssml_text.spoken(text)
            told.append(ssml_text.left_out(client.NAME))
        if self._current is None:
            self._current = utterance_id
            told.append(Say(self._opening))
        self._characters += len(text)
        for piece in pieces(text):
            said = wire.StreamingSynthesisInput(text=piece)
            if self._prompt is not None:
                said.prompt, self._prompt = self._prompt, None
            told.append(Say(wire.StreamingSynthesizeRequest(input=said).SerializeToString()))
        return told

    def end_utterance(self, utterance_id: str) -> Outcome[TtsEvent]:
        if self._current != utterance_id or self._complete:
            return []
        self._complete = True
        return [HalfClose()]

    def flush(self, utterance_id: str) -> Outcome[TtsEvent]:
        return []  # Google speaks each sentence as it has it.

    def cancel(self, utterance_id: str, played_ms: int | None) -> Outcome[TtsEvent]:
        if self._current != utterance_id:
            return []
        self._leaving = True
        return [Redial()]

    def update(self, voice: str | None, speed: float | None) -> Outcome[TtsEvent]:
        return [Warned("unsupported_update", "google-speech's voice is fixed for a session")]

    def finish(self) -> Outcome[TtsEvent]:
        self._finishing = True
        return [HangUp()]

    def feed(self, message: Message) -> Outcome[TtsEvent]:
        said = client.read(wire.StreamingSynthesizeResponse, message)
        if self._current is None or self._leaving or not said.audio_content:
            return []
        return [Sound(self._current, said.audio_content)]

    def close(self, closed: Closed) -> Outcome[TtsEvent]:
        if self._leaving or self._finishing:
            return []
        if self._current is None and _NO_TEXT.search(closed.reason):
            return [Redial()]
        if closed.code or self._current is None or not self._complete:
            raise client.ended(closed)
        self._leaving = True
        return [Spoken(utterance_id=self._current, characters=self._characters), Redial()]


def config(ask: SynthesisRequest) -> wire.StreamingSynthesizeConfig:
    """Write what is asked for. Raises `Failure` for options that Google has not."""
    asked = wire.StreamingSynthesizeConfig(
        voice=wire.VoiceSelectionParams(**selection(ask.model, ask.voice, ask.manner.language)),
        streaming_audio_config=wire.StreamingAudioConfig(
            audio_encoding=PCM,
            sample_rate_hertz=ask.output.sample_rate,
            speaking_rate=ask.manner.speed or 0.0,
        ),
    )
    try:
        ParseDict(dict(ask.extras), asked)
    except ParseError as error:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"google-speech's options are those of StreamingSynthesizeConfig: {error}"[:512],
            code="invalid_value",
            param="options",
        ) from None
    return asked


def pieces(text: str) -> Iterator[str]:
    """Cut a text so that no piece is larger than Google takes."""
    raw = text.encode()
    at = 0
    while at < len(raw):
        end = min(at + MOST_BYTES, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:
            end -= 1  # Not in the middle of a character.
        yield raw[at:end].decode()
        at = end
