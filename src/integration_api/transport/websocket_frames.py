"""WebSocket frames as a client writes and reads them. https://www.rfc-editor.org/rfc/rfc6455#section-5.2"""

from secrets import token_bytes

from websockets.frames import CloseCode

try:
    from websockets.speedups import apply_mask
except ImportError:  # Wheels for rare machines have none.
    from websockets.utils import apply_mask

HEADER_BYTES = 2
"""Of the shortest header; sizes from 126 on are written behind it."""
FINAL, RESERVED, OPCODE = 0x80, 0x70, 0x0F
"""Bits of a frame's first byte."""
MASKED = 0x80
NOTHING = -1
"""No opcode."""


class Broken(Exception):
    """The provider broke the rules: the socket is closed with this code."""

    def __init__(self, code: CloseCode = CloseCode.PROTOCOL_ERROR) -> None:
        super().__init__(code.name)
        self.code = code


def measure(buffer: bytearray, at: int, end: int, most: int) -> tuple[int, int]:
    """Return where the payload of the frame at `at` begins and stops; beyond `end` while its header is not whole.

    Raises `Broken` for a frame that is masked, or a payload larger than `most`.
    """
    size = buffer[at + 1]
    start = at + HEADER_BYTES
    if size >= 126:
        if size & MASKED:
            raise Broken
        start += 2 if size == 126 else 8
        if start > end:
            return start, start
        size = int.from_bytes(buffer[at + HEADER_BYTES : start], "big")
    if size > most:
        raise Broken(CloseCode.MESSAGE_TOO_BIG)
    return start, start + size


def frame(opcode: int, data: bytes) -> bytes:
    """Return a whole message, or a control frame, as one masked frame."""
    mask = token_bytes(4)
    size = len(data)
    if size < 126:
        head = bytes((FINAL | opcode, MASKED | size))
    elif size < 1 << 16:
        head = bytes((FINAL | opcode, MASKED | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((FINAL | opcode, MASKED | 127)) + size.to_bytes(8, "big")
    return head + mask + apply_mask(data, mask)
