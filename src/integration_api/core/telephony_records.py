"""What is kept of telephony: calls, what was told of them, batches of calls, and where calls come in.

Ids, times and tenants as in `core/records.py`. None of it is secret.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from integration_api.core.telephony import CallState, Direction, HangUpBy
from integration_api.core.tenant import PROJECT, Actor, Tenant


class MediaMode(StrEnum):
    STREAM = "stream"
    """The sound comes here, and whoever made the call attaches to it."""
    INLINE = "inline"
    """As `stream`, and a transcript and a voice of this service sit on it: text in, text out."""
    ANSWER_URL = "answer_url"
    """The carrier asks the caller's own server what to do."""


class MediaPlan(Struct, frozen=True, kw_only=True):
    """Where a call's sound goes. `inline` is as its caller wrote it: see `dialects/telephony_surface.py`."""

    mode: MediaMode = MediaMode.STREAM
    params: Mapping[str, str] = {}
    answer_url: str = ""
    inline: Mapping[str, Any] = {}


class Author(Struct, frozen=True):
    """Who asked for something that is done later: its audit records name them."""

    key_id: int = 0
    actor: Actor = PROJECT
    service: str = ""


class Dialing(Struct, frozen=True, kw_only=True):
    """How calls are to be made: what one call and every call of a batch share."""

    media: MediaPlan = MediaPlan()
    ring_timeout_s: int | None = None
    max_duration_s: int | None = None
    detect_machine: bool = False
    record: bool = False
    extras: Mapping[str, Any] = {}


class CallRecord(Struct, frozen=True, kw_only=True):
    id: int
    tenant: Tenant
    provider: str
    credential_id: int
    direction: Direction
    state: CallState
    to: str
    from_: str
    provider_call_id: str = ""
    provider_state: str = ""
    provider_code: str = ""
    dialing: Dialing = Dialing()
    metadata: Mapping[str, str] = {}
    author: Author = Author()
    created_at: float
    dialed_at: float | None = None
    """When the carrier was asked: set, and stored, before it is."""
    answered_at: float | None = None
    ended_at: float | None = None
    duration_s: float | None = None
    price: str | None = None
    hung_up_by: HangUpBy = ""
    error_code: str = ""
    """Why it failed, where it is we who know."""
    credential_version: int = 0
    """Of the credential, as it was used for this call; 0 while that is not known."""
    refused_status: int = 0
    """Of a call that was not made: the HTTP status for why; else 0."""
    sequence: int = -1
    """Of the newest notice that has been applied."""
    noticed_at: float = 0.0
    """The carrier's time of that notice, or ours."""
    media_generation: int = 0
    """Which media socket is expected: each is good once."""
    media_peer: str = ""
    """Where other replicas reach the machine that has the present one; "" where there is none, or they do not."""
    keys_until: float = 0.0
    """Until when, Unix seconds, the socket is waited for that follows pressed keys: no more are pressed before. 0 when
    none is.
    """
    idempotency_key: str = ""
    fingerprint: bytes = b""
    """Of what was asked with that key: another question with the same key is refused."""
    batch_id: int = 0
    row: int = 0
    """Its place in the batch, from 0."""
    attempt: int = 1
    due_at: float = 0.0
    """Of a queued call of a batch: not before."""
    route_id: int = 0
    """Of an inbound call: where it came in."""


class CallNote(Struct, frozen=True, kw_only=True):
    """One line of a call's story. `key` makes each line of a call's happen once."""

    id: int
    tenant: Tenant
    call_id: int
    key: str
    at: float
    """When it was stored, Unix seconds."""
    source: Literal["carrier", "service", "caller"]
    state: CallState
    """How the call stood afterwards."""
    what: str
    """dialed, status, media.started, media.stopped, hangup, dtmf, transfer, …"""
    detail: Mapping[str, str] = {}


class BatchState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    """Nothing more is dialed; calls that were under way have gone on."""
    COMPLETED = "completed"

    @property
    def open(self) -> bool:
        """Whether a call of it may still be dialed, now or later."""
        return self in (BatchState.RUNNING, BatchState.PAUSED)


class Window(Struct, frozen=True, kw_only=True):
    """When people may be called, by the clock on a wall: from `start` to `end`, as `HH:MM`.

    It is over midnight if `end` is earlier.
    """

    start: str
    end: str
    tz: str
    """IANA, as in `Europe/Berlin`."""
    days: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    """ISO weekdays, Monday 1, on which a window may begin."""


class Retry(Struct, frozen=True, kw_only=True):
    max: int = 0
    """How many further attempts a number gets."""
    backoff_s: float = 300.0
    """From the end of an attempt to the next; doubled after each."""
    on: tuple[CallState, ...] = (CallState.BUSY, CallState.NO_ANSWER)


class BatchRecord(Struct, frozen=True, kw_only=True):
    id: int
    tenant: Tenant
    provider: str
    credential_id: int
    state: BatchState
    paused_for: str = ""
    """Why it is paused, where nobody has asked for it: the code of an error."""
    name: str = ""
    calls_per_second: float
    max_concurrent: int
    window: Window | None = None
    retry: Retry = Retry()
    dialing: Dialing = Dialing()
    metadata: Mapping[str, str] = {}
    author: Author = Author()
    rows: int
    """How many numbers it was given."""
    idempotency_key: str = ""
    fingerprint: bytes = b""
    created_at: float
    updated_at: float


class Progress(Struct, frozen=True, kw_only=True):
    """How a batch stands. A row counts by its last attempt."""

    total: int
    states: Mapping[CallState, int]
    attempts: int
    """Calls made, further attempts included."""


class InboundRoute(Struct, frozen=True, kw_only=True):
    """Where calls to a number come in: what its carrier is given to ask, and what is done with the calls."""

    id: int
    tenant: Tenant
    provider: str
    credential_id: int
    name: str
    media: MediaPlan
    metadata: Mapping[str, str] = {}
    author: Author = Author()
    created_at: float


class CallFilter(Struct, frozen=True, kw_only=True):
    """Everything that is set must hold."""

    states: tuple[CallState, ...] = ()
    direction: Direction | None = None
    provider: str | None = None
    batch_id: int | None = None
    number: str | None = None
    """Called, or calling."""
