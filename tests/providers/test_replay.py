"""Thoughts and tools of one turn reach the provider again in the next, by every door, signed as they were."""

import dataclasses
import re

import pytest

from tests.laws.cases import Case, samples
from tests.providers.returned import WAYS, Block, returning, sent, told

SANITISED = re.compile(r"[a-zA-Z0-9]{9}")
"""What Mistral's models take for a call's id."""


def ways(cases: "list[Case]") -> list[object]:
    """Parametrize over each way that an answer may go."""
    return [
        pytest.param(way, case, id=f"{way}-{case.id}")
        for case in cases
        for way in WAYS
        if (case.streamed or not way.endswith("-stream"))
        and (way != "grpc-rebuilt" or any(block.kind == "call" for block in told(case)))
    ]


def check(way: str, case: Case) -> None:
    """Hold what reaches the provider to what it had said."""
    found, answered = sent(case, WAYS[way](case))
    calls = [block for block in found if block.kind == "call"]
    assert answered == [block.id or block.name for block in calls]
    given = [block for block in told(case) if not left_out(case, block)]
    assert [but_id(block) for block in found] == [but_id(block) for block in given]
    for block, before in zip(calls, (one for one in given if one.kind == "call"), strict=True):
        assert block.id in ("", before.id) or (
            "mistral" in case.provider + case.model and SANITISED.fullmatch(block.id)
        )


def left_out(case: Case, block: Block) -> bool:
    """Whether a block need not go back: thoughts that were not signed are for people, with exceptions."""
    return block.kind == "thought" and not block.signature and case.provider not in ("mistral", "openrouter")


def but_id(block: Block) -> Block:
    return dataclasses.replace(block, id="")


@pytest.mark.parametrize(("way", "case"), ways(list(returning(samples()))))
def test_what_was_said_goes_back_as_it_was(way: str, case: Case) -> None:
    check(way, case)
