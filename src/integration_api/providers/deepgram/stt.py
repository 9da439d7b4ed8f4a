"""Nova, live. https://developers.deepgram.com/reference/speech-to-text/listen-streaming"""

import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from integration_api.core.credential import Credential
from integration_api.core.exchange import json_body
from integration_api.core.session import Began, Closed, KeepAlive, Message, Outcome, Say, Warned
from integration_api.core.stt import (
    EndReason,
    Heard,
    ListenCapabilities,
    ListenRequest,
    Raw,
    SttEvent,
    Update,
)
from integration_api.core.utterances import Utterances
from integration_api.providers.deepgram import client, wire

KEEP_ALIVE = KeepAlive(4.0, (Say('{"type":"KeepAlive"}'),))
"""After ten seconds with neither sound nor this, Deepgram closes."""
FINALIZE = Say('{"type":"Finalize"}')
CLOSE = Say('{"type":"CloseStream"}')
LEAST_UTTERANCE_END = 1000
"""Milliseconds; less is refused."""
_BOOSTED = re.compile(r"nova-2|nova$|enhanced|base|whisper")
"""Models that know `keywords`, where later ones know `keyterm`."""

CAPABILITIES = ListenCapabilities(language_id=True, vad=True, turns=True, finalize_ack=True)


class Nova:
    """One live transcript. An utterance is the finals until `speech_final`."""

    keep_alive = KEEP_ALIVE

    def __init__(self, ask: ListenRequest, credential: Credential, so_far: Utterances) -> None:
        self.request = client.socket("/v1/listen", query(ask), credential)
        # Keyterms alone, and of the later models: https://developers.deepgram.com/docs/configure
        self.capabilities = replace(CAPABILITIES, live_update=not _BOOSTED.match(ask.model))
        self._raw = ask.want_raw_events
        self._utterances = so_far
        self._finishing = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[SttEvent]:
        return [Began(headers.get("dg-request-id", ""))]

    def audio(self, sound: bytes) -> Outcome[SttEvent]:
        # An empty message was once understood as goodbye.
        return [Say(sound)] if sound else []

    def finalize(self) -> Outcome[SttEvent]:
        return [FINALIZE]

    def update(self, update: Update) -> Outcome[SttEvent]:
        told: list[SttEvent | Say] = []
        kept = {"language": update.languages, "silence that ends a turn": update.endpointing}
        if self.capabilities.live_update and update.keyterms is not None:
            told.append(Say(json_body({"type": "Configure", "keyterms": update.keyterms}).decode()))
        else:
            kept["keyterms"] = update.keyterms
        told += [
            Warned("unsupported_update", f"deepgram cannot change the {name} of a session with this model")
            for name, wanted in kept.items()
            if wanted is not None
        ]
        return told

    def finish(self) -> Outcome[SttEvent]:
        self._finishing = True
        return [CLOSE]

    def feed(self, message: Message) -> Outcome[SttEvent]:
        said = wire.MESSAGE.decode(message)
        told: list[SttEvent] = []
        if self._raw and isinstance(message, str):
            told.append(Raw(message))
        match said.type:
            case "Results":
                told += self._result(said)
            case "SpeechStarted":
                told += self._utterances.started(wire.milliseconds(said.timestamp or 0.0))
            case "UtteranceEnd":
                told += self._utterances.end(EndReason.SILENCE)
            case "Metadata" if said.duration:
                told.append(Heard(audio_ms=wire.milliseconds(said.duration)))
            case "ConfigureFailure":
                told.append(Warned("update_refused", said.code or "deepgram refused the change"))
            case "Error":
                raise client.failed(said.code or said.variant, said.description or said.message)
            case _:
                pass
        return told

    def close(self, closed: Closed) -> Outcome[SttEvent]:
        if not self._finishing:
            raise client.ended(closed)
        return self._utterances.end(EndReason.STREAM_END)

    def _result(self, said: wire.Message) -> Sequence[SttEvent]:
        if not isinstance(said.channel, wire.Channel) or not said.channel.alternatives:
            return ()
        best = said.channel.alternatives[0]
        words = wire.words(best.words, final=said.is_final)
        language = best.languages[0] if best.languages else None
        if not said.is_final:
            return self._utterances.interim(best.transcript, words=words, language=language)
        told = self._utterances.final(
            best.transcript,
            confidence=best.confidence if best.transcript else None,
            words=words,
            language=language,
            start_ms=words[0].start_ms if words else wire.milliseconds(said.start),
            end_ms=words[-1].end_ms if words else wire.milliseconds(said.start + said.duration),
            from_finalize=said.from_finalize,
        )
        if said.speech_final:
            told += self._utterances.end()
        elif said.from_finalize:
            told += self._utterances.end(EndReason.FINALIZE)
        return told


def query(ask: ListenRequest) -> client.Query:
    """Write what is asked for as Deepgram's parameters."""
    found = [("model", ask.model), *client.sound(ask.input)]
    found += [("interim_results", ask.interim_results), ("vad_events", True), ("punctuate", ask.punctuate)]
    if ask.detect_language or len(ask.languages) > 1:
        found.append(("language", "multi"))
    elif ask.languages:
        found.append(("language", ask.languages[0]))
    endpointing = ask.endpointing
    if endpointing.mode != "provider":
        found.append(("endpointing", False))
    elif endpointing.silence_ms is not None:
        found.append(("endpointing", endpointing.silence_ms))
    if endpointing.utterance_end_ms is not None and ask.interim_results:
        found.append(("utterance_end_ms", max(endpointing.utterance_end_ms, LEAST_UTTERANCE_END)))
    if ask.diarize:
        found.append(("diarize_model", "latest"))
    if ask.profanity_filter:
        found.append(("profanity_filter", True))
    found += keyterms(ask.model, ask.keyterms)
    return [*found, *ask.extras.items()]


def keyterms(model: str, terms: Sequence[str]) -> client.Query:
    name = "keywords" if _BOOSTED.match(model) else "keyterm"
    return [(name, term) for term in terms]
