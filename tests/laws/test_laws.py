"""Every provider keeps the laws, on our samples and on everything that was ever recorded."""

import pytest

from tests.laws import laws
from tests.laws.cases import Case, every


@pytest.mark.parametrize("case", every(), ids=lambda case: case.id)
def test_the_laws_are_kept(case: Case) -> None:
    laws.check(case)
