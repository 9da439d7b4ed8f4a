"""Tells what a model thought from what it said, where it thinks aloud: `<think>…</think>` before the answer.

Servers of open models leave these tags in the text. Only a text that opens with one is taken apart.
"""

from typing import Literal, TypeAlias

OPEN = "<think>"
CLOSE = "</think>"

Said: TypeAlias = list[tuple[Literal["reasoning", "text"], str]]


class ThinkTags:
    """Fed a text in pieces, wherever they break; holds back no more than what may become a tag."""

    __slots__ = ("_held", "_state", "settled")

    def __init__(self) -> None:
        self.settled = False
        """Whether all that follows is text, and need not be fed."""
        self._held = ""
        self._state: Literal["before", "inside", "behind"] = "before"

    def feed(self, piece: str) -> Said:
        """Return what is certain by now."""
        if self.settled:
            return [("text", piece)]
        text = self._held + piece
        self._held = ""
        said: Said = []
        if self._state == "before":
            opening = text.lstrip()
            if len(opening) < len(OPEN) and OPEN.startswith(opening):
                self._held = text
                return said
            if not opening.startswith(OPEN):
                self.settled = True
                return [("text", text)]
            self._state = "inside"
            text = opening[len(OPEN) :]
        if self._state == "inside":
            thought, closed, text = text.partition(CLOSE)
            if not closed:
                kept = _tag_begun(thought)
                self._held = thought[len(thought) - kept :]
                thought = thought[: len(thought) - kept]
            if thought:
                said.append(("reasoning", thought))
            if not closed:
                return said
            self._state = "behind"
        if text := text.lstrip():  # The space between thought and answer is markup too.
            self.settled = True
            said.append(("text", text))
        return said

    def settle(self) -> Said:
        """Return what was held back: nothing follows that could make a tag of it."""
        held, self._held = self._held, ""
        self.settled = True
        if not held:
            return []
        return [("reasoning" if self._state == "inside" else "text", held)]


def thinks_aloud(text: str) -> bool:
    """Whether a whole text is one to be taken apart."""
    return text.lstrip().startswith(OPEN)


def _tag_begun(text: str) -> int:
    """Return how many characters at the end of `text` may be the beginning of `</think>`."""
    return next((size for size in range(len(CLOSE) - 1, 0, -1) if text.endswith(CLOSE[:size])), 0)
