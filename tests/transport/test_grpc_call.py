"""gRPC calls to providers: against grpcio's own server, and against peers that break every rule."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter

import grpc
import pytest
import trustme
from google.rpc.status_pb2 import Status

from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Bearer, Header, HttpRequest, Query
from integration_api.core.session import Closed
from integration_api.http2 import frames
from integration_api.transport.drive import Transport
from integration_api.transport.egress import EgressGuard
from integration_api.transport.limits import READ_AHEAD, SocketLimits, TransportLimits
from integration_api.transport.trace import Trace
from tests.transport.upstream import Held, fault

SECRET = "AIza-secret-0123456789-" + "x" * 40
PATH = "/test.v1.Test/Talk"
Talk = Callable[[AsyncIterator[bytes], grpc.aio.ServicerContext], AsyncIterator[bytes]]
AUTHORITY = trustme.CA()


class Handler(grpc.GenericRpcHandler):
    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def service(self, details):
        return grpc.stream_stream_rpc_method_handler(self._talk) if details.method == PATH else None


@asynccontextmanager
async def provider(talk: Talk, *, tls: bool = False, options=()) -> AsyncIterator[str]:
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers([Handler(talk)])
    if tls:
        certificate = AUTHORITY.issue_cert("localhost")
        chain = b"".join(one.bytes() for one in certificate.cert_chain_pems)
        credentials = grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])
        port = server.add_secure_port("localhost:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
    finally:
        await server.stop(None)


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


@asynccontextmanager
async def transport(total: float = 60.0, **limits) -> AsyncIterator[Transport]:
    made = Transport(
        EgressGuard(["127.0.0.1/32", "localhost", "::1"], allow_http=True),
        TransportLimits(socket=SocketLimits(**limits), retries=0, total=total),
        http2_context=trusting,
    )
    try:
        yield made
    finally:
        await made.close()


async def dial(over: Transport, url: str, auth=None, held=None, path: str = PATH, **more):
    request = HttpRequest(
        method="POST", url=url + path, auth=auth or Header("x-goog-api-key"), grpc=True, **more
    )
    return await over.dial(request, fault, held or Held(key=SECRET), Trace(perf_counter()), "account")


async def echo(messages, context):
    async for message in messages:
        yield message


async def all_of(call) -> list[bytes]:
    found = []
    while (message := await call.receive()) is not None:
        found.append(message)
    return found


@pytest.mark.parametrize("tls", [False, True], ids=["h2c", "tls"])
async def test_messages_go_both_ways_whole_until_both_have_ended(tls: bool) -> None:
    sent = [b"", b"one", bytes(range(256)) * 2000, b"x" * 20_000]
    async with provider(echo, tls=tls) as url, transport() as over:
        call = await dial(over, url)
        for message in sent:
            call.write(message)
            await call.drain()
            assert await call.receive() == message
        call.half_close()
        call.write(b"said too late")
        await call.drain()
        assert await call.receive() is None
        assert call.closed == Closed(0, "")
        await call.close()


async def test_what_is_still_to_come_is_heard_after_the_half_close() -> None:
    async def talk(messages, context):
        heard = [message async for message in messages]
        for message in heard:
            yield message.upper()

    async with provider(talk) as url, transport() as over:
        call = await dial(over, url)
        for message in (b"a", b"b"):
            call.write(message)
            await call.drain()
        call.half_close()
        assert await all_of(call) == [b"A", b"B"]
        assert call.closed.code == 0
        await call.close()


@pytest.mark.parametrize(
    "auth, name, value, tls",
    [
        (Header("x-goog-api-key"), "x-goog-api-key", SECRET, False),
        (Header("x-goog-api-key"), "x-goog-api-key", SECRET, True),
        (Bearer(), "authorization", f"Bearer {SECRET}", False),
        (Header("x-key", prefix="Key "), "x-key", f"Key {SECRET}", False),
    ],
)
async def test_the_secret_signs_the_call_and_is_wiped(auth, name: str, value: str, tls: bool) -> None:
    seen: list[dict[str, str]] = []

    async def talk(messages, context):
        seen.append(dict(context.invocation_metadata()))
        seen.append({"left": str(context.time_remaining())})
        yield b"seen"

    held = Held(key=SECRET)
    async with provider(talk, tls=tls) as url, transport() as over:
        call = await dial(over, url, auth, held, headers=(("x-goog-user-project", "p"),))
        assert await all_of(call) == [b"seen"]
        await call.close()
    assert seen[0][name] == value
    assert seen[0]["x-goog-user-project"] == "p"
    assert 50 < float(seen[1]["left"]) <= 60
    assert held.all_wiped


async def test_how_a_call_ended_is_known_without_the_secret() -> None:
    async def talk(messages, context):
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, f"50% of ü: {SECRET} may not")
        yield b""

    held = Held(key=SECRET)
    async with provider(talk) as url, transport() as over:
        call = await dial(over, url, held=held)
        assert await all_of(call) == []
        assert call.closed == Closed(7, f"50% of ü: {'*' * len(SECRET)} may not")
        await call.close()
    assert held.all_wiped


async def test_a_message_that_tells_of_an_error_is_heard_without_the_secret() -> None:
    async def talk(messages, context):
        yield Status(code=7, message="no").SerializeToString()
        yield b"\x0a\x50" + SECRET.encode() + b"."
        yield b"\x0a" + b"s" * 5000

    async with provider(talk) as url, transport() as over:
        call = await dial(over, url)
        told = await all_of(call)
        await call.close()
    assert told == [
        Status(code=7, message="no").SerializeToString(),
        b"\x0a\x50" + b"*" * len(SECRET) + b".",
        b"\x0a" + b"s" * 5000,
    ]


async def test_what_cannot_sign_a_call_or_cannot_be_sent_is_refused_before_anything_is_said() -> None:
    async with provider(echo) as url, transport() as over:
        with pytest.raises(Exception, match="cannot be signed this way"):
            await dial(over, url, Query("key"))
        for secret in ("two\nlines", "", "x" * 20_000):
            held = Held(key=secret)
            with pytest.raises(Exception, match="cannot be sent"):
                await dial(over, url, held=held)
            assert not any(any(one) for one in held.lent)
        with pytest.raises(Exception, match="header cannot be sent"):
            await dial(over, url, headers=(("x-a", "b\r\nc: d"),))


STATUSES = {
    "unauthenticated": (grpc.StatusCode.UNAUTHENTICATED, "no such key: ü"),
    "exhausted": (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many"),
    "out of range": (
        grpc.StatusCode.OUT_OF_RANGE,
        "Exceeded maximum allowed stream duration of 305 seconds.",
    ),
}


@pytest.mark.parametrize("status, words", STATUSES.values(), ids=STATUSES)
@pytest.mark.parametrize("said_before", [False, True])
async def test_how_the_provider_ended_it_is_known(status, words: str, said_before: bool) -> None:
    async def talk(messages, context):
        if said_before:
            yield b"last words"
        await context.abort(status, words)

    async with provider(talk) as url, transport() as over:
        call = await dial(over, url)
        assert await all_of(call) == [b"last words"] * said_before
        assert call.closed == Closed(status.value[0], words)
        await call.close()


async def test_a_method_that_is_not_there_is_unimplemented() -> None:
    async with provider(echo) as url, transport() as over:
        call = await dial(over, url, path="/test.v1.Test/Other")
        assert await call.receive() is None
        assert call.closed.code == 12
        await call.close()


async def test_a_call_that_is_closed_or_aborted_is_over_for_the_provider() -> None:
    ended: asyncio.Queue[None] = asyncio.Queue()

    async def talk(messages, context):
        context.add_done_callback(lambda _: ended.put_nowait(None))
        yield b"ready"
        async for _ in messages:
            pass

    async with provider(talk) as url, transport() as over:
        for leave in ("close", "abort"):
            call = await dial(over, url)
            assert await call.receive() == b"ready"
            left = getattr(call, leave)()
            if left is not None:
                await left
            async with asyncio.timeout(60):
                await ended.get()


async def test_a_provider_that_reads_slowly_holds_up_who_speaks_and_one_that_stops_fails_them() -> None:
    go_on = asyncio.Event()

    async def talk(messages, context):
        yield b"ready"
        await go_on.wait()
        size = 0
        async for message in messages:
            size += len(message)
        yield b"%d" % size

    async def say(call) -> None:
        for _ in range(200):
            call.write(bytes(100_000))
            await call.drain()

    async with provider(talk) as url, transport(stall=60) as over:
        call = await dial(over, url)
        assert await call.receive() == b"ready"
        saying = asyncio.create_task(say(call))
        done, _ = await asyncio.wait({saying}, timeout=0.2)
        assert not done
        go_on.set()
        await saying
        call.half_close()
        assert await call.receive() == b"20000000"
        await call.close()
    async with provider(talk) as url, transport(stall=0.2) as over:
        go_on.clear()
        call = await dial(over, url)
        with pytest.raises(ProviderError) as stalled:
            await say(call)
        assert stalled.value.kind is Kind.TIMEOUT
        go_on.set()


async def test_a_caller_who_reads_slowly_holds_up_the_provider() -> None:
    sent = 0

    async def talk(messages, context):
        nonlocal sent
        for _ in range(200):
            await context.write(bytes(20_000))
            sent += 20_000

    async with provider(talk) as url, transport() as over:
        call = await dial(over, url)
        before = -1
        while before != sent or not sent:
            before = sent
            await asyncio.sleep(0.1)
        assert sent < 4 * READ_AHEAD
        assert len(await all_of(call)) == 200
        assert call.closed.code == 0
        await call.close()


async def test_when_its_time_is_up_a_call_ends() -> None:
    async def talk(messages, context):
        yield b"ready"
        async for _ in messages:
            pass

    async with provider(talk) as url, transport(total=2.0) as over:
        call = await dial(over, url)
        assert await all_of(call) == [b"ready"]
        assert call.closed.code == 4
        await call.close()


async def test_a_stranger_in_tls_is_not_spoken_to() -> None:
    held = Held(key=SECRET)
    async with provider(echo, tls=True) as url:
        over = Transport(EgressGuard(["127.0.0.1/32", "localhost", "::1"]), TransportLimits(retries=0))
        with pytest.raises(ProviderError, match="certificate"):
            await dial(over, url, held=held)
        await over.close()
    assert not held.lent


# --- peers of our own -----------------------------------------------------------------------------

SETTINGS = frames.settings({frames.MAX_CONCURRENT_STREAMS: 100})
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(talk: Peer, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(met, "localhost" if tls else "127.0.0.1", 0, ssl=tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
        server.close()


def saying(*said: bytes, stay: bool = False) -> Peer:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(frames.PREFACE))
        for one in said:
            writer.write(one)
        await writer.drain()
        while stay and await reader.read(65536):
            pass

    return talk


def head(status: bytes = b"\x88", more: bytes = b"", *, flags: int = frames.END_HEADERS) -> bytes:
    block = status + more
    return frames.header(frames.HEADERS, flags, 1, len(block)) + block


def data(payload: bytes, flags: int = 0) -> bytes:
    return frames.header(frames.DATA, flags, 1, len(payload)) + payload


STATUS_0 = b"\x00\x0bgrpc-status\x010"
DONE = head(b"", STATUS_0, flags=frames.END_HEADERS | frames.END_STREAM)
AWAY = frames.goaway(1, frames.ErrorCode.NO_ERROR)
ODD = {
    "reset": ([SETTINGS, frames.rst_stream(1, frames.ErrorCode.INTERNAL_ERROR)], 13),
    "refused": ([SETTINGS, frames.rst_stream(1, frames.ErrorCode.REFUSED_STREAM)], 14),
    "gone before it began": ([SETTINGS, frames.goaway(0, frames.ErrorCode.NO_ERROR)], 14),
    "gone after it": ([SETTINGS, AWAY, head(), data(b"\0\0\0\0\2hi"), DONE], 0),
    "a proxy's refusal": ([SETTINGS, head(b"\x08\x03503", flags=frames.END_HEADERS | frames.END_STREAM)], 14),
    "no status": ([SETTINGS, head(), data(b"", frames.END_STREAM)], 13),
    "compressed": ([SETTINGS, head(), data(b"\1\0\0\0\1x")], 13),
    "too large": ([SETTINGS, head(), data(b"\0\xff\xff\xff\xff")], 8),
    "padded": ([SETTINGS, head(), data(b"\2\0\0\0\0\1x\0\0", frames.PADDED), DONE], 0),
    "in pieces": ([SETTINGS, head(), data(b"\0\0"), data(b"\0\0\3a"), data(b"bc"), DONE], 0),
    "split trailers": ([
        SETTINGS, head(),
        frames.header(frames.HEADERS, frames.END_STREAM, 1, 5) + STATUS_0[:5],
        frames.header(frames.CONTINUATION, frames.END_HEADERS, 1, len(STATUS_0) - 5) + STATUS_0[5:],
    ], 0),
    "a frame amid a block": ([SETTINGS, head(flags=0), frames.ping(bytes(8), ack=False)], 13),
    "a push": ([SETTINGS, frames.header(frames.PUSH_PROMISE, 4, 1, 4) + bytes(4)], 13),
    "a frame too large": ([SETTINGS, frames.header(frames.DATA, 0, 1, 20_000)], 13),
    "garbled fields": ([SETTINGS, head(b"\xff\xff\xff\xff\xff\xff")], 13),
    "nothing more": ([SETTINGS], 14),
}  # fmt: skip


@pytest.mark.parametrize("said, code", ODD.values(), ids=ODD)
async def test_every_ending_has_a_status(said: list[bytes], code: int) -> None:
    async with peer(saying(*said, stay=said != [SETTINGS])) as url, transport() as over:
        call = await dial(over, url)
        async with asyncio.timeout(60):
            await all_of(call)
        assert call.closed.code == code
        await call.close()


NO_PEER = {
    "HTTP/1.1": (saying(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), Kind.BAD_RESPONSE),
    "other frames first": (saying(AWAY), Kind.BAD_RESPONSE),
    "nothing": (saying(), Kind.UPSTREAM),
    "silence": (saying(stay=True), Kind.TIMEOUT),
}


@pytest.mark.parametrize("talk, kind", NO_PEER.values(), ids=NO_PEER)
async def test_who_does_not_speak_http2_is_no_provider(talk: Peer, kind: Kind) -> None:
    held = Held(key=SECRET)
    async with peer(talk) as url, transport(answer=0.3) as over:
        with pytest.raises(ProviderError) as refused:
            await dial(over, url, held=held)
    assert refused.value.kind is kind
    assert held.all_wiped


async def test_tls_that_does_not_agree_on_http2_gets_no_secret() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("localhost").configure_cert(context)
    heard = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(65536))

    async with peer(talk, context) as url, transport() as over:
        with pytest.raises(ProviderError, match="does not speak HTTP/2"):
            await dial(over, url)
    assert not heard


async def test_a_secret_waits_in_the_buffer_no_longer_than_it_must() -> None:
    """The field of the secret is never indexed and not compressed; pings are answered."""
    heard = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SETTINGS + frames.ping(b"12345678", ack=False))
        while frames.ping(b"12345678", ack=True) not in heard:
            heard.extend(await reader.read(65536))
        writer.write(head() + DONE)
        await writer.drain()
        await reader.read()

    async with peer(talk) as url, transport() as over:
        call = await dial(over, url)
        assert await all_of(call) == []
        await call.close()
    assert b"\x10\x0ex-goog-api-key" + bytes((len(SECRET),)) + SECRET.encode() in heard
    assert heard.endswith(frames.ping(b"12345678", ack=True))


async def test_a_ping_that_is_asked_for_is_answered_or_not() -> None:
    async with peer(answering_pings) as url, transport() as over:
        call = await dial(over, url)
        await call.greeted()
        assert not call.unanswered
        call.ping()
        assert call.unanswered
        async with asyncio.timeout(60):
            while call.unanswered:
                await asyncio.sleep(0.005)
        await call.close()
        call.ping()
        assert not call.unanswered


async def answering_pings(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(SETTINGS)
    heard = b""
    while frames.ping(b"are you?", ack=False) not in heard:
        heard += await reader.read(65536)
    writer.write(frames.ping(b"are you?", ack=True))
    await reader.read()


async def test_a_provider_that_answers_no_ping_is_given_up() -> None:
    async with peer(saying(SETTINGS, stay=True)) as url, transport(call_ping=0.05, pong=0.05) as over:
        call = await dial(over, url)
        async with asyncio.timeout(60):
            assert await call.receive() is None
        assert call.closed.code == 14
