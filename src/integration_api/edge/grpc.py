"""One gRPC call over HTTP/2: messages in, messages and a status out.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from integration_api.edge import grpc_web
from integration_api.edge.application import Call, RpcError, Status
from integration_api.edge.grpc_messages import ENCODINGS, MessageReader, framed
from integration_api.edge.grpc_status import read_metadata, read_timeout, status_fields, write_metadata
from integration_api.edge.http2_answer import DEAF, room
from integration_api.edge.http2_request import Head
from integration_api.edge.http2_stream import Stream, Taker
from integration_api.edge.patience import Pace
from integration_api.edge.wipe import wipe_buffer
from integration_api.http2.fields import write_field, write_fields, write_status
from integration_api.http2.frames import ErrorCode

if TYPE_CHECKING:
    from integration_api.edge.http2 import Http2

CONTENT_TYPE = b"application/grpc"
CONTENT_TYPES = frozenset({CONTENT_TYPE, CONTENT_TYPE + b"+proto"})
HEAD = write_status(200) + write_field(b"content-type", CONTENT_TYPE)
OK = write_field(b"grpc-status", b"0")
MESSAGE_COST = 64
"""What a waiting message counts besides its bytes: empty ones take memory, too."""


def speaks(head: Head) -> bool:
    """Whether a request is a gRPC call."""
    content_type = head.headers.get(b"content-type", b"")
    return content_type.startswith(CONTENT_TYPE) and not content_type.startswith(grpc_web.CONTENT_TYPE)


def answer(connection: "Http2", stream: Stream, head: Head) -> Taker:
    """Take a call, or end it at once."""
    headers = head.headers
    live = connection.live
    try:
        if head.method != b"POST" or headers[b"content-type"].partition(b";")[0] not in CONTENT_TYPES:
            raise RpcError(Status.UNIMPLEMENTED, "a call is a POST of application/grpc+proto")
        encoding = headers.get(b"grpc-encoding", b"identity")
        if encoding not in ENCODINGS:
            raise RpcError(Status.UNIMPLEMENTED, "compress messages with gzip or not at all")
        path = head.target.decode("latin-1")
        method = live.application.rpc(path)
        if method is None:
            raise RpcError(Status.UNIMPLEMENTED, f"there is no method {path}")
        timeout = read_timeout(headers.get(b"grpc-timeout"))
        call = Call(path, read_metadata(headers), stream.at, connection.client, timeout)
    except RpcError as error:
        accept = (b"grpc-accept-encoding", b", ".join(ENCODINGS))
        stream.send_head(HEAD + write_fields([accept, *status_fields(error, [])]))
        stream.finish()
        return DEAF
    messages = MessageReader(encoding, live.limits.message_bytes)
    if method.unary is not None:
        return UnaryRpc(connection, stream, call, messages, method.unary)
    assert method.stream is not None  # noqa: S101
    return StreamRpc(connection, stream, call, messages, method.stream)


class Rpc:
    """What calls of both kinds share: one deadline, and exactly one status."""

    __slots__ = ("_call", "_connection", "_messages", "_over", "_stream", "_task", "_timer")

    def __init__(self, connection: "Http2", stream: Stream, call: Call, messages: MessageReader) -> None:
        self._connection = connection
        self._stream = stream
        self._call = call
        self._messages = messages
        self._over = False
        self._task: asyncio.Task[None] | None = None
        self._timer = (
            None if call.timeout is None else connection.live.loop.call_later(call.timeout, self._expire)
        )

    def lost(self) -> None:
        self._over = True
        self._stop()

    def tick(self, now: float) -> None:
        """A deadline is kept to the millisecond, by a timer of its own; without one a call may take its time."""

    def abandon(self) -> None:
        self._break_off(RpcError(Status.UNAVAILABLE, "the service is restarting"))

    def _expire(self) -> None:
        self._break_off(RpcError(Status.DEADLINE_EXCEEDED, "the call's deadline has passed"))

    def _break_off(self, error: RpcError) -> None:
        """End the call whatever its handler does."""
        stream = self._stream
        if stream.queued:
            # The status would wait for a reader who does not read.
            self._over = True
            stream.reset(ErrorCode.CANCEL)
        else:
            self._close(error)
        self._stop()
        stream.taker = DEAF

    def _stop(self) -> None:
        """Stop the handler, and wipe what it will not get."""
        self._messages.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        """Send the initial metadata."""
        metadata = self._call.initial_metadata
        self._stream.send_head(HEAD + write_fields(write_metadata(metadata)) if metadata else HEAD)

    def _close(self, error: RpcError | None = None) -> None:
        """Send the status, once. Raises ValueError for metadata that HTTP does not allow."""
        if self._over:
            return
        stream, call = self._stream, self._call
        if error is None and not call.trailing_metadata:
            trailers = OK
        else:
            trailers = write_fields(status_fields(error, call.trailing_metadata))
        if not stream.answered and call.initial_metadata:
            self._begin()
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        if stream.answered:
            stream.finish(trailers)
        else:
            stream.send_head(HEAD + trailers)
            stream.finish()

    def _fail(self, fault: Exception | asyncio.CancelledError) -> None:
        """End the call with what its handler raised; bugs are shown to nobody."""
        if isinstance(fault, RpcError):
            error = fault
        elif isinstance(fault, asyncio.CancelledError):
            error = RpcError(Status.CANCELLED, "the call was cancelled")
        else:
            self._connection.live.application.failed(fault, self._call.path)
            error = RpcError(Status.INTERNAL, "internal error")
        try:
            self._close(error)
        except ValueError as refused:
            self._connection.live.application.failed(refused, self._call.path)
            self._call.initial_metadata = []
            self._call.trailing_metadata = []
            self._close(RpcError(Status.INTERNAL, "internal error"))


class UnaryRpc(Rpc):
    """One message in, one out; the handler begins when the request is complete."""

    __slots__ = ("_message", "_method", "_pace", "_size")

    def __init__(
        self,
        connection: "Http2",
        stream: Stream,
        call: Call,
        messages: MessageReader,
        method: Callable[[Call, bytearray], Awaitable[bytes]],
    ) -> None:
        super().__init__(connection, stream, call, messages)
        self._method = method
        self._message: bytearray | None = None
        self._size = 0
        self._pace = Pace(stream.at)

    def take(self, payload: memoryview) -> None:
        size = len(payload)
        stream, messages = self._stream, self._messages
        self._size += size
        try:
            for message in messages.feed(payload):
                if self._message is not None:
                    raise RpcError(Status.INVALID_ARGUMENT, "the call takes one message")
                self._message = message
        except RpcError as error:
            self._break_off(error)
            return
        stream.hold(messages.held + len(self._message or b"") - stream.held)
        stream.credit(size)

    def end(self) -> None:
        if self._message is None or self._messages.partial:
            self._break_off(RpcError(Status.INVALID_ARGUMENT, "the call needs one whole message"))
            return
        self._task = self._connection.start(self._run(self._message))
        self._message = None

    def tick(self, now: float) -> None:
        if self._task is None and self._pace.too_slow(self._size, now, self._connection.live.limits):
            self._break_off(RpcError(Status.CANCELLED, "the request came too slowly"))

    def _stop(self) -> None:
        super()._stop()
        if self._message is not None:
            wipe_buffer(self._message)
            self._message = None

    async def _run(self, message: bytearray) -> None:
        try:
            answered = await self._method(self._call, message)
            if not self._over:
                self._begin()
                self._stream.send(framed(answered))
                self._close()
        except asyncio.CancelledError as cancelled:
            if self._over:
                raise
            self._fail(cancelled)
        except Exception as fault:  # noqa: BLE001 - the caller learns that it failed, and nothing of what failed
            self._fail(fault)


class StreamRpc(Rpc):
    """Messages both ways. It is itself what the handler reads the caller's messages from."""

    __slots__ = ("_arrived", "_complete", "_queue", "_waiting")

    def __init__(
        self,
        connection: "Http2",
        stream: Stream,
        call: Call,
        messages: MessageReader,
        method: Callable[[Call, AsyncIterator[bytearray]], AsyncGenerator[bytes, None]],
    ) -> None:
        super().__init__(connection, stream, call, messages)
        self._queue: deque[bytearray] = deque()
        self._waiting = 0
        """What the queued messages count."""
        self._complete = False
        self._arrived: asyncio.Future[None] | None = None
        self._task = connection.start(self._run(method))

    # The caller's messages.

    def take(self, payload: memoryview) -> None:
        stream = self._stream
        try:
            messages = self._messages.feed(payload)
        except RpcError as error:
            self._break_off(error)
            return
        for message in messages:
            self._queue.append(message)
            self._waiting += len(message) + MESSAGE_COST
        stream.hold(self._waiting + self._messages.held - stream.held)
        stream.owed += len(payload)
        self._credit()
        if messages:
            self._wake()

    def end(self) -> None:
        if self._messages.partial:
            self._break_off(RpcError(Status.INVALID_ARGUMENT, "the last message is cut short"))
            return
        self._complete = True
        self._wake()

    def __aiter__(self) -> AsyncIterator[bytearray]:
        return self

    async def __anext__(self) -> bytearray:
        while not self._queue:
            if self._complete or self._over:
                raise StopAsyncIteration
            self._arrived = self._connection.live.loop.create_future()
            await self._arrived
        message = self._queue.popleft()
        cost = len(message) + MESSAGE_COST
        self._waiting -= cost
        self._stream.release(cost)
        self._credit()
        return message

    def _stop(self) -> None:
        super()._stop()
        for message in self._queue:
            wipe_buffer(message)
        self._queue.clear()

    def _credit(self) -> None:
        """Let the caller send on while few messages wait; one that is large and not complete has to come."""
        if self._waiting <= self._connection.live.limits.stream_backlog:
            self._stream.credit(0)

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    # The handler's.

    async def _run(
        self, method: Callable[[Call, AsyncIterator[bytearray]], AsyncGenerator[bytes, None]]
    ) -> None:
        stream, loop = self._stream, self._connection.live.loop
        answers: AsyncGenerator[bytes, None] | None = None
        try:
            answers = method(self._call, self)
            async for message in answers:
                if self._over:
                    return
                if not stream.answered:
                    self._begin()
                stream.send(framed(message))
                if stream.full:
                    await room(stream, loop)
            self._close()
        except asyncio.CancelledError as cancelled:
            if self._over:
                raise
            self._fail(cancelled)
        except Exception as fault:  # noqa: BLE001 - the caller learns that it failed, and nothing of what failed
            self._fail(fault)
        finally:
            if answers is not None:
                await answers.aclose()
