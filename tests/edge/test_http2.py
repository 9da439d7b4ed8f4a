"""HTTP/2 on a socket: plain requests by curl, httpx2 and h2, the clock, the farewell."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import httpx2
import pytest

from integration_api.http2 import frames as wire
from tests.edge.house import QUICK, Open, opened
from tests.edge.test_grpc import WAIT, channel, method, until


class Client:
    """`h2` on a socket. It sends what it is told, right or wrong, and keeps every event."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        config = h2.config.H2Configuration(client_side=True, validate_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.events: list[h2.events.Event] = []
        self.buffer = bytearray()
        self.ended = False
        self.credit = True

    async def begin(self) -> "Client":
        self.h2.initiate_connection()
        await self.flush()
        return self

    async def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())
        await self.writer.drain()

    async def ask(
        self, path: str, body: bytes | None = None, *, method: str = "GET", more=(), end: bool = True
    ) -> int:
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "test"), *more]
        self.h2.send_headers(stream, fields, end_stream=end and body is None)
        if body is not None:
            self.h2.send_data(stream, body, end_stream=end)
        await self.flush()
        return stream

    async def hear(self, true) -> None:
        """Read until a condition holds or the connection ends."""
        async with asyncio.timeout(WAIT):
            while not true() and not self.ended:
                data = await self.reader.read(65_536)
                if not data:
                    self.ended = True
                    return
                self.buffer += data
                while len(self.buffer) >= 9 and len(self.buffer) >= 9 + int.from_bytes(
                    self.buffer[:3], "big"
                ):
                    size = 9 + int.from_bytes(self.buffer[:3], "big")
                    self.take(bytes(self.buffer[:size]))
                    del self.buffer[:size]
                with contextlib.suppress(ConnectionError):
                    await self.flush()

    def take(self, frame: bytes) -> None:
        events = self.h2.receive_data(frame)
        self.events += events
        for event in events:
            if isinstance(event, h2.events.DataReceived) and self.credit:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.ConnectionTerminated):
                # h2 hears nothing after a GOAWAY; other clients read their answers to the end.
                self.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN

    def of(self, kind, stream: int | None = None) -> list:
        return [e for e in self.events if isinstance(e, kind) and (stream is None or e.stream_id == stream)]

    async def answer(self, stream: int) -> tuple[int, bytes]:
        await self.hear(
            lambda: self.of(h2.events.StreamEnded, stream) or self.of(h2.events.StreamReset, stream)
        )
        head = dict(self.of(h2.events.ResponseReceived, stream)[0].headers)
        return int(head[b":status"]), b"".join(
            event.data for event in self.of(h2.events.DataReceived, stream)
        )

    async def goodbye(self) -> h2.errors.ErrorCodes:
        """Read to the connection's end and return what its GOAWAY said."""
        with contextlib.suppress(ConnectionResetError):
            await self.hear(lambda: False)
        return self.of(h2.events.ConnectionTerminated)[-1].error_code


@contextlib.asynccontextmanager
async def connected(edge: Open, tls: ssl.SSLContext | None = None) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port, ssl=tls)
    try:
        yield await Client(reader, writer).begin()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def curl(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--max-time", "10", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


# Plain requests.


@pytest.mark.parametrize("protocol", ["--http2-prior-knowledge", "--http1.1", "--http2"])
async def test_curl_is_answered_alike_in_every_protocol(protocol):
    async with opened() as edge:
        url = f"http://{edge.address}"
        assert await curl(protocol, url + "/some%20path?q=1") == "GET /some path 0"
        assert await curl(protocol, "-X", "PUT", "-d", "x" * 100_000, url + "/body") == "PUT /body 100000"
        assert await curl(protocol, url + "/sse") == "data: 0\n\ndata: 1\n\ndata: 2\n\n"
        assert await curl(protocol, "-w", "%{http_code}", url + "/nothing") == "204"
        assert await curl(protocol, "-I", "-o", "/dev/null", "-w", "%{http_code}", url + "/sse") == "200"
        seen = edge.house.requests[0]
        assert seen.query == "q=1"
        assert seen.headers[b"host"] == edge.address.encode()
        assert seen.client == "127.0.0.1"


async def test_bodies_of_every_size_go_both_ways():
    async with opened() as edge, httpx2.AsyncClient(http1=False, http2=True, timeout=60) as client:
        for size in (0, 1, 16_384, 65_535, 3_000_000):
            answer = await client.post(f"http://{edge.address}/take", content=b"z" * size)
            assert answer.text == f"POST /take {size}"
            assert edge.house.requests[-1].body == b"z" * size
            assert (await client.get(f"http://{edge.address}/large?{size}")).content == b"x" * size
        assert answer.http_version == "HTTP/2"


async def test_a_hundred_requests_at_once():
    async with opened() as edge, httpx2.AsyncClient(http1=False, http2=True, timeout=60) as client:
        answers = await asyncio.gather(*(client.get(f"http://{edge.address}/{n}") for n in range(100)))
        assert [answer.text for answer in answers] == [f"GET /{n} 0" for n in range(100)]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/raise", 500, b"failed to answer"),
        ("/bad-header", 500, b"failed to answer"),
        ("/socket", 426, b"WebSocket"),
        ("no-slash", 400, b"must be a path"),
        ("/frag#ment", 400, b"must be a path"),
        ("/%ff", 400, b"not UTF-8"),
        ("/" + "l" * 9_000, 414, b"longer than"),
    ],
)
async def test_what_goes_wrong_is_told_in_json(path, status, said):
    async with opened() as edge, connected(edge) as client:
        answered, body = await client.answer(await client.ask(path))
        assert answered == status
        assert said in body
        assert b'"error"' in body
        assert await client.answer(await client.ask("/well")) == (200, b"GET /well 0")


async def test_requests_that_can_not_be_are_refused():
    async with opened(replace(QUICK, body_bytes=1_000)) as edge, connected(edge) as client:
        for body, more, status in (
            (b"x", [("content-length", "2000")], 413),
            (b"x" * 1_001, [], 413),
            (b"x", [("content-encoding", "gzip"), ("content-length", "2")], 415),
        ):
            stream = await client.ask("/", body, method="POST", more=more, end=False)
            assert (await client.answer(stream))[0] == status
        stream = await client.ask("/", b"x", method="POST", more=[("content-encoding", "gzip")])
        assert (await client.answer(stream))[0] == 415
        assert (await client.answer(await client.ask("/", method="CONNECT")))[0] == 501
        assert edge.house.requests == []


async def test_a_large_head_is_refused_and_the_connection_lives():
    async with opened() as edge, connected(edge) as client:
        more = [(f"x-{n}", "y" * 2_000) for n in range(9)]
        assert (await client.answer(await client.ask("/", more=more)))[0] == 431
        assert (await client.answer(await client.ask("/after")))[1] == b"GET /after 0"


async def test_continue_is_said_before_the_body_comes():
    async with opened() as edge, connected(edge) as client:
        stream = await client.ask("/", method="POST", more=[("expect", "100-continue")], end=False)
        await client.hear(lambda: client.of(h2.events.InformationalResponseReceived, stream))
        client.h2.send_data(stream, b"body", end_stream=True)
        await client.flush()
        assert await client.answer(stream) == (200, b"POST / 4")


async def test_a_stream_that_breaks_is_reset():
    async with opened() as edge, connected(edge) as client:
        stream = await client.ask("/break")
        await client.hear(lambda: client.of(h2.events.DataReceived, stream))
        edge.house.gate.set()
        assert await client.answer(stream) == (200, b"a beginning")
        assert client.of(h2.events.StreamReset, stream)[0].error_code == h2.errors.ErrorCodes.INTERNAL_ERROR


async def test_a_secret_in_a_body_is_not_left_in_the_receive_buffer():
    async with opened() as edge, connected(edge) as client:
        await client.answer(
            await client.ask("/", b"a-secret-key" * 10, method="PUT", more=[("x-api-key", "also-secret")])
        )
        assert edge.house.requests[0].body == b"a-secret-key" * 10
        received = bytes(edge.edge._live.receive)
        assert b"secret" not in received


# Callers who leave, who do not read, who do not send.


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_caller_who_leaves_cancels_the_handler(how):
    async with opened() as edge, connected(edge) as client:
        stream = await client.ask("/hang")
        async with asyncio.timeout(WAIT):
            await edge.house.begun.wait()
            if how == "reset":
                client.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
                await client.flush()
            else:
                client.writer.transport.abort()
            await edge.house.cancelled.wait()
        await until(lambda: edge.edge.requests == 0)
        assert edge.edge.connections == (how == "reset")


async def test_a_caller_who_leaves_closes_the_stream_it_was_read_from():
    async with opened() as edge, connected(edge) as client:
        client.credit = False
        stream = await client.ask("/endless")
        await client.hear(lambda: sum(len(e.data) for e in client.of(h2.events.DataReceived)) == 65_535)
        await until(lambda: edge.house.sent >= 100_000)
        assert edge.house.sent < 256 * 1024
        client.h2.reset_stream(stream)
        await client.flush()
        async with asyncio.timeout(WAIT):
            await edge.house.closed.wait()


async def test_an_answer_that_nobody_reads_is_given_up():
    async with opened(replace(QUICK, write_stall=0.2)) as edge, connected(edge) as client:
        client.credit = False
        stalled = await client.ask("/endless")
        await client.hear(lambda: client.of(h2.events.StreamReset, stalled))
        async with asyncio.timeout(WAIT):
            await edge.house.closed.wait()
        assert client.of(h2.events.StreamReset, stalled)[0].error_code == h2.errors.ErrorCodes.CANCEL


async def test_a_socket_that_nobody_reads_is_closed():
    async with opened(replace(QUICK, write_stall=0.2)) as edge, connected(edge) as client:
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 2**31 - 1})
        client.h2.increment_flow_control_window(2**31 - 1 - 65_535)
        await client.ask("/endless")
        async with asyncio.timeout(WAIT):
            await edge.house.closed.wait()
        await until(lambda: edge.edge.connections == 0)


async def test_a_slow_body_is_refused():
    async with opened(replace(QUICK, body_idle=0.1)) as edge, connected(edge) as client:
        stream = await client.ask("/", b"half", method="POST", end=False)
        status, body = await client.answer(stream)
        assert status == 408
        assert b"too slowly" in body
        call = await client.ask(
            method("Echo"),
            b"\0\0\0",
            method="POST",
            end=False,
            more=[("content-type", "application/grpc"), ("te", "trailers")],
        )
        await client.answer(call)
        assert (b"grpc-status", b"1") in client.of(h2.events.ResponseReceived, call)[0].headers


async def test_a_quiet_stream_is_kept_alive():
    async with opened(replace(QUICK, quiet=0.05)) as edge, connected(edge) as client:
        stream = await client.ask("/quiet")
        await client.hear(lambda: any(b": still here" in e.data for e in client.of(h2.events.DataReceived)))
        edge.house.gate.set()
        _, body = await client.answer(stream)
        assert body.startswith(b"data: begun\n\n: still here\n\n")
        assert body.endswith(b"data: ended\n\n")


# Connections.


@pytest.mark.parametrize(
    "said",
    [
        wire.PREFACE[:9],
        wire.PREFACE,
        wire.PREFACE + wire.settings({}),
        wire.PREFACE + wire.settings({}) + wire.SETTINGS_ACK + wire.header(wire.HEADERS, 5, 1, 50) + b"\x82",
        wire.PREFACE
        + wire.settings({})
        + wire.SETTINGS_ACK
        + wire.headers(1, b"\x82", 16_384, end=True)[:4]
        + b"\0"
        + b"\0\0\0\1\x82",
    ],
)
async def test_a_connection_that_stops_in_mid_head_is_closed(said):
    async with opened(replace(QUICK, header_timeout=0.1)) as edge:
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
        writer.write(said)
        async with asyncio.timeout(WAIT):
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
        await until(lambda: edge.edge.connections == 0)
        writer.close()


async def test_an_idle_connection_is_told_goodbye():
    async with opened(replace(QUICK, http2_idle=0.1)) as edge, connected(edge) as client:
        assert await client.goodbye() == h2.errors.ErrorCodes.NO_ERROR
        await until(lambda: edge.edge.connections == 0)


async def test_an_old_connection_is_told_to_come_again_and_served_to_its_end():
    async with opened(replace(QUICK, http2_age=0.5)) as edge, connected(edge) as client:
        stream = await client.ask("/gate")
        await client.hear(lambda: len(client.of(h2.events.ConnectionTerminated)) == 2)
        edge.house.gate.set()
        await client.hear(lambda: False)
        assert await client.answer(stream) == (200, b"through the gate")


async def test_a_silent_peer_is_asked_and_closed():
    async with (
        opened(replace(QUICK, http2_ping=0.1, http2_ping_timeout=0.2)) as edge,
        connected(edge) as client,
    ):
        await client.ask("/hang")
        await client.hear(lambda: client.of(h2.events.PingReceived))
        # h2 has answered; from now on nobody reads or answers.
        async with asyncio.timeout(WAIT):
            await edge.house.cancelled.wait()
        await until(lambda: edge.edge.connections == 0)


@pytest.mark.parametrize("flood", ["ping", "settings", "reset", "empty"])
async def test_a_flood_closes_the_connection(flood):
    async with opened() as edge, connected(edge) as client:
        stream = await client.ask("/", method="POST", end=False)
        await client.hear(lambda: client.of(h2.events.SettingsAcknowledged))
        said = {
            "ping": wire.ping(bytes(8), ack=False),
            "settings": wire.settings({}),
            "reset": b"",
            "empty": wire.header(wire.DATA, 0, stream, 0),
        }[flood] * 1_000
        if flood == "reset":
            for _ in range(200):
                number = await client.ask("/hang")
                client.h2.reset_stream(number)
            said = client.h2.data_to_send()
        client.writer.write(said)
        assert await client.goodbye() == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
        await until(lambda: edge.edge.connections == 0 and edge.edge.requests == 0)


# The farewell.


async def test_draining_lets_streams_end_and_then_closes():
    async with opened() as edge, connected(edge) as client:
        stream = await client.ask("/gate")
        async with asyncio.timeout(WAIT):
            await edge.house.begun.wait()
        draining = asyncio.create_task(edge.edge.drain(WAIT))
        await client.hear(lambda: len(client.of(h2.events.ConnectionTerminated)) == 2)
        assert not draining.done()
        edge.house.gate.set()
        assert await client.answer(stream) == (200, b"through the gate")
        await client.hear(lambda: False)
        async with asyncio.timeout(WAIT):
            await draining


async def test_an_idle_channel_drains_at_once():
    async with opened() as edge, channel(edge) as to:
        await to.unary_unary(method("Echo"))(b"x", timeout=WAIT)
        async with asyncio.timeout(WAIT):
            await edge.edge.drain(2 * WAIT)
        assert edge.edge.connections == 0


async def test_what_does_not_end_in_time_is_told_so():
    async with opened() as edge, connected(edge) as client, channel(edge) as to:
        whole = await client.ask("/hang")
        streamed = await client.ask("/quiet")
        call = to.unary_unary(method("Hang"))(b"")
        await until(lambda: edge.edge.requests == 3)
        draining = asyncio.create_task(edge.edge.drain(0.1))
        status, body = await client.answer(whole)
        assert (status, b"restarting" in body) == (503, True)
        await client.answer(streamed)
        assert client.of(h2.events.StreamReset, streamed)
        assert await call.code() is not None
        assert (await call.code()).name == "UNAVAILABLE"
        assert "restarting" in await call.details()
        async with asyncio.timeout(WAIT):
            await draining
        assert edge.edge.connections == 0
