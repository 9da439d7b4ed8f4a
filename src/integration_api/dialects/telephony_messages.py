"""Telephone calls as protobuf: the same words as `telephony_surface`, and by its rules."""

from typing import Any

from integration_api.core.telephony import CallState, Direction, PhoneNumber
from integration_api.core.telephony_records import (
    BatchRecord,
    CallFilter,
    CallNote,
    CallRecord,
    InboundRoute,
    MediaMode,
    Progress,
)
from integration_api.dialects import telephony_surface as surface
from integration_api.dialects import voice_stt_messages, voice_tts_messages
from integration_api.dialects.voice_messages import given, read_options
from integration_api.proto import voice_pb2 as wire

MODES = {
    wire.MediaPlan.STREAM: MediaMode.STREAM,
    wire.MediaPlan.ANSWER_URL: MediaMode.ANSWER_URL,
    wire.MediaPlan.INLINE: MediaMode.INLINE,
}
STATES = {wire.CallState.Value(state.name): state for state in CallState}
BARGE_IN = {
    wire.MediaPlan.WORDS: "",
    wire.MediaPlan.SPEECH: "speech",
    wire.MediaPlan.NEVER: "off",
}
DIRECTIONS = {wire.INBOUND: Direction.INBOUND, wire.OUTBOUND: Direction.OUTBOUND}


def read_media(asked: wire.MediaPlan) -> surface.MediaChoice:
    """A mode that is not known yet has its number for a name, and is refused by it."""
    mode = MODES.get(asked.mode)
    return surface.MediaChoice(
        mode=str(asked.mode) if mode is None else mode.value,
        params=dict(asked.params),
        answer_url=asked.answer_url,
        stt=voice_stt_messages.read_start(asked.stt) if asked.HasField("stt") else None,
        tts=voice_tts_messages.read_start(asked.tts) if asked.HasField("tts") else None,
        barge_in=BARGE_IN.get(asked.barge_in, str(asked.barge_in)),
    )


def read_call(asked: wire.CreateCallRequest) -> surface.CreateCall:
    return surface.CreateCall(
        credential_id=asked.credential_id,
        provider=asked.provider,
        to=asked.to,
        from_=_from(asked),
        media=read_media(asked.media),
        ring_timeout_s=given(asked, "ring_timeout_s"),
        max_duration_s=given(asked, "max_duration_s"),
        amd=asked.amd,
        record=asked.record,
        metadata=dict(asked.metadata),
        idempotency_key=asked.idempotency_key,
        provider_options=read_options(asked.provider_options),
    )


def read_batch(asked: wire.CreateBatchRequest) -> surface.CreateBatch:
    window, retry = asked.window, asked.retry
    return surface.CreateBatch(
        template=read_call(asked.template),
        rows=[
            surface.BatchRow(
                to=row.to, from_=_from(row), metadata=dict(row.metadata), params=dict(row.params)
            )
            for row in asked.rows
        ],
        name=asked.name,
        calls_per_second=asked.calls_per_second,
        max_concurrent=asked.max_concurrent,
        window=surface.WindowChoice(window.start, window.end, window.tz, list(window.days))
        if asked.HasField("window")
        else None,
        retry=surface.RetryChoice(
            max=retry.max,
            backoff_s=given(retry, "backoff_s"),
            on=[_state_word(one) for one in retry.on],
        ),
        idempotency_key=asked.idempotency_key,
    )


def read_route(asked: wire.CreateInboundRouteRequest) -> surface.CreateRoute:
    return surface.CreateRoute(
        name=asked.name,
        provider=asked.provider,
        credential_id=asked.credential_id,
        media=read_media(asked.media),
        metadata=dict(asked.metadata),
    )


def read_filter(asked: wire.ListCallsRequest) -> CallFilter:
    """Raises `Failure` (INVALID_REQUEST)."""
    direction = DIRECTIONS.get(asked.direction)
    unknown = str(asked.direction) if asked.direction and direction is None else ""
    return surface.filter_of(
        [_state_word(state) for state in asked.states],
        unknown if direction is None else direction.value,
        asked.provider,
        asked.batch_id,
        asked.number,
    )


def write_call(call: CallRecord, *, media_open: bool) -> wire.Call:
    return wire.Call(
        id=str(call.id),
        provider=call.provider,
        credential_id=str(call.credential_id),
        direction=call.direction.name,
        state=call.state.name,
        to=call.to,
        provider_call_id=call.provider_call_id,
        provider_state=call.provider_state,
        provider_code=call.provider_code,
        created_at=call.created_at,
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
        media_open=media_open,
        **{"from": call.from_},
    )


def write_note(note: CallNote) -> wire.CallEvent:
    return wire.CallEvent(
        id=str(note.id),
        call_id=str(note.call_id),
        at=note.at,
        source=note.source,
        state=note.state.name,
        what=note.what,
        detail=note.detail,
    )


def write_number(number: PhoneNumber) -> wire.PhoneNumber:
    return wire.PhoneNumber(
        number=number.number,
        id=number.id,
        name=number.name,
        country=number.country,
        capabilities=number.capabilities,
    )


def write_route(route: InboundRoute, answer_url: str, status_url: str) -> wire.InboundRoute:
    media = route.media
    return wire.InboundRoute(
        id=str(route.id),
        name=route.name,
        provider=route.provider,
        credential_id=str(route.credential_id),
        media=wire.MediaPlan(mode=media.mode.name, params=media.params, answer_url=media.answer_url),
        metadata=route.metadata,
        answer_url=answer_url,
        status_url=status_url,
        created_at=route.created_at,
    )


def write_batch(batch: BatchRecord, progress: Progress) -> wire.Batch:
    window, retry = batch.window, batch.retry
    return wire.Batch(
        id=str(batch.id),
        name=batch.name,
        provider=batch.provider,
        credential_id=str(batch.credential_id),
        state=batch.state.name,
        calls_per_second=batch.calls_per_second,
        max_concurrent=batch.max_concurrent,
        window=None
        if window is None
        else wire.CallingWindow(start=window.start, end=window.end, tz=window.tz, days=window.days),
        retry=wire.RetryRule(max=retry.max, backoff_s=retry.backoff_s, on=[state.name for state in retry.on]),
        total=progress.total,
        progress={state.value: count for state, count in progress.states.items() if count},
        attempts=progress.attempts,
        created_at=batch.created_at,
        metadata=batch.metadata,
        paused_for=batch.paused_for,
    )


def _state_word(number: Any) -> str:
    state = STATES.get(number)
    return str(number) if state is None else state.value


def _from(message: Any) -> str:
    """Return the field `from`, whose name Python keeps for itself."""
    return str(getattr(message, "from"))
