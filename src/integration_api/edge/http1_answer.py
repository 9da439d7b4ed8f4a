"""One HTTP/1.1 request from its handler's call to the last byte of its answer."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from integration_api.edge import grpc_web
from integration_api.edge.application import Response, Upgrade
from integration_api.edge.http1_response import CHUNKED, CLOSE, KEEP, LAST_CHUNK, has_body, render_head
from integration_api.edge.refusals import INTERNAL, JSON_HEADERS, error_body
from integration_api.edge.websocket import Socket

if TYPE_CHECKING:
    from integration_api.edge.http1 import Http1, Turn

ONE_WRITE = 64 * 1024
"""Bodies up to this are copied behind their head, to leave in one packet train; larger ones are not copied."""


async def answer(connection: "Http1", turn: "Turn") -> None:
    """Ask the application and write what it says. Whatever a handler does wrong becomes a plain 500."""
    request, keep, old, _ = turn
    live = connection.live
    connection.answering = False
    try:
        if grpc_web.speaks(request):
            response: Response | Upgrade = await grpc_web.answer(live.application, live.limits, request)
        else:
            response = await live.application.http(request)
        if isinstance(response, Upgrade):
            refused = await _talk(connection, turn, response)
            if refused is None:
                return
            response = refused
        # HTTP/1.0 has no chunks: only the connection's end can end a stream.
        keep = keep and not live.draining and not (old and not isinstance(response.body, (bytes, bytearray)))
        await _write(connection, turn, response, keep=keep)
    except asyncio.CancelledError:
        if not connection.wanted:
            raise
        keep = _apologise(connection, turn, keep=keep)
    except Exception as error:  # noqa: BLE001 - the caller learns that it failed, and nothing of what failed
        live.application.failed(error, request.path)
        keep = _apologise(connection, turn, keep=keep)
    connection.finished(keep=keep)


_UPGRADE = error_body(426, "This address speaks WebSocket.")


async def _talk(connection: "Http1", turn: "Turn", upgrade: Upgrade) -> Response | None:
    """Hold a conversation to its end, or return what to answer if the caller did not rightly ask for one."""
    if not turn.upgrade:
        return Response(426, [*JSON_HEADERS, (b"upgrade", b"websocket")], _UPGRADE)
    task = asyncio.current_task()
    assert task is not None  # noqa: S101
    socket = Socket(connection.live, turn.request, upgrade, task)
    refused = socket.refusal
    if refused is None:
        connection.become(socket)
        await socket.run()
    return refused


def _framing(connection: "Http1", length: bytes, *, keep: bool, old: bool) -> bytes:
    """Return the header lines that are ours."""
    if not keep:
        return length + connection.live.date.line + CLOSE
    return length + connection.live.date.line + (KEEP if old else b"")


def _apologise(connection: "Http1", turn: "Turn", *, keep: bool) -> bool:
    """Write a 500, or break off an answer that has begun. Return whether the connection lives on."""
    if connection.answering:
        connection.transport.abort()
        return False
    length = b"content-length: %d\r\n" % len(INTERNAL)
    head = render_head(500, JSON_HEADERS, _framing(connection, length, keep=keep, old=turn.old))
    connection.transport.write(head if turn.request.method == "HEAD" else head + INTERNAL)
    return keep


async def _write(connection: "Http1", turn: "Turn", response: Response, *, keep: bool) -> None:
    transport, status, body = connection.transport, response.status, response.body
    silent = turn.request.method == "HEAD" or not has_body(status)
    if isinstance(body, (bytes, bytearray)):
        length = b"content-length: %d\r\n" % len(body) if has_body(status) else b""
        framing = _framing(connection, length, keep=keep, old=turn.old)
        head = render_head(status, response.headers, framing)
        connection.answering = True
        if silent:
            transport.write(head)
        elif len(body) <= ONE_WRITE:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
    else:
        await _stream(connection, turn, response, body, keep=keep, silent=silent)
    if connection.paused:
        await connection.writable()


async def _stream(
    connection: "Http1",
    turn: "Turn",
    response: Response,
    chunks: AsyncIterator[bytes],
    *,
    keep: bool,
    silent: bool,
) -> None:
    """Write chunks as they are pulled; the head goes out with the first if that comes at once."""
    transport = connection.transport
    chunked = not turn.old and has_body(response.status)
    try:
        framing = _framing(connection, CHUNKED if chunked else b"", keep=keep, old=turn.old)
        held = render_head(response.status, response.headers, framing)
        connection.answering = True
        if silent:
            transport.write(held)
            return
        connection.hold(held)
        if response.keepalive:
            connection.keep_alive(_chunk(response.keepalive) if chunked else response.keepalive)
        if response.outlet is not None:
            response.outlet.take = partial(_take, connection, transport, chunked)
        async for chunk in chunks:
            if chunk:
                transport.write(connection.release() + (_chunk(chunk) if chunked else chunk))
                connection.spoke = True
                if connection.paused:
                    await connection.writable()
        transport.write(connection.release() + (LAST_CHUNK if chunked else b""))
    finally:
        connection.quiet = b""
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()


def _take(connection: "Http1", transport: asyncio.Transport, chunked: bool, chunk: bytes) -> bool:
    """Write a chunk that nobody pulled; return whether there is room for more."""
    if not connection.wanted:
        return False
    transport.write(_chunk(chunk) if chunked else chunk)
    connection.spoke = True
    return not connection.paused


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
