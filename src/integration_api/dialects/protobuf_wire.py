"""Walking through a protobuf message without parsing it. https://protobuf.dev/programming-guides/encoding/"""

from collections.abc import Iterator

from msgspec import Struct

from integration_api.core.errors import Failure, Kind

VARINT, I64, LEN, I32 = 0, 1, 2, 5
MOST_VARINT = 10
"""Bytes of the longest varint."""


class Field(Struct, frozen=True, gc=False):
    """One field of a message: where it begins, and where its value lies."""

    number: int
    kind: int
    at: int
    start: int
    end: int


def fields(message: bytearray, start: int, end: int) -> Iterator[Field]:
    """Yield the fields between two places of `message`. Raises `Failure(INVALID_REQUEST)`."""
    at = start
    while at < end:
        begun = at
        tag, at = varint(message, at, end)
        kind = tag & 7
        match kind:
            case 0:
                value = at
                _, at = varint(message, at, end)
            case 1:
                value, at = at, at + 8
            case 2:
                size, value = varint(message, at, end)
                at = value + size
            case 5:
                value, at = at, at + 4
            case _:
                raise unreadable()
        if at > end:
            raise unreadable()
        yield Field(tag >> 3, kind, begun, value, at)


def varint(message: bytearray, at: int, end: int) -> tuple[int, int]:
    """Return a number and where it ends."""
    value = shift = 0
    for place in range(at, min(end, at + MOST_VARINT)):
        byte = message[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place + 1
        shift += 7
    raise unreadable()


def unreadable() -> Failure:
    return Failure(
        Kind.INVALID_REQUEST,
        "the message can not be read: it is not what this method takes",
        code="invalid_message",
    )
