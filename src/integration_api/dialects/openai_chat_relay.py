"""Chat completions passed through as bytes: the caller's body out, the provider's events back.

A read that holds nothing but ordinary chunks costs a few searches at C speed and
no work for each event. Only reads with something in them that the caller should
not see, or the audit should, are looked at event by event.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import ProviderError, StreamCut
from integration_api.core.exchange import HttpRequest, HttpResponse, decode
from integration_api.core.json import decode_any
from integration_api.core.llm import FinishReason, Usage
from integration_api.core.relay import RawBody, Relay, RelayedStream, Tally
from integration_api.dialects.openai_chat_dialect import Dialect
from integration_api.dialects.openai_chat_passing import passes
from integration_api.dialects.openai_chat_reader import UNREADABLE, unreadable_event
from integration_api.dialects.openai_chat_wire import read_usage
from integration_api.dialects.openai_errors import stream_fault
from integration_api.dialects.sse import Events

EXTENSION = "provider"
"""Our own field in a caller's body."""

DONE = b"data: [DONE]\n\n"

NULL_USAGE = b',"usage":null'
ENDS = ((b'"finish_reason":null}]}\n\n', 0), (b'"finish_reason":null}],"usage":null}\n\n', 1))
"""How an event ends that adds to the answer and says nothing else, and how often it then names its usage."""
USAGE = b'"usage"'
OBFUSCATION = re.compile(rb',\s*"obfuscation"\s*:\s*"[^"\\]*"')


class WatchedChoice(Struct, gc=False):
    finish_reason: str | None = None


class Watched(Struct, gc=False):
    """What is read of a completion in passing."""

    id: str | None = None
    model: str | None = None
    choices: list[WatchedChoice] | None = None
    usage: dict[str, Any] | None = None
    moderation: dict[str, Any] | None = None
    error: Any = None


WATCHED = msgspec.json.Decoder(Watched)
STREAM_OPTIONS = msgspec.json.Decoder(dict[str, Any] | None)
FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def relay(dialect: Dialect) -> Relay:
    """Offer to pass bodies of this language through to `dialect`'s provider."""

    def request(raw: RawBody, model: str, stream: bool, credential: Credential) -> HttpRequest:
        body: dict[str, Any] = dict(raw)
        body.pop(EXTENSION, None)
        body["model"] = model
        if stream:
            body["stream"] = True
            # Usage is always asked for: the audit wants it though the caller may not.
            body["stream_options"] = {
                **(dialect.stream_options or {}),
                **stream_options(raw),
                "include_usage": True,
            }
        return HttpRequest(
            method="POST",
            url=dialect.url(model, credential),
            headers=(("content-type", "application/json"), *dialect.headers(credential)),
            body=msgspec.json.encode(body),
            auth=dialect.auth(credential),
        )

    def read(reply: HttpResponse) -> Tally:
        seen = decode(reply, WATCHED)
        _look_for_failure(reply.body, seen, dialect.provider)
        watch = _Watch(dialect)
        watch.see(seen)
        return watch.tally()

    def stream(raw: RawBody) -> RelayedStream:
        options = stream_options(raw)
        return PassedStream(
            dialect,
            shows_usage=options.get("include_usage") is True,
            shows_obfuscation=options.get("include_obfuscation") is True,
        )

    return Relay("openai_chat", request, read, stream, partial(passes, dialect))


def stream_options(raw: RawBody) -> Mapping[str, Any]:
    """Return what the caller asked of its stream; nothing where that cannot be read."""
    asked = raw.get("stream_options")
    if asked is None:
        return {}
    try:
        return STREAM_OPTIONS.decode(asked) or {}
    except UNREADABLE:
        return {}


class _Watch:
    """What an audit record will say of the answer."""

    __slots__ = ("_dialect", "finish_reason", "id", "model", "usage")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.id = ""
        self.model = ""
        self.finish_reason: FinishReason | None = None
        self.usage = Usage()

    def see(self, seen: Watched) -> None:
        if not self.id:
            self.id, self.model = seen.id or "", seen.model or ""
        for choice in seen.choices or ():
            if choice.finish_reason:
                reasons = self._dialect.finish_reasons
                self.finish_reason = reasons.get(choice.finish_reason, FinishReason.OTHER)
        if seen.usage:
            # An odd count is no reason to break an answer that somebody else is reading.
            with suppress(msgspec.ValidationError):
                self.usage = read_usage(seen.usage)

    def tally(self) -> Tally:
        return Tally(id=self.id, model=self.model, finish_reason=self.finish_reason, usage=self.usage)


class PassedStream:
    """One streamed answer on its way through.

    The last event, `[DONE]`, is kept back until `close` says that the answer is whole.
    """

    __slots__ = (
        "_done", "_events", "_failure", "_provider", "_shows_obfuscation", "_shows_usage", "_watch",
    )  # fmt: skip

    def __init__(self, dialect: Dialect, *, shows_usage: bool, shows_obfuscation: bool) -> None:
        self._provider = dialect.provider
        self._shows_usage = shows_usage
        self._shows_obfuscation = shows_obfuscation
        self._events = Events()
        self._watch = _Watch(dialect)
        self._done = False
        self._failure: ProviderError | None = None

    def feed(self, chunk: bytes) -> bytes:
        """Return the events the caller may see of it so far.

        Raises `ProviderError` when the provider reports a failure, after all that came before it.
        """
        if self._failure is not None:
            raise self._failure
        whole = self._events.feed(chunk)
        if not whole or self._done:
            return b""
        # The first event names the answer, and the last ones tell how it ended.
        start = 0 if self._watch.id else whole.find(b"\n\n") + 2
        cut, nulls = _ordinary(whole, start) if _is_text(whole) else (start, False)
        if not start and cut == len(whole):
            return whole.replace(NULL_USAGE, b"") if nulls and not self._shows_usage else whole
        passed: list[bytes] = []
        try:
            self._look(whole[:start], passed)
            if start < cut and not self._done:
                plain = whole[start:cut]
                passed.append(plain.replace(NULL_USAGE, b"") if nulls and not self._shows_usage else plain)
            self._look(whole[cut:], passed)
        except ProviderError as failure:
            if not passed:
                raise
            self._failure = failure
        return b"".join(passed)

    def close(self) -> tuple[bytes, Tally]:
        if self._failure is not None:
            raise self._failure
        if self._events.rest.strip() == DONE.strip():  # Some leave out the last blank line.
            self._done = True
        if not self._done and self._watch.finish_reason is None:
            raise StreamCut(self._provider)
        return DONE, self._watch.tally()

    def _look(self, whole: bytes, passed: list[bytes]) -> None:
        for event in whole[:-2].split(b"\n\n") if whole else ():
            if self._done:
                return
            if shown := self._event(event):
                passed.append(shown + b"\n\n")

    def _event(self, event: bytes) -> bytes:
        data = data_of(event)
        if data is None:
            return event.strip(b"\n")
        if data.strip() == b"[DONE]":
            self._done = True
            return b""
        try:
            seen = WATCHED.decode(data)
        except UNREADABLE as error:
            if not _is_json(data):
                raise unreadable_event(self._provider, error) from None
            # Not ours to judge: the caller speaks the same language, and the end will tell.
            return event
        if not _is_text(data):
            raise unreadable_event(self._provider, UnicodeError())
        _look_for_failure(data, seen, self._provider)
        self._watch.see(seen)
        if not self._shows_obfuscation and b'"obfuscation"' in event:
            event = OBFUSCATION.sub(b"", event)
        if self._shows_usage or b'"usage"' not in event:
            return event
        event = event.replace(NULL_USAGE, b"")
        if b'"usage"' not in event:
            return event
        if seen.usage is not None and not seen.choices and seen.moderation is None:
            return b""
        return without(data_of(event) or data, "usage")


def _ordinary(whole: bytes, start: int) -> tuple[int, bool]:
    """Return up to where, from `start`, each event adds to the answer and says nothing else.

    And whether each of them says `usage: null`. Every such event is one line with one of two ends, which
    can not stand in what a model says, since a quote inside a text is escaped.
    """
    lines = whole.count(b"\n", start)
    if lines == 2 and whole.endswith(ENDS[0][0]) and USAGE not in whole:
        return len(whole), False
    for end, named in ENDS:
        events = whole.count(end, start)
        if events:
            cut = len(whole) if 2 * events == lines else whole.rfind(end) + len(end)
            if (cut == len(whole) or whole.count(b"\n", start, cut) == 2 * events) and (
                _usages(whole, start, cut) == named * events
            ):
                return cut, named == 1
    return start, False


def _usages(whole: bytes, start: int, cut: int) -> int:
    """Count where usage is named. A bare word is found to be missing in a third of the time: JSON is full of quotes."""
    return whole.count(USAGE, start, cut) if whole.find(b"usage", start, cut) >= 0 else 0


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_json(data: bytes) -> bool:
    try:
        decode_any(data)
    except UNREADABLE:
        return False
    return True


def _look_for_failure(data: bytes, seen: Watched, provider: str) -> None:
    """Raise what the provider reports in place of an answer."""
    if seen.error:
        raise stream_fault(data, provider=provider)
    if seen.choices is None and seen.usage is None and seen.moderation is None:
        match decode_any(data):
            case {"object": "error"} | {"message": str() | dict()} | {"detail": str() | list()}:
                raise stream_fault(data, provider=provider)


def data_of(event: bytes) -> bytes | None:
    """Return an event's data, or None for one that has none, such as a comment."""
    if event.startswith(b"data: ") and b"\n" not in event:
        return event[6:]
    lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None


def without(data: bytes, field: str) -> bytes:
    """Return an event with `field` taken out of its object, every other value as its bytes were."""
    fields = FIELDS.decode(data)
    fields.pop(field, None)
    return b"data: " + msgspec.json.encode(fields)
