"""Where in an utterance one is, by what its provider told."""

from hypothesis import given
from hypothesis import strategies as st

from integration_api.core.audio import AudioFormat
from integration_api.core.tts import Mark, Timestamps
from integration_api.services.utterance import Utterance


def spoken(marks: list[tuple[int | None, int]], characters: int) -> Utterance:
    """An utterance of a second, with what was told of it: characters, and when each is heard."""
    one = Utterance("a", AudioFormat(), AudioFormat(), 20, 0.0)
    one.text = "a" * characters
    one.sound(bytes(32_000))
    items = tuple(Mark(text="a", start_ms=ms, end_ms=ms, char_start=at) for at, ms in marks)
    one.take(Timestamps(utterance_id="a", granularity="char", items=items))
    return one


@given(
    marks=st.lists(st.tuples(st.none() | st.integers(0, 12), st.integers(0, 1_000)), max_size=12),
    offset=st.integers(0, 14),
)
def test_a_character_is_heard_when_it_was_told_last_that_it_or_one_before_it_is(
    marks: list[tuple[int | None, int]], offset: int
) -> None:
    known = [ms for at, ms in marks if at is not None and at <= offset]
    guess = 1_000 if offset >= 10 else offset * 100
    expected = known[-1] if known and offset < 10 else guess
    assert spoken(marks, 10).reached(offset) == expected


def test_each_of_many_places_is_found_without_looking_at_all_that_was_told() -> None:
    """Else a long utterance with as many marks as it may have would keep a worker busy for hours."""
    length = 1_000_000
    one = spoken([(at, at) for at in range(length)], length)
    assert [one.reached(at) for at in range(0, length, 10)] == list(range(0, length, 10))
