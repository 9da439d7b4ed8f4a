"""One utterance a socket. https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-stream-input"""

from collections.abc import Mapping

from integration_api.core.credential import Credential
from integration_api.core.exchange import json_body
from integration_api.core.session import (
    Act,
    Began,
    Closed,
    HangUp,
    KeepAlive,
    Message,
    Outcome,
    Redial,
    Say,
)
from integration_api.core.tts import Spoken, SynthesisCapabilities, SynthesisRequest, TtsEvent
from integration_api.providers.elevenlabs import client, wire
from integration_api.providers.elevenlabs.spoken import Utterance
from integration_api.providers.elevenlabs.tts import (
    KEEP_ALIVE_SECONDS,
    fixed_voice,
    opening,
    query,
    warnings,
)

KEEP_ALIVE = KeepAlive(KEEP_ALIVE_SECONDS, (Say('{"text":" "}'),))
END = Say('{"text":""}')


class StreamInput:
    """One live voice. The socket ends with its utterance: the others are said again on the next one.

    There is no word to stop it either: it is hung up on.
    """

    capabilities = SynthesisCapabilities(word_timestamps=True, char_timestamps=True, ssml=True)
    keep_alive: KeepAlive | None = KEEP_ALIVE

    def __init__(self, ask: SynthesisRequest, credential: Credential) -> None:
        self.request = client.socket(client.address(ask.voice, "/stream-input"), query(ask), credential)
        self._ask = ask
        self._one: Utterance | None = None
        self._used = False
        """Whether it has said, or been cut off saying, all that it can say."""
        self._finishing = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[TtsEvent]:
        first = {"text": " ", **opening(self._ask)}
        return [Began(), *warnings(self._ask), Say(json_body(first).decode())]

    def text(self, utterance_id: str, text: str, *, ssml: bool = False) -> Outcome[TtsEvent]:
        if self._one is None and not self._used:
            self._one = Utterance(utterance_id, self._ask)
        one = self._mine(utterance_id)
        if one is None:
            return []
        ready = one.more(text)
        return [Say(json_body({"text": ready}).decode())] if ready else []

    def end_utterance(self, utterance_id: str) -> Outcome[TtsEvent]:
        one = self._mine(utterance_id)
        if one is None:
            # One whose text waits for the next socket is ended there.
            return [Spoken(utterance_id=utterance_id, characters=0)] if self._idle else []
        one.complete = True
        rest = one.words.rest()
        return [*([_flush(rest)] if rest else []), END]

    def flush(self, utterance_id: str) -> Outcome[TtsEvent]:
        one = self._mine(utterance_id)
        # Flushed with nothing said, or a second time with nothing new, it answers nothing: harmless.
        return [] if one is None or one.complete else [_flush(one.words.rest() or " ")]

    def cancel(self, utterance_id: str, played_ms: int | None) -> Outcome[TtsEvent]:
        if self._mine(utterance_id) is None:
            return []
        self._one, self._used = None, True
        return [Redial()]

    def update(self, voice: str | None, speed: float | None) -> Outcome[TtsEvent]:
        return [fixed_voice()]

    def finish(self) -> Outcome[TtsEvent]:
        self._finishing = True
        return [HangUp()]

    def feed(self, message: Message) -> Outcome[TtsEvent]:
        said = wire.MESSAGE.decode(message)
        if said.error:
            raise client.failed(said.error, said.message)
        one = self._one
        if one is None:
            return []
        told: list[TtsEvent | Act] = [*one.heard(said)]
        if said.last:
            self._one, self._used = None, True
            told += one.over()
        return told

    def close(self, closed: Closed) -> Outcome[TtsEvent]:
        if self._finishing:
            return []
        if self._used:
            return [Redial()]
        raise client.ended(closed)

    @property
    def _idle(self) -> bool:
        return self._one is None and not self._used

    def _mine(self, utterance_id: str) -> Utterance | None:
        return self._one if self._one is not None and self._one.id == utterance_id else None


def _flush(text: str) -> Say:
    return Say(json_body({"text": text, "flush": True}).decode())
