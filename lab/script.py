"""Answers written beforehand: what a test wants a provider to say next."""

from base64 import b64decode
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

import msgspec

from lab.faults import Fault


class ScriptedCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tool call. `arguments` as text goes out byte for byte, broken JSON included."""

    name: str
    arguments: str | dict[str, Any] = "{}"
    id: str | None = None

    def text(self) -> str:
        """The arguments as JSON text."""
        return (
            self.arguments
            if isinstance(self.arguments, str)
            else msgspec.json.encode(self.arguments).decode()
        )


class RawChunk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes of a streamed body, sent as they are, `delay_ms` after the ones before. Bytes that are no text
    are said in base64.
    """

    data: str
    base64: bool = False
    delay_ms: float = 0

    def raw(self) -> bytes:
        """The bytes. Raises `binascii.Error` when they are said wrongly."""
        return b64decode(self.data, validate=True) if self.base64 else self.data.encode()


class Heard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One utterance that an emulated ear is to hear: its words share the time between its ends."""

    text: str
    start_ms: int
    end_ms: int
    language: str = "en"
    confidence: float = 0.98
    speaker: int | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to answer next. Of `text` and `reasoning`, a list is streamed piece by piece.

    `usage` overrides fields of the vendor's usage object and `finish` is the vendor's own word.
    With `chunks`, `body` or `status`, nothing of the emulator's own answer is left: those bytes go out.
    `times` is how many requests it answers (0: all until cleared).
    """

    text: str | list[str] | None = None
    reasoning: str | list[str] | None = None
    redacted: str | None = None
    refusal: str | None = None
    tool_calls: list[ScriptedCall] = []
    heard: list[Heard] = []
    """What an ear hears; a voice speaks what it is given."""
    usage: dict[str, Any] = {}
    finish: str | None = None
    status: int | None = None
    body: Any = msgspec.UNSET
    headers: dict[str, str] = {}
    chunks: list[str | RawChunk] | None = None
    delay_ms: float = 0
    gap_ms: float = 0
    fault: Fault | None = None
    times: int = 1

    @property
    def verbatim(self) -> bool:
        """Whether the answer replaces the emulator's own, bytes and all."""
        return self.chunks is not None or self.status is not None or self.body is not msgspec.UNSET


Item = TypeVar("Item", Answer, Fault)


class Queue(Generic[Item]):
    """Answers or faults waiting for their requests, first come first served."""

    __slots__ = ("_left", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[Item] = deque()
        self._left = 0

    def add(self, items: Iterable[Item]) -> None:
        """Puts items behind those that wait."""
        for item in items:
            if not self._waiting:
                self._left = item.times
            self._waiting.append(item)

    def peek(self) -> Item | None:
        """The next item, which stays."""
        return self._waiting[0] if self._waiting else None

    def take(self) -> Item | None:
        """The next item, which is used once."""
        if not self._waiting:
            return None
        item = self._waiting[0]
        if self._left == 1:
            self._waiting.popleft()
            self._left = self._waiting[0].times if self._waiting else 0
        elif self._left > 1:
            self._left -= 1
        return item

    def clear(self) -> None:
        """Forgets all that wait."""
        self._waiting.clear()

    def __iter__(self) -> Iterator[Item]:
        return iter(self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)
