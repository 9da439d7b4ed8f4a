"""When people may be called, by the clock on their wall, over midnight and over changes of the clocks."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from integration_api.core.errors import Failure
from integration_api.core.telephony_records import Window
from integration_api.services.calling_window import check, closes_in, opens_in

BERLIN = "Europe/Berlin"
HOUR = 3600.0


def at(text: str, zone: str = BERLIN, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def window(start: str = "09:00", end: str = "17:00", tz: str = BERLIN, **more: object) -> Window:
    return Window(start=start, end=end, tz=tz, **more)


def test_without_a_window_it_is_always_open() -> None:
    assert opens_in(None, 0.0) == 0
    assert closes_in(None, 0.0) is None


@pytest.mark.parametrize(
    ("now", "opens", "closes"),
    [
        ("2026-06-10T08:59:59", 1, 0),
        ("2026-06-10T09:00:00", 0, 8 * HOUR),
        ("2026-06-10T16:59:59", 0, 1),
        ("2026-06-10T17:00:00", 16 * HOUR, 0),
        ("2026-06-10T23:00:00", 10 * HOUR, 0),
    ],
)
def test_it_is_open_from_its_start_to_its_end(now: str, opens: float, closes: float) -> None:
    assert opens_in(window(), at(now)) == opens
    assert closes_in(window(), at(now)) == closes


@pytest.mark.parametrize(
    ("now", "opens", "closes"),
    [
        ("2026-06-10T21:59:00", 60, 0),
        ("2026-06-10T22:00:00", 0, 8 * HOUR),
        ("2026-06-11T00:00:00", 0, 6 * HOUR),
        ("2026-06-11T05:59:00", 0, 60),
        ("2026-06-11T06:00:00", 16 * HOUR, 0),
    ],
)
def test_it_goes_over_midnight(now: str, opens: float, closes: float) -> None:
    night = window("22:00", "06:00")
    assert opens_in(night, at(now)) == opens
    assert closes_in(night, at(now)) == closes


def test_it_begins_on_its_days_alone() -> None:
    # 2026-06-12 is a Friday.
    weekdays = window(days=(1, 2, 3, 4, 5))
    assert opens_in(weekdays, at("2026-06-12T16:00:00")) == 0
    assert opens_in(weekdays, at("2026-06-12T17:00:00")) == 64 * HOUR
    assert opens_in(weekdays, at("2026-06-13T12:00:00")) == 45 * HOUR
    saturday_night = window("22:00", "06:00", days=(6,))
    assert opens_in(saturday_night, at("2026-06-14T05:00:00")) == 0, "it began on Saturday"
    assert opens_in(saturday_night, at("2026-06-13T05:00:00")) == 17 * HOUR
    assert opens_in(saturday_night, at("2026-06-14T06:00:00")) == 6 * 24 * HOUR + 16 * HOUR


def test_whose_wall_it_is_matters() -> None:
    assert opens_in(window(tz="America/New_York"), at("2026-06-10T09:00:00")) == 6 * HOUR
    assert opens_in(window(tz="Asia/Kolkata"), at("2026-06-10T09:00:00")) == 0
    assert closes_in(window(tz="Asia/Kolkata"), at("2026-06-10T09:00:00")) == 4.5 * HOUR


def test_the_night_on_which_an_hour_is_missing() -> None:
    # On 2026-03-29 Berlin's clocks go from 02:00 to 03:00.
    assert opens_in(window(), at("2026-03-28T17:00:00")) == 15 * HOUR
    night = window("22:00", "06:00")
    assert closes_in(night, at("2026-03-28T22:00:00")) == 7 * HOUR
    begins, ends, missing = window("02:30", "05:00"), window("22:00", "02:30"), window("02:15", "02:45")
    assert opens_in(begins, at("2026-03-29T01:59:00")) == 60, "when the clock has passed its start"
    assert closes_in(begins, at("2026-03-29T03:30:00")) == 1.5 * HOUR
    assert closes_in(ends, at("2026-03-29T01:59:00")) == 60, "when the clock has passed its end"
    assert opens_in(ends, at("2026-03-29T03:00:00")) == 19 * HOUR
    assert opens_in(missing, at("2026-03-29T01:59:00")) == 60 + 23.25 * HOUR, "no clock shows a time in it"
    sundays = window("02:15", "02:45", days=(7,))
    assert opens_in(sundays, at("2026-03-23T02:15:00")) == (13 * 24 - 1) * HOUR, "nor on its only day"


def test_a_change_of_the_clocks_at_midnight() -> None:
    # On 2027-03-14 Havana's clocks go from 00:00 to 01:00.
    havana = "America/Havana"
    evening, night = window("09:00", "00:30", havana), window("00:15", "00:45", havana)
    assert closes_in(evening, at("2027-03-13T23:00:00", havana)) == HOUR
    assert opens_in(night, at("2027-03-13T23:00:00", havana)) == 24.25 * HOUR


def test_the_night_on_which_an_hour_comes_twice() -> None:
    # On 2026-10-25 Berlin's clocks go from 03:00 back to 02:00.
    assert opens_in(window(), at("2026-10-24T17:00:00")) == 17 * HOUR
    night = window("22:00", "06:00")
    assert closes_in(night, at("2026-10-24T22:00:00")) == 9 * HOUR
    ends = window("22:00", "02:30")
    assert closes_in(ends, at("2026-10-25T02:00:00")) == HOUR / 2
    assert opens_in(ends, at("2026-10-25T02:00:00", fold=1)) == 20 * HOUR, (
        "it is over for the first of the two"
    )
    begins = window("02:30", "06:00")
    assert closes_in(begins, at("2026-10-25T02:30:00")) == HOUR / 2, "the clock is set back before its start"
    assert opens_in(begins, at("2026-10-25T02:10:00", fold=1)) == HOUR / 3
    assert closes_in(begins, at("2026-10-25T02:30:00", fold=1)) == 3.5 * HOUR
    within = window("02:15", "02:45")
    assert closes_in(within, at("2026-10-25T02:15:00")) == HOUR / 2
    assert opens_in(within, at("2026-10-25T02:15:00", fold=1)) == 24 * HOUR, "once is enough"


def test_a_zone_that_is_a_quarter_of_an_hour_off() -> None:
    nepal = window(tz="Asia/Kathmandu")
    assert opens_in(nepal, at("2026-11-28T03:14:00", "UTC")) == 60
    assert closes_in(nepal, at("2026-11-28T03:15:00", "UTC")) == 8 * HOUR


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"start": "9:00"}, "window.start"), ({"start": "24:00"}, "window.start"), ({"end": "17:60"}, "window.end"),
        ({"end": "17:00 "}, "window.end"), ({"end": "09:00"}, "window.end"), ({"tz": "Mars/Base"}, "window.tz"),
        ({"tz": ""}, "window.tz"), ({"tz": "../etc/passwd"}, "window.tz"), ({"tz": "/etc/localtime"}, "window.tz"),
        ({"days": ()}, "window.days"), ({"days": (0,)}, "window.days"), ({"days": (8,)}, "window.days"),
        ({"days": (1, 1)}, "window.days"),
    ],
)  # fmt: skip
def test_a_window_that_is_none_is_refused(wrong: dict[str, object], param: str) -> None:
    with pytest.raises(Failure) as refused:
        check(window(**wrong))
    assert refused.value.param == param


def test_windows_that_are_some_are_taken() -> None:
    for good in (
        window(),
        window("22:00", "06:00"),
        window(tz="UTC"),
        window(days=(7,)),
        window("00:00", "23:59"),
    ):
        check(good)
