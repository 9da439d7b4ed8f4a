"""A credential's value as the platform's own vault keeps and gives it: whatever its callers put there.

https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Mapping

import msgspec

from integration_api.core.errors import Failure, Kind
from integration_api.core.secret import MOST_BYTES, MOST_FIELDS, Secret, read_string, wipe_bytes

_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_value(raw: bytes) -> dict[str, Secret]:
    """Return each field as the text it is in a form, an object or list as its JSON; null is nothing.

    The secrets are the caller's to wipe. Raises `Failure(INVALID_REQUEST)`, which shows nothing of `raw`.
    """
    if len(raw) > MOST_BYTES:
        raise _unreadable(f"is larger than {MOST_BYTES} bytes")
    try:
        fields = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _unreadable("is not a JSON object") from None
    if len(fields) > MOST_FIELDS:
        raise _unreadable(f"has more than {MOST_FIELDS} fields")
    found: dict[str, Secret] = {}
    try:
        for name, value in fields.items():
            with memoryview(value) as view:
                if view[0] == ord('"'):
                    found[name] = Secret(read_string(view))
                elif view[0] != ord("n"):
                    found[name] = Secret(bytearray(view))
    except BaseException:
        forget(found)
        raise
    return found


def write_value(fields: Mapping[str, Secret]) -> bytearray:
    """Return fields as a google.protobuf.Struct of texts, in a buffer the caller must wipe."""
    sizes = {name: _sized(name.encode(), len(held)) for name, held in fields.items()}
    written = bytearray(sum(1 + len(_varint(size)) + size for size, _ in sizes.values()))
    at = 0
    for name, held in fields.items():
        size, head = sizes[name]
        head = b"\x0a" + _varint(size) + head  # An entry of Struct.fields.
        written[at : at + len(head)] = head
        at += len(head)
        with held.view() as view:
            written[at : at + len(view)] = view
        at += len(held)
    return written


def _sized(name: bytes, size: int) -> tuple[int, bytes]:
    """Return how long an entry is, and everything in it that stands before its text."""
    text = b"\x1a" + _varint(size)  # Value.string_value
    head = b"\x0a" + _varint(len(name)) + name + b"\x12" + _varint(len(text) + size) + text
    return len(head) + size, head


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def field(number: int, content: bytes | bytearray) -> bytes:
    """Return a field of a message that holds bytes, a text or another message."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def forget(fields: dict[str, Secret]) -> None:
    """Overwrite what `read_value` returned."""
    for secret in fields.values():
        secret.wipe()


def forget_raw(raw: bytes) -> None:
    """Overwrite a value as it came from the database, where nobody else holds it."""
    wipe_bytes(raw)


def _unreadable(what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"its value {what}", code="invalid_credential_value")
