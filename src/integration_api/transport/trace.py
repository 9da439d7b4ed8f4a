"""What is noted of a call as it proceeds, for audit, metrics and server-timing."""

from collections.abc import Mapping

from msgspec import Struct


class Trace(Struct):
    """Times are `time.perf_counter()`, 0 for what has not happened. Status and headers are of the last answer."""

    started_at: float
    sent_at: float = 0.0
    """When the first request of the call was first written."""
    first_byte_at: float = 0.0
    finished_at: float = 0.0
    attempts: int = 0
    """1 once something was tried, and one more for every retry; the steps of a conversation do not count."""
    status: int = 0
    headers: Mapping[str, str] = {}
