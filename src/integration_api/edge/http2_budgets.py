"""What a peer may do without buying anything: each costs us work and costs it next to nothing.

Rapid reset (CVE-2023-44487), made you reset (CVE-2025-8671), and the floods of CVE-2019-9511 to 9518.
"""

from integration_api.edge.limits import Limits
from integration_api.http2.frames import ConnectionFault, ErrorCode

YOUNG = 1.0
"""Seconds. A stream that its peer resets earlier, unanswered, is a rapid reset: those that live longer hold one of
few places meanwhile, and callers who lost patience shall not lose their connection."""


class Budgets:
    """Counts down; who overdraws is told to calm down, by a `ConnectionFault`."""

    __slots__ = ("_empty", "_limits", "_other", "_pings", "_refilled_at", "_resets", "_settings", "_updates")

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._fill(now)

    def tick(self, now: float) -> None:
        if now - self._refilled_at >= self._limits.budget_window:
            self._fill(now)

    def _fill(self, now: float) -> None:
        limits = self._limits
        self._refilled_at = now
        self._pings = limits.ping_budget
        self._settings = limits.settings_budget
        self._resets = limits.reset_budget
        self._empty = limits.empty_data_budget
        self._other = limits.priority_budget
        self._updates = limits.window_update_budget

    def ping(self) -> None:
        self._pings -= 1
        if self._pings < 0:
            # In gRPC's own words, which make its clients ping less.
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings")

    def settings(self) -> None:
        self._settings -= 1
        if self._settings < 0:
            raise _calm("SETTINGS")

    def reset(self) -> None:
        self._resets -= 1
        if self._resets < 0:
            raise _calm("reset streams")

    def empty_data(self) -> None:
        self._empty -= 1
        if self._empty < 0:
            raise _calm("empty DATA")

    def window_update(self) -> None:
        self._updates -= 1
        if self._updates < 0:
            raise _calm("WINDOW_UPDATE")

    def other(self) -> None:
        """Charge a frame that changes nothing: PRIORITY, an unknown type, something about a stream long gone."""
        self._other -= 1
        if self._other < 0:
            raise _calm("useless frames")

    def earn_updates(self, count: int) -> None:
        self._updates += count

    def earn_answered(self) -> None:
        """A stream was served: a late frame about it is no nuisance, and gRPC's clients open its window unasked."""
        self._other += 1
        self._updates += 1


def _calm(what: str) -> ConnectionFault:
    return ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, f"too many {what}")
