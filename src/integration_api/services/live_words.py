"""The words by which every live session ends, whether it is of sound or of text."""

from msgspec import Struct

from integration_api.core.errors import Failure

# What a caller can ask for.


class End(Struct, frozen=True):
    """No more sound or text will come."""


class Left(Struct, frozen=True):
    """The caller is gone: nothing is to be told to anybody any more."""


# What it is told.


class Over(Struct, frozen=True, tag="closed"):
    reason: str


class Ended(Struct, frozen=True):
    """Why a session that began did not end well; nothing follows it."""

    error: Failure
