"""What both of Azure's live voices have in common: one turn at a time on a socket that is kept for the next."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from integration_api.core.credential import Credential
from integration_api.core.exchange import json_body
from integration_api.core.session import Act, Began, Closed, HangUp, KeepAlive, Message, Outcome, Redial, Say
from integration_api.core.tts import Mark, Sound, SynthesisRequest, Timestamps, TtsEvent
from integration_api.dialects.one_at_a_time import OneAtATime
from integration_api.providers.azure_speech import client, formats, usp, wire

DEFAULT_VOICE = "en-US-JennyNeural"


class Turns(ABC):
    """The turns of one socket. There is no word to stop one: whoever wants that hangs up and dials anew."""

    keep_alive: KeepAlive | None = None

    def __init__(self, path: str, ask: SynthesisRequest, credential: Credential) -> None:
        self.request = client.socket("tts", path, credential)
        self._ask = ask
        self._name = ask.voice or (ask.model if "-" in ask.model else DEFAULT_VOICE)
        self._manner = ask.manner
        self._format = formats.name(ask.output)
        self._queue = OneAtATime(self._speak, self._end, self._flush)
        self._names = usp.Names({})
        self._turn = ""
        """The request of the turn that goes on, if any."""
        self._text = ""
        """What has been said of the present utterance, without its marks."""
        self._found = 0
        """How far into it words have been told."""
        self._sound = 0
        """Bytes of it so far."""
        self._base_ms = 0
        """Where in it the turn began."""
        self._spoken = False
        """Whether a turn has come to its end."""
        self._gone = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[TtsEvent]:
        self._names = usp.Names(headers)
        config = usp.config(self._names.at(0))
        return [config, Began(headers.get("x-requestid", self._names.next()))]

    def text(self, utterance_id: str, text: str, *, ssml: bool = False) -> Outcome[TtsEvent]:
        return self._queue.text(utterance_id, text, ssml=ssml)

    def end_utterance(self, utterance_id: str) -> Outcome[TtsEvent]:
        return self._queue.end(utterance_id)

    def flush(self, utterance_id: str) -> Outcome[TtsEvent]:
        return self._queue.flush(utterance_id)

    def cancel(self, utterance_id: str, played_ms: int | None) -> Outcome[TtsEvent]:
        if not self._queue.cancel(utterance_id):
            return []
        if not self._turn:
            return self._next()
        self._gone = True
        return [Redial()]

    def finish(self) -> Outcome[TtsEvent]:
        self._gone = True
        return [HangUp()]

    def feed(self, message: Message) -> Outcome[TtsEvent]:
        heard = usp.read(message)
        current = self._queue.current
        if current is None or heard.request != self._turn:
            return []
        match heard.path:
            case "audio" if heard.body:
                self._sound += len(heard.body)
                return [Sound(current, heard.body)]
            case "audio.metadata":
                items = self._marks(wire.SPOKEN.decode(heard.body))
                return [Timestamps(utterance_id=current, granularity="word", items=items)] if items else []
            case "turn.end":
                self._turn, self._spoken = "", True
                return self._over(current)
            case _:
                return []

    def close(self, closed: Closed) -> Outcome[TtsEvent]:
        if self._gone:
            return []
        if self._spoken and self._queue.current is None:
            return [Redial()]  # Nobody had spoken for some time.
        raise client.ended(closed)

    # --- turns -------------------------------------------------------------------------------

    @abstractmethod
    def _speak(self, id: str, text: str, ssml: bool) -> list[Act]: ...

    @abstractmethod
    def _end(self, id: str) -> list[Act]: ...

    @abstractmethod
    def _flush(self, id: str) -> list[Act]: ...

    @abstractmethod
    def _over(self, current: str) -> list[Any]: ...

    def _begin_turn(self, synthesis: dict[str, Any], *, words: bool = False) -> Say:
        self._turn = self._names.next()
        self._base_ms = self._ask.output.milliseconds(self._sound)
        options = {
            "visemeEnabled": False,
            "bookmarkEnabled": False,
            "wordBoundaryEnabled": words,
            "punctuationBoundaryEnabled": False,
            "sentenceBoundaryEnabled": False,
            "sessionEndEnabled": False,
        }
        audio = {"outputFormat": self._format, "metadataOptions": options}
        asked = {"audio": audio, "language": {"autoDetection": False}, **synthesis, **self._ask.extras}
        return self._say("synthesis.context", json_body({"synthesis": asked}).decode())

    def _say(self, path: str, body: str, kind: str = "") -> Say:
        return usp.text(path, self._turn, self._names.at(0), body, kind)

    def _next(self) -> list[Act]:
        self._text, self._found, self._sound = "", 0, 0
        return self._queue.next()

    def _changed(self, voice: str | None, speed: float | None) -> None:
        """Change who speaks from the next turn on."""
        self._name = voice or self._name
        self._manner = replace(self._manner, speed=self._manner.speed if speed is None else speed)

    def _marks(self, told: wire.Metadata) -> tuple[Mark, ...]:
        found = []
        for one in told.metadata:
            if one.type != "WordBoundary" or one.data.text.boundary_type == "PunctuationBoundary":
                continue
            word = one.data.text.text
            start = self._text.find(word, self._found)
            if start >= 0:
                self._found = start + len(word)
            found.append(
                Mark(
                    text=word,
                    start_ms=self._base_ms + wire.milliseconds(one.data.offset),
                    end_ms=self._base_ms + wire.milliseconds(one.data.offset + one.data.duration),
                    char_start=start if start >= 0 else None,
                    char_end=start + len(word) if start >= 0 else None,
                )
            )
        return tuple(found)
