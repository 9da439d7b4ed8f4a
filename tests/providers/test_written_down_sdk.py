"""Streams that were written down to the byte say what is written beside them, wherever their bytes are cut."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from integration_api.core.llm import LlmRequest, LlmResponse, Reasoning, Text, ToolCall
from integration_api.dialects.openai_surface_response import render_chat
from integration_api.providers import PROVIDERS
from tests.providers.heard import events, folded
from tests.providers.unified import CLOCK, user

WIRE = Path(os.environ["REFERENCE_DIR"]) / "wire/llm/vectors"


def answered(provider: str, model: str, name: str) -> LlmResponse:
    """Play a stream cut at every place once: each of its bytes is the first of a piece."""
    ask = LlmRequest(model=model, messages=(user("Kyiv?"),), tools=(CLOCK,))
    body = (WIRE / f"{name}.sse").read_bytes()
    found = events(PROVIDERS[provider], ask, body, len(body))
    for size in (1, 2, 3, 5, 7, 64):
        assert events(PROVIDERS[provider], ask, body, size) == found
    return folded(found)


CASES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("anthropic", "claude-opus-5-5", "anthropic-thinking-tool",
     {"usage": (102, 90, 33, 20), "calls": [("now", "{}")], "finish": "tool_calls", "thought": "hm"}),
    ("cohere", "command-a-plus-05-2026", "cohere-tools",
     {"usage": (507, 448, 10, None), "calls": [("now", "{}"), ("get_weather", '{"city":"Lviv"}')],
      "finish": "tool_calls", "thought": "I will"}),
    ("gemini", "gemini-3.8-flash", "gemini-signature",
     {"usage": (29, 20, 33, 31), "calls": [], "finish": "stop", "thought": "**Plan**"}),
    ("mistral", "mistral-small-latest", "mistral-complete-calls",
     {"usage": (124, None, 22, None), "calls": [("now", "{}"), ("w", '{"city":"Kyiv"}')],
      "finish": "tool_calls", "thought": ""}),
    ("openai", "gpt-5.6-sol", "openai-chat-tools",
     {"usage": (120, 100, 40, 16), "calls": [("f", '{"x":1}'), ("g", "{}")], "finish": "tool_calls", "thought": ""}),
)  # fmt: skip


@pytest.mark.parametrize(("provider", "model", "name", "said"), CASES, ids=[case[2] for case in CASES])
def test_a_stream_says_what_is_written_beside_it(
    provider: str, model: str, name: str, said: dict[str, Any]
) -> None:
    answer = answered(provider, model, name)
    [candidate] = answer.candidates
    usage = answer.usage
    assert (usage.input_total, usage.cache_read, usage.output_total, usage.reasoning) == said["usage"]
    calls = [part for part in candidate.parts if isinstance(part, ToolCall)]
    assert [(call.name, call.arguments) for call in calls] == said["calls"]
    assert "".join(part.text for part in candidate.parts if isinstance(part, Reasoning)) == said["thought"]
    told = json.loads(render_chat(answer, provider=provider, id="1", created=1))
    assert told["choices"][0]["finish_reason"] == said["finish"]
    assert told["usage"]["total_tokens"] == usage.input_total + usage.output_total


def test_what_passes_through_is_whole_as_well() -> None:
    body = (WIRE / "anthropic-thinking-tool.sse").read_bytes()
    watch = PROVIDERS["anthropic"].llm.relay.stream({})
    passed = watch.feed(body)
    rest, tally = watch.close()
    assert passed + rest == body + b"\n"
    assert (tally.usage.input_total, tally.usage.output_total) == (102, 33)


def test_signatures_are_kept_byte_for_byte() -> None:
    claude = answered("anthropic", "claude-opus-5-5", "anthropic-thinking-tool").candidates[0].parts
    gemini = answered("gemini", "gemini-3.8-flash", "gemini-signature").candidates[0].parts
    assert claude[0].signature.data == "EqQBCg=="
    assert [part.signature and part.signature.data for part in gemini] == [None, None, "CiQBjz1r"]
    assert gemini[1:] == (Text("Hello"), Text("", signature=gemini[2].signature))
    assert answered("cohere", "command-a-plus-05-2026", "cohere-tools").id == "u1"
