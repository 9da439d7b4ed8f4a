"""HTTP/2's numbers and the frames we write. https://www.rfc-editor.org/rfc/rfc9113#name-frame-definitions"""

from enum import IntEnum
from struct import Struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client says first. RFC 9113, section 3.4. No HTTP/1.1 request begins with `PRI `."""

HEADER_BYTES = 9
read_header = Struct(">HBBBL").unpack_from
"""Length (16 high bits, 8 low bits), type, flags, stream."""
_write_header = Struct(">HBBBL").pack
read_settings = Struct(">HL").iter_unpack
read_number = Struct(">L").unpack_from
_write_number = Struct(">L").pack

NEWEST = 0x7FFFFFFF
"""The largest stream id, and the largest window."""
FRAME_BYTES = 16_384
"""The largest payload a peer may send before it is told of more; we never tell."""
DEFAULT_WINDOW = 65_535

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    range(10)
)

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITIZED = 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = range(1, 6)
MAX_HEADER_LIST_SIZE = 6
NO_RFC7540_PRIORITIES = 9


class ErrorCode(IntEnum):
    """Why a stream or a connection ends. RFC 9113, section 7."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class ConnectionFault(Exception):
    """The peer broke the connection's rules: GOAWAY with this code, and the end."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class StreamFault(Exception):
    """The peer broke one stream's rules: RST_STREAM with this code; the others go on."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code.name)
        self.code = code


def header(kind: int, flags: int, stream: int, size: int) -> bytes:
    """Return the nine bytes before a payload of `size`."""
    return _write_header(size >> 8, size & 0xFF, kind, flags, stream)


def settings(values: dict[int, int]) -> bytes:
    payload = b"".join(Struct(">HL").pack(*pair) for pair in values.items())
    return header(SETTINGS, 0, 0, len(payload)) + payload


SETTINGS_ACK = header(SETTINGS, ACK, 0, 0)


def window_update(stream: int, increment: int) -> bytes:
    return header(WINDOW_UPDATE, 0, stream, 4) + _write_number(increment)


def rst_stream(stream: int, code: ErrorCode) -> bytes:
    return header(RST_STREAM, 0, stream, 4) + _write_number(code)


def ping(opaque: bytes, *, ack: bool) -> bytes:
    """`opaque` is eight bytes."""
    return header(PING, ACK if ack else 0, 0, 8) + opaque


def goaway(last: int, code: ErrorCode, message: str = "") -> bytes:
    debug = message.encode()
    return header(GOAWAY, 0, 0, 8 + len(debug)) + _write_number(last) + _write_number(code) + debug


def headers(stream: int, block: bytes, frame_bytes: int, *, end: bool) -> bytes:
    """Return HEADERS, with CONTINUATION frames if the block is larger than a frame may be."""
    flags = END_STREAM if end else 0
    if len(block) <= frame_bytes:
        return header(HEADERS, flags | END_HEADERS, stream, len(block)) + block
    parts = [block[at : at + frame_bytes] for at in range(0, len(block), frame_bytes)]
    frames = [header(HEADERS, flags, stream, len(parts[0])) + parts[0]]
    frames += [header(CONTINUATION, 0, stream, len(part)) + part for part in parts[1:-1]]
    frames.append(header(CONTINUATION, END_HEADERS, stream, len(parts[-1])) + parts[-1])
    return b"".join(frames)
