"""Flux voices, live: they tell what was heard of an utterance that was cut off.

https://developers.deepgram.com/docs/flux-tts
"""

from collections.abc import Mapping

from integration_api.core.credential import Credential
from integration_api.core.exchange import json_body
from integration_api.core.session import Act, Began, Closed, KeepAlive, Message, Outcome, Say, Warned
from integration_api.core.tts import (
    Flushed,
    Interrupted,
    Sound,
    Spoken,
    SynthesisCapabilities,
    SynthesisRequest,
    TtsEvent,
)
from integration_api.dialects.one_at_a_time import OneAtATime
from integration_api.providers.deepgram import client, wire
from integration_api.providers.deepgram.tts import CLOSE, FLUSH, query


class FluxVoice:
    """One live voice. An utterance ends with what is told of its speech."""

    capabilities = SynthesisCapabilities(cancel_native=True, tells_spoken=True, live_update=True)
    keep_alive: KeepAlive | None = None

    def __init__(self, ask: SynthesisRequest, credential: Credential) -> None:
        self.request = client.socket("/v2/speak", query(ask), credential)
        self._queue = OneAtATime(self._speak, self._end)
        self._ending = False
        self._interrupting = False
        self._finishing = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[TtsEvent]:
        return []

    def text(self, utterance_id: str, text: str, *, ssml: bool = False) -> Outcome[TtsEvent]:
        return self._queue.text(utterance_id, text)

    def end_utterance(self, utterance_id: str) -> Outcome[TtsEvent]:
        return self._queue.end(utterance_id)

    def flush(self, utterance_id: str) -> Outcome[TtsEvent]:
        return [FLUSH] if self._queue.current == utterance_id else []

    def cancel(self, utterance_id: str, played_ms: int | None) -> Outcome[TtsEvent]:
        if not self._queue.cancel(utterance_id):
            return []
        self._interrupting = True
        said: dict[str, object] = {"type": "Interrupt"}
        if played_ms is not None:
            said["playback_offset"] = {"type": "time_ms", "value": played_ms}
        return [Say(json_body(said).decode())]

    def update(self, voice: str | None, speed: float | None) -> Outcome[TtsEvent]:
        told: list[TtsEvent | Act] = []
        if voice is not None:
            told.append(Warned("unsupported_update", "deepgram's voice is fixed for a session"))
        if speed is not None:
            told.append(Say(json_body({"type": "Configure", "speed": speed}).decode()))
        return told

    def finish(self) -> Outcome[TtsEvent]:
        self._finishing = True
        return [CLOSE]

    def feed(self, message: Message) -> Outcome[TtsEvent]:
        current = self._queue.current
        if isinstance(message, bytes):
            return [] if current is None or self._interrupting else [Sound(current, message)]
        said = wire.MESSAGE.decode(message)
        match said.type:
            case "Connected":
                return [Began(said.request_id)]
            case "Flushed" if current is not None and not self._interrupting:
                return [] if self._ending else [Flushed(current)]
            case "SpeechMetadata" if current is not None and not self._interrupting:
                spoken = Spoken(
                    utterance_id=current,
                    characters=said.input_character_count,
                    billed=said.billable_character_count,
                )
                return [spoken, *self._next()]
            case "SpeechInterrupted" if current is not None:
                self._interrupting = False
                told = Interrupted(
                    utterance_id=current,
                    text_spoken=said.text_spoken or "",
                    text_remaining=said.text_remaining or "",
                )
                return [told, *self._next()]
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
        return [Say(json_body({"type": "Speak", "text": text}).decode())]

    def _end(self, _: str) -> list[Act]:
        self._ending = True
        return [FLUSH]

    def _next(self) -> list[Act]:
        self._ending = False
        return self._queue.next()
