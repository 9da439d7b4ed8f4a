"""Compressed answers: whole, in pieces, spoiled, and made to fill the memory."""

import gzip
import os
import zlib

import pytest

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.transport.decompress import Inflater, inflater
from integration_api.transport.limits import INFLATE_GRACE, INFLATE_RATIO, INFLATE_STEP
from tests.transport.upstream import Upstream, answer, send, to, transport

TEXT = b"".join(b"%d, " % number for number in range(60_000))
NOISE = os.urandom(300_000)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    " GZIP ": gzip.compress,
    "deflate": zlib.compress,
    "deflate, bare": raw_deflate,
    "gzip of many members": lambda data: b"".join(
        gzip.compress(data[at : at + 7001]) for at in range(0, len(data) or 1, 7001)
    ),
}


def unpack(coding: str, packed: bytes, size: int) -> list[bytes]:
    found = inflater(coding)
    assert found is not None
    pieces = [piece for at in range(0, len(packed), size) for piece in found.feed(packed[at : at + size])]
    found.close()
    return pieces


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 30])
@pytest.mark.parametrize("data", [b"", b"x", TEXT, NOISE], ids=["nothing", "a byte", "text", "noise"])
@pytest.mark.parametrize("how", PACKED)
def test_what_was_packed_comes_out_in_small_pieces(how, data, size) -> None:
    if size == 1:
        data = data[:20_000]
    coding = how.partition(",")[0].partition(" of")[0]
    pieces = unpack(coding, PACKED[how](data), size)
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= INFLATE_STEP for piece in pieces)


@pytest.mark.parametrize("coding", ["", "identity", " Identity "])
def test_what_was_not_packed_needs_nothing(coding) -> None:
    assert inflater(coding) is None


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "gzip, br", "x"])
def test_a_coding_nobody_asked_for_is_refused(coding) -> None:
    with pytest.raises(ProviderError, match="not asked for") as refused:
        inflater(coding)
    assert refused.value.kind is Kind.BAD_RESPONSE


GZIPPED = gzip.compress(TEXT, mtime=0)  # Processes that share the tests must agree on their names.


@pytest.mark.parametrize(
    ("coding", "packed", "words"),
    [
        ("gzip", b"<html>", "does not decompress"),
        ("gzip", zlib.compress(TEXT), "does not decompress"),
        ("gzip", GZIPPED[:100] + b"\xff" * 50 + GZIPPED[150:], "does not decompress"),
        ("gzip", GZIPPED[:-8] + bytes(8), "does not decompress"),  # The checksum.
        ("gzip", GZIPPED + b"more", "does not decompress"),
        ("gzip", GZIPPED[:-1], "ended too early"),
        ("gzip", GZIPPED[:5], "ended too early"),
        ("deflate", b"\xff\xff\xff", "does not decompress"),
        ("deflate", zlib.compress(TEXT)[:-5], "ended too early"),
        ("deflate", b"x", "ended too early"),
    ],
)
@pytest.mark.parametrize("size", [1, 1 << 30])
def test_what_is_spoiled_is_no_answer(coding, packed, words, size) -> None:
    with pytest.raises(ProviderError, match=words) as refused:
        unpack(coding, packed, size)
    assert (refused.value.kind, refused.value.phase) == (Kind.BAD_RESPONSE, Phase.STREAM)


def test_what_follows_deflate_is_padding() -> None:
    assert b"".join(unpack("deflate", zlib.compress(TEXT) + bytes(9), 1000)) == TEXT


BOMB = gzip.compress(bytes(64 << 20))
BOMBS = {
    "gzip": BOMB,
    "deflate": zlib.compress(bytes(64 << 20)),
    "of many members": gzip.compress(bytes(1 << 20)) * 64,
    "behind an honest beginning": gzip.compress(NOISE[:5000]) + BOMB,
}


@pytest.mark.parametrize("what", BOMBS)
@pytest.mark.parametrize("size", [100, 1 << 30])
def test_a_bomb_is_left_before_it_grows(what, size) -> None:
    bomb = BOMBS[what]
    unpacking = Inflater(gzip=what != "deflate")
    came_out = 0
    with pytest.raises(ProviderError, match="suspiciously much"):
        for at in range(0, len(bomb), size):
            for piece in unpacking.feed(bomb[at : at + size]):
                assert len(piece) <= INFLATE_STEP
                came_out += len(piece)
    assert came_out <= INFLATE_GRACE + INFLATE_RATIO * min(len(bomb), 2 * size) + INFLATE_STEP


def test_text_that_packs_well_is_no_bomb() -> None:
    line = (
        b'{"index": %d, "role": "assistant", "content": "the same sentence again and again, in every line"}\n'
    )
    text = b"".join(line % number for number in range(40_000))
    packed = zlib.compress(text)
    assert len(text) / len(packed) > 30
    assert b"".join(unpack("deflate", packed, 512)) == text


# --- on sockets ------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_an_answer_that_comes_packed_unasked_is_read_all_the_same(coding) -> None:
    packed = PACKED[coding](TEXT)
    async with (
        Upstream([answer(200, packed, content_encoding=coding)]).serving() as upstream,
        transport() as over,
    ):
        assert (await send(over, to(upstream))).body == TEXT
        await send(over, to(upstream))
        assert upstream.asked[0].headers["accept-encoding"] == "identity"
        assert upstream.connections == 1


async def test_a_refusal_that_comes_packed_still_says_why() -> None:
    packed = gzip.compress(b"you may not")
    async with (
        Upstream([answer(403, packed, content_encoding="gzip")]).serving() as upstream,
        transport() as over,
    ):
        with pytest.raises(ProviderError, match="you may not") as refused:
            await send(over, to(upstream))
    assert refused.value.kind is Kind.PERMISSION


@pytest.mark.parametrize("body", [BOMB, GZIPPED[:-1], b"<html>"], ids=["bomb", "cut", "page"])
async def test_what_does_not_unpack_is_refused_and_its_connection_not_kept(body) -> None:
    said = answer(200, body, content_encoding="gzip")
    async with Upstream([said, answer()]).serving() as upstream, transport() as over:
        with pytest.raises(ProviderError) as refused:
            await send(over, to(upstream))
        assert refused.value.kind is Kind.BAD_RESPONSE
        assert (await send(over, to(upstream))).body == b"{}"


async def test_the_limit_of_a_body_is_for_what_comes_out_of_it() -> None:
    said = answer(200, gzip.compress(TEXT), content_encoding="gzip")
    async with Upstream([said]).serving() as upstream, transport(body=len(TEXT) - 1) as over:
        with pytest.raises(ProviderError, match="larger than this service reads"):
            await send(over, to(upstream))
