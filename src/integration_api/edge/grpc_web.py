"""gRPC for browsers, in plain HTTP requests. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md"""

import asyncio
import binascii
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, AsyncIterator

from integration_api.core.secret import wipe_bytes
from integration_api.edge.application import Application, Call, Method, Request, Response, RpcError, Status
from integration_api.edge.grpc_status import read_metadata, read_timeout, status_fields, write_metadata
from integration_api.edge.limits import Limits
from integration_api.edge.refusals import JSON_HEADERS, error_body
from integration_api.edge.wipe import wipe_buffer

CONTENT_TYPE = b"application/grpc-web"
TEXT = b"application/grpc-web-text"
CONTENT_TYPES = frozenset({CONTENT_TYPE, CONTENT_TYPE + b"+proto", TEXT, TEXT + b"+proto"})
PREFIX_BYTES = 5
TRAILERS = 0x80


def speaks(request: Request) -> bool:
    """Whether a request is a gRPC-Web call."""
    return request.headers.get(b"content-type", b"").startswith(CONTENT_TYPE) and request.method == "POST"


async def answer(application: Application, limits: Limits, request: Request) -> Response:
    """Answer one call: unary or server stream; a browser can send no more than one message."""
    headers = application.rpc_web_headers(request)
    if headers is None:
        return Response(403, JSON_HEADERS, error_body(403, "This origin may not call."))
    sent = request.headers[b"content-type"].partition(b";")[0].rstrip()
    wanted = request.headers.get(b"accept", b"")
    text = (wanted if CONTENT_TYPE in wanted else sent).find(TEXT) >= 0
    told = [*headers, (b"content-type", (TEXT if text else CONTENT_TYPE) + b"+proto")]
    try:
        if sent not in CONTENT_TYPES:
            raise RpcError(Status.UNIMPLEMENTED, "a call is a POST of application/grpc-web+proto")
        method = application.rpc(request.path)
        if method is None:
            raise RpcError(Status.UNIMPLEMENTED, "there is no such method")
        messages = _messages(_decoded(request.body) if sent.startswith(TEXT) else request.body, limits)
        call = Call(
            request.path,
            read_metadata(request.headers),
            request.received_at,
            request.client,
            read_timeout(request.headers.get(b"grpc-timeout")),
        )
    except RpcError as error:
        return Response(200, told, _shown(_trailers(error, []), text=text))
    frames = _frames(application, method, call, messages)
    first = await anext(frames)
    told += write_metadata(call.initial_metadata)
    if method.unary is None:
        return Response(200, told, Frames(first, frames, text=text))
    return Response(200, told, b"".join([_shown(frame, text=text) async for frame in Frames(first, frames)]))


class Frames:
    """A body: the frame that was waited for, and those after it."""

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None], *, text: bool = False) -> None:
        self._first = first
        self._rest = rest
        self._text = text

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, b""
        return _shown(first or await anext(self._rest), text=self._text)

    async def aclose(self) -> None:
        await self._rest.aclose()


async def _frames(
    application: Application, method: Method, call: Call, messages: list[bytearray]
) -> AsyncGenerator[bytes, None]:
    """Yield an answer's messages, and its status as the last frame."""
    error: RpcError | None = None
    # Around each wait and no `yield`: the deadline must not strike whoever writes the frames.
    now = asyncio.get_running_loop().time
    deadline = None if call.timeout is None else now() + call.timeout
    answers: AsyncGenerator[bytes, None] | None = None
    try:
        if method.unary is not None:
            if len(messages) != 1:
                raise RpcError(Status.INVALID_ARGUMENT, "the call needs one message")
            async with asyncio.timeout_at(deadline):
                message = await method.unary(call, messages[0])
            yield _frame(0, message)
        elif method.stream is not None:
            answers = method.stream(call, _given(messages))
            while True:
                async with asyncio.timeout_at(deadline):
                    try:
                        message = await anext(answers)
                    except StopAsyncIteration:
                        break
                yield _frame(0, message)
                if deadline is not None and now() > deadline:
                    raise TimeoutError
    except RpcError as refused:
        error = refused
    except TimeoutError:
        error = RpcError(Status.DEADLINE_EXCEEDED, "the call's deadline has passed")
    except Exception as fault:  # noqa: BLE001 - the caller learns that it failed, and nothing of what failed
        application.failed(fault, call.path)
        error = RpcError(Status.INTERNAL, "internal error")
    finally:
        if answers is not None:
            await answers.aclose()
    yield _trailers(error, call.trailing_metadata)


async def _given(messages: list[bytearray]) -> AsyncIterator[bytearray]:
    for message in messages:
        yield message


def _messages(body: bytearray, limits: Limits) -> list[bytearray]:
    """Cut the body into its messages and wipe it: a message may hold a secret, and is its handler's."""
    found = []
    at = 0
    try:
        while at < len(body):
            size = int.from_bytes(body[at + 1 : at + PREFIX_BYTES], "big")
            if len(body) - at < PREFIX_BYTES or len(body) - at - PREFIX_BYTES < size:
                raise RpcError(Status.INVALID_ARGUMENT, "the request's frames are cut short")
            if size > limits.message_bytes:
                raise RpcError(
                    Status.RESOURCE_EXHAUSTED, f"a message is larger than {limits.message_bytes} bytes"
                )
            if body[at]:
                raise RpcError(Status.UNIMPLEMENTED, "send messages without compression")
            at += PREFIX_BYTES
            found.append(body[at : at + size])
            at += size
    except RpcError:
        for message in found:
            wipe_buffer(message)
        raise
    finally:
        wipe_buffer(body)
    return found


def _decoded(body: bytearray) -> bytearray:
    """Decode base64, which may be padded wherever its sender had to flush."""
    owned = bytearray(len(body))
    size = at = 0
    try:
        with memoryview(body) as view:
            while at < len(body):
                end = body.find(b"=", at)
                end = len(body) if end < 0 else end + 1 + body.startswith(b"=", end + 1)
                decoded = b64decode(view[at:end], validate=True)
                owned[size : size + len(decoded)] = decoded
                size += len(decoded)
                wipe_bytes(decoded)
                at = end
    except binascii.Error:
        wipe_buffer(owned)
        raise RpcError(Status.INVALID_ARGUMENT, "the body is not base64") from None
    finally:
        wipe_buffer(body)
    del owned[size:]
    return owned


def _frame(kind: int, payload: bytes) -> bytes:
    return bytes((kind,)) + len(payload).to_bytes(4, "big") + payload


def _trailers(error: RpcError | None, metadata: list[tuple[bytes, bytes]]) -> bytes:
    fields = status_fields(error, metadata)
    lines = b"".join([b"%b: %b\r\n" % field for field in fields])
    if lines.count(b"\n") != len(fields) or lines.count(b"\r") != len(fields):
        return _trailers(RpcError(Status.INTERNAL, "internal error"), [])
    return _frame(TRAILERS, lines)


def _shown(frame: bytes, *, text: bool) -> bytes:
    return b64encode(frame) if text else frame
