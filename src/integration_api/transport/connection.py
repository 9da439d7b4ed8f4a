"""One connection to a provider: an HTTP/1.1 request at a time out, its answer in.

https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
from collections.abc import Callable, Hashable, Iterator
from functools import lru_cache
from time import perf_counter
from typing import cast

import httptools

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.core.secret import wipe, wipe_bytes
from integration_api.transport.decompress import Inflater, broken, inflater
from integration_api.transport.egress import Origin
from integration_api.transport.limits import READ_AHEAD, WRITE_STEP, TransportLimits
from integration_api.transport.sent import Hide
from integration_api.transport.signing import Wire

IDLE, ASKED, BODY, DONE, SWITCHED = range(5)
_NO_BODY = frozenset({204, 304})
REFUSAL = 300
"""A status from here on is no answer: redirects are not followed."""
_RECEIVE = memoryview(bytearray(64 * 1024))
"""What every connection reads into, and empties at once: nobody else's copies of an answer are left in memory."""
_SLACK = 0.001
"""Seconds; loops round their timers to milliseconds."""

_SILENCE = {
    Phase.REQUEST: "the provider stopped reading the request",
    Phase.HEADERS: "the provider did not begin to answer in time",
    Phase.STREAM: "the provider fell silent in the middle of its answer",
}


@lru_cache(maxsize=1024)
def _name(raw: bytes) -> str:
    return raw.decode("latin-1").lower()


class _Refused(Exception):
    """Stops the parser: the answer is not one that was promised."""


class Connection(asyncio.BufferedProtocol):
    """Driven by one task at a time: `write`, `push` for a long body, `head`, then `read` until b"" or `whole`.

    Every wait has a deadline. Errors are `ProviderError`s and are final: a connection that failed,
    or whose answer was not read to its end, is `reusable` no more.
    """

    __slots__ = (
        "_deadline", "_error", "_gone", "_head_bytes", "_held", "_inflate", "_interim", "_kept", "_limits", "_loop",
        "_parser", "_parts", "_paused", "_phase", "_pieces", "_quiet", "_quoting", "_sent", "_take", "_timer",
        "_timer_at", "_transport", "_unsent", "_until", "_until_eof", "_waiter", "account", "early", "fresh",
        "headers", "hide", "lost", "on_body", "origin", "private", "stale", "started_at", "state", "status",
        "upgrading",
    )  # fmt: skip

    _transport: asyncio.Transport

    def __init__(
        self,
        origin: Origin,
        account: Hashable | None,
        limits: TransportLimits,
        gone: Callable[["Connection"], None],
        *,
        bare: bool = False,
    ) -> None:
        """A `bare` one never speaks HTTP/1.1: it is handed over before anything is said."""
        self.origin = origin
        self.account = account
        self.fresh = True
        """Whether it has not answered anything yet."""
        self.stale = False
        """Whether it was kept in vain: the peer left before it answered a later request."""
        self.lost = False
        self.state = SWITCHED if bare else IDLE
        self.status = 0
        self.headers: dict[str, str] = {}
        self.started_at = 0.0
        """`time.perf_counter()` when the first byte of the answer came; 0 before."""
        self.upgrading = False
        """Whether the request asked for another protocol, and so may be answered by 101."""
        self.private = False
        """Whether the answer holds a secret, as a refusal may."""
        self.early = bytearray()
        """What came of the other protocol together with the answer."""
        self.hide: Hide | None = None
        """Takes the secrets of the request out of what may quote them: the head of a refusal, or of an upgrade."""
        self._limits = limits
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._take: Callable[[bytes], bool] | None = None
        """Who is handed what comes of the body, in place of a reader who would have to be woken."""
        self._parts: list[bytes] = []
        """What has come of the body and nobody has read yet. The list stays the same one: the parser knows it."""
        self.on_body = self._parts.append
        """For the parser, which calls it once for each chunk of a chunked body: a list takes hundreds at C speed."""
        self._parser = httptools.HttpResponseParser(self)
        self._kept = True
        self._error: ProviderError | None = None
        self._unsent: Wire | None = None
        self._sent = True
        self._until = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._deadline = 0.0
        self._pieces: Iterator[bytes] | None = None
        self._inflate: Inflater | None = None
        self._paused = False
        self._held = 0
        self._quiet = 0
        self._head_bytes = 0
        self._interim = False
        self._quoting: list[bytearray] = []
        """Header lines that may quote a secret, until all have come."""
        self._until_eof = False
        self._phase = Phase.REQUEST

    # --- for whoever asks --------------------------------------------------------------------

    @property
    def reusable(self) -> bool:
        """Whether another request may follow: nothing failed, nothing is missing and nothing is left over.

        What nobody has read of an answer that came whole is left over, too: the next caller would read it.
        """
        return (
            self._kept
            and not self.lost
            and self._unsent is None
            and self._sent
            and (self.state == DONE or self.state == IDLE)
            and not self._parts
            and self._pieces is None
            and not self._transport.is_closing()
        )

    def write(self, wire: Wire, until: float) -> None:
        """Send a request's head with what of its body shares the buffer; `until` is the loop's time when all ends.

        The secret is wiped as soon as the bytes have left, or the connection is lost.
        """
        if self.lost or self._transport.is_closing():
            wire.wipe()
            self.stale = not self.fresh
            raise _cut(Phase.HEADERS)
        self.state = ASKED
        self.headers = {}
        self.started_at = 0.0
        self._until = until
        self._held = self._quiet = self._head_bytes = 0
        self._inflate = None
        self._phase = Phase.REQUEST
        self._unsent = wire
        # A view, because loops keep what they could not send by slicing it.
        self._transport.write(memoryview(wire.buffer))
        self._wipe_sent()

    async def push(self, body: bytes) -> None:
        """Send a body in steps, no faster than the provider reads; stops when it answers before the end."""
        transport = self._transport
        view = memoryview(body)
        self._sent = False
        for at in range(0, len(view), WRITE_STEP):
            if self.state != ASKED or transport.is_closing():
                return
            transport.write(view[at : at + WRITE_STEP])
            while transport.get_write_buffer_size() and self.state == ASKED and not self.lost:
                await self._wait(self._limits.idle)
                if self._error is not None:
                    raise self._error
        self._sent = True

    async def head(self, seconds: float) -> None:
        """Wait for status and headers."""
        self._phase = Phase.HEADERS
        deadline = self._loop.time() + seconds
        while self.state == ASKED:
            if self._error is not None:
                raise self._error
            await self._wait(deadline - self._loop.time())
        self.fresh = False
        encoding = self.headers.get("content-encoding")
        if encoding is not None:
            self._inflate = inflater(encoding)

    async def read(self, patience: float | None = None) -> bytes:
        """Return what has come of the body since the last read, b"" at its end.

        `patience` replaces the idle limit, for the wait before a body's first piece.
        """
        self._phase = Phase.STREAM
        while True:
            if self._inflate is not None and self._pieces is not None:
                for piece in self._pieces:
                    return piece
                self._pieces = None
            if parts := self._parts:
                chunk = self._taken(parts)
                if self._paused:
                    self._paused = False
                    if not self.lost:
                        self._transport.resume_reading()
                if self._inflate is None:
                    return chunk
                self._pieces = self._inflate.feed(chunk)
            elif self.state == DONE:
                if self._inflate is not None:
                    self._inflate.close()
                return b""
            elif self._error is not None:
                raise self._error
            else:
                await self._wait(self._limits.idle if patience is None else patience)

    async def pour(self, take: Callable[[bytes], bool]) -> None:
        """Hand `take` what comes of the body at once, until it returns False, the body ends or something is wrong.

        `read` tells which. What `take` raises is raised here.
        """
        if self._inflate is not None or self._parts or self.state != BODY or self._error is not None:
            return
        self._take = take
        await self._wait(self._limits.idle)

    async def whole(self, patience: float) -> bytes:
        """Return the whole body. Raises `ProviderError` (BAD_RESPONSE) when it is larger than the limit."""
        most = self._limits.body
        chunks: list[bytes] = []
        size = 0
        while chunk := await self.read(None if chunks else patience):
            chunks.append(chunk)
            size += len(chunk)
            if size > most:
                raise broken("the provider's answer is larger than this service reads")
            if self.state == DONE and self._inflate is None and not self._parts:
                break
        if len(chunks) == 1:
            return chunks[0]
        body = b"".join(chunks)
        for chunk in chunks if self.private else ():
            wipe_bytes(chunk)
        return body

    async def excerpt(self, patience: float) -> bytearray:
        """Return as much of a refusal's body as comes in `patience` seconds and is worth reading; never fails.

        A refusal may quote the key that it refuses, so there is no other copy of it.
        """
        most = self._limits.refusal
        deadline = self._loop.time() + patience
        chunks: list[bytes] = []
        size = 0
        try:
            while size < most and (chunk := await self.read(deadline - self._loop.time())):
                chunks.append(chunk)
                size += len(chunk)
        except ProviderError:
            self._kept = False
        body = bytearray().join(chunks)
        for chunk in chunks:
            wipe_bytes(chunk)
        del body[most:]
        return body

    def hand_over(self, successor: asyncio.BaseProtocol) -> asyncio.Transport:
        """Give the socket to the protocol that is spoken from here on; it tells of the end by `connection_lost`."""
        if self._unsent is not None:
            self._unsent.wipe()
            self._unsent = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # First: a TLS transport may call `resume_writing` for it at once, and the successor knows no transport yet.
        self._transport.set_write_buffer_limits()
        self._transport.set_protocol(successor)
        return self._transport

    def rest(self) -> None:
        """Wait for the next request, as long as it is worth it."""
        self.hide = None
        self.state = IDLE
        self._expire(self._loop.time() + self._limits.keep_alive)

    def abort(self) -> None:
        """Hang up at once."""
        self._kept = False
        if not self.lost:
            self._transport.abort()

    def leave(self) -> None:
        """Take no further request; the one under way may end."""
        self._kept = False
        if self.state == IDLE:
            self.abort()

    # --- for the loop ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own.
        # `resume_writing` is to mean that everything has left. TLS transports compare with >=.
        self._transport.set_write_buffer_limits(high=1 if self.origin.tls else 0, low=0)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _RECEIVE

    def buffer_updated(self, nbytes: int) -> None:
        self._received(_RECEIVE[:nbytes])
        if self.status >= REFUSAL or self.upgrading or self.private or self.state == ASKED:
            _RECEIVE[:nbytes] = bytes(nbytes)

    def _received(self, data: memoryview) -> None:
        before = self.state
        if before == SWITCHED:
            self.early += data
            return
        if before == IDLE or before == DONE:
            self.abort()  # Nobody asked for this, so nobody may mistake it for an answer.
            return
        if not self.started_at:
            self.started_at = perf_counter()
        parts = self._parts
        known = len(parts)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.state != SWITCHED:
                self._fail(broken("the provider's answer changes to a protocol that nobody asked for"))
                return
            self.early += data[upgrade.args[0] :]
            self._transport.pause_reading()
        except httptools.HttpParserError:
            self._kept = False
            if self.state != DONE:
                self._fail(broken("the provider's answer is not HTTP that this service accepts"))
                return
        heard = len(parts) > known
        if heard:
            self._held += sum(map(len, parts[known:]))
        if before == ASKED:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head and (
                self.state == ASKED
                or sum(len(name) + len(value) for name, value in self.headers.items()) > self._limits.head
            ):
                self.state = ASKED  # However much of it was read, it is no answer.
                self._fail(broken("the provider's answer has too large a head"))
                return
            if self.state == ASKED:
                return
        elif not heard:
            self._quiet += len(data)
            if self._quiet > self._limits.head:
                self._fail(broken("the provider's answer has too much framing"))
                return
        else:
            self._quiet = 0
        if heard and self._take is not None and self._poured(self._take):
            return
        if self._held > READ_AHEAD and self.state == BODY and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self._unsent is not None:
            self._unsent.wipe()
            self._unsent = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.state == BODY and self._until_eof and exc is None:
            self.state = DONE
        elif self._error is None:
            self.stale = self.state == ASKED and not self.fresh and not self.started_at
            self._error = _cut(Phase.STREAM if self.state == BODY else Phase.HEADERS)
        self._forget_quotes()
        self.hide = None  # It holds on to the secret, which is wiped when nobody does.
        if self.upgrading and self.status < REFUSAL:
            # Neither a refusal nor what was asked for: nobody reads it.
            for part in self._parts:
                wipe_bytes(part)
        del self._parser  # It holds on to this connection, and this connection to it.
        self._gone(self)
        self._wake()

    def resume_writing(self) -> None:
        self._wipe_sent()
        self._wake()

    # --- for the parser ----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.state == DONE:
            raise _Refused

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.state != ASKED:  # Trailers say nothing that anybody here reads.
            if self.status >= REFUSAL:
                wipe_bytes(value)
            return
        if self.upgrading or self._parser.get_status_code() >= REFUSAL:
            self._quote(name, value)
            return
        key = _name(name)
        said = value.decode("latin-1").rstrip(" \t")
        headers = self.headers
        headers[key] = f"{headers[key]}, {said}" if key in headers else said

    def _quote(self, name: bytes, value: bytes) -> None:
        """Keep a header line that may quote the secret where it can be overwritten, and nowhere else."""
        self._quoting.append(bytearray().join((name, b":", value)))
        wipe_bytes(name)
        wipe_bytes(value)

    def _unquote(self) -> None:
        """Read the header lines that were kept, without the secret."""
        lines = bytearray(b"\n").join(self._quoting)
        self._forget_quotes()
        if self.hide is not None:
            self.hide(lines)
        headers = self.headers
        for line in lines.decode("latin-1").split("\n"):
            name, _, value = line.partition(":")
            key, said = name.lower(), value.strip(" \t")
            headers[key] = f"{headers[key]}, {said}" if key in headers else said

    def _forget_quotes(self) -> None:
        for line in self._quoting:
            wipe(line)
        self._quoting.clear()

    def on_headers_complete(self) -> None:
        if self._quoting:
            self._unquote()
        status = self._parser.get_status_code()
        if status < 200:
            if status == 101 and self.upgrading:
                self.status = status
                self.state = SWITCHED
                return
            if status < 100 or status == 101:
                raise _Refused
            self._interim = True
            return
        headers = self.headers
        coding = headers.get("transfer-encoding")
        if coding is None:
            self._until_eof = "content-length" not in headers and status not in _NO_BODY
        elif coding.lower() == "chunked":
            self._until_eof = False
        else:
            raise _Refused
        self.status = status
        self.state = BODY

    def on_message_complete(self) -> None:
        if self.state == SWITCHED:
            return
        if self._interim:
            self._interim = False
            self.headers = {}
            return
        self.state = DONE
        if not self._parser.should_keep_alive():
            self._kept = False

    # --- inside ------------------------------------------------------------------------------

    def _taken(self, parts: list[bytes]) -> bytes:
        """Return what has come, and hold nothing of it any more."""
        self._held = 0
        if len(parts) == 1:
            return parts.pop()
        whole = b"".join(parts)
        if self.status >= REFUSAL or self.private:
            for part in parts:
                wipe_bytes(part)
        parts.clear()
        return whole

    def _poured(self, take: Callable[[bytes], bool]) -> bool:
        """Hand on what has come; return whether that is all there is to do."""
        try:
            more = take(self._taken(self._parts))
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            self._take = None
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_exception(error)
            return True
        if more and self.state == BODY:
            self._deadline = min(self._loop.time() + self._limits.idle, self._until)
            return True
        return False

    def _wipe_sent(self) -> None:
        if self._unsent is not None and not self._transport.get_write_buffer_size():
            self._unsent.wipe()
            self._unsent = None

    def _fail(self, error: ProviderError) -> None:
        self._error = error
        self.abort()
        self._wake()

    def _wake(self) -> None:
        self._take = None
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _wait(self, seconds: float) -> None:
        self._waiter = self._loop.create_future()
        self._expire(min(self._loop.time() + seconds, self._until))
        try:
            await self._waiter
        finally:
            self._waiter = self._take = None

    def _expire(self, deadline: float) -> None:
        """Move the deadline. One timer serves many: it looks again when it comes too early."""
        self._deadline = deadline
        if self._timer is None:
            self._timer_at = deadline
            self._timer = self._loop.call_at(deadline, self._look)
        elif self._timer_at > deadline:
            self._timer.cancel()
            self._timer_at = deadline
            self._timer = self._loop.call_at(deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if self.state != IDLE and self._waiter is None:
            return  # Nobody waits for the provider; the next wait starts a timer again.
        if self._deadline - self._loop.time() > _SLACK:
            self._expire(self._deadline)
        elif self.state == IDLE:
            self.abort()
        else:
            self._fail(
                ProviderError(Kind.TIMEOUT, _SILENCE[self._phase], code="upstream_timeout", phase=self._phase)
            )


def _cut(phase: Phase) -> ProviderError:
    if phase is Phase.STREAM:
        return ProviderError(
            Kind.TRUNCATED,
            "the provider closed the connection in the middle of its answer",
            code="stream_truncated",
            phase=phase,
        )
    return ProviderError(
        Kind.UPSTREAM,
        "the provider closed the connection before it answered",
        code="upstream_disconnected",
        phase=phase,
    )
