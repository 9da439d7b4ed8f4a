"""Text as the sandbox counts it: a word is a token."""

import re

_WORD = re.compile(r"\w+")
_PIECE = re.compile(r"\s*\S+|\s+\Z")


def words(text: str) -> list[str]:
    """Return the words of `text` in lower case."""
    return _WORD.findall(text.lower())


def pieces(text: str) -> list[str]:
    """Cut `text` before the white space between its words; the pieces join to `text`."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    return len(text.split())
