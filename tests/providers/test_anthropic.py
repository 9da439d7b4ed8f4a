"""What Anthropic does in its own way: sampling, forced tools and thinking by generation, results, and counts."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Bearer, Header, HttpRequest
from integration_api.core.llm import (
    LlmRequest,
    LlmResponse,
    Message,
    ReasoningRequest,
    Role,
    Sampling,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
    UsageUpdate,
)
from integration_api.dialects.openai_surface_response import render_chat
from integration_api.providers.anthropic import ANTHROPIC
from integration_api.transport.drive import Trace
from lab import Lab
from tests.providers.heard import chunks, events, folded, sse
from tests.providers.talk import Talk, reply
from tests.providers.unified import CLOCK, WEATHER, assistant, requests, system, user
from tests.transport.upstream import Held, transport

NEWEST, OLD_VERSION = "2026-10-21", "2023-06-01"
OPUS, SONNET, HAIKU = "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"
FABLE, MYTHOS = "claude-fable-5-2", "claude-mythos-5-2"
NEW = (OPUS, SONNET, HAIKU, FABLE, MYTHOS, "claude-opus-4-8", "claude-opus-4-7", "claude-somebody-new-7")
OLD = ("claude-sonnet-4-6", "claude-sonnet-4-5", "claude-opus-4-5", "claude-3-haiku-20240307")
ACCOUNT = Credential("anthropic", held=frozenset({"key"}))


def asking(model: str = OPUS, *messages: Message, **more: Any) -> LlmRequest:
    return LlmRequest(model=model, messages=messages or (user("hello"),), **more)


def sent(ask: LlmRequest, credential: Credential = ACCOUNT) -> tuple[dict[str, Any], str]:
    """The body, and the version of the API it is in."""
    request = next(ANTHROPIC.llm.complete(ask, credential))
    assert isinstance(request, HttpRequest)
    return json.loads(request.body), dict(request.headers)["anthropic-version"]


def answered(ask: LlmRequest, content: Sequence[dict[str, Any]] = (), **told: Any) -> LlmResponse:
    said = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": ask.model, "content": list(content),
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}, **told,
    }  # fmt: skip
    answer = Talk(ANTHROPIC, ANTHROPIC.llm.complete(ask, ACCOUNT), reply(said)).answer
    assert isinstance(answer, LlmResponse)
    return answer


def told(ask: LlmRequest) -> set[tuple[str, str]]:
    return {(notice.code, notice.param) for notice in answered(ask).warnings}


# --- gotcha 1 ----------------------------------------------------------------------------------

SAMPLINGS = [Sampling(temperature=0.0), Sampling(temperature=1.0), Sampling(top_p=0.5), Sampling(top_k=5)]


@pytest.mark.parametrize("model", NEW)
@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_gotcha_1_no_temperature_is_sent_where_any_is_a_400(model, sampling) -> None:
    body, version = sent(asking(model, sampling=sampling))
    assert version == NEWEST
    assert not body.keys() & {"temperature", "top_p", "top_k"}
    assert [code for code, _ in told(asking(model, sampling=sampling))] == ["dropped"]
    with pytest.raises(Failure, match="sets its own sampling") as refused:
        sent(asking(model, sampling=sampling, strict=True))
    assert refused.value.kind is Kind.UNSUPPORTED


@pytest.mark.parametrize("model", OLD)
@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_gotcha_1_models_that_heed_it_are_asked_in_the_version_that_takes_it(model, sampling) -> None:
    body, version = sent(asking(model, sampling=sampling))
    assert version == OLD_VERSION
    assert body.keys() & {"temperature", "top_p", "top_k"}
    assert sent(asking(model))[1] == NEWEST


@pytest.mark.parametrize("where", ["account", "caller"])
def test_gotcha_1_a_version_that_was_chosen_is_kept_to(where) -> None:
    chosen = Credential("anthropic", {"api_version": NEWEST}, held=ACCOUNT.held)
    ask = asking(
        OLD[0],
        sampling=Sampling(temperature=0.5),
        headers=(("anthropic-version", NEWEST),) if where == "caller" else (),
    )
    body, version = sent(ask, chosen if where == "account" else ACCOUNT)
    assert (version, "temperature" in body) == (NEWEST, False)


# --- gotcha 2 ----------------------------------------------------------------------------------

UNFORCED = (OPUS, SONNET, FABLE, MYTHOS)


@pytest.mark.parametrize("model", UNFORCED)
@pytest.mark.parametrize(("choice", "names"), [
    (ToolChoice("required"), ["get_weather", "now"]), (ToolChoice("named", ("now",)), ["now"]),
    (ToolChoice("allowed", ("now",), allowed_mode="required"), ["now"]),
])  # fmt: skip
def test_gotcha_2_a_demanded_tool_is_offered_alone_and_asked_for_in_words(model, choice, names) -> None:
    ask = asking(model, tools=(WEATHER, CLOCK), tool_choice=choice)
    body, _ = sent(ask)
    assert body.get("tool_choice", {"type": "auto"})["type"] == "auto"
    assert [tool["name"] for tool in body["tools"]] == names
    assert "by calling" in json.dumps(body["system"])
    assert ("degraded", "tool_choice") in told(ask)
    with pytest.raises(Failure, match="cannot be made to call a tool"):
        sent(asking(model, tools=(CLOCK,), tool_choice=choice, strict=True))


@pytest.mark.parametrize("model", [HAIKU, *OLD])
def test_gotcha_2_where_a_tool_can_be_demanded_it_is(model) -> None:
    ask = asking(model, tools=(WEATHER, CLOCK), tool_choice=ToolChoice("named", ("now",)))
    assert sent(ask)[0]["tool_choice"] == {"type": "tool", "name": "now"}
    assert len(sent(ask)[0]["tools"]) == 2


# --- gotcha 3 ----------------------------------------------------------------------------------

OFF, BUDGET = ReasoningRequest(mode="off"), ReasoningRequest(mode="on", budget_tokens=2048)


@pytest.mark.parametrize(
    ("model", "wish", "thinking", "effort"),
    [
        (OPUS, OFF, None, "low"),
        (FABLE, OFF, None, "low"),
        (MYTHOS, OFF, None, "low"),
        (SONNET, OFF, {"type": "between_tools"}, None),
        (HAIKU, OFF, {"type": "disabled"}, None),
        ("claude-opus-5", OFF, {"type": "disabled"}, None),
        ("claude-sonnet-4-5", OFF, {"type": "disabled"}, None),
        *((model, BUDGET, {"type": "adaptive"}, "low") for model in NEW),
        ("claude-sonnet-4-5", BUDGET, {"type": "enabled", "budget_tokens": 2048}, None),
        ("claude-opus-4-6", BUDGET, {"type": "enabled", "budget_tokens": 2048}, None),
    ],
)
def test_gotcha_3_thinking_is_asked_for_as_each_generation_takes_it(model, wish, thinking, effort) -> None:
    body, _ = sent(asking(model, reasoning=wish))
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort


@pytest.mark.parametrize(("model", "wish", "notice"), [
    (OPUS, OFF, ("degraded", "reasoning")), (SONNET, OFF, ("mapped", "reasoning")),
    (OPUS, BUDGET, ("mapped", "reasoning.budget_tokens")),
])  # fmt: skip
def test_gotcha_3_what_was_made_of_the_wish_is_told(model, wish, notice) -> None:
    assert notice in told(asking(model, reasoning=wish))


# --- gotcha 4 ----------------------------------------------------------------------------------


def test_gotcha_4_parallel_results_are_one_turn_with_the_results_first() -> None:
    calls = [ToolCall(f"toolu_{n}", "now", "{}") for n in range(3)]
    results = [Message(Role.TOOL, (ToolResult(call.id, (Text(f"at {call.id}"),)),)) for call in calls]
    body, _ = sent(
        asking(
            OPUS,
            user("go"),
            assistant(*calls),
            *results,
            system("Be brief."),
            user("and then?"),
            tools=(CLOCK,),
        )
    )
    turns = body["messages"]
    assert [turn["role"] for turn in turns[:3]] == ["user", "assistant", "user"]
    kinds = [block["type"] for block in turns[2]["content"]]
    assert kinds[:3] == ["tool_result"] * 3
    assert "tool_result" not in kinds[3:]
    assert [block["tool_use_id"] for block in turns[2]["content"][:3]] == [call.id for call in calls]
    assert not any(turn["role"] == "tool" for turn in turns)


def test_gotcha_4_what_a_user_says_before_the_results_comes_after_them() -> None:
    call = ToolCall("toolu_1", "now", "{}")
    said = Message(Role.USER, (Text("By the way:"), ToolResult(call.id, (Text("noon"),)), Text("go on")))
    body, _ = sent(asking(OPUS, user("go"), assistant(call), said, tools=(CLOCK,)))
    kinds = [block["type"] for block in body["messages"][2]["content"]]
    assert kinds == ["tool_result", "text", "text"]


# --- gotchas 5, 6 and 7 ------------------------------------------------------------------------

STARTED = {
    "type": "message_start",
    "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": OPUS, "content": [], "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5, "output_tokens": 3},
    },
}  # fmt: skip
CALLED = (
    {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "toolu_9", "name": "now", "input": {}}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": ""}},
    {"type": "content_block_stop", "index": 0},
)  # fmt: skip
STOPPED = {"type": "message_stop"}


def delta(**usage: Any) -> dict[str, Any]:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": usage,
    }


def test_gotcha_5_a_call_without_arguments_has_an_empty_object() -> None:
    found = events(ANTHROPIC, asking(), sse(STARTED, *CALLED, delta(output_tokens=33), STOPPED, named=True))
    assert folded(found).candidates[0].parts == (ToolCall("toolu_9", "now", "{}"),)
    said = [
        call["function"]["arguments"]
        for chunk in chunks("anthropic", found)
        for choice in chunk["choices"]
        for call in choice["delta"].get("tool_calls", ())
    ]
    assert "".join(said) == "{}"
    whole = answered(asking(), [{"type": "tool_use", "id": "toolu_9", "name": "now", "input": {}}])
    assert whole.candidates[0].parts == (ToolCall("toolu_9", "now", "{}"),)


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        ([delta(output_tokens=33)], (105, 33)),
        ([delta(output_tokens=20), delta(output_tokens=33)], (105, 33)),
        ([delta(input_tokens=12, cache_read_input_tokens=90, cache_creation_input_tokens=5, output_tokens=33)], (107, 33)),
    ],
)  # fmt: skip
def test_gotcha_6_what_the_end_counts_replaces_what_the_beginning_counted(deltas, expected) -> None:
    found = events(ANTHROPIC, asking(), sse(STARTED, *CALLED, *deltas, STOPPED, named=True))
    usage = folded(found).usage
    assert (usage.input_total, usage.output_total) == expected
    last = [said.usage for said in found if isinstance(said, UsageUpdate)][-1]
    assert last == usage, "each count is all there is to count so far"
    assert chunks("anthropic", found)[-1]["usage"]["completion_tokens"] == 33


def test_gotcha_7_input_tokens_exclude_what_was_cached() -> None:
    counts = {
        "input_tokens": 10, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5, "output_tokens": 33,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 5},
    }  # fmt: skip
    answer = answered(asking(), usage=counts)
    usage = answer.usage
    assert (usage.input_total, usage.input_uncached, usage.cache_read, usage.cache_write) == (105, 10, 90, 5)
    surfaced = json.loads(render_chat(answer, provider="anthropic", id="1", created=1))["usage"]
    assert (surfaced["prompt_tokens"], surfaced["total_tokens"]) == (105, 138)
    assert surfaced["prompt_tokens_details"]["cached_tokens"] == 90


# --- on the emulator ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", [OPUS, SONNET, HAIKU, FABLE, "claude-sonnet-4-6", "claude-sonnet-4-5", "claude-3-haiku-20240307"]
)
async def test_the_emulator_takes_every_request(model) -> None:
    """It is as strict as the vendor: a 400 here would be one there."""
    async with Lab() as lab, transport() as over:
        account = Credential("anthropic", {"base_url": lab.url("anthropic", "")}, held=frozenset({"key"}))
        secrets = Held(key="sk-lab-0123456789")
        for what, ask in requests(model):
            try:
                whole = ANTHROPIC.llm.complete(ask, account)
                assert (await over.run(whole, ANTHROPIC.fault, secrets, Trace(0.0), "a")).candidates, what
                async for _ in over.stream(
                    ANTHROPIC.llm.stream(ask, account), ANTHROPIC.fault, secrets, Trace(0.0), "a"
                ):
                    pass
            except Failure as refused:
                assert not isinstance(refused, ProviderError), f"{what}: {refused.message}"
                assert refused.kind in {Kind.UNSUPPORTED, Kind.INVALID_REQUEST}


def test_an_access_token_signs_as_a_bearer_and_a_key_does_not() -> None:
    for held, expected in (("key", Header("x-api-key")), ("auth_token", Bearer("auth_token"))):
        account = Credential("anthropic", held=frozenset({held}))
        assert ANTHROPIC.llm.stream(asking(), account).request.auth == expected
        assert next(ANTHROPIC.verify(account)).auth == expected
