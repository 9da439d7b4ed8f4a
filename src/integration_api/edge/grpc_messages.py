"""Cuts a gRPC request's bytes into messages.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
"""

import zlib
from struct import Struct

from integration_api.core.secret import wipe_bytes
from integration_api.edge.application import RpcError, Status
from integration_api.edge.wipe import Gather, wipe_buffer

ENCODINGS = (b"identity", b"gzip")
"""What a caller may compress with: every gRPC library knows gzip, and some are configured to use it."""

PREFIX_BYTES = 5
_read_prefix = Struct(">BL").unpack_from
_write_prefix = Struct(">BL").pack
_GZIP = 31
"""zlib's word for the largest window in a gzip wrapping."""


class MessageReader:
    """Feed it DATA; no message grows beyond `most` bytes, compressed or not."""

    __slots__ = ("_body", "_compressed", "_gzip", "_most", "_prefix", "_size")

    def __init__(self, encoding: bytes, most: int) -> None:
        self._gzip = encoding == b"gzip"
        self._most = most
        self._prefix = b""
        self._compressed = False
        self._size = -1
        """Of the message that is being read; -1 between messages."""
        self._body = Gather()

    @property
    def partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._size >= 0 or bool(self._prefix)

    @property
    def held(self) -> int:
        """Bytes of the message that has not ended."""
        return self._body.size

    def feed(self, payload: memoryview) -> list[bytearray]:
        """Return the messages that are complete now, their receiver's to wipe. Raises `RpcError`."""
        found = []
        at, end = 0, len(payload)
        while at < end:
            if self._size < 0:
                if self._prefix or end - at < PREFIX_BYTES:
                    take = min(PREFIX_BYTES - len(self._prefix), end - at)
                    self._prefix += payload[at : at + take]
                    at += take
                    if len(self._prefix) < PREFIX_BYTES:
                        break
                    self._begin(self._prefix, 0)
                    self._prefix = b""
                else:
                    self._begin(payload, at)
                    at += PREFIX_BYTES
            missing = self._size - self._body.size
            take = min(missing, end - at)
            if take == self._size:
                found.append(self._finish(bytearray(payload[at : at + take])))
            elif take:
                self._body.add(payload[at : at + take], self._size)
                if take == missing:
                    found.append(self._finish(self._body.take()))
            at += take
        return found

    def clear(self) -> None:
        """Wipe what was gathered."""
        self._body.clear()

    def _begin(self, prefix: bytes | memoryview, at: int) -> None:
        compressed, size = _read_prefix(prefix, at)
        if size > self._most:
            raise self._too_large()
        if compressed > 1 or (compressed and not self._gzip):
            raise RpcError(Status.INTERNAL, "a message is compressed, but grpc-encoding does not say how")
        self._compressed = bool(compressed)
        self._size = size

    def _finish(self, whole: bytearray) -> bytearray:
        self._size = -1
        if not self._compressed:
            return whole
        try:
            return self._inflated(whole)
        finally:
            wipe_buffer(whole)

    def _inflated(self, packed: bytearray) -> bytearray:
        inflater = zlib.decompressobj(_GZIP)
        try:
            message = inflater.decompress(packed, self._most + 1)
        except zlib.error:
            raise RpcError(Status.INTERNAL, "a message is not valid gzip") from None
        if len(message) > self._most:
            raise self._too_large()
        if not inflater.eof or inflater.unused_data:
            raise RpcError(Status.INTERNAL, "a message is not valid gzip")
        owned = bytearray(message)
        wipe_bytes(message)
        return owned

    def _too_large(self) -> RpcError:
        return RpcError(Status.RESOURCE_EXHAUSTED, f"a message is larger than {self._most} bytes")


def framed(message: bytes) -> bytes:
    """Return a message as it travels, not compressed."""
    return _write_prefix(0, len(message)) + message
