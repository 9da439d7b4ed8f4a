"""Speech-to-Text v1: live transcripts and recordings (cloud.google.com/speech-to-text/docs/reference/rpc)."""

from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from lab.ear import Ear, Word, words_of
from lab.google_speech import client
from lab.google_speech.listen import MOST_BYTES, Transcript, Wrong, duration
from lab.http import Call, Response
from lab.protobuf import Fields, inside, message, number, text
from lab.sockets import Opened

SAMPLE_BYTES = {1: 2, 3: 1}
"""Of LINEAR16 and MULAW."""
FILES = (b"RIFF", b"fLaC")
"""How files begin that say themselves what they are."""
LATER = ("chirp", "long", "short")
"""How models begin that only v2 has."""
MOST_OTHERS = 3
"""Languages beside the first."""
STEP_SECONDS = 15
"""What is billed is a multiple of it."""
CONFIG = frozenset({
    "encoding", "sampleRateHertz", "audioChannelCount", "enableSeparateRecognitionPerChannel", "languageCode",
    "alternativeLanguageCodes", "maxAlternatives", "profanityFilter", "adaptation", "transcriptNormalization",
    "speechContexts", "enableWordTimeOffsets", "enableWordConfidence", "enableAutomaticPunctuation",
    "enableSpokenPunctuation", "enableSpokenEmojis", "diarizationConfig", "metadata", "model", "useEnhanced",
})  # fmt: skip


def live(call: Call) -> Response:
    """StreamingRecognize. Raises `Refused`."""
    client.admit(call)
    return Opened([], TranscriptV1(call).talk)


class TranscriptV1(Transcript):
    """One live transcript. Where speakers are told apart, each final tells all words since the beginning."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.diarizes = False
        self.spoken: list[Word] = []

    def begin(self, said: Fields) -> None:
        """Reads the first message. Raises `Wrong`."""
        if 1 not in said or 2 in said:
            raise Wrong("Malordered Data Received. Expected audio_content none, streaming_config not none.")
        asked = inside(said, 1)
        config = inside(asked, 1)
        self.call.model = text(config, 13)
        check(self.call.model, text(config, 3), len(config.get(18, ())))
        encoding, rate = number(config, 1), number(config, 2)
        if encoding and not 8_000 <= rate <= 48_000:
            raise Wrong("Invalid recognition 'config': bad sample rate hertz.")
        self.rate = (rate or 16_000) * SAMPLE_BYTES.get(encoding, 2) * (number(config, 7) or 1)
        self.diarizes = bool(number(inside(config, 19), 1))
        self.offsets = bool(number(config, 8))
        self.interim, self.events = bool(number(asked, 3)), bool(number(asked, 5))
        self.ear = Ear(self.call.take())

    def sound(self, said: Fields) -> bytes:
        """Reads any other message. Raises `Wrong`."""
        sound = said.get(2, [b""])[-1]
        if 1 in said or not isinstance(sound, bytes) or not sound:
            raise Wrong("Malordered Data Received. Expected audio_content not none, streaming_config none.")
        if len(sound) > MOST_BYTES:
            raise Wrong(f"Audio chunk can be of a maximum of {MOST_BYTES} bytes.")
        return sound

    def billed(self) -> bytes:
        return message({5: duration(steps(self.ear.now_ms) * 1000)})

    def event(self, kind: int, at_ms: float) -> bytes:
        return message({4: kind, 8: duration(at_ms)})

    def told(self, *results: bytes) -> bytes:
        return message({2: results})

    def heard(self, words: Sequence[Word]) -> Sequence[bytes]:
        self.spoken += words
        return [self.word(word) for word in (self.spoken if self.diarizes else words)]

    def word(self, word: Word) -> bytes:
        told: dict[int, Any] = {3: word.text}
        if self.offsets:
            told |= {1: duration(word.start_ms), 2: duration(word.end_ms), 4: word.confidence}
        if self.diarizes:
            speaker = (word.speaker or 0) + 1
            told |= {5: speaker, 6: str(speaker)}
        return message(told)


def check(model: str, language: str, others: int) -> None:
    """Raises `Wrong` for what both ways refuse."""
    if not language:
        raise Wrong("Invalid recognition 'config': bad language code.")
    if others > MOST_OTHERS:
        raise Wrong("Invalid recognition 'config': too many alternative language codes.")
    if model.startswith(LATER):
        raise Wrong("Incorrect model specified. The model is not available in the v1 API.")


def steps(milliseconds: float) -> int:
    """The seconds that are billed."""
    return -(-round(milliseconds) // (STEP_SECONDS * 1000)) * STEP_SECONDS


def recorded(call: Call) -> Response:
    """POST /v1/speech:recognize. Raises `Refused`."""
    client.admit(call)
    asked = call.json()
    config = asked.get("config", {})
    call.model = config.get("model", "")
    for name in config.keys() - CONFIG:
        client.refuse(
            call, f"Invalid JSON payload received. Unknown name \"{name}\" at 'config': Cannot find field."
        )
    try:
        check(call.model, config.get("languageCode", ""), len(config.get("alternativeLanguageCodes", ())))
    except Wrong as wrong:
        client.refuse(call, str(wrong))
    sound = b64decode(asked.get("audio", {}).get("content", ""))
    if not sound:
        client.refuse(call, "RecognitionAudio not set.")
    if not config.get("encoding") and sound[:4] not in FILES:
        client.refuse(call, "Invalid recognition 'config': bad encoding..")
    if config.get("encoding") and not config.get("sampleRateHertz"):
        client.refuse(call, "Invalid recognition 'config': bad sample rate hertz.")
    ear = Ear(call.take())
    diarizes = config.get("diarizationConfig", {}).get("enableSpeakerDiarization", False)
    timed = config.get("enableWordTimeOffsets", False)
    results: list[dict[str, Any]] = []
    everything: list[dict[str, Any]] = []
    for place, said in enumerate(ear.heard):
        words = [_spoken(word, timed=timed, told_apart=False) for word in words_of(said)]
        everything += [_spoken(word, timed=timed, told_apart=diarizes) for word in words_of(said)]
        best = {"transcript": (" " if place else "") + said.text, "confidence": said.confidence}
        results.append({
            "alternatives": [{**best, "words": words} if timed else best],
            "resultEndTime": f"{said.end_ms / 1000:.3f}s", "languageCode": f"{said.language}-us",
        })  # fmt: skip
    if diarizes:
        # Who spoke is told of all words, in a result of its own.
        results.append({"alternatives": [{"words": everything}]})
    billed = steps(max(said.end_ms for said in ear.heard))
    return client.answer(call, {
        "results": results, "totalBilledTime": f"{billed}s", "requestId": str(call.serial),
    })  # fmt: skip


def _spoken(word: Word, *, timed: bool, told_apart: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"word": word.text}
    if timed:
        told |= {"startTime": f"{word.start_ms / 1000:.3f}s", "endTime": f"{word.end_ms / 1000:.3f}s",
                 "confidence": word.confidence}  # fmt: skip
    if told_apart:
        speaker = (word.speaker or 0) + 1
        told |= {"speakerTag": speaker, "speakerLabel": str(speaker)}
    return told
