"""HTTP/2 on one connection, without I/O: bytes in, streams and bytes out. https://www.rfc-editor.org/rfc/rfc9113

Nothing raises out of here: what a peer does wrong ends its stream or its connection.
"""

from collections import deque
from typing import Protocol

from integration_api.edge.http2_budgets import YOUNG, Budgets
from integration_api.edge.http2_request import Head, check_trailers, read_head
from integration_api.edge.http2_stream import AHEAD, Stream, Taker
from integration_api.edge.limits import Limits
from integration_api.edge.wipe import wipe_buffer
from integration_api.http2.fields import NO_TABLE, FieldReader
from integration_api.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    DEFAULT_WINDOW,
    ENABLE_PUSH,
    END_HEADERS,
    END_STREAM,
    FRAME_BYTES,
    HEADER_BYTES,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
    NEWEST,
    NO_RFC7540_PRIORITIES,
    PADDED,
    PREFACE,
    PRIORITIZED,
    SETTINGS,
    SETTINGS_ACK,
    ConnectionFault,
    ErrorCode,
    StreamFault,
    goaway,
    header,
    headers,
    ping,
    read_header,
    read_number,
    read_settings,
    rst_stream,
    settings,
    window_update,
)

LARGEST_FRAME = 64 * 1024
"""What we put into one frame at most, though the peer may allow megabytes: streams take turns by frames."""
REMEMBERED = 1_000
"""Streams that we ended first, on which the peer may not have noticed; older ones are a protocol error."""

ALIVE = b"alive?\0\0"
LEAVING = b"leaving\0"
"""What our PINGs say, to know their answers by."""


class Owner(Protocol):
    """Who does the connection's I/O, and answers its streams."""

    def open(self, stream: Stream, head: Head | None) -> Taker:
        """Answer a new stream; a head of None was too large to be read."""
        ...

    def wake(self) -> None:
        """There is something to write."""
        ...


class Http2Connection:
    """The server's side. Call `receive` and `pour`, and send what gathers in `out`."""

    def __init__(self, owner: Owner, limits: Limits, now: float) -> None:
        self.limits = limits
        self.out: list[bytes | memoryview] = []
        self.streams: dict[int, Stream] = {}
        self.held = 0
        """Request bytes kept for handlers."""
        self.failed: ConnectionFault | None = None
        self.left = False
        """The last GOAWAY is said: the connection ends with its streams."""
        self.settled = False
        """The peer has sent its settings."""
        self.agreed = False
        """The peer has acknowledged ours."""
        self.partial_at = 0.0
        """When the frame or header block that is not complete yet began; 0 for none."""
        self.answered_ping = True
        self.stream_window = limits.http2_stream_window
        self.initial_window = DEFAULT_WINDOW
        self._owner = owner
        self._now = now
        self._budgets = Budgets(limits, now)
        self._fields = FieldReader(limits.header_bytes)
        self._preface = PREFACE
        self._last = 0
        """The newest stream that the peer has opened."""
        self._gone: dict[int, None] = {}
        # A frame that has not come whole.
        self._tail = bytearray()
        self._tail_size = 0
        # A header block that has not come whole.
        self._block: list[bytes] = []
        self._block_stream = 0
        self._block_flags = 0
        self._block_size = 0
        # Windows, ours and the peer's.
        self._window_in = limits.http2_connection_window
        self._owed = 0
        self._window = DEFAULT_WINDOW
        self._frame_bytes = FRAME_BYTES
        self._ready: deque[Stream] = deque()
        self._starved: dict[int, Stream] = {}
        """Streams that wait for the connection's window."""
        self._opening = NO_TABLE
        self._sent = True
        """Whether we sent an answer since the last PING: its measure of the way is then welcome."""
        self.out.append(
            settings(
                {
                    MAX_CONCURRENT_STREAMS: limits.http2_streams,
                    INITIAL_WINDOW_SIZE: limits.http2_stream_window,
                    MAX_HEADER_LIST_SIZE: limits.header_bytes,
                    NO_RFC7540_PRIORITIES: 1,
                }
            )
        )
        if limits.http2_connection_window > DEFAULT_WINDOW:
            self.out.append(window_update(0, limits.http2_connection_window - DEFAULT_WINDOW))

    # Bytes come in.

    def receive(self, data: memoryview, now: float) -> None:
        """Take what was read; nothing of `data` is kept but an incomplete frame."""
        if self.failed is not None:
            return
        self._now = now
        try:
            self._read(data)
        except ConnectionFault as fault:
            self._fail(fault)

    def tick(self, now: float) -> None:
        self._budgets.tick(now)

    @property
    def partial_data(self) -> bool:
        """Whether what is not complete yet is DATA: a body has more time than a head."""
        return self._tail_size > 3 and self._tail[3] == DATA

    def _read(self, data: memoryview) -> None:
        if self._preface:
            size = min(len(self._preface), len(data))
            if data[:size] != self._preface[:size]:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "this is not HTTP/2")
            self._preface = self._preface[size:]
            data = data[size:]
        at = self._finish_frame(data) if self._tail_size else 0
        end = len(data)
        while end - at >= HEADER_BYTES:
            high, low, kind, flags, number = read_header(data, at)
            size = high << 8 | low
            if size > FRAME_BYTES:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame is larger than allowed")
            start = at + HEADER_BYTES
            if end - start < size:
                break
            at = start + size
            self._frame(kind, flags, number & NEWEST, data[start:at])
        if at < end:
            self._keep(data[at:])
        elif not self._tail_size and not self._block_stream:
            self.partial_at = 0.0

    def _keep(self, data: memoryview) -> None:
        """Put an incomplete frame by, where it can be wiped: the shared buffer is needed by others."""
        if not self._tail:
            self._tail = bytearray(HEADER_BYTES + FRAME_BYTES)
            self.partial_at = self.partial_at or self._now
        size = self._tail_size
        # Through a view: assigning to a slice of a bytearray makes a copy on the way.
        with memoryview(self._tail) as tail:
            tail[size : size + len(data)] = data
        self._tail_size = size + len(data)

    def _finish_frame(self, data: memoryview) -> int:
        """Complete the kept frame; return how many bytes of `data` that took."""
        used = 0
        if self._tail_size < HEADER_BYTES:
            used = min(HEADER_BYTES - self._tail_size, len(data))
            self._keep(data[:used])
            if self._tail_size < HEADER_BYTES:
                return used
        high, low, kind, flags, number = read_header(self._tail, 0)
        size: int = high << 8 | low
        if size > FRAME_BYTES:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame is larger than allowed")
        more = min(HEADER_BYTES + size - self._tail_size, len(data) - used)
        self._keep(data[used : used + more])
        if self._tail_size == HEADER_BYTES + size:
            tail, self._tail, self._tail_size = self._tail, bytearray(), 0
            try:
                with memoryview(tail) as view, view[HEADER_BYTES : HEADER_BYTES + size] as payload:
                    self._frame(kind, flags, number & NEWEST, payload)
            finally:
                wipe_buffer(tail, HEADER_BYTES + size)
            if not self._block_stream:
                self.partial_at = 0.0
        return used + more

    def _frame(self, kind: int, flags: int, number: int, payload: memoryview) -> None:
        if self._block_stream and (kind != CONTINUATION or number != self._block_stream):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a header block was interrupted")
        if not self.settled and (kind != SETTINGS or flags & ACK):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the preface lacks SETTINGS")
        if kind > CONTINUATION:
            self._budgets.other()
            return
        try:
            self._readers[kind](self, flags, number, payload)
        except StreamFault as fault:
            stream = self.streams.get(number)
            if stream is not None:
                stream.reset(fault.code)
                stream.taker.lost()
            elif number:
                self.write(rst_stream(number, fault.code))
                self._remember(number)
            self._budgets.reset()

    # One method a frame type.

    def _data(self, flags: int, number: int, payload: memoryview) -> None:
        size = len(payload)
        self._window_in -= size
        if self._window_in < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the connection's window")
        self._owed += size
        if self._owed >= self.limits.http2_connection_window // 2:
            self.write(window_update(0, self._owed))
            self._window_in += self._owed
            self._owed = 0
        if flags & PADDED:
            payload = _unpadded(payload)
        ends = flags & END_STREAM
        if not payload and not ends:
            self._budgets.empty_data()
        stream = self.streams.get(number)
        if stream is None:
            self._late(number)
            return
        if not stream.receiving:
            raise StreamFault(ErrorCode.STREAM_CLOSED)
        stream.window_in -= size
        if stream.window_in < 0:
            raise StreamFault(ErrorCode.FLOW_CONTROL_ERROR)
        if stream.expected is not None:
            stream.expected -= len(payload)
            if stream.expected < 0:
                raise StreamFault(ErrorCode.PROTOCOL_ERROR)
        if size > len(payload):
            stream.credit(size - len(payload))
        if payload:
            stream.taker.take(payload)
        if ends:
            self._end(stream)

    def _headers(self, flags: int, number: int, payload: memoryview) -> None:
        if not number & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "clients open odd streams")
        if flags & PADDED:
            payload = _unpadded(payload)
        if flags & PRIORITIZED:
            if len(payload) < 5:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS is too short")
            payload = payload[5:]
        if flags & END_HEADERS:
            self._fields_came(number, flags, bytes(payload))
        else:
            self._block = [bytes(payload)]
            self._block_stream = number
            self._block_flags = flags
            self._block_size = len(payload)
            self.partial_at = self.partial_at or self._now

    def _continuation(self, flags: int, number: int, payload: memoryview) -> None:
        if not self._block_stream:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "CONTINUATION of nothing")
        self._block.append(bytes(payload))
        self._block_size += len(payload)
        if len(self._block) > self.limits.continuations + 1 or self._block_size > self.limits.header_bytes:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "the header block is far too large")
        if flags & END_HEADERS:
            block, self._block, self._block_stream = b"".join(self._block), [], 0
            self._fields_came(number, self._block_flags, block)

    def _fields_came(self, number: int, flags: int, block: bytes) -> None:
        fields, cut = self._fields.read(block)
        limits = self.limits
        stream = self.streams.get(number)
        if stream is not None:
            if not stream.receiving:
                raise StreamFault(ErrorCode.STREAM_CLOSED)
            if not flags & END_STREAM:
                raise StreamFault(ErrorCode.PROTOCOL_ERROR)
            check_trailers(fields)
            self._end(stream)
            return
        if number <= self._last:
            self._late(number)
            return
        self._last = number
        if self.left:
            self.write(rst_stream(number, ErrorCode.REFUSED_STREAM))
            self._remember(number)
            return
        if len(self.streams) >= limits.http2_streams:
            if self.agreed:
                raise StreamFault(ErrorCode.REFUSED_STREAM)
            self._budgets.other()  # it could not know yet how many there may be
            self.write(rst_stream(number, ErrorCode.REFUSED_STREAM))
            self._remember(number)
            return
        head = None
        if cut or len(fields) > limits.header_count:
            self._budgets.reset()
        else:
            head = read_head(fields)
        stream = Stream(self, number, head.length if head else None, self._now)
        self.streams[number] = stream
        stream.taker = self._owner.open(stream, head)
        if flags & END_STREAM:
            self._end(stream)

    def _end(self, stream: Stream) -> None:
        if stream.expected:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR)
        stream.receiving = False
        stream.taker.end()

    def _priority(self, flags: int, number: int, payload: memoryview) -> None:
        if not number:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PRIORITY of no stream")
        if len(payload) != 5:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY has another size")
        self._budgets.other()

    def _rst_stream(self, flags: int, number: int, payload: memoryview) -> None:
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM has another size")
        stream = self.streams.get(number)
        if stream is None:
            self._known(number)
            self._budgets.other()
            return
        young = not stream.answered and self._now - stream.at < YOUNG
        self.forget(stream, remember=False)
        stream.taker.lost()
        if young:
            self._budgets.reset()

    def _settings(self, flags: int, number: int, payload: memoryview) -> None:
        self._budgets.settings()
        if number:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS of a stream")
        if len(payload) % 6 or (flags & ACK and payload):
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS has another size")
        if flags & ACK:
            self.agreed = True
            return
        window = self.initial_window
        for name, value in read_settings(payload):
            if name == INITIAL_WINDOW_SIZE:
                if value > NEWEST:
                    raise ConnectionFault(
                        ErrorCode.FLOW_CONTROL_ERROR, "a window is larger than there can be"
                    )
                window = value
            elif name == MAX_FRAME_SIZE:
                if not FRAME_BYTES <= value < 1 << 24:
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame size that can not be")
                self._frame_bytes = min(value, LARGEST_FRAME)
            elif name == ENABLE_PUSH and value > 1:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH is 0 or 1")
        if window != self.initial_window:
            self._resize_windows(window)
        self.settled = True
        self.write(SETTINGS_ACK)

    def _resize_windows(self, window: int) -> None:
        more = window - self.initial_window
        self.initial_window = window
        for stream in self.streams.values():
            stream.window += more
            if stream.window > NEWEST:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window is larger than there can be")
            if more > 0 and stream.queued:
                stream.wake()

    def _push_promise(self, flags: int, number: int, payload: memoryview) -> None:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "clients do not push")

    def _ping(self, flags: int, number: int, payload: memoryview) -> None:
        if number:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PING of a stream")
        if len(payload) != 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "PING has another size")
        if flags & ACK:
            if payload == ALIVE and not self.answered_ping:
                self.answered_ping = True
            elif payload == LEAVING and not self.left:
                self.leave_now()
            else:
                self._budgets.ping()
            return
        if self._sent:
            self._sent = False
        else:
            self._budgets.ping()
        self.write(ping(bytes(payload), ack=True))

    def _goaway(self, flags: int, number: int, payload: memoryview) -> None:
        if number:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "GOAWAY of a stream")
        if len(payload) < 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY is too short")
        self._budgets.other()
        if not self.left:
            self.leave_now()

    def _window_update(self, flags: int, number: int, payload: memoryview) -> None:
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE has another size")
        self._budgets.window_update()
        more = read_number(payload, 0)[0] & NEWEST
        if not number:
            if not more:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by nothing")
            self._window += more
            if self._window > NEWEST:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window is larger than there can be")
            starved, self._starved = self._starved, {}
            for waiting in starved.values():
                waiting.wake()
            return
        stream = self.streams.get(number)
        if stream is None:
            self._known(number)
            return
        if not more:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR)
        stream.window += more
        if stream.window > NEWEST:
            raise StreamFault(ErrorCode.FLOW_CONTROL_ERROR)
        if stream.queued:
            stream.wake()

    def _known(self, number: int) -> None:
        if number > self._last or not number & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame of a stream that was never opened")

    def _late(self, number: int) -> None:
        """Let a frame pass whose stream we ended before the peer could know."""
        self._known(number)
        if number not in self._gone:
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, "a frame of a stream that was ended")

    # Streams speak.

    def write(self, frame: bytes) -> None:
        """Send a frame that no window holds back."""
        self.out.append(frame)
        self._owner.wake()

    def say(self, stream: Stream, block: bytes) -> None:
        self.write(headers(stream.id, self._opened(block), self._frame_bytes, end=False))

    def wake(self, stream: Stream) -> None:
        """Pour this stream when its turn comes."""
        self._ready.append(stream)
        self._owner.wake()

    def forget(self, stream: Stream, *, remember: bool = True) -> None:
        """Close a stream, whatever waits in it."""
        if stream.closed:
            return
        stream.closed = True
        del self.streams[stream.id]
        self._starved.pop(stream.id, None)
        self.held -= stream.held
        stream.parts.clear()
        stream.queued = 0
        if remember and stream.receiving:
            self._remember(stream.id)

    def _remember(self, number: int) -> None:
        self._gone[number] = None
        if len(self._gone) > REMEMBERED:
            del self._gone[next(iter(self._gone))]

    # Bytes go out.

    @property
    def thirsty(self) -> bool:
        """Whether `pour` would do something."""
        return bool(self._ready)

    def pour(self, most: int) -> None:
        """Move about `most` bytes of answers to `out`, a frame of each stream in turn, as the windows allow."""
        ready = self._ready
        while ready and most > 0:
            stream = ready.popleft()
            stream.ready = False
            if not stream.closed:
                most -= self._pour_one(stream)

    def _pour_one(self, stream: Stream) -> int:
        out = self.out
        poured = HEADER_BYTES
        if stream.head:
            ends = stream.finishing and not stream.queued and not stream.trailers
            out.append(headers(stream.id, self._opened(stream.head), self._frame_bytes, end=ends))
            poured += len(stream.head)
            stream.head = b""
            self._sent = True
            if ends:
                self._answered(stream)
                return poured
        if stream.queued:
            size = min(stream.queued, stream.window, self._window, self._frame_bytes)
            if size <= 0:
                if stream.window > 0:
                    self._starved[stream.id] = stream
                return poured
            self._window -= size
            stream.window -= size
            poured += size
            stream.poured += size
            self._sent = True
            self._budgets.earn_updates(4)
            ends = stream.finishing and size == stream.queued and not stream.trailers
            out.append(header(DATA, END_STREAM if ends else 0, stream.id, size))
            _move(stream, size, out)
            if stream.on_room is not None and stream.queued <= AHEAD // 2:
                on_room, stream.on_room = stream.on_room, None
                on_room()
            if ends:
                self._answered(stream)
                return poured
            if stream.queued:
                stream.wake()
                return poured
        if stream.finishing:
            if stream.trailers:
                out.append(headers(stream.id, stream.trailers, self._frame_bytes, end=True))
                poured += len(stream.trailers)
            else:
                out.append(header(DATA, END_STREAM, stream.id, 0))
            self._answered(stream)
        return poured

    def _opened(self, block: bytes) -> bytes:
        if self._opening:
            block, self._opening = self._opening + block, b""
        return block

    def _answered(self, stream: Stream) -> None:
        """The answer is out; a request that is still coming is of no interest any more."""
        if stream.receiving:
            self.out.append(rst_stream(stream.id, ErrorCode.NO_ERROR))
        self._budgets.earn_answered()
        self.forget(stream)

    # The connection ends.

    def ask_alive(self) -> None:
        self.answered_ping = False
        self.write(ping(ALIVE, ack=False))

    def leave(self) -> None:
        """Ask the peer to open no more streams. Those under way to us are still answered: the PING tells which."""
        self.write(goaway(NEWEST, ErrorCode.NO_ERROR) + ping(LEAVING, ack=False))

    def leave_now(self) -> None:
        """Say which stream was the last."""
        self.left = True
        self.write(goaway(self._last, ErrorCode.NO_ERROR))

    def end(self, code: ErrorCode, message: str) -> None:
        """End the connection for a reason of ours."""
        self._fail(ConnectionFault(code, message))

    def close(self) -> None:
        """The connection is gone: nobody waits for anything."""
        self._preface = b""
        streams = list(self.streams.values())
        for stream in streams:
            self.forget(stream)
            stream.taker.lost()
        self._ready.clear()
        self._starved.clear()
        self._fields.forget()
        self._block.clear()
        wipe_buffer(self._tail, self._tail_size)
        self._tail = bytearray()
        self._tail_size = 0

    def _fail(self, fault: ConnectionFault) -> None:
        if self.failed is None:
            self.failed = fault
            self.close()
            self.write(goaway(self._last, fault.code, fault.message))

    _readers = (
        _data,
        _headers,
        _priority,
        _rst_stream,
        _settings,
        _push_promise,
        _ping,
        _goaway,
        _window_update,
        _continuation,
    )
    """By frame type."""


def _unpadded(payload: memoryview) -> memoryview:
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "more padding than frame")
    return payload[1 : len(payload) - payload[0]]


def _move(stream: Stream, size: int, out: list[bytes | memoryview]) -> None:
    """Move `size` bytes from the stream's queue to `out`, without copying them."""
    parts = stream.parts
    if size == stream.queued:
        out.extend(parts)
        parts.clear()
        stream.queued = 0
        return
    stream.queued -= size
    while size:
        part = parts[0]
        if len(part) <= size:
            out.append(part)
            size -= len(part)
            parts.popleft()
        else:
            view = memoryview(part)
            out.append(view[:size])
            parts[0] = view[size:]
            size = 0
