"""Ink, live, on the socket that tells no turns. https://docs.cartesia.ai/api-reference/stt/websocket"""

from collections.abc import Mapping

from msgspec.structs import replace

from integration_api.audio.silence import Silence
from integration_api.core.credential import Credential
from integration_api.core.session import Act, Began, Closed, KeepAlive, Message, Outcome, Say, Warned
from integration_api.core.stt import (
    EndReason,
    ListenCapabilities,
    ListenRequest,
    Raw,
    SttEvent,
    Update,
)
from integration_api.core.utterances import Utterances
from integration_api.providers.cartesia import client, formats, wire

FINALIZE = Say("finalize")
CLOSE = Say("close")
"""Plain words, not JSON."""
KEEP_ALIVE = KeepAlive(120.0, (FINALIZE,))
"""After three minutes without a message Cartesia closes. Silence would move its clock; this says nothing that
two minutes without a sound have not said.
"""
CAPABILITIES = ListenCapabilities(confidence=False, live_update=True, finalize_ack=True)


class Ink:
    """One live transcript. Each text goes on where the last final one ended: nothing is cumulative, and no
    space is to be put between them. Where the caller has said after how much silence a turn is over, it is ended here
    by the word that else is the caller's: Cartesia would never end it.
    """

    keep_alive: KeepAlive | None = KEEP_ALIVE

    def __init__(self, ask: ListenRequest, credential: Credential, so_far: Utterances) -> None:
        self.request = client.socket("/stt/websocket", query(ask), credential)
        self._raw = ask.want_raw_events
        self._interims = ask.interim_results
        self._bytes_per_second = ask.input.bytes_per_second
        self.capabilities = replace(CAPABILITIES, turns=ask.endpointing.longest_silence_ms is not None)
        self._silence = Silence(ask.input, ask.endpointing)
        self._utterances = so_far
        if so_far.open:
            self._silence.text()
        self._sent = 0
        """Bytes."""
        self._asked: list[int | None] = []
        """For each `finalize` that is not answered, how much had been sent before it; None where silence asked."""
        self._heard = 0.0
        """Seconds that the finals cover."""
        self._settled = False
        """Whether anything was settled here: what follows is part of the same text."""
        self._finishing = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[SttEvent]:
        return [Began(headers.get("x-request-id", ""))]

    def audio(self, sound: bytes) -> Outcome[SttEvent]:
        acts: list[Act] = []
        for piece, over in self._silence.pieces(sound):
            self._sent += len(piece)
            acts.append(Say(piece))
            if over:
                self._asked.append(None)
                acts.append(FINALIZE)
        return acts

    def finalize(self) -> Outcome[SttEvent]:
        self._asked.append(self._sent)
        return [FINALIZE]

    def update(self, update: Update) -> Outcome[SttEvent]:
        if update.endpointing is not None:
            self._silence.change(update.endpointing)
        if update.keyterms is None and update.languages is None:
            return []
        return [
            Warned("unsupported_update", "cartesia can change neither keyterms nor languages of a session")
        ]

    def finish(self) -> Outcome[SttEvent]:
        self._finishing = True
        return [CLOSE]

    def feed(self, message: Message) -> Outcome[SttEvent]:
        said = wire.HEARD.decode(message)
        told: list[SttEvent | Act | Began] = []
        if self._raw and isinstance(message, str):
            told.append(Raw(message))
        if said.text.strip() and not self._asked:
            self._silence.text()
        match said.type:
            case "transcript" if said.is_final:
                told += self._final(said)
            case "transcript" if self._interims:
                told += self._utterances.interim(
                    said.text.strip(), words=wire.words(said.words, final=False), language=said.language
                )
            case "flush_done":
                told += self._flushed()
            case "error":
                raise client.failed(
                    said.status_code, said.error_code, said.title, said.message, said.request_id
                )
            case _:
                pass
        return told

    def close(self, closed: Closed) -> Outcome[SttEvent]:
        if not self._finishing:
            raise client.ended(closed)
        return self._utterances.end(EndReason.STREAM_END)

    def _final(self, said: wire.Heard) -> list[SttEvent]:
        words = wire.words(said.words, final=True)
        began, self._heard = self._heard, self._heard + (said.duration or 0.0)
        glued, self._settled = self._settled, True
        return self._utterances.final(
            said.text,
            glued=glued,
            words=words,
            language=said.language,
            start_ms=words[0].start_ms if words else wire.milliseconds(began) if said.duration else None,
            end_ms=words[-1].end_ms if words else wire.milliseconds(self._heard) if said.duration else None,
            from_finalize=bool(self._asked) and self._asked[0] is not None,
        )

    def _flushed(self) -> list[SttEvent]:
        """Everything up to a `finalize` has been told."""
        self._settled = False
        sent = self._asked.pop(0) if self._asked else None
        if sent is None:  # It was the silence's, or the keep-alive's.
            return self._utterances.end(EndReason.SILENCE)
        at = sent * 1000 // self._bytes_per_second
        told = [] if self._utterances.text else self._utterances.final("", end_ms=at, from_finalize=True)
        return [*told, *self._utterances.end(EndReason.FINALIZE)]


def query(ask: ListenRequest) -> client.Query:
    """Write what is asked for as Ink's parameters."""
    found = [("model", ask.model), *formats.sound(ask.input)]
    if language := client.language(ask.languages):
        found.append(("language", language))
    found += [("keyterm", term) for term in ask.keyterms]
    if ask.model.startswith("ink-whisper") and ask.endpointing.silence_ms is not None:
        found.append(("max_silence_duration_secs", ask.endpointing.silence_ms / 1000))
    return [*found, *ask.extras.items()]
