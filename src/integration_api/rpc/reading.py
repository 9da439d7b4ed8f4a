"""Messages in: their secrets taken out first, and nothing of them left behind."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar, cast

from google.protobuf.message import DecodeError, Message

from integration_api.core.secret import Secret
from integration_api.dialects.protobuf_wire import unreadable
from integration_api.dialects.unified_credential import take_credential

Kind = TypeVar("Kind", bound=Message)
CREDENTIAL = 1
"""The number of `credential` in every message that has one."""


@contextmanager
def opened(message: bytearray, kind: type[Kind]) -> Iterator[tuple[Kind, dict[str, Secret]]]:
    """Read a request and the plaintext credential in it, which is overwritten when the block ends.

    Raises `Failure(INVALID_REQUEST)`.
    """
    offered = take_credential(message, CREDENTIAL)
    try:
        yield parsed(message, kind), offered
    finally:
        forget(offered)


def forget(offered: Mapping[str, Secret]) -> None:
    """Overwrite a credential that came with a call."""
    for secret in offered.values():
        secret.wipe()


def parsed(message: bytearray, kind: type[Kind]) -> Kind:
    """Parse a message. Raises `Failure(INVALID_REQUEST)`."""
    try:
        return kind.FromString(cast("bytes", message))  # It takes any buffer; only its stub does not know.
    except DecodeError:
        raise unreadable() from None
