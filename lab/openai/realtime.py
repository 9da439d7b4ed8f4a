"""OpenAI's realtime transcription (developers.openai.com/api/docs/guides/realtime-transcription).

What is said of times follows recorded sessions of the same service at Azure: a turn has the padding before it and the
silence behind it.
"""

import asyncio
import json
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Coroutine
from contextlib import suppress
from math import log
from typing import Any

from lab.ear import SILENCE_MS, Ear, Moment
from lab.faults import directives
from lab.http import Call, Peer, Response
from lab.openai import client
from lab.openai.audio import DIARIZING, LISTING, WHISPER
from lab.script import Answer
from lab.sockets import Broken, Fate, Opened

STREAMING = ("gpt-live-transcribe", "gpt-realtime-whisper")
"""They write while somebody speaks, and hear no turns."""
LISTS = (LISTING, "gpt-live-transcribe")
UNPROMPTED = (DIARIZING, "gpt-realtime-whisper")
MODELS = (
    WHISPER, "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe-2025-12-15", DIARIZING, LISTING,
    *STREAMING,
)  # fmt: skip
FORMATS = {"audio/pcm": 48, "audio/pcmu": 8, "audio/pcma": 8}
"""Bytes a millisecond."""
SPOKEN = frozenset({"model", "language", "languages", "keywords", "prompt", "delay"})
TURNS: dict[str, dict[str, Any]] = {
    "server_vad": {
        "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500, "idle_timeout_ms": None,
    },
    "semantic_vad": {"eagerness": "auto"},
}  # fmt: skip
"""Each kind's options, as they are where nobody says otherwise."""
UNUSED = frozenset({"type", "create_response", "interrupt_response"})
LOGPROBS = "item.input_audio_transcription.logprobs"
LEAST_MS = 100
MOST_MS = 3_600_000
"""How long a session lasts: the lab counts its sound."""
TRANSCRIPTION = "conversation.item.input_audio_transcription"


class Wrong(Exception):
    """An event that OpenAI would refuse; the session goes on."""

    def __init__(self, message: str, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def live(call: Call) -> Response:
    """GET /v1/realtime. Raises `Refused`; how the real service refuses an address is not documented."""
    client.admit(call)
    if call.query.get("intent") != "transcription":
        client.refuse(call, "The lab serves transcription sessions only.", param="intent")
    if "model" in call.query:
        words = "You must not provide a model parameter for transcription sessions."
        client.refuse(call, words, param="model", code="invalid_model")
    return Opened([("x-request-id", f"req_{call.serial:032x}")], Transcription(call).talk)


class Transcription:
    """One session."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.input: dict[str, Any] = {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": {"type": "server_vad", **TURNS["server_vad"]},
        }
        self.include: list[str] | None = None
        self.answer: Answer | None = None
        self.ear: Ear | None = None
        self.serial = self.items = 0
        self.last: str | None = None
        """The latest item that was committed."""
        self.open: str | None = None
        """The one that is being said."""
        self.kept: tuple[Moment, ...] = ()
        self.written = ""
        """What of it a model that writes at once has told."""
        self.floor = 0.0
        """Up to where in the sound all is committed."""
        self.writers: set[asyncio.Task[None]] = set()

    @property
    def turns(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.input["turn_detection"]
        return found

    @property
    def model(self) -> str:
        return directives(self.call.model).base

    @property
    def now(self) -> float:
        return 0.0 if self.ear is None else self.ear.now_ms

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        self.answer = self.call.take()
        await self.say(peer, "session.created", session=self.session())
        try:
            while (message := await fate.receive()) is not None:
                try:
                    await self.obey(peer, message)
                except Wrong as wrong:
                    await self.refuse(peer, str(wrong), wrong.code, wrong.param, message)
                await fate.at(self.now)
                if self.now > fate.limit(MOST_MS):
                    words = "Your session hit the maximum duration of 60 minutes."
                    await self.refuse(peer, words, "session_expired", None, "{}")
                    await peer.close(1001, words)
                    return
        except Broken:
            return
        finally:
            for writer in self.writers:
                writer.cancel()

    async def obey(self, peer: Peer, message: str | bytes) -> None:
        said = _read(message)
        match said.get("type"):
            case "session.update":
                self.update(said.get("session"))
                await self.say(peer, "session.updated", session=self.session())
            case "input_audio_buffer.append":
                await self.listen(peer, _sound(said.get("audio")))
            case "input_audio_buffer.commit":
                await self.commit(peer)
            case "input_audio_buffer.clear":
                self.floor = self.now
                self.open, self.kept, self.written = None, (), ""
                await self.say(peer, "input_audio_buffer.cleared")
            case other:
                raise Wrong(f"Invalid value: '{other}'.", "invalid_value", "type")

    # --- the session's settings --------------------------------------------------------------

    def update(self, asked: Any) -> None:
        session = _object(asked, "session", {"type", "audio", "include"})
        if session.get("type") != "transcription":
            words = "Passing a realtime session update event to a transcription session is not allowed."
            raise Wrong(words, "invalid_parameter", "session.type")
        audio = _object(session.get("audio") or {}, "session.audio", {"input"})
        given = _object(audio.get("input") or {}, "session.audio.input", set(self.input))
        spoken = given.get("transcription", self.input["transcription"])
        if spoken is not None:
            self._check_spoken(_object(spoken, "session.audio.input.transcription", SPOKEN))
        checked = dict(given)
        if "format" in given:
            checked["format"] = _format(given["format"])
        if "turn_detection" in given:
            checked["turn_detection"] = self._turns(given["turn_detection"], spoken or {})
        elif spoken is not None and _base(spoken).startswith(STREAMING):
            checked["turn_detection"] = None
        if session.get("include") not in (None, [LOGPROBS]):
            raise Wrong("Invalid value in 'session.include'.", "invalid_value", "session.include")
        self.include = session.get("include", self.include)
        self.input |= checked
        if spoken is not None:
            self.call.model = spoken["model"]

    def _check_spoken(self, spoken: dict[str, Any]) -> None:
        where = "session.audio.input.transcription"
        base = _base(spoken)
        if base not in MODELS:
            quoted = spoken.get("model")
            raise Wrong(
                f"Model '{quoted}' is not supported for transcription.", "invalid_model", f"{where}.model"
            )
        for name in {"keywords", "languages"} & spoken.keys() if base not in LISTS else ():
            raise Wrong(f"'{name}' is not supported for {base}.", "unsupported_parameter", f"{where}.{name}")
        if spoken.get("prompt") and base in UNPROMPTED:
            raise Wrong(f"'prompt' is not supported for {base}.", "unsupported_parameter", f"{where}.prompt")
        if spoken.get("delay") and base != "gpt-realtime-whisper":
            raise Wrong(f"'delay' is not supported for {base}.", "unsupported_parameter", f"{where}.delay")
        for language in [*(spoken.get("languages") or ()), spoken.get("language") or "en"]:
            if not (language.isalpha() and len(language) in (2, 3)):
                words = f"Invalid language '{language}'. Language parameter must be specified in ISO-639-1 format."
                raise Wrong(words, "invalid_language_format", f"{where}.language")

    def _turns(self, given: Any, spoken: dict[str, Any]) -> dict[str, Any] | None:
        where = "session.audio.input.turn_detection"
        if given is None:
            return None
        if _base(spoken).startswith(STREAMING):
            raise Wrong(f"Turn detection is not supported for {spoken['model']}.", "invalid_value", where)
        defaults = TURNS.get(str(given.get("type")) if isinstance(given, dict) else "")
        if defaults is None:
            raise Wrong(f"Invalid value of '{where}.type'.", "invalid_value", f"{where}.type")
        return {"type": given["type"], **defaults, **_object(given, where, {*defaults, *UNUSED})}

    def session(self) -> dict[str, Any]:
        return {
            "type": "transcription", "object": "realtime.transcription_session", "id": f"sess_{self.call.serial:021d}",
            "expires_at": 1_900_000_000, "audio": {"input": self.input}, "include": self.include,
        }  # fmt: skip

    # --- sound -------------------------------------------------------------------------------

    async def listen(self, peer: Peer, sound: bytes) -> None:
        if self.ear is None:
            silence = SILENCE_MS if self.turns is None else self.turns.get("silence_duration_ms", SILENCE_MS)
            self.ear = Ear(self.answer, silence_ms=silence)
        for moment in self.ear.hear(len(sound) / FORMATS[self.input["format"]["type"]]):
            match moment.kind:
                case "start" if self.turns is not None and self.open is None:
                    self.open = self.next_item()
                    at = max(self.floor, moment.at_ms - self.turns.get("prefix_padding_ms", 0))
                    await self.say(
                        peer, "input_audio_buffer.speech_started", audio_start_ms=round(at), item_id=self.open
                    )
                case "interim" if self.model.startswith(STREAMING):
                    await self.write_on(peer, moment)
                case "final":
                    self.kept = (*self.kept, moment)
                    if self.model.startswith(STREAMING):
                        await self.write_on(peer)
                case "end" if self.turns is not None and (self.open or self.kept):
                    self.open = self.open or self.next_item()
                    await self.say(
                        peer,
                        "input_audio_buffer.speech_stopped",
                        audio_end_ms=moment.at_ms,
                        item_id=self.open,
                    )
                    await self.item(peer, moment.at_ms)
                case _:
                    pass

    async def write_on(self, peer: Peer, *now: Moment) -> None:
        """Tell what was said since anything was told."""
        self.open = self.open or self.next_item()
        whole = " ".join(one.text for one in (*self.kept, *now))
        delta, self.written = whole[len(self.written) :], whole
        if delta:
            await self.say(peer, f"{TRANSCRIPTION}.delta", item_id=self.open, content_index=0, delta=delta)

    async def commit(self, peer: Peer) -> None:
        if self.now - self.floor < LEAST_MS:
            raise Wrong(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer "
                f"only has {self.now - self.floor:.2f}ms of audio.",
                "input_audio_buffer_commit_empty",
            )
        if self.ear is not None:
            self.kept = (*self.kept, *self.ear.finalize())
        self.open = self.open or self.next_item()
        await self.item(peer, self.now)

    def next_item(self) -> str:
        self.items += 1
        return f"item_{self.call.serial:08d}{self.items:013d}"

    async def item(self, peer: Peer, up_to: float) -> None:
        """Make an item of what is in the buffer up to a place, and have it written down."""
        id, previous = self.open or "", self.last
        item = {
            "id": id, "object": "realtime.item", "type": "message", "role": "user", "status": "completed",
            "content": [{"type": "input_audio", "transcript": None}],
        }  # fmt: skip
        await self.say(peer, "input_audio_buffer.committed", item_id=id, previous_item_id=previous)
        await self.say(peer, "conversation.item.added", item=item, previous_item_id=previous)
        await self.say(peer, "conversation.item.done", item=item, previous_item_id=previous)
        if self.model.startswith(STREAMING):
            await self.write_on(peer)
        seconds, kept = (up_to - self.floor) / 1000, self.kept
        self.last, self.open, self.kept, self.written, self.floor = id, None, (), "", up_to
        writing = self.write(peer, id, kept, seconds)
        if self.answer is None or not self.answer.gap_ms:
            await writing
        else:
            self.writers.add(asyncio.ensure_future(_unless_left(writing)))

    # --- texts -------------------------------------------------------------------------------

    async def write(self, peer: Peer, id: str, kept: tuple[Moment, ...], seconds: float) -> None:
        """Write an item down; with a gap between its words, a shorter one that comes later is done before it."""
        about = {"item_id": id, "content_index": 0}
        if self.answer is not None and self.answer.refusal:
            error = {
                "type": "transcription_error", "code": self.answer.refusal, "param": None,
                "message": "The audio could not be transcribed.",
            }  # fmt: skip
            await self.say(peer, f"{TRANSCRIPTION}.failed", **about, error=error)
            return
        text = " ".join(one.text for one in kept)
        words = [word if place == 0 else f" {word}" for place, word in enumerate(text.split())]
        sure = {"logprobs": _logprobs(words, kept)} if self.include else {}
        for delta in self.deltas(text, words):
            await asyncio.sleep((self.answer.gap_ms if self.answer else 0) / 1000)
            await self.say(peer, f"{TRANSCRIPTION}.delta", **about, delta=delta)
        languages = {"languages": [{"code": one.said.language} for one in kept[:1]]}
        await self.say(
            peer, f"{TRANSCRIPTION}.completed", **about, transcript=text, usage=self.cost(words, seconds),
            **(languages if self.model == LISTING else {}), **sure,
        )  # fmt: skip

    def deltas(self, text: str, words: list[str]) -> list[str]:
        if self.model.startswith(STREAMING) or not text:
            return []
        return [text] if self.model == WHISPER else words

    def cost(self, words: list[str], seconds: float) -> dict[str, Any]:
        if self.model in (WHISPER, *STREAMING):
            return {"type": "duration", "seconds": round(seconds, 3)}
        heard = round(seconds * 10)
        return {
            "type": "tokens", "total_tokens": heard + len(words), "input_tokens": heard, "output_tokens": len(words),
            "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
        }  # fmt: skip

    # --- events ------------------------------------------------------------------------------

    async def refuse(
        self, peer: Peer, words: str, code: str, param: str | None, message: str | bytes
    ) -> None:
        try:
            about = _read(message).get("event_id")
        except Wrong:
            about = None
        error = {
            "type": "invalid_request_error", "code": code, "message": words, "param": param, "event_id": about,
        }  # fmt: skip
        await self.say(peer, "error", error=error)

    async def say(self, peer: Peer, type: str, **more: Any) -> None:
        self.serial += 1
        await peer.send(json.dumps({"type": type, "event_id": f"event_{self.serial:021d}", **more}))


async def _unless_left(writing: Coroutine[Any, Any, None]) -> None:
    with suppress(ConnectionResetError):
        await writing


def _base(spoken: dict[str, Any]) -> str:
    return directives(str(spoken.get("model") or "")).base


def _read(message: str | bytes) -> dict[str, Any]:
    try:
        said = json.loads(message)
    except ValueError:
        said = None
    if not isinstance(said, dict) or isinstance(message, bytes):
        raise Wrong("We could not parse the JSON of your event.", "invalid_json")
    return said


def _object(value: Any, where: str, allowed: set[str] | frozenset[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Wrong(f"Invalid type for '{where}': expected an object.", "invalid_type", where)
    for name in value.keys() - allowed:
        raise Wrong(f"Unknown parameter: '{where}.{name}'.", "unknown_parameter", f"{where}.{name}")
    return value


def _format(given: Any) -> dict[str, Any]:
    where = "session.audio.input.format"
    form = _object(given, where, {"type", "rate"})
    if form.get("type") not in FORMATS:
        raise Wrong(f"Invalid value of '{where}.type'.", "invalid_value", f"{where}.type")
    if form.get("rate", 24_000) != 24_000 or ("rate" in form and form["type"] != "audio/pcm"):
        raise Wrong(f"Invalid value of '{where}.rate'.", "invalid_value", f"{where}.rate")
    return form


def _sound(given: Any) -> bytes:
    try:
        return b64decode(given, validate=True)
    except (NotBase64, ValueError, TypeError):
        raise Wrong("Invalid 'audio': expected base64.", "invalid_value", "audio") from None


def _logprobs(words: list[str], kept: tuple[Moment, ...]) -> list[dict[str, Any]]:
    confidence = kept[0].said.confidence if kept else 1.0
    return [{"token": word, "logprob": log(confidence), "bytes": list(word.encode())} for word in words]
