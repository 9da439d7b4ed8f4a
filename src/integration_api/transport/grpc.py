"""Calling an operator's own gRPC service: unary calls over one HTTP/2 connection.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md

The address is the operator's setting, as a database's is, so the egress guard has no say in it.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hpack import NeverIndexedHeaderTuple

MESSAGE_BYTES = 1 << 20
"""The longest answer: a user with ten thousand roles fits."""
STREAMS = 64
"""Calls under way at once; servers commonly allow a hundred."""
PREFIX_BYTES = 5

Metadata = Sequence[tuple[bytes, bytes]]


class Refused(Exception):
    """The service answered with a status that is not OK."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.message = message


class Channel:
    """Connects when first asked, and again when the connection is lost.

    `target` is `host:port`, or `https://host[:port]` to speak TLS. Raises `ValueError` for anything else.
    """

    def __init__(self, target: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._host, self._port, secure = _address(target)
        self._tls = (tls or ssl.create_default_context()) if secure else None
        if self._tls is not None:
            self._tls.set_alpn_protocols(["h2"])
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()
        self._room = asyncio.Semaphore(STREAMS)

    async def unary(self, path: str, message: bytes, metadata: Metadata, *, seconds: float) -> bytes:
        """Make one call, which must do no harm when it is made twice, and return the answer's message.

        No value of `metadata` enters the table of a header compression.
        Raises `Refused`, `OSError` when the service can not be reached, or `TimeoutError`.
        """
        async with asyncio.timeout(seconds), self._room:
            try:
                return await self._ask(await self._connected(), path, message, metadata, seconds)
            except ConnectionError:
                # It may have been closed while idle, or be going away: a new one is worth a try.
                return await self._ask(await self._connected(), path, message, metadata, seconds)

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _ask(
        self, connection: "_Connection", path: str, message: bytes, metadata: Metadata, seconds: float
    ) -> bytes:
        try:
            return await connection.ask(path, message, metadata, seconds)
        except asyncio.CancelledError:
            # It may be half open; whoever asks next finds out sooner on a new one.
            connection.retire()
            raise

    async def _connected(self) -> "_Connection":
        async with self._connecting:
            if self._connection is None or not self._connection.open:
                loop = asyncio.get_running_loop()
                secure = self._tls is not None
                authority = f"{self._host}:{self._port}".encode()
                _, self._connection = await loop.create_connection(
                    lambda: _Connection(authority, secure=secure), self._host, self._port, ssl=self._tls
                )
            return self._connection


class _Answer:
    """What has come of one call."""

    __slots__ = ("body", "done", "status", "text")

    def __init__(self, done: asyncio.Future[None]) -> None:
        self.done = done
        self.body = bytearray()
        self.status: int | None = None
        self.text = ""

    def told(self, headers: list[tuple[bytes, bytes]]) -> None:
        for name, value in headers:
            if name == b"grpc-status" and value.isdigit():
                self.status = int(value)
            elif name == b"grpc-message":
                self.text = unquote(value.decode("ascii", "replace"))[:500]
            elif name == b":status" and value != b"200":
                raise ConnectionError("the service does not speak gRPC")

    def message(self) -> bytes:
        if self.status is None:
            raise ConnectionError("the service ended a call without a status")
        if self.status:
            raise Refused(self.status, self.text)
        if len(self.body) < PREFIX_BYTES or self.body[0]:
            raise ConnectionError("the service sent something other than one message")
        if len(self.body) != PREFIX_BYTES + int.from_bytes(self.body[1:PREFIX_BYTES], "big"):
            raise ConnectionError("the service sent something other than one message")
        return bytes(self.body[PREFIX_BYTES:])


class _Connection(asyncio.Protocol):
    def __init__(self, authority: bytes, *, secure: bool) -> None:
        self._authority = authority
        self._scheme = b"https" if secure else b"http"
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding=None)
        )
        self._h2.local_settings[h2.settings.SettingCodes.ENABLE_PUSH] = 0
        self._answers: dict[int, _Answer] = {}
        self._transport: asyncio.Transport | None = None
        self.open = True
        """Whether it takes another call."""

    async def ask(self, path: str, message: bytes, metadata: Metadata, seconds: float) -> bytes:
        answer = _Answer(asyncio.get_running_loop().create_future())
        body = b"\0" + len(message).to_bytes(4, "big") + message
        try:
            stream = self._h2.get_next_available_stream_id()
            self._h2.send_headers(
                stream,
                [
                    (b":method", b"POST"),
                    (b":scheme", self._scheme),
                    (b":path", path.encode()),
                    (b":authority", self._authority),
                    (b"te", b"trailers"),
                    (b"content-type", b"application/grpc"),
                    (b"grpc-timeout", b"%dm" % max(1, int(seconds * 1000))),
                    *(NeverIndexedHeaderTuple(name, value) for name, value in metadata),
                ],
            )
            self._h2.send_data(stream, body, end_stream=True)
        except h2.exceptions.ProtocolError as error:
            self.retire()
            raise ConnectionError(type(error).__name__) from None
        self._answers[stream] = answer
        self._flush()
        try:
            await answer.done
        finally:
            self._forget(stream)
        return answer.message()

    def retire(self) -> None:
        """Take no more calls; those under way have their time."""
        self.open = False
        if not self._answers:
            self.close()

    def close(self) -> None:
        self.open = False
        if self._transport is not None:
            self._transport.close()

    # --- asyncio's side ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # TCP's and TLS's are both ones to write to.
        self._h2.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._h2.receive_data(data):
                self._heard(event)
        except h2.exceptions.ProtocolError:
            self.close()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        for answer in self._answers.values():
            _fail(answer, "the connection was lost")

    def _heard(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.close()  # h2 takes nothing more from a connection that is going away.
            return
        answer = self._answers.get(getattr(event, "stream_id", None) or 0)
        if isinstance(event, h2.events.DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if answer is None or answer.done.done():
            return
        match event:
            case h2.events.ResponseReceived() | h2.events.TrailersReceived():
                try:
                    answer.told(event.headers)
                except ConnectionError as error:
                    _fail(answer, str(error))
            case h2.events.DataReceived():
                answer.body += event.data
                if len(answer.body) > MESSAGE_BYTES:
                    _fail(answer, "the answer is too long")
            case h2.events.StreamEnded():
                answer.done.set_result(None)
            case h2.events.StreamReset():
                _fail(answer, "the service broke a call off")
            case _:
                pass

    def _forget(self, stream: int) -> None:
        answer = self._answers.pop(stream)
        if not answer.done.done() or answer.done.cancelled() or answer.done.exception():
            with contextlib.suppress(h2.exceptions.ProtocolError):  # It may be over already.
                self._h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
            self._flush()
        if not self.open and not self._answers:
            self.close()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def _fail(answer: _Answer, why: str) -> None:
    if not answer.done.done():
        answer.done.set_exception(ConnectionError(why))


def _address(target: str) -> tuple[str, int, bool]:
    scheme, found, rest = target.strip().rpartition("://")
    if scheme not in {"", "http", "https", "grpc", "grpcs", "dns"}:
        raise ValueError("it must be host:port")
    secure = scheme in {"https", "grpcs"}
    host, _, port = rest.strip("/").rpartition(":")
    if not host and found and not port.isdigit():
        host, port = port, "443" if secure else "80"
    host = host.strip("[]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536 or "/" in host:
        raise ValueError("it must be host:port")
    return host, int(port), secure
