"""WebSockets to providers: the handshake, messages both ways, and every way they end."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter

import pytest
from websockets.asyncio.server import ServerConnection, serve

from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Header, HttpRequest, HttpResponse, Query
from integration_api.core.session import Closed
from integration_api.transport.drive import Transport
from integration_api.transport.egress import EgressGuard
from integration_api.transport.limits import SocketLimits, TransportLimits
from integration_api.transport.trace import Trace
from integration_api.transport.websocket import Socket

SECRET = b"dg-secret-0123456789"
Talk = Callable[[ServerConnection], Awaitable[None]]


class Held:
    """The secrets of a credential with one field; remembers what it gave away."""

    def __init__(self) -> None:
        self.given: list[bytearray] = []

    def reveal(self, field: str) -> bytearray:
        self.given.append(bytearray(SECRET))
        return self.given[-1]


def refusal(reply: HttpResponse) -> ProviderError:
    kind = Kind.CREDENTIAL_REJECTED if reply.status == 401 else Kind.UPSTREAM
    return ProviderError(kind, reply.body.decode() or str(reply.status), provider="p")


@asynccontextmanager
async def provider(talk: Talk, **options) -> AsyncIterator[str]:
    async with serve(talk, "127.0.0.1", 0, compression=None, **options) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/live?x=1"


@asynccontextmanager
async def transport(**limits) -> AsyncIterator[Transport]:
    guard = EgressGuard(["127.0.0.1/32"], allow_http=True)
    transport = Transport(guard, TransportLimits(socket=SocketLimits(**limits), retries=0))
    try:
        yield transport
    finally:
        await transport.close()


async def dial(transport: Transport, url: str, auth=None, subprotocols=(), held=None) -> Socket:
    request = HttpRequest(
        method="GET", url=url, auth=auth or Header("authorization", prefix="Token "), upgrade=subprotocols
    )
    return await transport.dial(request, refusal, held or Held(), Trace(perf_counter()), "account")


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def test_messages_go_both_ways_whole_and_as_what_they_are() -> None:
    async with provider(echo) as url, transport() as way:
        socket = await dial(way, url)
        for message in ("text ü", b"", b"\x00\xff" * 100_000, "x" * 70_000):
            await socket.send(message)
            assert await socket.receive() == message
        await socket.close()
        assert socket.closed == Closed(1000, "")


async def test_a_fragmented_message_is_put_together() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send(["one ", "two ", "three"])
        await socket.send([b"a", b"b"])

    async with provider(talk) as url, transport() as way:
        socket = await dial(way, url)
        assert [await socket.receive(), await socket.receive()] == ["one two three", b"ab"]
        assert await socket.receive() is None
        await socket.close()


async def test_who_attends_hears_at_once_what_nothing_waits_before() -> None:
    async with provider(echo) as url, transport() as way:
        socket = await dial(way, url)
        at_once: list[str | bytes] = []

        def heard(message: str | bytes) -> bool:
            if message == "wait":
                return False
            at_once.append(message)
            return True

        socket.attend(heard)
        assert socket.ready
        for message in (b"1", "2", "wait", b"3", "wait"):
            socket.write(message)
        assert await socket.receive() == "wait"
        in_turn = []
        while not in_turn or in_turn[-1] != "wait":
            in_turn.append(await socket.receive())
        assert at_once[:2] == [b"1", "2"]
        assert [*at_once[2:], *in_turn] == [b"3", "wait"]
        await socket.close()
        assert not socket.ready


@pytest.mark.parametrize("auth", [Header("authorization", prefix="Token "), Query("api_key")])
async def test_the_secret_signs_the_handshake_and_is_wiped(auth) -> None:
    seen: list[str] = []

    async def talk(socket: ServerConnection) -> None:
        seen.append(socket.request.path + " " + socket.request.headers.get("authorization", ""))

    held = Held()
    async with provider(talk) as url, transport() as way:
        socket = await dial(way, url, auth, held=held)
        assert await socket.receive() is None
        await socket.close()
    assert SECRET.decode() in seen[0]
    assert held.given
    assert not any(any(one) for one in held.given)


async def test_a_refused_handshake_is_the_providers_refusal_without_the_secret() -> None:
    def refuse(connection, request):
        return connection.respond(401, f"bad key {SECRET.decode()}")

    async with provider(echo, process_request=refuse) as url, transport() as way:
        with pytest.raises(ProviderError) as refused:
            await dial(way, url)
    assert refused.value.kind is Kind.CREDENTIAL_REJECTED
    assert SECRET.decode() not in str(refused.value)


ANSWERS = {
    "no WebSocket": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "another key": b"HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: AAAA\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 X\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "nothing at all": b"",
    "not HTTP": b"SSH-2.0-x\r\n",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_what_is_no_handshake_is_an_error(answer: bytes) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    async with server, transport() as way:
        with pytest.raises(ProviderError) as refused:
            await dial(way, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert refused.value.kind in (Kind.BAD_RESPONSE, Kind.UPSTREAM)


async def test_a_subprotocol_that_was_not_offered_is_refused() -> None:
    async with provider(echo, select_subprotocol=lambda *_: "other") as url, transport() as way:
        with pytest.raises(ProviderError, match="did not open a WebSocket"):
            await dial(way, url, subprotocols=("one",))


async def test_an_answer_that_changes_the_protocol_unasked_is_refused() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWERS["another key"])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    async with server, transport() as way:
        request = HttpRequest(method="GET", url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        with pytest.raises(ProviderError):
            await way.send(request, refusal, None, Trace(perf_counter()), None)


@pytest.mark.parametrize("code, reason", [(1011, "NET-0001"), (4001, "not authorized"), (1000, "")])
async def test_how_the_provider_closed_is_known(code: int, reason: str) -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send("last words")
        await socket.close(code, reason)

    async with provider(talk) as url, transport() as way:
        socket = await dial(way, url)
        assert await socket.receive() == "last words"
        assert await socket.receive() is None
        assert socket.closed == Closed(code, reason)
        await socket.close()


async def test_a_connection_that_breaks_is_1006() -> None:
    async def talk(socket: ServerConnection) -> None:
        socket.transport.abort()

    async with provider(talk) as url, transport() as way:
        socket = await dial(way, url)
        assert await socket.receive() is None
        assert socket.closed.code == 1006
        await socket.send("into the void")


async def test_a_provider_that_answers_no_ping_is_given_up() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = next(
            line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"sec-websocket-key")
        )
        from websockets.utils import accept_key

        accepted = accept_key(key.decode()).encode()
        writer.write(
            b"HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            b"sec-websocket-accept: " + accepted + b"\r\n\r\n"
        )
        while await reader.read(4096):
            pass
        writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    async with server, transport(ping=0.05, pong=0.05) as way:
        socket = await dial(way, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        assert await socket.receive() is None
        assert socket.closed.code == 1006


async def test_too_large_a_message_closes_the_socket() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send(b"x" * 5000)
        await socket.wait_closed()

    async with provider(talk) as url, transport(message=4096) as way:
        socket = await dial(way, url)
        assert await socket.receive() is None
        assert socket.closed.code in (1006, 1009)
        await socket.close()


async def test_a_provider_who_does_not_read_fails_the_one_who_speaks() -> None:
    stalled_enough = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await stalled_enough.wait()
        socket.transport.abort()

    async with provider(talk) as url, transport(stall=0.2) as way:
        socket = await dial(way, url)
        with pytest.raises(ProviderError) as stalled:
            for _ in range(1000):
                await socket.send(bytes(65536))
        stalled_enough.set()
        assert stalled.value.kind is Kind.TIMEOUT


async def test_sockets_count_as_connections_until_they_are_closed() -> None:
    guard = EgressGuard(["127.0.0.1/32"], allow_http=True)
    way = Transport(guard, TransportLimits(connections=2, retries=0))
    async with provider(echo) as url:
        first, second = await dial(way, url), await dial(way, url)
        with pytest.raises(Failure) as refused:
            await dial(way, url)
        assert refused.value.kind is Kind.OVERLOADED
        await first.close()
        third = await dial(way, url)
        await asyncio.gather(second.close(), third.close())
    await way.close()


async def test_the_key_of_a_handshake_is_fresh_each_time() -> None:
    keys: list[str] = []

    async def talk(socket: ServerConnection) -> None:
        keys.append(socket.request.headers["sec-websocket-key"])

    async with provider(talk) as url, transport() as way:
        for _ in range(3):
            socket = await dial(way, url)
            await socket.close()
    assert len(set(keys)) == 3
    assert all(len(base64.b64decode(key)) == 16 for key in keys)


async def test_a_socket_can_be_named_and_each_has_a_name_of_its_own() -> None:
    names: list[str] = []

    async def talk(socket: ServerConnection) -> None:
        names.append(socket.request.headers["x-connectionid"])

    async with provider(talk) as url, transport() as way:
        request = HttpRequest(
            method="GET", url=url, auth=Header("authorization"), upgrade=(), name_header="x-connectionid"
        )
        for _ in range(2):
            socket = await way.dial(request, refusal, Held(), Trace(perf_counter()), "account")
            await socket.close()
    assert len(set(names)) == 2
    assert all(len(bytes.fromhex(name)) == 16 for name in names)
