"""Recordings in OpenAI's own form, passed through and watched for what they cost.

https://platform.openai.com/docs/api-reference/audio/transcript-text-done-event
"""

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, Phase, ProviderError, Refusal, StreamCut
from integration_api.core.exchange import Bearer, HttpRequest, HttpResponse
from integration_api.core.llm import Usage
from integration_api.core.relay import RecordingRelay, Tally
from integration_api.providers.openai import client
from integration_api.providers.openai.batch_stt import WHISPER, Cost, usage_of

LANGUAGE = "openai_audio"
LAST = b"transcript.text.done"
FAILED = b'"error"'


class Problem(Struct):
    message: str = ""
    type: str | None = None
    code: str | None = None


class Event(Struct):
    type: str = ""
    usage: Cost | None = None
    duration: float | None = None
    error: Problem | None = None


EVENT = msgspec.json.Decoder(Event, strict=False)


def request(kind: str, body: bytes, translate: bool, credential: Credential) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=client.address("/audio/translations" if translate else "/audio/transcriptions", credential),
        headers=(("content-type", kind), *client.headers(credential)),
        body=body,
        auth=Bearer(),
    )


def read(reply: HttpResponse) -> Tally:
    """Texts and subtitles tell no cost."""
    if "json" not in reply.headers.get("content-type", ""):
        return Tally()
    said = _event(reply.body)
    return Tally(usage=usage_of(said.usage, said.duration))


class Watched:
    """Lets whole events through."""

    def __init__(self) -> None:
        self._held = b""
        self._usage = Usage()
        self._done = False

    def feed(self, chunk: bytes) -> bytes:
        self._held += chunk
        end = self._held.rfind(b"\n\n") + 2
        end = max(end, self._held.rfind(b"\r\n\r\n") + 4)
        if end < 4 and b"\n\n" not in self._held:
            return b""
        whole, self._held = self._held[:end], self._held[end:]
        if LAST in whole or FAILED in whole:
            for line in whole.splitlines():
                if line.startswith(b"data: {"):
                    self._hear(_event(line[6:]))
        return whole

    def close(self) -> tuple[bytes, Tally]:
        if not self._done:
            raise StreamCut(client.NAME)
        return self._held, Tally(usage=self._usage)

    def _hear(self, said: Event) -> None:
        if said.error is not None:
            raise ProviderError(
                Kind.UPSTREAM,
                said.error.message[:512] or "openai failed in the middle of a transcript",
                provider=client.NAME,
                refusal=Refusal(type=said.error.type, code=said.error.code),
                phase=Phase.STREAM,
            )
        if said.type == LAST.decode():
            self._done = True
            self._usage = usage_of(said.usage, None)


def _event(text: bytes) -> Event:
    try:
        return EVENT.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Event()


RELAY = RecordingRelay(
    LANGUAGE,
    request=request,
    read=read,
    stream=Watched,
    # Whisper does not stream: it would answer whole.
    accepts=lambda model, stream: not (stream and WHISPER in model),
)
