"""One call, as an emulated carrier sees it."""

import asyncio
import time
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any, Literal

from lab.notices import Notices
from lab.phone import Line, Phone


@dataclass(slots=True, kw_only=True)
class Leg:
    """One call. `state` is the carrier's own word; times are of the monotonic clock, `created` is Unix seconds."""

    id: str
    account: str
    to: str
    from_: str
    direction: Literal["outbound", "inbound"]
    phone: Phone
    line: Line
    state: str
    created: float = field(default_factory=time.time)
    asked_at: float = field(default_factory=time.monotonic)
    answered_at: float | None = None
    ended_at: float | None = None
    keyed: str = ""
    """Keys that were pressed into the call from our side."""
    went_to: list[str] = field(default_factory=list)
    """Numbers that it was sent on to."""
    sockets: int = 0
    """How many media sockets it has had."""
    complaints: list[str] = field(default_factory=list)
    """What the carrier could not make sense of."""
    notices: Notices = field(default_factory=Notices)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False
    """Whether it has been hung up."""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when all has been told."""
    more: dict[str, Any] = field(default_factory=dict)
    """What this carrier remembers of it."""

    @property
    def seconds(self) -> float:
        """How long it has been spoken on, by the telephone's clock."""
        return self.line.now_ms / 1000

    def hangup(self) -> None:
        """Ends it, from whichever side."""
        self.over = True
        self.changed.set()

    def report(self, *, sound: bool = False) -> dict[str, Any]:
        """How the control API shows it."""
        line = self.line
        told: dict[str, Any] = {
            "id": self.id, "account": self.account, "to": self.to, "from": self.from_, "direction": self.direction,
            "state": self.state, "created": self.created, "asked_at": self.asked_at, "answered_at": self.answered_at,
            "ended_at": self.ended_at, "keyed": self.keyed, "went_to": self.went_to, "sockets": self.sockets,
            "complaints": self.complaints, "done": self.done.is_set(), "reached": line.reached,
            "said_ms": line.sound.milliseconds(len(line.said)), "heard_ms": line.sound.milliseconds(len(line.heard)),
            "waiting_ms": line.sound.milliseconds(line.waiting),
            "cleared": [[one.heard_bytes, one.dropped_bytes] for one in line.cleared],
            "notices": [[one.what, one.statuses] for one in self.notices.sent],
        }  # fmt: skip
        if sound:
            told |= {
                "said": b64encode(line.said).decode(), "heard": b64encode(line.heard).decode(),
                "arrivals": line.arrivals,
            }  # fmt: skip
        return told
