"""Every recorded stream with tool calls, of every provider, as LangChain and LiveKit want to be told of them."""

import pytest

from tests.laws import replay
from tests.laws.cases import Case, recordings
from tests.laws.speaker import CHAT
from tests.providers.heard import chunks, tool_deltas, well_told

STREAMED = [pytest.param(case, id=case.id) for case in recordings() if case.kind in CHAT and case.streamed]


@pytest.mark.parametrize("case", STREAMED)
def test_gotcha_21_calls_have_places_and_names_once_whoever_makes_them(case: Case) -> None:
    told = chunks(case.provider, replay.events(case))
    choices = {choice["index"] for chunk in told for choice in chunk["choices"]}
    for index in choices:
        alone = [
            {"choices": [choice for choice in chunk["choices"] if choice["index"] == index]} for chunk in told
        ]
        deltas = tool_deltas(alone)
        assert well_told(deltas)
        calls = {delta.index: "" for delta in deltas}
        for delta in deltas:
            calls[delta.index] += delta.arguments
        assert all(calls.values()), "no call is without arguments: none is an empty object"
    assert all(chunk["choices"] or chunk.get("usage") or chunk.get("moderation") for chunk in told)


def test_there_are_calls_among_them() -> None:
    made = [
        one.values[0].provider
        for one in STREAMED
        if tool_deltas(chunks(one.values[0].provider, replay.events(one.values[0])))
    ]
    assert {"anthropic", "bedrock", "gemini", "mistral", "openai"} <= set(made)
