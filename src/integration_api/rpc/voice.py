"""What both live speech methods share: how they begin, envelopes, and telling a caller what went wrong."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from integration_api.core.errors import Failure, Kind
from integration_api.dialects.voice_messages import write_error
from integration_api.proto import voice_pb2 as wire
from integration_api.rpc.methods import Ask
from integration_api.rpc.reading import parsed
from integration_api.services import clock
from integration_api.services.call import Call
from integration_api.services.particulars import call_headers
from integration_api.services.voice import START_SECONDS

Said = TypeVar("Said", bound=Message)
Event = TypeVar("Event")


class Teller(Protocol):
    """Who tells something: a leg of a live session, or whoever speaks a text whole."""

    @property
    def call(self) -> Call: ...
    @property
    def request_id(self) -> str: ...


class Line:
    """A caller's stream and what is told on it."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._seq = 0
        self._started = clock.perf()

    def envelope(self, teller: Teller | None = None, *, provider: str = "") -> wire.Envelope:
        """Number the next message."""
        if self._seq == 0 and teller is not None:
            self._ask.call.initial_metadata += call_headers(teller.call)
        made = wire.Envelope(
            session_id=self._ask.request_id,
            seq=self._seq,
            mono_time_us=int((clock.perf() - self._started) * 1_000_000),
            provider=provider if teller is None else teller.call.target.provider.name,
            provider_request_id="" if teller is None else teller.request_id,
        )
        self._seq += 1
        return made

    def failed(self, error: Failure, server: type[Any]) -> list[bytes]:
        """Return the last messages of a session that did not end well."""
        told = server(envelope=self.envelope(), error=write_error(error))
        closed = server(envelope=self.envelope(), closed=wire.Closed(reason="error"))
        return [told.SerializeToString(), closed.SerializeToString()]


async def live(
    ask: Ask,
    open: Callable[[], Awaitable[AsyncGenerator[tuple[Teller, list[Event]], None]]],
    write: Callable[[Event, wire.Envelope], Message],
    server: type[Any],
) -> AsyncGenerator[bytes, None]:
    """Yield what the session that `open` gives tells, each event in its envelope, and what goes wrong last: that is
    raised, too.
    """
    line = Line(ask)
    try:
        async with aclosing(await open()) as told:
            async for teller, events in told:
                for event in events:
                    yield write(event, line.envelope(teller)).SerializeToString()
    except Failure as error:
        for frame in line.failed(error, server):
            yield frame
        raise


async def first_of(messages: AsyncIterator[bytearray], into: type[Said], word: str = "start") -> Said:
    """Return the first message. Raises `Failure` when there is none in time."""
    try:
        async with asyncio.timeout(START_SECONDS):
            return parsed(await anext(messages), into)
    except (TimeoutError, StopAsyncIteration):
        raise start_required(word) from None


def start_required(word: str = "start") -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"say `{word}` first", code=f"{word}_required")


def not_understood(known: str) -> Failure:
    """Build the error for a message that says none of what can be said."""
    return Failure(Kind.INVALID_REQUEST, f"the message is none of {known}", code="invalid_message")
