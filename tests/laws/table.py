"""Counts how many recordings of each provider and capability keep every law.

`python -m tests.laws.table` prints it; without `REFERENCE_DIR` there is nothing to count.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tests.laws import laws
from tests.laws.cases import CHAT_LANGUAGES, Case, kind_of, recordings


@dataclass(frozen=True)
class Row:
    """`kept` of `recorded` recordings keep every law."""

    provider: str
    capability: str
    kept: int
    recorded: int


def rows() -> list[Row]:
    """Try every law on every recording; providers in their own order, capabilities by name."""
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for case in recordings():
        key = (case.provider, name(case))
        kept, recorded = counts.get(key, (0, 0))
        counts[key] = (kept + keeps(case), recorded + 1)
    order = list(CHAT_LANGUAGES)
    return [
        Row(provider, capability, kept, recorded)
        for (provider, capability), (kept, recorded) in sorted(
            counts.items(), key=lambda item: (order.index(item[0][0]), item[0][1])
        )
    ]


def name(case: Case) -> str:
    kind = kind_of(case.capability)
    return f"{kind}, streamed" if case.streamed else kind


def keeps(case: Case) -> bool:
    try:
        laws.check(case)
    except Exception:
        return False
    return True


def lines() -> Iterator[str]:
    """The table as Markdown."""
    yield "| provider | capability | recordings that keep every law |"
    yield "|---|---|---|"
    for row in rows():
        yield f"| {row.provider} | {row.capability} | {row.kept} of {row.recorded} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines()) + "\n")
