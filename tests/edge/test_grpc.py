"""gRPC calls by the reference client, grpcio."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from tests.edge.house import Open, opened

WAIT = 60
"""Seconds after which a test that waits has failed."""


def channel(to: Open, **options: object) -> grpc.aio.Channel:
    options = {"grpc.max_receive_message_length": -1, "grpc.use_local_subchannel_pool": 1, **options}
    return grpc.aio.insecure_channel(to.address, options=list(options.items()))


def method(name: str) -> str:
    return f"/test.House/{name}"


async def until(true, seconds: float = WAIT) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


async def test_a_unary_call_carries_messages_and_metadata_both_ways():
    async with opened() as edge, channel(edge) as to:
        sent = (("x-tenant", "seven"), ("trace-bin", b"\x00\xffraw"))
        call = to.unary_unary(method("Echo"))(b"hello", metadata=sent, timeout=WAIT)
        assert await call == b"hello"
        assert list(await call.initial_metadata()) == [("x-first", "1"), ("first-bin", b"\x00\x01")]
        assert list(await call.trailing_metadata()) == [("x-last", "2"), ("last-bin", b"\xff\x00")]
        assert await call.code() is grpc.StatusCode.OK
        seen = edge.house.calls[0]
        assert seen.path == method("Echo")
        assert seen.metadata[b"x-tenant"] == b"seven"
        assert seen.metadata[b"trace-bin"] == b"\x00\xffraw"
        assert seen.metadata[b"host"] == edge.address.encode()
        assert seen.client == "127.0.0.1"
        assert seen.timeout is not None
        assert 0 < seen.timeout <= WAIT


async def test_a_refusal_has_status_message_details_and_trailers():
    async with opened() as edge, channel(edge) as to:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await to.unary_unary(method("Refuse"))(b"", timeout=WAIT)
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert refused.value.details() == "not today: ünmöglich 100%\n"
        trailers = dict(refused.value.trailing_metadata())
        assert trailers["x-reason"] == "none"
        assert trailers["grpc-status-details-bin"] == b"\x08\x09details"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Raise", grpc.StatusCode.INTERNAL),
        ("BadMetadata", grpc.StatusCode.INTERNAL),
        ("Missing", grpc.StatusCode.UNIMPLEMENTED),
    ],
)
async def test_what_a_handler_does_wrong_is_told_and_not_shown(name, code):
    async with opened() as edge, channel(edge) as to:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await to.unary_unary(method(name))(b"", timeout=WAIT)
        assert refused.value.code() is code
        assert "secret" not in (refused.value.details() or "")
        assert await to.unary_unary(method("Echo"))(b"still well", timeout=WAIT) == b"still well"


@pytest.mark.parametrize("size", [0, 1, 16_384, 65_536, 3_000_000])
async def test_messages_of_every_size_go_there_and_back(size):
    async with opened() as edge, channel(edge) as to:
        message = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        assert await to.unary_unary(method("Echo"))(message, timeout=WAIT) == message


async def test_compressed_messages_are_understood():
    async with opened() as edge, channel(edge) as to:
        call = to.unary_unary(method("Echo"))
        message = b"again and again " * 10_000
        assert await call(message, compression=grpc.Compression.Gzip, timeout=WAIT) == message
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(message, compression=grpc.Compression.Deflate, timeout=WAIT)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_twenty_thousand_messages_come_in_order():
    async with opened() as edge, channel(edge) as to:
        stream = to.unary_stream(method("Count"))(b"20000", timeout=6 * WAIT)
        assert [message async for message in stream] == [b"%d" % number for number in range(20_000)]


async def test_a_stream_of_nothing_is_an_ok():
    async with opened() as edge, channel(edge) as to:
        call = to.unary_stream(method("Nothing"))(b"", timeout=WAIT)
        assert [message async for message in call] == []
        assert await call.code() is grpc.StatusCode.OK


async def test_a_stream_may_fail_midway():
    async with opened() as edge, channel(edge) as to:
        call = to.unary_stream(method("Midway"))(b"", timeout=WAIT)
        came = []
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async for message in call:
                came.append(message)
        assert came == [b"one"]
        assert refused.value.code() is grpc.StatusCode.ABORTED


async def test_both_sides_talk_in_turns():
    async with opened() as edge, channel(edge) as to:
        call = to.stream_stream(method("Bidi"))(timeout=WAIT)
        for word in (b"stressed", b"", b"drawer" * 10_000):
            await call.write(word)
            assert await call.read() == word[::-1]
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


async def test_the_callers_messages_may_come_as_one_stream():
    async def words() -> AsyncIterator[bytes]:
        for number in range(3_000):
            yield b"%d" % number

    async with opened() as edge, channel(edge) as to:
        call = to.stream_stream(method("Bidi"))(words(), timeout=WAIT)
        assert [message async for message in call] == [(b"%d" % n)[::-1] for n in range(3_000)]


async def test_the_deadline_ends_call_and_handler():
    async with opened() as edge, channel(edge) as to:
        for seconds in (0.2, 1, 5, 25):  # Until one was long enough to arrive.
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await to.unary_unary(method("Hang"))(b"", timeout=seconds)
            assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            if edge.house.begun.is_set():
                break
        async with asyncio.timeout(WAIT):
            await edge.house.cancelled.wait()


async def test_a_cancelled_call_cancels_its_handler():
    async with opened() as edge, channel(edge) as to:
        call = to.unary_unary(method("Hang"))(b"")
        async with asyncio.timeout(WAIT):
            await edge.house.begun.wait()
            call.cancel()
            await edge.house.cancelled.wait()
        await until(lambda: edge.edge.requests == 0)


async def test_a_hundred_calls_at_once():
    async with opened() as edge, channel(edge) as to:
        call = to.unary_unary(method("Echo"))
        answers = await asyncio.gather(*(call(b"%d" % n, timeout=6 * WAIT) for n in range(1_000)))
        assert answers == [b"%d" % n for n in range(1_000)]


async def test_who_is_refused_again_and_again_keeps_its_connection():
    """grpcio opens a stream's window for an answer that never comes: no flood, however many calls."""
    async with opened() as edge, channel(edge) as to:
        for _ in range(1_500):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await to.unary_unary(method("Refuse"))(b"", timeout=WAIT)
            assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_slow_reader_holds_the_handler_back():
    narrow = {"grpc.http2.bdp_probe": 0, "grpc.http2.lookahead_bytes": 64 * 1024}
    async with opened() as edge, channel(edge, **narrow) as to:
        call = to.unary_stream(method("Endless"))(b"")
        await call.read()
        sent = -1
        while sent != edge.house.sent:  # until it does not move any more
            sent = edge.house.sent
            await asyncio.sleep(0.2)
        assert sent < 1024 * 1024
        call.cancel()
        async with asyncio.timeout(WAIT):
            await edge.house.closed.wait()


async def test_a_slow_handler_holds_the_caller_back():
    async with opened() as edge, channel(edge) as to:
        call = to.stream_stream(method("Slow"))()
        message = bytes(64 * 1024)
        written = 0
        with pytest.raises(TimeoutError):
            while written < 1_000:
                async with asyncio.timeout(1):
                    await call.write(message)
                written += 1
        assert written * len(message) < 16 * 1024 * 1024
        await until(lambda: edge.house.taken)
        assert edge.house.taken == 1
        call.cancel()
        await until(lambda: edge.edge.requests == 0)
