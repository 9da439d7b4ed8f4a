"""A secret in memory that cannot be shown by accident and can be overwritten on purpose."""

from typing import NoReturn


class Secret:
    """Bytes that refuse to print, compare, hash, copy, pickle or serialise.

    Owns its bytearray. `view()` lends the bytes; `wipe()` overwrites them.
    """

    __slots__ = ("_buffer",)

    def __init__(self, buffer: bytearray) -> None:
        self._buffer = buffer

    def view(self) -> memoryview:
        """Lend the bytes; release the view before `wipe`."""
        return memoryview(self._buffer)

    def wipe(self) -> None:
        """Overwrite the bytes with zeros. A wiped secret is empty."""
        wipe(self._buffer)
        self._buffer = bytearray()

    def __len__(self) -> int:
        return len(self._buffer)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str, /) -> str:
        return "***"

    def _refuse(self, *_: object) -> NoReturn:
        message = "a Secret can not be compared, hashed, copied or serialised"
        raise TypeError(message)

    __eq__ = __ne__ = __hash__ = _refuse
    __reduce__ = __reduce_ex__ = __getstate__ = __copy__ = __deepcopy__ = _refuse
    __bytes__ = __iter__ = _refuse


def wipe(buffer: bytearray) -> None:
    """Overwrite every byte of `buffer` in place."""
    buffer[:] = bytes(len(buffer))
