"""A session on a socket: what is heard where it arrives, and what waits its turn."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from io import StringIO
from time import perf_counter
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import HttpRequest, HttpResponse
from integration_api.core.session import Began, Closed, KeepAlive, Message, Outcome, Say
from integration_api.services.leg import Conversation
from integration_api.telemetry.log import Log
from integration_api.transport.drive import Transport
from integration_api.transport.egress import EgressGuard
from integration_api.transport.limits import SocketLimits, TransportLimits
from integration_api.transport.trace import Trace


class Echo:
    """A session whose events are what it hears. It answers `ask`, and can not read `bad`."""

    keep_alive: KeepAlive | None = None

    def __init__(self, url: str) -> None:
        self.request = HttpRequest(method="GET", url=url, upgrade=())
        self.fed: list[Message] = []

    def begin(self, headers: object) -> Outcome[Any]:
        return [Began()]

    def say(self, *words: Message) -> Outcome[Any]:
        return [*map(Say, words), "said"]

    def feed(self, message: Message) -> Outcome[Any]:
        self.fed.append(message)
        if message == "bad":
            raise ValueError("not to be read")
        if message == "mistake":
            raise KeyError("of ours, with a secret in it")
        return [message, Say("answer")] if message == "ask" else [message]

    def finish(self) -> Outcome[Any]:
        return []

    def close(self, closed: Closed) -> Outcome[Any]:
        return ["closed"]


def refused(reply: HttpResponse) -> ProviderError:
    return ProviderError(Kind.UPSTREAM, str(reply.status), provider="p")


async def repeat(socket: ServerConnection) -> None:
    async for message in socket:
        if message == "bye":
            return
        await socket.send(message)


@asynccontextmanager
async def opened(
    sink: Callable[[Sequence[Any]], bool],
    log: StringIO | None = None,
    provider: Callable[[ServerConnection], Awaitable[None]] = repeat,
) -> AsyncIterator[tuple[Conversation[Echo], list[Any], Any]]:
    """A conversation with a provider who repeats what it is told; what is yielded, and the task that listens."""
    async with serve(provider, "127.0.0.1", 0, compression=None) as server:
        guard = EgressGuard(["127.0.0.1/32"], allow_http=True)
        transport = Transport(guard, TransportLimits(socket=SocketLimits(), retries=0))
        session = Echo(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        talk = Conversation(session, transport, refused, None, None, Trace(perf_counter()), Log("error", log))
        await talk.open()
        yielded: list[Any] = []

        async def listen() -> None:
            async for events in talk.events(sink):
                yielded.extend(events)

        listening = asyncio.create_task(listen())
        await asyncio.sleep(0)
        try:
            yield talk, yielded, listening
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await talk.close()
            await transport.close()


async def test_what_a_sink_declines_is_told_in_its_turn_and_nothing_is_heard_twice() -> None:
    at_once: list[Any] = []

    def sink(events: Sequence[Any]) -> bool:
        if any(not isinstance(one, bytes) for one in events):
            return False
        at_once.extend(events)
        return True

    async with opened(sink) as (talk, yielded, listening):
        assert talk.ready
        assert talk.tell_at_once(talk.session.say, b"1", b"2") == ["said"]
        assert talk.tell_at_once(talk.session.say, "ask", b"3", "bye") == ["said"]
        async with asyncio.timeout(60):
            await listening
        heard = [b"1", b"2", "ask", b"3", "answer"]
        # The provider left before or after it repeated our answer, and 3 came before or after `ask` was minded.
        assert talk.session.fed in (heard, heard[:4])
        assert at_once[:2] == [b"1", b"2"]
        assert [one for one in yielded if one not in (b"3", "answer")] == ["ask", "closed"]
        assert (at_once + yielded).count(b"3") == 1
        assert talk.heard


async def test_what_is_said_at_one_time_stays_together_where_the_provider_reads_slowly() -> None:
    reads, heard = asyncio.Event(), list[Any]()

    async def slow(socket: ServerConnection) -> None:
        await reads.wait()
        heard.extend([message[:1] async for message in socket if message != "bye"])

    async with opened(lambda _: False, provider=slow) as (talk, _, _):
        first = [b"1" * 2**18] * 40
        telling = [asyncio.create_task(talk.tell(talk.session.say, *first))]
        await asyncio.sleep(0)
        assert not talk.ready
        telling.append(asyncio.create_task(talk.tell(talk.session.say, b"2")))
        await asyncio.sleep(0)
        reads.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*telling)
            await talk.close()
            while len(heard) < 41:
                await asyncio.sleep(0.01)
    assert heard == [b"1"] * 40 + [b"2"]


async def test_what_a_session_answers_is_said_before_what_it_is_told_later() -> None:
    later: list[Any] = []

    def sink(events: Sequence[Any]) -> bool:
        if "ask" in events:
            # Before whoever listens has woken up.
            later.append(
                asyncio.get_running_loop().call_soon(talk.tell_at_once, talk.session.say, "later", "bye")
            )
        return False

    async with opened(sink) as (talk, yielded, listening):
        talk.tell_at_once(talk.session.say, "ask")
        async with asyncio.timeout(60):
            await listening
    assert talk.session.fed[:3] == ["ask", "answer", "later"]
    assert yielded == ["ask", "answer", "later", "closed"]


async def test_what_was_heard_and_is_to_be_forgotten_is_not_told() -> None:
    def sink(events: Sequence[Any]) -> bool:
        if b"1" in events:
            # Before whoever listens has woken up.
            asyncio.get_running_loop().call_soon(talk.forget, lambda one: one == b"1")
        return False

    async with opened(sink) as (talk, yielded, listening):
        talk.tell_at_once(talk.session.say, b"1")
        talk.forget(lambda _: True)  # Nothing was heard yet.
        talk.tell_at_once(talk.session.say, b"2", "bye")
        async with asyncio.timeout(60):
            await listening
    assert yielded == [b"2", "closed"]


async def test_what_can_not_be_read_fails_whoever_listens() -> None:
    async with opened(lambda _: True) as (talk, yielded, listening):
        talk.tell_at_once(talk.session.say, b"1", "bad", b"2")
        async with asyncio.timeout(60):
            with pytest.raises(ProviderError) as failed:
                await listening
        assert failed.value.kind is Kind.BAD_RESPONSE
        assert yielded == []
        assert talk.session.fed == [b"1", "bad"]


def declines(events: Sequence[Any]) -> bool:
    return False


def errs(events: Sequence[Any]) -> bool:
    raise KeyError("of ours, with a secret in it")


@pytest.mark.parametrize("sink, said", [(declines, "mistake"), (lambda _: True, "mistake"), (errs, b"1")])
async def test_a_mistake_of_ours_ends_the_session_and_is_logged(
    sink: Callable[[Sequence[Any]], bool], said: Message
) -> None:
    log = StringIO()
    async with opened(sink, log) as (talk, _, listening):
        await talk.tell(talk.session.say, b"0", said, b"2")
        async with asyncio.timeout(60):
            with pytest.raises(ProviderError) as failed:
                await listening
    assert (failed.value.kind, failed.value.message) == (Kind.INTERNAL, "internal error")
    line = json.loads(log.getvalue())
    assert (line["event"], line["error"]) == ("unexpected", "KeyError")
    assert "secret" not in log.getvalue()
