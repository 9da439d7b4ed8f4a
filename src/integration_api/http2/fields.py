"""Header fields on HTTP/2's wire: HPACK. https://www.rfc-editor.org/rfc/rfc7541

The tables are those of `hpack`. The loop is ours: the library's costs as much as the rest of a small call, and
its debug log would print callers' keys. A field is checked (RFC 9113, section 8.2.1) when it enters the
table, so that one which is only an index costs a look-up.
"""

import re
from collections import deque
from collections.abc import Iterable
from typing import TypeAlias

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import HUFFMAN_COMPLETE, HUFFMAN_EMIT_SYMBOL, HUFFMAN_FAIL, HUFFMAN_TABLE
from hpack.table import HeaderTable

from integration_api.core.secret import wipe, wipe_bytes
from integration_api.http2.frames import ConnectionFault, ErrorCode

Field: TypeAlias = tuple[bytes, bytes]

TABLE_BYTES = 4096
"""The dynamic table a peer keeps with us: HTTP/2's default, in force before we could say otherwise."""
ENTRY_BYTES = 32
"""What a field counts besides its bytes. RFC 7541, section 4.1."""
FOLD = 4
"""A block that unfolds to this many times the allowed list is an attack, not a mistake."""

_STATIC: tuple[Field, ...] = HeaderTable.STATIC_TABLE
_STATICS = len(_STATIC)
_STATIC_FIELDS = frozenset(_STATIC)
_SHORTEST_CODE = 5
"""Bits of Huffman's shortest code."""

_is_name = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
_NAMES = frozenset(name for name, _ in _STATIC) | {b"te", b"grpc-timeout", b"grpc-accept-encoding"}
"""Names that need no check; also all pseudo-headers there are."""
_breaks_out = re.compile(rb"[\0\r\n]").search
_MOST_DIGITS = 4
"""Bytes a number may go on for: beyond 2**28 nothing here has a meaning."""


class FieldReader:
    """Reads the header blocks of one connection, in the order in which they come."""

    __slots__ = ("_entries", "_list_bytes", "_most", "_size")

    def __init__(self, list_bytes: int) -> None:
        self._entries: deque[Field] = deque()
        self._size = 0
        self._most = TABLE_BYTES
        self._list_bytes = list_bytes

    def read(self, block: bytes) -> tuple[list[Field], bool]:
        """Return a block's fields, and whether the list was larger than allowed (then it is cut short).

        Raises `ConnectionFault`, after which the peer's table and ours differ.
        """
        fields: list[Field] = []
        entries = self._entries
        size = at = 0
        end = len(block)
        try:
            while at < end:
                first = block[at]
                if first & 0x80:
                    if first == 0xFF:
                        index, at = _number(block, at, 0x7F)
                    else:
                        index = first & 0x7F
                        at += 1
                    field = _STATIC[index - 1] if 0 < index <= _STATICS else entries[_beyond(index)]
                elif first & 0xE0 == 0x20:
                    if size:
                        raise _garbled("a table size in mid-block")
                    most, at = _number(block, at, 0x1F)
                    self._resize(most)
                    continue
                else:
                    mask = 0x3F if first & 0x40 else 0x0F
                    index = first & mask
                    if not index:
                        name, at = _string(block, at + 1)
                        if name not in _NAMES and not _is_name(name):
                            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a field's name is not valid")
                    else:
                        if index == mask:
                            index, at = _number(block, at, mask)
                        else:
                            at += 1
                        name = (_STATIC[index - 1] if index <= _STATICS else entries[_beyond(index)])[0]
                    value, at = _string(block, at)
                    if _breaks_out(value):
                        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a field's value is not valid")
                    field = (name, value)
                    if first & 0x40:
                        self._enter(field)
                size += len(field[0]) + len(field[1]) + ENTRY_BYTES
                if size <= self._list_bytes:
                    fields.append(field)
                elif size > FOLD * self._list_bytes:
                    raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "the header list is far too large")
        except IndexError:
            raise _garbled("a block that is cut short, or an index beyond the table") from None
        except HPACKDecodingError:
            raise _garbled("a string that is not Huffman's") from None
        return fields, size > self._list_bytes

    def forget(self) -> None:
        """Let go of every field: keys of callers are among them."""
        self._entries.clear()
        self._size = 0

    def _resize(self, most: int) -> None:
        if most > TABLE_BYTES:
            raise _garbled("a table size larger than offered")
        self._most = most
        self._evict()

    def _enter(self, field: Field) -> None:
        self._entries.appendleft(field)
        self._size += len(field[0]) + len(field[1]) + ENTRY_BYTES
        if self._size > self._most:
            self._evict()

    def _evict(self) -> None:
        while self._size > self._most:
            name, value = self._entries.pop()
            self._size -= len(name) + len(value) + ENTRY_BYTES


def _garbled(what: str) -> ConnectionFault:
    return ConnectionFault(ErrorCode.COMPRESSION_ERROR, f"the header block holds {what}")


def _beyond(index: int) -> int:
    """Return where a dynamic entry lies. Raises IndexError for index 0, which Python would count from the end."""
    if not index:
        raise IndexError
    return index - _STATICS - 1


def _number(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """Read an integer whose first byte is at `at`. RFC 7541, section 5.1. Raises IndexError."""
    value = block[at] & mask
    at += 1
    if value < mask:
        return value, at
    for shift in range(0, 7 * _MOST_DIGITS, 7):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _garbled("a number without an end")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    """Read a string whose length is at `at`. RFC 7541, section 5.2. Raises IndexError."""
    first = block[at]
    if first & 0x7F == 0x7F:
        size, at = _number(block, at, 0x7F)
    else:
        size = first & 0x7F
        at += 1
    end = at + size
    if end > len(block):
        raise IndexError
    text = block[at:end]
    return (_unfolded(text) if first & 0x80 else text), end


def _unfolded(text: bytes) -> bytes:
    """Return what Huffman's code stands for. RFC 7541, section 5.2. Raises HPACKDecodingError.

    The library's function leaves the plaintext in buffers that it lets go of.
    """
    out = bytearray(len(text) * 8 // _SHORTEST_CODE + 1)
    size = state = 0
    flags = HUFFMAN_COMPLETE
    for byte in text:
        for nibble in (byte >> 4, byte & 0x0F):
            state, flags, symbol = HUFFMAN_TABLE[state * 16 + nibble]
            if flags & HUFFMAN_EMIT_SYMBOL:
                out[size] = symbol
                size += 1
            elif flags & HUFFMAN_FAIL:
                raise HPACKDecodingError("Invalid Huffman string")
    if not flags & HUFFMAN_COMPLETE:
        raise HPACKDecodingError("Incomplete Huffman string")
    with memoryview(out) as view:
        found = bytes(view[:size])
    wipe(out)
    return found


def wipe_fields(fields: Iterable[Field]) -> None:
    """Overwrite the values of fields that were read, in the peer's table too: nothing may be read after them."""
    for field in fields:
        if field not in _STATIC_FIELDS:
            wipe_bytes(field[1])


# What we write. Nothing that we say enters the peer's table: answers hold little that repeats, and a secret among
# them would outlive its answer there.

NO_TABLE = b"\x20"
"""Begins a connection's first block: this encoder keeps no table."""

_SECRET = frozenset({b"authorization", b"proxy-authorization", b"set-cookie", b"x-api-key"})
"""Written so that no proxy on the way may index them either."""

_STATUSES = {
    int(value): bytes((0x80 | at,)) for at, (name, value) in enumerate(_STATIC, 1) if name == b":status"
}
_INDEX = {name: at for at, (name, _) in reversed(list(enumerate(_STATIC, 1)))}


def write_status(status: int) -> bytes:
    return _STATUSES.get(status) or write_field(b":status", b"%d" % status)


def write_field(name: bytes, value: bytes) -> bytes:
    """Return one field. Raises ValueError for one that HTTP does not allow."""
    if name not in _NAMES and not _is_name(name):
        name = name.lower()
        if not _is_name(name):
            raise ValueError("a response header's name is not valid")
    if _breaks_out(value):
        raise ValueError("a response header holds a control character")
    never = 0x10 if name in _SECRET else 0x00
    index = _INDEX.get(name)
    if index is None:
        return b"%c%b%b%b%b" % (never, _length(len(name)), name, _length(len(value)), value)
    return b"%b%b%b" % (_prefixed(never, index, 0x0F), _length(len(value)), value)


def open_secret(name: bytes, size: int) -> bytes:
    """Return the beginning of a field that nobody may index; `size` bytes of its value follow as they are."""
    index = _INDEX.get(name)
    start = _prefixed(0x10, index, 0x0F) if index else b"\x10%b%b" % (_length(len(name)), name)
    return start + _length(size)


def write_fields(fields: Iterable[Field]) -> bytes:
    return b"".join([write_field(name, value) for name, value in fields])


def _length(size: int) -> bytes:
    return _prefixed(0, size, 0x7F)


def _prefixed(pattern: int, number: int, mask: int) -> bytes:
    if number < mask:
        return bytes((pattern | number,))
    number -= mask
    digits = [pattern | mask]
    while number >= 0x80:
        digits.append(0x80 | (number & 0x7F))
        number >>= 7
    digits.append(number)
    return bytes(digits)
