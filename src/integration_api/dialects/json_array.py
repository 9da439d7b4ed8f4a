"""One JSON array that comes little by little: bytes in, a frame for each element out.

https://www.rfc-editor.org/rfc/rfc8259. How Google streams where nobody asked for server-sent events.
"""

import re
from collections.abc import Sequence

from integration_api.core.exchange import Frame
from integration_api.dialects.sse import MOST_BYTES, too_large

_TELLING = re.compile(rb'["\\\[\]{}]')
"""The bytes that decide where an element ends. Every one of UTF-8's longer characters is above them."""

_BETWEEN = b" \t\r\n,["


class JsonArrayFraming:
    """Cuts after each object of the outermost array, wherever the chunks break.

    Holds one unfinished element and no more than `most` bytes of it. Arrays and
    objects are told apart from text, but whether it is JSON is for the reader to say.
    """

    __slots__ = ("_depth", "_held", "_in_text", "_most", "_seen")

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._held = bytearray()
        self._seen = 0
        """How many bytes of what is held have been looked at."""
        self._depth = 0
        """How many objects and inner arrays are open."""
        self._in_text = False

    def feed(self, chunk: bytes) -> Sequence[Frame]:
        """Return the elements that are whole by now.

        Raises `ProviderError` (BAD_RESPONSE) when an unfinished one outgrows the limit.
        """
        held = self._held
        held += chunk
        frames: list[Frame] = []
        start, at = 0, self._seen
        while (found := _TELLING.search(held, at)) is not None:
            at = found.end()
            match held[at - 1]:
                case 0x5C:  # A backslash, and whatever it escapes.
                    if at == len(held):
                        at -= 1
                        break
                    at += 1
                case 0x22:
                    self._in_text = not self._in_text
                case _ if self._in_text:
                    pass
                case 0x7B:
                    self._depth += 1
                case 0x5B:
                    self._depth += self._depth > 0
                case 0x7D | 0x5D if self._depth:
                    self._depth -= 1
                    if not self._depth:
                        frames.append(Frame("", bytes(held[start:at].lstrip(_BETWEEN))))
                        start = at
        else:
            at = len(held)
        if not self._depth and not self._in_text:
            start = at
        del held[:start]
        self._seen = at - start
        if len(held) > self._most:
            raise too_large(self._most)
        return frames
