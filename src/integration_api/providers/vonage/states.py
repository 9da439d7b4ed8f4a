"""What Vonage's words for a call's state mean. https://developer.vonage.com/en/voice/voice-api/webhook-reference"""

from integration_api.core.telephony import CallState

STATES = {
    "started": CallState.DIALING,
    "ringing": CallState.RINGING,
    "answered": CallState.ANSWERED,
    "human": CallState.ANSWERED,
    "machine": CallState.MACHINE,
    "completed": CallState.COMPLETED,
    "busy": CallState.BUSY,
    "cancelled": CallState.CANCELLED,
    "failed": CallState.FAILED,
    "rejected": CallState.REJECTED,
    "timeout": CallState.NO_ANSWER,
    "unanswered": CallState.NO_ANSWER,
}

ORDER = {
    "started": 0,
    "ringing": 1,
    "answered": 2,
    "human": 3,
    "machine": 3,
}
"""Vonage numbers nothing; of one call these happen in this order, and what ends it after them."""
LAST = 4


CURRENCY = "EUR"
"""Of all prices: https://developer.vonage.com/en/voice/voice-api/webhook-reference#completed"""


def price(told: str | float | None) -> str | None:
    return None if told in (None, "") else f"{told} {CURRENCY}"


def seconds(text: str | float | None) -> float | None:
    """Read a duration, which comes as text."""
    try:
        return None if text in (None, "") else float(text)
    except ValueError:
        return None
