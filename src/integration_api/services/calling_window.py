"""When people may be called, by the clock on their wall: summer time comes and goes as it does there."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from integration_api.core.errors import Failure, Kind
from integration_api.core.telephony_records import Window

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
DAYS_AHEAD = 8
"""Every weekday, and the one that began before."""


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
    soonest: float | None = None
    for start, end in _around(window, now):
        if start <= now < end:
            return 0.0
        if start > now and (soonest is None or start < soonest):
            soonest = start
    # There is one within a week, whichever days there are.
    return 0.0 if soonest is None else soonest - now


def closes_in(window: Window | None, now: float) -> float | None:
    """Return in how many seconds a window that is open closes; None if it never does."""
    if window is None:
        return None
    return max((end - now for start, end in _around(window, now) if start <= now < end), default=0.0)


def _around(window: Window, now: float) -> list[tuple[float, float]]:
    """Return from when to when the window is open, from the day before to a week later."""
    zone = _zone(window.tz)
    today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    start, end = _clock(window.start), _clock(window.end)
    found = []
    for ahead in range(-1, DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        if day.isoweekday() in window.days:
            last = day if end > start else day + timedelta(days=1)
            found.append((_moment(day, start, zone), _moment(last, end, zone)))
    return found


def _moment(day: date, clock: time, zone: ZoneInfo) -> float:
    """Return when a clock shows a time: for the first time if it does twice, and if never, when it has passed it."""
    return datetime.combine(day, clock, zone).astimezone(UTC).timestamp()


def _clock(text: str) -> time:
    return time(int(text[:2]), int(text[3:]))


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _unfit(param: str, what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"{param} must be {what}", code="invalid_value", param=param)
