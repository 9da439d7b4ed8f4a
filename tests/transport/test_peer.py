"""Dialing another replica: at its address and no other, over TLS where it says so, and what it answers is told."""

import ssl
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
import trustme
from websockets.asyncio.server import serve

from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.transport.peer import PeerDialer
from tests.ports import free_port
from tests.transport.upstream import Held

AUTHORITY = trustme.CA()
TOKEN = "the-token-of-a-replica"
PATH = "/internal/media"


def trusting():
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def serving(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@asynccontextmanager
async def replica(tls=None, refuses=None):
    """Yield the port, and what was asked: path and authorization."""
    asked = []

    def look(connection, request):
        asked.append((request.path, request.headers["authorization"]))
        return None if refuses is None else connection.respond(refuses, "no\n")

    async def echo(socket):
        async for message in socket:
            await socket.send(message)

    async with serve(echo, "127.0.0.1", 0, ssl=tls, process_request=look) as server:
        yield server.sockets[0].getsockname()[1], asked


async def dial(url, context=ssl.create_default_context):
    return await PeerDialer(context).dial(url, PATH, Held(key=TOKEN))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_what_is_said_comes_back_as_it_was(scheme, host):
    tls = serving(AUTHORITY.issue_cert(host)) if scheme == "https" else None
    async with replica(tls) as (port, asked):
        link = await dial(f"{scheme}://{host}:{port}", trusting)
        link.write(b"\x00\xff" * 100_000)
        assert await link.receive() == b"\x00\xff" * 100_000
        await link.close()
        assert await link.receive() is None
    assert asked == [(PATH, f"Bearer {TOKEN}")]


@pytest.mark.parametrize(
    ("host", "context"), [("127.0.0.1", ssl.create_default_context), ("localhost", trusting)]
)
async def test_whoever_can_not_prove_to_be_whom_the_address_names_hears_no_token(host, context):
    async with replica(serving(AUTHORITY.issue_cert("127.0.0.1"))) as (port, asked):
        with pytest.raises(ProviderError, match="certificate") as refused:
            await dial(f"https://{host}:{port}", context)
        assert refused.value.kind is Kind.UNREACHABLE
    assert asked == []


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.FOUND])
async def test_a_refusal_is_told_by_its_status(status):
    async with replica(refuses=status) as (port, _):
        with pytest.raises(ProviderError) as refused:
            await dial(f"http://127.0.0.1:{port}")
    assert refused.value.refusal.status == status


async def test_nobody_there_is_told_at_once():
    with pytest.raises(ProviderError) as refused:
        await dial(f"http://127.0.0.1:{free_port()}")
    assert refused.value.kind is Kind.UNREACHABLE
    assert refused.value.refusal.status is None


@pytest.mark.parametrize(
    "url",
    ["", "10.0.0.7:9004", "ftp://10.0.0.7", "http://me@10.0.0.7", "http://0x7f.1:9004", "file:///etc/passwd"],
)
async def test_what_is_no_plain_address_is_not_dialed(url):
    with pytest.raises(Failure) as refused:
        await dial(url)
    assert refused.value.code == "egress_denied"
