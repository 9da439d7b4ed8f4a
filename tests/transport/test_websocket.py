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
            socket.write(message)
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


async def test_what_a_provider_says_is_wrong_is_heard_without_the_secret() -> None:
    words, hidden = f"no such key: {SECRET.decode()}", f"no such key: {'*' * len(SECRET)}"

    async def talk(socket: ServerConnection) -> None:
        await socket.send('{"error": "' + words + '"}')
        await socket.send(['{"warning": "', words, '"}'])
        await socket.close(1008, words)

    held = Held()
    async with provider(talk) as url, transport() as way:
        socket = await dial(way, url, held=held)
        assert await socket.receive() == '{"error": "' + hidden + '"}'
        assert await socket.receive() == '{"warning": "' + hidden + '"}'
        assert await socket.receive() is None
        assert socket.closed == Closed(1008, hidden)
        await socket.close()
    assert not any(any(one) for one in held.given)


async def test_a_header_of_a_refused_handshake_is_read_without_the_secret() -> None:
    seen: list[dict[str, str]] = []

    def refuse(connection, request):
        response = connection.respond(401, "")
        response.headers["x-why"] = f" {SECRET.decode()} is unknown "
        return response

    def judge(reply: HttpResponse) -> ProviderError:
        seen.append(dict(reply.headers))
        return refusal(reply)

    async with provider(echo, process_request=refuse) as url, transport() as way:
        request = HttpRequest(method="GET", url=url, auth=Header("authorization"), upgrade=())
        with pytest.raises(ProviderError):
            await way.dial(request, judge, Held(), Trace(perf_counter()), "account")
    assert seen[0]["x-why"] == f"{'*' * len(SECRET)} is unknown"
    assert seen[0]["content-length"] == "0"


def framed(first: int, data: bytes) -> bytes:
    size = len(data)
    if size < 126:
        return bytes((first, size)) + data
    if size < 65_536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + data
    return bytes((first, 127)) + size.to_bytes(8, "big") + data


def arrive(socket: Socket, data: bytes, step: int) -> None:
    """Let bytes arrive, at most so many at once."""
    while data:
        room = socket.get_buffer(-1)
        taken = min(step, len(room), len(data))
        room[:taken] = data[:taken]
        socket.buffer_updated(taken)
        data = data[taken:]


@pytest.mark.parametrize("step", [1, 7, 4096, 70_000])
async def test_frames_that_come_in_part_are_put_together(step: int) -> None:
    said: list[str | bytes] = ["ü" * 100, b"", b"x" * 5000, "error " + "y" * 300, b"z" * 70_000, "last"]
    stream = b"".join(
        framed(0x81, one.encode()) if isinstance(one, str) else framed(0x82, one) for one in said
    )
    stream += framed(0x01, b"in ") + framed(0x89, b"ping") + framed(0x00, b"three ") + framed(0x80, b"parts")
    async with provider(echo) as url, transport() as way:
        socket = await dial(way, url)
        arrive(socket, stream, step)
        assert [await socket.receive() for _ in range(len(said) + 1)] == [*said, "in three parts"]
        assert socket.open
        await socket.close()


BROKEN_RULES = {
    "masked": (b"\x81\x80\0\0\0\0", 1002),
    "reserved bits": (framed(0xC1, b"x"), 1002),
    "no opcode": (framed(0x83, b"x"), 1002),
    "no control opcode": (framed(0x8B, b"x"), 1002),
    "a long ping": (framed(0x89, bytes(126)), 1002),
    "a ping in parts": (framed(0x09, b"x"), 1002),
    "a continuation of nothing": (framed(0x80, b"x"), 1002),
    "a message inside another": (framed(0x01, b"x") + framed(0x81, b"y"), 1002),
    "a close code of one byte": (framed(0x88, b"x"), 1002),
    "a close code that is none": (framed(0x88, b"\x03\xed"), 1002),
    "not UTF-8": (framed(0x81, b"\xff"), 1007),
    "a reason that is not UTF-8": (framed(0x88, b"\x03\xe8\xff"), 1007),
    "too large": (framed(0x82, bytes(5000)), 1009),
    "too large in parts": (framed(0x02, bytes(4000)) + framed(0x80, bytes(1000)), 1009),
}


@pytest.mark.parametrize("frames, code", BROKEN_RULES.values(), ids=BROKEN_RULES)
async def test_who_breaks_the_rules_is_told_so_and_heard_no_more(frames: bytes, code: int) -> None:
    ended = asyncio.get_running_loop().create_future()

    async def talk(socket: ServerConnection) -> None:
        await socket.wait_closed()
        ended.set_result(socket.close_code)

    async with provider(talk) as url, transport(message=4096) as way:
        socket = await dial(way, url)
        arrive(socket, frames + framed(0x81, b"said too late"), 70_000)
        assert await socket.receive() is None
        assert socket.closed == Closed(1006)
        await socket.close()
        assert await asyncio.wait_for(ended, 60) == code


async def test_a_connection_that_breaks_is_1006() -> None:
    async def talk(socket: ServerConnection) -> None:
        socket.transport.abort()

    async with provider(talk) as url, transport() as way:
        socket = await dial(way, url)
        assert await socket.receive() is None
        assert socket.closed.code == 1006
        socket.write("into the void")
        await socket.drain()


async def test_a_ping_that_is_asked_for_is_answered_or_not() -> None:
    pinged = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        await socket.wait_closed()
        pinged.set()

    async with provider(talk) as url, transport() as way:
        socket = await dial(way, url)
        assert not socket.unanswered
        socket.ping()
        assert socket.unanswered
        asked = socket.unanswered
        socket.ping()  # It owes an answer already: that is still waited for since the first time.
        assert socket.unanswered >= asked
        async with asyncio.timeout(60):
            while socket.unanswered:
                await asyncio.sleep(0.005)
        await socket.close()
        socket.ping()
        assert not socket.unanswered
        await asyncio.wait_for(pinged.wait(), 60)


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
                socket.write(bytes(65536))
                await socket.drain()
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
