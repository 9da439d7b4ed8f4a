"""HTTP/2 floods against the running service: each costs its sender the connection, and nobody else anything."""

import contextlib
import itertools
import re
import socket
import struct
import threading
from collections.abc import Iterable, Iterator

import pytest

from integration_api.http2 import frames as wire
from integration_api.http2.frames import ErrorCode
from tests.e2e.conftest import base_url
from tests.e2e.service import Service, running
from tests.e2e.streams import EACH, SECONDS
from tests.edge.test_http2_connection import FLOODS, GET, again, block, frame, headers

MB = 1 << 20
MOST = 30 * MB
"""Nobody needs to send more to be cut off; mere hundreds of kilobytes would do, were it not for the kernels' buffers."""
PACED = "anthropic/claude-sonnet-4-5-lab-paced-100-25"
CALM = ErrorCode.ENHANCE_YOUR_CALM


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, lab: str) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("floods")) as started:
        started.add_credential("anthropic", base_url(lab, "anthropic"))
        yield started


class Flooder:
    """Sends frames until it is told to stop, and keeps what it is told."""

    def __init__(self, service: Service) -> None:
        self.connection = socket.create_connection(("127.0.0.1", service.port), SECONDS)
        self.heard = bytearray()
        self.over = threading.Event()
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while said := self.connection.recv(65536):
                self.heard += said
                if self.goodbye is not None:
                    break
        self.over.set()

    @property
    def goodbye(self) -> ErrorCode | None:
        """What the first GOAWAY said; whoever goes on after it may be told another."""
        at = 0
        while len(self.heard) - at >= wire.HEADER_BYTES:
            high, low, kind, _, _ = wire.read_header(self.heard, at)
            size = high << 8 | low
            if kind == wire.GOAWAY and len(self.heard) >= at + 17:
                return ErrorCode(struct.unpack_from(">L", self.heard, at + 13)[0])
            at += wire.HEADER_BYTES + size
        return None

    def flood(self, parts: Iterable[bytes]) -> ErrorCode | None:
        """Send until the connection ends; return how."""
        sent = 0
        parts = itertools.chain([wire.PREFACE + wire.settings({}) + wire.SETTINGS_ACK], parts)
        with self.connection, contextlib.suppress(OSError):
            while not self.over.is_set() and sent < MOST:
                batch = b"".join(itertools.islice(parts, 500))
                if not batch:
                    self.over.wait(SECONDS)
                self.connection.sendall(batch)
                sent += len(batch)
            assert self.over.wait(SECONDS), "the flood was endured"
        self._listening.join()
        return self.goodbye


def bomb() -> Iterator[bytes]:
    """A field of 4 kB in the table, then as many references to it as a block holds."""
    planted = b"\x40\x01a" + b"\x7f" + bytes((0x80 | (4000 - 127) & 0x7F, (4000 - 127) >> 7)) + b"b" * 4000
    yield frame(wire.HEADERS, 5, 1, block(GET) + planted)
    for number in range(3, 10**6, 2):
        yield frame(wire.HEADERS, 5, number, block(GET) + b"\xbe" * 12_000)


def resizings() -> Iterator[bytes]:
    """The window of a hundred streams, up and down."""
    for number in range(1, 200, 2):
        yield headers(number, [*GET[:2], (b":path", b"/openapi.json"), (b":scheme", b"http")])
    while True:
        yield wire.settings({wire.INITIAL_WINDOW_SIZE: 0}) + wire.settings({wire.INITIAL_WINDOW_SIZE: 1})


MORE = {
    "bomb": (CALM, bomb),
    "resizings": (CALM, resizings),
    "noise": (ErrorCode.FRAME_SIZE_ERROR, lambda: again(b"\xff" * 100)),
    "goaway": (ErrorCode.NO_ERROR, FLOODS["goaway"]),
    "a frame too large": (ErrorCode.FRAME_SIZE_ERROR, lambda: again(wire.header(wire.DATA, 0, 1, 1 << 23))),
    "a window beyond all": (ErrorCode.FLOW_CONTROL_ERROR, lambda: again(wire.window_update(0, wire.NEWEST))),
    "garbled fields": (ErrorCode.COMPRESSION_ERROR, lambda: again(frame(wire.HEADERS, 5, 1, b"\xff" * 100))),
    "data of nobody": (ErrorCode.PROTOCOL_ERROR, lambda: again(frame(wire.DATA, 0, 1, bytes(1_000)))),
    "pushed": (ErrorCode.PROTOCOL_ERROR, lambda: again(frame(wire.PUSH_PROMISE, 4, 1, bytes(10)))),
}
EVERY = {**{name: (CALM, said) for name, said in FLOODS.items()}, **MORE}


def test_floods_are_cut_off_while_others_are_served(service: Service, lab: str) -> None:
    with contextlib.ExitStack() as after:
        streams = [speak(service, PACED) for speak in EACH]
        for stream in streams:
            after.callback(stream.leave)
        told = {name: Flooder(service).flood(said()) for name, (_, said) in EVERY.items()}
        assert told == {name: code for name, (code, _) in EVERY.items()}
        assert [stream.finish() for stream in streams] == [True] * 3
    _, text = service.call("GET", "/metrics", key=None)
    assert not re.search(r'status="5\d\d"', str(text))
    log = service.log.read_text()
    assert '"level":"error"' not in log
    assert "Traceback" not in log


def test_floods_leave_no_memory_behind(service: Service) -> None:
    def storm() -> None:
        for _, said in EVERY.values():
            assert Flooder(service).flood(said()) is not None

    storm()
    before = service.rss()
    for _ in range(3):
        storm()
    assert service.rss() < before + 8 * MB


def test_floods_at_once_do_not_starve_others(service: Service) -> None:
    """Fifty floods of all kinds begin together; a caller among them waits for none of them."""
    flooders = [Flooder(service) for _ in range(50)]
    kinds = itertools.cycle(EVERY.values())
    threads = [
        threading.Thread(target=flooder.flood, args=(said(),))
        for flooder, (_, said) in zip(flooders, kinds, strict=False)
    ]
    for thread in threads:
        thread.start()
    answered = 0
    while any(thread.is_alive() for thread in threads):
        assert service.call("GET", "/healthz/", key=None)[0] == 200
        answered += 1
    assert answered
    assert all(flooder.goodbye is not None for flooder in flooders)


def test_streams_that_nobody_reads_hold_little(service: Service) -> None:
    """No window, and a hundred large answers asked for on each of twenty connections."""
    before = service.rss()
    ask = headers(1, [(b":method", b"GET"), (b":path", b"/openapi.json"), (b":scheme", b"http")])
    said = wire.PREFACE + wire.settings({wire.INITIAL_WINDOW_SIZE: 0}) + wire.SETTINGS_ACK
    said += b"".join(ask[:5] + struct.pack(">L", number) + ask[9:] for number in range(1, 200, 2))
    with contextlib.ExitStack() as held:
        for _ in range(20):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", service.port), SECONDS))
            connection.sendall(said)
            heads = 0
            while heads < 100:
                heads += connection.recv(65536).count(b"application/json")
        assert service.rss() < before + 32 * MB
        assert service.call("GET", "/healthz/", key=None)[0] == 200
