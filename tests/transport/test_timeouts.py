"""Every wait for a provider has an end, and says which wait it was."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.core.exchange import HttpRequest, Stream
from integration_api.dialects.sse import SseFraming
from integration_api.transport import egress
from tests.transport.upstream import Trace, Upstream, answer, fault, send, to, transport

BRIEF = 0.05
ENOUGH = 2.0
"""For an answer to begin, whatever else the machine does."""
LONG = 60.0
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def silent(asked, reader, writer) -> None:
    await reader.read()


async def begins(asked, reader, writer) -> None:
    writer.write(HEAD + b"1\r\nx\r\n")
    await reader.read()


async def only_a_head(asked, reader, writer) -> None:
    writer.write(HEAD)
    await reader.read()


async def drips(asked, reader, writer) -> None:
    """Never silent for long, and never done."""
    writer.write(HEAD)
    with contextlib.suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(BRIEF / 10)


async def goes_on(asked, reader, writer) -> None:
    """Says that it has understood, again and again."""
    with contextlib.suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(BRIEF / 10)


@pytest.mark.parametrize(
    ("what", "limits", "phase", "words"),
    [
        (silent, {"first_byte": BRIEF}, Phase.HEADERS, "did not begin to answer in time"),
        (silent, {"total": BRIEF}, Phase.HEADERS, "did not begin to answer in time"),
        (goes_on, {"first_byte": BRIEF}, Phase.HEADERS, "did not begin to answer in time"),
        (begins, {"idle": BRIEF}, Phase.STREAM, "fell silent in the middle of its answer"),
        (begins, {"total": ENOUGH}, Phase.STREAM, "fell silent in the middle of its answer"),
        (
            only_a_head,
            {"first_byte": BRIEF, "idle": LONG},
            Phase.STREAM,
            "fell silent in the middle of its answer",
        ),
        (drips, {"total": ENOUGH, "idle": LONG}, Phase.STREAM, "fell silent in the middle of its answer"),
    ],
)
async def test_a_provider_that_says_nothing_is_given_up(what, limits, phase, words) -> None:
    async with Upstream([what]).serving() as upstream, transport(**limits) as over:
        with pytest.raises(ProviderError) as late:
            await send(over, to(upstream))
        while over._client.pool._open:
            await asyncio.sleep(0)
    error = late.value
    assert (error.kind, error.code, error.phase) == (Kind.TIMEOUT, "upstream_timeout", phase)
    assert words in error.message


async def test_a_refusal_that_comes_slowly_is_told_as_far_as_it_came() -> None:
    async def explains(asked, reader, writer) -> None:
        writer.write(HEAD.replace(b"200 OK", b"400 No"))
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"1\r\nx\r\n")
                await writer.drain()
                await asyncio.sleep(BRIEF / 10)

    async with Upstream([explains]).serving() as upstream, transport(idle=BRIEF) as over:
        with pytest.raises(ProviderError, match=r"^x+$") as refused:
            await send(over, to(upstream))
    assert refused.value.kind is Kind.INVALID_REQUEST


class Words:
    def feed(self, frame):
        return (frame.data,)

    def close(self):
        return ()


@pytest.mark.parametrize(
    ("what", "limits"),
    [
        (silent, {"stream_first_byte": BRIEF, "first_byte": LONG}),
        (silent, {"stream_first_byte": LONG, "first_byte": BRIEF}),
        (only_a_head, {"stream_first_byte": BRIEF, "idle": LONG}),
        (begins, {"idle": BRIEF}),
        (begins, {"total": BRIEF}),
    ],
)
async def test_a_stream_that_says_nothing_is_given_up(what, limits) -> None:
    async with Upstream([what]).serving() as upstream, transport(**limits) as over:
        stream = Stream(to(upstream), SseFraming(), Words())
        with pytest.raises(ProviderError) as late:
            [_ async for _ in over.stream(stream, fault, None, Trace(0.0), None)]
    assert late.value.kind is Kind.TIMEOUT


async def test_a_body_that_takes_long_to_begin_is_waited_for_like_the_head() -> None:
    async def thinks(asked, reader, writer) -> None:
        writer.write(HEAD)
        await writer.drain()
        await asyncio.sleep(3 * BRIEF)
        writer.write(b"2\r\n{}\r\n0\r\n\r\n")

    async with Upstream([thinks]).serving() as upstream, transport(idle=BRIEF) as over:
        assert (await send(over, to(upstream))).body == b"{}"


async def test_a_provider_that_does_not_read_is_given_up() -> None:
    """The kernel accepts the connection, and nobody takes it from there."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        async with transport(idle=BRIEF) as over:
            with pytest.raises(ProviderError) as late:
                await send(over, HttpRequest(method="POST", url=url, body=bytes(32_000_000)))
    assert (late.value.kind, late.value.phase) == (Kind.TIMEOUT, Phase.REQUEST)
    assert "stopped reading the request" in late.value.message


@contextlib.contextmanager
def full() -> Iterator[int]:
    """A port whose queue is full: the next who knocks is not heard."""
    with contextlib.ExitStack() as open_:
        listener = open_.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port: int = listener.getsockname()[1]
        for _ in range(8):
            knocking = open_.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(("127.0.0.1", port))
        yield port


async def test_a_connection_that_is_not_accepted_is_given_up() -> None:
    with full() as port:
        async with transport(connect=BRIEF) as over:
            with pytest.raises(ProviderError) as late:
                await send(over, HttpRequest(method="GET", url=f"http://127.0.0.1:{port}/"))
    error = late.value
    assert (error.kind, error.code, error.phase) == (Kind.TIMEOUT, "upstream_timeout", Phase.CONNECT)
    assert error.message == f"127.0.0.1:{port} did not accept a connection in time"
    assert error.retryable


async def test_a_handshake_that_does_not_end_is_given_up() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with transport(connect=BRIEF, tls=ssl.create_default_context()) as over:
        with pytest.raises(ProviderError) as late:
            await send(over, HttpRequest(method="GET", url=f"https://127.0.0.1:{port}/"))
    server.close()
    assert (late.value.kind, late.value.phase) == (Kind.TIMEOUT, Phase.CONNECT)


async def test_a_name_server_that_says_nothing_is_given_up(monkeypatch) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(egress, "_getaddrinfo", lookup)
    async with transport(connect=BRIEF) as over:
        with pytest.raises(ProviderError) as late:
            await send(over, HttpRequest(method="GET", url="https://slow.example/"))
        assert (late.value.kind, late.value.phase) == (Kind.TIMEOUT, Phase.CONNECT)
        for asking in over._client._guard._asking.values():
            asking.cancel()


async def test_a_wait_that_would_last_too_long_is_not_begun(monkeypatch) -> None:
    async def never(seconds: float) -> None:
        raise AssertionError(seconds)

    async with Upstream([answer()]).serving() as upstream, transport(total=5) as over:
        monkeypatch.setattr("integration_api.transport.drive.asyncio.sleep", never)
        with pytest.raises(ProviderError, match="did not finish in time"):
            await send(over, to(upstream, delay=6.0))
        assert upstream.asked == []


async def test_a_call_that_has_little_time_left_does_not_wait_to_try_again() -> None:
    refusal = answer(503, b"later", retry_after="7")
    async with Upstream([refusal]).serving() as upstream, transport(total=5, retries=3) as over:
        with pytest.raises(ProviderError) as refused:
            await send(over, to(upstream))
        assert len(upstream.asked) == 1
    assert (refused.value.kind, refused.value.retry_after) == (Kind.OVERLOADED, 7)


async def test_what_has_no_time_left_is_not_sent() -> None:
    async with Upstream().serving() as upstream, transport() as over:
        with pytest.raises(ProviderError) as late:
            await send(over, to(upstream, idempotent=False, once=True, send_by=time.perf_counter() - 0.001))
        assert (late.value.kind, late.value.phase) == (Kind.TIMEOUT, Phase.CONNECT)
        assert upstream.asked == []
        await send(over, to(upstream, idempotent=False, once=True, send_by=time.perf_counter() + LONG))
        assert len(upstream.asked) == 1


async def test_what_must_not_happen_twice_does_not_happen_once_nobody_waits_for_it_before_it_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Upstream().serving() as upstream, transport() as over:
        connect, waiting, gate = over._client.pool.connect, asyncio.Event(), asyncio.Event()

        async def slowly(*args, **more):
            waiting.set()
            await gate.wait()
            return await connect(*args, **more)

        monkeypatch.setattr(over._client.pool, "connect", slowly)
        before = asyncio.all_tasks()
        exchange = asking(to(upstream, idempotent=False))
        task = asyncio.create_task(over.run(exchange, fault, None, Trace(0.0), "account"))
        await waiting.wait()
        sending = asyncio.all_tasks() - before - {task}
        assert sending
        task.cancel()
        gate.set()
        await asyncio.wait({task, *sending})
        assert upstream.asked == []


def asking(request: HttpRequest):
    return (yield request)
