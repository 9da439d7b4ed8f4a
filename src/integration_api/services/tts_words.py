"""What the caller of a live voice asks, and what it is told."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from integration_api.core.audio import AudioFormat
from integration_api.core.session import Warned
from integration_api.core.tts import Flushed, SynthesisCapabilities, Timestamps
from integration_api.services.live_words import End, Ended, Left, Over
from integration_api.services.utterance import Utterance

# What a caller can ask for.


class Text(Struct, frozen=True, kw_only=True):
    utterance_id: str
    text: str
    ssml: bool = False
    final: bool = False


class Flush(Struct, frozen=True):
    utterance_id: str


class MarkAt(Struct, frozen=True):
    utterance_id: str
    name: str
    char_offset: int | None


class Cancel(Struct, frozen=True):
    utterance_id: str
    played_ms: int | None


class Change(Struct, frozen=True):
    voice: str | None
    speed: float | None


Ask: TypeAlias = Text | Flush | MarkAt | Cancel | Change | End | Left


# What it is told.


class Ready(Struct, frozen=True, kw_only=True, tag="ready"):
    model: str
    capabilities: SynthesisCapabilities
    negotiated_output: AudioFormat
    """What the provider makes; the caller gets what it asked for."""
    reused_connection: bool = False
    connect_ms: int = 0


class Started(Struct, frozen=True, tag="started"):
    utterance_id: str
    ttfb_ms: int
    """From the utterance's first text to its first sound."""


class Audio(Struct, frozen=True, kw_only=True):
    """One frame. `seq` counts from 0 in each utterance, and offsets have no gap."""

    utterance: Utterance
    seq: int
    offset_ms: int
    data: bytes


class MarkReached(Struct, frozen=True, kw_only=True, tag="mark_reached"):
    utterance_id: str
    name: str
    at_ms: int


class Done(Struct, frozen=True, kw_only=True, tag="done"):
    utterance_id: str
    audio_ms: int
    characters: int
    billed: float | None = None


class Cancelled(Struct, frozen=True, kw_only=True, tag="cancelled"):
    """Not one more byte of it follows."""

    utterance_id: str
    text_spoken: str
    text_remaining: str
    estimated: bool


class Used(Struct, frozen=True, kw_only=True, tag="usage"):
    characters: int
    audio_ms: int


Told: TypeAlias = (
    Ready
    | Started
    | Audio
    | Timestamps
    | MarkReached
    | Flushed
    | Done
    | Cancelled
    | Used
    | Warned
    | Over
    | Ended
)
Put: TypeAlias = Callable[[Utterance, bytes], bool]
"""Sends the caller a frame of an utterance if that needs no waiting; returns whether it did."""
