"""AWS event streams: bytes in, frames out, both checksums of every message checked.

https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import struct
import zlib
from collections.abc import Iterator

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.core.exchange import Frame

MOST_HEADER_BYTES = 131_072
MOST_PAYLOAD_BYTES = 25_165_824
"""AWS's own limits of one message: 128 KiB of headers and 24 MiB of payload."""

MOST_BYTES = 16 + MOST_HEADER_BYTES + MOST_PAYLOAD_BYTES

_PRELUDE = struct.Struct(">III")
"""Length of the message, length of its headers, and the checksum of these two."""
_CHECKSUM = struct.Struct(">I")
_AROUND = _PRELUDE.size + _CHECKSUM.size

_STRING = 7
_SIZED = frozenset({6, _STRING})
"""Types of header values that say their length in two bytes: bytes and strings."""
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Lengths of the other types: true, false, byte, short, integer, long, timestamp, UUID."""

_REMEMBERED = 64
"""Header blocks whose meaning is kept: a stream has a dozen different ones, over and over."""


class AwsEventStream:
    """Turns messages into frames, named by their `:event-type`.

    A message that is no event names its kind before a colon, which no event has in its name:
    `exception:throttlingException` holds the exception's JSON, `error:InternalError` its message.
    """

    __slots__ = ("_held", "_most", "_names", "_needed", "_pieces")

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._pieces: list[bytes] = []
        self._held = 0
        self._needed = _PRELUDE.size
        """Bytes without which there is nothing to look at."""
        self._names: dict[bytes, tuple[str, bytes | None]] = {}

    @property
    def rest(self) -> int:
        """How many bytes have come of a message that has not ended."""
        return self._held

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Yield the messages that are whole by now.

        Raises `ProviderError` (BAD_RESPONSE) for one that is damaged or larger than the limit,
        after those before it.
        """
        if self._held:
            self._pieces.append(chunk)
            self._held += len(chunk)
            if self._held < self._needed:
                return
            chunk = b"".join(self._pieces)
            self._pieces.clear()
        start, end = 0, len(chunk)
        self._needed = _PRELUDE.size
        while end - start >= _PRELUDE.size:
            length, headers, check = _PRELUDE.unpack_from(chunk, start)
            if zlib.crc32(chunk[start : start + 8]) != check or length < headers + _AROUND:
                raise _damaged()
            if length > self._most:
                raise _too_large(self._most)
            if end - start < length:
                self._needed = length
                break
            message = chunk[start : start + length] if length != end else chunk
            yield self._frame(message, headers)
            start += length
        tail = chunk[start:] if start else chunk
        self._held = len(tail)
        if tail:
            self._pieces.append(tail)

    def _frame(self, message: bytes, size: int) -> Frame:
        if zlib.crc32(message[:-4]) != _CHECKSUM.unpack_from(message, len(message) - 4)[0]:
            raise _damaged()
        at = _PRELUDE.size + size
        head = message[_PRELUDE.size : at]
        known = self._names.get(head)
        if known is None:
            known = _meaning(head)
            if len(self._names) < _REMEMBERED:
                self._names[head] = known
        name, told = known
        return Frame(name, message[at:-4] if told is None else told)


def _meaning(head: bytes) -> tuple[str, bytes | None]:
    """Return the frame's name, and its data where the headers hold it."""
    headers = _headers(head)
    match headers.get(":message-type"):
        case "exception":
            return f"exception:{headers.get(':exception-type', '')}", None
        case "error":
            return f"error:{headers.get(':error-code', '')}", headers.get(":error-message", "").encode()
        case _:
            return headers.get(":event-type", "").replace(":", "_"), None


def _headers(head: bytes) -> dict[str, str]:
    """Return the headers that are strings."""
    found: dict[str, str] = {}
    at, end = 0, len(head)
    try:
        while at < end:
            start = at + 1
            at = start + head[at]
            name, kind = head[start:at].decode(), head[at]
            at += 1
            if kind in _SIZED:
                start = at + 2
                at = start + int.from_bytes(head[at:start], "big")
                if kind == _STRING:
                    found[name] = head[start:at].decode()
            else:
                at += _SIZES[kind]
    except (IndexError, KeyError, UnicodeDecodeError):
        raise _damaged() from None
    if at != end:
        raise _damaged()
    return found


def _damaged() -> ProviderError:
    return ProviderError(
        Kind.BAD_RESPONSE,
        "the provider's stream was damaged on its way: a message does not match its checksum or its form",
        code="bad_upstream_response",
        phase=Phase.STREAM,
    )


def _too_large(most: int) -> ProviderError:
    return ProviderError(
        Kind.BAD_RESPONSE,
        f"the provider sent one event larger than {most} bytes",
        code="bad_upstream_response",
        phase=Phase.STREAM,
    )
