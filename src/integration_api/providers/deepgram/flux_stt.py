"""Flux, live: it tells turns. https://developers.deepgram.com/docs/flux/quickstart"""

from collections.abc import Mapping
from typing import Any

from integration_api.core.credential import Credential
from integration_api.core.exchange import json_body
from integration_api.core.session import Act, Began, Closed, KeepAlive, Message, Outcome, Say, Warned
from integration_api.core.stt import (
    Endpointing,
    EndReason,
    ListenCapabilities,
    ListenRequest,
    Raw,
    SttEvent,
    Update,
)
from integration_api.core.utterances import Utterances
from integration_api.providers.deepgram import client, wire

FORCE_END = Say('{"type":"ForceEndTurn"}')
CLOSE = Say('{"type":"CloseStream"}')
EAGER = (0.3, 0.9)
TIMEOUT_MS = (500, 10_000)
"""Ranges outside of which a setting is refused: https://developers.deepgram.com/docs/flux/configuration. The page says
60,000 today, and said 10,000 before.
"""
CAPABILITIES = ListenCapabilities(
    language_id=True, vad=True, turns=True, eager_eot=True, live_update=True, finalize_ack=True
)


class Flux:
    """One live transcript. What is told of a turn is cumulative, and final at its end."""

    capabilities = CAPABILITIES
    keep_alive: KeepAlive | None = None

    def __init__(self, ask: ListenRequest, credential: Credential, so_far: Utterances) -> None:
        self.request = client.socket("/v2/listen", query(ask), credential)
        self._raw = ask.want_raw_events
        self._utterances = so_far
        self._finishing = False
        self._forced = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[SttEvent]:
        return []

    def audio(self, sound: bytes) -> Outcome[SttEvent]:
        return [Say(sound)] if sound else []

    def finalize(self) -> Outcome[SttEvent]:
        self._forced = True
        return [FORCE_END]

    def update(self, update: Update) -> Outcome[SttEvent]:
        said: dict[str, Any] = {"type": "Configure"}
        if update.keyterms is not None:
            said["keyterms"] = update.keyterms
        if update.languages is not None:
            said["language_hints"] = update.languages
        if update.endpointing is not None and (thresholds := _thresholds(update.endpointing)):
            said["thresholds"] = thresholds
        return [Say(json_body(said).decode())]

    def finish(self) -> Outcome[SttEvent]:
        self._finishing = True
        return [CLOSE]

    def feed(self, message: Message) -> Outcome[SttEvent]:
        said = wire.MESSAGE.decode(message)
        told: list[SttEvent | Act | Began] = []
        if self._raw and isinstance(message, str):
            told.append(Raw(message))
        match said.type:
            case "Connected":
                told.append(Began(said.request_id))
            case "TurnInfo":
                told += self._turn(said)
            case "Warning" | "ConfigureFailure":
                told.append(Warned(said.code or said.type, said.description or "deepgram refused the change"))
            case "Error":
                raise client.failed(said.code, said.description)
            case _:
                pass
        return told

    def close(self, closed: Closed) -> Outcome[SttEvent]:
        if not self._finishing:
            raise client.ended(closed)
        return self._utterances.end(EndReason.STREAM_END)

    def _turn(self, said: wire.Message) -> list[SttEvent]:
        utterances = self._utterances
        language = said.languages[0] if said.languages else None
        confidence = said.end_of_turn_confidence
        match said.event:
            case "StartOfTurn":
                start = said.words[0].start if said.words else said.audio_window_start
                return [
                    *utterances.started(None if start is None else wire.milliseconds(start)),
                    *utterances.interim(
                        said.transcript, words=wire.words(said.words, final=False), language=language
                    ),
                ]
            case "EagerEndOfTurn":
                return utterances.eager(said.transcript, confidence)
            case "TurnResumed":
                return utterances.resumed()
            case "EndOfTurn":
                words = wire.words(said.words, final=True)
                reason = EndReason.FINALIZE if self._forced else EndReason.PROVIDER
                forced, self._forced = self._forced, False
                return [
                    *utterances.final(
                        said.transcript,
                        words=words,
                        language=language,
                        start_ms=words[0].start_ms if words else None,
                        end_ms=words[-1].end_ms if words else None,
                        from_finalize=forced,
                    ),
                    *utterances.end(reason, confidence=confidence),
                ]
            case _:
                return utterances.interim(
                    said.transcript, words=wire.words(said.words, final=False), language=language
                )


def query(ask: ListenRequest) -> client.Query:
    """Write what is asked for as Flux's parameters; what it has no word for is left to it."""
    found = [("model", ask.model), *client.sound(ask.input)[:2]]
    found += _thresholds(ask.endpointing).items()
    found += [("keyterm", term) for term in ask.keyterms]
    found += [("language_hint", language) for language in ask.languages if ask.model.endswith("multi")]
    return [*found, *ask.extras.items()]


def _thresholds(endpointing: Endpointing) -> dict[str, float]:
    """Write when a turn is over, within Deepgram's ranges."""
    found: dict[str, float] = {}
    if endpointing.eager_threshold is not None:
        found["eager_eot_threshold"] = _within(EAGER, endpointing.eager_threshold)
    if (silence := endpointing.longest_silence_ms) is not None:
        found["eot_timeout_ms"] = _within(TIMEOUT_MS, silence)
    return found


def _within(span: tuple[float, float], value: float) -> float:
    return min(max(value, span[0]), span[1])
