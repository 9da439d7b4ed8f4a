"""A live voice of a provider, or a model, that speaks whole texts only: it is given a sentence at a time.

Each is a request of its own, and one is under way at a time: the sentences that come meanwhile are spoken together.
Utterances are spoken one after another, in the order in which they began.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from integration_api.core.exchange import HttpRequest
from integration_api.core.session import Began, Closed, HangUp, KeepAlive, Message, Outcome, Say, Warned
from integration_api.core.tts import (
    Flushed,
    Sound,
    Spoken,
    SynthesisCapabilities,
    SynthesisRequest,
    TtsEvent,
)
from integration_api.dialects import ssml_text
from integration_api.services import sentences

SHORTEST = 20
"""Bytes: what ends like a sentence and is shorter may be a title or a number, and waits for what follows."""
MOST = 1_000
"""Characters of one request: a minute of speech, and fewer bytes in any language than any provider takes."""


class Speak(Struct, frozen=True, tag="speak"):
    """What the session says: speak this. It is answered by sound, and then by `Over`."""

    text: str
    ssml: bool
    voice: str | None
    speed: float | None


class Stop(Struct, frozen=True, tag="stop"):
    """Say no more of what is being spoken; nothing answers it."""


class Over(Struct, frozen=True):
    """What the session hears once a request is answered to its end."""

    warnings: list[Warned] = []


COMMAND = msgspec.json.Decoder(Speak | Stop)
_OVER = msgspec.json.Decoder(Over)
_ENCODER = msgspec.json.Encoder()


def written(message: Speak | Stop | Over) -> str:
    return _ENCODER.encode(message).decode()


class _Text:
    """What is left to be spoken of an utterance."""

    def __init__(self) -> None:
        self.ready: list[tuple[str, bool]] = []
        """Pieces that may be spoken, and whether they are SSML."""
        self.pending = ""
        """What waits for the end of its sentence."""
        self.complete = False
        self.flushing = False

    def loosen(self) -> None:
        """Let what waits be spoken."""
        text, self.pending = self.pending, ""
        if text.strip():
            self.ready.append((text, False))

    def take(self) -> tuple[str, bool] | None:
        """Take what is spoken next: as many sentences as one request may have."""
        if not self.ready:
            return None
        text, ssml = self.ready.pop(0)
        while not ssml and self.ready and not self.ready[0][1] and len(text) < MOST:
            text += self.ready.pop(0)[0]
        if not ssml and len(text) > MOST:
            cut = sentences.whole(text[:MOST]) or text.rfind(" ", 1, MOST) + 1 or MOST
            text, rest = text[:cut], text[cut:]
            self.ready.insert(0, (rest, False))
        return text, ssml


class SentenceVoice:
    """`ssml` is whether whole texts may be SSML; if not, words are spoken without their tags."""

    keep_alive: KeepAlive | None = None
    request = HttpRequest(method="POST", url="")
    """Nobody is dialled: each sentence has a request of its own."""

    def __init__(self, ask: SynthesisRequest, provider: str, *, ssml: bool) -> None:
        self.capabilities = SynthesisCapabilities(ssml=ssml, cancel_native=True, live_update=True)
        self._provider = provider
        self._waits = ask.text_buffering != "none"
        self._voice = ask.voice
        self._speed = ask.manner.speed
        self._texts: dict[str, _Text] = {}
        self._speaking: str | None = None
        """The utterance of which something is being spoken."""

    def begin(self, headers: Mapping[str, str]) -> Outcome[TtsEvent]:
        return [Began()]

    def text(self, utterance_id: str, text: str, *, ssml: bool = False) -> Outcome[TtsEvent]:
        one = self._texts.setdefault(utterance_id, _Text())
        told: list[TtsEvent] = []
        if ssml and not self.capabilities.ssml:
            text, ssml = ssml_text.spoken(text), False
            told.append(ssml_text.left_out(self._provider))
        if ssml:
            one.loosen()
            one.ready.append((text, True))
        else:
            one.pending += text
            if not self._waits:
                one.loosen()
            elif len(one.pending[: (end := sentences.whole(one.pending))].encode()) >= SHORTEST:
                one.ready.append((one.pending[:end], False))
                one.pending = one.pending[end:]
        return [*told, *self._next()]

    def end_utterance(self, utterance_id: str) -> Outcome[TtsEvent]:
        one = self._texts.setdefault(utterance_id, _Text())
        one.loosen()
        one.complete = True
        return self._next()

    def flush(self, utterance_id: str) -> Outcome[TtsEvent]:
        if (one := self._texts.get(utterance_id)) is None:
            return []
        one.loosen()
        one.flushing = True
        return self._next()

    def cancel(self, utterance_id: str, played_ms: int | None) -> Outcome[TtsEvent]:
        self._texts.pop(utterance_id, None)
        if self._speaking != utterance_id:
            return self._next()
        self._speaking = None
        return [Say(written(Stop())), *self._next()]

    def update(self, voice: str | None, speed: float | None) -> Outcome[TtsEvent]:
        """Both hold from the next sentence on."""
        self._voice = voice or self._voice
        self._speed = self._speed if speed is None else speed
        return []

    def feed(self, message: Message) -> Outcome[TtsEvent]:
        id = self._speaking
        if id is None:
            return []
        if isinstance(message, bytes):
            return [Sound(id, message)]
        self._speaking = None
        return [*_OVER.decode(message).warnings, *self._next()]

    def finish(self) -> Outcome[TtsEvent]:
        return [HangUp()]

    def close(self, closed: Closed) -> Outcome[TtsEvent]:
        return []

    def _next(self) -> "list[TtsEvent | Say]":
        """Have spoken what is next, if nothing is being spoken; tell what is spoken to its end."""
        told: list[TtsEvent | Say] = []
        while self._speaking is None and self._texts:
            id, one = next(iter(self._texts.items()))
            if (piece := one.take()) is not None:
                self._speaking = id
                told.append(Say(written(Speak(*piece, self._voice, self._speed))))
                break
            if one.flushing:
                one.flushing = False
                told.append(Flushed(id))
            if not one.complete:
                break
            del self._texts[id]
            told.append(Spoken(utterance_id=id))
        return told
