"""AWS's event streams: messages with two checksums, which are no lines of text
(smithy.io/2.0/aws/amazon-eventstream.html).
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

from lab.http import JSON, encode

KIND = "application/vnd.amazon.eventstream"
_LENGTHS = struct.Struct(">II")
_CHECKSUM = struct.Struct(">I")
_PRELUDE = _LENGTHS.size + _CHECKSUM.size
_STRING = b"\x07"


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """One message; every header is a string."""
    head = b"".join(
        bytes([len(name)]) + name.encode() + _STRING + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    return _sealed(head, payload)


def event(name: str, document: Any) -> bytes:
    """An event."""
    return message({":event-type": name, ":content-type": JSON, ":message-type": "event"}, encode(document))


def exception(name: str, document: Any) -> bytes:
    """What a service says when it fails after it has said 200."""
    return message(
        {":exception-type": name, ":content-type": JSON, ":message-type": "exception"}, encode(document)
    )


def split(stream: bytes) -> Iterator[bytes]:
    """The messages of a stream, byte for byte; what is left of one that was cut is the last."""
    while stream:
        length = _LENGTHS.unpack_from(stream)[0] if len(stream) >= _LENGTHS.size else len(stream)
        yield stream[:length]
        stream = stream[length:]


def spoiled(good: bytes, how: str) -> bytes:
    """A message gone bad: its JSON or its text no longer is any (`json`, `utf8`), or a bit of it has flipped."""
    _, size = _LENGTHS.unpack_from(good)
    head, payload = good[_PRELUDE : _PRELUDE + size], good[_PRELUDE + size : -_CHECKSUM.size]
    match how:
        case "json":
            return _sealed(head, payload[: len(payload) // 2])
        case "utf8":
            return _sealed(head, payload.replace(b'":"', b'":"\xff\xfe', 1))
        case _:
            middle = len(good) // 2
            return good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]


def _sealed(head: bytes, payload: bytes) -> bytes:
    lengths = _LENGTHS.pack(_PRELUDE + len(head) + len(payload) + _CHECKSUM.size, len(head))
    said = lengths + _CHECKSUM.pack(zlib.crc32(lengths)) + head + payload
    return said + _CHECKSUM.pack(zlib.crc32(said))
