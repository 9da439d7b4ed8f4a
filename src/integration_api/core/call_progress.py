"""How a call goes on by what its carrier tells of it, in whatever order and however often that arrives.

A call never goes back, and one that has ended stays as it ended: what is told late may only fill in what is not known.
"""

from msgspec.structs import replace

from integration_api.core.telephony import PROGRESS, CallEvent, CallReport, CallState
from integration_api.core.telephony_records import CallRecord


def told(call: CallRecord, event: CallEvent, now: float) -> CallRecord | None:
    """Return the call after a notice; None where that changes nothing.

    Notices are ordered by their sequence, else by the carrier's time. One of another leg, or that has no state in
    it, changes nothing.
    """
    report = event.report
    if report is None or (call.provider_call_id and event.provider_call_id != call.provider_call_id):
        return None
    at = event.at if event.at is not None else now
    if event.sequence is not None and call.sequence >= 0:
        newer = event.sequence > call.sequence
    else:
        newer = at >= call.noticed_at
    if newer:
        sequence = call.sequence if event.sequence is None else event.sequence
        call, before = replace(call, sequence=sequence, noticed_at=at), call
    else:
        before = call
    after = reported(call, report, at, newer=newer)
    return None if after == before else after


def reported(call: CallRecord, report: CallReport, at: float, *, newer: bool = True) -> CallRecord:
    """Return the call as a report leaves it: what its carrier says now, or of an older time if not `newer`."""
    # A carrier's clock is another, and some tell whole seconds: nothing is told to be before its cause.
    at = max(at, call.dialed_at or call.created_at)
    state = call.state
    moves = not state.ended and (report.state.ended or PROGRESS[report.state] > PROGRESS[state])
    changes: dict[str, object] = {}
    if not call.provider_call_id:
        changes["provider_call_id"] = report.provider_call_id
    if moves:
        changes["state"] = state = report.state
    if moves or (newer and not call.state.ended):
        changes["provider_state"] = report.provider_state or call.provider_state
    if report.provider_code and (moves or not call.provider_code):
        changes["provider_code"] = report.provider_code
    if report.state in (CallState.ANSWERED, CallState.MACHINE):
        changes["answered_at"] = min(
            known for known in (at, call.answered_at, call.ended_at) if known is not None
        )
    if moves and state.ended:
        changes["ended_at"] = max(at, call.answered_at or at)
        if state is CallState.COMPLETED:
            changes["hung_up_by"] = call.hung_up_by or "carrier"
    if call.price is None and report.price is not None:
        changes["price"] = report.price
    if call.duration_s is None:
        changes["duration_s"] = _duration(replace(call, **changes), report)
    return replace(call, **changes)


def _duration(call: CallRecord, report: CallReport) -> float | None:
    """Return how long a call that has ended was spoken on: by the carrier's word, else by its times."""
    if not call.state.ended:
        return None
    if report.duration_s is not None:
        return report.duration_s
    if call.answered_at is None or call.ended_at is None:
        return None
    return max(0.0, call.ended_at - call.answered_at)
