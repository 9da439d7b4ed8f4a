"""Ink, live, where it tells turns. https://docs.cartesia.ai/api-reference/stt/turns/websocket"""

from collections.abc import Mapping

from integration_api.core.credential import Credential
from integration_api.core.exchange import json_body
from integration_api.core.session import (
    Act,
    Began,
    Closed,
    KeepAlive,
    Message,
    Outcome,
    Redial,
    Say,
    Warned,
)
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
from integration_api.providers.cartesia import client, formats, wire

CLOSE = Say('{"type":"close"}')
IDLE_SECONDS = 120.0
"""After three minutes without a message Cartesia closes."""
STALLED_SECONDS = 0.5
"""Within a turn Cartesia waits for sound for ever. Where the caller sends none, silence ends the turn."""
EAGER = (0.3, 0.6)
TIMEOUT_MS = (640, 11_200)
"""Ranges outside of which a setting is refused."""
CAPABILITIES = ListenCapabilities(
    words=False, confidence=False, vad=True, turns=True, eager_eot=True, live_update=True, finalize_ack=True
)


class InkTurns:
    """One live transcript. What is told of a turn is cumulative, and final at its end; no times are told.

    It has no word for `finalize`: what was sent is settled by closing, and the session goes on on a new socket.
    """

    capabilities = CAPABILITIES

    def __init__(self, ask: ListenRequest, credential: Credential, so_far: Utterances) -> None:
        self.request = client.socket("/stt/turns/websocket", query(ask), credential)
        self._raw = ask.want_raw_events
        self._interims = ask.interim_results
        self._bytes_per_second = ask.input.bytes_per_second
        self._utterances = so_far
        silence = _silence(ask)
        self._idle = KeepAlive(IDLE_SECONDS, (silence,))
        self._stalled = KeepAlive(STALLED_SECONDS, (silence,))
        self._sent = 0
        """Bytes."""
        self._turn = False
        self._finalizing = False
        self._answered = False
        """Whether anything was settled by that."""
        self._missed = False
        """Whether there is sound that this socket did not hear."""
        self._finishing = False

    @property
    def keep_alive(self) -> KeepAlive | None:
        if self._finalizing or self._finishing:
            return None  # It has been asked to close.
        return self._stalled if self._turn else self._idle

    def begin(self, headers: Mapping[str, str]) -> Outcome[SttEvent]:
        return []

    def audio(self, sound: bytes) -> Outcome[SttEvent]:
        if not sound:
            return []
        if self._finalizing:
            self._missed = True  # The next socket hears it.
            return []
        self._sent += len(sound)
        return [Say(sound)]

    def finalize(self) -> Outcome[SttEvent]:
        if self._finalizing:
            return []
        self._finalizing = True
        return [CLOSE]

    def update(self, update: Update) -> Outcome[SttEvent]:
        told: list[SttEvent | Act] = []
        if update.keyterms is not None or update.languages is not None:
            told.append(Warned("unsupported_update", "cartesia can change only when a turn ends"))
        if update.endpointing is not None and (turn := thresholds(update.endpointing)):
            told.append(Say(json_body({"type": "config", "turn": turn}).decode()))
        return told

    def finish(self) -> Outcome[SttEvent]:
        self._finishing = True
        return [] if self._finalizing else [CLOSE]

    def feed(self, message: Message) -> Outcome[SttEvent]:
        said = wire.HEARD.decode(message)
        told: list[SttEvent | Act | Began] = []
        if self._raw and isinstance(message, str):
            told.append(Raw(message))
        utterances = self._utterances
        match said.type:
            case "connected":
                told.append(Began(said.request_id or ""))
            case "turn.start":
                self._turn = True
                told += utterances.started()
            case "turn.update" if self._interims:
                told += utterances.interim(said.transcript)
            case "turn.eager_end":
                told += utterances.eager(said.transcript)
            case "turn.resume":
                told += utterances.resumed()
            case "turn.end":
                told += self._ended(said)
            case "error":
                raise client.failed(
                    said.status_code, said.error_code, said.title, said.message, said.request_id
                )
            case _:
                pass
        return told

    def close(self, closed: Closed) -> Outcome[SttEvent]:
        if self._finishing and not self._missed:
            return self._utterances.end(EndReason.STREAM_END)
        if not self._finalizing:
            raise client.ended(closed)
        if self._answered:
            return [Redial()]
        # Nothing was being said: that is the answer.
        return [*self._utterances.final("", end_ms=self._sent_ms, from_finalize=True), Redial()]

    @property
    def _sent_ms(self) -> int:
        return self._sent * 1000 // self._bytes_per_second

    def _ended(self, said: wire.Heard) -> list[SttEvent]:
        self._turn = False
        forced = self._answered = self._finalizing
        reason = EndReason.FINALIZE if forced else EndReason.PROVIDER
        return [
            *self._utterances.final(
                said.transcript, end_ms=self._sent_ms if forced else None, from_finalize=forced
            ),
            *self._utterances.end(reason),
        ]


def query(ask: ListenRequest) -> client.Query:
    """Write what is asked for as the parameters of turns; it takes no language."""
    found = [("model", ask.model), *formats.sound(ask.input)]
    found += [("keyterm", term) for term in ask.keyterms]
    found += [(f"turn_{name}", value) for name, value in thresholds(ask.endpointing).items()]
    return [*found, *ask.extras.items()]


def thresholds(endpointing: Endpointing) -> dict[str, float]:
    """Write when a turn is over, within Cartesia's ranges.

    Its thresholds are of the confidence that the turn goes on, ours is that it is over.
    """
    found: dict[str, float] = {}
    if endpointing.eager_threshold is not None:
        found["eager_end_threshold"] = _within(EAGER, round(1 - endpointing.eager_threshold, 4))
    if (silence := endpointing.longest_silence_ms) is not None:
        found["end_timeout_ms"] = _within(TIMEOUT_MS, silence)
    return found


def _within(span: tuple[float, float], value: float) -> float:
    return min(max(value, span[0]), span[1])


def _silence(ask: ListenRequest) -> Say:
    """Half a second of it. Zero is loud in G.711."""
    quiet = {"mulaw": b"\xff", "alaw": b"\xd5"}.get(ask.input.encoding.value, b"\0")
    return Say(quiet * ask.input.size(round(STALLED_SECONDS * 1000)))
