"""Bulbul, live: one utterance at a time. https://docs.sarvam.ai/api-reference-docs/text-to-speech/stream"""

from collections.abc import Mapping

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
    TtsEvent,
)
from integration_api.dialects import ssml_text
from integration_api.dialects.notes import Notes
from integration_api.dialects.one_at_a_time import OneAtATime
from integration_api.providers.sarvam import client, manner, wire

FLUSH = Say('{"type":"flush"}')
KEEP_ALIVE = KeepAlive(20.0, (Say('{"type":"ping"}'),))
"""After a minute in which nothing was said, Sarvam closes."""


class Bulbul:
    """One live voice. Sound carries no name, so an utterance is what comes until the end of its last flush.

    There is no word to stop it: it is hung up on.
    """

    capabilities = SynthesisCapabilities(live_update=True)
    keep_alive: KeepAlive | None = KEEP_ALIVE

    def __init__(self, ask: SynthesisRequest, credential: Credential) -> None:
        query = (("model", ask.model), ("send_completion_event", True))
        self.request = client.socket("/text-to-speech/ws", query, credential)
        self._config = manner.parameters(ask.voice, ask.output, ask.manner, ask.extras)
        self._ask = ask
        self._longest = manner.LONGEST.get(ask.model, manner.LONGEST_TEXT)
        self._queue = OneAtATime(self._speak, self._end, self._flush)
        self._characters = 0
        self._flushes = 0
        """Those that are not answered yet."""
        self._unflushed = False
        self._ending = False
        self._hung_up = False
        self._finishing = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[TtsEvent]:
        notes = Notes(strict=False)
        manner.left_out(self._ask.manner, notes)
        warned = [Warned("unsupported_parameter", one.message) for one in notes.all]
        return [Began(), *warned, self._configure()]

    def text(self, utterance_id: str, text: str, *, ssml: bool = False) -> Outcome[TtsEvent]:
        if self._hung_up:
            return []
        if not ssml:
            return self._queue.text(utterance_id, text)
        return [ssml_text.left_out(client.NAME), *self._queue.text(utterance_id, ssml_text.spoken(text))]

    def end_utterance(self, utterance_id: str) -> Outcome[TtsEvent]:
        if self._hung_up:
            return []
        acts = self._queue.end(utterance_id)
        return acts if acts or self._queue.current != utterance_id else self._over()

    def flush(self, utterance_id: str) -> Outcome[TtsEvent]:
        return [] if self._hung_up else self._queue.flush(utterance_id)

    def cancel(self, utterance_id: str, played_ms: int | None) -> Outcome[TtsEvent]:
        if not self._queue.cancel(utterance_id) or self._hung_up:
            return []
        self._hung_up = True
        return [Redial()]

    def update(self, voice: str | None, speed: float | None) -> Outcome[TtsEvent]:
        if voice is not None:
            self._config["speaker"] = voice.lower()
        if speed is not None:
            self._config["pace"] = speed
        return [] if self._hung_up else [self._configure()]

    def finish(self) -> Outcome[TtsEvent]:
        self._finishing = True
        return [HangUp()]

    def feed(self, message: Message) -> Outcome[TtsEvent]:
        said = wire.MESSAGE.decode(message)
        current = self._queue.current
        match said.type:
            case "audio" if current is not None and said.data.audio and not self._hung_up:
                return [Sound(current, said.data.audio)]
            case "event" if said.data.event_type == "final" and current is not None and not self._hung_up:
                return self._final(current)
            case "error":
                data = said.data
                raise client.failed(data.code, data.message or data.error, request_id=data.request_id)
            case _:
                return []

    def close(self, closed: Closed) -> Outcome[TtsEvent]:
        if not self._finishing and not self._hung_up:
            raise client.ended(closed)
        return []

    def _configure(self) -> Say:
        return Say(json_body({"type": "config", "data": self._config}).decode())

    def _speak(self, _: str, text: str, ssml: bool) -> list[Act]:
        self._characters += len(text)
        self._unflushed = True
        return [
            Say(json_body({"type": "text", "data": {"text": text[at : at + self._longest]}}).decode())
            for at in range(0, len(text), self._longest)
        ]

    def _end(self, id: str) -> list[Act]:
        self._ending = True
        return self._flush(id)

    def _flush(self, _: str) -> list[Act]:
        """Nothing answers a flush of nothing."""
        if not self._unflushed:
            return []
        self._unflushed = False
        self._flushes += 1
        return [FLUSH]

    def _final(self, current: str) -> Outcome[TtsEvent]:
        self._flushes = max(0, self._flushes - 1)
        return self._over() if self._ending else [Flushed(current)]

    def _over(self) -> Outcome[TtsEvent]:
        """Go on with the next one, once all that was flushed of this one has come."""
        current = self._queue.current
        if current is None or self._flushes:
            return []
        spoken = Spoken(utterance_id=current, characters=self._characters)
        self._new_utterance()
        return [spoken, *self._queue.next()]

    def _new_utterance(self) -> None:
        self._characters = 0
        self._flushes = 0
        self._unflushed = False
        self._ending = False
