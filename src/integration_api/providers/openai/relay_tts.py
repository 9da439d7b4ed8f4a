"""Texts in OpenAI's own body, passed through, and its sound or its events back, watched for what they cost.

https://platform.openai.com/docs/api-reference/audio/speech-audio-done-event
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, Phase, ProviderError, Refusal, StreamCut
from integration_api.core.exchange import Bearer, HttpRequest
from integration_api.core.llm import Usage
from integration_api.core.relay import RawBody, SpeechRelay, Tally
from integration_api.dialects.sse import Events
from integration_api.providers.openai import client
from integration_api.providers.openai.relay_stt import Problem
from integration_api.providers.openai.rest_tts import UNINSTRUCTED, VOICES

LANGUAGE = "openai_audio"
EXTENSIONS = ("language", "provider")
"""Our own fields in a caller's body."""
LAST = b"speech.audio.done"
FAILED = b'"error"'


class Cost(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None


class Event(Struct):
    type: str = ""
    usage: Cost | None = None
    error: Problem | None = None


EVENT = msgspec.json.Decoder(Event)


def accepts(raw: RawBody, model: str) -> bool:
    """Return whether OpenAI understands a body as it stands: its older models stream no events and take no
    instructions, a voice of one's own is written as an object, and it has no word for a language.
    """
    older = model.startswith(UNINSTRUCTED)
    if older and (_given(raw, "instructions") or _given(raw, "stream_format") == "sse"):
        return False
    voice = _given(raw, "voice")
    return not _given(raw, "language") and (isinstance(voice, dict) or voice in VOICES)


def request(raw: RawBody, model: str, options: Mapping[str, Any], credential: Credential) -> HttpRequest:
    body: dict[str, Any] = {name: value for name, value in raw.items() if name not in EXTENSIONS}
    return HttpRequest(
        method="POST",
        url=client.address("/audio/speech", credential),
        headers=(("content-type", "application/json"), *client.headers(credential)),
        body=msgspec.json.encode({**body, "model": model, **options}),
        auth=Bearer(),
    )


class Watched:
    """Lets whole events through."""

    def __init__(self) -> None:
        self._events = Events()
        self._usage: Usage | None = None

    def feed(self, chunk: bytes) -> bytes:
        whole = self._events.feed(chunk)
        self._look(whole)
        return whole

    def close(self) -> tuple[bytes, Tally]:
        rest = self._events.rest
        self._look(rest)
        if self._usage is None:
            raise StreamCut(client.NAME)
        return rest, Tally(usage=self._usage)

    def _look(self, whole: bytes) -> None:
        if LAST not in whole and FAILED not in whole:
            return
        for line in whole.splitlines():
            if line.startswith(b"data: {") and (LAST in line or FAILED in line):
                self._hear(_event(line[6:]))

    def _hear(self, said: Event) -> None:
        if said.error is not None:
            raise ProviderError(
                Kind.UPSTREAM,
                said.error.message[:512] or "openai failed in the middle of a text",
                provider=client.NAME,
                refusal=Refusal(type=said.error.type, code=said.error.code),
                phase=Phase.STREAM,
            )
        if said.type == LAST.decode():
            cost = said.usage or Cost()
            self._usage = Usage(input_total=cost.input_tokens, output_total=cost.output_tokens)


def _event(text: bytes) -> Event:
    try:
        return EVENT.decode(text)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors.
        return Event()


def _given(raw: RawBody, name: str) -> Any:
    value = raw.get(name)
    return None if value is None else msgspec.json.decode(value)


RELAY = SpeechRelay(LANGUAGE, accepts=accepts, request=request, stream=Watched)
