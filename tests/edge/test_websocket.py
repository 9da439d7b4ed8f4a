"""WebSockets: by the reference client, and by frames that it would never send."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode

from tests.edge.house import QUICK, Open, opened
from tests.edge.raw import WAIT, Raw, raw
from tests.edge.test_grpc import until

KEY = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="
VERSION = "sec-websocket-version: 13"
WISH = ("connection: keep-alive, Upgrade", "upgrade: WebSocket")


def talking(edge: Open, about: str = "", **options: object) -> connect:
    options = {"max_size": None, "compression": None, "ping_interval": None, "open_timeout": WAIT, **options}
    return connect(f"ws://{edge.address}/socket?{about}", proxy=None, **options)


def frame(opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


@contextlib.asynccontextmanager
async def shaken(edge: Open, early: bytes = b"", about: str = "") -> AsyncIterator[Raw]:
    """A socket after its handshake, for bytes of all kinds."""
    async with raw(edge) as client:
        lines = [f"GET /socket?{about} HTTP/1.1", "host: x", *WISH, KEY, VERSION, "", ""]
        await client.say("\r\n".join(lines).encode() + early)
        told = await client.head()
        assert told.status == 101
        assert told.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        yield client


def ending(told: bytes) -> int:
    """The code of the close frame at the end of what was told."""
    at = told.rindex(bytes((0x88,)))
    return int.from_bytes(told[at + 2 : at + 4], "big")


async def heard(peer: ClientConnection) -> object:
    async with asyncio.timeout(WAIT):
        return await peer.recv()


async def code_of(peer: ClientConnection) -> int:
    """Read to the end and return its code."""
    with pytest.raises(ConnectionClosed):
        while True:
            await heard(peer)
    assert peer.close_code is not None
    return peer.close_code


async def test_messages_of_every_kind_go_there_and_back():
    async with opened() as edge, talking(edge, subprotocols=["other", "house.v1"]) as peer:
        assert peer.subprotocol == "house.v1"
        large = "größer " * 200_000
        for message in ("", b"", "hello", b"\x00\xff", large, large.encode()):
            await peer.send(message)
            assert await heard(peer) == message
            await peer.send([message[:1], message[1:2], message[2:]])  # in three frames
            assert await heard(peer) == message
        seen = edge.house.requests[0]
        assert (seen.path, seen.method) == ("/socket", "GET")
    async with opened() as edge, talking(edge, subprotocols=["other"]) as peer:
        assert peer.subprotocol is None


async def test_a_message_longer_than_the_backlog_may_come_in_pieces():
    async with opened(replace(QUICK, stream_backlog=1_000)) as edge, talking(edge) as peer:
        await peer.send([b"piece by piece " * 100] * 100)
        assert await heard(peer) == b"piece by piece " * 10_000


async def test_frames_may_come_with_the_handshake_and_byte_by_byte():
    async with opened() as edge, shaken(edge, frame(Opcode.TEXT, b"early")) as client:
        said = (
            frame(Opcode.TEXT, b"in ", fin=False) + frame(Opcode.PING, b"amid") + frame(Opcode.CONT, b"two")
        )
        await client.say(*(said[at : at + 1] for at in range(len(said))))
        told = b"\x81\x05early\x8a\x04amid\x81\x06in two"
        assert await client.reader.readexactly(len(told)) == told
        await client.say(frame(Opcode.CLOSE, b"\x03\xe8bye"))
        assert await client.rest() == b"\x88\x05\x03\xe8bye"


async def test_pings_are_answered_and_a_pong_may_come_unasked():
    async with opened() as edge, talking(edge) as peer:
        await peer.pong(b"unasked")
        async with asyncio.timeout(WAIT):
            await (await peer.ping(b"are you there"))


async def test_ten_may_speak_at_once():
    async with opened() as edge, talking(edge, "crowd") as peer:
        told = [(await heard(peer)).rstrip() for _ in range(200)]
        assert sorted(told) == sorted(f"{name}-{number}" for name in range(10) for number in range(20))
        assert await code_of(peer) == 1000


async def test_who_attends_hears_at_once_what_nothing_waits_before():
    async with opened() as edge, shaken(edge, about="attend") as client:
        parts = [b"1", b"wait 2", b"3", b"4"]
        one_read = b"".join(frame(Opcode.BINARY, part) for part in parts) + frame(Opcode.TEXT, b"?")
        await client.say(one_read)
        told = b"1 at once, wait 2 in turn, 3 in turn, 4 in turn"
        assert await client.reader.readexactly(2 + len(told)) == bytes((0x81, len(told))) + told
        halves = frame(Opcode.BINARY, b"5", fin=False) + frame(Opcode.CONT, b"6")
        await client.say(halves + frame(Opcode.BINARY, b"7") + frame(Opcode.TEXT, b"?"))
        told = b"56 in turn, 7 in turn"
        assert await client.reader.readexactly(2 + len(told)) == bytes((0x81, len(told))) + told
        texts = [b"8", b"wait 9", b"10"]
        await client.say(b"".join(frame(Opcode.TEXT, part) for part in (*texts, b"?")))
        told = b"8 at once, wait 9 in turn, 10 in turn"
        assert await client.reader.readexactly(2 + len(told)) == bytes((0x81, len(told))) + told


async def test_what_is_sent_at_once_is_sent_only_where_nobody_has_to_wait():
    async with opened() as edge, shaken(edge, about="push") as client:
        connection = next(iter(edge.edge._live.connections))
        await until(lambda: connection._paused)
        sent = edge.house.sent
        assert sent * 16_384 < 16 * 1024 * 1024
        frames = (4 + 16_384) * sent + len(b"..waited" + b"..last")
        await client.reader.readexactly(frames)
        await client.say(frame(Opcode.CLOSE, b"\x03\xe8"))
        assert ending(await client.rest()) == 1000
        assert edge.house.sent == sent + 1  # nothing after the goodbye


# What is not a handshake.


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((), 426),
        ((*WISH, VERSION), 400),
        ((*WISH, VERSION, "sec-websocket-key: short"), 400),
        ((*WISH, KEY), 426),
        ((*WISH, KEY, "sec-websocket-version: 8"), 426),
        ((*WISH, KEY, VERSION, "content-length: 3"), 426),
    ],
)
async def test_what_is_not_a_handshake_is_refused_and_http_goes_on(lines, status):
    async with opened() as edge, raw(edge) as client:
        await client.ask("/socket", *lines)
        if "content-length: 3" in lines:
            await client.say(b"abc")
        answer = await client.answer()
        assert (answer.status, answer.headers["upgrade"]) == (status, "websocket")
        assert b'"error"' in answer.body
        await client.ask("/after")
        assert (await client.answer()).body == b"GET /after 0"


async def test_a_wish_that_is_not_granted_is_a_plain_request():
    async with opened() as edge, raw(edge) as client:
        await client.ask("/gate", *WISH, KEY, VERSION)
        await client.ask("/after")
        edge.house.gate.set()
        assert (await client.answer()).body == b"through the gate"
        assert (await client.answer()).body == b"GET /after 0"


# How it ends.


@pytest.mark.parametrize(
    ("about", "code", "failures"),
    [("leave", 4001, 0), ("leave_badly", 1011, 1), ("raise", 1011, 1), ("crowd", 1000, 0)],
)
async def test_the_house_ends_it_with_a_code(about, code, failures):
    async with opened() as edge, talking(edge, about) as peer:
        assert await code_of(peer) == code
        assert peer.close_reason == ("enough" if code == 4001 else "")
        assert len(edge.house.failures) == failures
        await until(lambda: edge.edge.connections == edge.edge.requests == 0)


async def test_the_peer_ends_it_with_a_code_after_which_nothing_is_heard():
    async with opened() as edge, shaken(edge) as client:
        last = frame(Opcode.TEXT, b"last") + frame(Opcode.CLOSE, Close(4002, "tired").serialize())
        await client.say(last + frame(Opcode.TEXT, b"too late"))
        assert await client.rest() == b"\x88\x07\x0f\xa2tired"
        async with asyncio.timeout(WAIT):
            await edge.house.closed.wait()


@pytest.mark.parametrize("leave", [lambda peer: peer.transport.abort(), lambda peer: peer.transport.close()])
async def test_a_peer_who_leaves_ends_the_talk(leave):
    async with opened(replace(QUICK, websocket_grace=0.05)) as edge:
        for about in ("echo", "hang", "endless"):
            async with talking(edge, about) as peer:
                leave(peer)
                async with asyncio.timeout(WAIT):
                    await (edge.house.cancelled if about == "hang" else edge.house.closed).wait()
                edge.house.closed.clear()
        await until(lambda: edge.edge.connections == edge.edge.requests == 0)
        assert edge.house.failures == []


async def test_draining_lets_a_talk_go_on_and_then_tells_it_why_it_ends():
    async with opened() as edge, talking(edge) as peer:
        draining = asyncio.create_task(edge.edge.drain(1.0))
        await asyncio.sleep(0)
        await peer.send("still")
        assert await heard(peer) == "still"
        assert await code_of(peer) == 1001
        await draining
        assert edge.edge.connections == 0


async def test_a_silent_peer_is_asked_and_then_given_up():
    limits = replace(QUICK, websocket_ping=0.05, websocket_ping_timeout=0.2)
    async with opened(limits) as edge, talking(edge) as lively, shaken(edge) as silent:
        assert await silent.rest() == b"\x89\x00"
        await lively.send("the client's library has answered")
        assert await heard(lively)


async def test_a_process_that_stood_still_gives_nobody_up_for_it():
    limits = replace(QUICK, websocket_ping=0.05, websocket_ping_timeout=0.1)
    async with opened(limits) as edge, talking(edge) as lively:
        for number in range(10):
            time.sleep(0.2)  # Nothing is read and nobody is asked meanwhile: nor would the loop's clock tell.
            for _ in range(number):
                await asyncio.sleep(0.01)
        await lively.send("still here")
        assert await heard(lively) == "still here"


# Frames that break the rules.


BAD: dict[str, tuple[int, bytes]] = {
    "not masked": (1002, Frame(Opcode.TEXT, b"x").serialize(mask=False)),
    "reserved bit": (1002, b"\xc1" + frame(Opcode.TEXT, b"x")[1:]),
    "reserved opcode": (1002, b"\x83" + frame(Opcode.TEXT, b"x")[1:]),
    "continues nothing": (1002, frame(Opcode.CONT, b"x")),
    "begins amid a message": (1002, frame(Opcode.TEXT, b"x", fin=False) + frame(Opcode.TEXT, b"y")),
    "control in pieces": (1002, b"\x09" + frame(Opcode.PING, b"x")[1:]),
    "control too long": (1002, b"\x89\xfe\x00\x7e" + bytes(4 + 126)),
    "close of one byte": (1002, frame(Opcode.CLOSE, b"\x03")),
    "close without such a code": (1002, frame(Opcode.CLOSE, b"\x03\xed")),
    "close not in UTF-8": (1007, frame(Opcode.CLOSE, b"\x03\xe8\xff")),
    "text not in UTF-8": (1007, frame(Opcode.TEXT, b"\xff")),
    "text of pieces not in UTF-8": (
        1007,
        frame(Opcode.TEXT, b"\xc3", fin=False) + frame(Opcode.CONT, b"\x28"),
    ),
    "larger than allowed": (1009, b"\x82\xff" + (100_001).to_bytes(8, "big") + bytes(4)),
    "larger than there can be": (1009, b"\x82\xff" + (2**63 - 1).to_bytes(8, "big") + bytes(4)),
    "larger in pieces": (
        1009,
        frame(Opcode.BINARY, bytes(60_000), fin=False) + frame(Opcode.CONT, bytes(60_000)),
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_frames_that_break_the_rules_end_it_with_the_right_code(name):
    code, said = BAD[name]
    async with opened(replace(QUICK, message_bytes=100_000)) as edge, shaken(edge) as client:
        await client.say(frame(Opcode.TEXT, b"before") + said)
        told = await client.rest()
        assert ending(told) == code
        async with asyncio.timeout(WAIT):
            await edge.house.closed.wait()
        await until(lambda: edge.edge.connections == 0)
        assert edge.house.failures == []


@given(
    said=st.lists(
        st.sampled_from([said for _, said in BAD.values()])
        | st.binary(max_size=40)
        | st.builds(
            frame,
            st.sampled_from([Opcode.TEXT, Opcode.CONT, Opcode.PING, Opcode.PONG]),
            st.binary(max_size=200),
        ),
        max_size=5,
    )
)
@settings(max_examples=60, deadline=None)
async def test_noise_ends_it_or_is_waited_for(said):
    async with opened(replace(QUICK, message_bytes=100_000)) as edge, shaken(edge) as client:
        client.writer.write(b"".join(said))
        client.writer.write_eof()
        await client.rest()
        await until(lambda: edge.edge.connections == edge.edge.requests == 0)
        assert edge.house.failures == []


# Who does not read, who does not listen.


async def still(value) -> int:
    """Wait until a number does not move any more."""
    last = -1
    while last != value():
        last = value()
        await asyncio.sleep(0.2)
    return last


async def test_a_slow_peer_holds_the_house_back_and_is_given_up_in_the_end():
    async with opened(replace(QUICK, write_stall=1)) as edge, shaken(edge, about="endless"):
        assert await still(lambda: edge.house.sent) < 16 * 1024 * 1024
        async with asyncio.timeout(WAIT):
            await edge.house.closed.wait()
        await until(lambda: edge.edge.connections == 0)


@pytest.mark.parametrize("size", [0, 10_000])
async def test_a_slow_house_holds_the_peer_back(size):
    """Empty messages are bounded, too; and silence that we made ourselves is nobody's death."""
    limits = replace(QUICK, stream_backlog=50_000, websocket_ping=0.05, websocket_ping_timeout=0.1)
    async with opened(limits) as edge, shaken(edge, about="count") as client:
        burst = frame(Opcode.BINARY, bytes(size)) * (20_000 if size == 0 else 2_000)
        client.writer.write(burst)
        await until(edge.house.begun.is_set)
        connection = next(iter(edge.edge._live.connections))
        await until(lambda: not connection._reading)
        most = await still(lambda: connection._backlog)
        assert most <= 50_000 + 64 * 1024 * (12 if size == 0 else 1)
        await asyncio.sleep(0.3)
        edge.house.gate.set()
        await until(lambda: edge.house.taken == (20_000 if size == 0 else 2_000))
        client.writer.write(frame(Opcode.CLOSE, b"\x03\xe8"))
        assert ending(await client.rest()) == 1000


async def test_pings_of_a_peer_who_does_not_read_do_not_pile_up():
    async with opened(replace(QUICK, write_stall=1)) as edge, shaken(edge) as client:
        connection = next(iter(edge.edge._live.connections))
        client.writer.write(frame(Opcode.PING, bytes(125)) * 200_000)  # 26 MB
        await until(lambda: not connection._reading)
        assert connection._transport.get_write_buffer_size() < 1024 * 1024
        await until(lambda: edge.edge.connections == 0)
