"""Nova: live transcripts and recordings (developers.deepgram.com/reference/speech-to-text)."""

import json
from typing import Any

from lab.deepgram import client
from lab.ear import SILENCE_MS, Ear, Moment, Word, words_of
from lab.http import Call, Peer, Response
from lab.sockets import Broken, Fate, Opened

PARAMETERS = frozenset({
    "model", "language", "encoding", "sample_rate", "channels", "multichannel", "interim_results", "endpointing",
    "utterance_end_ms", "vad_events", "smart_format", "punctuate", "no_delay", "numerals", "diarize",
    "diarize_model", "keyterm", "keywords", "language_hint", "detect_entities", "redact", "replace", "search",
    "profanity_filter", "filler_words", "dictation", "tag", "extra", "callback", "callback_method", "version",
    "mip_opt_out", "detect_language", "utterances", "utt_split", "paragraphs", "summarize", "topics", "intents",
    "sentiment", "measurements", "custom_topic", "custom_intent",
})  # fmt: skip
IDLE_SECONDS = 10.0
"""With neither sound nor a KeepAlive for so long, Deepgram closes."""


def live(call: Call) -> Response:
    """GET /v1/listen. Raises `Refused`."""
    client.admit(call)
    client.known(call, PARAMETERS)
    query = call.query
    call.model = query.get("model", "")
    if not call.model:
        client.refuse(call, "model is required")
    if query.get("encoding") and query["encoding"] in client.ENCODINGS and "sample_rate" not in query:
        client.refuse(call, "sample_rate is required with a raw encoding")
    if "utterance_end_ms" in query:
        if query.get("interim_results") != "true":
            client.refuse(call, "utterance_end_ms needs interim_results")
        if int(query["utterance_end_ms"]) < 1000:
            client.refuse(call, "utterance_end_ms must be at least 1000")
    return Opened(client.switching(call), Nova(call).talk)


class Nova:
    """One live transcript."""

    def __init__(self, call: Call) -> None:
        query = call.query
        self.call = call
        size = client.ENCODINGS.get(query.get("encoding", ""), 0)
        channels = int(query.get("channels", "1"))
        self.rate = int(query.get("sample_rate", "16000")) * (size or 2) * channels
        self.interim = query.get("interim_results") == "true"
        self.vad = query.get("vad_events") == "true"
        endpointing = query.get("endpointing", str(SILENCE_MS))
        self.endpointing = endpointing != "false"
        silence = int(endpointing) if endpointing.isdecimal() else SILENCE_MS
        self.ear = Ear(call.take(), silence_ms=silence)
        self.last_end = 0

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        while True:
            message = await fate.receive(IDLE_SECONDS)
            if message is None:
                if fate.idle:
                    await peer.close(1011, "NET-0001")
                return
            if isinstance(message, bytes):
                if not message:
                    break
                for moment in self.ear.hear(len(message) * 1000 / self.rate):
                    await self._tell(peer, moment)
                try:
                    await fate.at(self.ear.now_ms)
                except Broken:
                    return
                continue
            asked = json.loads(message)
            kind = asked.get("type")
            if kind == "Finalize":
                settled = list(self.ear.finalize())
                for moment in settled:
                    await peer.send(self._result(moment, final=True, from_finalize=True))
                if not settled:
                    await peer.send(self._empty())
            elif kind == "Configure":
                await peer.send(json.dumps(self._configured(asked)))
            elif kind == "CloseStream":
                break
            elif kind != "KeepAlive":
                await peer.close(1008, "DATA-0000")
                return
        for moment in self.ear.rest():
            await self._tell(peer, moment)
        await peer.send(json.dumps({
            "type": "Metadata", "transaction_key": "deprecated", "request_id": client.identity(self.call),
            "sha256": "0" * 64, "created": "2026-01-01T00:00:00.000Z",
            "duration": round(self.ear.now_ms / 1000, 6), "channels": 1,
        }))  # fmt: skip

    async def _tell(self, peer: Peer, moment: Moment) -> None:
        match moment.kind:
            case "start" if self.vad:
                at = moment.at_ms / 1000
                await peer.send(json.dumps({"type": "SpeechStarted", "channel": [0], "timestamp": at}))
            case "interim" if self.interim:
                await peer.send(self._result(moment, final=False))
            case "final":
                self.last_end = moment.said.end_ms
                ends = self._ends_at_once(moment)
                await peer.send(self._result(moment, final=True, speech_final=ends))
            case "end" if not self._ends_at_once(moment) and self.endpointing:
                end = {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": self.last_end / 1000}
                await peer.send(json.dumps(end))
            case _:
                pass

    def _ends_at_once(self, moment: Moment) -> bool:
        """Whether the end of the turn is told with its last final, as it is where nothing was told otherwise."""
        return self.endpointing and "utterance_end_ms" not in self.call.query and self._is_last(moment)

    def _is_last(self, moment: Moment) -> bool:
        return any(one.kind == "end" and one.place == moment.place for one in self.ear.moments)

    def _result(
        self, moment: Moment, *, final: bool, speech_final: bool = False, from_finalize: bool = False
    ) -> str:
        first = moment.words[0].start_ms if moment.words else moment.at_ms
        last = moment.words[-1].end_ms if moment.words else moment.at_ms
        return json.dumps({
            "type": "Results", "channel_index": [0, 1], "duration": (last - first) / 1000, "start": first / 1000,
            "is_final": final, "speech_final": speech_final, "from_finalize": from_finalize,
            "channel": {"alternatives": [alternative(moment.words, moment.said.language, moment.said.confidence)]},
            "metadata": metadata(self.call),
        })  # fmt: skip

    def _configured(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Says whether a change is made: of keyterms, for later models, and of what is written how."""
        told = {"request_id": client.identity(self.call)}
        if asked.get("keyterms") is not None and not self.call.asked.base.startswith("nova-3"):
            return {"type": "ConfigureFailure", "code": "CONFIGURE_KEYTERMS_NOT_SUPPORTED", **told}
        if not all(isinstance(one, bool) for one in asked.get("features", {}).values()):
            return {"type": "ConfigureFailure", "code": "CONFIGURE_INTERNAL_ERROR", **told}
        return {"type": "ConfigureSuccess", **told, "keyterms": asked.get("keyterms") or []}

    def _empty(self) -> str:
        return json.dumps({
            "type": "Results", "channel_index": [0, 1], "duration": 0.0, "start": self.ear.now_ms / 1000,
            "is_final": True, "speech_final": False, "from_finalize": True,
            "channel": {"alternatives": [alternative((), "en", 0.0)]}, "metadata": metadata(self.call),
        })  # fmt: skip


def alternative(words: tuple[Word, ...], language: str, confidence: float) -> dict[str, Any]:
    return {
        "transcript": " ".join(word.text for word in words),
        "confidence": confidence,
        "languages": [language],
        "words": [
            {
                "word": word.text.strip(".,!?").lower(),
                "start": word.start_ms / 1000,
                "end": word.end_ms / 1000,
                "confidence": word.confidence,
                "punctuated_word": word.text,
                **({} if word.speaker is None else {"speaker": word.speaker}),
            }
            for word in words
        ],
    }


def metadata(call: Call) -> dict[str, Any]:
    return {
        "request_id": client.identity(call),
        "model_info": {"name": call.model, "version": "2026-01-01.0", "arch": call.model},
        "model_uuid": "00000000-0000-4000-8000-000000000000",
    }


def recorded(call: Call) -> Response:
    """POST /v1/listen: a recording, or where to find one. Raises `Refused`."""
    client.admit(call)
    client.known(call, PARAMETERS)
    call.model = call.query.get("model", "")
    if not call.body:
        client.refuse(call, "the body holds no audio")
    ear = Ear(call.take())
    words = tuple(word for said in ear.heard for word in words_of(said))
    language = ear.heard[0].language
    best = alternative(words, language, ear.heard[0].confidence)
    channel: dict[str, Any] = {"alternatives": [best]}
    if call.query.get("detect_language") == "true":
        channel |= {"detected_language": language, "language_confidence": 0.99}
    results: dict[str, Any] = {"channels": [channel]}
    if call.query.get("utterances") == "true":
        results["utterances"] = [
            {
                "start": said.start_ms / 1000,
                "end": said.end_ms / 1000,
                "confidence": said.confidence,
                "channel": 0,
                "transcript": said.text,
                "words": alternative(words_of(said), said.language, said.confidence)["words"],
                "id": f"00000000-0000-4000-8000-{place:012x}",
                **({} if said.speaker is None else {"speaker": said.speaker}),
            }
            for place, said in enumerate(ear.heard)
        ]
    return client.answer(call, {
        "metadata": {
            "transaction_key": "deprecated", "request_id": client.identity(call), "sha256": "0" * 64,
            "created": "2026-01-01T00:00:00.000Z", "duration": max(said.end_ms for said in ear.heard) / 1000,
            "channels": 1, "models": ["00000000-0000-4000-8000-000000000000"],
            "model_info": {"00000000-0000-4000-8000-000000000000": {"name": call.model, "version": "1", "arch": "nova"}},
        },
        "results": results,
    })  # fmt: skip
