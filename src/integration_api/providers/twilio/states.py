"""Twilio's words for how a call stands. https://www.twilio.com/docs/voice/api/call-resource#call-status-values"""

from datetime import UTC
from email.utils import parsedate_to_datetime

from integration_api.core.telephony import CallState

STATES = {
    "queued": CallState.DIALING,
    "initiated": CallState.DIALING,
    "ringing": CallState.RINGING,
    "in-progress": CallState.ANSWERED,
    "completed": CallState.COMPLETED,
    "busy": CallState.BUSY,
    "no-answer": CallState.NO_ANSWER,
    "canceled": CallState.CANCELLED,
    "failed": CallState.FAILED,
}
DECLINED = frozenset({"603", "607", "608"})
"""SIP: Decline, Unwanted, Rejected (RFC 3261, 8197, 8688). Twilio says `busy` or `failed`."""


def state_of(status: str, *, answered_by: str = "", sip_code: str = "") -> CallState | None:
    """Return the state that a status means, or None for a word that is not known."""
    state = STATES.get(status)
    if state is CallState.ANSWERED and is_machine(answered_by):
        return CallState.MACHINE
    if state in (CallState.BUSY, CallState.FAILED) and sip_code in DECLINED:
        return CallState.REJECTED
    return state


def is_machine(answered_by: str) -> bool:
    """Whether it was a machine that answered: machine_start, machine_end_beep and their like, or a fax."""
    return answered_by.startswith("machine") or answered_by == "fax"


def unix(written: str | None) -> float | None:
    """Return the Unix seconds of a date as mail writes it, or None for what is none."""
    try:
        at = parsedate_to_datetime(written or "")
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
