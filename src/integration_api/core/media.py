"""The sound of a telephone call: the carrier's socket to us, as a session.

The carrier dials, we answer; apart from that it is `core/session.py`: what is heard comes out as events,
what is said comes out as messages to send. A session is told sound in the carrier's own `format`, any number of bytes
at a time, and cuts it as the carrier wants it cut.
"""

from typing import Protocol

from msgspec import Struct

from integration_api.core.audio import AudioFormat
from integration_api.core.session import Message, Outcome


class Started(Struct, frozen=True, kw_only=True, tag="started"):
    """The first event: nothing else is told before it."""

    provider_call_id: str
    """"" where the carrier does not say it on the socket."""
    stream_id: str = ""
    format: AudioFormat
    custom: dict[str, str] = {}
    """What was given as `media_params`, or set at the carrier."""


class Heard(Struct, frozen=True, tag="heard"):
    """Sound of whoever is on the telephone."""

    data: bytes
    timestamp_ms: int | None = None
    """From the stream's start, where the carrier says it."""


class Dtmf(Struct, frozen=True, tag="dtmf"):
    digit: str
    duration_ms: int | None = None


class MarkReached(Struct, frozen=True, tag="mark_reached"):
    """The sound before a mark has been played; or it was cleared away, and never will be."""

    name: str
    cancelled: bool = False


class Cleared(Struct, frozen=True, tag="cleared"):
    """What was waiting to be played is gone."""


class Stopped(Struct, frozen=True, tag="stopped"):
    """The carrier has ended the stream: hung up, or moved on."""

    reason: str = ""


MediaEvent = Started | Heard | Dtmf | MarkReached | Cleared | Stopped


class Media(Protocol):
    """One carrier's language of live calls. Raises `ProviderError` for what it can not read."""

    @property
    def format(self) -> AudioFormat:
        """What `say` takes and `Heard` holds; settled once `Started` was told."""
        ...

    def feed(self, message: Message) -> Outcome[MediaEvent]:
        """Hear one message of the carrier's."""
        ...

    def say(self, sound: bytes) -> Outcome[MediaEvent]:
        """Have sound played after what is playing; what is less than the carrier takes at once is kept back."""
        ...

    def flush(self) -> Outcome[MediaEvent]:
        """Send what was kept back, filled up with silence: nothing more is coming for now."""
        ...

    def mark(self, name: str) -> Outcome[MediaEvent]:
        """Ask to be told when all that was said so far has been played; what was kept back goes out first."""
        ...

    def clear(self) -> Outcome[MediaEvent]:
        """Fall silent at once: what waits to be played, here or there, is not. Marks that wait are cancelled."""
        ...

    def hang_up(self) -> Outcome[MediaEvent]:
        """End the stream; where that ends the call, end the call."""
        ...

    def close(self) -> Outcome[MediaEvent]:
        """Hear that the socket is gone: `Stopped`, unless it was told already."""
        ...
