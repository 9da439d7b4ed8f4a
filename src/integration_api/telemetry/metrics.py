"""Prometheus metrics. https://prometheus.io/docs/practices/naming/

Labels come from closed sets (providers, operations, outcomes): a caller cannot
make new series. With several workers, the client library's multiprocess mode
adds them up (PROMETHEUS_MULTIPROC_DIR, set by the supervisor).
"""

import os
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

GATEWAY_BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0)
"""Our own time: tens of microseconds when well, milliseconds when not."""
UPSTREAM_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""A provider's time: from a fast embedding to a long thought."""

REGISTRY = CollectorRegistry()

CALLS = Counter(
    "integration_calls_total",
    "Calls by how they ended.",
    ("provider", "operation", "status"),
    registry=REGISTRY,
)
GATEWAY = Histogram(
    "integration_gateway_seconds",
    "Time a call spent in this service before its request was sent to the provider.",
    ("provider", "operation"),
    buckets=GATEWAY_BUCKETS,
    registry=REGISTRY,
)
UPSTREAM = Histogram(
    "integration_upstream_seconds",
    "Time from sending a request to the end of the provider's answer.",
    ("provider", "operation"),
    buckets=UPSTREAM_BUCKETS,
    registry=REGISTRY,
)
FIRST_TOKEN = Histogram(
    "integration_first_token_seconds",
    "Time from the caller's first byte to the first useful event of a streamed answer.",
    ("provider", "operation"),
    buckets=UPSTREAM_BUCKETS,
    registry=REGISTRY,
)
TOKENS = Counter(
    "integration_tokens_total",
    "Tokens as the provider counted them.",
    ("provider", "direction"),
    registry=REGISTRY,
)
HTTP = Counter(
    "integration_http_responses_total",
    "REST answers by route and status.",
    ("route", "status"),
    registry=REGISTRY,
)
RPC = Counter(
    "integration_grpc_responses_total",
    "gRPC answers by method and status.",
    ("method", "status"),
    registry=REGISTRY,
)
IN_FLIGHT = Gauge(
    "integration_calls_in_flight",
    "Calls being answered now.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
SPOOL = Gauge(
    "integration_audit_spool_bytes",
    "Audit records on disk that the database has not stored yet.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)


class Meter:
    """The series of one provider and operation, looked up once."""

    __slots__ = (
        "_first_token",
        "_gateway",
        "_input",
        "_output",
        "_statuses",
        "_upstream",
        "operation",
        "provider",
    )

    def __init__(self, provider: str, operation: str) -> None:
        self.provider, self.operation = provider, operation
        self._gateway = GATEWAY.labels(provider, operation)
        self._upstream = UPSTREAM.labels(provider, operation)
        self._first_token = FIRST_TOKEN.labels(provider, operation)
        self._input = TOKENS.labels(provider, "input")
        self._output = TOKENS.labels(provider, "output")
        self._statuses: dict[str, Counter] = {}

    def record(
        self,
        status: str,
        *,
        gateway: float | None,
        upstream: float | None,
        first_token: float | None,
        input_tokens: int | None,
        output_tokens: int | None,
    ) -> None:
        """Count one finished call; times in seconds, None where it never came to that."""
        counter = self._statuses.get(status)
        if counter is None:
            counter = self._statuses[status] = CALLS.labels(self.provider, self.operation, status)
        counter.inc()
        if gateway is not None:
            self._gateway.observe(gateway)
        if upstream is not None:
            self._upstream.observe(upstream)
        if first_token is not None:
            self._first_token.observe(first_token)
        if input_tokens:
            self._input.inc(input_tokens)
        if output_tokens:
            self._output.inc(output_tokens)


@lru_cache(maxsize=256)
def meter(provider: str, operation: str) -> Meter:
    """Return the one meter of a provider and operation."""
    return Meter(provider, operation)


def exposition() -> bytes:
    """Return all metrics in the Prometheus text format, every worker's added up."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
