"""Utterances side by side on one socket, each in a context of its own.

https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input
"""

from collections.abc import Mapping
from typing import Any

from integration_api.core.credential import Credential
from integration_api.core.exchange import json_body
from integration_api.core.session import Act, Began, Closed, KeepAlive, Message, Outcome, Say, Warned
from integration_api.core.tts import Spoken, SynthesisCapabilities, SynthesisRequest, TtsEvent
from integration_api.dialects.notes import Notes
from integration_api.providers.elevenlabs import client, formats, manner, wire
from integration_api.providers.elevenlabs.spoken import Utterance

MOST_CONTEXTS = 5
"""More are answered with a close. One counts until its last word, even when nobody listens to it any more."""
IDLE_SECONDS = 180
"""How long ElevenLabs lets a context wait for text: the most it can be asked for."""
KEEP_ALIVE_SECONDS = 15.0
CLOSE = Say('{"close_socket":true}')
MULTI = "multi_context"
"""The option that, when false, asks for a socket an utterance: see `single_tts`."""


class Context(Utterance):
    def __init__(self, id: str, ask: SynthesisRequest, name: str) -> None:
        super().__init__(id, ask)
        self.name = name
        """Never used twice, so that late sound of one that was cancelled is nobody's."""
        self.ready = ""
        """What could be spoken, had it been opened."""
        self.flushed = False
        """Whether that is to be spoken without waiting for more, once it is opened."""


class MultiContext:
    """One live voice. Utterances for which there is no room wait in their order."""

    capabilities = SynthesisCapabilities(
        cancel_native=True,
        word_timestamps=True,
        char_timestamps=True,
        ssml=True,
        multi_context=True,
        live_update=True,
    )

    def __init__(self, ask: SynthesisRequest, credential: Credential) -> None:
        path = client.address(ask.voice, "/multi-stream-input")
        self.request = client.socket(path, query(ask), credential)
        self._ask = ask
        self._opening = opening(ask)
        self._open: dict[str, Context | None] = {}
        """By name; None is one that was cancelled and has not ended."""
        self._waiting: list[Context] = []
        self._by_id: dict[str, Context] = {}
        self._named = 0
        self._acts: list[Act] = [_keep("")]
        self.keep_alive: KeepAlive | None = KeepAlive(KEEP_ALIVE_SECONDS, self._acts)
        self._finishing = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[TtsEvent]:
        return [Began(), *warnings(self._ask)]

    def text(self, utterance_id: str, text: str, *, ssml: bool = False) -> Outcome[TtsEvent]:
        one = self._by_id.get(utterance_id)
        if one is None:
            one = self._by_id[utterance_id] = Context(utterance_id, self._ask, self._name())
            self._waiting.append(one)
        ready = one.more(text)
        if one.name in self._open:
            return [_say(one, text=ready)] if ready else []
        one.ready += ready
        return self._let_in()

    def end_utterance(self, utterance_id: str) -> Outcome[TtsEvent]:
        one = self._by_id.get(utterance_id)
        if one is None:
            return [Spoken(utterance_id=utterance_id, characters=0)]
        one.complete = True
        if one.name not in self._open:
            return self._let_in()
        self._keep_alive()
        return self._end(one)

    def flush(self, utterance_id: str) -> Outcome[TtsEvent]:
        one = self._by_id.get(utterance_id)
        if one is None:
            return []
        if one.name in self._open:
            return [_flush(one)]
        one.ready += one.words.rest()
        one.flushed = bool(one.ready)  # Of nothing, it would open a context that nobody closes.
        return self._let_in()

    def cancel(self, utterance_id: str, played_ms: int | None) -> Outcome[TtsEvent]:
        one = self._by_id.pop(utterance_id, None)
        if one is None:
            return []
        if one.name not in self._open:
            self._waiting.remove(one)
            return []
        self._open[one.name] = None
        self._keep_alive()
        return [] if one.complete else [_say(one, close_context=True)]

    def update(self, voice: str | None, speed: float | None) -> Outcome[TtsEvent]:
        if speed is not None:
            self._opening["voice_settings"] = {**self._opening.get("voice_settings", {}), "speed": speed}
        return [] if voice is None else [fixed_voice()]

    def finish(self) -> Outcome[TtsEvent]:
        self._finishing = True
        return [CLOSE]

    def feed(self, message: Message) -> Outcome[TtsEvent]:
        said = wire.MESSAGE.decode(message)
        if said.error:
            raise client.failed(said.error, said.message)
        name = said.of or ""
        one = self._open.get(name)
        told: list[TtsEvent | Act] = [] if one is None else [*one.heard(said)]
        if said.last and name in self._open:
            del self._open[name]
            if one is not None:
                told += self._over(one)
            told += self._let_in()
        return told

    def close(self, closed: Closed) -> Outcome[TtsEvent]:
        if not self._finishing:
            raise client.ended(closed)
        return []

    def _over(self, one: Context) -> list[TtsEvent]:
        if one.complete:
            del self._by_id[one.id]
            return one.over()
        # It waited too long for more text; more of it gets another context.
        one.name, one.ready, one.flushed = self._name(), "", False
        self._waiting.insert(0, one)
        return []

    def _let_in(self) -> list[Act]:
        """Open contexts for those that wait and have something to say, as many as there is room for."""
        acts: list[Act] = []
        for one in list(self._waiting):
            if len(self._open) >= MOST_CONTEXTS:
                break
            if not one.ready and not one.complete:
                continue
            self._waiting.remove(one)
            self._open[one.name] = one
            acts.append(_say(one, text=" ", **self._opening))
            if one.ready:
                acts.append(_say(one, text=one.ready))
            if one.complete:
                acts += self._end(one)
            elif one.flushed:
                acts.append(_flush(one))
        self._keep_alive()
        return acts

    def _end(self, one: Context) -> list[Act]:
        """A flush alone is answered by nothing; a context that is closed tells when it has said its last word."""
        return [_flush(one), _say(one, close_context=True)]

    def _name(self) -> str:
        self._named += 1
        return f"c{self._named}"

    def _keep_alive(self) -> None:
        waiting = [one.name for one in self._open.values() if one is not None and not one.complete]
        self._acts[:] = [_keep(name) for name in waiting or ("",)]


def query(ask: SynthesisRequest) -> client.Parameters:
    """Write what holds for a whole socket."""
    found: list[tuple[str, str | int | float | bool]] = [
        ("model_id", ask.model),
        ("output_format", formats.named(ask.output)),
        ("inactivity_timeout", IDLE_SECONDS),
        ("sync_alignment", True),
    ]
    if ask.text_buffering != "provider":
        # Without it the first sound waits for 120 characters.
        found.append(("auto_mode", True))
    if (language := manner.language(ask.manner)) is not None:
        found.append(("language_code", language))
    if ask.ssml_allowed:
        found.append(("enable_ssml_parsing", True))
    inside = manner.SETTINGS | manner.OPENING | {"voice_settings", MULTI}
    return [*found, *((name, value) for name, value in ask.extras.items() if name not in inside)]


def opening(ask: SynthesisRequest) -> dict[str, Any]:
    """Write what is said with the first words of an utterance, and may not be said later."""
    found = {name: value for name, value in ask.extras.items() if name in manner.OPENING}
    if settings := manner.settings(ask.manner, ask.extras):
        found["voice_settings"] = settings
    return found


def warnings(ask: SynthesisRequest) -> list[Warned]:
    notes = Notes(strict=False)
    manner.left_out(ask.manner, notes)
    return [Warned("unsupported_parameter", one.message) for one in notes.all]


def fixed_voice() -> Warned:
    return Warned("unsupported_update", f"{client.NAME}'s voice is fixed for a session")


def _say(one: Context, **more: Any) -> Say:
    return Say(json_body({**more, "context_id": one.name}).decode())


def _flush(one: Context) -> Say:
    rest = one.words.rest()
    return _say(one, **({"text": rest} if rest else {}), flush=True)


def _keep(name: str) -> Say:
    return Say(json_body({"text": "", "context_id": name} if name else {"text": ""}).decode())
