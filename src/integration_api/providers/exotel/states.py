"""What Exotel's words for a call's state mean. https://developer.exotel.com/docs/voice-v1/api-reference/call-details"""

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


def seconds(text: str | float | None) -> float | None:
    """Read a duration, which comes as text."""
    try:
        return None if text in (None, "") else float(text)
    except ValueError:
        return None
