"""Gemini's streams: server-sent events as we ask for them, or one JSON array where that was lost on the way.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

from collections.abc import Iterable

from integration_api.core.exchange import Frame, Framing
from integration_api.dialects.json_array import JsonArrayFraming
from integration_api.dialects.sse import SseFraming

MOST_EVENT_BYTES = 33_554_432
"""A generated picture comes inside one event."""

_BLANK = b" \t\r\n\xef\xbb\xbf"


class GeminiFraming:
    """Chooses by the first byte that says something."""

    __slots__ = ("_chosen",)

    def __init__(self) -> None:
        self._chosen: Framing | None = None

    def feed(self, chunk: bytes) -> Iterable[Frame]:
        if self._chosen is None:
            told = chunk.lstrip(_BLANK)
            if not told:
                return ()
            array = told[:1] in {b"[", b"{"}
            self._chosen = JsonArrayFraming(MOST_EVENT_BYTES) if array else SseFraming(MOST_EVENT_BYTES)
            chunk = told
        return self._chosen.feed(chunk)
