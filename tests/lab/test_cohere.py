"""The Cohere emulator, driven by Cohere's own SDK."""

import json
from collections.abc import AsyncIterator

import cohere
import pytest
from cohere.core.api_error import ApiError

from lab import Answer, Fault, Lab, ScriptedCall

PLAIN = "command-a-03-2025"
REASONS = "command-a-plus-05-2026"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture
async def command(lab: Lab) -> AsyncIterator[cohere.AsyncClientV2]:
    async with cohere.AsyncClientV2("lab-key", base_url=lab.url("cohere", version="")) as client:
        yield client


def user(content) -> list[dict]:
    return [{"role": "user", "content": content}]


def refused(status: int, words: str = ""):
    """The SDK raises a class for each status; what they share is the status."""
    return pytest.raises(ApiError, match=rf"(?s)status_code: {status}.*{words}")


async def events(stream) -> list:
    return [event async for event in stream]


async def test_a_chat_quotes_the_user_and_counts(command) -> None:
    answer = await command.chat(model=PLAIN, messages=user("Привіт, світе"))
    assert "Привіт, світе" in answer.message.content[0].text
    assert answer.finish_reason == "COMPLETE"
    assert answer.usage.tokens.input_tokens > answer.usage.billed_units.input_tokens
    assert answer.usage.cached_tokens == 448


async def test_a_stream_folds_to_the_whole_answer(command) -> None:
    asked = {"model": REASONS, "messages": user("Count to three, please")}
    whole = await command.chat(**asked)
    told = await events(command.chat_stream(**asked))
    text = "".join(one.delta.message.content.text or "" for one in told if one.type == "content-delta")
    thought = "".join(one.delta.message.content.thinking or "" for one in told if one.type == "content-delta")
    assert [piece.type for piece in whole.message.content] == ["thinking", "text"]
    assert (thought, text) == (whole.message.content[0].thinking, whole.message.content[1].text)
    assert told[0].type == "message-start"
    assert told[-1].type == "message-end"
    assert told[-1].delta.usage == whole.usage
    assert whole.usage.tokens.model_extra["reasoning_tokens"] == 12


async def test_tools_are_planned_and_called_whole_and_streamed(command) -> None:
    asked = {"model": PLAIN, "messages": user("Use a tool"), "tools": [WEATHER, CLOCK]}
    whole = await command.chat(**asked)
    assert whole.finish_reason == "TOOL_CALL"
    assert whole.message.content is None
    assert whole.message.tool_plan == "Let me look that up."
    calls = whole.message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "now"]
    assert json.loads(calls[0].function.arguments) == {"city": "Kyiv", "days": 7}
    told = await events(command.chat_stream(**asked))
    plan = "".join(one.delta.message.tool_plan for one in told if one.type == "tool-plan-delta")
    started = [one.delta.message.tool_calls for one in told if one.type == "tool-call-start"]
    said = [one for one in told if one.type == "tool-call-delta"]
    assert plan == whole.message.tool_plan
    assert [call.function.name for call in started] == [call.function.name for call in calls]
    assert {one.index for one in said} == {0}, "a call without arguments has no deltas"


async def test_results_are_answered_and_have_to_follow_their_calls(command) -> None:
    asked = {"model": PLAIN, "tools": [WEATHER, CLOCK]}
    first = (await command.chat(messages=user("Use a tool"), **asked)).message
    turns = [*user("Use a tool"), first.model_dump(exclude_none=True)]
    document = {"type": "document", "document": {"data": {"degrees": "12"}}}
    results = [{"role": "tool", "tool_call_id": call.id, "content": [document]} for call in first.tool_calls]
    second = await command.chat(messages=[*turns, *results], **asked)
    assert "degrees" in second.message.content[0].text
    with refused(400, "missing tool result"):
        await command.chat(messages=[*turns, results[0]], **asked)
    with refused(400, "not found in the preceding tool calls"):
        await command.chat(messages=[*user("hi"), {**results[0], "tool_call_id": "other"}], **asked)


@pytest.mark.parametrize(
    ("more", "calls"), [({"tool_choice": "REQUIRED"}, 2), ({"tool_choice": "NONE"}, 0), ({}, 0)]
)
async def test_tool_choice_is_obeyed(command, more, calls) -> None:
    answer = await command.chat(model=PLAIN, messages=user("hello"), tools=[WEATHER, CLOCK], **more)
    assert len(answer.message.tool_calls or ()) == calls


async def test_documents_are_cited_after_the_text_they_are_about(command) -> None:
    documents = [{"id": "d1", "data": {"title": "Sea", "text": "Dolphins live in the sea."}}]
    asked = {"model": PLAIN, "messages": user("Where?"), "documents": documents}
    whole = await command.chat(**asked)
    cited = whole.message.citations[0]
    assert cited.text == whole.message.content[0].text[cited.start : cited.end]
    assert cited.sources[0].id == "d1"
    kinds = [one.type for one in await events(command.chat_stream(**asked))]
    assert kinds.index("citation-start") > max(at for at, kind in enumerate(kinds) if kind == "content-delta")


async def test_a_schema_is_answered_by_an_instance(command) -> None:
    schema = WEATHER["function"]["parameters"]
    answer = await command.chat(
        model=PLAIN, messages=user("JSON"), response_format={"type": "json_object", "json_schema": schema}
    )
    assert json.loads(answer.message.content[0].text) == {"city": "Kyiv", "days": 7}


async def test_thinking_can_be_switched_off_where_there_is_any(command) -> None:
    silent = await command.chat(model=REASONS, messages=user("hi"), thinking={"type": "disabled"})
    assert [piece.type for piece in silent.message.content] == ["text"]
    with refused(400, "thinking is not supported"):
        await command.chat(model=PLAIN, messages=user("hi"), thinking={"type": "enabled"})


async def test_budgets_stops_and_logprobs(command) -> None:
    cut = await command.chat(model=PLAIN, messages=user("hello"), max_tokens=2)
    assert cut.finish_reason == "MAX_TOKENS"
    stopped = await command.chat(model=PLAIN, messages=user("hello"), stop_sequences=["lab"], logprobs=True)
    assert stopped.finish_reason == "STOP_SEQUENCE"
    assert stopped.logprobs[0].text == stopped.message.content[0].text


async def test_pictures_are_seen_by_models_with_eyes(command) -> None:
    parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    answer = await command.chat(model=REASONS, messages=user(parts))
    assert "1 image" in answer.message.content[-1].text
    with refused(400, "image content is not supported"):
        await command.chat(model=PLAIN, messages=user(parts))


@pytest.mark.parametrize(
    "more",
    [
        {"p": 1.0},
        {"k": 501},
        {"frequency_penalty": -0.1},
        {"stop_sequences": list("abcdef")},
        {"tool_choice": "auto", "tools": [CLOCK]},
        {"tool_choice": "REQUIRED"},
        {"tools": [WEATHER], "response_format": {"type": "json_object"}},
        {"tools": [CLOCK], "strict_tools": True},
        {"tools": [{"type": "function", "function": {"name": "now", "parameters": None}}]},
        {"messages": []},
    ],
    ids=str,
)
async def test_what_cohere_refuses(command, more) -> None:
    with refused(400):
        await command.chat(**{"model": PLAIN, "messages": user("hi"), **more})


async def test_vectors_in_every_type(command) -> None:
    answer = await command.embed(
        model="embed-v4.0",
        input_type="search_query",
        texts=["a cat sat", "a dog ran"],
        embedding_types=["float", "int8", "uint8", "binary", "ubinary", "base64"],
        output_dimension=256,
    )
    found = answer.embeddings
    assert [len(found.float_[0]), len(found.int8[0]), len(found.ubinary[0])] == [256, 256, 32]
    assert sum(value * value for value in found.float_[1]) == pytest.approx(1, abs=1e-3)
    assert answer.meta.billed_units.input_tokens > 0


async def test_pictures_have_vectors(command) -> None:
    inputs = [
        {"content": [{"type": "text", "text": "cat"}, {"type": "image_url", "image_url": {"url": PIXEL}}]}
    ]
    answer = await command.embed(model="embed-v4.0", input_type="search_document", inputs=inputs)
    assert len(answer.embeddings.float_[0]) == 1536
    older = await command.embed(model="embed-english-v3.0", input_type="image", images=[PIXEL])
    assert len(older.embeddings.float_[0]) == 1024


@pytest.mark.parametrize(
    ("status", "more"),
    [
        (400, {"output_dimension": 300}),
        (400, {"input_type": "query"}),
        (400, {"model": "embed-english-v3.0", "output_dimension": 256}),
        (404, {"model": "embed-nothing"}),
    ],
)
async def test_embeddings_cohere_refuses(command, status, more) -> None:
    with refused(status):
        await command.embed(**{"model": "embed-v4.0", "input_type": "search_query", "texts": ["a"], **more})


async def test_a_ranking(command) -> None:
    documents = ["bread", "a cat sat", "a dog"]
    answer = await command.rerank(model="rerank-v5.0-pro", query="a cat sat", documents=documents, top_n=2)
    assert answer.results[0].index == 1
    assert len(answer.results) == 2
    assert answer.meta.billed_units.search_units == 1


async def test_models_come_in_pages(command, lab) -> None:
    async with cohere.AsyncClient("lab-key", base_url=lab.url("cohere", version="")) as client:
        page = await client.models.list(page_size=3)
        assert len(page.models) == 3
        rest = await client.models.list(page_size=100, page_token=page.next_page_token)
        assert {"embed", "rerank"} <= {model.endpoints[0] for model in rest.models}
        assert (await client.models.get("rerank-v3.5")).endpoints == ["rerank"]


@pytest.mark.parametrize(("key", "status"), [("invalid", 401), ("forbidden", 403), ("noquota", 402)])
async def test_keys(lab, key, status) -> None:
    async with cohere.AsyncClientV2(key, base_url=lab.url("cohere", version="")) as client:
        with refused(status):
            await client.chat(model=PLAIN, messages=user("hi"))


async def test_answers_can_be_scripted(command, lab: Lab) -> None:
    lab.script("cohere", Answer(text="I will.", tool_calls=[ScriptedCall(name="now", arguments="{}")]))
    answer = await command.chat(model=PLAIN, messages=user("hi"), tools=[CLOCK])
    assert answer.message.tool_plan == "I will."


async def test_a_failure_in_mid_stream_ends_the_message(command, lab: Lab) -> None:
    lab.fault("cohere", Fault(error_midstream=True))
    told = await events(command.chat_stream(model=PLAIN, messages=user("hi there, all of you")))
    assert told[-1].delta.finish_reason == "ERROR"
    assert told[-1].delta.error
