"""When people may be called, by the clock on their wall: summer time comes and goes as it does there."""

import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from integration_api.core.errors import Failure, Kind
from integration_api.core.telephony_records import Window

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
DAYS_AHEAD = 15
"""Every weekday, again a week later should the clocks leave its hours out, and the one that began before."""


def check(window: Window) -> None:
    """Raise `Failure` (INVALID_REQUEST) for a window that is none."""
    for name, value in (("start", window.start), ("end", window.end)):
        if not _TIME.fullmatch(value):
            raise _unfit(f"window.{name}", "a time of the day, as in 09:00")
    if window.start == window.end:
        raise _unfit("window.end", "another time than the start; leave the window out to call at any time")
    if (
        not window.days
        or len(set(window.days)) != len(window.days)
        or not set(window.days) <= set(range(1, 8))
    ):
        raise _unfit("window.days", "some of the ISO weekdays 1 (Monday) to 7, each once")
    try:
        _zone(window.tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _unfit("window.tz", "an IANA time zone, as in Europe/Berlin") from None


def opens_in(window: Window | None, now: float) -> float:
    """Return in how many seconds the window is open: 0 while it is. `now` is in Unix seconds."""
    if window is None:
        return 0.0
    return next(max(0.0, start - now) for start, end in _around(window, now) if now < end)


def closes_in(window: Window | None, now: float) -> float | None:
    """Return in how many seconds a window that is open closes; None if it never does."""
    if window is None:
        return None
    return next((end - now for start, end in _around(window, now) if start <= now < end), 0.0)


def _around(window: Window, now: float) -> Iterator[tuple[float, float]]:
    """Yield from when to when the window is open, in their order, from the day before to two weeks later.

    Nobody is called while their clock shows a time that is not in it; it is over when its end is shown for the first
    time.
    """
    zone = _zone(window.tz)
    today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    opens, closes = _clock(window.start), _clock(window.end)
    for ahead in range(-1, DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        if day.isoweekday() not in window.days:
            continue
        end, _ = _shown(day if closes > opens else day + timedelta(days=1), closes, zone)[0]
        for start, before in _shown(day, opens, zone):
            if start < min(before, end):
                yield start, min(before, end)


def _shown(day: date, clock: time, zone: ZoneInfo) -> list[tuple[float, float]]:
    """Return when a clock comes to a time, and until when it is past it: twice where it is set back across that time,
    and where it is set forward across it, as it is set.
    """
    # Where there are two such moments the folds tell them apart; where there is none, they are in the other order.
    # https://peps.python.org/pep-0495/
    first, second = (datetime.combine(day, clock, zone).replace(fold=fold).timestamp() for fold in (0, 1))
    if first == second:
        return [(first, math.inf)]
    changed = _change(min(first, second), max(first, second), zone)
    return [(first, changed), (second, math.inf)] if first < second else [(changed, math.inf)]


def _change(before: float, after: float, zone: ZoneInfo) -> float:
    """Return when a clock is set, to the second, of two moments between which it is once."""
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(middle, zone) == _offset(after, zone):
            after = middle
        else:
            before = middle
    return after


def _offset(moment: float, zone: ZoneInfo) -> timedelta | None:
    return datetime.fromtimestamp(moment, zone).utcoffset()


def _clock(text: str) -> time:
    return time(int(text[:2]), int(text[3:]))


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _unfit(param: str, what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"{param} must be {what}", code="invalid_value", param=param)
