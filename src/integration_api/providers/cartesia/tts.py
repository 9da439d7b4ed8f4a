"""Sonic, live: each utterance is a context, and they may overlap. https://docs.cartesia.ai/api-reference/tts/websocket"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from integration_api.core.credential import Credential
from integration_api.core.exchange import json_body
from integration_api.core.session import (
    Act,
    Began,
    Closed,
    HangUp,
    KeepAlive,
    Message,
    Outcome,
    Redial,
    Say,
    Warned,
)
from integration_api.core.tts import (
    Flushed,
    Sound,
    Spoken,
    SynthesisCapabilities,
    SynthesisRequest,
    Timestamps,
    TtsEvent,
)
from integration_api.providers.cartesia import client, formats, speech, wire

CAPABILITIES = SynthesisCapabilities(
    cancel_native=True, word_timestamps=True, multi_context=True, live_update=True
)


@dataclass(slots=True)
class _Utterance:
    id: str
    context: str
    who: dict[str, Any]
    """Model, voice and manner are fixed for a context."""
    places: speech.Places = field(default_factory=speech.Places)
    live: bool = True
    """Whether Cartesia knows the context still: it forgets one that is silent for a second."""
    complete: bool = False
    sound: int = 0
    """Bytes so far."""
    before_ms: int = 0
    """Sound of contexts that were forgotten: times are told from the beginning of each."""


class Sonic:
    """One live voice. Contexts have names of our own: one that was cancelled may not lend its name to another."""

    capabilities = CAPABILITIES
    keep_alive: KeepAlive | None = None

    def __init__(self, ask: SynthesisRequest, credential: Credential) -> None:
        self.request = client.socket("/tts/websocket", (), credential)
        self._ask = ask
        self._voice = ask.voice
        self._manner = ask.manner
        self._utterances: dict[str, _Utterance] = {}
        self._contexts: dict[str, _Utterance] = {}
        self._count = 0
        self._spoken = False
        self._finishing = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[TtsEvent]:
        lacks = [name for name in speech.LACKS if getattr(self._ask.manner, name) is not None]
        return [
            Began(headers.get("x-request-id", "")),
            *(Warned("unsupported_parameter", f"cartesia has no {name}") for name in lacks),
        ]

    def text(self, utterance_id: str, text: str, *, ssml: bool = False) -> Outcome[TtsEvent]:
        one = self._utterances.get(utterance_id) or self._begun(utterance_id)
        if not one.live:
            self._renew(one)
        one.places.text += text
        return [self._say(one, text, more=True)]

    def end_utterance(self, utterance_id: str) -> Outcome[TtsEvent]:
        one = self._utterances.get(utterance_id)
        if one is None:
            return []
        one.complete = True
        if not one.live:  # All of it has come already.
            return self._over(one)
        return [self._say(one, "", more=False)]

    def flush(self, utterance_id: str) -> Outcome[TtsEvent]:
        one = self._utterances.get(utterance_id)
        return [] if one is None or not one.live else [self._say(one, "", more=True, flush=True)]

    def cancel(self, utterance_id: str, played_ms: int | None) -> Outcome[TtsEvent]:
        one = self._utterances.pop(utterance_id, None)
        if one is None:
            return []
        del self._contexts[one.context]
        return [Say(json_body({"context_id": one.context, "cancel": True}).decode())] if one.live else []

    def update(self, voice: str | None, speed: float | None) -> Outcome[TtsEvent]:
        """Change who speaks the utterances that begin from now on."""
        self._voice = voice or self._voice
        self._manner = replace(self._manner, speed=self._manner.speed if speed is None else speed)
        return []

    def finish(self) -> Outcome[TtsEvent]:
        self._finishing = True
        return [HangUp()]  # There is no word for goodbye.

    def feed(self, message: Message) -> Outcome[TtsEvent]:
        said = wire.SPOKEN.decode(message)
        one = self._contexts.get(said.context_id or "")
        if said.type == "error" and (one is not None or not said.context_id):
            raise client.failed(
                said.status_code, said.error_code, said.title or "", said.message or "", said.request_id
            )
        if one is None:
            return []  # It was cancelled; what was under way still comes.
        match said.type:
            case "chunk":
                data = b64decode(said.data)
                one.sound += len(data)
                return [Sound(one.id, data)] if data else []
            case "timestamps" if said.word_timestamps is not None:
                items = one.places.marks(said.word_timestamps, one.before_ms)
                return [Timestamps(utterance_id=one.id, granularity="word", items=items)]
            case "flush_done":
                return [] if one.complete else [Flushed(one.id)]
            case "done":
                return self._done(one)
            case _:
                return []

    def close(self, closed: Closed) -> Outcome[TtsEvent]:
        if self._finishing:
            return []
        if self._spoken and not self._utterances:
            return [Redial()]  # Nobody spoke for five minutes.
        raise client.ended(closed)

    def _begun(self, id: str) -> _Utterance:
        who = speech.voice(self._ask.model, self._voice, self._manner)
        one = self._utterances[id] = _Utterance(id, self._named(), who)
        self._contexts[one.context] = one
        return one

    def _named(self) -> str:
        self._count += 1
        return f"u{self._count}"

    def _renew(self, one: _Utterance) -> None:
        del self._contexts[one.context]
        one.context, one.live = self._named(), True
        one.before_ms = self._ask.output.milliseconds(one.sound)
        self._contexts[one.context] = one

    def _done(self, one: _Utterance) -> Outcome[TtsEvent]:
        one.live = False
        return self._over(one) if one.complete else []

    def _over(self, one: _Utterance) -> list[TtsEvent]:
        self._spoken = True
        del self._utterances[one.id], self._contexts[one.context]
        return [Spoken(utterance_id=one.id)]

    def _say(self, one: _Utterance, text: str, *, more: bool, flush: bool = False) -> Act:
        said: dict[str, Any] = {
            "context_id": one.context,
            **one.who,
            "transcript": text,
            "output_format": {"container": "raw", **dict(formats.sound(self._ask.output))},
            "continue": more,
        }
        if flush:
            said["flush"] = True
        if self._ask.timestamps != "none":
            said["add_timestamps"] = True
        if self._ask.text_buffering != "provider":
            # What is given is to be spoken at once; left alone, Cartesia waits for more for three seconds.
            said["max_buffer_delay_ms"] = 0
        return Say(json_body({**said, **self._ask.extras}).decode())
