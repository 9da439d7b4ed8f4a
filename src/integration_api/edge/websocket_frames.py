"""Where a caller's WebSocket frames begin and end, and the writing of our own.

https://www.rfc-editor.org/rfc/rfc6455#section-5.2
"""

from websockets.frames import Opcode

try:
    from websockets.speedups import apply_mask as unmask
except ImportError:  # Wheels for rare machines have none.
    from websockets.utils import apply_mask as unmask

__all__ = ["WHOLE_BINARY", "WHOLE_TEXT", "measure", "unmask", "write"]

FINAL = 0x80
MASKED = 0x80
WHOLE_TEXT = FINAL | Opcode.TEXT
WHOLE_BINARY = FINAL | Opcode.BINARY
"""The first byte of a message in one frame."""
_SHORT = 126
"""Sizes from here on are written behind the header's first two bytes."""


def measure(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return where the payload of the frame at `at` begins and stops; (0, `at` + least) for a header in part.

    `stop` may lie beyond `end`. (-1, 0) is a frame that is not masked, as a client's has to be.
    """
    if end - at < 2:
        return 0, at + 2
    size = data[at + 1]
    if size < MASKED:
        return -1, 0
    size -= MASKED
    if size < _SHORT:
        start = at + 6
    elif size == _SHORT:
        start = at + 8
        if start > end:
            return 0, start
        size = data[at + 2] << 8 | data[at + 3]
    else:
        start = at + 14
        if start > end:
            return 0, start
        size = int.from_bytes(data[at + 2 : at + 10], "big")
    return start, start + size


def write(first: int, payload: bytes) -> bytes:
    """Return a message as one frame, which is not masked."""
    size = len(payload)
    if size < _SHORT:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return bytes((first, _SHORT, size >> 8, size & 0xFF)) + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload
