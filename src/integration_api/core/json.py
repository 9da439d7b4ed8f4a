"""JSON text kept as text: arguments and schemas travel as the bytes somebody wrote."""

from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = Any
"""Anything JSON can say, as Python says it."""

encode = msgspec.json.encode

decode_any = msgspec.json.Decoder().decode


def encode_text(value: Json) -> str:
    """Return `value` as compact JSON text, keys in the order given."""
    return msgspec.json.encode(value).decode()


def require_text(data: bytes) -> None:
    """Raise `UnicodeDecodeError` for bytes that are no text: decoders do not look at what they skip."""
    if not data.isascii():
        data.decode()
