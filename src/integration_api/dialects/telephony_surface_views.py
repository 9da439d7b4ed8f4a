"""Telephone calls as JSON: what callers are told. The protobuf of the same words is `integration.voice.v1`."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct, field

from integration_api.core.telephony import CallState, Direction, PhoneNumber
from integration_api.core.telephony_records import (
    BatchRecord,
    CallNote,
    CallRecord,
    InboundRoute,
    MediaPlan,
    Progress,
    Retry,
    Window,
)
from integration_api.dialects.telephony_surface import MediaChoice


class Call(Struct, omit_defaults=True):
    """Times are Unix seconds. `provider_state` and `provider_code` are the carrier's own words."""

    id: str
    object: str
    provider: str
    credential_id: str
    direction: Direction
    state: CallState
    to: str
    from_: str = field(name="from")
    created_at: float
    media_open: bool
    """Whether its media socket is open in the process that answers."""
    provider_call_id: str = ""
    provider_state: str = ""
    provider_code: str = ""
    dialed_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    duration_s: float | None = None
    price: str | None = None
    hung_up_by: str = ""
    """caller, carrier or service."""
    error_code: str = ""
    batch_id: str = ""
    row: int = 0
    attempt: int = 1
    metadata: Mapping[str, str] = {}
    route_id: str = ""


class CallList(Struct):
    object: str
    data: list[Call]
    has_more: bool
    last_id: str | None


class CallEvent(Struct, omit_defaults=True):
    """A line of a call's story: how the call stood afterwards is `state`."""

    id: str
    call_id: str
    at: float
    source: str
    """carrier, service or caller."""
    state: CallState
    what: str
    detail: Mapping[str, str] = {}


class CallEventList(Struct):
    object: str
    data: list[CallEvent]
    has_more: bool
    last_id: str | None


class NumberView(Struct, omit_defaults=True):
    number: str
    id: str = ""
    name: str = ""
    country: str = ""
    capabilities: Sequence[str] = ()


class NumberList(Struct):
    object: str
    data: list[NumberView]


class Route(Struct, omit_defaults=True):
    """Where a number's calls come in: give its carrier these two addresses."""

    id: str
    object: str
    name: str
    provider: str
    credential_id: str
    answer_url: str
    status_url: str
    created_at: float
    media: MediaChoice
    metadata: Mapping[str, str] = {}


class RouteList(Struct):
    object: str
    data: list[Route]
    has_more: bool
    last_id: str | None


class Batch(Struct, omit_defaults=True):
    """`progress` says by state how many of its numbers stand so; each counts by its last attempt.

    `paused_for` says why it is paused where nobody has asked for it: `credential_not_found`.
    """

    id: str
    object: str
    name: str
    provider: str
    credential_id: str
    state: str
    calls_per_second: float
    max_concurrent: int
    total: int
    progress: Mapping[str, int]
    attempts: int
    created_at: float
    window: Window | None = None
    retry: Retry | None = None
    metadata: Mapping[str, str] = {}
    paused_for: str = ""


class BatchList(Struct):
    object: str
    data: list[Batch]
    has_more: bool
    last_id: str | None


def call_view(call: CallRecord, *, media_open: bool) -> Call:
    return Call(
        id=str(call.id),
        object="call",
        provider=call.provider,
        credential_id=str(call.credential_id),
        direction=call.direction,
        state=call.state,
        to=call.to,
        from_=call.from_,
        created_at=call.created_at,
        media_open=media_open,
        provider_call_id=call.provider_call_id,
        provider_state=call.provider_state,
        provider_code=call.provider_code,
        dialed_at=call.dialed_at,
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        duration_s=call.duration_s,
        price=call.price,
        hung_up_by=call.hung_up_by,
        error_code=call.error_code,
        batch_id=str(call.batch_id) if call.batch_id else "",
        row=call.row,
        attempt=call.attempt,
        metadata=call.metadata,
        route_id=str(call.route_id) if call.route_id else "",
    )


def note_view(note: CallNote) -> CallEvent:
    return CallEvent(
        id=str(note.id),
        call_id=str(note.call_id),
        at=note.at,
        source=note.source,
        state=note.state,
        what=note.what,
        detail=note.detail,
    )


def number_view(number: PhoneNumber) -> NumberView:
    return NumberView(number.number, number.id, number.name, number.country, number.capabilities)


def media_view(media: MediaPlan) -> MediaChoice:
    return msgspec.convert(
        {
            "mode": media.mode.value,
            "params": dict(media.params),
            "answer_url": media.answer_url,
            **media.inline,
        },
        MediaChoice,
    )


def route_view(route: InboundRoute, answer_url: str, status_url: str) -> Route:
    return Route(
        id=str(route.id),
        object="inbound_route",
        name=route.name,
        provider=route.provider,
        credential_id=str(route.credential_id),
        answer_url=answer_url,
        status_url=status_url,
        created_at=route.created_at,
        media=media_view(route.media),
        metadata=route.metadata,
    )


def batch_view(batch: BatchRecord, progress: Progress) -> Batch:
    return Batch(
        id=str(batch.id),
        object="call_batch",
        name=batch.name,
        provider=batch.provider,
        credential_id=str(batch.credential_id),
        state=batch.state.value,
        calls_per_second=batch.calls_per_second,
        max_concurrent=batch.max_concurrent,
        total=progress.total,
        progress={state.value: count for state, count in progress.states.items() if count},
        attempts=progress.attempts,
        created_at=batch.created_at,
        window=batch.window,
        retry=batch.retry,
        metadata=batch.metadata,
        paused_for=batch.paused_for,
    )
