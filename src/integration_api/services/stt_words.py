"""What the caller of a live transcript asks, and what it is told."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from integration_api.core.audio import AudioFormat
from integration_api.core.stt import ListenCapabilities, SttEvent, Update
from integration_api.services.live_words import End, Ended, Left, Over

# What a caller can ask for in the middle of a session.


class Sound(Struct, frozen=True):
    data: bytes


class Finalize(Struct, frozen=True):
    pass


class KeepAlive(Struct, frozen=True):
    pass


Ask: TypeAlias = Sound | Finalize | Update | KeepAlive | End | Left
Attend: TypeAlias = Callable[[Callable[[bytes], bool]], None]
"""Has the caller's sound given to a function as it comes. What that declines, by False, is asked as `Sound`."""


# What it is told.


class Ready(Struct, frozen=True, kw_only=True, tag="ready", omit_defaults=True):
    """The session has begun. `negotiated_input` is what the provider is sent."""

    model: str
    capabilities: ListenCapabilities
    negotiated_input: AudioFormat
    reused_connection: bool = False
    connect_ms: int = 0


class Reconnected(Struct, frozen=True, kw_only=True, tag="reconnected", omit_defaults=True):
    """Another socket goes on from the last settled text: `gap_ms` nobody listened, `replayed_ms` were sent again."""

    gap_ms: int
    replayed_ms: int
    new_provider: str | None = None


Told: TypeAlias = Ready | SttEvent | Reconnected | Over | Ended
