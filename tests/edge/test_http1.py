"""HTTP/1.1 on a socket: requests in all their shapes, the refusals, the clock, the farewell."""

import asyncio
import email.utils
import socket
import struct
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.house import QUICK, opened
from tests.edge.raw import WAIT, raw
from tests.edge.test_grpc import until

CHUNKED = "transfer-encoding: chunked"


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def post(*lines: str) -> bytes:
    return head("POST /take HTTP/1.1", "host: test", *lines)


# Requests.


async def test_one_connection_serves_many_requests():
    async with opened() as edge, raw(edge) as client:
        for number in range(50):
            await client.ask(f"/{number}?q=%20", method="PUT", body=b"x" * number)
            answer = await client.answer()
            assert (answer.status, answer.body) == (200, b"PUT /%d %d" % (number, number))
            assert "connection" not in answer.headers
        assert edge.house.requests[-1].query == "q=%20"
        assert edge.edge.connections == 1


@pytest.mark.parametrize("size", [1, 7, 100, 65_536])
async def test_pipelined_requests_are_answered_in_order_however_their_bytes_come(size):
    said = b"".join([
        head("GET /slow HTTP/1.1", "host: a", "X-Twice: 1", "x-twice:2 ", "cookie: a=1", "cookie: b=2"),
        b"\r\n",  # RFC 9112 section 2.2: an empty line before a request is forgiven
        post("content-length: 5") + b"hello",
        head("HEAD /sse HTTP/1.1", "host: a"),
        post(CHUNKED) + b"3;ext=1\r\nabc\r\n00A\r\n0123456789\r\n0\r\nx-trailer: 1\r\n\r\n",
        head("OPTIONS * HTTP/1.1", "host: a"),
        head("GET http://b:9004/absolute?q HTTP/1.1", "host: a"),
    ])  # fmt: skip
    async with opened() as edge, raw(edge) as client:
        sending = asyncio.create_task(client.say(*(said[at : at + size] for at in range(0, len(said), size))))
        told = [(await client.answer(to_head=number == 2)).body for number in range(6)]
        await sending
        assert told == [
            b"GET /slow 0",
            b"POST /take 5",
            b"",
            b"POST /take 13",
            b"OPTIONS /* 0",
            b"GET /absolute 0",
        ]
        first, *_, last = edge.house.requests
        assert first.headers == {b"host": b"a", b"x-twice": b"1, 2", b"cookie": b"a=1; b=2"}
        assert (last.headers[b"host"], last.query, last.client) == (b"b:9004", "q", "127.0.0.1")
        assert edge.house.requests[3].body == b"abc0123456789"


async def test_a_request_waits_for_the_answer_before_it():
    async with opened() as edge, raw(edge) as client:
        await client.say(head("GET /gate HTTP/1.1", "host: a") + head("GET /next HTTP/1.1", "host: a"))
        await until(edge.house.begun.is_set)
        assert [request.path for request in edge.house.requests] == ["/gate"]
        edge.house.gate.set()
        assert (await client.answer()).body == b"through the gate"
        assert (await client.answer()).body == b"GET /next 0"


async def test_who_sends_too_far_ahead_is_answered_and_then_refused():
    async with opened(replace(QUICK, pipelined=4)) as edge, raw(edge) as client:
        await client.say(head("GET / HTTP/1.1", "host: a") * 10)
        assert [(await client.answer()).status for _ in range(6)] == [200] * 5 + [400]
        assert await client.rest() == b""


async def test_bodies_that_wait_are_bounded():
    """A caller who sends on while nothing is answered is not read any more, and served in the end."""
    async with opened(replace(QUICK, stream_backlog=100_000)) as edge, raw(edge) as client:
        await client.ask("/gate")
        sending = asyncio.create_task(client.say((post("content-length: 90000") + bytes(90_000)) * 60))
        await until(edge.house.begun.is_set)
        connection = next(iter(edge.edge._live.connections))
        await until(lambda: not connection.reading)
        assert connection.queued <= 100_000 + 90_000
        edge.house.gate.set()
        for _ in range(61):
            assert (await client.answer()).status == 200
        await sending
        assert connection.queued == 0


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
async def test_bodies_of_every_size_go_both_ways(size):
    async with opened() as edge, raw(edge) as client:
        await client.ask("/take", method="POST", body=b"z" * size)
        assert (await client.answer()).body == b"POST /take %d" % size
        assert edge.house.requests[-1].body == b"z" * size
        await client.ask(f"/large?{size}")
        assert (await client.answer()).body == b"x" * size


async def test_a_stream_comes_in_chunks_as_it_is_made():
    async with opened() as edge, raw(edge) as client:
        await client.ask("/sse")
        answer = await client.answer()
        assert answer.chunks == (b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n")
        assert answer.headers["content-type"] == "text/event-stream"


async def test_answers_are_dated():
    async with opened() as edge, raw(edge) as client:
        for path in ("/", "/sse", "/raise"):
            await client.ask(path)
            told = email.utils.parsedate_to_datetime((await client.answer()).headers["date"])
            assert abs(told.timestamp() - time.time()) < 5


@pytest.mark.parametrize("path", ["/", "/large?70000", "/sse", "/raise", "/nothing"])
async def test_head_is_get_without_the_body(path):
    async with opened() as edge, raw(edge) as client:
        await client.ask(path, method="HEAD")
        short = await client.answer(to_head=True)
        await client.ask(path)
        whole = await client.answer()
        assert (short.status, short.headers.keys()) == (whole.status, whole.headers.keys())
        if path != "/":  # whose body tells the method
            assert short.headers.get("content-length") == whole.headers.get("content-length")


@pytest.mark.parametrize(
    ("path", "wish", "kept"),
    [
        ("/", "keep-alive", True),
        ("/", "close", False),
        ("/", None, False),
        ("/sse", "keep-alive", False),
        ("/raise", "keep-alive", True),
    ],
)
async def test_http10_has_no_chunks_and_says_whether_it_goes_on(path, wish, kept):
    async with opened() as edge, raw(edge) as client:
        await client.say(head(f"GET {path} HTTP/1.0", *([f"connection: {wish}"] if wish else [])))
        answer = await client.answer()
        assert answer.headers["connection"] == ("keep-alive" if kept else "close")
        assert "transfer-encoding" not in answer.headers
        assert answer.body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n" or path != "/sse"
        await client.say(head("GET / HTTP/1.1", "host: a"))
        assert bool(await client.rest() if not kept else (await client.answer()).body) == kept


async def test_close_is_said_and_done():
    async with opened() as edge, raw(edge) as client:
        await client.ask("/", "connection: close")
        assert (await client.answer()).headers["connection"] == "close"
        assert await client.rest() == b""


async def test_continue_is_said_when_its_turn_comes():
    waiting = post("content-length: 4", "expect: 100-continue")
    async with opened() as edge, raw(edge) as client:
        await client.say(waiting)
        assert (await client.answer()).status == 100
        await client.say(b"body" + head("GET /gate HTTP/1.1", "host: a") + waiting)
        assert (await client.answer()).body == b"POST /take 4"
        edge.house.gate.set()
        assert (await client.answer()).body == b"through the gate"
        assert (await client.answer()).status == 100
        await client.say(b"more")
        assert (await client.answer()).body == b"POST /take 4"


async def test_a_body_nobody_wants_is_not_asked_for():
    async with opened(replace(QUICK, body_bytes=10)) as edge, raw(edge) as client:
        await client.say(post("content-length: 11", "expect: 100-continue"))
        assert (await client.answer()).status == 413
        assert await client.rest() == b""


@pytest.mark.parametrize(
    "body", ["content-length: 5\r\n\r\nhello", f"{CHUNKED}\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
)
async def test_a_wish_for_another_protocol_is_disregarded(body):
    wish = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk"
    async with opened() as edge, raw(edge) as client:
        for size in (1, 10, 1_000):
            said = f"POST /take HTTP/1.1\r\nhost: a\r\n{wish}\r\n{body}GET /n HTTP/1.1\r\nhost: a\r\n\r\n".encode()
            await client.say(*(said[at : at + size] for at in range(0, len(said), size)))
            assert (await client.answer()).body == b"POST /take 5"
            assert (await client.answer()).body == b"GET /n 0"


# What is not a request.


REFUSED: dict[str, tuple[int, bytes]] = {
    "folded field": (400, head("GET / HTTP/1.1", "host: x", "a: b", " c")),
    "folded with a tab": (400, head("GET / HTTP/1.1", "host: x", "a: b", "\tc")),
    "space before the fields": (400, head("GET / HTTP/1.1", " host: x")),
    "space before the colon": (400, head("GET / HTTP/1.1", "host : x")),
    "no name": (400, head("GET / HTTP/1.1", "host: x", ": b")),
    "no colon": (400, head("GET / HTTP/1.1", "host: x", "ab")),
    "NUL in a value": (400, head("GET / HTTP/1.1", "host: x", "a: b\0")),
    "CR in a value": (400, head("GET / HTTP/1.1", "host: x", "a: b\rc")),
    "bare LF": (400, b"GET / HTTP/1.1\r\nhost: x\na: b\r\n\r\n"),
    "control in a value": (400, head("GET / HTTP/1.1", "host: x", "a: \x0bb")),
    "no host": (400, head("GET / HTTP/1.1")),
    "two hosts": (400, head("GET / HTTP/1.1", "host: x", "host: x")),
    "not a host": (400, head("GET / HTTP/1.1", "host: a b")),
    "user in the host": (400, head("GET / HTTP/1.1", "host: a@b")),
    "length and chunks": (400, post("content-length: 5", CHUNKED) + b"0\r\n\r\n"),
    "chunks and length": (400, post(CHUNKED, "content-length: 5") + b"0\r\n\r\n"),
    "two lengths": (400, post("content-length: 5", "content-length: 6") + b"hello"),
    "one length twice": (400, post("content-length: 5", "content-length: 5") + b"hello"),
    "list of lengths": (400, post("content-length: 5, 5") + b"hello"),
    "length below nothing": (400, post("content-length: -1")),
    "length with a sign": (400, post("content-length: +5") + b"hello"),
    "hexadecimal length": (400, post("content-length: 0x5") + b"hello"),
    "no length": (400, post("content-length:")),
    "length beyond all": (400, post("content-length: 99999999999999999999999")),
    "unknown coding": (400, post("transfer-encoding: gzip")),
    "coded chunks": (400, post("transfer-encoding: gzip, chunked") + b"0\r\n\r\n"),
    "chunks of chunks": (400, post(CHUNKED, CHUNKED) + b"0\r\n\r\n"),
    "identity": (400, post("transfer-encoding: identity")),
    "disguised chunks": (400, post("transfer-encoding: xchunked") + b"0\r\n\r\n"),
    "chunks in HTTP/1.0": (400, head("POST / HTTP/1.0", CHUNKED) + b"0\r\n\r\n"),
    "chunk size no number": (400, post(CHUNKED) + b"zz\r\n"),
    "chunk size below nothing": (400, post(CHUNKED) + b"-1\r\n"),
    "chunk size with a prefix": (400, post(CHUNKED) + b"0x1\r\na\r\n0\r\n\r\n"),
    "chunk size beyond all": (400, post(CHUNKED) + b"f" * 20 + b"\r\n"),
    "chunk longer than told": (400, post(CHUNKED) + b"1\r\nab\r\n0\r\n\r\n"),
    "chunk ended by LF": (400, post(CHUNKED) + b"1\na\n0\n\n"),
    "LF in an extension": (400, post(CHUNKED) + b"1;a\nb\r\na\r\n0\r\n\r\n"),
    "length in the trailers": (400, post(CHUNKED) + b"1\r\na\r\n0\r\ncontent-length: 6\r\n\r\n"),
    "compressed body": (415, post("content-encoding: gzip", "content-length: 5") + b"hello"),
    "HTTP/9.9": (400, head("GET / HTTP/9.9", "host: x")),
    "HTTP/2.0": (400, head("GET / HTTP/2.0", "host: x")),
    "HTTP/0.9": (400, b"GET /\r\n\r\n"),
    "no method": (400, head("BREW / HTTP/1.1", "host: x")),
    "lower-case method": (400, head("get / HTTP/1.1", "host: x")),
    "method of WebDAV": (501, head("PROPFIND / HTTP/1.1", "host: x")),
    "RTSP": (501, head("DESCRIBE / RTSP/1.0", "host: x")),
    "proxy": (501, head("CONNECT a:443 HTTP/1.1", "host: a:443")),
    "target no path": (400, head("GET a HTTP/1.1", "host: x")),
    "target of another scheme": (400, head("GET ftp://a/b HTTP/1.1", "host: x")),
    "user in the target": (400, head("GET http://u@a/b HTTP/1.1", "host: x")),
    "asterisk": (400, head("GET * HTTP/1.1", "host: x")),
    "fragment": (400, head("GET /a#b HTTP/1.1", "host: x")),
    "control in the target": (400, head("GET /\x01 HTTP/1.1", "host: x")),
    "target not escaped": (400, head("GET /\xe9 HTTP/1.1", "host: x")),
    "target not UTF-8": (400, head("GET /%ff HTTP/1.1", "host: x")),
    "NUL in the target": (400, head("GET /%00 HTTP/1.1", "host: x")),
    "long target": (414, head("GET /" + "a" * 9_000 + " HTTP/1.1", "host: x")),
    "long field": (431, head("GET / HTTP/1.1", "host: x", "a: " + "b" * 17_000)),
    "long head": (431, head("GET / HTTP/1.1", "host: x", *(f"a{n}: {'b' * 1_000}" for n in range(17)))),
    "many fields": (431, head("GET / HTTP/1.1", "host: x", *(f"a{n}: b" for n in range(100)))),
    "large body": (413, post("content-length: 99999999999")),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)),
    "nothing but NULs": (400, bytes(1_000)),
    "HTTP/2 too late": (400, b"\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("first", [False, True])
async def test_what_is_not_a_request_is_refused_and_the_connection_closed(name, first):
    """Nothing of it, nor after it, reaches the house; a request before it is answered."""
    status, said = REFUSED[name]
    async with opened() as edge, raw(edge) as client:
        await client.say((b"" if first else head("GET /first HTTP/1.1", "host: x")) + said)
        if not first:
            assert (await client.answer()).body == b"GET /first 0"
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        assert answer.body.startswith(b'{"error":{"message":"')
        await client.say(head("GET /smuggled HTTP/1.1", "host: x"))
        assert await client.rest() == b""
        assert [request.path for request in edge.house.requests] == ([] if first else ["/first"])


@given(said=st.lists(st.sampled_from([value for _, value in REFUSED.values()]) | st.binary(max_size=40), max_size=4),
       cuts=st.lists(st.integers(1, 200), max_size=5), draw=st.randoms(use_true_random=False))  # fmt: skip
@settings(max_examples=60, deadline=None)
async def test_noise_is_refused_or_waited_for(said, cuts, draw):
    noise = bytearray(b"".join(said))
    for _ in range(draw.randint(0, 3)):
        if noise:
            noise[draw.randrange(len(noise))] = draw.randrange(256)
    async with opened() as edge, raw(edge) as client:
        parts = [bytes(noise[at : at + size]) for size in cuts[:1] for at in range(0, len(noise), size)][:20]
        client.writer.write(b"".join(parts) or bytes(noise))
        client.writer.write_eof()
        told = await client.rest()
        assert b" 500 " not in told
        assert edge.house.failures == []
        await until(lambda: edge.edge.connections == 0)


@pytest.mark.parametrize(
    ("begun", "more", "status"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\na: ", b"b" * 1_000, 431),
        (b"GET /", b"a" * 1_000, 431),
        (post(CHUNKED) + b"1\r\na\r\n0\r\nx: ", b"y" * 1_000, 400),
        (post(CHUNKED) + b"1;x=", b"y" * 1_000, 400),
        (post(CHUNKED), b"1;" + b"y" * 100 + b"\r\na\r\n", 400),
    ],
    ids=["field", "target", "trailer", "extension", "extensions"],
)
async def test_what_never_ends_is_cut_short(begun, more, status):
    async with opened() as edge, raw(edge) as client:
        sending = asyncio.create_task(client.say(begun, *([more] * 1_000)))
        assert (await client.answer()).status == status
        sending.cancel()
        assert edge.house.requests == []


async def test_a_body_of_untold_length_is_refused_when_it_is_too_large():
    async with opened(replace(QUICK, body_bytes=100_000)) as edge, raw(edge) as client:
        await client.say(post(CHUNKED), *[b"2710\r\n" + bytes(10_000) + b"\r\n"] * 10)
        await client.say(b"1\r\nx\r\n")
        assert (await client.answer()).status == 413
        assert edge.house.requests == []


@pytest.mark.parametrize("body", ["content-length: 101", f"{CHUNKED}\r\n\r\n65\r\n{'x' * 101}\r\n0"])
async def test_where_anybody_may_knock_less_is_read(body):
    limits = replace(QUICK, public_body_bytes=100, public_paths=("/public/",))
    async with opened(limits) as edge:
        for path, status in (("/public/take", 413), ("/public/", 413)):
            async with raw(edge) as client:
                await client.say(post(body).replace(b"/take", path.encode(), 1))
                assert (await client.answer()).status == status
    assert limits.body_limit("/publicity") == limits.body_limit("/public") == QUICK.body_bytes


async def test_a_refusal_arrives_though_its_sender_goes_on():
    """A socket closed with unread bytes would reset the refusal away."""
    async with opened(replace(QUICK, body_bytes=100)) as edge, raw(edge) as client:
        sending = asyncio.create_task(client.say(post("content-length: 5000000"), *[bytes(100_000)] * 50))
        answer = await client.answer()
        assert answer.status == 413
        assert b"larger than 100 bytes" in answer.body
        await asyncio.wait([sending])
        sending.exception()


# What handlers do wrong.


@pytest.mark.parametrize("path", ["/raise", "/bad-header"])
async def test_a_bug_is_told_and_not_shown(path):
    async with opened() as edge, raw(edge) as client:
        await client.ask(path)
        answer = await client.answer()
        assert answer.status == 500
        assert b"a bug" not in answer.body
        assert [type(error) for error in edge.house.failures] in ([RuntimeError], [ValueError])
        await client.ask("/well")
        assert (await client.answer()).body == b"GET /well 0"


async def test_a_stream_that_breaks_has_no_end():
    async with opened() as edge, raw(edge) as client:
        await client.ask("/break")
        await client.head()
        edge.house.gate.set()
        assert await client.rest() == b"b\r\na beginning\r\n"
        assert len(edge.house.failures) == 1


# Callers who leave, who do not read, who do not send.


def vanish(client) -> None:
    """Leave with a reset, as a process that dies does."""
    sock = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


@pytest.mark.parametrize(
    "leave", [lambda client: client.writer.close(), lambda client: client.writer.write_eof(), vanish]
)
@pytest.mark.parametrize("more", [0, 1, 20])
async def test_a_caller_who_leaves_cancels_the_handler(leave, more):
    async with opened() as edge, raw(edge) as client:
        await client.say(head("GET /hang HTTP/1.1", "host: x") + head("GET / HTTP/1.1", "host: x") * more)
        async with asyncio.timeout(WAIT):
            await edge.house.begun.wait()
            leave(client)
            await edge.house.cancelled.wait()
        await until(lambda: edge.edge.requests == edge.edge.connections == 0)
        assert len(edge.house.requests) == 1


async def test_a_slow_reader_holds_the_handler_back_and_leaving_closes_it():
    async with opened() as edge, raw(edge) as client:
        await client.ask("/endless")
        await until(lambda: edge.house.sent)
        sent = -1
        while sent != edge.house.sent:  # until it does not move any more
            sent = edge.house.sent
            await asyncio.sleep(0.2)
        assert 0 < sent < 16 * 1024 * 1024, "what two kernels hold"
        client.writer.transport.abort()
        async with asyncio.timeout(WAIT):
            await edge.house.closed.wait()


@pytest.mark.parametrize("path", ["/endless", "/large?30000000"])
async def test_an_answer_that_nobody_reads_is_given_up(path):
    async with opened(replace(QUICK, write_stall=0.2)) as edge, raw(edge) as client:
        await client.ask(path)
        await until(lambda: len(edge.house.requests) == 1)
        await until(lambda: edge.edge.connections == edge.edge.requests == 0)


async def test_a_quiet_stream_is_kept_alive():
    async with opened(replace(QUICK, quiet=0.05)) as edge, raw(edge) as client:
        await client.ask("/quiet")
        await client.head()
        chunks = client.chunks()
        assert [await anext(chunks) for _ in range(3)] == [b"data: begun\n\n"] + [b": still here\n\n"] * 2
        edge.house.gate.set()
        assert {chunk async for chunk in chunks} <= {b": still here\n\n", b"data: ended\n\n"}
        await client.ask("/after")
        assert (await client.answer()).body == b"GET /after 0"


@pytest.mark.parametrize(
    ("limits", "said", "status"),
    [
        ({"header_timeout": 0.1}, b"", 0),
        ({"header_timeout": 0.1}, b"\r\n", 0),
        ({"header_timeout": 0.1}, b"PRI * HT", 0),
        ({"header_timeout": 0.1}, b"GET / HTTP/1.1\r\nhos", 408),
        ({"keepalive": 0.1}, head("GET / HTTP/1.1", "host: x"), 200),
        ({"body_idle": 0.1}, post("content-length: 9") + b"half", 408),
        ({"body_idle": 0.1}, post(CHUNKED) + b"4\r\nhalf\r\n", 408),
        ({"body_timeout": 0.1}, post(CHUNKED), 408),
    ],
)
async def test_silence_ends_the_connection(limits, said, status):
    async with opened(replace(QUICK, **limits)) as edge, raw(edge) as client:
        await client.say(said)
        if status:
            answer = await client.answer()
            assert answer.status == status
            assert answer.headers.get("connection") == ("close" if status == 408 else None)
        assert await client.rest() == b""
        await until(lambda: edge.edge.connections == 0)


@pytest.mark.parametrize(
    ("limits", "begun", "more"),
    [
        ({"header_timeout": 0.2}, b"GET / HTTP/1.1\r\nhost: x\r\n", b"a: b\r\n"),
        ({"body_idle": 0.1, "body_min_rate": 1_000_000}, post("content-length: 1000000"), b"x"),
        ({"body_idle": 0.1, "body_min_rate": 1_000_000}, post(CHUNKED), b"1\r\nx\r\n"),
        ({"body_timeout": 0.2, "body_min_rate": 0}, post("content-length: 1000000"), b"x"),
    ],
    ids=["head", "body", "chunks", "long body"],
)
async def test_who_trickles_is_refused(limits, begun, more):
    async with opened(replace(QUICK, **limits)) as edge, raw(edge) as client:

        async def trickle() -> None:
            while not client.reader.at_eof():
                await client.say(more)
                await asyncio.sleep(0.005)

        await client.say(begun)
        trickling = asyncio.create_task(trickle())
        assert (await client.answer()).status == 408
        trickling.cancel()
        await asyncio.wait([trickling])
        assert edge.house.requests == []


async def test_a_secret_in_a_body_is_not_left_in_the_receive_buffer():
    async with opened() as edge, raw(edge) as client:
        await client.ask("/", method="PUT", body=b"a-secret-key" * 10)
        await client.answer()
        assert b"secret" not in bytes(edge.edge._live.receive)


async def test_connections_beyond_the_limit_are_turned_away():
    async with opened(replace(QUICK, connections=1)) as edge, raw(edge) as client:
        await client.ask("/")
        await client.answer()
        async with raw(edge) as second:
            answer = await second.answer()
            assert (answer.status, answer.headers["connection"]) == (503, "close")
        await client.ask("/")
        assert (await client.answer()).status == 200


# The farewell.


async def test_draining_ends_what_is_idle_and_finishes_what_is_under_way():
    async with (
        opened() as edge,
        raw(edge) as idle,
        raw(edge) as whole,
        raw(edge) as streamed,
        raw(edge) as half,
    ):
        await idle.ask("/")
        await idle.answer()
        await streamed.ask("/quiet")
        assert "connection" not in (await streamed.head()).headers
        await whole.ask("/gate")
        await half.say(b"GET /half HTTP/1.1\r\n")
        await until(lambda: edge.edge.requests == 2 and edge.edge.connections == 4)
        draining = asyncio.create_task(edge.edge.drain(WAIT))
        assert await idle.rest() == b""
        await half.say(b"host: x\r\n\r\n")
        assert (await half.answer()).headers["connection"] == "close"
        edge.house.gate.set()
        answer = await whole.answer()
        assert (answer.body, answer.headers["connection"]) == (b"through the gate", "close")
        assert (await streamed.rest()).endswith(b"data: ended\n\n\r\n0\r\n\r\n")
        async with asyncio.timeout(WAIT / 2):
            await draining
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", edge.port)


async def test_what_does_not_end_in_time_is_told_so_or_cut():
    async with opened() as edge, raw(edge) as whole, raw(edge) as streamed:
        await whole.ask("/hang")
        await streamed.ask("/endless")
        await until(lambda: edge.edge.requests == 2)
        draining = asyncio.create_task(edge.edge.drain(0.1))
        answer = await whole.answer()
        assert (answer.status, b"restarting" in answer.body) == (503, True)
        async with asyncio.timeout(WAIT):
            await edge.house.cancelled.wait()
            await edge.house.closed.wait()
            assert not (await streamed.rest()).endswith(b"0\r\n\r\n")
            await draining
        assert edge.edge.connections == 0
