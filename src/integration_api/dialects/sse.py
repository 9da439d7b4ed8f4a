"""Server-sent events: bytes in, frames out.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import Sequence

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.core.exchange import Frame

MOST_BYTES = 1_048_576
"""The largest event worth keeping in memory: text and tool calls need a few kilobytes."""

BOM = b"\xef\xbb\xbf"
LF = 10
CR = 13


class Events:
    """Cuts a body after its blank lines, wherever the chunks break.

    Line ends become LF and a byte order mark is dropped. Holds one unfinished
    event and no more than `most` bytes of it.
    """

    __slots__ = ("_after_cr", "_head", "_held", "_line_ended", "_most", "_pieces", "_settled")

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._head: bytes | None = b""
        self._after_cr = False
        self._pieces: list[bytes] = []
        self._held = 0
        self._line_ended = False
        self._settled = False
        """Past the place of a byte order mark, nothing held, no CR waiting for its LF."""

    @property
    def rest(self) -> bytes:
        """What has come of an event that has not ended."""
        return b"".join(self._pieces)

    def feed(self, chunk: bytes) -> bytes:
        """Return the events that are whole by now, each with its blank line.

        Raises `ProviderError` (BAD_RESPONSE) when an unfinished event outgrows the limit.
        """
        if self._settled and chunk[-2:] == b"\n\n" and CR not in chunk:
            return chunk
        chunk = self._lines(chunk)
        cut = chunk.rfind(b"\n\n") + 2
        if cut < 2:  # No blank line in it, but perhaps the second half of one.
            cut = 1 if self._line_ended and chunk[:1] == b"\n" else 0
        if not cut:
            self._hold(chunk)
            return b""
        whole, tail = chunk[:cut], chunk[cut:]
        if self._pieces:
            self._pieces.append(whole)
            whole = b"".join(self._pieces)
            self._pieces = []
        self._held = 0
        self._line_ended = False
        self._hold(tail)
        self._settled = not tail and not self._after_cr
        return whole

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._settled = False
            self._held += len(piece)
            if self._held > self._most:
                raise too_large(self._most)
            self._pieces.append(piece)
            self._line_ended = piece[-1] == LF

    def _lines(self, chunk: bytes) -> bytes:
        if self._head is not None:
            chunk = self._head + chunk
            if len(chunk) < len(BOM) and BOM.startswith(chunk):
                self._head = chunk
                return b""
            self._head = None
            chunk = chunk.removeprefix(BOM)
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if CR in chunk:
            self._after_cr = chunk[-1] == CR
            return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk


class SseFraming:
    """Turns events into frames. Comments, ids and retry hints mean nothing here."""

    __slots__ = ("_events", "_most")

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._events = Events(most)
        self._most = most

    def feed(self, chunk: bytes) -> Sequence[Frame]:
        """Return the events that are whole by now; at the end of the body, that is also one without its blank line.

        Raises `ProviderError` (BAD_RESPONSE) for an event larger than the limit.
        """
        whole = self._events.feed(chunk)
        if not whole:
            # The blank line after the last event is easily lost, and its data are not the less complete.
            rest = b"" if chunk else self._events.rest
            return self._read(rest) if rest[-1:] == b"\n" else ()
        if len(whole) <= self._most and whole[:6] == b"data: ":
            # Nearly every read is nothing but `data: …` lines: then each piece is one line.
            pieces = whole[6:-2].split(b"\n\ndata: ")
            frames = [Frame("", piece) for piece in pieces if LF not in piece]
            if len(frames) == len(pieces):
                return frames
        return self._read(whole)

    def _read(self, whole: bytes) -> list[Frame]:
        frames = []
        for block in whole.split(b"\n\n"):
            if len(block) > self._most:
                raise too_large(self._most)
            if block and (frame := _frame(block)) is not None:
                frames.append(frame)
        return frames


def _frame(block: bytes) -> Frame | None:
    if block[:7] == b"event: ":  # A name and one line of data, as most named events are.
        name, _, data = block[7:].partition(b"\ndata: ")
        if data and LF not in name and LF not in data:
            return Frame(name.decode(errors="replace"), data)
    name = b""
    lines: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            lines.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return Frame(name.decode(errors="replace"), b"\n".join(lines)) if lines else None


def too_large(most: int) -> ProviderError:
    """Build the error for an event that is larger than anybody promised."""
    return ProviderError(
        Kind.BAD_RESPONSE,
        f"the provider sent one event larger than {most} bytes",
        code="bad_upstream_response",
        phase=Phase.STREAM,
    )
