"""Taking a plaintext credential out of a message before anything parses it.

A parser would leave copies of the secret in memory that nobody can overwrite. So the fields of
`Credential.value` are read where they lie, each into a `Secret`, and their place is overwritten:
to the parser it is then a field it does not know, full of zeros.
"""

import struct

from integration_api.core.errors import Failure, Kind
from integration_api.core.secret import MOST_BYTES, MOST_FIELDS, Secret, write_fields
from integration_api.dialects.protobuf_wire import LEN, fields, unreadable, varint

VALUE = 2
"""The number of `Credential.value`."""
VALUE_TAG = VALUE << 3 | LEN
UNKNOWN_TAG = 15 << 3 | LEN
"""A field that `Credential` does not have, with a tag of one byte as well."""
DEEPEST = 2
"""A field may be an object of texts, as a service account's key is; nothing goes deeper."""


def take_credential(message: bytearray, *path: int) -> dict[str, Secret]:
    """Return the fields of the credential that `path` leads to, and overwrite them in `message`.

    `path` holds the field numbers from the message down to its credential. The secrets are the
    caller's to wipe. Raises `Failure(INVALID_REQUEST)`, which shows nothing of the message.
    """
    taken: dict[str, Secret] = {}
    try:
        _descend(message, 0, len(message), path, taken)
    except BaseException:
        _wipe(taken)
        raise
    return taken


def _descend(
    message: bytearray, start: int, end: int, path: tuple[int, ...], taken: dict[str, Secret]
) -> None:
    wanted = path[0] if path else VALUE
    for field in fields(message, start, end):
        if field.number != wanted or field.kind != LEN:
            continue
        if path:
            _descend(message, field.start, field.end, path[1:], taken)
            continue
        if message[field.at] != VALUE_TAG:
            raise unreadable()  # A tag may be padded; nobody does, and there would be no place to overwrite.
        if field.end - field.start > MOST_BYTES:
            raise _unacceptable(f"is larger than {MOST_BYTES} bytes")
        _read_struct(message, field.start, field.end, taken, 1)
        message[field.at] = UNKNOWN_TAG
        with memoryview(message) as view:
            view[field.start : field.end] = bytes(field.end - field.start)


def _read_struct(message: bytearray, start: int, end: int, taken: dict[str, Secret], depth: int) -> None:
    """Read the entries of a google.protobuf.Struct; of a name given twice the last one counts."""
    for entry in fields(message, start, end):
        if entry.number != 1 or entry.kind != LEN:
            continue
        name, value = "", None
        for part in fields(message, entry.start, entry.end):
            if part.number == 1 and part.kind == LEN:
                name = _name(message, part.start, part.end)
            elif part.number == 2 and part.kind == LEN:
                if value is not None:
                    value.wipe()
                value = _read_value(message, part.start, part.end, depth)
        if (old := taken.pop(name, None)) is not None:
            old.wipe()
        if value is not None:
            if len(taken) >= MOST_FIELDS:
                value.wipe()
                raise _unacceptable(f"has more than {MOST_FIELDS} fields")
            taken[name] = value


def _read_value(message: bytearray, start: int, end: int, depth: int) -> Secret | None:
    """Read a google.protobuf.Value as the text it would be in a form; null is nothing."""
    found: Secret | None = None
    for kind in fields(message, start, end):
        if found is not None:
            found.wipe()
        found = None
        match kind.number, kind.kind:
            case 1, 0:
                pass
            case 2, 1:
                (number,) = struct.unpack_from("<d", message, kind.start)
                found = Secret(bytearray(f"{number:.17g}".encode()))
            case 3, 2:
                with memoryview(message) as view:
                    found = Secret(bytearray(view[kind.start : kind.end]))
            case 4, 0:
                found = Secret(bytearray(b"true" if varint(message, kind.start, end)[0] else b"false"))
            case 5, 2 if depth < DEEPEST:
                inner: dict[str, Secret] = {}
                try:
                    _read_struct(message, kind.start, kind.end, inner, depth + 1)
                    found = Secret(write_fields(inner))
                finally:
                    _wipe(inner)
            case _:
                raise _unacceptable("has a field that is neither text nor an object of texts")
    return found


def _name(message: bytearray, start: int, end: int) -> str:
    try:
        return message[start:end].decode()
    except UnicodeDecodeError:
        raise unreadable() from None


def _wipe(secrets: dict[str, Secret]) -> None:
    for secret in secrets.values():
        secret.wipe()
    secrets.clear()


def _unacceptable(what: str) -> Failure:
    return Failure(
        Kind.INVALID_REQUEST,
        f"the credential's value {what}",
        code="invalid_credential_value",
        param="credential.value",
    )
