"""The Mistral emulator, driven by Mistral's own SDK."""

import json

import pytest
from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, SDKError

from lab import Answer, Fault, Lab, ScriptedCall

MODEL = "mistral-small-latest"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city", "days"],
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}


def user(text) -> list[dict]:
    return [{"role": "user", "content": text}]


def asked(text="Hello", **more) -> dict:
    return {"model": MODEL, "messages": user(text), **more}


async def streamed(mistral: Mistral, **wanted) -> list:
    async with await mistral.chat.stream_async(**wanted) as stream:
        return [event.data async for event in stream]


async def test_a_chat_quotes_the_user_and_counts(mistral) -> None:
    answer = await mistral.chat.complete_async(**asked("Привіт, світе"))
    assert "Привіт, світе" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


async def test_a_stream_says_the_same_with_usage_in_the_last_chunk(mistral) -> None:
    whole = await mistral.chat.complete_async(**asked("Count to three"))
    chunks = await streamed(mistral, **asked("Count to three"))
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    )
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


async def test_two_tools_are_called_whole_in_one_chunk(mistral) -> None:
    wanted = asked("Use a tool: the weather in Kyiv and the time", tools=[WEATHER, CLOCK])
    whole = (await mistral.chat.complete_async(**wanted)).choices[0]
    chunks = await streamed(mistral, **wanted)
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [call.function.name for call in whole.message.tool_calls] == ["get_weather", "now"]
    assert [call.function.name for call in calls] == ["get_weather", "now"]
    assert set(json.loads(calls[0].function.arguments)) == {"city", "days"}
    assert all(len(call.id) == 9 for call in calls)
    assert whole.finish_reason == chunks[-1].choices[0].finish_reason == "tool_calls"


async def test_tool_results_are_answered_in_words(mistral) -> None:
    wanted = asked("Use a tool: the weather in Kyiv", tools=[WEATHER])
    said = (await mistral.chat.complete_async(**wanted)).choices[0].message
    result = {"role": "tool", "tool_call_id": said.tool_calls[0].id, "name": "get_weather", "content": "12"}
    turns = [*wanted["messages"], said.model_dump(exclude_none=True), result]
    answer = await mistral.chat.complete_async(**{**wanted, "messages": turns})
    assert answer.choices[0].message.content
    assert not answer.choices[0].message.tool_calls


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("any", ["get_weather", "now"]),
        ("none", []),
        ({"type": "function", "function": {"name": "now"}}, ["now"]),
    ],
)
async def test_tool_choice_is_obeyed(mistral, choice, names) -> None:
    answer = await mistral.chat.complete_async(**asked(tools=[WEATHER, CLOCK], tool_choice=choice))
    assert [call.function.name for call in answer.choices[0].message.tool_calls or ()] == names


async def test_a_schema_is_answered_by_an_instance(mistral) -> None:
    schema = {"name": "trip", "schema": WEATHER["function"]["parameters"], "strict": True}
    answer = await mistral.chat.complete_async(
        **asked(response_format={"type": "json_schema", "json_schema": schema})
    )
    assert set(json.loads(answer.choices[0].message.content)) == {"city", "days"}


async def test_reasoning_comes_as_a_list_of_pieces(mistral) -> None:
    wanted = {**asked("Think"), "model": "magistral-medium-latest"}
    whole = (await mistral.chat.complete_async(**wanted)).choices[0].message.content
    assert [piece.type for piece in whole] == ["thinking", "text"]
    chunks = await streamed(mistral, **wanted)
    thoughts = [
        step.text
        for chunk in chunks
        if isinstance(chunk.choices[0].delta.content, list)
        for piece in chunk.choices[0].delta.content
        if piece.type == "thinking"
        for step in piece.thinking
    ]
    assert "".join(thoughts) == "".join(step.text for step in whole[0].thinking)


async def test_embeddings(mistral) -> None:
    found = await mistral.embeddings.create_async(model="mistral-embed", inputs=["a cat sat", "a dog ran"])
    assert [item.index for item in found.data] == [0, 1]
    assert len(found.data[0].embedding) == 1024
    assert found.usage.prompt_tokens > 0


async def test_moderations(mistral) -> None:
    found = await mistral.classifiers.moderate_async(
        model="mistral-moderation-latest", inputs=["I will kill you", "good morning"]
    )
    assert any(found.results[0].categories.values())
    assert not any(found.results[1].categories.values())


async def test_models(mistral) -> None:
    listed = await mistral.models.list_async()
    assert MODEL in {model.id for model in listed.data}
    assert (await mistral.models.retrieve_async(model_id=MODEL)).id == MODEL


@pytest.mark.parametrize(("key", "status"), [("invalid", 401), ("forbidden", 403), ("noquota", 402)])
async def test_keys(lab: Lab, key, status) -> None:
    async with Mistral(api_key=key, server_url=lab.url("mistral", version="")) as client:
        with pytest.raises(SDKError) as caught:
            await client.chat.complete_async(**asked())
    assert caught.value.status_code == status


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_a_status_is_told_by_the_sdk(mistral, status) -> None:
    with pytest.raises(SDKError) as caught:
        await mistral.chat.complete_async(**{**asked(), "model": f"{MODEL}-lab-status-{status}"})
    assert caught.value.status_code == status


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"messages": []}, "at least one message"),
        ({"temperature": 3.0}, "temperature"),
        (
            {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]},
            "last role",
        ),
        (
            {"tools": [CLOCK], "tool_choice": {"type": "function", "function": {"name": "nothing"}}},
            "nothing|tool",
        ),
        ({"model": "gpt-4o"}, "gpt-4o|model"),
    ],
)
async def test_what_mistral_refuses(mistral, change, words) -> None:
    with pytest.raises((SDKError, HTTPValidationError), match=f"(?i){words}"):
        await mistral.chat.complete_async(**{**asked(), **change})


async def test_scripts_are_said_word_for_word(mistral, lab: Lab) -> None:
    lab.script(
        "mistral", Answer(text=["One ", "two"], tool_calls=[ScriptedCall(name="now", arguments={"a": 1})])
    )
    chunks = await streamed(mistral, **asked(tools=[CLOCK]))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "One two"
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert json.loads(calls[0].function.arguments) == {"a": 1}


async def test_an_error_midstream_reaches_the_sdk(mistral, lab: Lab) -> None:
    lab.fault("mistral", Fault(error_midstream=True))
    with pytest.raises(Exception, match=r"(?i)unmarshal|validation|error"):
        await streamed(mistral, **asked())
