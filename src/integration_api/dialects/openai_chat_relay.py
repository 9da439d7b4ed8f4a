"""Chat completions passed through as bytes: the caller's body out, the provider's events back.

A read that holds nothing but ordinary chunks costs a few searches at C speed and
no work for each event. Only reads with something in them that the caller should
not see, or the audit should, are looked at event by event.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

import re
from collections.abc import Mapping
from contextlib import suppress
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
from integration_api.dialects.openai_chat_reader import UNREADABLE
from integration_api.dialects.openai_chat_wire import read_usage
from integration_api.dialects.openai_errors import stream_fault
from integration_api.dialects.sse import Events

EXTENSION = "provider"
"""Our own field in a caller's body."""

DONE = b"data: [DONE]\n\n"

NOTHING_YET = b'"finish_reason":null}],"usage":null}\n\n'
NOTHING_SAID = b'"finish_reason":null}]}\n\n'
NULL_USAGE = b',"usage":null'
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

    return Relay("openai_chat", request, read, stream)


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
        self.id = self.id or seen.id or ""
        self.model = self.model or seen.model or ""
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
        if self._watch.id and (passed := self._ordinary(whole)) is not None:
            return passed
        return self._look(whole)

    def close(self) -> tuple[bytes, Tally]:
        if self._failure is not None:
            raise self._failure
        if self._events.rest.strip() == DONE.strip():  # Some leave out the last blank line.
            self._done = True
        if not self._done and self._watch.finish_reason is None:
            raise StreamCut(self._provider)
        return DONE, self._watch.tally()

    def _ordinary(self, whole: bytes) -> bytes | None:
        """Pass events of which each adds to the answer and says nothing else, or return None.

        Every such event ends in the two nulls. A quote inside a text is escaped, so
        the pattern cannot stand in what a model says.
        """
        passed = whole.replace(NOTHING_YET, NOTHING_SAID)
        ordinary, rest = divmod(len(whole) - len(passed), len(NULL_USAGE))
        if rest or whole.count(b"\n") != 2 * ordinary:
            return None
        return whole if self._shows_usage else passed

    def _look(self, whole: bytes) -> bytes:
        passed: list[bytes] = []
        for event in whole[:-2].split(b"\n\n"):
            if self._done:
                break
            try:
                shown = self._event(event)
            except ProviderError as failure:
                if not passed:
                    raise
                self._failure = failure
                break
            if shown:
                passed.append(shown)
        if not passed:
            return b""
        passed.append(b"")
        return b"\n\n".join(passed)

    def _event(self, event: bytes) -> bytes:
        data = data_of(event)
        if data is None:
            return event.strip(b"\n")
        if data.strip() == b"[DONE]":
            self._done = True
            return b""
        try:
            seen = WATCHED.decode(data)
        except UNREADABLE:
            # Not ours to judge: the caller speaks the same language, and the end will tell.
            return event
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
