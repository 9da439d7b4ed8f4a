"""gRPC on the lab's port: HTTP/2 by prior knowledge (github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).

A method is a route whose HTTP method is `GRPC`; what it answers with is a talk, as on a WebSocket.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from urllib.parse import quote

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import msgspec

from lab.desk import Desk
from lab.faults import Fault
from lab.http import Call, Response
from lab.play import reset

PREFACE = b"PRI * HTTP/2.0"
STATUSES = {
    400: 3,
    401: 16,
    402: 8,
    403: 7,
    404: 5,
    409: 10,
    413: 3,
    429: 8,
    499: 1,
    500: 13,
    501: 12,
    503: 14,
    504: 4,
}
"""What Google's gRPC says where its REST says a status."""
UNAVAILABLE, UNKNOWN = 14, 2


class GrpcConnection(asyncio.Protocol):
    """One client's connection, whose calls are answered as they come."""

    def __init__(self, desk: Desk, number: int, lost: Callable[[Exception | None], None]) -> None:
        self.desk = desk
        self.number = number
        self.transport: asyncio.Transport
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self._gone = lost
        self._calls: dict[int, GrpcPeer] = {}
        self.vanished = False

    def begin(self, transport: asyncio.Transport, early: bytes) -> None:
        """Takes the connection over."""
        self.transport = transport
        transport.set_protocol(self)
        self.h2.initiate_connection()
        self.data_received(early)

    def data_received(self, data: bytes) -> None:
        try:
            for event in self.h2.receive_data(data):
                self._heard(event)
        except h2.exceptions.ProtocolError:
            self.flush()
            self.transport.close()
            return
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        for call in self._calls.values():
            call.left()
        self._gone(error)

    def stop(self) -> None:
        """Drops the client; the lab stops."""
        for call in list(self._calls.values()):
            call.stop()
        self.transport.abort()

    def flush(self) -> None:
        """Sends what waits."""
        waiting = self.h2.data_to_send()
        if not (self.transport.is_closing() or self.vanished):
            self.transport.write(waiting)

    def _heard(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                self._asked(event)
            case h2.events.DataReceived(stream_id=stream, data=data, flow_controlled_length=size):
                self.h2.acknowledge_received_data(size or 0, stream or 0)
                if stream in self._calls:
                    self._calls[stream].heard(data or b"")
            case h2.events.StreamEnded(stream_id=stream) if stream in self._calls:
                self._calls[stream].ended()
            case h2.events.StreamReset(stream_id=stream) if stream in self._calls:
                self._calls.pop(stream).left()
            case h2.events.WindowUpdated():
                for call in self._calls.values():
                    call.room.set()
            case _:
                pass

    def _asked(self, event: h2.events.RequestReceived) -> None:
        headers = {str(name): str(value) for name, value in event.headers or ()}
        path = headers[":path"]
        headers["host"] = headers.get(":authority", "")
        owner = next(
            (name for name, one in self.desk.providers.items() if ("GRPC", path) in one.routes), None
        )
        call = self.desk.call("GRPC", f"/{owner}{path}" if owner else path, headers, b"")
        response, fault = self.desk.answer(call, self.number)
        stats = self.desk.stats
        stats.statuses[response.status] = stats.statuses.get(response.status, 0) + 1
        call.fault = fault
        stream = event.stream_id or 0
        self._calls[stream] = GrpcPeer(self, stream, call, response, fault)


class GrpcPeer:
    """One call's client: a `lab.http.Peer` whose messages are bytes. `close` takes gRPC's statuses."""

    def __init__(
        self, connection: GrpcConnection, stream: int, call: Call, response: Response, fault: Fault | None
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._call = call
        self._fault = fault
        self._body = bytearray()
        self._messages: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self.room = asyncio.Event()
        self._ended = self._left = self._began = False
        self._task = asyncio.ensure_future(self._run(response))

    async def _run(self, response: Response) -> None:
        await asyncio.sleep(((self._fault.delay_ms if self._fault else 0) + response.delay_ms) / 1000)
        if response.talk is None:
            # grpcio's asyncio client trips over a refusal that comes before its first message has left.
            while not (self._messages or self._ended or self._left):
                self._arrived.clear()
                await self._arrived.wait()
            await self.close(STATUSES.get(response.status, UNKNOWN), _words(response))
            return
        try:
            await response.talk(self)
        except ConnectionResetError:
            return
        while self._fault is not None and self._fault.end in ("hang", "stuck") and not self._left:
            self._arrived.clear()
            await self._arrived.wait()
        await self.close(0)

    # what is heard

    def heard(self, data: bytes) -> None:
        self._body += data
        while len(self._body) >= 5 and len(self._body) >= 5 + (
            size := int.from_bytes(self._body[1:5], "big")
        ):
            self._messages.append(bytes(self._body[5 : 5 + size]))
            del self._body[: 5 + size]
        self._arrived.set()

    def ended(self) -> None:
        self._ended = True
        self._arrived.set()

    def left(self) -> None:
        self._left = True
        self._arrived.set()
        self.room.set()

    def stop(self) -> None:
        self._task.cancel()

    # Peer

    async def receive(self) -> str | bytes | None:
        while not self._messages:
            if self._ended or self._left:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        message = self._messages.popleft()
        self._call.said.append(message)
        return message

    async def send(self, message: str | bytes) -> None:
        raw = message.encode() if isinstance(message, str) else message
        data = b"\0" + len(raw).to_bytes(4, "big") + raw
        h2c = self._connection.h2
        if not self._left and not self._began:
            self._began = True
            h2c.send_headers(self._stream, [(":status", "200"), ("content-type", "application/grpc")])
        while data:
            if self._left:
                raise ConnectionResetError("the client has left")
            size = min(len(data), h2c.local_flow_control_window(self._stream), h2c.max_outbound_frame_size)
            if size:
                h2c.send_data(self._stream, data[:size])
                data = data[size:]
                self._connection.flush()
            else:
                self.room.clear()
                await self.room.wait()

    async def close(self, code: int = 0, reason: str = "") -> None:
        if self._left:
            return
        self._left = True
        status = code if code <= 16 else UNAVAILABLE
        trailers = [("grpc-status", str(status)), ("grpc-message", quote(reason, safe=" /:,.'"))]
        if not self._began:
            trailers = [(":status", "200"), ("content-type", "application/grpc"), *trailers]
        self._connection.h2.send_headers(self._stream, trailers, end_stream=True)
        self._connection.flush()

    def abort(self) -> None:
        reset(self._connection.transport)

    def vanish(self) -> None:
        self._connection.vanished = True


def _words(response: Response) -> str:
    try:
        return str(msgspec.json.decode(response.body)["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return "The request failed."
