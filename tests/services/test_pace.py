"""No second at the carrier has more calls than the limit, however late each of them arrives."""

import random

import pytest

from integration_api.services.pace import FASTEST, Pace, bounds


def busiest(arrivals: list[float], seconds: float = 1.0) -> int:
    """Return how many there were at most in any span of so many seconds."""
    arrivals = sorted(arrivals)
    most = first = 0
    for last, at in enumerate(arrivals):
        while arrivals[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def simulate(rate, seconds: float, latency, seed: int, pace: Pace | None = None, start: float = 0.0):
    """Dial as fast as the pace allows, by a clock of our own; return when the carrier had each call."""
    dice = random.Random(seed)  # noqa: S311
    pace = pace or Pace()
    now, arrivals, answers = start, [], []
    while now < start + seconds:
        for answer in [one for one in answers if one <= now]:
            answers.remove(answer)
            pace.end(answer)
        room = pace.room(now, rate(now) if callable(rate) else rate)
        if room:
            pace.begin(now, room)
            for _ in range(room):
                there = now + dice.uniform(0, latency)
                arrivals.append(there)
                answers.append(there + dice.uniform(0, latency))
        now += 0.001 + dice.uniform(0, 0.002)
    return arrivals


@pytest.mark.parametrize("rate", [1, 2, 3, 200 / 60, 7.5, 40, 200])
@pytest.mark.parametrize("latency", [0.0005, 0.05, 0.4, 1.5])
def test_no_second_has_more_calls_than_the_limit(rate: float, latency: float) -> None:
    for seed in range(3):
        arrivals = simulate(rate, 12, latency, seed)
        assert busiest(arrivals) <= rate
        # What strictness costs is the time of an answer a second, and what steps and whole numbers take.
        assert len(arrivals) >= 12 * int(rate) / (1.15 + 2 * latency) - int(rate)


@pytest.mark.parametrize(("rate", "apart"), [(0.5, 2), (0.1, 10)])
def test_less_than_one_call_a_second_leaves_more_than_a_second(rate: float, apart: float) -> None:
    arrivals = simulate(rate, 60, 0.3, 1)
    assert busiest(arrivals, apart) == 1
    assert len(arrivals) >= 60 / (apart + 0.7)


def test_a_limit_that_sinks_counts_what_was_sent_before() -> None:
    arrivals = simulate(lambda now: 50 if now < 5 else 3, 10, 0.02, 1)
    assert busiest([at for at in arrivals if at > 5.05 - 0.04 and at > 5]) <= 3
    early = [at for at in arrivals if at < 5]
    late = [at for at in arrivals if at > 5.03]
    assert late
    assert min(late) >= early[-3] + 1


def test_nothing_is_sent_while_what_another_has_sent_may_arrive() -> None:
    last = 10.0
    arrivals = simulate(20, 3, 0.01, 1, Pace(quiet_since=last), start=9.0)
    assert min(arrivals) > last + 1
    assert busiest([last] * 20 + arrivals) == 20


@pytest.mark.parametrize("rate", [1, 5, 50])
def test_what_was_sent_without_asking_is_paid_for_at_the_pace(rate: int) -> None:
    pace = Pace()
    burst = 3 * rate
    for dial in [*range(burst), *range(burst)]:
        pace.owe(dial, 10.0, rate)
    arrivals = simulate(rate, 8, 0.01, 1, pace, start=10.0)
    # As if those of the burst had come one after another: there were never more than the pace allows of both.
    apart = bounds(rate)[1] / rate
    assert busiest([*(10.0 + at * apart for at in range(burst)), *arrivals]) <= rate
    assert 10.0 + 3 - 1 / rate <= min(arrivals) <= 10.0 + 4.1
    assert len(arrivals) >= 3 * rate


def test_one_that_was_sent_without_asking_takes_the_place_of_another() -> None:
    pace = Pace()
    pace.begin(10.0, 1)
    pace.end(10.0)
    pace.owe("single", 10.2, 2)
    assert pace.room(10.9, 2) == 0
    assert pace.room(11.1, 2) == 1
    pace.begin(11.1, 1)
    pace.end(11.1)
    assert pace.room(11.65, 2) == 1, "a second after the single one"


def test_a_call_that_is_not_answered_keeps_its_place() -> None:
    pace = Pace()
    assert pace.room(0.0, 2) == 1
    pace.begin(0.0, 1)
    assert pace.room(0.1, 2) == 0, "they are spread over the second"
    assert pace.room(0.6, 2) == 1
    pace.begin(0.6, 1)
    assert pace.room(500.0, 2) == 0
    assert pace.wait(500.0, 2) == 0
    pace.end(500.0)
    assert pace.room(500.5, 2) == 0
    assert pace.wait(500.5, 2) == pytest.approx(0.5, abs=0.01)
    assert pace.room(501.1, 2) == 1


def test_the_pace_has_an_end() -> None:
    assert bounds(1e9)[0] == FASTEST
    pace = Pace()
    for at in range(5 * FASTEST):
        pace.begin(float(at), 1)
        pace.end(float(at))
    assert len(pace._arrived) == FASTEST
