"""Unary calls to an operator's own service: against grpcio's server, and against servers that misbehave."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import h2.config
import h2.connection
import h2.events
import pytest
import trustme

from integration_api.transport.grpc import MESSAGE_BYTES, STREAMS, Channel, Refused

SECONDS = 60.0
KEY = b"a-key-that-must-not-be-indexed"
Act = Callable[["Peer", h2.events.Event], None]


async def ask(channel: Channel, message: bytes = b"hello", *, seconds: float = SECONDS) -> bytes:
    return await channel.unary("/s.S/M", message, [(b"x-api-key", KEY)], seconds=seconds)


# --- grpcio's server ---------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def grpcio(
    answer: Callable[[bytes, Any], Awaitable[bytes]], credentials: Any = None
) -> AsyncIterator[int]:
    server = grpc.aio.server()
    handlers = {"M": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s.S", handlers),))
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


async def echo(message: bytes, context: Any) -> bytes:
    metadata = dict(context.invocation_metadata())
    return metadata["x-api-key"].encode() + message


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "http://127.0.0.1:{}", "grpc://127.0.0.1:{}/"])
async def test_it_asks_and_is_answered(form: str) -> None:
    async with grpcio(echo) as port:
        channel = Channel(form.format(port))
        for message in (b"", b"hello", b"x" * 60_000):
            assert await ask(channel, message) == KEY + message
        await channel.close()


async def test_more_calls_than_streams_wait_their_turn() -> None:
    async with grpcio(echo) as port:
        channel = Channel(f"127.0.0.1:{port}")
        messages = [b"%d" % number for number in range(5 * STREAMS)]
        answers = await asyncio.gather(*(ask(channel, message) for message in messages))
        assert answers == [KEY + message for message in messages]
        await channel.close()


async def test_a_status_is_told_with_its_message() -> None:
    async def refuse(message: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.NOT_FOUND, "там нічого")
        raise AssertionError

    async with grpcio(refuse) as port:
        channel = Channel(f"127.0.0.1:{port}")
        with pytest.raises(Refused) as refused:
            await ask(channel)
        assert (refused.value.status, refused.value.message) == (5, "там нічого")
        await channel.close()


async def test_an_answer_may_be_long_but_not_endless() -> None:
    async def talkative(message: bytes, context: Any) -> bytes:
        return b"x" * int(message)

    async with grpcio(talkative) as port:
        channel = Channel(f"127.0.0.1:{port}")
        assert len(await ask(channel, b"1000000")) == 1_000_000
        with pytest.raises(ConnectionError):
            await ask(channel, b"%d" % (MESSAGE_BYTES + 1))
        assert await ask(channel, b"1") == b"x"
        await channel.close()


async def test_who_does_not_answer_in_time_is_not_waited_for() -> None:
    stuck = asyncio.Event()

    async def slow(message: bytes, context: Any) -> bytes:
        if message == b"slow":
            await stuck.wait()
        return message

    async with grpcio(slow) as port:
        channel = Channel(f"127.0.0.1:{port}")
        with pytest.raises(TimeoutError):
            await ask(channel, b"slow", seconds=0.1)
        assert await ask(channel, b"fast") == b"fast"
        stuck.set()
        await channel.close()


async def test_tls_is_verified() -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    credentials = grpc.ssl_server_credentials(
        [(issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())]
    )
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with grpcio(echo, credentials) as port:
        channel = Channel(f"https://127.0.0.1:{port}", tls=trusting)
        assert await ask(channel) == KEY + b"hello"
        await channel.close()
        stranger = Channel(f"https://127.0.0.1:{port}")
        with pytest.raises(OSError, match="certificate verify failed"):
            await ask(stranger)


# --- servers that misbehave --------------------------------------------------------------------


class Peer(asyncio.Protocol):
    """A server that does with each event what it is told to."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding=None)
        )

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.h2.initiate_connection()
        self.flush()

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            self.act(self, event)
        self.flush()

    def flush(self) -> None:
        self.transport.write(self.h2.data_to_send())

    def answer(self, stream: int, body: bytes = b"\0\0\0\0\1x", *status: tuple[bytes, bytes]) -> None:
        self.h2.send_headers(stream, [(b":status", b"200"), (b"content-type", b"application/grpc")])
        self.h2.send_data(stream, body, end_stream=not status)
        if status:
            self.h2.send_headers(stream, status, end_stream=True)


OK = (b"grpc-status", b"0")


@contextlib.asynccontextmanager
async def peer(act: Act) -> AsyncIterator[Channel]:
    server = await asyncio.get_running_loop().create_server(lambda: Peer(act), "127.0.0.1", 0)
    channel = Channel(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield channel
    finally:
        await channel.close()
        server.close()


def on_request(act: Callable[[Peer, int], None]) -> Act:
    def heard(server: Peer, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.StreamEnded):
            act(server, event.stream_id)

    return heard


@pytest.mark.parametrize(
    "act",
    [
        lambda server, stream: server.answer(stream),  # No status.
        lambda server, stream: server.answer(stream, b"", OK),
        lambda server, stream: server.answer(stream, b"\0\0\0\0\2x", OK),
        lambda server, stream: server.answer(stream, b"\0\0\0\0\1x" * 2, OK),
        lambda server, stream: server.answer(
            stream, b"\1\0\0\0\1x", OK
        ),  # Compressed, and nobody asked for it.
        lambda server, stream: server.answer(stream, b"\0\0\0\0\1x", (b"grpc-status", b"zero")),
        lambda server, stream: server.h2.send_headers(stream, [(b":status", b"502")], end_stream=True),
        lambda server, stream: server.h2.reset_stream(stream),
        lambda server, stream: server.h2.close_connection(last_stream_id=0),
        lambda server, stream: server.transport.close(),
        lambda server, stream: server.transport.write(b"\0\0\1\0\0\0\0\0\0x"),  # A frame of no stream.
    ],
)
async def test_what_is_no_answer_is_none(act: Callable[[Peer, int], None]) -> None:
    async with peer(on_request(act)) as channel:
        with pytest.raises(ConnectionError):
            await ask(channel)


async def test_a_server_of_another_protocol_is_no_server() -> None:
    async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0)
    channel = Channel(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(ConnectionError):
        await ask(channel)
    server.close()


async def test_nobody_there_is_an_error() -> None:
    with pytest.raises(OSError):
        await ask(Channel("127.0.0.1:1"))


async def test_a_connection_that_was_closed_while_idle_is_made_again() -> None:
    connections = 0

    def closing(server: Peer, event: h2.events.Event) -> None:
        nonlocal connections
        if isinstance(event, h2.events.RemoteSettingsChanged):
            connections += 1
            server.asked = 0
        if isinstance(event, h2.events.StreamEnded):
            server.asked += 1
            if server.asked > 1:
                server.transport.abort()
            else:
                server.answer(event.stream_id, b"\0\0\0\0\1x", OK)

    async with peer(closing) as channel:
        for _ in range(3):
            assert await ask(channel) == b"x"
    assert connections == 3


async def test_a_server_that_goes_away_is_asked_on_a_new_connection() -> None:
    gone = 0

    def going(server: Peer, stream: int) -> None:
        nonlocal gone
        if not gone:
            gone += 1
            server.h2.close_connection(last_stream_id=0)
        else:
            server.answer(stream, b"\0\0\0\0\1x", OK)

    async with peer(on_request(going)) as channel:
        assert await ask(channel) == b"x"


async def test_no_key_enters_the_table_of_the_compression() -> None:
    tables = []

    def looking(server: Peer, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.StreamEnded):
            tables.append(list(server.h2.decoder.header_table.dynamic_entries))
            server.answer(event.stream_id, b"\0\0\0\0\1x", OK)

    async with peer(looking) as channel:
        await ask(channel)
        await ask(channel)
    assert tables[1]
    assert not any(KEY in value for table in tables for _, value in table)


@pytest.mark.parametrize(
    "target",
    ["", "host", "host:", ":9001", "host:0", "host:65536", "host:x", "ftp://host:1", "host:1/path", "a/b:1"],
)
def test_an_address_is_a_host_and_a_port(target: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        Channel(target)


@pytest.mark.parametrize(
    "target", ["web-api:9001", "[::1]:9001", "https://web.example", "https://web.example:8443"]
)
def test_addresses_that_are_good(target: str) -> None:
    assert Channel(target)
