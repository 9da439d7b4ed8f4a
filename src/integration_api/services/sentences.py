"""Where sentences end, for voices that are given whole ones."""

import re

_END = re.compile(r"(?<![.!?…])[.!?…]++[\"')\]]*+\s+|[。\uff01\uff1f।]\s*")
"""In Chinese, Japanese and Hindi no space follows. A row of signs is looked at once, from its first: from each of them
that would keep a worker busy for minutes, where a message is all signs.
"""
LONGEST = 1_000
"""Characters that wait for the end of a sentence: there may be none, and all are looked through with each word."""


def whole(text: str) -> int:
    """Return where the last sentence of a text ends that is there to its end; 0 where none is.

    One that is longer than any is whole up to its last word.
    """
    end = 0
    for found in _END.finditer(text):
        end = found.end()
    if not end and len(text) > LONGEST:
        return text.rfind(" ") + 1 or len(text)
    return end
