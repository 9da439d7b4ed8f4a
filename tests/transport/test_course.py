"""Exchanges and streams of several requests, and what is said for a caller who leaves in the middle."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from integration_api.core.errors import CallerLeft, Kind, ProviderError, StreamCut
from integration_api.core.exchange import Exchange, Frame, HttpRequest, HttpResponse, Stream
from integration_api.dialects.sse import SseFraming
from integration_api.transport.drive import Trace, Transport
from integration_api.transport.egress import EgressGuard
from integration_api.transport.limits import TransportLimits

SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def reply(body: bytes, status: int = 200) -> bytes:
    return b"HTTP/1.1 %d Said\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)


def chunk(text: str) -> bytes:
    event = f"data: {text}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(event), event)


@dataclass
class Server:
    """Answers each path with pieces of bytes; waits at an `asyncio.Event` among them."""

    answers: dict[str, Sequence[bytes | asyncio.Event]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    url: str = ""
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                what = " ".join(head.decode().split(" ", 2)[:2])
                async with self.arrived:
                    self.asked.append(what)
                    self.arrived.notify_all()
                for piece in self.answers[what]:
                    if isinstance(piece, asyncio.Event):
                        await piece.wait()
                    else:
                        writer.write(piece)
                        await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    async def asked_for(self, what: str) -> None:
        async with self.arrived:
            await self.arrived.wait_for(lambda: what in self.asked)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    served = Server()
    listening = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield served
    listening.close()
    for task in served.serving:
        task.cancel()
    await asyncio.gather(*served.serving)


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    made = Transport(EgressGuard(["127.0.0.1/32"], allow_http=True), TransportLimits(retries=0))
    yield made
    await made.close()


def fault(said: HttpResponse) -> ProviderError:
    return ProviderError(Kind.INVALID_REQUEST, said.body.decode() or "refused", code="refused")


class Words:
    """Says every event's data; the end is an event that says so."""

    def __init__(self) -> None:
        self.ended = False

    def feed(self, frame: Frame) -> Sequence[str]:
        self.ended = frame.data == b"end"
        return () if self.ended else (frame.data.decode(),)

    def close(self) -> Sequence[str]:
        if not self.ended:
            raise StreamCut("test")
        return ("closed",)


def course(url: str) -> Exchange[Sequence[str]]:
    """Begin something, listen to it, ask how it went; stop it when nobody waits."""
    made = yield HttpRequest(method="POST", url=f"{url}/begin", idempotent=False)
    name = made.body.decode()
    try:
        try:
            yield HttpRequest(method="GET", url=f"{url}/listen/{name}", streamed=True)
        except ProviderError as failed:
            return (f"failed: {failed.code}",)
        how = yield HttpRequest(method="GET", url=f"{url}/how/{name}")
    except CallerLeft:
        yield HttpRequest(method="POST", url=f"{url}/stop/{name}")
        raise
    return (how.body.decode(),)


def stream(server: Server) -> Stream[str]:
    return Stream(None, SseFraming(), Words(), course=course(server.url))


def driven(transport: Transport, server: Server):
    return transport.stream(stream(server), fault, None, Trace(0.0), None)


async def test_what_comes_before_and_after_a_stream_is_asked_in_its_place(server, transport) -> None:
    server.answers = {
        "POST /begin": [reply(b"x1")],
        "GET /listen/x1": [SSE, chunk("one"), chunk("two"), chunk("end"), END],
        "GET /how/x1": [reply(b"well")],
    }
    told = [events async for events in driven(transport, server)]
    assert [event for events in told for event in events] == ["one", "two", "closed", "well"]
    assert told[0] == ["one"], "the first event comes alone"
    assert server.asked == ["POST /begin", "GET /listen/x1", "GET /how/x1"]


async def test_a_caller_who_leaves_a_stream_has_it_stopped_once(server, transport) -> None:
    forever = asyncio.Event()
    server.answers = {
        "POST /begin": [reply(b"x1")],
        "GET /listen/x1": [SSE, chunk("one"), forever],
        "POST /stop/x1": [reply(b"")],
    }
    events = driven(transport, server)
    assert await anext(events) == ["one"]
    await events.aclose()
    await transport.close()
    assert server.asked == ["POST /begin", "GET /listen/x1", "POST /stop/x1"]


async def test_leaving_does_not_wait_for_the_farewell(server, transport) -> None:
    forever, answer = asyncio.Event(), asyncio.Event()
    server.answers = {
        "POST /begin": [reply(b"x1")],
        "GET /listen/x1": [SSE, chunk("one"), forever],
        "POST /stop/x1": [answer, reply(b"")],
    }
    events = driven(transport, server)
    await anext(events)
    await events.aclose()  # Would hang here: the answer to the farewell is given only now.
    await server.asked_for("POST /stop/x1")
    answer.set()


async def test_a_stream_that_ended_is_not_stopped(server, transport) -> None:
    server.answers = {
        "POST /begin": [reply(b"x1")],
        "GET /listen/x1": [SSE, chunk("end"), END],
        "GET /how/x1": [reply(b"well")],
    }
    events = driven(transport, server)
    assert await anext(events) == ["closed"]
    assert await anext(events) == ["well"]
    await events.aclose()
    await transport.close()
    assert "POST /stop/x1" not in server.asked


async def test_who_leaves_before_the_beginning_is_answered_has_it_stopped_when_it_is(
    server, transport
) -> None:
    begun = asyncio.Event()
    server.answers = {"POST /begin": [begun, reply(b"x1")], "POST /stop/x1": [reply(b"")]}
    events = driven(transport, server)
    waiting = asyncio.create_task(anext(events))
    await server.asked_for("POST /begin")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert server.asked == ["POST /begin"]
    begun.set()
    await transport.close()
    assert server.asked == ["POST /begin", "POST /stop/x1"]


async def test_a_cut_and_a_refused_stream_are_thrown_in(server, transport) -> None:
    server.answers = {"POST /begin": [reply(b"x1")], "GET /listen/x1": [SSE, chunk("one"), END]}
    assert [e async for events in driven(transport, server) for e in events] == [
        "one",
        "failed: stream_truncated",
    ]
    server.answers["GET /listen/x1"] = [reply(b"gone", 404)]
    assert [e async for events in driven(transport, server) for e in events] == ["failed: refused"]


# --- whole answers ---------------------------------------------------------------------------


def whole(url: str) -> Exchange[str]:
    made = yield HttpRequest(method="POST", url=f"{url}/begin", idempotent=False)
    name = made.body.decode()
    try:
        how = yield HttpRequest(method="GET", url=f"{url}/how/{name}")
    except CallerLeft:
        yield HttpRequest(method="POST", url=f"{url}/stop/{name}")
        raise
    return how.body.decode()


async def test_a_cancelled_exchange_stops_what_it_has_started(server, transport) -> None:
    forever = asyncio.Event()
    server.answers = {
        "POST /begin": [reply(b"x1")],
        "GET /how/x1": [forever],
        "POST /stop/x1": [reply(b"")],
    }
    running = asyncio.create_task(transport.run(whole(server.url), fault, None, Trace(0.0), None))
    await server.asked_for("GET /how/x1")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await transport.close()
    assert server.asked == ["POST /begin", "GET /how/x1", "POST /stop/x1"]


async def test_an_exchange_whose_time_is_up_stops_what_it_has_started(server) -> None:
    limits = TransportLimits(retries=0, first_byte=1.0)  # Enough for what does answer.
    transport = Transport(EgressGuard(["127.0.0.1/32"], allow_http=True), limits)
    forever = asyncio.Event()
    server.answers = {
        "POST /begin": [reply(b"x1")],
        "GET /how/x1": [forever],
        "POST /stop/x1": [reply(b"")],
    }
    with pytest.raises(ProviderError) as late:
        await transport.run(whole(server.url), fault, None, Trace(0.0), None)
    assert late.value.kind is Kind.TIMEOUT
    await transport.close()
    assert server.asked[-1] == "POST /stop/x1"


async def test_an_exchange_with_nothing_to_stop_just_ends(server, transport) -> None:
    def plain() -> Exchange[str]:
        answer = yield HttpRequest(method="GET", url=f"{server.url}/how")
        return answer.body.decode()

    server.answers = {"GET /how": [asyncio.Event()]}
    running = asyncio.create_task(transport.run(plain(), fault, None, Trace(0.0), None))
    await server.asked_for("GET /how")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await transport.close()
    assert server.asked == ["GET /how"]
