"""What Cohere does in its own way: plans, demands in capitals, narrower ranges, and rankings without documents."""

import json
import struct
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest
from integration_api.core.errors import Failure, Kind, Phase, ProviderError
from integration_api.core.exchange import Frame, HttpResponse
from integration_api.core.llm import (
    Finish,
    FinishReason,
    LlmRequest,
    LlmResponse,
    Message,
    Notice,
    Output,
    Reasoning,
    ReasoningRequest,
    Role,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from integration_api.core.reranking import RerankingRequest
from integration_api.dialects.rerank_surface import render_rerank
from integration_api.providers.cohere import COHERE, client, embedding
from tests.providers.talk import Talk, reply

ACCOUNT = Credential("cohere")
HELLO = (Message(Role.USER, (Text("hello"),)),)
CLOCK = Tool(name="now")
WEATHER = Tool(
    name="get_weather", schema={"type": "object", "properties": {"city": {}}, "required": ["city"]}
)
PLAIN, THINKER = "command-a-03-2025", "command-a-plus-05-2026"


def asked(**ask: Any) -> dict[str, Any]:
    """The body that a request becomes."""
    request = LlmRequest(**{"model": PLAIN, "messages": HELLO, **ask})
    return Talk(COHERE, COHERE.llm.complete(request, ACCOUNT)).body()


def answered(message: Any = None, finish: str = "COMPLETE", usage: Any = None, **ask: Any) -> LlmResponse:
    told = {
        "id": "c1",
        "finish_reason": finish,
        "message": {
            "role": "assistant",
            **({"content": [{"type": "text", "text": "Hi."}]} if message is None else message),
        },
        "usage": usage or {},
    }
    request = LlmRequest(**{"model": PLAIN, "messages": HELLO, **ask})
    return Talk(COHERE, COHERE.llm.complete(request, ACCOUNT), reply(told)).answer


def told(**ask: Any) -> set[tuple[str, str]]:
    return {(notice.code, notice.param) for notice in answered(**ask).warnings}


# --- gotchas ---------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [None, "", "{}"])
def test_gotcha_5_a_call_without_arguments_has_an_empty_object(arguments: str | None) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "now", "arguments": arguments}}
    parts = answered({"tool_calls": [call]}, "TOOL_CALL").candidates[0].parts
    assert parts == (ToolCall("c", "now", "{}"),)


def test_gotcha_7_input_tokens_include_what_was_cached() -> None:
    counts = {
        "billed_units": {"input_tokens": 12, "output_tokens": 7},
        "tokens": {"input_tokens": 507, "output_tokens": 10},
        "cached_tokens": 448,
    }
    usage = answered(usage=counts).usage
    assert (usage.input_total, usage.cache_read, usage.input_uncached, usage.output_total) == (
        507,
        448,
        59,
        10,
    )


def test_gotcha_24_rankings_come_without_documents_and_ours_go_with_them_where_they_are_wanted() -> None:
    ask = RerankingRequest(model="rerank-v5.0-pro", query="q", documents=("a", "b"))
    ranking = {
        "id": "r1",
        "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}],
    }
    talk = Talk(COHERE, COHERE.reranking(ask, ACCOUNT), reply(ranking))
    assert "return_documents" not in talk.body()
    bare = json.loads(render_rerank(talk.answer))
    full = json.loads(render_rerank(talk.answer, documents=["a", {"text": "b", "n": 1}]))
    assert [result.get("document") for result in bare["results"]] == [None, None]
    assert [result["document"] for result in full["results"]] == [{"text": "b", "n": 1}, {"text": "a"}]


def test_gotcha_20_vectors_are_asked_for_as_numbers_and_token_ids_refused() -> None:
    ask = EmbeddingRequest(model="embed-v4.0", inputs=("a",))
    talk = Talk(COHERE, embedding.embed(ask, ACCOUNT), reply({"embeddings": {"float": [[0.1, 2.0]]}}))
    assert talk.body()["embedding_types"] == ["float"]
    assert talk.answer.vectors == (struct.pack("<2f", 0.1, 2.0),)
    with pytest.raises(Failure) as refused:
        Talk(COHERE, embedding.embed(EmbeddingRequest(model="embed-v4.0", inputs=((1, 2),)), ACCOUNT))
    assert refused.value.code == "token_ids_not_supported"


# --- chat ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "tools", "word"),
    [
        (None, ["now", "get_weather"], None),
        (ToolChoice("auto"), ["now", "get_weather"], None),
        (ToolChoice("required"), ["now", "get_weather"], "REQUIRED"),
        (ToolChoice("none"), ["now", "get_weather"], "NONE"),
        (ToolChoice("named", ("now",)), ["now"], "REQUIRED"),
        (ToolChoice("allowed", ("now",)), ["now"], None),
        (ToolChoice("allowed", ("now",), allowed_mode="required"), ["now"], "REQUIRED"),
    ],
)
def test_a_choice_of_tools_is_a_demand_or_nothing(
    choice: ToolChoice | None, tools: list[str], word: str | None
) -> None:
    body = asked(tools=(CLOCK, WEATHER), tool_choice=choice)
    assert [tool["function"]["name"] for tool in body["tools"]] == tools
    assert body.get("tool_choice") == word
    assert body["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("sampling", "sent", "notices"),
    [
        (Sampling(top_p=1.0), {"p": 0.99}, {("clamped", "top_p")}),
        (Sampling(top_p=0.0), {"p": 0.01}, {("clamped", "top_p")}),
        (Sampling(top_k=600), {"k": 500}, {("clamped", "top_k")}),
        (Sampling(frequency_penalty=-0.5), {"frequency_penalty": 0.0}, {("clamped", "frequency_penalty")}),
        (Sampling(temperature=0.0, seed=7), {"temperature": 0.0, "seed": 7}, set()),
        (Sampling(logit_bias={"1": 2.0}, min_p=0.1), {}, {("dropped", "logit_bias"), ("dropped", "min_p")}),
        (Sampling(n=1, repetition_penalty=1.0), {}, set()),
    ],
)
def test_what_is_beyond_its_ranges_is_brought_within_and_the_caller_is_told(
    sampling: Sampling, sent: Any, notices: Any
) -> None:
    assert asked(sampling=sampling).items() >= sent.items()
    assert told(sampling=sampling) == notices


@pytest.mark.parametrize(
    ("model", "reasoning", "thinking"),
    [
        (THINKER, ReasoningRequest(), None),
        (THINKER, ReasoningRequest(mode="off"), {"type": "disabled"}),
        (THINKER, ReasoningRequest(effort="none"), {"type": "disabled"}),
        (THINKER, ReasoningRequest(effort="low"), {"type": "enabled", "token_budget": 1024}),
        (THINKER, ReasoningRequest(effort="max"), {"type": "enabled"}),
        (THINKER, ReasoningRequest(mode="on", budget_tokens=77), {"type": "enabled", "token_budget": 77}),
        (PLAIN, ReasoningRequest(effort="low"), None),
        (PLAIN, ReasoningRequest(mode="off"), None),
    ],
)
def test_how_hard_to_think_is_a_budget_and_only_for_those_who_think(
    model: str, reasoning: ReasoningRequest, thinking: Any
) -> None:
    assert asked(model=model, reasoning=reasoning).get("thinking") == thinking
    assert told(model=model, reasoning=reasoning) == (
        {("dropped", "reasoning")} if model == PLAIN and reasoning.mode == "default" else set()
    )


@pytest.mark.parametrize(
    ("ask", "param"),
    [
        ({"sampling": Sampling(n=2)}, "n"),
        ({"tools": (CLOCK,), "output": Output(kind="json_object")}, "response_format"),
        ({"output": Output(modalities=("audio",))}, "modalities"),
        ({"sampling": Sampling(top_k=501), "strict": True}, "top_k"),
        ({"tools": (CLOCK,), "parallel_tools": False, "strict": True}, "parallel_tool_calls"),
    ],
)
def test_what_would_change_the_meaning_is_refused(ask: dict[str, Any], param: str) -> None:
    with pytest.raises(Failure) as refused:
        asked(**ask)
    assert (refused.value.kind, refused.value.param) == (Kind.UNSUPPORTED, param)


def test_a_model_held_to_json_is_asked_for_it_in_words_as_well() -> None:
    body = asked(output=Output(kind="json_object"))
    assert "JSON" in body["messages"][0]["content"]
    assert told(output=Output(kind="json_object")) == {("mapped", "response_format")}
    schema = asked(output=Output(kind="json_schema", name="x", schema={"type": "object"}))
    assert schema["response_format"] == {"type": "json_object", "json_schema": {"type": "object"}}
    assert len(schema["messages"]) == 1


def test_a_plan_is_thought_before_its_calls_and_given_back_as_a_plan() -> None:
    call = {"id": "w", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    answer = answered({"tool_plan": "I will look.", "tool_calls": [call]}, "TOOL_CALL", tools=(CLOCK,))
    parts = answer.candidates[0].parts
    assert parts == (Reasoning("I will look.", "plan"), ToolCall("w", "now", "{}"))
    result = Message(Role.TOOL, (ToolResult("w", (Text("noon"),)),))
    turns = asked(messages=(*HELLO, Message(Role.ASSISTANT, parts), result), tools=(CLOCK,))["messages"]
    assert turns[1]["tool_plan"] == "I will look."
    assert turns[2]["role"] == "tool"


@pytest.mark.parametrize(
    ("native", "reason"),
    [("COMPLETE", FinishReason.STOP), ("STOP_SEQUENCE", FinishReason.STOP), ("MAX_TOKENS", FinishReason.LENGTH),
     ("ERROR_TOXIC", FinishReason.CONTENT_FILTER), ("ERROR", FinishReason.ERROR), ("NEW", FinishReason.OTHER)],
)  # fmt: skip
def test_why_it_ended(native: str, reason: FinishReason) -> None:
    assert answered(finish=native).candidates[0].finish == Finish(reason, native)


@pytest.mark.parametrize(("native", "kind"), [("ERROR", Kind.UPSTREAM), ("TIMEOUT", Kind.TIMEOUT)])
def test_one_that_failed_with_nothing_said_is_an_error_whole_and_streamed(native: str, kind: Kind) -> None:
    with pytest.raises(ProviderError) as failed:
        answered({"content": None}, native)
    assert failed.value.kind is kind
    stream = COHERE.llm.stream(LlmRequest(model=PLAIN, messages=HELLO), ACCOUNT)
    ending = {"type": "message-end", "delta": {"finish_reason": native, "error": "It broke"}}
    with pytest.raises(ProviderError, match="It broke") as broke:
        stream.reader.feed(Frame("message-end", json.dumps(ending).encode()))
    assert (broke.value.kind, broke.value.phase) == (kind, Phase.STREAM)


# --- embeddings, verification, refusals ------------------------------------------------------


def test_texts_go_in_batches_and_come_back_in_their_order() -> None:
    sizes: list[int] = []

    def answer(body: Any) -> HttpResponse:
        start = sum(sizes)
        sizes.append(len(body["texts"]))
        vectors = [[float(start + place)] for place in range(sizes[-1])]
        return reply(
            {"embeddings": {"float": vectors}, "meta": {"billed_units": {"input_tokens": sizes[-1]}}}
        )

    ask = EmbeddingRequest(model="embed-v4.0", inputs=tuple(f"text {number}" for number in range(200)))
    talk = Talk(COHERE, embedding.embed(ask, ACCOUNT), *[answer] * 3)
    assert sizes == [96, 96, 8]
    assert [struct.unpack("<f", vector)[0] for vector in talk.answer.vectors] == [
        float(n) for n in range(200)
    ]
    assert talk.answer.usage.input_total == 200


@pytest.mark.parametrize(
    ("asked_for", "word", "notices"),
    [(None, "search_document", []), ("query", "search_query", []), ("qa", "search_query", ["mapped"]),
     ("similarity", "clustering", ["mapped"])],
)  # fmt: skip
def test_every_vector_is_for_something(asked_for: str | None, word: str, notices: list[str]) -> None:
    ask = EmbeddingRequest(model="embed-v4.0", inputs=("a",), input_type=asked_for)
    talk = Talk(COHERE, embedding.embed(ask, ACCOUNT), reply({"embeddings": {"float": [[1.0]]}}))
    assert talk.body()["input_type"] == word
    assert [notice.code for notice in talk.answer.warnings] == notices
    assert all(isinstance(notice, Notice) for notice in talk.answer.warnings)


def test_a_key_is_verified_by_a_free_question() -> None:
    talk = Talk(COHERE, COHERE.verify(ACCOUNT), reply({"valid": True}))
    assert talk.asked[0].url == "https://api.cohere.com/v1/check-api-key"
    with pytest.raises(ProviderError) as refused:
        Talk(COHERE, COHERE.verify(ACCOUNT), reply({"valid": False}))
    assert refused.value.kind is Kind.CREDENTIAL_REJECTED


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "too many tokens: total must be at most 128000", Kind.CONTEXT_LENGTH),
        (401, "invalid api token", Kind.CREDENTIAL_REJECTED),
        (402, "Please add or update your payment method", Kind.QUOTA),
        (404, "model 'x' not found", Kind.NOT_FOUND),
        (422, "invalid request: unknown field", Kind.INVALID_REQUEST),
        (429, "You are using a Trial key, which is limited to 20 API calls / minute.", Kind.RATE_LIMITED),
        (429, "You are past the per month request limit: monthly", Kind.QUOTA),
        (498, "invalid token", Kind.CREDENTIAL_REJECTED),
        (501, "not implemented", Kind.UNSUPPORTED),
        (503, "", Kind.OVERLOADED),
    ],
)
def test_each_refusal_says_whose_fault_it_is(status: int, message: str, kind: Kind) -> None:
    error = client.fault(reply({"id": "e1", "message": message}, status))
    assert (error.kind, error.refusal.request_id) == (kind, "e1")
    assert error.refusal.status == status
    assert error.message
