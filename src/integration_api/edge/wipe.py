"""Overwrite request bytes where they lie, so that a secret in a request leaves no copies behind."""


class Gather:
    """Collects a body in one bytearray without leaving parts of it in memory that was let go.

    `bytearray +=` moves what it holds when it grows; here the old place is wiped first.
    """

    __slots__ = ("buffer", "size")

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.size = 0

    def add(self, chunk: bytes | memoryview, expected: int = 0) -> None:
        """Append `chunk`. `expected` is the size of the whole, where told; it is not trusted far."""
        start = self.size
        self.size = size = start + len(chunk)
        if not start:
            if len(chunk) >= expected:
                self.buffer = bytearray(chunk)
                return
            self.buffer = bytearray(max(size, min(expected, _TRUSTED)))
        elif size > len(self.buffer):
            grown = bytearray(max(size, 2 * len(self.buffer)))
            with memoryview(self.buffer) as old, memoryview(grown) as new:
                new[:start] = old[:start]
            wipe_buffer(self.buffer)
            self.buffer = grown
        # Through a view: assigning to a slice of a bytearray makes a copy on the way.
        with memoryview(self.buffer) as place:
            place[start:size] = chunk

    def take(self) -> bytearray:
        """Return what was gathered and begin anew."""
        buffer = self.buffer
        if len(buffer) != self.size:
            # At most half is cut, so CPython shortens it where it lies.
            del buffer[self.size :]
        self.buffer = bytearray()
        self.size = 0
        return buffer

    def clear(self) -> None:
        """Wipe and forget what was gathered."""
        wipe_buffer(self.buffer)
        self.buffer = bytearray()
        self.size = 0


_TRUSTED = 64 * 1024
"""Announced sizes up to this are allocated at once; more only as bytes arrive."""

_ZEROS = memoryview(bytes(64 * 1024))


def wipe_buffer(buffer: bytearray | memoryview, size: int | None = None) -> None:
    """Overwrite the first `size` bytes of a buffer, or all of it."""
    end = len(buffer) if size is None else size
    with memoryview(buffer) as view:
        view[:end] = _ZEROS[:end] if end <= len(_ZEROS) else bytes(end)
