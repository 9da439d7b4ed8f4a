"""Every number the edge defends itself with, and why it is that number."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, times in seconds. A timeout fires up to one `tick` late, or two after a standstill."""

    tick: float = 1.0
    """One clock looks at all connections this often, in place of a timer for each request."""
    connections: int = 10_000
    """A worker. Ten thousand idle ones cost about 40 MB and a tick of a few milliseconds."""

    header_timeout: float = 10.0
    """From a request's first byte, or the connection's, to its head's end. A TLS handshake has as long before."""
    header_bytes: int = 16_384
    """Request line and fields together; also HTTP/2's header list. What nginx and node allow, too."""
    header_count: int = 100
    """Fields in one head: browsers send about 20."""
    target_bytes: int = 8_192
    """The request target alone; longer ones break other servers first."""
    pipelined: int = 64
    """Requests waiting on one HTTP/1.1 connection; at half of them it is not read on. Benchmarks pipeline 16."""

    body_bytes: int = 10 * 1024 * 1024
    """A JSON request with pictures in it; refused before it is read when its length is told."""
    upload_bytes: int = 26 * 1024 * 1024
    """The same for `upload_paths`: 25 MB of sound, which is what OpenAI takes, and a form around it."""
    upload_paths: frozenset[str] = frozenset()
    public_body_bytes: int = 64 * 1024
    """The same for everything below `public_paths`, where anybody may knock: carriers send some two thousand."""
    public_paths: tuple[str, ...] = ()
    """Each ends with a slash."""
    body_idle: float = 15.0
    """Silence in mid-body, and the grace before `body_min_rate` is asked for."""
    body_min_rate: int = 1024
    """Bytes a second, on average: slower than any modem, faster than a slowloris cares to be."""
    body_timeout: float = 60.0
    """For a whole body."""

    keepalive: float = 75.0
    """Between requests: above the 60 s of usual load balancers, so that they close first."""
    quiet: float = 15.0
    """Silence in a streamed answer after which `Response.keepalive` is sent."""
    write_stall: float = 30.0
    """An answer waits this long for its reader to take any byte at all."""
    linger: float = 2.0
    """After a refusal the rest of the request is read and dropped this long, so that it is not reset away."""

    http2_streams: int = 100
    """Requests at once on one connection: RFC 9113's own lower bound for a useful number."""
    http2_stream_window: int = 512 * 1024
    """What a stream may send ahead of its reader: 10 MB/s at 50 ms of round trip."""
    http2_connection_window: int = 16 * 1024 * 1024
    """What all streams together may send ahead."""
    http2_buffered: int = 64 * 1024 * 1024
    """Request bytes held for all streams of a connection; the stream that exceeds it is refused."""
    http2_idle: float = 300.0
    """Without a stream: gRPC channels rest between calls, and reconnect by themselves."""
    http2_ping: float = 60.0
    """A silent peer with open streams is asked whether it still lives."""
    http2_ping_timeout: float = 20.0
    """What gRPC gives the answer to such a question."""
    http2_age: float = 3600.0
    """After it the peer is asked to reconnect, so that long channels spread over the workers; 0 is never."""

    budget_window: float = 10.0
    """The budgets below are refilled this often; who overdraws one is told to calm down and cut off."""
    ping_budget: int = 100
    """gRPC's bandwidth estimation sends at most ten a second."""
    settings_budget: int = 100
    """Real peers send one or two in a connection's life."""
    reset_budget: int = 100
    """Streams reset by us for the peer's errors, or by the peer within a second and unanswered: rapid reset."""
    empty_data_budget: int = 100
    """DATA frames that carry nothing and end nothing."""
    priority_budget: int = 1_000
    """PRIORITY (browsers send a handful) and frames of types unknown to us."""
    window_update_budget: int = 1_000
    """And four more for each DATA frame that we sent: careful clients answer each one with two."""
    continuations: int = 8
    """CONTINUATION frames of one header block: far more than `header_bytes` needs."""

    message_bytes: int = 16 * 1024 * 1024
    """One gRPC or WebSocket message, after decompression."""
    stream_backlog: int = 256 * 1024
    """Bytes waiting for their handler before their connection (or HTTP/2 stream) is no longer read."""
    websocket_ping: float = 20.0
    """Below the 60 s after which proxies forget silent connections."""
    websocket_ping_timeout: float = 20.0
    """Silence after a ping that means the peer is gone."""
    websocket_grace: float = 10.0
    """A talk may tidy up this long after its peer has left; then it is cancelled."""

    def body_limit(self, path: str) -> int:
        """Return how large the body of a request to `path` may be."""
        if self.public_paths and path.startswith(self.public_paths):
            return min(self.public_body_bytes, self.body_bytes)
        if not self.upload_paths or (
            path not in self.upload_paths and path.rstrip("/") not in self.upload_paths
        ):
            return self.body_bytes
        return self.upload_bytes
