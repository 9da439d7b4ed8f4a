"""What a provider may answer in HTTP/1.1, and what is no answer at all."""

import asyncio

import pytest

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.transport.limits import KIB
from tests.transport.upstream import Answer, Upstream, answer, send, to, transport

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


def paced(raw: bytes, *, close: bool = False, size: int | None = None) -> Answer:
    """Send bytes, all at once or in pieces that arrive one by one; then hang up or wait for the next request."""

    async def said(asked, reader, writer) -> None:
        step = size or len(raw) or 1
        for at in range(0, len(raw), step):
            writer.write(raw[at : at + step])
            await writer.drain()
            if size:
                await asyncio.sleep(0)
        if close:
            writer.close()

    return said


async def asked(*answers: Answer, **limits: float):
    """Return what the first answer says and on how many connections a second request made it two."""
    async with Upstream([*answers, answer()]).serving() as upstream, transport(**limits) as over:
        reply = await send(over, to(upstream))
        await send(over, to(upstream))
        return reply, upstream.connections


GOOD = {
    "length": (OK + b"content-length: 5\r\n\r\nhello", b"hello", 1),
    "no reason": (b"HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nhello", b"hello", 1),
    "nothing": (OK + b"content-length: 0\r\n\r\n", b"", 1),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", 1),
    "chunks": (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"hello", 1),
    "many chunks": (CHUNKED + b"2\r\nhe\r\n1\r\nl\r\n2\r\nlo\r\n0\r\n\r\n", b"hello", 1),
    "sizes in capitals": (CHUNKED + b"0A\r\n0123456789\r\n0\r\n\r\n", b"0123456789", 1),
    "chunk extensions": (CHUNKED + b'5;a=b;c="d"\r\nhello\r\n0;last\r\n\r\n', b"hello", 1),
    "trailers": (CHUNKED + b"5\r\nhello\r\n0\r\nx-sum: 1\r\ncontent-type: text/evil\r\n\r\n", b"hello", 1),
    "continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: 5\r\n\r\nhello", b"hello", 1),
    "hints": (
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nx-early: 1\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
        + OK
        + b"content-length: 5\r\n\r\nhello",
        b"hello",
        1,
    ),
    "told to close": (OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello", b"hello", 2),
    "old": (b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"hello", 2),
    "old and kept": (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello", b"hello", 1),
}  # fmt: skip


@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize("what", GOOD)
async def test_an_answer_is_read_however_it_is_framed(what, size) -> None:
    raw, body, connections = GOOD[what]
    reply, met = await asked(paced(raw, size=size))
    assert reply.body == body
    assert met == connections, "whether the connection serves the next request too"
    assert not {"x-early", "link", "x-sum"} & reply.headers.keys()
    assert reply.headers.get("content-type") is None


@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize("head", [OK, b"HTTP/1.0 200 OK\r\n", OK + b"connection: close\r\n"])
async def test_an_answer_without_a_length_ends_with_its_connection(head, size) -> None:
    reply, met = await asked(paced(head + b"\r\nhello", close=True, size=size))
    assert (reply.body, met) == (b"hello", 2)


async def test_headers_are_lower_case_and_joined() -> None:
    raw = (
        OK
        + b"X-A: 1\r\nx-a: 2\r\nX-Latin: caf\xe9\r\nX-Empty:\r\nX-Space: \t a b \t\r\nContent-Length: 2\r\n\r\n{}"
    )
    reply, _ = await asked(paced(raw))
    assert reply.headers == {
        "x-a": "1, 2",
        "x-latin": "café",
        "x-empty": "",
        "x-space": "a b",
        "content-length": "2",
    }


async def test_bytes_after_an_answer_are_nobodys() -> None:
    reply, met = await asked(paced(OK + b"content-length: 2\r\n\r\n{}" + answer(200, b"smuggled")))
    assert (reply.body, met) == (b"{}", 2)


async def test_an_answer_nobody_asked_for_is_not_taken_for_the_next() -> None:
    meanwhile = asyncio.Event()

    async def talks(asked_, reader, writer) -> None:
        writer.write(answer(200, b"first"))
        await writer.drain()
        await meanwhile.wait()
        writer.write(answer(200, b"smuggled"))
        await writer.drain()

    async with Upstream([talks, answer(200, b"second")]).serving() as upstream, transport() as over:
        assert (await send(over, to(upstream))).body == b"first"
        [kept] = over._client.pool._oldest
        meanwhile.set()
        while not kept.lost:
            await asyncio.sleep(0)
        assert (await send(over, to(upstream))).body == b"second"
        assert upstream.connections == 2


ENDLESS = b"HTTP/1.1 100 Continue\r\nx: " + b"a" * 1000 + b"\r\n\r\n"
NOT_HTTP = "is not HTTP that this service accepts"
BAD = {
    "garbage": (b"\x16\x03\x01 hello\r\n\r\n", NOT_HTTP),
    "a page": (b"<html>hello</html>\r\n\r\n", NOT_HTTP),
    "another protocol": (b"ICY 200 OK\r\n\r\n", NOT_HTTP),
    "another version": (b"HTTP/3.7 200 OK\r\n\r\n", NOT_HTTP),
    "HTTP/2": (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80", NOT_HTTP),
    "no status": (b"HTTP/1.1 OK\r\n\r\n", NOT_HTTP),
    "a status of two digits": (b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n", NOT_HTTP),
    "a protocol nobody asked for": (b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n", NOT_HTTP),
    "a header without a colon": (OK + b"nonsense\r\ncontent-length: 0\r\n\r\n", NOT_HTTP),
    "a space in a name": (OK + b"content-length : 2\r\n\r\n{}", NOT_HTTP),
    "a folded header": (OK + b"x-a: 1\r\n folded: 2\r\ncontent-length: 0\r\n\r\n", NOT_HTTP),
    "NUL in a header": (OK + b"x-a: 1\x002\r\ncontent-length: 0\r\n\r\n", NOT_HTTP),
    "lines without CR": (b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}", NOT_HTTP),
    "two lengths": (OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}x", NOT_HTTP),
    "two lengths in one": (OK + b"content-length: 2, 3\r\n\r\n{}x", NOT_HTTP),
    "a negative length": (OK + b"content-length: -2\r\n\r\n{}", NOT_HTTP),
    "a signed length": (OK + b"content-length: +2\r\n\r\n{}", NOT_HTTP),
    "a length beyond numbers": (OK + b"content-length: 99999999999999999999\r\n\r\n{}", NOT_HTTP),
    "length and chunks": (OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", NOT_HTTP),
    "chunks and length": (OK + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n", NOT_HTTP),
    "another coding": (OK + b"transfer-encoding: gzip\r\n\r\n{}", NOT_HTTP),
    "a coding before chunks": (OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", NOT_HTTP),
    "chunks twice": (OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", NOT_HTTP),
    "a chunk size that is none": (CHUNKED + b"xyz\r\nhello\r\n", NOT_HTTP),
    "a chunk size beyond numbers": (CHUNKED + b"ffffffffffffffffff\r\nhello\r\n", NOT_HTTP),
    "a negative chunk size": (CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", NOT_HTTP),
    "a chunk longer than it says": (CHUNKED + b"2\r\nhello\r\n0\r\n\r\n", NOT_HTTP),
    "chunks without CR": (CHUNKED + b"5\nhello\n0\n\n", NOT_HTTP),
    "a long status line": (b"HTTP/1.1 200 " + b"a" * 70 * KIB, "too large a head"),
    "a long header": (OK + b"x-a: " + b"a" * 70 * KIB, "too large a head"),
    "a long header and its end": (OK + b"x-a: " + b"a" * 70 * KIB + b"\r\ncontent-length: 2\r\n\r\n{}", "too large a head"),
    "many headers": (OK + b"x: y\r\n" * 12 * KIB, "too large a head"),
    "long names and their end": (
        OK + b"".join(b"x%d%s: y\r\n" % (n, b"a" * KIB) for n in range(80)) + b"content-length: 0\r\n\r\n",
        "too large a head",
    ),
    "no end of interim answers": (ENDLESS * 80, "too large a head"),
    "a long chunk extension": (CHUNKED + b"5;" + b"a" * 600 * KIB, "too much framing"),
    "no end of trailers": (CHUNKED + b"0\r\n" + b"x: y\r\n" * 100 * KIB, "too much framing"),
}  # fmt: skip


@pytest.mark.parametrize("size", [None, 4096])
@pytest.mark.parametrize("what", BAD)
async def test_what_is_no_answer_is_refused_and_the_connection_with_it(what, size) -> None:
    raw, words = BAD[what]
    async with Upstream([paced(raw, size=size), answer()]).serving() as upstream, transport() as over:
        with pytest.raises(ProviderError) as refused:
            await send(over, to(upstream))
        await send(over, to(upstream))
        assert upstream.connections == 2
    error = refused.value
    assert (error.kind, error.code) == (Kind.BAD_RESPONSE, "bad_upstream_response")
    assert words in error.message
    assert not error.retryable


@pytest.mark.parametrize(
    ("raw", "kind", "phase"),
    [
        (b"", Kind.UPSTREAM, Phase.HEADERS),
        (b"HTTP/1.1 2", Kind.UPSTREAM, Phase.HEADERS),
        (OK + b"content-le", Kind.UPSTREAM, Phase.HEADERS),
        (b"HTTP/1.1 100 Continue\r\n\r\n", Kind.UPSTREAM, Phase.HEADERS),
        (OK + b"content-length: 5\r\n\r\n", Kind.TRUNCATED, Phase.STREAM),
        (OK + b"content-length: 5\r\n\r\nhell", Kind.TRUNCATED, Phase.STREAM),
        (CHUNKED, Kind.TRUNCATED, Phase.STREAM),
        (CHUNKED + b"5\r\nhel", Kind.TRUNCATED, Phase.STREAM),
        (CHUNKED + b"5\r\nhello\r\n", Kind.TRUNCATED, Phase.STREAM),
        (CHUNKED + b"5\r\nhello\r\n0\r\n", Kind.TRUNCATED, Phase.STREAM),
    ],
)
async def test_an_answer_that_is_cut_off_is_no_shorter_answer(raw, kind, phase) -> None:
    async with Upstream([paced(raw, close=True)]).serving() as upstream, transport() as over:
        with pytest.raises(ProviderError) as cut:
            await send(over, to(upstream))
    assert (cut.value.kind, cut.value.phase) == (kind, phase)


async def test_an_answer_without_a_length_whose_connection_is_reset_is_cut_off() -> None:
    async def resets(asked_, reader, writer) -> None:
        writer.write(OK + b"\r\nhello")
        await writer.drain()
        await asyncio.sleep(0)
        writer.transport.get_extra_info("socket").setsockopt(1, 13, b"\x01\0\0\0\0\0\0\0")  # SO_LINGER: RST
        writer.transport.abort()

    async with Upstream([resets]).serving() as upstream, transport() as over:
        with pytest.raises(ProviderError) as cut:
            await send(over, to(upstream))
    assert cut.value.kind is Kind.TRUNCATED


@pytest.mark.parametrize("framing", ["length", "chunks", "end"])
async def test_an_answer_larger_than_the_limit_is_refused(framing) -> None:
    body = b"x" * 5000
    raw, close = {
        "length": (answer(200, body), False),
        "chunks": (CHUNKED + b"1388\r\n" + body + b"\r\n0\r\n\r\n", False),
        "end": (OK + b"\r\n" + body, True),
    }[framing]
    async with Upstream([paced(raw, close=close)]).serving() as upstream, transport(body=4999) as over:
        with pytest.raises(ProviderError, match="larger than this service reads"):
            await send(over, to(upstream))
    async with Upstream([paced(raw, close=close)]).serving() as upstream, transport(body=5000) as over:
        assert (await send(over, to(upstream))).body == body


async def test_of_a_refusal_no_more_is_read_than_says_why() -> None:
    raw = answer(400, b"y" * 2_000_000)
    async with Upstream([raw]).serving() as upstream, transport(refusal=100) as over:
        with pytest.raises(ProviderError, match=r"^y{100}$"):
            await send(over, to(upstream))
        with pytest.raises(ProviderError):
            await send(over, to(upstream))
        assert upstream.connections == 2, "what is left unread is not taken for the next answer"


@pytest.mark.parametrize(
    "raw", [b"HTTP/1.1 400 x\r\ncontent-length: 9\r\n\r\nwhy", b"HTTP/1.1 400 x\r\n\r\nwhy"]
)
async def test_a_refusal_that_is_cut_off_still_says_why(raw) -> None:
    async with Upstream([paced(raw, close=True)]).serving() as upstream, transport() as over:
        with pytest.raises(ProviderError, match=r"^why$") as refused:
            await send(over, to(upstream))
    assert refused.value.kind is Kind.INVALID_REQUEST
