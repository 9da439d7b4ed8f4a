"""The third shape of a conversation with a provider: a socket, and what is said and heard on it.

A session is a reader that can also be given something to say. It owns no socket: whoever
drives it sends what it says, hands it what was heard, and keeps time.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar

from msgspec import Struct

from integration_api.core.exchange import HttpRequest

Message: TypeAlias = str | bytes
"""Text or binary; a message of a gRPC stream is binary."""


class Say(Struct, frozen=True):
    """Send this to the provider."""

    message: Message


class HalfClose(Struct, frozen=True):
    """Nothing more will be said, but what is still to come will be heard. Sockets that know no such thing
    stay open.
    """


class HangUp(Struct, frozen=True):
    """The conversation is over: close the socket."""


class Redial(Struct, frozen=True):
    """Hang up and open the session's `request` anew; what was not settled is sent again.

    For providers that end a socket where their language has no other word, or that limit its time.
    """


class Began(Struct, frozen=True):
    """The provider is ready to listen. Exactly one a socket, before anything else is told of it."""

    request_id: str = ""


class Closed(Struct, frozen=True):
    """How a socket ended: a WebSocket's close code, or a gRPC status."""

    code: int
    reason: str = ""


class Warned(Struct, frozen=True, tag="warning", omit_defaults=True):
    """Something was asked for that is left out, or the provider is uneasy; the session goes on."""

    code: str
    message: str


Act: TypeAlias = Say | HalfClose | HangUp | Redial
"""What whoever drives a session does for it."""

Event = TypeVar("Event")
Event_co = TypeVar("Event_co", covariant=True)
Outcome: TypeAlias = Iterable[Event | Act | Began]


class KeepAlive(Struct, frozen=True):
    """Say `acts` whenever nothing else was said for `seconds`."""

    seconds: float
    acts: Sequence[Act]


class Session(Protocol[Event_co]):
    """What every live conversation can do; listening and speaking add their own words.

    Refusals are raised as `ProviderError`, from any of these.
    """

    @property
    def request(self) -> HttpRequest:
        """Where to dial. A session that dials anew may ask for another address."""
        ...

    @property
    def keep_alive(self) -> KeepAlive | None: ...

    def begin(self, headers: Mapping[str, str]) -> "Outcome[Event_co]":
        """Say the first words on a socket that has just opened; header names are lower case."""
        ...

    def feed(self, message: Message) -> "Outcome[Event_co]":
        """Hear one message."""
        ...

    def finish(self) -> "Outcome[Event_co]":
        """Ask for what is left, and for the end."""
        ...

    def close(self, closed: Closed) -> "Outcome[Event_co]":
        """Hear that the socket has ended: tell what is left, or raise what it means that it ended so."""
        ...
