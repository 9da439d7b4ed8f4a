"""Aura, live: one utterance at a time. https://developers.deepgram.com/reference/text-to-speech/speak-streaming"""

from collections.abc import Mapping

from integration_api.core.credential import Credential
from integration_api.core.exchange import json_body
from integration_api.core.session import Act, Began, Closed, KeepAlive, Message, Outcome, Say, Warned
from integration_api.core.tts import (
    Flushed,
    Sound,
    Spoken,
    SynthesisCapabilities,
    SynthesisRequest,
    TtsEvent,
)
from integration_api.dialects import ssml_text
from integration_api.dialects.one_at_a_time import OneAtATime
from integration_api.providers.deepgram import client, wire

FLUSH = Say('{"type":"Flush"}')
CLEAR = Say('{"type":"Clear"}')
CLOSE = Say('{"type":"Close"}')


class Aura:
    """One live voice. Sound carries no name, so an utterance is what comes until its `Flushed`."""

    capabilities = SynthesisCapabilities(cancel_native=True)
    keep_alive: KeepAlive | None = None

    def __init__(self, ask: SynthesisRequest, credential: Credential) -> None:
        self.request = client.socket("/v1/speak", query(ask), credential)
        self._queue = OneAtATime(self._speak, self._end, self._flush)
        self._characters = 0
        self._unflushed = False
        """Whether there is text that no flush was asked for yet."""
        self._flushes = 0
        """Those that are not answered yet."""
        self._ending = False
        self._clearing = False
        self._finishing = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[TtsEvent]:
        return [Began(headers.get("dg-request-id", ""))]

    def text(self, utterance_id: str, text: str, *, ssml: bool = False) -> Outcome[TtsEvent]:
        if not ssml:
            return self._queue.text(utterance_id, text)
        return [ssml_text.left_out(client.NAME), *self._queue.text(utterance_id, ssml_text.spoken(text))]

    def end_utterance(self, utterance_id: str) -> Outcome[TtsEvent]:
        acts = self._queue.end(utterance_id)
        waits = self._clearing or self._queue.current != utterance_id
        return acts if acts or waits else self._over()  # All of it was flushed.

    def flush(self, utterance_id: str) -> Outcome[TtsEvent]:
        return self._queue.flush(utterance_id)

    def cancel(self, utterance_id: str, played_ms: int | None) -> Outcome[TtsEvent]:
        if not self._queue.cancel(utterance_id):
            return []
        self._clearing = True
        return [CLEAR]

    def update(self, voice: str | None, speed: float | None) -> Outcome[TtsEvent]:
        return [Warned("unsupported_update", "deepgram's voice is fixed for a session")]

    def finish(self) -> Outcome[TtsEvent]:
        self._finishing = True
        return [CLOSE]

    def feed(self, message: Message) -> Outcome[TtsEvent]:
        if isinstance(message, bytes):
            current = self._queue.current
            # What comes between Clear and Cleared belongs to what was cancelled.
            return [] if current is None or self._clearing else [Sound(current, message)]
        said = wire.MESSAGE.decode(message)
        match said.type:
            case "Flushed":
                return self._flushed()
            case "Cleared":
                self._clearing = False
                return self._next()
            case "Warning":
                return [Warned(said.code or "warning", said.description or "")]
            case "Error":
                raise client.failed(said.code, said.description or said.message)
            case _:
                return []

    def close(self, closed: Closed) -> Outcome[TtsEvent]:
        if not self._finishing:
            raise client.ended(closed)
        return []

    def _speak(self, _: str, text: str, ssml: bool) -> list[Act]:
        self._characters += len(text)
        self._unflushed = True
        return [Say(json_body({"type": "Speak", "text": text}).decode())]

    def _end(self, id: str) -> list[Act]:
        self._ending = True
        return self._flush(id)

    def _flush(self, _: str) -> list[Act]:
        """A flush of nothing would be answered in the midst of what follows."""
        if not self._unflushed:
            return []
        self._unflushed = False
        self._flushes += 1
        return [FLUSH]

    def _flushed(self) -> Outcome[TtsEvent]:
        current = self._queue.current
        if current is None or self._clearing:
            return []
        self._flushes = max(0, self._flushes - 1)
        return self._over() if self._ending else [Flushed(current)]

    def _over(self) -> Outcome[TtsEvent]:
        """Go on with the next one, once all that was flushed of this one has come."""
        current = self._queue.current
        if current is None or self._flushes:
            return []
        return [Spoken(utterance_id=current, characters=self._characters), *self._next()]

    def _next(self) -> list[Act]:
        self._characters = self._flushes = 0
        self._unflushed = self._ending = False
        return self._queue.next()


def query(ask: SynthesisRequest) -> client.Query:
    """The voice is the model."""
    found = [("model", ask.voice or ask.model), *client.sound(ask.output)[:2]]
    if ask.manner.speed is not None:
        found.append(("speed", ask.manner.speed))
    return [*found, *ask.extras.items()]
