"""What Exotel's words for a call's state mean. https://developer.exotel.com/docs/voice-v1/api-reference/call-details"""

from math import isfinite

from integration_api.core.telephony import CallState

ENDS = {
    "completed": CallState.COMPLETED,
    "failed": CallState.FAILED,
    "busy": CallState.BUSY,
    "no-answer": CallState.NO_ANSWER,
    "canceled": CallState.CANCELLED,
}
STATES = {
    "queued": CallState.DIALING,
    "ringing": CallState.RINGING,
    "in-progress": CallState.DIALING,
    **ENDS,
}
"""A call is `in-progress` from its first moment, rung or answered or not."""
STREAM_ENDS = {
    "completed": CallState.COMPLETED,
    "cancelled": CallState.COMPLETED,
    "failed": CallState.FAILED,
}
"""Of the stream of a call that had been answered."""


def seconds(text: str | float | None) -> float | None:
    """Read a duration, which comes as text."""
    try:
        told = None if text in (None, "") else float(text)
    except ValueError:
        return None
    return told if told is not None and isfinite(told) and told >= 0 else None
