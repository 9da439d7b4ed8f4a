"""A gRPC call to a provider: messages both ways, on an HTTP/2 connection of its own.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md and https://www.rfc-editor.org/rfc/rfc9113
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.core.secret import wipe, wipe_bytes
from integration_api.core.session import Closed
from integration_api.http2 import frames
from integration_api.http2.fields import FieldReader, wipe_fields
from integration_api.http2.frames import ConnectionFault, ErrorCode
from integration_api.transport.connection import Connection
from integration_api.transport.decompress import broken
from integration_api.transport.grpc_head import STREAM
from integration_api.transport.limits import KIB, MESSAGE, READ_AHEAD, SocketLimits
from integration_api.transport.signing import Wire
from integration_api.transport.watched import Watched

CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, EXHAUSTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = (
    1,
    2,
    4,
    8,
    13,
    14,
    16,
)
"""Of gRPC's statuses, those that a client makes itself or acts upon."""

WINDOW = READ_AHEAD
"""Bytes that a provider may send before it is told that they were taken."""
HEAD_BYTES = 64 * KIB
"""Of the fields of a header block or of trailers, however many frames they take."""
PREFIX_BYTES = 5
_BUFFER_BYTES = 32 * KIB
"""Of what a call reads into: the rest of a frame and a whole one fit."""
_MAY_QUOTE = frozenset({frames.HEADERS, frames.CONTINUATION, frames.GOAWAY})
"""Frames that say why something went wrong, and so may quote a secret: they are overwritten once read."""
_ERROR_BYTES, _FIRST_FIELD = 2048, 0x0A
"""A message of Google's that tells of an error is small, and the error its first field; what was heard is another."""

_OF_HTTP = {400: INTERNAL, 401: UNAUTHENTICATED, 403: 7, 404: 12, 429: UNAVAILABLE, 502: UNAVAILABLE,
            503: UNAVAILABLE, 504: UNAVAILABLE}  # fmt: skip
"""What an HTTP status means where a proxy answered. gRPC's own table."""
_OF_RESET = {
    ErrorCode.REFUSED_STREAM: UNAVAILABLE, ErrorCode.CANCEL: CANCELLED, ErrorCode.ENHANCE_YOUR_CALM: EXHAUSTED,
    ErrorCode.INADEQUATE_SECURITY: 7,
}  # fmt: skip

_SETTINGS = {
    frames.ENABLE_PUSH: 0,
    frames.INITIAL_WINDOW_SIZE: WINDOW,
    frames.MAX_HEADER_LIST_SIZE: HEAD_BYTES,
}
_GREETING = (
    frames.PREFACE + frames.settings(_SETTINGS) + frames.window_update(0, WINDOW - frames.DEFAULT_WINDOW)
)
_END = frames.header(frames.DATA, frames.END_STREAM, STREAM, 0)
_CANCEL = frames.rst_stream(STREAM, ErrorCode.CANCEL)
_PERCENT = 0x25
_PING = frames.ping(b"are you?", ack=False)


class GrpcCall(Watched):
    """Driven by those who write and then `drain`, and by one task that receives. Messages are bytes.

    `seconds` is the call's deadline, which `opening` tells the provider too.
    """

    def __init__(self, connection: Connection, limits: SocketLimits, opening: Wire, seconds: float) -> None:
        """Say the first words. Raises `ProviderError` (BAD_RESPONSE) when TLS did not agree on HTTP/2."""
        super().__init__(connection, limits, limits.call_ping)
        self._fields = FieldReader(HEAD_BYTES)
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._filled = 0
        self._block: list[bytearray] = []
        self._block_ends = False
        """Whether the header block that is being read is the last of the call."""
        self._body = bytearray()
        self._messages: deque[bytes] = deque()
        self._backlog = 0
        self._owed = 0
        """Bytes that the provider has not been told of that they were taken."""
        self._unsaid = bytearray()
        self._room_in_stream = self._room_in_all = frames.DEFAULT_WINDOW
        self._peer_window = frames.DEFAULT_WINDOW
        self._frame_bytes = frames.FRAME_BYTES
        self._no_more = self._half_closed = False
        self._paused = False
        self._greeted = False
        self._closed: Closed | None = None
        self._opening: Wire | None = None
        """What is being sent of the call's head, with the secret."""
        self.unauthenticated: Callable[[], None] | None = None
        """Called when the provider refuses who calls."""
        self._transport = connection.hand_over(self)
        self._timer = self._loop.call_later(limits.pong, self._tick)
        self._deadline = self._loop.call_later(seconds, self._late)
        tls = self._transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            opening.wipe()
            raise broken("the provider does not speak HTTP/2")
        # `resume_writing` is to mean that the secret has left. TLS transports compare with >=.
        self._transport.set_write_buffer_limits(high=0 if tls is None else 1, low=0)
        self._transport.write(_GREETING)
        self._opening = (
            opening  # Not before: the greeting may be told to have left at once, and wipes what is here.
        )
        # A view, because loops keep what they could not send by slicing it.
        self._transport.write(memoryview(opening.buffer))
        self._wipe_sent()
        early, connection.early = connection.early, bytearray()
        while early and not self._lost:
            taken = min(len(early), _BUFFER_BYTES - self._filled)
            self._buffer[self._filled : self._filled + taken] = early[:taken]
            del early[:taken]
            self.buffer_updated(taken)

    # --- for whoever talks -------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether anything can still come."""
        return not self._lost and self._closed is None

    @property
    def closed(self) -> Closed:
        """How it ended, once it has: the call's status and its words; 14 (UNAVAILABLE) where there is none."""
        return self._closed or Closed(UNAVAILABLE, "the connection was lost")

    async def greeted(self) -> None:
        """Wait until the provider speaks HTTP/2. Raises `ProviderError`."""
        try:
            async with asyncio.timeout(self._limits.answer):
                while not self._greeted and self.open:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise ProviderError(
                Kind.TIMEOUT,
                "the provider did not begin to answer in time",
                code="upstream_timeout",
                phase=Phase.CONNECT,
            ) from None
        if self._greeted:
            return
        if self._closed is not None:
            raise broken("the provider does not speak HTTP/2")
        raise ProviderError(
            Kind.UPSTREAM,
            "the provider closed the connection before it answered",
            code="upstream_disconnected",
            phase=Phase.CONNECT,
        )

    def write(self, message: str | bytes) -> None:
        """Send one message, behind all that were written before. What is said to a closed call is lost."""
        if self._no_more or not self.open:
            return
        data = message.encode() if isinstance(message, str) else message
        self._unsaid += b"\0" + len(data).to_bytes(4, "big")
        self._unsaid += data
        self._say()

    @property
    def ready(self) -> bool:
        """Whether the provider listens and reads as fast as it is spoken to."""
        return self.open and not self._no_more and self._room.is_set()

    def attend(self, heard: Callable[[str | bytes], bool]) -> None:
        """All messages are received as usual: what they are read from is acknowledged as they are taken."""

    def ping(self) -> None:
        """Ask the provider whether it is there, unless it owes an answer to that already, or gave one just now: servers
        end connections that are pinged too often.
        """
        now = perf_counter()
        if (
            self._pinged_at <= self._heard_at
            and now - self._pinged_at > self._limits.call_ping_pause
            and self.open
        ):
            self._pinged_at = now
            self._transport.write(_PING)

    def half_close(self) -> None:
        """Say that nothing more will be said. What is still to come is received."""
        self._no_more = True
        self._say()

    async def receive(self) -> bytes | None:
        """Return the next message, or None once the call is over: `closed` tells how."""
        while not self._messages:
            if not self.open:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        message = self._messages.popleft()
        self._backlog -= len(message)
        self._acknowledge()
        return message

    async def close(self) -> None:
        """Cancel what is not over, and wait a little until the connection is closed."""
        if self.open:
            self._closed = Closed(CANCELLED)
            self._transport.write(_CANCEL)
        if not self._lost:
            self._transport.close()
        try:
            async with asyncio.timeout(self._limits.farewell):
                while not self._lost:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            pass
        finally:
            self.abort()

    # --- for the loop ------------------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._heard_at = perf_counter()
        self._filled += nbytes
        try:
            self._read()
        except (ConnectionFault, IndexError):
            self._end(Closed(INTERNAL, "the provider broke the rules of HTTP/2"))
            self.abort()
        self._acknowledge()
        self._arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._opening is not None:
            self._opening.wipe()
            self._opening = None
        self._deadline.cancel()
        self._fields.forget()
        self.unauthenticated = None
        self._forget_block()
        self._buffer[:] = bytes(_BUFFER_BYTES)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._paused = True
        self._room.clear()

    def resume_writing(self) -> None:
        self._paused = False
        self._wipe_sent()
        self._say()

    # --- what is said ------------------------------------------------------------------------

    def _wipe_sent(self) -> None:
        if self._opening is not None and not self._transport.get_write_buffer_size():
            self._opening.wipe()
            self._opening = None
            self._transport.set_write_buffer_limits()

    def _say(self) -> None:
        """Send as much as the windows allow."""
        unsaid = self._unsaid
        while unsaid and self.open:
            size = min(len(unsaid), self._frame_bytes, self._room_in_stream, self._room_in_all)
            if size <= 0:
                break
            self._room_in_stream -= size
            self._room_in_all -= size
            self._transport.write(frames.header(frames.DATA, 0, STREAM, size) + unsaid[:size])
            del unsaid[:size]
        if self._no_more and not unsaid and not self._half_closed and self.open:
            self._half_closed = True
            self._transport.write(_END)
        if not self.open or not (unsaid or self._paused):
            self._room.set()
        else:
            self._room.clear()

    def _acknowledge(self) -> None:
        """Let the provider send on once what it has sent is being taken."""
        if self._owed >= WINDOW // 2 and self._backlog <= READ_AHEAD and self.open:
            self._transport.write(
                frames.window_update(0, self._owed) + frames.window_update(STREAM, self._owed)
            )
            self._owed = 0

    def _late(self) -> None:
        if self.open:
            self._transport.write(_CANCEL)
            self._end(Closed(DEADLINE_EXCEEDED, "the call's time is up"))

    # --- what is heard -----------------------------------------------------------------------

    def _read(self) -> None:
        buffer, end = self._buffer, self._filled
        at = 0
        while end - at >= frames.HEADER_BYTES and self._closed is None:
            high, low, kind, flags, stream = frames.read_header(buffer, at)
            size = high << 8 | low
            if not self._greeted and (kind != frames.SETTINGS or flags & frames.ACK):
                raise _fault()
            if size > frames.FRAME_BYTES or (self._block and kind != frames.CONTINUATION):
                raise _fault()
            start = at + frames.HEADER_BYTES
            at = start + size
            if at > end:
                at = start - frames.HEADER_BYTES
                break
            payload = buffer[start:at]
            self._take(kind, flags, stream & frames.NEWEST, payload)
            if kind in _MAY_QUOTE:
                payload[:] = bytes(size)
        if self._closed is not None:
            buffer[at:end] = bytes(end - at)
            at = end
        if at:
            buffer[: end - at] = buffer[at:end]
            self._filled = end - at

    def _take(self, kind: int, flags: int, stream: int, payload: memoryview) -> None:
        match kind:
            case frames.DATA:
                self._owed += len(payload)
                if stream == STREAM:
                    self._data(_unpadded(flags, payload), ends=bool(flags & frames.END_STREAM))
            case frames.HEADERS | frames.CONTINUATION:
                if kind == frames.HEADERS:
                    payload = _unpadded(flags, payload)[5 if flags & frames.PRIORITIZED else 0 :]
                    self._block_ends = bool(flags & frames.END_STREAM)
                self._block.append(bytearray(payload))
                if sum(map(len, self._block)) > HEAD_BYTES:
                    raise _fault()
                if flags & frames.END_HEADERS:
                    block = b"".join(self._block)
                    self._forget_block()
                    self._head(block, ends=self._block_ends)
            case frames.RST_STREAM if stream == STREAM:
                code = _number(payload)
                self._end(Closed(_OF_RESET.get(code, INTERNAL), "the provider broke the call off"))  # type: ignore[call-overload]
            case frames.SETTINGS if not flags & frames.ACK:
                self._settings(payload)
            case frames.PING if not flags & frames.ACK and len(payload) == 8:
                self._transport.write(frames.ping(bytes(payload), ack=True))
            case frames.GOAWAY if _number(payload) < STREAM:
                # With any other number the call may go on to its end.
                self._end(Closed(UNAVAILABLE, "the provider is going away"))
            case frames.WINDOW_UPDATE:
                if stream == STREAM:
                    self._room_in_stream += _number(payload)
                elif not stream:
                    self._room_in_all += _number(payload)
                self._say()
            case frames.PUSH_PROMISE:
                raise _fault()
            case _:
                pass

    def _settings(self, payload: memoryview) -> None:
        if len(payload) % 6:
            raise _fault()
        for name, value in frames.read_settings(payload):
            if name == frames.INITIAL_WINDOW_SIZE:
                self._room_in_stream += value - self._peer_window
                self._peer_window = value
            elif name == frames.MAX_FRAME_SIZE:
                self._frame_bytes = value
        self._greeted = True
        self._transport.write(frames.SETTINGS_ACK)
        self._say()

    def _data(self, payload: memoryview, *, ends: bool) -> None:
        body = self._body
        body += payload
        at = 0
        while len(body) - at >= PREFIX_BYTES:
            size = int.from_bytes(body[at + 1 : at + PREFIX_BYTES], "big")
            if body[at] or size > self._limits.message:
                why = "sent a message that is too large" if not body[at] else "compressed a message unasked"
                self._end(Closed(INTERNAL if body[at] else EXHAUSTED, f"the provider {why}"))
                self.abort()
                return
            end = at + PREFIX_BYTES + size
            if end > len(body):
                break
            start = at + PREFIX_BYTES
            if 0 < size <= _ERROR_BYTES and body[start] == _FIRST_FIELD:
                self._messages.append(self._hidden(body, start, end))
                payload[:] = bytes(len(payload))
            else:
                self._messages.append(bytes(body[start:end]))
            self._backlog += size
            at = end
        del body[:at]
        if ends:
            self._end(Closed(INTERNAL, "the provider ended the call without a status"))

    def _hidden(self, body: bytearray, start: int, end: int) -> bytes:
        """Return a message that may quote the secret without it, and overwrite it where it is."""
        message = body[start:end]
        with memoryview(body) as view:
            view[start:end] = bytes(end - start)
        if self._connection.hide is not None:
            self._connection.hide(message)
        return bytes(message)

    def _forget_block(self) -> None:
        for piece in self._block:
            wipe(piece)
        self._block.clear()

    def _head(self, block: bytes, *, ends: bool) -> None:
        fields = self._fields.read(block)[0]
        told = dict(fields)
        http = told.get(b":status", b"200")
        status = told.get(b"grpc-status", b"")
        if status.isdigit():
            self._end(Closed(int(status), self._words(told.get(b"grpc-message", b""))))
        elif http.isdigit() and http != b"200" and not http.startswith(b"1"):
            self._end(Closed(_OF_HTTP.get(int(http), UNKNOWN), f"HTTP status {int(http)}"))
        elif ends:
            self._end(Closed(INTERNAL, "the provider ended the call without a status"))
        if self._closed is not None:  # Any of its last fields may quote the secret.
            wipe_fields(fields)
            wipe_bytes(block)

    def _words(self, message: bytes) -> str:
        """Read a percent-encoded message, without the secret that it may quote."""
        words = bytearray(message)
        size = at = 0
        while at < len(words):
            byte = words[at]
            if byte == _PERCENT and (code := _hexadecimal(words[at + 1 : at + 3])) is not None:
                byte = code
                at += 2
            words[size] = byte
            size += 1
            at += 1
        words[size:] = bytes(len(words) - size)
        if self._connection.hide is not None:
            self._connection.hide(words)
        return words[:size].decode("utf-8", "replace")[:MESSAGE]

    def _end(self, closed: Closed) -> None:
        if self._closed is not None:
            return
        self._closed = closed
        self._arrived.set()
        self._room.set()
        if closed.code == UNAUTHENTICATED and self.unauthenticated is not None:
            self.unauthenticated()


def _hexadecimal(digits: bytearray) -> int | None:
    try:
        return int(digits, 16) if len(digits) == 2 else None
    except ValueError:
        return None


def _unpadded(flags: int, payload: memoryview) -> memoryview:
    return payload[1 : len(payload) - payload[0]] if flags & frames.PADDED else payload


def _number(payload: memoryview) -> int:
    if len(payload) < 4:
        raise _fault()
    return int.from_bytes(payload[:4], "big") & frames.NEWEST


def _fault() -> ConnectionFault:
    return ConnectionFault(ErrorCode.PROTOCOL_ERROR, "not HTTP/2 as it should be")
