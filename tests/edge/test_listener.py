"""Which protocol a connection speaks: told by its first bytes, or by ALPN under TLS."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import httpx2
import pytest
import trustme
from websockets.asyncio.client import connect

from integration_api.http2 import frames as wire
from tests.edge.house import QUICK, Open, opened
from tests.edge.raw import WAIT, raw
from tests.edge.test_grpc import method, until
from tests.edge.test_grpc_web import BINARY, framed, read
from tests.edge.test_http2 import Client, connected

HTTP1 = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi"


@pytest.mark.parametrize("cut", range(1, 25))
async def test_a_preface_cut_anywhere_is_http2(cut):
    async with opened() as edge, raw(edge) as connection:
        client = Client(connection.reader, connection.writer)
        client.h2.initiate_connection()
        said = client.h2.data_to_send()
        await connection.say(said[:cut], said[cut:24], said[24:])
        assert await client.answer(await client.ask("/cut")) == (200, b"GET /cut 0")


async def test_a_preface_may_come_byte_by_byte():
    async with opened() as edge, raw(edge) as connection:
        client = Client(connection.reader, connection.writer)
        client.h2.initiate_connection()
        said = client.h2.data_to_send()
        await connection.say(*(said[at : at + 1] for at in range(len(said))))
        assert await client.answer(await client.ask("/bytes")) == (200, b"GET /bytes 0")


@pytest.mark.parametrize("name", [b"POST", b"PUT", b"PATCH", b"GET"])
@pytest.mark.parametrize("cut", [1, 2, 3])
async def test_a_request_cut_anywhere_is_http1(name, cut):
    said = HTTP1.replace(b"POST", name)
    async with opened() as edge, raw(edge) as client:
        await client.say(*(said[at : at + cut] for at in range(0, len(said), cut)))
        assert (await client.answer()).body == name + b" / 2"


@pytest.mark.parametrize(
    "said",
    [
        b"PRI * HTTP/1.1\r\nhost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX",
        b"PRIX / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
        bytes(100),
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        wire.settings({}),
    ],
)
@pytest.mark.parametrize("size", [1, 1_000])
async def test_what_is_neither_is_refused(said, size):
    async with opened() as edge, raw(edge) as client:
        sending = asyncio.create_task(client.say(*(said[at : at + size] for at in range(0, len(said), size))))
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert await client.rest() == b""
        await asyncio.wait([sending])
        sending.exception()
        assert edge.house.requests == []


async def test_callers_who_leave_before_they_said_what_they_speak_are_forgotten():
    async with opened() as edge:
        for said in (b"", b"P", b"PRI * HTTP/2.0\r\n", wire.PREFACE[:23]):
            async with raw(edge) as client:
                await client.say(said)
        await until(lambda: edge.edge.connections == 0)


# TLS.


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trust(authority) -> ssl.SSLContext:
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return trust


@contextlib.asynccontextmanager
async def opened_by_tls(authority: trustme.CA, **limits: object) -> AsyncIterator[Open]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2", "http/1.1"])
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    async with opened(replace(QUICK, **limits), context) as edge:
        yield edge


@pytest.mark.parametrize(
    "offered", [[], ["http/1.1"], ["spdy/3"], ["http/1.1", "h2"], ["h2"], ["h2", "http/1.1"]]
)
async def test_alpn_decides_under_tls(authority, trust, offered):
    if offered:
        trust.set_alpn_protocols(offered)
    async with opened_by_tls(authority) as edge:
        if "h2" in offered:
            async with connected(edge, trust) as client:
                assert await client.answer(await client.ask("/tls")) == (200, b"GET /tls 0")
        else:
            async with raw(edge, ssl=trust) as client:
                await client.say(HTTP1)
                assert (await client.answer()).body == b"POST / 2"


async def test_everything_goes_over_tls(authority, trust):
    async with opened_by_tls(authority) as edge:
        for http2, version in ((True, "HTTP/2"), (False, "HTTP/1.1")):
            async with httpx2.AsyncClient(http1=True, http2=http2, verify=trust, timeout=60) as client:
                answer = await client.post(f"https://{edge.address}/tls", content=b"x" * 300_000)
                assert (answer.http_version, answer.text) == (version, "POST /tls 300000")
                assert (await client.get(f"https://{edge.address}/sse")).text.count("data:") == 3
                large = await client.get(f"https://{edge.address}/large?3000000")
                assert large.content == b"x" * 3_000_000
                answer = await client.post(
                    f"https://{edge.address}{method('Count')}",
                    content=framed(b"3"),
                    headers={"content-type": BINARY},
                )
                assert read(answer) == ([b"0", b"1", b"2"], {"grpc-status": "0"})
        credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        async with grpc.aio.secure_channel(f"localhost:{edge.port}", credentials) as to:
            assert await to.unary_unary(method("Echo"))(b"m" * 100_000, timeout=WAIT) == b"m" * 100_000
            stream = to.unary_stream(method("Count"))(b"1000", timeout=WAIT)
            assert len([message async for message in stream]) == 1_000
        async with connect(f"wss://{edge.address}/socket", ssl=trust, proxy=None) as peer:
            await peer.send("over TLS")
            assert await peer.recv() == "over TLS"


async def test_a_caller_who_leaves_under_tls_cancels_the_handler(authority, trust):
    async with opened_by_tls(authority) as edge:
        for leave in (lambda peer: peer.writer.close(), lambda peer: peer.writer.transport.abort()):
            async with raw(edge, ssl=trust) as client:
                await client.ask("/hang")
                async with asyncio.timeout(WAIT):
                    await edge.house.begun.wait()
                    leave(client)
                    await edge.house.cancelled.wait()
                edge.house.begun.clear()
                edge.house.cancelled.clear()


async def test_a_slow_reader_under_tls_holds_the_handler_back(authority, trust):
    async with opened_by_tls(authority) as edge, raw(edge, ssl=trust) as client:
        await client.ask("/endless")
        await until(lambda: edge.house.sent)
        sent = -1
        while sent != edge.house.sent:
            sent = edge.house.sent
            await asyncio.sleep(0.2)
        assert 0 < sent < 16 * 1024 * 1024
        client.writer.transport.abort()
        async with asyncio.timeout(WAIT):
            await edge.house.closed.wait()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        HTTP1,
        wire.PREFACE,
        bytes(1_000),
        b"\x16\x03\x01\xff\xff" + bytes(70_000),
    ],
)
async def test_what_is_not_tls_on_a_tls_port_is_closed_in_time(authority, trust, said):
    async with opened_by_tls(authority, header_timeout=0.5) as edge, raw(edge) as client:
        await client.say(said)
        assert b"HTTP" not in await client.rest()
        async with raw(edge, ssl=trust) as other:
            await other.say(HTTP1)
            assert (await other.answer()).status == 200


async def test_silence_after_the_handshake_is_closed_in_time(authority, trust):
    async with opened_by_tls(authority, header_timeout=0.5) as edge, raw(edge, ssl=trust) as client:
        assert await client.rest() == b""


async def test_draining_says_goodbye_over_tls(authority, trust):
    async with opened_by_tls(authority) as edge, raw(edge, ssl=trust) as idle, raw(edge, ssl=trust) as busy:
        await idle.say(HTTP1)
        await idle.answer()
        await busy.ask("/gate")
        await until(edge.house.begun.is_set)
        draining = asyncio.create_task(edge.edge.drain(WAIT))
        assert await idle.rest() == b""
        edge.house.gate.set()
        assert (await busy.answer()).headers["connection"] == "close"
        assert await busy.rest() == b""
        async with asyncio.timeout(WAIT):
            await draining
