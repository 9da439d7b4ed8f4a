"""What Google says in a live transcript, in whichever version of its language."""

from collections.abc import Sequence
from typing import Literal, Protocol

from google.protobuf.duration_pb2 import Duration
from msgspec import Struct

from integration_api.core.session import Closed, Warned
from integration_api.core.stt import Word


class Result(Struct, frozen=True, kw_only=True):
    """A piece of the sound: of its readings the best."""

    text: str
    is_final: bool
    confidence: float | None
    stability: float
    words: tuple[Word, ...]
    end_ms: int | None
    language: str


class Said(Struct, frozen=True, kw_only=True):
    """One message."""

    results: Sequence[Result] = ()
    voice: Literal["begins", "ends"] | None = None
    at_ms: int = 0
    """When the voice began or ended."""
    billed_ms: int | None = None
    failed: Closed | None = None
    """How the call has failed, where a message tells it before the call ends."""


class Speech(Protocol):
    """One call's language."""

    @property
    def method(self) -> str:
        """Of the service, as gRPC names it."""
        ...

    @property
    def opening(self) -> bytes:
        """The first message."""
        ...

    @property
    def warnings(self) -> Sequence[Warned]:
        """What was asked for and is left out."""
        ...

    def sound(self, piece: bytes) -> bytes:
        """Write a message of sound."""
        ...

    def read(self, message: bytes) -> Said: ...

    def show(self, message: bytes) -> str:
        """Return a message as JSON."""
        ...


def milliseconds(duration: Duration) -> int:
    return round(duration.seconds * 1000 + duration.nanos / 1_000_000)
