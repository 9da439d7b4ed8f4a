"""Plays an answer on a socket piece by piece: paced, slowed, cut, reset or left hanging."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Iterator

from lab.distort import spoiled_events
from lab.faults import Fault
from lab.http import Response

_LINGER_ZERO = struct.pack("ii", 1, 0)  # close() then sends RST instead of FIN
_BAD_CHUNK = b"XYZ\r\nnot a chunk size\r\n"
_BAD_HEAD = b"HTTP/1.1 two hundred OK\r\nno colon in this line\r\n\r\n"


class Ended(Exception):
    """The fault ended the answer here; the connection is of no further use."""


class Wire:
    """The way out of one answer. Counts what it lets pass and stops where the fault wants it."""

    def __init__(
        self, transport: asyncio.Transport, drained: Callable[[], Awaitable[None]], fault: Fault | None
    ) -> None:
        self._transport = transport
        self._drained = drained
        self._step = fault.bytes_per_write if fault else 0
        self._gap = fault.write_gap_ms / 1000 if fault else 0.0
        self.end = fault.end if fault else None
        self.limit: int | None = None
        self.sent = 0
        self.pieces = 0

    async def send(self, data: bytes) -> None:
        """Lets bytes pass. Raises `Ended` when the fault's place is reached."""
        if self.limit is not None and self.sent + len(data) >= self.limit:
            await self._write(data[: self.limit - self.sent])
            await self.finish()
            raise Ended
        await self._write(data)
        self.pieces += 1

    async def finish(self) -> None:
        """Does to the connection what the fault says: RST, FIN, or silence until the client leaves."""
        while self._transport.get_write_buffer_size():
            await asyncio.sleep(0.001)
        if self.end == "reset":
            reset(self._transport)
        elif self.end == "fin":
            self._transport.close()
        else:
            await asyncio.get_running_loop().create_future()

    async def _write(self, data: bytes) -> None:
        step = self._step or len(data) or 1
        for at in range(0, len(data), step):
            part = data[at : at + step]
            self._transport.write(part)
            self.sent += len(part)
            await self._drained()
            if self._step:
                await asyncio.sleep(self._gap)


def reset(transport: asyncio.Transport) -> None:
    """Ends the connection with RST."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def play(wire: Wire, response: Response, head: bytes, fault: Fault | None) -> None:
    """Sends an answer with all its delays and faults. Raises `Ended` when it did not get through."""
    delay = max(response.delay_ms, fault.delay_ms if fault else 0)
    if delay:
        await asyncio.sleep(delay / 1000)
    if fault is not None and fault.malformed == "head":
        head = _BAD_HEAD
    pieces: Iterable[bytes] = _pieces(response, fault)
    if wire.end:
        pieces = list(pieces) if fault and fault.after == "half" else pieces
        wire.limit = _place(fault, head, pieces)
        if wire.limit == 0:
            await wire.finish()
            raise Ended
    await wire.send(head)
    gaps = iter(response.gaps_ms)
    for number, piece in enumerate(pieces):
        gap = response.gap_ms if number and response.streamed else 0.0
        gap = max(gap, next(gaps, 0.0))
        if gap:
            await asyncio.sleep(gap / 1000)
        await wire.send(piece)
    if wire.end:
        await wire.finish()
        raise Ended


def _place(fault: Fault | None, head: bytes, pieces: Iterable[bytes]) -> int:
    after = fault.after if fault else 0
    if after == "head":
        return len(head)
    if after == "half":
        return len(head) + sum(map(len, pieces)) // 2
    return int(after)


def _pieces(response: Response, fault: Fault | None) -> Iterator[bytes]:
    """The body's pieces as they go on the wire, chunk framing included."""
    if response.events is None:
        yield response.body
        return
    events = (
        spoiled_events(response, fault)
        if fault
        else (event for part in (response.events, response.ending) for event in part)
    )
    bad_chunk = fault is not None and fault.malformed == "chunking"
    for number, event in enumerate(events):
        if bad_chunk and number == 1:
            yield _BAD_CHUNK
        yield chunk(event)
    yield b"0\r\n\r\n"
