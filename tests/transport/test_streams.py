"""Streams: said as they come, held back when the caller is slow, and let go when the caller leaves."""

import asyncio
import contextlib
import gzip
import ssl
from collections.abc import AsyncIterator, Callable

import pytest
import trustme

from integration_api.core.errors import Kind, Phase, ProviderError, StreamCut
from integration_api.core.exchange import Bearer, HttpRequest, Stream
from integration_api.core.relay import Outlet, Tally
from integration_api.dialects.sse import SseFraming
from integration_api.transport.connection import DONE
from integration_api.transport.drive import Transport
from integration_api.transport.limits import INFLATE_STEP, KIB, MIB, READ_AHEAD
from tests.transport.upstream import Held, Trace, Upstream, answer, fault, to, transport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nx-request-id: r1\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(data: bytes) -> bytes:
    return b"data: %b\n\n" % data


def says(*pieces: bytes) -> bytes:
    return HEAD + b"".join(chunk(event(piece)) for piece in pieces) + END


class Words:
    """Says the data of every event; `end` ends it and `broken` breaks it."""

    def __init__(self) -> None:
        self.ended = False

    def feed(self, frame):
        match frame.data:
            case b"end":
                self.ended = True
                return ()
            case b"broken":
                raise ProviderError(Kind.UPSTREAM, "it broke", phase=Phase.STREAM)
            case data:
                return (data,)

    def close(self):
        if not self.ended:
            raise StreamCut("test")
        return (b"closed",)


class Passing:
    """Lets every byte through."""

    def feed(self, given: bytes) -> bytes:
        if b"broken" in given:
            raise ProviderError(Kind.UPSTREAM, "it broke", phase=Phase.STREAM)
        return given

    def close(self) -> tuple[bytes, Tally]:
        return b"", Tally()


def streamed(over: Transport, request: HttpRequest, trace: Trace | None = None, held: Held | None = None):
    stream = Stream(request, SseFraming(), Words())
    return over.stream(stream, fault, held, trace or Trace(0.0), "account")


def relayed(over: Transport, request: HttpRequest, trace: Trace | None = None, held: Held | None = None):
    return over.relay(request, Passing(), fault, held, trace or Trace(0.0), "account")


Way = Callable[..., AsyncIterator[object]]
BOTH = pytest.mark.parametrize("way", [streamed, relayed])


async def test_events_come_a_read_at_a_time_and_the_first_of_all_alone() -> None:
    go_on = asyncio.Event()

    async def speaks(asked, reader, writer) -> None:
        writer.write(HEAD + chunk(event(b"one") + event(b"two") + event(b"three")))
        await go_on.wait()
        writer.write(chunk(event(b"four")) + chunk(event(b"end")) + END)

    async with Upstream([speaks, answer()]).serving() as upstream, transport() as over:
        trace = Trace(0.0)
        heard = streamed(over, to(upstream), trace)
        assert await anext(heard) == [b"one"]
        assert 0 < trace.sent_at <= trace.first_byte_at
        assert trace.headers["x-request-id"] == "r1"
        assert await anext(heard) == [b"two", b"three"]
        go_on.set()
        assert [batch async for batch in heard] == [[b"four"], [b"closed"]]
        assert trace.finished_at
        assert len(over._client.pool._oldest) == 1, "what was read to its end is kept"


async def test_headers_are_shown_before_anything_of_the_body() -> None:
    order: list[object] = []
    async with Upstream([says(b"one", b"end")]).serving() as upstream, transport() as over:
        stream = Stream(
            to(upstream), SseFraming(), Words(), lambda headers: order.append(headers["x-request-id"])
        )
        order += [batch async for batch in over.stream(stream, fault, None, Trace(0.0), None)]
    assert order == ["r1", [b"one"], [b"closed"]]


async def test_a_stream_that_needs_nobody_asks_nobody() -> None:
    class Talks:
        def feed(self, frame):
            raise AssertionError

        def close(self):
            return range(130)

    async with transport() as over:
        stream = Stream(None, SseFraming(), Talks())
        batches = [batch async for batch in over.stream(stream, fault, None, Trace(0.0), None)]
    assert [len(batch) for batch in batches] == [1, 64, 64, 1]


# --- failures --------------------------------------------------------------------------------


@BOTH
async def test_a_refusal_is_raised_before_anything_is_said(way: Way) -> None:
    async with Upstream([answer(429, b"slow", retry_after="40")]).serving() as upstream, transport() as over:
        with pytest.raises(ProviderError) as refused:
            await anext(way(over, to(upstream)))
    assert (refused.value.kind, refused.value.retry_after) == (Kind.RATE_LIMITED, 40)
    assert not refused.value.after_output


@pytest.mark.parametrize(
    ("said", "heard", "kind"),
    [
        (says(b"one", b"two", b"broken", b"three"), [b"one", b"two"], Kind.UPSTREAM),
        (says(b"broken"), [], Kind.UPSTREAM),
        (says(b"one"), [b"one"], Kind.TRUNCATED),
        (says(), [], Kind.TRUNCATED),
    ],
)
async def test_what_was_said_before_a_failure_has_been_said(said, heard, kind) -> None:
    async with Upstream([said]).serving() as upstream, transport() as over:
        found: list[bytes] = []
        with pytest.raises(ProviderError) as failed:
            async for batch in streamed(over, to(upstream)):
                found += batch
    assert (found, failed.value.kind, failed.value.after_output) == (heard, kind, bool(heard))


@pytest.mark.parametrize("ended", [True, False])
async def test_a_body_that_is_cut_off_after_its_answers_end_is_no_loss(ended) -> None:
    async def cuts(asked, reader, writer) -> None:
        writer.write(HEAD + chunk(event(b"one")) + (chunk(event(b"end")) if ended else b""))
        await writer.drain()
        writer.close()

    async with Upstream([cuts]).serving() as upstream, transport() as over:
        with contextlib.nullcontext() if ended else pytest.raises(StreamCut):
            assert [batch async for batch in streamed(over, to(upstream))] == [[b"one"], [b"closed"]]


@pytest.mark.parametrize("before", [b"", event(b"one")])
async def test_a_relay_breaks_off_where_its_watcher_says_so(before) -> None:
    heard = asyncio.Event()

    async def speaks(asked, reader, writer) -> None:
        writer.write(HEAD)
        if before:
            writer.write(chunk(before))
            await heard.wait()
        writer.write(chunk(event(b"broken")) + END)

    async with Upstream([speaks]).serving() as upstream, transport() as over:
        passed = []
        with pytest.raises(ProviderError, match="it broke") as failed:
            async for piece in relayed(over, to(upstream)):
                passed.append(piece)
                heard.set()
    assert b"".join(passed) == before
    assert failed.value.after_output is bool(before)


async def test_a_key_that_a_stream_repeats_is_not_told() -> None:
    secret = "sk-0123456789-never-told"

    class Quotes(Words):
        def feed(self, frame):
            raise ProviderError(Kind.UPSTREAM, frame.data.decode(), phase=Phase.STREAM)

    async def repeats(asked, reader, writer) -> None:
        writer.write(says(b"your key is " + asked.headers["authorization"].encode()))

    async with Upstream([repeats]).serving() as upstream, transport() as over:
        held = Held(key=secret)
        stream = Stream(to(upstream, auth=Bearer()), SseFraming(), Quotes())
        with pytest.raises(ProviderError) as failed:
            await anext(over.stream(stream, fault, held, Trace(0.0), None))
    assert secret[:8] not in failed.value.message
    assert "***" in failed.value.message
    assert held.all_wiped


# --- a caller who is slow --------------------------------------------------------------------


def encrypted() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server and of a client that trusts it."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


FLOOD = 24 * MIB
PIECE = event(b"x" * (64 * KIB - 8))


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@BOTH
async def test_a_slow_caller_makes_the_provider_wait(way: Way, tls) -> None:
    """What lies between them is bounded: sockets hold some, and we hold little."""
    stuck, sent = asyncio.Event(), 0

    async def floods(asked, reader, writer) -> None:
        nonlocal sent
        writer.write(HEAD)
        while sent < FLOOD:
            writer.write(chunk(PIECE))
            sent += len(PIECE)
            try:
                async with asyncio.timeout(0.25):
                    await writer.drain()
            except TimeoutError:
                stuck.set()
                await writer.drain()
        writer.write(chunk(event(b"end")) + END)

    server, client = encrypted() if tls else (None, None)
    async with (
        Upstream([floods]).serving(server, "localhost") as upstream,
        transport("localhost", tls=client) as over,
    ):
        heard = way(over, to(upstream))
        await anext(heard)
        await stuck.wait()
        assert sent < FLOOD / 2
        [connection] = over._client.pool._open
        assert connection._held <= 2 * READ_AHEAD
        got = 0
        async for batch in heard:
            got += len(batch) if isinstance(batch, bytes) else sum(map(len, batch))
        assert got > FLOOD - 2 * len(PIECE)


# --- a caller who leaves ---------------------------------------------------------------------


class Watched:
    """An upstream that says something and then watches for the caller to leave."""

    def __init__(self, said: bytes) -> None:
        self.said = said
        self.asked = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, asked, reader, writer) -> None:
        writer.write(self.said)
        self.asked.set()
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        self.left.set()


class Pouring:
    """A caller who takes what comes while there is room for it, and otherwise pulls."""

    def __init__(self, over: Transport, request: HttpRequest, room: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.news = asyncio.Event()
        self._room = room
        outlet = Outlet()
        outlet.take = self._take
        self._source = over.relay(request, Passing(), fault, None, Trace(0.0), "account", outlet)

    def _take(self, given: bytes) -> bool:
        self._hear("poured", given)
        self._room -= 1
        return self._room > 0

    def _hear(self, how: str, given: bytes) -> None:
        self.heard.append((how, given))
        self.news.set()

    async def listen(self) -> None:
        async for given in self._source:
            self._hear("pulled", given)

    async def at_least(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.heard) < count:
                self.news.clear()
                await self.news.wait()


async def spoken(last: bytes, room: int, **limits: float) -> tuple[Pouring, BaseException | None]:
    """Let a provider say four words, each once the one before was heard, and then its last."""
    pouring: Pouring

    async def speaks(asked, reader, writer) -> None:
        writer.write(HEAD)
        for number in range(4):
            writer.write(chunk(b"%d" % number))
            await pouring.at_least(number + 1)
        writer.write(last)
        if not last.endswith(END):
            await reader.read()

    async with Upstream([speaks, answer()]).serving() as upstream, transport(**limits) as over:
        pouring = Pouring(over, to(upstream), room)
        [error] = await asyncio.gather(pouring.listen(), return_exceptions=True)
        assert len(over._client.pool._oldest) == (error is None), "only what was read to its end is kept"
    return pouring, error


@pytest.mark.parametrize(
    ("room", "ways"),
    [(9, ["pulled", "poured", "poured", "poured"]), (2, ["pulled", "poured", "poured", "pulled"])],
    ids=["a fast caller", "a slow caller"],
)
async def test_what_comes_is_poured_in_order_while_there_is_room(room, ways) -> None:
    pouring, error = await spoken(END, room)
    assert error is None
    assert pouring.heard == [(way, b"%d" % number) for number, way in enumerate(ways)]


@pytest.mark.parametrize(
    ("last", "kind"),
    [(chunk(b"broken"), Kind.UPSTREAM), (b"nonsense\r\n", Kind.BAD_RESPONSE), (b"", Kind.TIMEOUT)],
    ids=["the watcher", "the framing", "silence"],
)
async def test_what_breaks_while_it_is_poured_breaks_the_stream(last, kind) -> None:
    pouring, error = await spoken(last, 9, idle=60.0 if last else 1.5)
    assert isinstance(error, ProviderError)
    assert (error.kind, error.after_output) == (kind, True)
    assert [given for _, given in pouring.heard] == [b"0", b"1", b"2", b"3"]


async def test_a_caller_who_is_cancelled_while_it_is_poured_closes_the_connection() -> None:
    watched = Watched(HEAD + chunk(b"one"))
    async with Upstream([watched]).serving() as upstream, transport() as over:
        pouring = Pouring(over, to(upstream), 9)
        listening = asyncio.create_task(pouring.listen())
        await pouring.at_least(1)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        await watched.left.wait()
        assert not over._client.pool._oldest


@BOTH
@pytest.mark.parametrize("said", [HEAD + chunk(event(b"one")), HEAD + chunk(event(b"one") * 10_000)])
async def test_a_caller_who_closes_a_stream_closes_the_connection(way: Way, said) -> None:
    watched = Watched(said)
    async with Upstream([watched]).serving() as upstream, transport() as over:
        heard = way(over, to(upstream))
        await anext(heard)
        await heard.aclose()
        await watched.left.wait()
        assert not over._client.pool._oldest


def gzipped(body: bytes) -> bytes:
    return answer(200, gzip.compress(body), content_encoding="gzip")


@BOTH
@pytest.mark.parametrize(
    ("first", "rest", "next_one"),
    [
        (HEAD + chunk(event(b"one")), chunk(event(b"two")) + END, says(b"next")),
        (b"", gzipped(event(b"one") + bytes(2 * INFLATE_STEP)), gzipped(event(b"next"))),
    ],
    ids=["plain", "gzip"],
)
async def test_nobody_hears_the_rest_of_an_answer_that_another_caller_left(
    way: Way, first, rest, next_one
) -> None:
    go_on = asyncio.Event()

    async def speaks(asked, reader, writer) -> None:
        writer.write(first)
        await go_on.wait()
        writer.write(rest)

    async with Upstream([speaks, next_one]).serving() as upstream, transport() as over:
        left = way(over, to(upstream))
        if first:
            await anext(left)
            go_on.set()
        else:
            go_on.set()
            await anext(left)
        async with asyncio.timeout(60):
            while any(connection.state != DONE for connection in over._client.pool._open):
                await asyncio.sleep(0)
        await left.aclose()
        assert await anext(way(over, to(upstream))) in ([b"next"], event(b"next"))


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n", HEAD, HEAD + chunk(b"data: on")]
)
@pytest.mark.parametrize("way", ["stream", "relay", "send", "run"])
async def test_a_caller_who_is_cancelled_closes_the_connection(way, said) -> None:
    watched = Watched(said)

    async def ask(over: Transport, request: HttpRequest, held: Held) -> None:
        match way:
            case "stream":
                await anext(streamed(over, request, held=held))
            case "relay":
                async for _ in relayed(over, request, held=held):
                    pass
            case "send":
                await over.send(request, fault, held, Trace(0.0), "account")
            case _:
                await over.run(iter_(request), fault, held, Trace(0.0), "account")

    def iter_(request: HttpRequest):
        return (yield request)

    held = Held(key="secret-of-the-test")
    async with Upstream([watched]).serving() as upstream, transport() as over:
        asking = asyncio.create_task(ask(over, to(upstream, auth=Bearer()), held))
        await watched.asked.wait()
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await watched.left.wait()
        assert not over._client.pool._oldest
    assert held.all_wiped


async def test_a_caller_who_is_cancelled_while_the_request_is_written_hangs_up() -> None:
    begun, left = asyncio.Event(), asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.set()
        with contextlib.suppress(ConnectionError):
            while await reader.read(1 << 16):
                await asyncio.sleep(0.001)
        left.set()
        writer.close()

    server = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1024)
    async with transport() as over:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        held = Held(key="secret-of-the-test")
        request = HttpRequest(method="POST", url=url, body=bytes(24 * MIB), auth=Bearer())
        asking = asyncio.create_task(over.send(request, fault, held, Trace(0.0), None))
        await begun.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await left.wait()
        assert not over._client.pool._open
        assert held.all_wiped
    server.close()


async def test_a_caller_who_leaves_while_a_retry_is_waited_for_is_not_asked_for_again(monkeypatch) -> None:
    monkeypatch.setattr("integration_api.transport.retry.random.uniform", lambda low, high: 30.0)
    async with Upstream([answer(503, b"busy")]).serving() as upstream, transport(retries=2) as over:
        asking = asyncio.create_task(over.send(to(upstream), fault, None, Trace(0.0), None))
        while not upstream.asked:
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert len(upstream.asked) == 1


# --- bodies ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 64 * KIB, 64 * KIB + 1, 256 * KIB + 1, 5 * MIB])
async def test_a_body_of_any_size_arrives_whole(size) -> None:
    body = bytes(range(256)) * (size // 256) + b"y" * (size % 256)
    async with Upstream().serving() as upstream, transport() as over:
        await over.send(to(upstream, body=body), fault, None, Trace(0.0), None)
        assert upstream.asked[0].body == body
        assert upstream.asked[0].headers["content-length"] == str(size)


async def test_an_answer_before_the_body_was_read_is_an_answer() -> None:
    """A provider may refuse a large body by its head alone."""
    hung_up = asyncio.Event()

    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(413, b"too large"))
        with contextlib.suppress(ConnectionError):
            while await reader.read(1 << 20):
                pass
        writer.close()
        hung_up.set()

    server = await asyncio.start_server(refuses, "127.0.0.1", 0, limit=1024)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with transport() as over:
        request = HttpRequest(method="POST", url=url, body=bytes(24 * MIB))
        with pytest.raises(ProviderError, match="too large") as refused:
            await over.send(request, fault, None, Trace(0.0), "account")
        assert refused.value.kind is Kind.TOO_LARGE
        assert not over._client.pool._oldest, "half a request is still on the line"
        await hung_up.wait()
    server.close()
