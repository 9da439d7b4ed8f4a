"""The connection without a socket: every rule of RFC 9113 that a peer may break, every flood, and noise."""

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_api.edge.http2_connection import Http2Connection
from integration_api.edge.http2_stream import Stream
from integration_api.edge.limits import Limits
from integration_api.http2 import frames as wire
from integration_api.http2.frames import ErrorCode

LIMITS = Limits()
GET = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"test")]
POST = [(b":method", b"POST"), *GET[1:]]
NO_SETTINGS = wire.settings({})


def block(fields) -> bytes:
    return hpack.Encoder().encode([(name, value, True) for name, value in fields], huffman=False)


def frame(kind, flags, number, payload=b"") -> bytes:
    return wire.header(kind, flags, number, len(payload)) + payload


def headers(number, fields=GET, *, end=True) -> bytes:
    return wire.headers(number, block(fields), wire.FRAME_BYTES, end=end)


def data(number, payload, *, end=False) -> bytes:
    return frame(wire.DATA, wire.END_STREAM if end else 0, number, payload)


class Peer:
    """Takes streams as the doors would, and keeps what it heard."""

    def __init__(self, limits=LIMITS, *, begin=True):
        self.heard = []
        self.heads = {}
        self.streams = {}
        self.now = 100.0
        self.connection = Http2Connection(self, limits, self.now)
        if begin:
            self.say(wire.PREFACE + NO_SETTINGS + wire.SETTINGS_ACK)
            self.frames()

    def open(self, stream: Stream, head):
        self.heads[stream.id] = head
        self.streams[stream.id] = stream
        return Taking(self, stream)

    def wake(self):
        pass

    def say(self, said: bytes, size=None):
        """Give bytes to the connection, `size` at a time."""
        size = size or len(said) or 1
        for at in range(0, len(said), size):
            self.connection.receive(memoryview(bytearray(said[at : at + size])), self.now)

    def frames(self):
        """Return what the connection wants to send, as (type, flags, stream, payload)."""
        self.connection.pour(1 << 30)
        sent = b"".join(self.connection.out)
        self.connection.out.clear()
        found = []
        while sent:
            size = int.from_bytes(sent[:3], "big")
            assert size <= wire.FRAME_BYTES
            found.append((sent[3], sent[4], int.from_bytes(sent[5:9], "big"), sent[9 : 9 + size]))
            assert len(found[-1][3]) == size
            sent = sent[9 + size :]
        return found

    @property
    def failed(self):
        return self.connection.failed and self.connection.failed.code

    def resets(self):
        return {
            n: ErrorCode(int.from_bytes(payload, "big")) for kind, _, n, payload in self.frames() if kind == 3
        }


class Taking:
    def __init__(self, peer, stream):
        self.peer, self.stream = peer, stream

    def take(self, payload):
        if bytes(payload[:4]) == b"hold":
            self.stream.hold(len(payload))
        else:
            self.stream.credit(len(payload))
        self.peer.heard.append((self.stream.id, bytes(payload)))

    def end(self):
        self.peer.heard.append((self.stream.id, "end"))

    def lost(self):
        self.peer.heard.append((self.stream.id, "lost"))

    def tick(self, now): ...

    def abandon(self): ...


# What is allowed.


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_requests_are_heard_however_their_bytes_come(size):
    peer = Peer(begin=False)
    padded = frame(wire.DATA, wire.PADDED, 1, b"\x03one\0\0\0")
    prioritized = block(POST)
    long = block([*POST, (b"x-long", b"l" * 300)])
    peer.say(
        wire.PREFACE
        + NO_SETTINGS
        + frame(
            wire.HEADERS,
            wire.END_HEADERS | wire.PRIORITIZED | wire.PADDED,
            1,
            b"\x02" + bytes(5) + prioritized + bytes(2),
        )
        + padded
        + frame(wire.PRIORITY, 0, 9, bytes(5))
        + frame(0xEE, 0xFF, 77, b"unknown")
        + data(1, b"two", end=True)
        + frame(wire.HEADERS, wire.END_STREAM, 3, long[:5])
        + frame(wire.CONTINUATION, 0, 3, long[5:50])
        + frame(wire.CONTINUATION, wire.END_HEADERS, 3, long[50:])
        + headers(5, POST, end=False)
        + data(5, b"body")
        + headers(5, [(b"x-trailer", b"t")]),
        size,
    )
    assert peer.failed is None
    heard = {n: b"".join(p for m, p in peer.heard if m == n and p != "end") for n in (1, 3, 5)}
    assert heard == {1: b"onetwo", 3: b"", 5: b"body"}
    assert [n for n, p in peer.heard if p == "end"] == [1, 3, 5]
    assert peer.heads[3].headers == {b"host": b"test", b"x-long": b"l" * 300}
    assert not peer.connection.partial_at


def test_settings_are_told_and_answered():
    peer = Peer(begin=False)
    kinds = peer.frames()
    told = dict(wire.read_settings(kinds[0][3]))
    assert told[wire.MAX_CONCURRENT_STREAMS] == LIMITS.http2_streams
    assert told[wire.INITIAL_WINDOW_SIZE] == LIMITS.http2_stream_window
    assert told[wire.MAX_HEADER_LIST_SIZE] == LIMITS.header_bytes
    assert kinds[1][0] == wire.WINDOW_UPDATE
    peer.say(wire.PREFACE + NO_SETTINGS)
    assert peer.frames() == [(wire.SETTINGS, wire.ACK, 0, b"")]


def test_a_ping_is_answered_with_its_own_bytes():
    peer = Peer()
    peer.say(frame(wire.PING, 0, 0, b"12345678"))
    assert peer.frames() == [(wire.PING, wire.ACK, 0, b"12345678")]


def test_an_answer_has_head_body_and_trailers():
    peer = Peer()
    peer.say(headers(1))
    stream = peer.streams[1]
    stream.send_head(b"\x88")
    stream.send(b"some")
    stream.send(b" body")
    stream.finish(b"\x89")
    assert peer.frames() == [
        (wire.HEADERS, wire.END_HEADERS, 1, b"\x20\x88"),
        (wire.DATA, 0, 1, b"some body"),
        (wire.HEADERS, wire.END_HEADERS | wire.END_STREAM, 1, b"\x89"),
    ]
    assert not peer.connection.streams
    peer.say(headers(3))
    peer.streams[3].send_head(b"\x88")
    peer.streams[3].finish()
    assert peer.frames() == [(wire.HEADERS, wire.END_HEADERS | wire.END_STREAM, 3, b"\x88")]


def test_a_head_larger_than_a_frame_is_continued():
    peer = Peer()
    peer.say(headers(1))
    peer.streams[1].send_head(bytes(40_000))
    assert [kind for kind, *_ in peer.frames()] == [wire.HEADERS, wire.CONTINUATION, wire.CONTINUATION]


def test_an_answer_before_the_request_has_ended_ends_the_request():
    peer = Peer()
    peer.say(headers(1, POST, end=False))
    peer.streams[1].send_head(b"\x88")
    peer.streams[1].finish()
    assert peer.resets() == {1: ErrorCode.NO_ERROR}
    peer.say(data(1, b"was under way", end=True) + headers(1, [(b"x", b"y")]))
    assert peer.failed is None
    assert peer.heard == []


# Flow control.


def test_an_answer_keeps_within_both_windows_and_streams_take_turns():
    peer = Peer()
    peer.say(wire.settings({wire.INITIAL_WINDOW_SIZE: 40_000}) + headers(1) + headers(3))
    for number in (1, 3):
        peer.streams[number].send_head(b"\x88")
        peer.streams[number].send(bytes(100_000))
        peer.streams[number].finish()
    sent = [(n, len(p)) for kind, _, n, p in peer.frames() if kind == wire.DATA]
    assert [n for n, _ in sent][:4] == [1, 3, 1, 3]
    assert sum(size for _, size in sent) == wire.DEFAULT_WINDOW
    peer.say(wire.window_update(0, 1_000_000))
    sent += [(n, len(p)) for kind, _, n, p in peer.frames() if kind == wire.DATA]
    assert {number: sum(size for n, size in sent if n == number) for number in (1, 3)} == {
        1: 40_000,
        3: 40_000,
    }
    peer.say(wire.window_update(1, 1_000_000))
    assert sum(len(p) for kind, _, n, p in peer.frames() if kind == wire.DATA and n == 1) == 60_000
    peer.say(wire.settings({wire.INITIAL_WINDOW_SIZE: 99_999}))
    assert sum(len(p) for kind, _, n, p in peer.frames() if kind == wire.DATA and n == 3) == 59_999
    assert list(peer.connection.streams) == [3]


def test_a_window_may_shrink_below_nothing():
    peer = Peer()
    peer.say(headers(1))
    stream = peer.streams[1]
    stream.send_head(b"\x88")
    stream.send(bytes(50_000))
    peer.frames()
    peer.say(wire.settings({wire.INITIAL_WINDOW_SIZE: 0}))
    assert stream.window == -50_000
    stream.send(b"more")
    assert [kind for kind, *_ in peer.frames()] == [wire.SETTINGS]
    peer.say(wire.window_update(1, 50_002))
    assert [p for kind, _, _, p in peer.frames() if kind == wire.DATA] == [b"mo"]


def test_the_peer_is_given_room_as_bytes_are_worked_off():
    peer = Peer()
    peer.say(headers(1, POST, end=False))
    for _ in range(1_000):
        peer.say(data(1, bytes(16_384)))
    updates = [(n, int.from_bytes(p, "big")) for kind, _, n, p in peer.frames() if kind == wire.WINDOW_UPDATE]
    for number, window in ((0, LIMITS.http2_connection_window), (1, LIMITS.http2_stream_window)):
        given_back = sum(more for n, more in updates if n == number)
        assert 1_000 * 16_384 - window // 2 <= given_back <= 1_000 * 16_384
    assert peer.failed is None


def test_a_peer_that_disregards_a_streams_window_loses_the_stream():
    peer = Peer()
    peer.say(headers(1, POST, end=False))
    peer.streams[1].taker.take = lambda payload: None  # nothing is worked off
    for _ in range(LIMITS.http2_stream_window // 16_384):
        peer.say(data(1, bytes(16_384)))
    assert peer.resets() == {}
    peer.say(data(1, b"x"))
    assert peer.resets() == {1: ErrorCode.FLOW_CONTROL_ERROR}
    assert peer.heard == [(1, "lost")]


def test_bytes_held_for_all_streams_are_bounded():
    peer = Peer(Limits(http2_buffered=40_000))
    peer.say(headers(1, POST, end=False) + headers(3, POST, end=False))
    peer.say(
        data(1, b"hold" + bytes(16_000)) + data(3, b"hold" + bytes(16_000)) + data(1, b"hold" + bytes(16_000))
    )
    assert peer.resets() == {1: ErrorCode.ENHANCE_YOUR_CALM}
    assert peer.connection.held == 16_004
    assert peer.failed is None


# What a request must not be: its stream ends, the others go on.


@pytest.mark.parametrize(
    "fields",
    [
        GET[1:],
        GET[:1] + GET[2:],
        [GET[0], GET[1], GET[3]],
        [GET[0], GET[1], (b":path", b"")],
        [*GET, GET[0]],
        [*GET, GET[2]],
        [*GET, (b":status", b"200")],
        [(b"x", b"y"), *GET],
        [*GET, (b"connection", b"close")],
        [*GET, (b"keep-alive", b"1")],
        [*GET, (b"proxy-connection", b"x")],
        [*GET, (b"transfer-encoding", b"chunked")],
        [*GET, (b"upgrade", b"h2c")],
        [*GET, (b"te", b"gzip")],
        [*GET, (b"host", b"other")],
        [*GET, (b"content-length", b"-1")],
        [*GET, (b"content-length", b"+1")],
        [*GET, (b"content-length", b"1, 1")],
        [*GET, (b"content-length", b"1"), (b"content-length", b"1")],
        [*GET, (b"content-length", b"9" * 30)],
        [*GET, (b"content-length", b"1")],  # and it ends here
    ],
)
def test_a_malformed_request_loses_its_stream(fields):
    peer = Peer()
    peer.say(headers(1, fields))
    assert peer.resets() == {1: ErrorCode.PROTOCOL_ERROR}
    assert not peer.connection.streams
    peer.say(headers(3))
    assert peer.failed is None
    assert peer.heads[3] is not None


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (data(1, b"four") + data(1, b"", end=True), ErrorCode.PROTOCOL_ERROR),  # announced five
        (data(1, b"sixsix"), ErrorCode.PROTOCOL_ERROR),
        (headers(1, [(b"x", b"y")], end=False), ErrorCode.PROTOCOL_ERROR),  # trailers that do not end
        (headers(1, [(b":path", b"/")]), ErrorCode.PROTOCOL_ERROR),
        (wire.window_update(1, 0), ErrorCode.PROTOCOL_ERROR),
        (wire.window_update(1, wire.NEWEST), ErrorCode.FLOW_CONTROL_ERROR),
        (data(1, b"fives", end=True) + data(1, b"x"), ErrorCode.STREAM_CLOSED),
        (data(1, b"fives", end=True) + headers(1, [(b"x", b"y")]), ErrorCode.STREAM_CLOSED),
    ],
)
def test_a_stream_that_goes_wrong_ends_alone(frames, code):
    peer = Peer()
    peer.say(headers(1, [*POST, (b"content-length", b"5")], end=False) + headers(3, POST, end=False))
    peer.say(frames)
    assert peer.resets() == {1: code}
    assert peer.heard[-1] == (1, "lost")
    assert peer.failed is None
    assert list(peer.connection.streams) == [3]


def test_header_fields_are_joined_as_promised():
    peer = Peer()
    more = [(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"x", b" one\t"), (b"x", b"two"), (b"te", b"trailers")]
    peer.say(headers(1, [*GET, *more]))
    assert peer.heads[1].headers == {
        b"host": b"test",
        b"cookie": b"a=1; b=2",
        b"x": b"one, two",
        b"te": b"trailers",
    }


def test_a_head_with_too_much_in_it_is_opened_as_such():
    peer = Peer()
    peer.say(headers(1, [*GET, *((b"x-%d" % n, b"") for n in range(LIMITS.header_count))]))
    for n in range(8):
        peer.say(
            frame(
                wire.HEADERS if not n else wire.CONTINUATION,
                0,
                3,
                block([*(GET if not n else []), (b"x", b"y" * 1_900)]),
            )
        )
    peer.say(frame(wire.CONTINUATION, wire.END_HEADERS | 0, 3, block([(b"x", b"y" * 900)])))
    assert peer.heads == {1: None, 3: None}


def test_streams_beyond_the_limit_are_refused():
    peer = Peer(Limits(http2_streams=2))
    peer.say(headers(1) + headers(3) + headers(5))
    assert peer.resets() == {5: ErrorCode.REFUSED_STREAM}
    peer.say(wire.rst_stream(1, ErrorCode.CANCEL) + headers(7))
    assert list(peer.connection.streams) == [3, 7]


# What a connection must not be: it ends.


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", ErrorCode.PROTOCOL_ERROR),
        (wire.PREFACE + headers(1), ErrorCode.PROTOCOL_ERROR),
        (wire.PREFACE + wire.SETTINGS_ACK, ErrorCode.PROTOCOL_ERROR),
        (wire.PREFACE + frame(0xEE, 0, 0), ErrorCode.PROTOCOL_ERROR),
    ],
)
def test_a_connection_begins_with_preface_and_settings(said, code):
    peer = Peer(begin=False)
    peer.say(said)
    assert peer.failed is code


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (frame(wire.DATA, 0, 0, b"x"), ErrorCode.PROTOCOL_ERROR),
        (data(3, b"x"), ErrorCode.PROTOCOL_ERROR),
        (data(2, b"x"), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.DATA, wire.PADDED, 1, b"\x01"), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.DATA, wire.PADDED, 1, b""), ErrorCode.PROTOCOL_ERROR),
        (headers(0), ErrorCode.PROTOCOL_ERROR),
        (headers(2), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.HEADERS, wire.PRIORITIZED | wire.END_HEADERS, 3, b"123"), ErrorCode.FRAME_SIZE_ERROR),
        (frame(wire.HEADERS, wire.END_HEADERS, 3, b"\x80"), ErrorCode.COMPRESSION_ERROR),
        (frame(wire.HEADERS, 0, 3) + headers(5), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.HEADERS, 0, 3) + frame(0xEE, 0, 3), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.HEADERS, 0, 3) + frame(wire.CONTINUATION, 4, 5), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.CONTINUATION, 4, 1), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.PRIORITY, 0, 0, bytes(5)), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.PRIORITY, 0, 1, bytes(4)), ErrorCode.FRAME_SIZE_ERROR),
        (frame(wire.RST_STREAM, 0, 0, bytes(4)), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.RST_STREAM, 0, 3, bytes(4)), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.RST_STREAM, 0, 1, bytes(5)), ErrorCode.FRAME_SIZE_ERROR),
        (frame(wire.SETTINGS, 0, 1), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.SETTINGS, 0, 0, bytes(5)), ErrorCode.FRAME_SIZE_ERROR),
        (frame(wire.SETTINGS, wire.ACK, 0, bytes(6)), ErrorCode.FRAME_SIZE_ERROR),
        (wire.settings({wire.INITIAL_WINDOW_SIZE: 1 << 31}), ErrorCode.FLOW_CONTROL_ERROR),
        (wire.settings({wire.MAX_FRAME_SIZE: 100}), ErrorCode.PROTOCOL_ERROR),
        (wire.settings({wire.MAX_FRAME_SIZE: 1 << 24}), ErrorCode.PROTOCOL_ERROR),
        (wire.settings({wire.ENABLE_PUSH: 2}), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.PUSH_PROMISE, 4, 1, bytes(4)), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.PING, 0, 1, bytes(8)), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.PING, 0, 0, bytes(7)), ErrorCode.FRAME_SIZE_ERROR),
        (frame(wire.GOAWAY, 0, 1, bytes(8)), ErrorCode.PROTOCOL_ERROR),
        (frame(wire.GOAWAY, 0, 0, bytes(7)), ErrorCode.FRAME_SIZE_ERROR),
        (frame(wire.WINDOW_UPDATE, 0, 0, bytes(5)), ErrorCode.FRAME_SIZE_ERROR),
        (wire.window_update(0, 0), ErrorCode.PROTOCOL_ERROR),
        (wire.window_update(0, wire.NEWEST), ErrorCode.FLOW_CONTROL_ERROR),
        (wire.window_update(3, 1), ErrorCode.PROTOCOL_ERROR),
        (
            wire.window_update(1, wire.NEWEST - wire.DEFAULT_WINDOW)
            + wire.settings({wire.INITIAL_WINDOW_SIZE: 65_536}),
            ErrorCode.FLOW_CONTROL_ERROR,
        ),
        (wire.header(wire.DATA, 0, 1, wire.FRAME_BYTES + 1), ErrorCode.FRAME_SIZE_ERROR),
        (wire.rst_stream(1, ErrorCode.CANCEL) + data(1, b"x"), ErrorCode.STREAM_CLOSED),
        (headers(5) + headers(3), ErrorCode.STREAM_CLOSED),
    ],
)
@pytest.mark.parametrize("size", [1, None])
def test_a_connection_that_goes_wrong_ends(said, code, size):
    peer = Peer()
    peer.say(headers(1, POST, end=False), size)
    peer.say(said, size)
    assert peer.failed is code
    goodbye = peer.frames()[-1]
    assert goodbye[0] == wire.GOAWAY
    assert int.from_bytes(goodbye[3][4:8], "big") == code
    assert (1, "lost") in peer.heard
    assert not peer.connection.streams
    heard = len(peer.heard)
    peer.say(headers(7))
    assert len(peer.heard) == heard


# Floods: each ends the connection before it has cost much.

COMPRESSED = wire.header(wire.HEADERS, 0, 1, 1) + b"\x82"


def rapid_reset():
    return (headers(n) + wire.rst_stream(n, ErrorCode.CANCEL) for n in range(1, 10**6, 2))


def made_reset():
    return (headers(n) + wire.window_update(n, 0) for n in range(1, 10**6, 2))


def malformed():
    return (headers(n, GET[1:]) for n in range(1, 10**6, 2))


def too_many_streams():
    return (headers(n) for n in range(1, 10**6, 2))


def headers_too_large():
    return (
        headers(n, [*GET, (b"x", b"y" * 16_000), (b"x", b"y" * 300)], end=True) for n in range(1, 10**6, 2)
    )


def again(said: bytes, before: bytes = b""):
    yield before
    for _ in range(10**6):
        yield said


FLOODS = {
    "ping": lambda: again(frame(wire.PING, 0, 0, bytes(8))),
    "pong": lambda: again(frame(wire.PING, wire.ACK, 0, bytes(8))),
    "settings": lambda: again(NO_SETTINGS),
    "settings ack": lambda: again(wire.SETTINGS_ACK),
    "rapid reset": rapid_reset,
    "made you reset": made_reset,
    "malformed requests": malformed,
    "too many streams": too_many_streams,
    "continuation": lambda: again(frame(wire.CONTINUATION, 0, 1, b"\x82"), COMPRESSED),
    "empty continuation": lambda: again(frame(wire.CONTINUATION, 0, 1), COMPRESSED),
    "empty data": lambda: again(data(1, b""), headers(1, POST, end=False)),
    "padding": lambda: again(frame(wire.DATA, wire.PADDED, 1, b"\x01\0"), headers(1, POST, end=False)),
    "priority": lambda: again(frame(wire.PRIORITY, 0, 1, bytes(5))),
    "unknown": lambda: again(frame(0x42, 0, 1, b"?")),
    "window update": lambda: again(wire.window_update(0, 1)),
    "window update of a stream": lambda: again(wire.window_update(1, 1), headers(1, POST, end=False)),
    "goaway": lambda: again(frame(wire.GOAWAY, 0, 0, bytes(8))),
    "reset of the reset": lambda: again(wire.rst_stream(1, ErrorCode.CANCEL), headers(1)),
    "headers too large": headers_too_large,
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_the_connection(name):
    peer = Peer()
    written = said = 0
    for part in FLOODS[name]():
        peer.say(part)
        peer.connection.pour(1 << 20)
        written += sum(map(len, peer.connection.out))
        said += 1
        if peer.failed is not None:
            break
        peer.connection.out.clear()
    assert peer.failed is ErrorCode.ENHANCE_YOUR_CALM
    assert said <= 1_200
    assert written < 100_000
    assert not peer.connection.streams
    assert peer.connection.held == 0


def test_budgets_are_refilled():
    peer = Peer()
    for _ in range(5):
        peer.say(frame(wire.PING, 0, 0, bytes(8)) * LIMITS.ping_budget)
        peer.now += LIMITS.budget_window
        peer.connection.tick(peer.now)
    assert peer.failed is None


def test_pings_that_measure_an_answers_way_are_free():
    peer = Peer()
    peer.say(headers(1))
    peer.streams[1].send_head(b"\x88")
    for _ in range(5 * LIMITS.ping_budget):
        peer.streams[1].send(b"token")
        peer.frames()
        peer.say(frame(wire.PING, 0, 0, bytes(8)) + wire.window_update(0, 14) + wire.window_update(1, 14))
    assert peer.failed is None


def test_callers_who_lose_patience_do_not_lose_their_connection():
    peer = Peer()
    for number in range(1, 10 * LIMITS.reset_budget, 4):
        peer.say(headers(number))
        peer.now += 1.5
        peer.say(wire.rst_stream(number, ErrorCode.CANCEL))
        peer.say(headers(number + 2))
        peer.streams[number + 2].send_head(b"\x88")
        peer.say(wire.rst_stream(number + 2, ErrorCode.CANCEL))
    assert peer.failed is None


# Farewells.


def test_leaving_waits_for_streams_that_are_under_way():
    peer = Peer()
    peer.say(headers(1))
    peer.connection.leave()
    (goaway, ping) = peer.frames()
    assert goaway[3] == wire.NEWEST.to_bytes(4, "big") + bytes(4)
    peer.say(headers(3))  # sent before the peer could know
    assert not peer.connection.left
    peer.say(frame(wire.PING, wire.ACK, 0, ping[3]))
    assert peer.frames() == [(wire.GOAWAY, 0, 0, (3).to_bytes(4, "big") + bytes(4))]
    assert peer.connection.left
    peer.say(headers(5))
    assert peer.resets() == {5: ErrorCode.REFUSED_STREAM}
    assert list(peer.connection.streams) == [1, 3]


def test_a_closed_connection_tells_every_stream():
    peer = Peer()
    peer.say(headers(1) + headers(3, POST, end=False) + data(3, b"hold"))
    peer.connection.close()
    assert {n for n, heard in peer.heard if heard == "lost"} == {1, 3}
    assert peer.connection.held == 0
    peer.streams[1].send_head(b"\x88")
    peer.streams[1].send(b"too late")
    peer.streams[1].finish()
    peer.streams[1].reset(ErrorCode.CANCEL)
    assert peer.frames() == []


def test_a_kept_frame_is_wiped():
    peer = Peer()
    peer.say(headers(1, POST, end=False))
    secret = data(1, b"a secret in two reads")
    peer.say(secret[:20])
    kept = peer.connection._tail
    assert b"a secret" in kept
    peer.say(secret[20:])
    assert kept == bytes(len(kept))
    assert peer.heard == [(1, b"a secret in two reads")]


# Noise.

unhurried = settings(deadline=None, max_examples=300)
FRAMES = st.builds(
    frame,
    st.integers(0, 10),
    st.sampled_from([0, 1, 4, 5, 8, 0x20, 0x25, 0x2D, 0xFF]),
    st.sampled_from([0, 1, 1, 2, 3, 3, 5, 7, wire.NEWEST]),
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [
                block(GET),
                block(POST),
                bytes(4),
                bytes(5),
                bytes(8),
                b"\0\4\0\0\0\1",
                bytes(6),
                b"\x7f\xff\xff\xff",
            ]
        ),
    ),
)
VALID = st.sampled_from(
    [
        headers(1, POST, end=False),
        headers(3),
        headers(5, POST, end=False),
        data(1, b"hold"),
        data(1, b"x", end=True),
        wire.window_update(0, 1000),
        wire.rst_stream(1, ErrorCode.CANCEL),
        NO_SETTINGS,
        frame(wire.PING, 0, 0, bytes(8)),
    ]
)


@unhurried
@given(st.lists(FRAMES | VALID, max_size=30), st.integers(1, 64), st.data())
def test_frames_in_any_order_never_raise(frames, size, draw):
    said = bytearray(b"".join(frames))
    for _ in range(draw.draw(st.integers(0, 3))):
        if said:
            said[draw.draw(st.integers(0, len(said) - 1))] = draw.draw(st.integers(0, 255))
    peer = Peer()
    peer.say(bytes(said), size)
    for stream in list(peer.connection.streams.values()):
        stream.send_head(b"\x88")
        stream.send(b"body")
        stream.finish()
    peer.frames()
    assert peer.connection.held == sum(stream.held for stream in peer.connection.streams.values())
    ended = {n for n, heard in peer.heard if heard == "lost"}
    assert ended.isdisjoint(peer.connection.streams)
    peer.connection.close()
    assert peer.connection.held == 0


@unhurried
@given(st.binary(max_size=400), st.booleans())
def test_random_bytes_never_raise(said, begun):
    peer = Peer(begin=begun)
    peer.say(said)
    peer.frames()
    peer.connection.close()
