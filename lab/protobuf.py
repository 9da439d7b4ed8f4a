"""Protobuf on the wire, without anybody's classes (protobuf.dev/programming-guides/encoding)."""

import struct
from collections.abc import Iterable, Mapping

Value = int | float | str | bytes
Fields = dict[int, list[int | bytes]]


def fields(data: bytes) -> Fields:
    """A message's values by their numbers, in their order. Raises `ValueError` or `IndexError` for what is none."""
    found: Fields = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        value: int | bytes
        match tag & 7:
            case 0:
                value, at = _varint(data, at)
            case 1:
                value, at = data[at : at + 8], at + 8
            case 2:
                size, at = _varint(data, at)
                value, at = data[at : at + size], at + size
                if len(value) < size:
                    raise ValueError("cut short")
            case 5:
                value, at = data[at : at + 4], at + 4
            case _:
                raise ValueError("no such kind of field")
        found.setdefault(tag >> 3, []).append(value)
    return found


def message(values: Mapping[int, Value | Iterable[Value]]) -> bytes:
    """A message of these values; floats are written in four bytes."""
    written = bytearray()
    for number, value in values.items():
        for one in [value] if isinstance(value, int | float | str | bytes) else value:
            if isinstance(one, float):
                written += _written(number << 3 | 5) + struct.pack("<f", one)
            elif isinstance(one, int):
                written += _written(number << 3) + _written(one)
            else:
                raw = one.encode() if isinstance(one, str) else one
                written += _written(number << 3 | 2) + _written(len(raw)) + raw
    return bytes(written)


def text(found: Fields, number: int) -> str:
    """A field's last text, or the empty one."""
    value = found.get(number, [b""])[-1]
    return value.decode() if isinstance(value, bytes) else ""


def number(found: Fields, number: int) -> int:
    """A field's last number, or 0."""
    value = found.get(number, [0])[-1]
    return value if isinstance(value, int) else 0


def inside(found: Fields, number: int) -> Fields:
    """The message that a field holds, or an empty one."""
    value = found.get(number, [b""])[-1]
    return fields(value) if isinstance(value, bytes) else {}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _written(value: int) -> bytes:
    raw = bytearray()
    while value >= 0x80:
        raw.append(value & 0x7F | 0x80)
        value >>= 7
    raw.append(value)
    return bytes(raw)
