"""When a text counts as the answer to speech that has ended."""

import pytest

from integration_api.services.speech_times import SpeechTimes
from integration_api.telemetry.metrics import FINAL_TEXT, FIRST_TEXT


def measured(provider: str) -> tuple[float, float, float, float]:
    """Return how many first texts and finals were measured, each with the sum of them."""
    first, final = FIRST_TEXT.of(provider).numbers(), FINAL_TEXT.of(provider).numbers()
    return sum(first[1:]), first[0], sum(final[1:]), final[0]


def test_the_first_text_is_timed_from_the_first_speech_and_only_once() -> None:
    times = SpeechTimes()
    times.text(1.0, "a")
    times.speech(2.0, 20)
    times.speech(2.5, 500)
    times.text(2.75, "a")
    times.text(9.0, "a")
    assert measured("a") == (1, 0.75, 0, 0)


AMID = {
    "speech goes on": (520, 480, False, 0),
    "a pause of one sound": (590, 500, False, 0),
    "a pause": (600, 500, False, 1),
    "of an earlier word": (700, -1, False, 0),
    "before a breath": (700, 0, False, 1),
    "of nobody knows when": (700, None, False, 1),
    "the caller said so": (500, 500, True, 1),
}
"""Where the sound is by then, where the text ends, whether the caller asked for it, and how often that counts."""


@pytest.mark.parametrize("case", AMID)
def test_a_final_is_timed_from_the_end_of_speech(case: str) -> None:
    at_ms, end_ms, asked, count = AMID[case]
    times = SpeechTimes()
    times.speech(1.0, 20)
    times.speech(2.0, 500)
    times.final(2.5, at_ms, case, end_ms=end_ms, asked=asked)
    # What comes later of the same speech is no answer to it.
    times.final(9.0, at_ms, case, end_ms=end_ms, asked=asked) if count else None
    assert measured(case) == (1, 1.5, count, count * 0.5)


def test_the_latest_pause_in_which_a_turn_may_have_ended_is_known() -> None:
    times = SpeechTimes()
    for at_ms in (20, 40, 320, 340):
        times.speech(1.0, at_ms)
    assert times.pause_ms < 0  # None was long enough.
    times.speech(2.0, 940)
    times.speech(2.0, 960)
    assert times.pause_ms == 640
