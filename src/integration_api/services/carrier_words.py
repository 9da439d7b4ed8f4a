"""What is kept of a carrier's words: text that every database takes, and no more of it than is of use.

Whoever calls has a say in some of them, as by the headers of a SIP call: nothing in them may cost the call.
"""

import hashlib
from collections.abc import Mapping

from msgspec.structs import replace

from integration_api.core.errors import Failure, Kind
from integration_api.core.telephony import Arrival, CallEvent, CallReport

LONGEST = 200
"""Characters of one word: of a number, a state, a reason."""
LONGEST_VALUE = 1_000
"""Of what else it said: as much as an audit record keeps of an entry of its metadata."""
MOST = 32
"""Of a carrier's other words that are kept of one request."""


def arrival(told: Arrival) -> Arrival:
    """Raises `Failure` for a call that has no id that can be kept."""
    return replace(
        told,
        provider_call_id=_id(told.provider_call_id),
        from_=_word(told.from_),
        to=_word(told.to),
        metadata=_words(told.metadata),
    )


def event(told: CallEvent) -> CallEvent:
    """Raises `Failure` for a call that has no id that can be kept."""
    key = _plain(told.key)
    return replace(
        told,
        provider_call_id=_id(told.provider_call_id),
        key=key if len(key) <= LONGEST else hashlib.sha256(key.encode()).hexdigest(),
        report=None if told.report is None else _report(told.report),
        note=_word(told.note),
        detail=_words(told.detail),
    )


def _report(told: CallReport) -> CallReport:
    return replace(
        told,
        provider_call_id=_id(told.provider_call_id),
        provider_state=_word(told.provider_state),
        provider_code=_word(told.provider_code),
        from_=_word(told.from_),
        to=_word(told.to),
        price=None if told.price is None else _word(told.price),
    )


def _id(text: str) -> str:
    if len(text) > LONGEST or _plain(text) != text:
        raise Failure(Kind.INVALID_REQUEST, "this is no call's id", code="invalid_webhook")
    return text


def _words(told: Mapping[str, str]) -> dict[str, str]:
    return {_word(name): _word(value, LONGEST_VALUE) for name, value in list(told.items())[:MOST]}


def _word(text: str, longest: int = LONGEST) -> str:
    return _plain(text[:longest])


def _plain(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
