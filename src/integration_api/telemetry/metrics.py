"""Prometheus metrics. https://prometheus.io/docs/practices/naming/

Labels come from closed sets (providers, operations, outcomes): a caller cannot make new series.
"""

from functools import lru_cache

from integration_api.telemetry.board import Board, Count

GATEWAY_BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0)
"""Our own time: tens of microseconds when well, milliseconds when not."""
UPSTREAM_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""A provider's time: from a fast embedding to a long thought."""
SPEECH_BUCKETS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0)
"""What somebody who speaks waits for: a tenth of a second is not noticed, one is."""

BOARD = Board()

CALLS = BOARD.counter(
    "integration_calls_total", "Calls by how they ended.", ("provider", "operation", "status")
)
GATEWAY = BOARD.histogram(
    "integration_gateway_seconds",
    "Time a call spent in this service before its request was sent to the provider.",
    ("provider", "operation"),
    GATEWAY_BUCKETS,
)
UPSTREAM = BOARD.histogram(
    "integration_upstream_seconds",
    "Time from sending a request to the end of the provider's answer.",
    ("provider", "operation"),
    UPSTREAM_BUCKETS,
)
FIRST_TOKEN = BOARD.histogram(
    "integration_first_token_seconds",
    "Time from the caller's first byte to the first useful event of a streamed answer.",
    ("provider", "operation"),
    UPSTREAM_BUCKETS,
)
TOKENS = BOARD.counter(
    "integration_tokens_total", "Tokens as the provider counted them.", ("provider", "direction")
)
AUDIO_SECONDS = BOARD.counter(
    "integration_audio_seconds_total", "Sound that was listened to.", ("provider", "operation")
)
CHARACTERS = BOARD.counter(
    "integration_characters_total", "Characters that were spoken.", ("provider", "operation")
)
FIRST_TEXT = BOARD.histogram(
    "integration_stt_first_interim_seconds",
    "Time from the first speech of a live session to its first text, which may still change.",
    ("provider",),
    SPEECH_BUCKETS,
)
FINAL_TEXT = BOARD.histogram(
    "integration_stt_final_seconds",
    "Time from the end of live speech to its final text.",
    ("provider",),
    SPEECH_BUCKETS,
)
FIRST_AUDIO = BOARD.histogram(
    "integration_tts_first_audio_seconds",
    "Time from an utterance's first text to the first byte of its sound.",
    ("provider",),
    SPEECH_BUCKETS,
)
HTTP = BOARD.counter(
    "integration_http_responses_total", "REST answers by route and status.", ("route", "status")
)
RPC = BOARD.counter(
    "integration_grpc_responses_total", "gRPC answers by method and status.", ("method", "status")
)
IN_FLIGHT = BOARD.gauge("integration_calls_in_flight", "Calls being answered now.")
SPOOL = BOARD.gauge(
    "integration_audit_spool_bytes", "Audit records on disk that the database has not stored yet."
)
TELEPHONE_CALLS = BOARD.counter(
    "integration_telephone_calls_total", "Telephone calls by how they ended.", ("provider", "state")
)
WEBHOOKS_REFUSED = BOARD.counter(
    "integration_webhooks_refused_total",
    "Requests that were not proven to be a carrier's, or of no use.",
    ("provider", "reason"),
)
MEDIA_PEERS_REFUSED = BOARD.counter(
    "integration_media_peers_refused_total",
    "Requests for a call's sound that were not proven to be another replica's, or of no use.",
    ("reason",),
)
MEDIA_SESSIONS = BOARD.gauge("integration_media_sessions", "Calls whose sound comes here now.")
MEDIA_LOST = BOARD.counter(
    "integration_media_lost_frames_total",
    "Pieces of sound that nobody took in time.",
    ("provider", "direction"),
)


class Meter:
    """The series of one provider and operation, looked up once."""

    __slots__ = (
        "_characters", "_first_token", "_gateway", "_input", "_operation", "_output", "_provider", "_seconds",
        "_statuses", "_upstream",
    )  # fmt: skip

    def __init__(self, provider: str, operation: str) -> None:
        self._provider, self._operation = provider, operation
        self._gateway = GATEWAY.of(provider, operation)
        self._upstream = UPSTREAM.of(provider, operation)
        self._first_token = FIRST_TOKEN.of(provider, operation)
        self._input = TOKENS.of(provider, "input")
        self._output = TOKENS.of(provider, "output")
        self._seconds: Count | None = None
        self._characters: Count | None = None
        self._statuses: dict[str, Count] = {}

    def record(
        self,
        status: str,
        gateway: float | None,
        upstream: float | None,
        first_token: float | None,
        input_tokens: int | None,
        output_tokens: int | None,
    ) -> None:
        """Count one finished call; times in seconds, None where it never came to that."""
        counter = self._statuses.get(status)
        if counter is None:
            counter = self._statuses[status] = CALLS.of(self._provider, self._operation, status)
        counter.value += 1
        if gateway is not None:
            self._gateway.observe(gateway)
        if upstream is not None:
            self._upstream.observe(upstream)
        if first_token is not None:
            self._first_token.observe(first_token)
        if input_tokens:
            self._input.value += input_tokens
        if output_tokens:
            self._output.value += output_tokens

    def sound(self, seconds: float | None, characters: int | None) -> None:
        """Count what was listened to or spoken by a call; None where it was neither."""
        if seconds:
            self._seconds = self._seconds or AUDIO_SECONDS.of(self._provider, self._operation)
            self._seconds.value += seconds
        if characters:
            self._characters = self._characters or CHARACTERS.of(self._provider, self._operation)
            self._characters.value += characters


@lru_cache(maxsize=256)
def meter(provider: str, operation: str) -> Meter:
    """Return the one meter of a provider and operation."""
    return Meter(provider, operation)
