"""One plain HTTP request over HTTP/2: from its head to the last byte of its answer."""

import asyncio
from collections.abc import AsyncIterator
from time import perf_counter
from typing import TYPE_CHECKING

from integration_api.edge import grpc_web
from integration_api.edge.application import Request, Response, Upgrade
from integration_api.edge.http1_request import check_content, decode_path, too_large
from integration_api.edge.http1_response import has_body
from integration_api.edge.http2_request import Head
from integration_api.edge.http2_stream import Stream, Taker
from integration_api.edge.patience import Pace
from integration_api.edge.refusals import INTERNAL, JSON_HEADERS, Refused, error_body
from integration_api.edge.wipe import Gather
from integration_api.http2.fields import write_field, write_fields, write_status
from integration_api.http2.frames import ErrorCode

if TYPE_CHECKING:
    from integration_api.edge.http2 import Http2

CONTINUE = write_status(100)
UPGRADE = error_body(426, "This address speaks WebSocket, which this service offers over HTTP/1.1.")
LEAVING = error_body(503, "The service is restarting. Try again.")


def answer(connection: "Http2", stream: Stream, head: Head | None) -> Taker:
    """Take a request, or refuse it at once."""
    limits = connection.live.limits
    try:
        if head is None:
            raise Refused(431, f"The request head is larger than {limits.header_bytes} bytes.")
        return Exchange(connection, stream, head)
    except Refused as refused:
        refuse(connection, stream, refused)
        return DEAF


def refuse(connection: "Http2", stream: Stream, refused: Refused) -> None:
    """Answer in the application's stead, in the shape that HTTP/1.1 callers get, too."""
    body = error_body(refused.status, refused.message)
    send_whole(connection, stream, refused.status, JSON_HEADERS, body)


def send_whole(
    connection: "Http2",
    stream: Stream,
    status: int,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    *,
    silent: bool = False,
) -> None:
    """Send a whole answer; `silent` keeps its body back, as HEAD asks. Raises ValueError for a bad header."""
    block = write_status(status) + write_fields(headers) + connection.live.date.field
    if has_body(status):
        block += write_field(b"content-length", b"%d" % len(body))
    stream.send_head(block)
    if not silent:
        stream.send(body)
    stream.finish()


class Deaf:
    """Takes what still comes for an answer that is on its way."""

    def take(self, payload: memoryview) -> None:
        """Its window is not refilled: the stream ends as soon as the answer is out."""

    def end(self) -> None: ...

    def lost(self) -> None: ...

    def tick(self, now: float) -> None: ...

    def abandon(self) -> None: ...


DEAF = Deaf()


class Exchange:
    """Gathers the body where it can be wiped, asks the application, and sends what it says."""

    __slots__ = (
        "_body",
        "_connection",
        "_headers",
        "_length",
        "_method",
        "_most",
        "_pace",
        "_path",
        "_query",
        "_quiet",
        "_sent_at",
        "_stream",
        "_task",
    )

    def __init__(self, connection: "Http2", stream: Stream, head: Head) -> None:
        limits = connection.live.limits
        self._connection = connection
        self._stream = stream
        self._headers = head.headers
        self._length = head.length or 0
        self._method = head.method.decode("latin-1")
        self._body = Gather()
        self._task: asyncio.Task[None] | None = None
        self._pace = Pace(stream.at)
        self._quiet = b""
        self._sent_at = 0.0
        self._path, self._query = _read_target(head, limits.target_bytes)
        self._most = limits.body_limit(self._path)
        if self._length > self._most:
            raise Refused(413, too_large(self._most))
        if self._length:
            check_content(head.headers)
        if head.headers.get(b"expect", b"").lower() == b"100-continue":
            stream.say(CONTINUE)

    # The request comes in.

    def take(self, payload: memoryview) -> None:
        stream, size = self._stream, len(payload)
        if self._body.size + size > self._most:
            self._refuse(Refused(413, too_large(self._most)))
            return
        stream.hold(size)
        self._body.add(payload, self._length)
        stream.credit(size)

    def end(self) -> None:
        if self._body.size and not self._length:
            try:
                check_content(self._headers)
            except Refused as refused:
                self._refuse(refused)
                return
        request = Request(
            self._method,
            self._path,
            self._query,
            self._headers,
            self._body.take(),
            self._stream.at,
            self._connection.client,
        )
        self._task = self._connection.start(self._answer(request))

    def lost(self) -> None:
        self._body.clear()
        if self._task is not None:
            self._task.cancel()

    def tick(self, now: float) -> None:
        limits = self._connection.live.limits
        if self._task is not None:
            if self._quiet and now - self._sent_at > limits.quiet and not self._stream.queued:
                self._sent_at = now
                self._stream.send(self._quiet)
        elif self._pace.too_slow(self._body.size, now, limits):
            self._refuse(Refused(408, "The request body came too slowly."))

    def abandon(self) -> None:
        stream = self._stream
        self.lost()
        if stream.answered:
            stream.reset(ErrorCode.CANCEL)
        else:
            send_whole(self._connection, stream, 503, JSON_HEADERS, LEAVING)
            stream.taker = DEAF

    def _refuse(self, refused: Refused) -> None:
        self._body.clear()
        refuse(self._connection, self._stream, refused)
        self._stream.taker = DEAF

    # The answer goes out.

    async def _answer(self, request: Request) -> None:
        stream, live = self._stream, self._connection.live
        try:
            if grpc_web.speaks(request):
                response: Response | Upgrade = await grpc_web.answer(live.application, live.limits, request)
            else:
                response = await live.application.http(request)
            if isinstance(response, Upgrade):
                response = Response(426, JSON_HEADERS, UPGRADE)
            silent = request.method == "HEAD" or not has_body(response.status)
            if isinstance(response.body, (bytes, bytearray)):
                body = bytes(response.body)
                send_whole(self._connection, stream, response.status, response.headers, body, silent=silent)
            else:
                await self._send_stream(response, response.body, silent=silent)
        except asyncio.CancelledError:
            if stream.closed or stream.finishing:
                raise
            self._apologise()
        except Exception as error:  # noqa: BLE001 - the caller learns that it failed, and nothing of what failed
            live.application.failed(error, request.path)
            self._apologise()

    async def _send_stream(self, response: Response, chunks: AsyncIterator[bytes], *, silent: bool) -> None:
        stream, loop = self._stream, self._connection.live.loop
        try:
            date = self._connection.live.date.field
            stream.send_head(write_status(response.status) + write_fields(response.headers) + date)
            if not silent:
                self._sent_at = perf_counter()
                self._quiet = response.keepalive
                async for chunk in chunks:
                    stream.send(chunk)
                    if stream.full:
                        await room(stream, loop)
                    if self._quiet:
                        self._sent_at = perf_counter()
            stream.finish()
        finally:
            self._quiet = b""
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()

    def _apologise(self) -> None:
        """Say 500, or break off an answer that has begun."""
        if self._stream.answered:
            self._stream.reset(ErrorCode.INTERNAL_ERROR)
        else:
            silent = self._method == "HEAD"
            send_whole(self._connection, self._stream, 500, JSON_HEADERS, INTERNAL, silent=silent)


async def room(stream: Stream, loop: asyncio.AbstractEventLoop) -> None:
    """Wait until the peer has taken most of what was sent."""
    while stream.full:
        waiter: asyncio.Future[None] = loop.create_future()
        stream.on_room = lambda waiter=waiter: waiter.done() or waiter.set_result(None)
        await waiter


def _read_target(head: Head, most: int) -> tuple[str, str]:
    """Return path and query. Raises `Refused`."""
    target = head.target
    if head.method == b"CONNECT":
        raise Refused(501, "This is not a proxy.")
    if len(target) > most:
        raise Refused(414, f"The request target is longer than {most} bytes.")
    if target == b"*" and head.method == b"OPTIONS":
        return "/*", ""
    if target[:1] != b"/" or b"#" in target:
        raise Refused(400, "The request target must be a path.")
    path, _, query = target.partition(b"?")
    return decode_path(path), query.decode("latin-1")
