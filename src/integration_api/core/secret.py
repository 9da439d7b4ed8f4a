"""A secret in memory that cannot be shown by accident and can be overwritten on purpose.

Around it: JSON objects of secrets, read and written between buffers without a
`str` or `bytes` of any value ever being made, since neither can be overwritten.
https://www.rfc-editor.org/rfc/rfc8259
"""

import ctypes
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NoReturn, Self

import msgspec

from integration_api.core.errors import Failure, Kind

MASK_FROM = 20
"""A shorter secret would lose too much of itself to a mask that shows four of its characters."""
MOST_BYTES = 64 * 1024
"""Of a JSON object of fields: the longest real one, a service account with its RSA key, is under 3 KiB."""
MOST_FIELDS = 64


class Secret:
    """Bytes that refuse to print, compare, hash, copy, pickle or serialise.

    Owns its bytearray. `view()` lends the bytes; `wipe()` overwrites them, as leaving a
    `with` block does.
    """

    __slots__ = ("_buffer",)

    def __init__(self, buffer: bytearray) -> None:
        self._buffer = buffer

    def view(self) -> memoryview:
        """Lend the bytes; release the view before `wipe`."""
        return memoryview(self._buffer)

    def copy(self) -> bytearray:
        """Return the bytes in a buffer the caller owns and must wipe."""
        return self._buffer[:]

    def last4(self) -> str:
        """Return the last four characters for a mask, or "" when they would give away too much.

        Only a secret of `MASK_FROM` bytes that ends in visible ASCII shows any.
        """
        tail = self._buffer[-4:]
        if len(self._buffer) < MASK_FROM or any(not 0x21 <= byte <= 0x7E for byte in tail):
            return ""
        return tail.decode("ascii")

    def mask(self) -> str:
        """Return what may be shown: `…last4`, or `…`."""
        return f"…{self.last4()}"

    def wipe(self) -> None:
        """Overwrite the bytes with zeros. A wiped secret is empty."""
        wipe(self._buffer)
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wipe()

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

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _refuse
    __reduce__ = __reduce_ex__ = __getstate__ = __setstate__ = __copy__ = __deepcopy__ = _refuse
    __bytes__ = __iter__ = __getitem__ = __contains__ = _refuse


def wipe(buffer: bytearray) -> None:
    """Overwrite every byte of `buffer` in place."""
    buffer[:] = bytes(len(buffer))


# PyDLL keeps the GIL: releasing it would cost more than the write.
_memset = ctypes.PyDLL(None).memset
_memset.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
_memset.restype = None

_PAYLOAD = bytes.__basicsize__ - 1
"""Where CPython keeps the bytes of a `bytes`: after its header, which counts one byte for the final NUL."""


def wipe_bytes(data: bytes) -> None:
    """Overwrite an immutable `bytes` in place. Only for an object that the caller alone holds.

    Empty and one-byte objects are shared by the whole interpreter and are left alone.
    """
    if len(data) > 1:
        _memset(id(data) + _PAYLOAD, 0, len(data))


OP_CLEANSE_PLAINTEXT = 2
"""Of an `ssl.SSLContext`: OpenSSL overwrites what it decrypted as soon as it has handed it over.

https://docs.openssl.org/3.0/man3/SSL_CTX_set_options/; `ssl` has no name for it.
"""


# --- JSON objects of secrets -----------------------------------------------------------------

_MANY = (  # UTF-8 as it may be: no overlong forms, no surrogates, nothing above U+10FFFF.
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}"
    rb"|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
_UTF8 = re.compile(rb"(?:[\x00-\x7f]++|" + _MANY + rb")*+")
_LITERAL = re.compile(rb"(?:[\x20\x21\x23-\x5b\x5d-\x7f]++|" + _MANY + rb")*+")
"""What may stand in a JSON string as it is."""
_UP_TO_ESCAPE = re.compile(rb"[^\\]*+")
_REST_OF_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SPACE = re.compile(rb"[ \t\n\r]*+")
_SPECIAL = re.compile(rb'[\x00-\x1f"\\]')

_QUOTE, _BACKSLASH, _COLON, _COMMA, _OPEN, _CLOSE, _U = b'"\\:,{}u'
_SHORT = {ord(letter): ord(meant) for letter, meant in zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True)}
_NIBBLE = {ord(digit): int(digit, 16) for digit in "0123456789abcdefABCDEF"}
_ESCAPED = {byte: b"\\u%04x" % byte for byte in range(0x20)} | {
    meant: b"\\" + bytes([letter]) for letter, meant in _SHORT.items() if letter != ord("/")
}


def read_fields(raw: bytearray | memoryview) -> dict[str, Secret]:
    """Read a JSON object whose values are all strings, each into a `Secret` of its own.

    `raw` is left as it is, for the caller to wipe. Raises `Failure(INVALID_REQUEST)`, which shows
    nothing of `raw`, when it is anything else, names a field twice, or is larger than
    `MOST_BYTES` and `MOST_FIELDS` allow.
    """
    fields: dict[str, Secret] = {}
    try:
        with memoryview(raw) as view:
            _read_object(view, fields)
    except BaseException:
        for secret in fields.values():
            secret.wipe()
        raise
    return fields


def write_fields(fields: Mapping[str, Secret]) -> bytearray:
    """Write `fields` as canonical JSON: names in order, no spaces, no escape that is not needed.

    The caller owns and must wipe what is returned. Raises `Failure(INVALID_REQUEST)` for a name
    or value that is not Unicode text, or when they are more than `read_fields` would take.
    """
    if len(fields) > MOST_FIELDS:
        raise _unacceptable(f"has more than {MOST_FIELDS} fields")
    names = sorted(fields)
    size = 2 + max(0, len(names) - 1)
    for name in names:
        size += len(_opening(name)) + _written_size(fields[name]) + 1
    if size > MOST_BYTES:
        raise _unacceptable(f"is larger than {MOST_BYTES} bytes")
    text = bytearray(size)
    with memoryview(text) as out:
        text[0] = _OPEN
        at = 1
        for name in names:
            if at > 1:
                text[at] = _COMMA
                at += 1
            opening = _opening(name)
            out[at : at + len(opening)] = opening
            at = _write_string(fields[name], out, at + len(opening))
            text[at] = _QUOTE
            at += 1
        text[at] = _CLOSE
    return text


def cut_field(text: bytearray, name: str) -> bytearray | None:
    """Return one value out of what `write_fields` wrote, in a buffer the caller must wipe.

    `text` may go on after the object ends. None when there is no such field.
    """
    opening = _opening(name)
    # It can not stand inside a value, whose own quotes have backslashes before them.
    at = text.find(opening)
    if at < 0:
        return None
    start = at + len(opening)
    end = text.find(b'"', start)
    if text.find(b"\\", start, end) < 0:
        return text[start:end]
    with memoryview(text) as view:
        return _unescaped(view, start, _after_string(text, start) - 1)


def read_string(raw: memoryview) -> bytearray:
    """Return the content of one JSON string, in a buffer the caller must wipe.

    Raises `Failure(INVALID_REQUEST)`, which shows nothing of `raw`, when it is anything else.
    """
    content, end = _read_string(raw, 0)
    if _skip(raw, end) != len(raw):
        wipe(content)
        raise _unacceptable("is not JSON")
    return content


@lru_cache(256)
def _opening(name: str) -> bytes:
    """Return everything that stands before a field's value: `"name":"`. Names are few and not secret."""
    try:
        return msgspec.json.encode(name) + b':"'
    except UnicodeEncodeError:
        raise _unacceptable("has a field whose name is not Unicode text") from None


def _after_string(text: bytearray, at: int) -> int:
    """Return where the string whose content begins at `at` is over, its closing quote included."""
    found = _REST_OF_STRING.match(text, at)
    if found is None:
        raise _unacceptable("is not JSON")
    return found.end()


def _written_size(secret: Secret) -> int:
    with secret.view() as view:
        found = _UTF8.match(view)
        if found is None or found.end() != len(view):
            raise _unacceptable("has a field that is not UTF-8 text")
        return len(view) + sum(len(_ESCAPED[view[hit.start()]]) - 1 for hit in _SPECIAL.finditer(view))


def _write_string(secret: Secret, out: memoryview, at: int) -> int:
    """Write a value with its escapes at `at`; return where it ends."""
    with secret.view() as view:
        done = 0
        for hit in _SPECIAL.finditer(view):
            found = hit.start()
            plain = found - done
            out[at : at + plain] = view[done:found]
            at += plain
            escape = _ESCAPED[view[found]]
            out[at : at + len(escape)] = escape
            at += len(escape)
            done = found + 1
        plain = len(view) - done
        out[at : at + plain] = view[done:]
        return at + plain


def _read_object(view: memoryview, fields: dict[str, Secret]) -> None:
    if len(view) > MOST_BYTES:
        raise _unacceptable(f"is larger than {MOST_BYTES} bytes")
    at = _expect(view, 0, _OPEN)
    at = _skip(view, at)
    more = _peek(view, at) != _CLOSE
    while more:
        name, at = _read_string(view, at)
        at = _expect(view, at, _COLON)
        at = _skip(view, at)
        if _peek(view, at) != _QUOTE:
            raise _unacceptable("has a field that is not a string")
        value, at = _read_string(view, at)
        secret = Secret(value)
        try:
            known = name.decode()
            if known in fields:
                raise _unacceptable("names a field twice")
            if len(fields) == MOST_FIELDS:
                raise _unacceptable(f"has more than {MOST_FIELDS} fields")
        except Failure:
            secret.wipe()
            raise
        fields[known] = secret
        at = _skip(view, at)
        more = _peek(view, at) == _COMMA
        if more:
            at += 1
    at = _expect(view, at, _CLOSE)
    if _skip(view, at) != len(view):
        raise _unacceptable("is not JSON")


def _read_string(view: memoryview, at: int) -> tuple[bytearray, int]:
    """Return the content of the string at `at` and where the string ends."""
    at = _expect(view, at, _QUOTE)
    start = at
    escapes = False
    while True:
        found = _LITERAL.match(view, at)
        at = at if found is None else found.end()
        match _peek(view, at):
            case 0x22:
                content = _unescaped(view, start, at) if escapes else bytearray(view[start:at])
                return content, at + 1
            case 0x5C:
                escapes = True
                at += 2
            case _:
                raise _unacceptable("is not JSON")


def _unescaped(view: memoryview, at: int, end: int) -> bytearray:
    """Return the content of a string with its escapes resolved.

    Resolving never makes it longer, so it is done in one buffer that never has to grow: growing
    would leave a part of the secret behind in memory nobody owns.
    """
    space = bytearray(end - at)
    written = 0
    try:
        with memoryview(space) as out:
            while at < end:
                found = _UP_TO_ESCAPE.match(view, at, end)
                stop = at if found is None else found.end()
                plain = stop - at
                out[written : written + plain] = view[at:stop]
                written += plain
                at = stop
                if at == end:
                    break
                letter = _peek(view, at + 1)
                if letter == _U:
                    point, at = _code_point(view, at)
                    written = _write_utf8(point, space, written)
                elif letter in _SHORT:
                    space[written] = _SHORT[letter]
                    written += 1
                    at += 2
                else:
                    raise _unacceptable("is not JSON")
            return bytearray(out[:written])
    finally:
        wipe(space)


def _code_point(view: memoryview, at: int) -> tuple[int, int]:
    """Read the Unicode escape at `at`, with the second half of its pair if it is the first."""
    unit = _unit(view, at)
    at += 6
    if not 0xD800 <= unit <= 0xDFFF:
        return unit, at
    if unit >= 0xDC00 or _peek(view, at) != _BACKSLASH or _peek(view, at + 1) != _U:
        raise _unacceptable("has half of a surrogate pair")
    low = _unit(view, at)
    if not 0xDC00 <= low <= 0xDFFF:
        raise _unacceptable("has half of a surrogate pair")
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), at + 6


def _unit(view: memoryview, at: int) -> int:
    unit = 0
    for place in range(at + 2, at + 6):
        nibble = _NIBBLE.get(_peek(view, place))
        if nibble is None:
            raise _unacceptable("is not JSON")
        unit = unit << 4 | nibble
    return unit


def _write_utf8(point: int, out: bytearray, at: int) -> int:
    if point < 0x80:
        out[at] = point
        return at + 1
    if point < 0x800:
        out[at] = 0xC0 | point >> 6
        following = 1
    elif point < 0x10000:
        out[at] = 0xE0 | point >> 12
        following = 2
    else:
        out[at] = 0xF0 | point >> 18
        following = 3
    for place in range(following):
        out[at + 1 + place] = 0x80 | point >> 6 * (following - 1 - place) & 0x3F
    return at + 1 + following


def _skip(view: memoryview, at: int) -> int:
    found = _SPACE.match(view, at)
    return at if found is None else found.end()


def _peek(view: memoryview, at: int) -> int:
    """Return the byte at `at`, or -1 past the end."""
    return view[at] if at < len(view) else -1


def _expect(view: memoryview, at: int, byte: int) -> int:
    """Step over spaces and `byte`; return where it ends."""
    at = _skip(view, at)
    if _peek(view, at) != byte:
        raise _unacceptable("is not JSON")
    return at + 1


def _unacceptable(what: str) -> Failure:
    return Failure(
        Kind.INVALID_REQUEST,
        f"the credential's value {what}; send one JSON object of strings",
        code="invalid_credential_value",
        param="value",
    )
