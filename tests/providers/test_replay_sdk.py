"""What providers were recorded to say goes back to them as it was, by every door."""

import pytest

from tests.laws.cases import Case, recordings
from tests.providers.returned import returning
from tests.providers.test_replay import check, ways


@pytest.mark.parametrize(("way", "case"), ways(list(returning(recordings()))))
def test_what_was_said_goes_back_as_it_was(way: str, case: Case) -> None:
    check(way, case)
