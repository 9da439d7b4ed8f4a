"""Utterances for a voice that can speak only one at a time: the others wait for their turn."""

from collections.abc import Callable
from dataclasses import dataclass, field

from integration_api.core.session import Act

Speak = Callable[[str, str, bool], list[Act]]
"""Says a text of an utterance; the last tells whether it is SSML."""
End = Callable[[str], list[Act]]
"""Says that an utterance has all its text."""
Flush = Callable[[str], list[Act]]
"""Asks for what was said of an utterance to be spoken now."""


@dataclass(slots=True)
class _Waiting:
    id: str
    texts: list[tuple[str, bool]] = field(default_factory=list)
    flushed: int = 0
    """How many of those were there when a flush was asked for last."""
    complete: bool = False


class OneAtATime:
    """Keeps the order in which utterances began. What it returns is to be done now."""

    def __init__(self, speak: Speak, end: End, flush: Flush) -> None:
        self._speak = speak
        self._end = end
        self._flush = flush
        self._waiting: list[_Waiting] = []
        self.current: str | None = None
        """Whose sound is coming, or about to."""
        self._cut = False
        """Whether that was cancelled and is not over yet: another of its name waits for its turn."""

    def text(self, id: str, text: str, *, ssml: bool = False) -> list[Act]:
        if self.current is None and not self._waiting:
            self.current = id
        if self.current == id and not self._cut:
            return self._speak(id, text, ssml)
        self._of(id).texts.append((text, ssml))
        return []

    def end(self, id: str) -> list[Act]:
        """Hear that an utterance has all its text. One that never had any is not there."""
        if self.current == id and not self._cut:
            return self._end(id)
        for one in self._waiting:
            if one.id == id:
                one.complete = True
        return []

    def flush(self, id: str) -> list[Act]:
        """Ask for what was said of an utterance to be spoken: one that waits remembers it until its turn."""
        if self.current == id and not self._cut:
            return self._flush(id)
        for one in self._waiting:
            if one.id == id:
                one.flushed = len(one.texts)
        return []

    def cancel(self, id: str) -> bool:
        """Forget an utterance; return whether it is the one that is being spoken, and so must be stopped."""
        self._waiting = [one for one in self._waiting if one.id != id]
        if self.current != id or self._cut:
            return False
        self._cut = True
        return True

    def next(self) -> list[Act]:
        """The present one is over: go on with whoever waits longest."""
        self.current, self._cut = None, False
        if not self._waiting:
            return []
        one = self._waiting.pop(0)
        self.current = one.id
        acts: list[Act] = []
        for count, (text, ssml) in enumerate(one.texts, 1):
            acts += self._speak(one.id, text, ssml)
            if count == one.flushed:
                acts += self._flush(one.id)
        if one.complete:
            acts += self._end(one.id)
        return acts

    def _of(self, id: str) -> _Waiting:
        for one in self._waiting:
            if one.id == id:
                return one
        self._waiting.append(_Waiting(id))
        return self._waiting[-1]
