"""An answer in one value, for conversations whose messages can not say all of it.

Some models want their thoughts back, signed and unaltered, with the turns that follow; the unified
service's messages have no place for them. What is carried counts only while the message beside it
says what the model said: a turn that was edited is the caller's own.
"""

from collections.abc import Sequence

import msgspec

from integration_api.core.json import Json, decode_any
from integration_api.core.llm import Part, RefusalText, Text, ToolCall

MOST_BYTES = 1 << 20
"""A longer answer is not carried: clients of gRPC take messages of 4 MiB unless told otherwise."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Part, ...]).decode


def carried(parts: Sequence[Part]) -> bytes:
    """Return the answer as one value; b"" where its message says all that matters, or where it is too long."""
    try:
        packed = b"" if plain(parts) else _encode(parts)
    except UnicodeEncodeError:
        return b""  # Half of a surrogate pair is no text: what it was can not come back.
    return packed if len(packed) <= MOST_BYTES else b""


def uncarried(packed: bytes | bytearray, said: Sequence[Part]) -> tuple[Part, ...] | None:
    """Return the answer, or None where its message says something else by now.

    Raises `msgspec.DecodeError` for what is no such value.
    """
    parts = _decode(packed)
    return parts if _said(parts) == _said(said) else None


def plain(parts: Sequence[Part]) -> bool:
    """Whether text and calls, and no signature, in the message's own order, are all there is."""
    called = False
    for part in parts:
        match part:
            case ToolCall(signature=None):
                called = True
            case Text(signature=None) | RefusalText() if not called:
                pass
            case _:
                return False
    return True


def _said(parts: Sequence[Part]) -> tuple[str, list[tuple[str, str, Json]]]:
    """Return text and calls. Arguments are what they say: clients read them and write them anew."""
    return (
        well_formed("".join(part.text for part in parts if isinstance(part, Text | RefusalText))),
        [(part.id, part.name, _meant(part.arguments)) for part in parts if isinstance(part, ToolCall)],
    )


def _meant(arguments: str) -> Json:
    try:
        return decode_any(arguments)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return well_formed(arguments)


def well_formed(text: str) -> str:
    """Return `text` without halves of surrogate pairs, which JSON can say and protobuf can not."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
