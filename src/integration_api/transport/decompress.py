"""Compressed answers, taken apart in small steps so that a bomb stays small.

https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1
"""

import zlib
from collections.abc import Iterator

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.transport.limits import INFLATE_GRACE, INFLATE_RATIO, INFLATE_STEP

_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS


def broken(why: str) -> ProviderError:
    """Build the error for a body that does not decompress, or decompresses into too much."""
    return ProviderError(Kind.BAD_RESPONSE, why, code="bad_upstream_response", phase=Phase.STREAM)


class Inflater:
    """Decompresses one body of gzip (any number of members) or deflate (with or without its wrapper).

    Raises `ProviderError` (BAD_RESPONSE) for a bomb and for what does not decompress.
    """

    __slots__ = ("_gzip", "_head", "_member", "_read", "_written")

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._member = zlib.decompressobj(_GZIP) if gzip else None
        self._head = b""
        self._read = 0
        self._written = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what comes out, in pieces of at most 64 KiB."""
        self._read += len(chunk)
        if self._member is None:
            # Two bytes tell: RFC 9110 means zlib by `deflate`, some servers send the bare stream.
            chunk = self._head = self._head + chunk
            if len(chunk) < 2:
                return
            wrapped = chunk[0] & 0x0F == 8 and (chunk[0] << 8 | chunk[1]) % 31 == 0
            self._member = zlib.decompressobj(_ZLIB if wrapped else _RAW)
            self._head = b""
        member = self._member
        while True:
            if member.eof:
                chunk = member.unused_data or chunk
                if not self._gzip or not chunk:
                    return  # What follows the end of deflate is padding.
                member = self._member = zlib.decompressobj(_GZIP)
            try:
                piece = member.decompress(chunk, INFLATE_STEP)
            except zlib.error:
                raise broken("the provider's answer does not decompress") from None
            if piece:
                self._count(len(piece))
                yield piece
            chunk = member.unused_data if member.eof else member.unconsumed_tail
            if not chunk and (member.eof or len(piece) < INFLATE_STEP):
                return

    def close(self) -> None:
        """Raise unless the body was complete; an empty one is."""
        if self._read and (self._member is None or not self._member.eof):
            raise broken("the provider's compressed answer ended too early")

    def _count(self, size: int) -> None:
        self._written += size
        if self._written > INFLATE_GRACE and self._written > INFLATE_RATIO * self._read:
            raise broken("the provider's answer decompresses into suspiciously much")


def inflater(encoding: str) -> Inflater | None:
    """Return what undoes a content-encoding; None when there is nothing to undo.

    Raises `ProviderError` (BAD_RESPONSE) for a coding nobody asked for.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return Inflater(gzip=True)
        case "deflate":
            return Inflater(gzip=False)
        case _:
            raise broken("the provider's answer is compressed in a way that was not asked for")
