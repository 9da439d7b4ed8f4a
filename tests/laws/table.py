"""Counts how many recordings of each provider and kind of answer keep every law."""

from tests.laws import laws
from tests.laws.cases import Case, recordings


def counts() -> dict[str, dict[str, list[int]]]:
    """Return, for each provider and kind of answer, how many recordings keep every law, and of how many."""
    found: dict[str, dict[str, list[int]]] = {}
    for case in recordings():
        row = found.setdefault(case.provider, {}).setdefault(name(case), [0, 0])
        row[0] += keeps(case)
        row[1] += 1
    return found


def name(case: Case) -> str:
    # What is live has no other way.
    return f"{case.kind}, streamed" if case.streamed and not case.kind.endswith("(live)") else case.kind


def keeps(case: Case) -> bool:
    try:
        laws.check(case)
    except Exception:
        return False
    return True
