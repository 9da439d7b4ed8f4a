"""Saaras, live, on the newer socket. https://docs.sarvam.ai/api-reference-docs/speech-to-text/realtime"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from integration_api.core.credential import Credential
from integration_api.core.exchange import json_body
from integration_api.core.json import encode_text
from integration_api.core.session import Act, Began, Closed, KeepAlive, Message, Outcome, Say, Warned
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
from integration_api.providers.sarvam import client, formats, wire

KEEP_ALIVE = KeepAlive(10.0, (Say('{"event":"ping"}'),))
FLUSH = Say('{"event":"flush"}')
START = Say('{"event":"speech_start"}')
STOP = Say('{"event":"speech_end"}')
END = Say('{"event":"end"}')
ODIA = "or"
"""Called so here, and `od` everywhere else at Sarvam."""
KEYTERMS = frozenset({"saaras:v4"})


class Realtime:
    """One live transcript. A final is a whole turn, and has times but no words."""

    capabilities = ListenCapabilities(
        words=False, confidence=False, language_id=True, vad=True, turns=True, live_update=True
    )
    keep_alive: KeepAlive | None = KEEP_ALIVE

    def __init__(self, ask: ListenRequest, credential: Credential, so_far: Utterances) -> None:
        self.request = client.socket("/speech-to-text-realtime/ws", query(ask), credential)
        self._raw = ask.want_raw_events
        self._manual = ask.endpointing.mode != "provider"
        """Whether turns begin and end when we say so: from one `finalize` to the next."""
        self._utterances = so_far
        self._asked = False
        self._finishing = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[SttEvent]:
        return []

    def audio(self, sound: bytes) -> Outcome[SttEvent]:
        if not sound:
            return []
        return [Say(f'{{"event":"audio_input","audio":"{b64encode(sound).decode()}"}}')]

    def finalize(self) -> Outcome[SttEvent]:
        self._asked = True
        return [STOP, START] if self._manual else [FLUSH]

    def update(self, update: Update) -> Outcome[SttEvent]:
        told: list[SttEvent | Act | Began] = []
        said: dict[str, Any] = {}
        if update.keyterms is not None:
            told.append(
                Warned("unsupported_update", f"{client.NAME} cannot change the keyterms of a session")
            )
        if update.languages is not None:
            said["language_code"] = _language(update.languages)
        if update.endpointing is not None and update.endpointing.silence_ms is not None:
            said["silence_duration_ms"] = update.endpointing.silence_ms
        if said:
            told.append(Say(json_body({"event": "config.update", **said}).decode()))
        return told

    def finish(self) -> Outcome[SttEvent]:
        self._finishing = True
        return [STOP, END] if self._manual else [END]

    def feed(self, message: Message) -> Outcome[SttEvent]:
        said = wire.EVENT.decode(message)
        told: list[SttEvent | Act | Began] = []
        if self._raw and isinstance(message, str):
            told.append(Raw(message))
        language = client.told_language(said.language)
        match said.event:
            case "session.begin":
                told.append(Began(said.request_id))
                if self._manual:
                    told.append(START)
            case "vad.speech_start":
                self._asked = False  # What was asked for before it was answered by nothing.
                told += self._utterances.started()
            case "transcript.partial":
                told += self._utterances.interim(said.text, language=language)
            case "transcript.final":
                asked, self._asked = self._asked, False
                told += self._utterances.final(
                    said.text,
                    language=language,
                    language_confidence=said.language_confidence,
                    start_ms=wire.milliseconds(said.start_s),
                    end_ms=wire.milliseconds(said.end_s),
                    from_finalize=asked,
                )
                told += self._utterances.end(EndReason.FINALIZE if asked else EndReason.PROVIDER)
            case "session.end" if said.audio_duration_s:
                told.append(Heard(audio_ms=round(said.audio_duration_s * 1000)))
            case "error" if said.is_fatal:
                raise client.failed(said.code, said.message, status=said.status_code)
            case "error":
                told.append(Warned(said.code or "warning", said.message))
            case _:
                pass
        return told

    def close(self, closed: Closed) -> Outcome[SttEvent]:
        if not self._finishing:
            raise client.ended(closed)
        return self._utterances.end(EndReason.STREAM_END)


def query(ask: ListenRequest) -> client.Query:
    """Write what is asked for as the newer socket's parameters."""
    found: list[tuple[str, str | int | float | bool]] = [
        ("language_code", "auto" if ask.detect_language else _language(ask.languages)),
        ("model", ask.model),
        ("encoding", formats.HEARD[ask.input.encoding]),
        ("sample_rate", ask.input.sample_rate),
        ("return_timestamps", True),
        ("endpointing", "vad" if ask.endpointing.mode == "provider" else "manual"),
    ]
    if ask.endpointing.silence_ms is not None:
        found.append(("silence_duration_ms", ask.endpointing.silence_ms))
    if ask.keyterms and ask.model in KEYTERMS:
        found.append(("keyterms", encode_text(ask.keyterms)))
    return [*found, *ask.extras.items()]


def _language(languages: tuple[str, ...]) -> str:
    """One language, or whichever is spoken."""
    return client.language(languages[0], odia=ODIA) if len(languages) == 1 else "auto"
