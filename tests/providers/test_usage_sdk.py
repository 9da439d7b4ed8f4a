"""No count that a provider was recorded to tell is lost: it is in our usage, or follows from it."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.laws import replay
from tests.laws.cases import Case, recordings
from tests.laws.speaker import CHAT

FOLLOWS = {
    "total_tokens", "totalTokens", "totalTokenCount",  # what goes in and what comes out
    "candidatesTokenCount",  # what comes out without its thoughts
    "promptTokenCount",  # what goes in without what tools brought
    "text_tokens",  # what is neither sound nor picture
}  # fmt: skip
CHATS = [case for case in recordings() if case.kind in CHAT]


def told(case: Case) -> dict[str, Any]:
    """What is under `usage` in an answer; that of a stream is in what it comes to."""
    whole = case.speaker.whole_of
    if case.streamed and whole is None:
        return {}
    said = json.loads(whole(case.body) if case.streamed and whole else case.body)
    usage = said.get("usage") or said.get("usageMetadata") or {}
    return usage if isinstance(usage, dict) else {}


def counts(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Every number that is not 0, with its name."""
    if isinstance(value, dict):
        if value.get("modality") in ("TEXT", 1):
            return  # The rest of a sum.
        for key, inner in value.items():
            yield from counts(inner, name if key == "tokenCount" else key)
    elif isinstance(value, list):
        for inner in value:
            yield from counts(inner, name)
    elif isinstance(value, int | float) and not isinstance(value, bool) and value and name != "modality":
        yield name, value


@pytest.mark.parametrize("provider", sorted({case.provider for case in CHATS}))
def test_every_count_is_kept(provider: str) -> None:
    found = 0
    for case in CHATS:
        if case.provider != provider:
            continue
        answer = replay.folded(replay.events(case)) if case.streamed else replay.whole(case)
        ours = {count for _, count in counts(msgspec.to_builtins(answer.usage))}
        theirs = {name: count for name, count in counts(told(case)) if name not in FOLLOWS}
        found += len(theirs)
        assert {name for name, count in theirs.items() if count not in ours} == set(), case.id
    assert found or provider == "replicate"  # It keeps its counts under another name.
