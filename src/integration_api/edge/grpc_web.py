"""gRPC for browsers, in plain HTTP requests. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md"""

import asyncio
import binascii
import contextlib
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator

from integration_api.edge.application import Application, Call, Method, Request, Response, RpcError, Status
from integration_api.edge.grpc_status import read_metadata, read_timeout, status_fields
from integration_api.edge.limits import Limits
from integration_api.edge.refusals import JSON_HEADERS, error_body
from integration_api.edge.wipe import wipe_buffer, wipe_bytes

CONTENT_TYPE = b"application/grpc-web"
TEXT = b"application/grpc-web-text"
TRAILERS = 0x80


def speaks(request: Request) -> bool:
    """Whether a request is a gRPC-Web call."""
    return request.headers.get(b"content-type", b"").startswith(CONTENT_TYPE)


async def answer(application: Application, limits: Limits, request: Request) -> Response:
    """Answer one call: unary or server stream; a browser can send no more than one message."""
    headers = application.rpc_web_headers(request)
    if headers is None:
        return Response(403, JSON_HEADERS, error_body(403, "This origin may not call."))
    content_type = request.headers[b"content-type"]
    text = content_type.startswith(TEXT)
    answered = [*headers, (b"content-type", content_type.partition(b";")[0])]
    try:
        method = application.rpc(request.path)
        if method is None:
            raise RpcError(Status.UNIMPLEMENTED, "there is no such method")
        messages = _messages(_decoded(request.body) if text else request.body, limits)
        call = Call(
            request.path,
            read_metadata(request.headers),
            request.received_at,
            request.client,
            read_timeout(request.headers.get(b"grpc-timeout")),
        )
    except RpcError as error:
        return Response(200, answered, _shown(_trailers(error, []), text=text))
    return Response(200, answered, _body(method, call, messages, text=text))


async def _body(method: Method, call: Call, messages: list[bytearray], *, text: bool) -> AsyncIterator[bytes]:
    error: RpcError | None = None
    try:
        async with asyncio.timeout(call.timeout):
            if method.unary is not None:
                if len(messages) != 1:
                    raise RpcError(Status.INVALID_ARGUMENT, "the call needs one message")
                yield _shown(_frame(0, await method.unary(call, messages[0])), text=text)
            elif method.stream is not None:
                async with contextlib.aclosing(method.stream(call, _given(messages))) as answers:
                    async for message in answers:
                        yield _shown(_frame(0, message), text=text)
    except RpcError as refused:
        error = refused
    except TimeoutError:
        error = RpcError(Status.DEADLINE_EXCEEDED, "the call's deadline has passed")
    except Exception:  # noqa: BLE001 - the caller learns that it failed, and nothing of what failed
        error = RpcError(Status.INTERNAL, "internal error")
    yield _shown(_trailers(error, call.trailing_metadata), text=text)


async def _given(messages: list[bytearray]) -> AsyncIterator[bytearray]:
    for message in messages:
        yield message


def _messages(body: bytearray, limits: Limits) -> list[bytearray]:
    """Cut the body into its messages and wipe it: a message may hold a secret, and is its handler's."""
    found = []
    at = 0
    try:
        while at < len(body):
            size = int.from_bytes(body[at + 1 : at + 5], "big")
            if len(body) - at < 5 or len(body) - at - 5 < size:
                raise RpcError(Status.INVALID_ARGUMENT, "the request's frames are cut short")
            if size > limits.message_bytes:
                raise RpcError(
                    Status.RESOURCE_EXHAUSTED, f"a message is larger than {limits.message_bytes} bytes"
                )
            if body[at]:
                raise RpcError(Status.UNIMPLEMENTED, "send messages without compression")
            found.append(body[at + 5 : at + 5 + size])
            at += 5 + size
    finally:
        wipe_buffer(body)
    return found


def _decoded(body: bytearray) -> bytearray:
    try:
        decoded = b64decode(body, validate=True)
    except binascii.Error:
        raise RpcError(Status.INVALID_ARGUMENT, "the body is not base64") from None
    finally:
        wipe_buffer(body)
    owned = bytearray(decoded)
    wipe_bytes(decoded)
    return owned


def _frame(kind: int, payload: bytes) -> bytes:
    return bytes((kind,)) + len(payload).to_bytes(4, "big") + payload


def _trailers(error: RpcError | None, metadata: list[tuple[bytes, bytes]]) -> bytes:
    lines = [b"%b: %b\r\n" % field for field in status_fields(error, metadata)]
    return _frame(TRAILERS, b"".join(lines))


def _shown(frame: bytes, *, text: bool) -> bytes:
    return b64encode(frame) if text else frame
