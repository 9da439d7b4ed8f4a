"""Telephone calls as JSON: what callers ask for. The protobuf of the same words is `integration.voice.v1`."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from integration_api.core.errors import Failure, Kind
from integration_api.core.ids import read_id
from integration_api.core.telephony import CallState, Direction
from integration_api.core.telephony_records import (
    CallFilter,
    Dialing,
    MediaMode,
    MediaPlan,
    Retry,
    Window,
)
from integration_api.dialects import voice_stt_surface, voice_tts_surface
from integration_api.dialects.voice_surface import Format


class MediaChoice(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`mode` is stream, answer_url or inline."""

    mode: str = "stream"
    params: dict[str, str] = {}
    answer_url: str = ""
    stt: voice_stt_surface.Start | None = None
    """Of an inline call; the formats are the call's own and need not be said."""
    tts: voice_tts_surface.Start | None = None
    barge_in: str = ""
    """Of an inline call, what silences its voice: words (the usual), speech or off."""

    def read(self) -> MediaPlan:
        """Raises `Failure` (INVALID_REQUEST) naming the field."""
        inline = {
            name: msgspec.to_builtins(one)
            for name, one in (("stt", self.stt), ("tts", self.tts), ("barge_in", self.barge_in.lower()))
            if one
        }
        return MediaPlan(
            mode=one_of(MediaMode, self.mode, "media.mode"),
            params=self.params,
            answer_url=self.answer_url,
            inline=inline,
        )


class CreateCall(Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers are E.164, with the plus sign. No `credential_id` is the project's default for the provider."""

    credential_id: str = ""
    provider: str = ""
    to: str = ""
    from_: str = field(default="", name="from")
    media: MediaChoice = MediaChoice()
    ring_timeout_s: int | None = None
    max_duration_s: int | None = None
    amd: bool = False
    """Have the carrier tell a machine from a human."""
    record: bool = False
    metadata: dict[str, str] = {}
    idempotency_key: str = ""
    """The same key again gives the call that it made, and makes no other."""
    provider_options: dict[str, Any] = {}
    """The carrier's own, by its own names."""

    def read(self) -> Dialing:
        """Raises `Failure` (INVALID_REQUEST) naming the field."""
        return Dialing(
            media=self.media.read(),
            ring_timeout_s=self.ring_timeout_s,
            max_duration_s=self.max_duration_s,
            detect_machine=self.amd,
            record=self.record,
            extras=self.provider_options,
        )


class SendDtmf(Struct, frozen=True, forbid_unknown_fields=True):
    """`digits` are 0-9, *, # and w for half a second's wait."""

    digits: str


class TransferCall(Struct, frozen=True, forbid_unknown_fields=True):
    """No `from` is the number of yours that is in the call."""

    to: str
    from_: str = field(default="", name="from")


class CreateRoute(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    provider: str = ""
    credential_id: str = ""
    media: MediaChoice = MediaChoice()
    metadata: dict[str, str] = {}
    """Of each call that comes in on it."""


class BatchRow(Struct, frozen=True, forbid_unknown_fields=True):
    """`metadata` and `params` come beside the template's; no `from` is the template's."""

    to: str
    from_: str = field(default="", name="from")
    metadata: dict[str, str] = {}
    params: dict[str, str] = {}


class WindowChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """When people may be called, by their clock: `HH:MM`, over midnight if `end` is earlier; ISO weekdays, Monday 1."""

    start: str
    end: str
    tz: str
    days: list[int] = []

    def read(self) -> Window:
        usual = Window(start=self.start, end=self.end, tz=self.tz)
        return replace(usual, days=tuple(self.days)) if self.days else usual


class RetryChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Up to `max` further attempts of calls that ended as in `on`, `backoff_s` after an end and doubled each time."""

    max: int = 0
    backoff_s: float | None = None
    on: list[str] = []

    def read(self) -> Retry:
        """Raises `Failure` (INVALID_REQUEST) naming the field."""
        usual = Retry()
        return Retry(
            max=self.max,
            backoff_s=usual.backoff_s if self.backoff_s is None else self.backoff_s,
            on=tuple(one_of(CallState, one, "retry.on") for one in self.on) or usual.on,
        )


class CreateBatch(Struct, frozen=True, forbid_unknown_fields=True):
    """`template` is what the calls share; it has no `to` and no `idempotency_key`."""

    template: CreateCall
    rows: list[BatchRow]
    name: str = ""
    calls_per_second: float = 0.0
    """0 is what the carrier takes by default."""
    max_concurrent: int = 0
    window: WindowChoice | None = None
    retry: RetryChoice = RetryChoice()
    idempotency_key: str = ""


def filter_of(states: Sequence[str], direction: str, provider: str, batch_id: str, number: str) -> CallFilter:
    """Raises `Failure` (INVALID_REQUEST) naming the field."""
    return CallFilter(
        states=tuple(one_of(CallState, state, "state") for state in states),
        direction=one_of(Direction, direction, "direction") if direction else None,
        provider=provider or None,
        batch_id=id_of(batch_id, "batch_id") if batch_id else None,
        number=number or None,
    )


def one_of(kind: Any, text: str, param: str) -> Any:
    """Read a word, in either case. Raises `Failure` (INVALID_REQUEST)."""
    try:
        return kind(text.lower())
    except ValueError:
        known = ", ".join(str(one.value) for one in kind)
        raise Failure(
            Kind.INVALID_REQUEST, f"{param} must be one of {known}", code="invalid_value", param=param
        ) from None


def id_of(text: str, param: str) -> int:
    """Read an id; what is not one names nothing. Raises `Failure` (NOT_FOUND)."""
    id = read_id(text)
    if id is None:
        raise Failure(Kind.NOT_FOUND, f"{param} names no such object", code="not_found", param=param)
    return id


# --- on the media socket ---------------------------------------------------------------------


class Attach(Struct, tag="attach", frozen=True, forbid_unknown_fields=True):
    """The first message. No format is the carrier's own, untouched."""

    format: Format | None = None


class Mark(Struct, tag="mark", frozen=True, forbid_unknown_fields=True):
    name: str


class Clear(Struct, tag="clear", frozen=True, forbid_unknown_fields=True):
    pass


class Hangup(Struct, tag="hangup", frozen=True, forbid_unknown_fields=True):
    pass


class Dtmf(Struct, tag="dtmf", frozen=True, forbid_unknown_fields=True):
    digits: str


Message = (
    Mark | Clear | Hangup | Dtmf | voice_tts_surface.Text | voice_tts_surface.Flush | voice_tts_surface.Cancel
)
"""The last three of an inline call: what its voice is to say, or to stop saying."""
