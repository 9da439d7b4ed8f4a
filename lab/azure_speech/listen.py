"""Live transcripts in turns on one socket (learn.microsoft.com/azure/ai-services/speech-service/how-to-recognize-speech).

The messages are those of the native SDK, recorded from it.
"""

import struct
from typing import Any

from lab.azure_speech import client, usp
from lab.ear import SILENCE_MS, Ear, Moment, Word
from lab.http import Call, Peer, Response
from lab.sockets import Broken, Fate, Opened

CODES = {1: 2, 6: 1, 7: 1}
"""Bytes of a sample, by the code of a RIFF format: linear, A-law, mu-law."""


def live(call: Call) -> Response:
    """GET the classic path, or the universal one that has all it wants to know in `speech.context`. Raises `Refused`."""
    client.admit(call)
    if "universal" not in call.path and not client.LOCALE.fullmatch(call.query.get("language", "")):
        client.refuse(call, "The language is missing or not supported.")
    return Opened(client.switching(call), Transcript(call).talk)


class Transcript:
    """One live transcript. The first turn ends after one phrase and the later ones after two: the real ones are
    as long as the service likes, and sound that comes between two of them is lost unless it is sent again.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.answer = call.take()
        self.ear: Ear | None = None
        self.request = ""
        """The turn that goes on, if any."""
        self.turn = 0
        self.base = 0.0
        """Where in all the sound the turn began."""
        self.heard = 0.0
        """Milliseconds of sound in the turn."""
        self.rate = 0
        self.phrases = 0
        self.kept: tuple[Moment, ...] = ()
        """What has been said of a phrase that is not over."""
        self.context: dict[str, Any] = {}

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        configured = False
        while (received := await fate.receive()) is not None:
            try:
                message = usp.read(received)
            except ValueError as error:
                await peer.close(1007, str(error))
                return
            match message.path:
                case "speech.config":
                    configured = "system" in message.json().get("context", {})
                case "speech.context":
                    if not configured or (wrong := self._wrong(message)):
                        await peer.close(1007, wrong if configured else "speech.config comes first")
                        return
                    await self._begin(peer, message)
                case "audio" if self.request and message.request == self.request:
                    try:
                        await self._sound(peer, fate, message.body)
                    except Broken:
                        return
                case _:
                    pass  # telemetry, and the sound of a turn that is over

    def _wrong(self, message: usp.Message) -> str:
        if "universal" not in self.call.path:
            return ""
        context = message.json()
        languages = [context.get("phraseDetection", {}).get("language", "")]
        languages = context.get("languageId", {}).get("languages") or languages
        bad = [one for one in languages if not client.LOCALE.fullmatch(one)]
        return f"Specified language is not supported: {bad[0]}" if bad else ""

    async def _begin(self, peer: Peer, message: usp.Message) -> None:
        self.context = message.json()
        detection = self.context.get("phraseDetection", {})
        if self.ear is None:
            segmentation = detection.get(detection.get("mode", ""), {}).get("segmentation", {})
            silence = segmentation.get("segmentationSilenceTimeoutMs", SILENCE_MS)
            self.ear = Ear(self.answer, silence_ms=int(silence))
        streams = self.context.get("continuation", {}).get("audio", {}).get("streams", {})
        told = next(iter(streams.values()), None)
        self.base = self.ear.now_ms if told is None else int(told["offset"]) / 10_000
        self.request, self.rate, self.heard, self.phrases = message.request, 0, 0.0, 0
        self.turn += 1
        await self._say(peer, "turn.start", {"context": {"serviceTag": f"{self.turn:032x}"}})

    async def _sound(self, peer: Peer, fate: Fate, body: bytes) -> None:
        assert self.ear is not None
        if not body:
            await self._end_of_sound(peer)
            return
        if not self.rate:
            if body[:4] != b"RIFF":
                await peer.close(1007, "the sound of a turn begins with a RIFF header")
                raise Broken
            code, channels, rate = struct.unpack_from("<HHI", body, 20)
            self.rate = CODES[code] * channels * rate
            body = body[44:]
        self.heard += len(body) * 1000 / self.rate
        for moment in self.ear.hear(max(0.0, self.base + self.heard - self.ear.now_ms)):
            await self._tell(peer, moment)
        await fate.at(self.ear.now_ms)

    async def _tell(self, peer: Peer, moment: Moment) -> None:
        if not self.request:
            self.kept = (*self.kept, moment) if moment.kind == "final" else self.kept
            return
        match moment.kind:
            case "start" if not self.kept:
                await self._say(peer, "speech.startDetected", {"Offset": self._ticks(moment.at_ms)})
            case "interim":
                await self._say(peer, "speech.hypothesis", self._hypothesis((*self.kept, moment)))
            case "final":
                self.kept = (*self.kept, moment)
                await self._say(peer, "speech.hypothesis", self._hypothesis(self.kept))
            case "end":
                await self._phrase(peer)
                if self.phrases >= (1 if self.turn == 1 else 2):
                    await self._end_of_turn(peer)
            case _:
                pass

    async def _end_of_sound(self, peer: Peer) -> None:
        """All that was said is settled, and the turn is over."""
        assert self.ear is not None
        self.kept = (*self.kept, *self.ear.finalize())
        if self.kept:
            await self._phrase(peer)
        await self._say(peer, "speech.phrase", {
            "RecognitionStatus": "EndOfDictation", "Offset": self._ticks(self.ear.now_ms), "Duration": 0,
        })  # fmt: skip
        await self._end_of_turn(peer)

    async def _end_of_turn(self, peer: Peer) -> None:
        assert self.ear is not None
        await self._say(peer, "speech.endDetected", {"Offset": self._ticks(self.ear.now_ms)})
        await self._say(peer, "turn.end", {})
        self.request = ""

    async def _phrase(self, peer: Peer) -> None:
        words = _words(self.kept)
        said = self.kept[0].said
        self.kept = ()
        self.phrases += 1
        text = " ".join(word.text for word in words)
        lexical = " ".join(_plain(word.text) for word in words)
        best: dict[str, Any] = {
            "Confidence": said.confidence, "Lexical": lexical, "ITN": lexical, "MaskedITN": lexical, "Display": text,
        }  # fmt: skip
        if "WordTimings" in self._options() or self.call.query.get("wordLevelTimestamps") == "true":
            best["Words"] = [self._word(word) for word in words]
        phrase = {
            "Id": f"{self.turn:016x}{self.phrases:016x}", "RecognitionStatus": "Success", "DisplayText": text,
            **self._span(words), "Channel": 0, "NBest": [best],
        }  # fmt: skip
        if "languageId" in self.context:
            phrase["PrimaryLanguage"] = {"Language": _locale(said.language), "Confidence": "High"}
        if "speakerDiarization" in self.context.get("phraseDetection", {}):
            phrase["SpeakerId"] = "Unknown" if said.speaker is None else f"Guest-{said.speaker}"
        await self._say(peer, "speech.phrase", phrase)

    def _hypothesis(self, moments: tuple[Moment, ...]) -> dict[str, Any]:
        words = _words(moments)
        told = {"Text": " ".join(_plain(word.text) for word in words), **self._span(words), "Channel": 0}
        if "languageId" in self.context:
            told["PrimaryLanguage"] = {"Language": _locale(moments[0].said.language)}
        return told

    def _span(self, words: tuple[Word, ...]) -> dict[str, int]:
        return {
            "Offset": self._ticks(words[0].start_ms),
            "Duration": usp.ticks(words[-1].end_ms - words[0].start_ms),
        }

    def _word(self, word: Word) -> dict[str, Any]:
        told: dict[str, Any] = {
            "Word": _plain(word.text),
            "Offset": self._ticks(word.start_ms),
            "Duration": usp.ticks(word.end_ms - word.start_ms),
        }
        if "WordConfidence" in self._options() or self.call.query.get("wordLevelConfidence") == "true":
            told["Confidence"] = word.confidence
        return told

    def _options(self) -> list[str]:
        options: list[str] = self.context.get("phraseOutput", {}).get("detailed", {}).get("options", [])
        return options

    def _ticks(self, at_ms: float) -> int:
        return usp.ticks(max(0.0, at_ms - self.base))

    async def _say(self, peer: Peer, path: str, document: dict[str, Any]) -> None:
        await peer.send(usp.text(path, self.request, document))


def _words(moments: tuple[Moment, ...]) -> tuple[Word, ...]:
    return tuple(word for moment in moments for word in moment.words)


def _plain(text: str) -> str:
    return text.strip(".,!?").lower()


def _locale(language: str) -> str:
    return {"en": "en-US", "de": "de-DE", "es": "es-ES"}.get(language, language)
