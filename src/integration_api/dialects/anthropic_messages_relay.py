"""Anthropic's own bytes on their way to a caller who speaks Anthropic's language.

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from typing import Any

import msgspec

from integration_api.core.errors import ProviderError, StreamCut
from integration_api.core.exchange import HttpResponse, decode
from integration_api.core.llm import Finish
from integration_api.core.relay import RawBody, RelayedStream, Tally
from integration_api.dialects import anthropic_messages_answer as answer
from integration_api.dialects import anthropic_messages_wire as wire
from integration_api.dialects.anthropic_messages_errors import stream_error, unreadable_event
from integration_api.dialects.sse import Events, SseFraming

MOST_EVENT_BYTES = 33_554_432
"""A fetched document comes inside one event; Anthropic's own limit of a request is 32 MB."""

_WATCHED = (b"message_", b"error")
"""What a piece must hold to be worth reading; text that happens to hold it costs a look, no more."""


def relayed_body(body: RawBody, model: str, *, stream: bool) -> dict[str, Any]:
    """Return the caller's body for another model id, every other value in the caller's own bytes."""
    sent: dict[str, Any] = dict(body)
    sent["model"] = model
    if stream:
        sent["stream"] = True
    else:
        sent.pop("stream", None)
    return sent


def read(reply: HttpResponse) -> Tally:
    """Read a whole answer in passing. Raises `ProviderError` when it is none."""
    message = decode(reply, wire.MESSAGE)
    return Tally(
        id=message.id,
        model=message.model,
        finish_reason=answer.finish(message.stop_reason, None, None).reason,
        usage=answer.usage(message.usage),
    )


def watching(provider: str) -> RelayedStream:
    return _Watch(provider)


class _Watch:
    """Lets whole events through, reads the few that count, and keeps the last one back."""

    __slots__ = ("_broken", "_counts", "_end", "_ending", "_events", "_opening", "_provider")

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._events = Events(MOST_EVENT_BYTES)
        self._opening: wire.Opening | None = None
        self._counts: dict[str, Any] = {}
        self._ending: Finish | None = None
        self._end = b""
        """`message_stop`, held until the body has ended: by then the call is accounted for."""
        self._broken: ProviderError | None = None

    def feed(self, chunk: bytes) -> bytes:
        if self._broken is not None:
            raise self._broken
        whole = self._events.feed(chunk)
        if self._end or not whole:
            return b""  # Nothing comes after the end.
        if _WATCHED[0] in whole or _WATCHED[1] in whole:
            return self._read(whole)
        return whole

    def close(self) -> tuple[bytes, Tally]:
        # The blank line after the last event is easily lost.
        passed = self.feed(b"\n") if self._events.rest[-1:] == b"\n" else b""
        if self._broken is not None:
            raise self._broken
        if not self._end or self._opening is None:
            raise StreamCut(self._provider)
        return passed + self._end, Tally(
            id=self._opening.id,
            model=self._opening.model,
            finish_reason=self._ending.reason if self._ending else None,
            usage=answer.usage(self._counts),
        )

    def _read(self, whole: bytes) -> bytes:
        passed = 0
        for event in whole.split(b"\n\n")[:-1]:
            after = passed + len(event) + 2
            try:
                self._look(event)
            except ProviderError as error:
                if not passed:
                    raise
                self._broken = error  # What came before it was said, and is passed on first.
                return whole[:passed]
            if self._end:
                self._end = whole[passed:after]
                return whole[:passed]
            passed = after
        return whole

    def _look(self, event: bytes) -> None:
        if _WATCHED[0] not in event and _WATCHED[1] not in event:
            return
        for frame in SseFraming(MOST_EVENT_BYTES).feed(event + b"\n\n"):
            try:
                name = frame.name or wire.NAMED.decode(frame.data).type
                match name:
                    case "message_start":
                        message = wire.MESSAGE_START.decode(frame.data).message
                        self._opening = self._opening or message
                        self._count(message.usage)
                    case "message_delta":
                        change = wire.MESSAGE_DELTA.decode(frame.data)
                        if change.delta.stop_reason is not None:
                            self._ending = answer.finish(change.delta.stop_reason, None, None)
                        self._count(change.usage)
                    case "message_stop":
                        self._end = event
                    case "error":
                        raise stream_error(frame.data, self._provider)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise unreadable_event(self._provider) from None

    def _count(self, counts: dict[str, Any]) -> None:
        self._counts |= {name: value for name, value in counts.items() if value is not None}
