"""Speech-to-Text v2: live transcripts and recordings (cloud.google.com/speech-to-text/v2/docs/reference/rpc)."""

import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from lab.ear import SILENCE_MS, Ear, Moment, Word, words_of
from lab.google_speech import client
from lab.http import Call, Peer, Response
from lab.protobuf import Fields, fields, inside, message, number, text
from lab.sockets import Broken, Fate, Opened

INVALID, OUT_OF_RANGE, ABORTED = 3, 11, 10
LONGEST_MS = 305_000
IDLE_SECONDS = 10.0
"""Without sound for so long, Google ends the call."""
MOST_BYTES = 25_600
"""Of sound in one message."""
SAMPLE_BYTES = {1: 2, 2: 1, 3: 1}
"""Of LINEAR16, MULAW and ALAW."""
_RECOGNIZER = re.compile(r"projects/[^/]+/locations/[^/]+/recognizers/_")


def live(call: Call) -> Response:
    """StreamingRecognize. Raises `Refused`."""
    client.admit(call)
    return Opened([], Transcript(call).talk)


class Wrong(Exception):
    """What was said is not what Google takes."""


class Transcript:
    """One live transcript."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.ear: Ear
        self.rate = 0
        self.interim = self.events = self.offsets = False
        self.language = "en-US"

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        try:
            first = await fate.receive(IDLE_SECONDS)
            self.begin(fields(first) if isinstance(first, bytes) else {})
            while (said := await fate.receive(IDLE_SECONDS)) is not None:
                sound = self.sound(fields(said) if isinstance(said, bytes) else {})
                for moment in self.ear.hear(len(sound) * 1000 / self.rate):
                    await self.tell(peer, moment)
                if self.ear.now_ms > fate.limit(LONGEST_MS):
                    await peer.close(OUT_OF_RANGE, "Exceeded maximum allowed stream duration of 305 seconds.")
                    return
                await fate.at(self.ear.now_ms)
        except Wrong as wrong:
            await peer.close(INVALID, str(wrong))
            return
        except Broken:
            return
        if fate.idle:
            await peer.close(ABORTED, "Audio Timeout Error: Long duration elapsed without audio. "
                             "Audio should be sent close to real time.")  # fmt: skip
            return
        for moment in self.ear.finalize():
            await self.tell(peer, moment)
        await peer.send(self.billed())

    def begin(self, said: Fields) -> None:
        """Reads the first message. Raises `Wrong`."""
        recognizer = text(said, 3)
        if not _RECOGNIZER.fullmatch(recognizer):
            raise Wrong("Invalid resource field value in the request.")
        if 6 not in said or 5 in said:
            raise Wrong("The first message must hold streaming_config and no audio.")
        config = inside(inside(said, 6), 1)
        self.call.model = text(config, 9)
        if not self.call.model or 10 not in config:
            raise Wrong("Recognizer must have a model and at least one language code.")
        decoding = inside(config, 8)
        if 7 not in config and number(decoding, 1) not in SAMPLE_BYTES:
            raise Wrong("Audio encoding must be specified.")
        rate = number(decoding, 2) or 16_000
        if not 8_000 <= rate <= 48_000:
            raise Wrong("sample_rate_hertz must be between 8000 and 48000.")
        self.rate = rate * SAMPLE_BYTES.get(number(decoding, 1), 2) * (number(decoding, 3) or 1)
        self.offsets = bool(number(inside(config, 2), 2))
        features = inside(inside(said, 6), 2)
        self.events, self.interim = bool(number(features, 1)), bool(number(features, 2))
        self.ear = Ear(self.call.take(), silence_ms=SILENCE_MS)

    def sound(self, said: Fields) -> bytes:
        """Reads any other message. Raises `Wrong`."""
        sound = said.get(5, [b""])[-1]
        if 6 in said or not isinstance(sound, bytes) or not sound:
            raise Wrong("Audio must follow streaming_config.")
        if len(sound) > MOST_BYTES:
            raise Wrong(f"Audio chunk can be of a maximum of {MOST_BYTES} bytes.")
        return sound

    def billed(self) -> bytes:
        """The last message."""
        return message({5: message({6: duration(self.ear.now_ms), 9: f"{self.call.serial:08x}"})})

    def event(self, kind: int, at_ms: float) -> bytes:
        """A message that tells of the voice: 2 when it begins, 3 when it ends."""
        return message({3: kind, 7: duration(at_ms)})

    def told(self, *results: bytes) -> bytes:
        """A message of results."""
        return message({6: results})

    def heard(self, words: Sequence[Word]) -> Sequence[bytes]:
        """The words of a final result."""
        return [_word(word, offsets=self.offsets) for word in words]

    async def tell(self, peer: Peer, moment: Moment) -> None:
        match moment.kind:
            case "start" if self.events:
                await peer.send(self.event(2, moment.at_ms))
            case "interim" if self.interim:
                # What is stable and what is not come as two results of one message.
                *stable, last = moment.words
                pieces = [_result(stable, stability=0.9)] if stable else []
                joint = " " if stable else ""
                await peer.send(self.told(*pieces, _result([last], stability=0.1, joint=joint)))
            case "final":
                words, said = moment.words, moment.said
                end = words[-1].end_ms if words else moment.at_ms
                final = _result(words, final=self.heard(words), end_ms=end, confidence=said.confidence,
                                language=said.language)  # fmt: skip
                await peer.send(self.told(final))
            case "end" if self.events:
                await peer.send(self.event(3, moment.at_ms))
            case _:
                pass


def duration(milliseconds: float) -> bytes:
    whole, rest = divmod(round(milliseconds), 1000)
    return message({1: whole, 2: rest * 1_000_000})


def _result(
    words: Sequence[Word],
    *,
    final: Sequence[bytes] | None = None,
    stability: float = 0.0,
    end_ms: int | None = None,
    confidence: float = 0.0,
    language: str = "en",
    joint: str = "",
) -> bytes:
    """A result; one that is `final` has its words."""
    alternative: dict[int, Any] = {1: joint + " ".join(word.text for word in words)}
    if final is not None:
        alternative |= {2: confidence, 3: final}
    result: dict[int, Any] = {1: message(alternative), 6: f"{language}-US".lower()}
    if final is not None:
        result[2] = 1
    if stability:
        result[3] = stability
    result[4] = duration(words[-1].end_ms if end_ms is None else end_ms)
    return message(result)


def _word(word: Word, *, offsets: bool) -> bytes:
    told: dict[int, Any] = {3: word.text}
    if offsets:
        told |= {1: duration(word.start_ms), 2: duration(word.end_ms), 4: word.confidence}
    if word.speaker is not None:
        told[6] = str(word.speaker)
    return message(told)


def recorded(call: Call) -> Response:
    """POST …/recognizers/_:recognize. Raises `Refused`."""
    client.admit(call)
    asked = call.json()
    config = asked.get("config", {})
    call.model = config.get("model", "")
    if not call.model or not config.get("languageCodes"):
        client.refuse(call, "Recognizer must have a model and at least one language code.")
    if not b64decode(asked.get("content", "")):
        client.refuse(call, "Audio must be given.")
    ear = Ear(call.take())
    results = [
        {
            "alternatives": [{
                "transcript": (" " if place else "") + said.text,
                "confidence": said.confidence,
                "words": [
                    {
                        "startOffset": f"{word.start_ms / 1000:.3f}s", "endOffset": f"{word.end_ms / 1000:.3f}s",
                        "word": word.text, "confidence": word.confidence,
                        **({} if word.speaker is None else {"speakerLabel": str(word.speaker)}),
                    }
                    for word in words_of(said)
                ],
            }],
            "resultEndOffset": f"{said.end_ms / 1000:.3f}s",
            "languageCode": f"{said.language}-us",
        }
        for place, said in enumerate(ear.heard)
    ]  # fmt: skip
    billed = -(-max(said.end_ms for said in ear.heard) // 1000)
    return client.answer(call, {
        "results": results,
        "metadata": {"requestId": f"{call.serial:08x}", "totalBilledDuration": f"{billed}s"},
    })  # fmt: skip
