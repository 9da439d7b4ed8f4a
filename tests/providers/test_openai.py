"""What OpenAI does in its own way, and what clients of its language make of our streams."""

import json
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.llm import (
    Cache,
    Ended,
    FinishReason,
    LlmRequest,
    LlmResponse,
    Message,
    PartStarted,
    TextDelta,
    ToolCall,
    UsageUpdate,
)
from integration_api.dialects.openai_surface_response import render_chat
from integration_api.providers.openai import OPENAI
from integration_api.transport.drive import Trace
from lab import Lab
from tests.laws.speaker import data_lines
from tests.providers.heard import chunks, events, folded, sse, tool_deltas, well_told
from tests.providers.talk import Talk, reply
from tests.providers.unified import requests, user
from tests.transport.upstream import Held, transport

MODEL = "gpt-5.6-sol"
ACCOUNT = Credential("openai", held=frozenset({"key"}))


def asking(*messages: Message, **more: Any) -> LlmRequest:
    return LlmRequest(**{"model": MODEL, "messages": messages or (user("hello"),), **more})


def answered(message: dict[str, Any], **more: Any) -> LlmResponse:
    told = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}, **more,
    }  # fmt: skip
    answer = Talk(OPENAI, OPENAI.llm.complete(asking(), ACCOUNT), reply(told)).answer
    assert isinstance(answer, LlmResponse)
    return answer


def chunk(*deltas: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [{"index": n, "delta": delta, "finish_reason": finish} for n, delta in enumerate(deltas)]
    told = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return {**told, "choices": choices, "usage": None, **more}


def piece(index: int, id: str | None = None, name: str | None = None, arguments: str = "") -> dict[str, Any]:
    told: dict[str, Any] = {"index": index, "function": {"arguments": arguments}}
    if id is not None:
        told |= {"id": id, "type": "function"}
        told["function"]["name"] = name
    return told


USAGE = {
    "prompt_tokens": 120, "completion_tokens": 40, "total_tokens": 160,
    "prompt_tokens_details": {"cached_tokens": 100}, "completion_tokens_details": {"reasoning_tokens": 16},
}  # fmt: skip
DONE = "[DONE]"

# --- gotchas 5 and 7 ---------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", ["", "{}"])
def test_gotcha_5_a_call_without_arguments_has_an_empty_object(arguments) -> None:
    call = {"id": "call_a", "type": "function", "function": {"name": "now", "arguments": arguments}}
    expected = (ToolCall("call_a", "now", "{}"),)
    assert answered({"content": None, "tool_calls": [call]}).candidates[0].parts == expected
    streamed = sse(
        chunk({"role": "assistant", "content": None, "tool_calls": [piece(0, "call_a", "now")]}),
        *([chunk({"tool_calls": [piece(0, arguments=arguments)]})] if arguments else []),
        chunk({}, finish="tool_calls"),
        DONE,
    )
    assert folded(events(OPENAI, asking(), streamed)).candidates[0].parts == expected


def test_gotcha_7_input_tokens_include_what_was_cached() -> None:
    answer = answered({"content": "Hi"}, usage=USAGE)
    usage = answer.usage
    assert (usage.input_total, usage.cache_read, usage.input_uncached) == (120, 100, 20)
    assert (usage.output_total, usage.reasoning) == (40, 16)
    surfaced = json.loads(render_chat(answer, provider="openai", id="1", created=1))["usage"]
    assert (surfaced["prompt_tokens"], surfaced["total_tokens"]) == (120, 160)


# --- gotcha 21 ---------------------------------------------------------------------------------

STREAMS: dict[str, list[dict[str, Any]]] = {
    "one after the other": [
        chunk({"role": "assistant", "tool_calls": [piece(0, "call_a", "f")]}),
        chunk({"tool_calls": [piece(0, arguments='{"x":')]}),
        chunk({"tool_calls": [piece(0, arguments="1}")]}),
        chunk({"tool_calls": [piece(1, "call_b", "g")]}),
        chunk({"tool_calls": [piece(1, arguments="{}")]}),
    ],
    "in turns": [
        chunk({"role": "assistant", "tool_calls": [piece(0, "call_a", "f"), piece(1, "call_b", "g")]}),
        chunk({"tool_calls": [piece(0, arguments='{"x"')]}),
        chunk({"tool_calls": [piece(1, arguments="{")]}),
        chunk({"tool_calls": [piece(0, arguments=":1}")]}),
        chunk({"tool_calls": [piece(1, arguments="}")]}),
    ],
    "named in every piece": [
        chunk({"role": "assistant", "tool_calls": [piece(0, "call_a", "f", '{"x":')]}),
        chunk({"tool_calls": [piece(0, "call_a", "f", "1}")]}),
        chunk({"tool_calls": [piece(1, "call_b", "g", "{}")]}),
    ],
    "without places": [
        chunk({"role": "assistant", "tool_calls": [{"id": "call_a", "function": {"name": "f", "arguments": '{"x":1}'}}]}),
        chunk({"tool_calls": [{"id": "call_b", "function": {"name": "g", "arguments": "{}"}}]}),
    ],
    "all at once": [
        chunk({"role": "assistant", "tool_calls": [piece(0, "call_a", "f", '{"x":1}'), piece(1, "call_b", "g", "{}")]}),
    ],
}  # fmt: skip


@pytest.mark.parametrize("how", STREAMS)
def test_gotcha_21_each_call_is_named_once_in_its_place_and_finished_before_the_next(how) -> None:
    """LangChain drops pieces without a place; LiveKit begins a call anew whenever it hears a name."""
    found = events(OPENAI, asking(), sse(*STREAMS[how], chunk({}, finish="tool_calls"), DONE))
    assert folded(found).candidates[0].parts == (
        ToolCall("call_a", "f", '{"x":1}'),
        ToolCall("call_b", "g", "{}"),
    )
    deltas = tool_deltas(chunks("openai", found))
    assert well_told(deltas)
    assert [(delta.id, delta.name) for delta in deltas if delta.name] == [("call_a", "f"), ("call_b", "g")]
    assert ["".join(d.arguments for d in deltas if d.index == n) for n in (0, 1)] == ['{"x":1}', "{}"]
    assert all(delta.keys <= {"index", "function"} for delta in deltas if not delta.name)


# --- gotcha 22 ---------------------------------------------------------------------------------

MODERATED = chunk(usage=None, moderation={"flagged": False})
LATE: dict[str, list[dict[str, Any]]] = {
    "usage alone": [chunk(usage=USAGE)],
    "empty after usage": [chunk(usage=USAGE), chunk()],
    "moderation after usage": [chunk(usage=USAGE), MODERATED],
    "empty before usage": [chunk(), chunk(usage=USAGE)],
    "usage twice": [chunk(usage={**USAGE, "completion_tokens": 1, "total_tokens": 121}), chunk(usage=USAGE)],
}


@pytest.mark.parametrize("what", LATE)
def test_gotcha_22_chunks_without_choices_may_follow_usage(what) -> None:
    said = [chunk({"role": "assistant", "content": ""}), chunk({"content": "Hi"}), chunk({}, finish="stop")]
    found = events(OPENAI, asking(), sse(*said, *LATE[what], DONE))
    answer = folded(found)
    assert (answer.usage.input_total, answer.usage.output_total) == (120, 40)
    assert answer.candidates[0].finish.reason is FinishReason.STOP
    assert sum(isinstance(one, Ended) for one in found) == 1
    assert [one.usage.output_total for one in found if isinstance(one, UsageUpdate)][-1] == 40
    told = chunks("openai", found)
    empty = [one for one in told if not one["choices"]]
    assert [one["usage"]["total_tokens"] for one in empty if one.get("usage")] == [160]
    assert all(one.get("usage") or one.get("moderation") for one in empty), "no chunk of ours says nothing"
    assert not [one for one in chunks("openai", found, include_usage=False) if "usage" in one]


@pytest.mark.parametrize("what", LATE)
@pytest.mark.parametrize("asks", [True, False])
def test_gotcha_22_what_passes_through_keeps_them_and_is_counted(what, asks) -> None:
    relay = OPENAI.llm.relay
    said = [chunk({"role": "assistant", "content": "Hi"}), chunk({}, finish="stop")]
    raw = {"stream": b"true", **({"stream_options": b'{"include_usage":true}'} if asks else {})}
    passing = relay.stream(raw)
    passed = passing.feed(sse(*said, *LATE[what], DONE))
    rest, tally = passing.close()
    assert (tally.usage.input_total, tally.usage.output_total) == (120, 40)
    heard = data_lines(passed + rest)
    assert ("usage" in json.dumps(heard)) == asks
    assert (passed + rest).endswith(b"data: [DONE]\n\n")


def test_a_stream_begins_with_what_it_is_and_is_told_in_order() -> None:
    found = events(
        OPENAI, asking(), sse(chunk({"role": "assistant", "content": "Hi"}), chunk({}, finish="stop"), DONE)
    )
    kinds = [type(one) for one in found]
    assert kinds.index(PartStarted) < kinds.index(TextDelta)


# --- on the emulator ---------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5", "o4-mini", MODEL])
async def test_the_emulator_takes_every_request(model) -> None:
    """It is as strict as the vendor: what a model refuses must not be sent to it."""
    async with Lab() as lab, transport() as over:
        account = Credential("openai", {"base_url": lab.url("openai")}, held=frozenset({"key"}))
        secrets = Held(key="sk-lab-0123456789")
        for what, ask in requests(model):
            try:
                whole = OPENAI.llm.complete(ask, account)
                assert (await over.run(whole, OPENAI.fault, secrets, Trace(0.0), "a")).candidates, what
                stream = OPENAI.llm.stream(ask, account)
                async for _ in over.stream(stream, OPENAI.fault, secrets, Trace(0.0), "a"):
                    pass
            except Failure as refused:
                assert not isinstance(refused, ProviderError), f"{what}: {refused.message}"
                assert refused.kind in {Kind.UNSUPPORTED, Kind.INVALID_REQUEST}


@pytest.mark.parametrize(
    ("model", "cache", "sent"),
    [
        ("gpt-4o", Cache(retention="24h"), {"prompt_cache_retention": "24h"}),
        ("gpt-4o", Cache(retention="1h", mode="auto"), {"prompt_cache_retention": "in_memory"}),
        ("gpt-4o", Cache(retention="30m"), {"prompt_cache_retention": "in_memory"}),
        (MODEL, Cache(retention="30m"), {"prompt_cache_options": {"ttl": "30m"}}),
        (MODEL, Cache(retention="30m", mode="explicit"), {"prompt_cache_options": {"mode": "explicit", "ttl": "30m"}}),
        (MODEL, Cache(retention="5m", mode="auto"), {"prompt_cache_retention": "in_memory", "prompt_cache_options": {"mode": "implicit"}}),
        (MODEL, Cache(retention="some day"), {"prompt_cache_retention": "some day"}),
    ],
)  # fmt: skip
def test_a_prompt_is_kept_for_a_time_that_openai_has_a_word_for(model, cache, sent) -> None:
    stream = OPENAI.llm.stream(asking(model=model, cache=cache), ACCOUNT)
    body = json.loads(stream.request.body)
    assert {name: body[name] for name in body if name.startswith("prompt_cache")} == sent
