"""Telephone calls, whoever carries them: what is asked for, how a call stands, and what is told of it.

Numbers are E.164 with the plus sign (`+4930123456`); each carrier writes them its own way.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from integration_api.core.llm import Usage


class CallState(StrEnum):
    QUEUED = "queued"
    """Nobody has been asked to dial yet."""
    DIALING = "dialing"
    """The carrier has been asked, or is just being asked."""
    RINGING = "ringing"
    ANSWERED = "answered"
    MACHINE = "machine"
    """Answered, and by a machine."""
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    """Hung up before it was answered, by us."""
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in _ENDED


_ENDED = frozenset({
    CallState.COMPLETED, CallState.BUSY, CallState.NO_ANSWER, CallState.REJECTED, CallState.CANCELLED,
    CallState.FAILED,
})  # fmt: skip

PROGRESS = {
    CallState.QUEUED: 0,
    CallState.DIALING: 1,
    CallState.RINGING: 2,
    CallState.ANSWERED: 3,
    CallState.MACHINE: 4,
}
"""A call never goes back to an earlier state; one that has ended stays as it ended."""


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Routes(Struct, frozen=True):
    """Where the carrier finds us for one call, as URLs that only it knows."""

    status: str
    """https; told of everything that happens to the call."""
    media: str
    """wss; the sound goes both ways."""


class DialRequest(Struct, frozen=True, kw_only=True):
    """One call to be made."""

    to: str
    from_: str
    routes: Routes
    answer_url: str = ""
    """The caller's own answer document, which the carrier fetches; "" connects the call to `routes.media`."""
    reference: str = ""
    """Our id of the call, in digits: where a carrier keeps something of ours, this is it."""
    ring_timeout_s: int | None = None
    max_duration_s: int | None = None
    detect_machine: bool = False
    record: bool = False
    media_params: Mapping[str, str] = {}
    """Told on the media socket when it opens, where the carrier can; names and values are the caller's."""
    extras: Mapping[str, object] = {}
    """The carrier's own options, by its own names; they win."""


class CallReport(Struct, frozen=True, kw_only=True):
    """How the carrier says that a call stands. Also the answer to dialing."""

    provider_call_id: str
    state: CallState
    provider_state: str = ""
    """The carrier's own word."""
    provider_code: str = ""
    """The carrier's own reason: a SIP or error code."""
    from_: str = ""
    to: str = ""
    duration_s: float | None = None
    price: str | None = None
    """As the carrier writes it, with its currency: `0.0065 USD`."""
    usage: Usage = Usage()


class CallEvent(Struct, frozen=True, kw_only=True):
    """One thing that the carrier told of a call on the status route."""

    provider_call_id: str
    key: str
    """The same for a notice that is sent again, and for no other one of this call."""
    sequence: int | None = None
    """Counts up in the order in which things happened, where the carrier numbers them; else see `at`."""
    at: float | None = None
    """Unix seconds, by the carrier's clock."""
    report: CallReport | None = None
    """None for a notice that says nothing of the call's state."""
    note: str = ""
    """What it was, in the carrier's word, where it is not a state: `recording`, `stream-error`."""
    detail: Mapping[str, str] = {}
    """What else it said that is worth keeping, by its own names: where a recording is."""
    direction: Direction | None = None
    """Of the leg that it tells of, where the carrier says it."""


class Arrival(Struct, frozen=True, kw_only=True):
    """A call that came in, as the carrier asks what to do with it."""

    provider_call_id: str
    from_: str
    to: str
    metadata: Mapping[str, str] = {}
    """What else it said that is worth keeping, by its own names."""


class Notice(Struct, frozen=True, kw_only=True):
    """A request of a carrier's, proven to be from it: `fields` of the query or form, or a JSON `body`."""

    method: str
    fields: tuple[tuple[str, str], ...] = ()
    """Of the query, and of a form's body after them; names may repeat."""
    body: bytes = b""
    content_type: str = ""

    def field(self, name: str) -> str:
        """Return the first value of a field, or ""."""
        return next((value for key, value in self.fields if key == name), "")


class Document(Struct, frozen=True):
    """What a carrier is answered: its own language for what to do with a call."""

    body: bytes
    content_type: str


class Transfer(Struct, frozen=True, kw_only=True):
    """Send a call on to another number; it leaves the media socket."""

    provider_call_id: str
    to: str
    from_: str = ""


class Lookup(Struct, frozen=True, kw_only=True):
    """A call of which it is not known whether the carrier was ever asked to make it."""

    to: str
    from_: str
    reference: str
    since: float
    """Unix seconds: it was not asked for before."""


class PhoneNumber(Struct, frozen=True, kw_only=True):
    """A number of the account's."""

    number: str
    id: str = ""
    name: str = ""
    country: str = ""
    capabilities: tuple[str, ...] = ()
    """voice, sms, …, in lower case."""


class Numbers(Struct, frozen=True):
    numbers: tuple[PhoneNumber, ...]
    usage: Usage = Usage()


class Control(Struct, frozen=True, kw_only=True):
    """Something done to a call that is under way."""

    provider_call_id: str
    state: CallState
    """As it stands by what is known here."""
    digits: str = ""
    """To be dialed into the call: 0-9, *, #, and w for half a second's wait."""
    routes: Routes | None = None
    """Where the media goes on, for a carrier that must be told anew what to do with the call."""
    media_params: Mapping[str, str] = {}


class Done(Struct, frozen=True):
    """The carrier has done it."""

    usage: Usage = Usage()


HangUpBy = Literal["caller", "carrier", "service", ""]
