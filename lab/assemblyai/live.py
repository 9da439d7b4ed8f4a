"""Universal-Streaming (assemblyai.com/docs/api-reference/streaming-api)."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lab.assemblyai import client
from lab.ear import SILENCE_MS, Ear, Moment, Word
from lab.http import Call, Peer, Response
from lab.keys import verdict
from lab.sockets import Broken, Fate, Opened

CHANGEABLE = frozenset({
    "end_of_turn_confidence_threshold", "min_turn_silence", "max_turn_silence", "vad_threshold", "format_turns",
    "keyterms_prompt", "filter_profanity", "prompt", "agent_context", "interruption_delay", "turn_left_pad_ms",
    "language_codes", "session_heartbeat", "acknowledge_silence",
})  # fmt: skip
PARAMETERS = CHANGEABLE | {
    "sample_rate", "encoding", "speech_model", "language_code", "language_detection", "domain", "inactivity_timeout",
    "webhook_url", "webhook_auth_header_name", "webhook_auth_header_value", "llm_gateway", "speaker_labels",
    "speaker_labels_revision_interval_ms", "max_speakers", "voice_focus", "voice_focus_threshold",
    "continuous_partials", "customer_support_audio_capture", "include_partial_turns", "redact_pii",
    "redact_pii_policies", "redact_pii_sub", "mode", "token",
}  # fmt: skip
ENCODINGS = {"pcm_s16le": 2, "pcm_mulaw": 1}
"""Bytes of a sample, of those that the lab can tell the time by."""
PACKED = frozenset({"opus", "ogg_opus", "aac"})
"""They say themselves what they are, and come in messages of any length."""
PACKED_RATE = 4.0
"""Bytes a millisecond that the lab takes them to have: 32 kbit/s."""
LISTS = ("keyterms_prompt", "language_codes")
SPAN_MS = (50, 1000)
"""How long the sound of one message may be."""
AFTER_OPENING = {"invalid": 4001, "noquota": 4002, "forbidden": 4003}
"""The key is looked at once the socket has opened."""
WORDS = {
    3006: "Input validation error",
    3007: "Audio chunk duration violation",
    4001: "Not Authorized",
    4002: "Insufficient Funds",
    4003: "This feature is paid-only",
    4100: "Endpoint received invalid JSON",
    4101: "Endpoint received a message with an invalid schema",
}


def live(call: Call) -> Response:
    """GET /v3/ws. Raises `Refused`."""
    if not call.header("authorization") and not call.query.get("token"):
        client.refuse(call, status=401)
    call.model = call.query.get("speech_model", "")
    return Opened([], Universal(call).talk)


def token(call: Call) -> Response:
    """GET /v3/token. Raises `Refused`."""
    client.admit(call)
    return client.answer(call, {"token": "lab-token", "expires_in_seconds": 60})


class Closed(Exception):
    """The talk is over: why."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Over:
    """A turn that was told to be over."""

    order: int
    words: tuple[Word, ...]


class Universal:
    """One live transcript. What is told of a turn is cumulative."""

    def __init__(self, call: Call) -> None:
        query = call.query
        self.call = call
        rate, encoding = query.get("sample_rate", ""), query.get("encoding", "pcm_s16le")
        self.packed = encoding in PACKED
        self.rate = int(rate) * ENCODINGS.get(encoding, 0) / 1000 if rate.isdecimal() else 0.0
        self.rate = PACKED_RATE if self.packed else self.rate
        self.formats = query.get("format_turns", "").lower() == "true"
        self.speakers = query.get("speaker_labels", "").lower() == "true"
        self.revises = "speaker_labels_revision_interval_ms" in query
        silence = query.get("max_turn_silence", str(SILENCE_MS))
        self.ear = Ear(call.take(), silence_ms=int(silence) if silence.isdecimal() else SILENCE_MS)
        self.kept: tuple[Word, ...] = ()
        self.over: list[Over] = []

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        try:
            self._check()
            await self._say(peer, {
                "type": "Begin", "id": client.identity(self.call), "expires_at": 1900000000,
                "configuration": {"model": self.call.model},
            })  # fmt: skip
            while (message := await fate.receive()) is not None:
                if isinstance(message, bytes):
                    await self._listen(peer, message)
                    await fate.at(self.ear.now_ms)
                elif not await self._obey(peer, message):
                    return
        except Closed as closed:
            words = WORDS[closed.code]
            await self._say(peer, {"type": "Error", "error_code": closed.code, "error": words})
            await peer.close(closed.code, words)
        except Broken:
            return

    def _check(self) -> None:
        query = self.call.query
        if code := AFTER_OPENING.get(verdict(self.call.header("authorization") or query.get("token", ""))):
            raise Closed(code)
        if not self.call.model or not self.rate or set(query) - PARAMETERS:
            raise Closed(3006)
        for name in LISTS:
            if name in query and not isinstance(_read(query[name]), list):
                raise Closed(3006)

    async def _listen(self, peer: Peer, sound: bytes) -> None:
        span = len(sound) / self.rate
        if not self.packed and not SPAN_MS[0] <= span <= SPAN_MS[1]:
            raise Closed(3007)
        for moment in self.ear.hear(span):
            await self._tell(peer, moment)

    async def _obey(self, peer: Peer, message: str) -> bool:
        """Does what the client says; whether the talk goes on."""
        said = _read(message)
        if not isinstance(said, dict):
            raise Closed(4100)
        match said.get("type"):
            case "UpdateConfiguration" if set(said) <= CHANGEABLE | {"type"}:
                self.formats = said.get("format_turns", self.formats)
            case "KeepAlive":
                pass
            case "ForceEndpoint":
                for moment in self.ear.finalize():
                    self.kept = (*self.kept, *moment.words)
                await self._end(peer)
            case "Terminate":
                for moment in self.ear.rest():
                    await self._tell(peer, moment)
                await self._end(peer)
                await self._revise(peer)
                seconds = round(self.ear.now_ms / 1000)
                await self._say(peer, {
                    "type": "Termination", "audio_duration_seconds": seconds, "session_duration_seconds": seconds + 1,
                })  # fmt: skip
                return False
            case _:
                raise Closed(4101)
        return True

    async def _tell(self, peer: Peer, moment: Moment) -> None:
        match moment.kind:
            case "start":
                if not self.kept:
                    await self._say(peer, {"type": "SpeechStarted", "timestamp": moment.at_ms})
            case "interim":
                # The last word may still change.
                await self._turn(peer, (*self.kept, *moment.words), settled=-1)
            case "final":
                self.kept = (*self.kept, *moment.words)
                await self._turn(peer, self.kept)
            case "end":
                await self._end(peer)

    async def _end(self, peer: Peer) -> None:
        if not self.kept:
            return
        await self._turn(peer, self.kept, end=True)
        if self.formats:
            await self._turn(peer, self.kept, end=True, formatted=True)
        self.over.append(Over(len(self.over), self.kept))
        self.kept = ()

    async def _turn(
        self,
        peer: Peer,
        words: Sequence[Word],
        *,
        settled: int | None = None,
        end: bool = False,
        formatted: bool = False,
    ) -> None:
        final = words[:settled]
        told = [
            self._word(word, final=place < len(final), formatted=formatted)
            for place, word in enumerate(words)
        ]
        await self._say(peer, {
            "type": "Turn", "turn_order": len(self.over), "turn_is_formatted": formatted, "end_of_turn": end,
            "transcript": " ".join(word["text"] for word in told[: len(final)]),
            "end_of_turn_confidence": 0.9 if end else 0.2, "words": told,
        })  # fmt: skip

    def _word(self, word: Word, *, final: bool, formatted: bool, revised: bool = False) -> dict[str, Any]:
        text = word.text if formatted else re.sub(r"[^\w']", "", word.text.lower())
        speaker = chr(ord("A") + (word.speaker or 0)) if revised or not self.revises else "A"
        return {
            "text": text, "start": word.start_ms, "end": word.end_ms, "confidence": word.confidence,
            "word_is_final": final, **({"speaker": speaker} if self.speakers else {}),
        }  # fmt: skip

    async def _revise(self, peer: Peer) -> None:
        """Tells who spoke, where that was guessed at first."""
        if not self.speakers or not self.revises:
            return
        revisions = [
            {
                "turn_order": one.order,
                "speaker_label": chr(ord("A") + (one.words[0].speaker or 0)),
                "words": [
                    self._word(word, final=True, formatted=self.formats, revised=True) for word in one.words
                ],
            }
            for one in self.over
            if one.words[0].speaker
        ]
        if revisions:
            await self._say(peer, {"type": "SpeakerRevision", "revisions": revisions})

    async def _say(self, peer: Peer, document: dict[str, Any]) -> None:
        await peer.send(json.dumps(document))


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
