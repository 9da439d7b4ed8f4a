"""Sound in a RIFF file (Multimedia Programming Interface and Data Specifications 1.0)."""

import struct


def wav(data: bytes, rate: int, *, code: int = 1, bits: int = 16, channels: int = 1) -> bytes:
    """A file of samples: `code` 1 is linear, 6 A-law, 7 mu-law."""
    block = bits // 8 * channels
    form = struct.pack("<HHIIHH", code, channels, rate, rate * block, block, bits)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(data))
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + struct.pack("<I", len(data))
        + data
    )
