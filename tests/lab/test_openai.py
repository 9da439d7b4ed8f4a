"""The OpenAI emulator, driven by OpenAI's own SDK."""

import json

import openai
import pytest
from pydantic import BaseModel

from lab import Answer, Fault, Lab, ScriptedCall

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
CLOCK = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


class Person(BaseModel):
    name: str
    age: int
    friends: list["Person"]


def user(text) -> list[dict]:
    return [{"role": "user", "content": text}]


async def test_a_chat_quotes_the_user_and_counts(gpt) -> None:
    answer = await gpt.chat.completions.create(model="gpt-4o", messages=user("Привіт, світе"))
    assert "Привіт, світе" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "gpt-4o-2024-08-06"
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.completion_tokens_details.reasoning_tokens == 0
    assert answer._request_id.startswith("req_")


async def test_the_same_request_has_the_same_answer(gpt) -> None:
    one, other = [await gpt.chat.completions.create(model="gpt-4o", messages=user("same")) for _ in "ab"]
    assert one == other


async def test_a_stream_folds_to_the_whole_answer(gpt) -> None:
    asked = {"model": "gpt-4o", "messages": user("Count to three, please")}
    whole = await gpt.chat.completions.create(**asked)
    async with gpt.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        folded = await stream.get_final_completion()
    assert folded.choices[0].message.content == whole.choices[0].message.content
    assert folded.usage == whole.usage


async def test_usage_comes_last_and_only_when_asked_for(gpt) -> None:
    plain = [
        one
        async for one in await gpt.chat.completions.create(
            model="gpt-4o", messages=user("hi"), stream=True, stream_options={"include_obfuscation": False}
        )
    ]
    assert all("usage" not in one.model_fields_set for one in plain)
    assert all(one.obfuscation is None for one in plain)
    asked = [
        one
        async for one in await gpt.chat.completions.create(
            model="gpt-4o", messages=user("hi"), stream=True, stream_options={"include_usage": True}
        )
    ]
    assert all(one.usage is None and "usage" in one.model_fields_set for one in asked[:-1])
    assert asked[-1].choices == []
    assert asked[-1].usage.total_tokens > 0
    assert all(one.obfuscation is not None for one in asked)
    assert asked[0].choices[0].delta.role == "assistant"
    assert asked[-2].choices[0].finish_reason == "stop"


async def test_two_tools_are_called_at_once_whole_and_streamed(gpt) -> None:
    asked = {"model": "gpt-4o", "messages": user("Use a tool"), "tools": [WEATHER, CLOCK]}
    whole = await gpt.chat.completions.create(**asked)
    calls = whole.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "now"]
    assert json.loads(calls[0].function.arguments) == {"city": "Kyiv", "days": 7}
    assert calls[1].function.arguments == "{}"
    assert calls[0].id != calls[1].id
    assert whole.choices[0].message.content is None
    assert whole.choices[0].finish_reason == "tool_calls"
    chunks = [one async for one in await gpt.chat.completions.create(**asked, stream=True)]
    first = chunks[0].choices[0].delta
    assert first.role == "assistant"
    assert first.content is None
    assert first.tool_calls[0].function.arguments == ""
    async with gpt.chat.completions.stream(**asked) as stream:
        folded = await stream.get_final_completion()
    assert [
        (call.function.name, call.function.arguments) for call in folded.choices[0].message.tool_calls
    ] == [(call.function.name, call.function.arguments) for call in calls]


async def test_tool_results_are_answered_in_words(gpt) -> None:
    asked = {"model": "gpt-4o", "tools": [WEATHER]}
    first = await gpt.chat.completions.create(messages=user("Use the tool"), **asked)
    message = first.choices[0].message
    turns = [
        *user("Use the tool"),
        message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "12 degrees"},
    ]
    second = await gpt.chat.completions.create(messages=turns, **asked)
    assert "12 degrees" in second.choices[0].message.content


@pytest.mark.parametrize(
    ("more", "names", "finish"),
    [
        ({"tool_choice": "required"}, ["get_weather", "now"], "tool_calls"),
        ({"tool_choice": "required", "parallel_tool_calls": False}, ["get_weather"], "tool_calls"),
        ({"tool_choice": {"type": "function", "function": {"name": "now"}}}, ["now"], "stop"),
        ({"tool_choice": "none"}, [], "stop"),
        (
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "required",
                        "tools": [{"type": "function", "function": {"name": "now"}}],
                    },
                }
            },
            ["now"],
            "tool_calls",
        ),
    ],
)
async def test_tool_choice_is_obeyed(gpt, more, names, finish) -> None:
    answer = await gpt.chat.completions.create(
        model="gpt-4o", messages=user("hello"), tools=[WEATHER, CLOCK], **more
    )
    assert [call.function.name for call in answer.choices[0].message.tool_calls or ()] == names
    assert answer.choices[0].finish_reason == finish


async def test_custom_tools_get_text(gpt) -> None:
    tool = {"type": "custom", "custom": {"name": "shell", "description": "runs"}}
    asked = {"model": "gpt-5", "messages": user("use a tool"), "tools": [tool]}
    answer = await gpt.chat.completions.create(**asked)
    assert answer.choices[0].message.tool_calls[0].custom.name == "shell"
    deltas = [one async for one in await gpt.chat.completions.create(**asked, stream=True)]
    assert deltas[0].choices[0].delta.tool_calls[0].type == "custom"


async def test_a_schema_is_answered_by_an_instance(gpt) -> None:
    parsed = await gpt.chat.completions.parse(model="gpt-4o", messages=user("Who?"), response_format=Person)
    person = parsed.choices[0].message.parsed
    assert isinstance(person, Person)
    assert person.name == "Ada"
    async with gpt.chat.completions.stream(
        model="gpt-4o", messages=user("Who?"), response_format=Person
    ) as stream:
        streamed = await stream.get_final_completion()
    assert streamed.choices[0].message.parsed == person


async def test_json_object_needs_the_word(gpt) -> None:
    answer = await gpt.chat.completions.create(
        model="gpt-4o", messages=user("in JSON please"), response_format={"type": "json_object"}
    )
    assert json.loads(answer.choices[0].message.content)["answer"] == "in JSON please"
    with pytest.raises(openai.BadRequestError, match="must contain the word 'json'"):
        await gpt.chat.completions.create(
            model="gpt-4o", messages=user("please"), response_format={"type": "json_object"}
        )


async def test_reasoning_is_counted_and_can_eat_the_budget(gpt) -> None:
    answer = await gpt.chat.completions.create(
        model="o4-mini", messages=user("think"), reasoning_effort="high"
    )
    assert answer.usage.completion_tokens_details.reasoning_tokens == 48
    assert answer.usage.completion_tokens > 48
    spent = await gpt.chat.completions.create(model="gpt-5", messages=user("think"), max_completion_tokens=16)
    assert spent.choices[0].message.content == ""
    assert spent.choices[0].finish_reason == "length"
    assert spent.usage.completion_tokens == spent.usage.completion_tokens_details.reasoning_tokens == 16
    silent = await gpt.chat.completions.create(
        model="gpt-5.2", messages=user("x"), reasoning_effort="none", temperature=0.2
    )
    assert silent.usage.completion_tokens_details.reasoning_tokens == 0


async def test_images_sounds_and_files_are_seen(gpt) -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERg==", "filename": "a.pdf"}},
    ]
    answer = await gpt.chat.completions.create(model="gpt-4o", messages=user(parts))
    assert "2 images and 1 document and 1 recording" in answer.choices[0].message.content
    assert answer.usage.prompt_tokens > 4 * 85


async def test_choices_stops_and_logprobs(gpt) -> None:
    asked = {"model": "gpt-4o", "messages": user("hello"), "n": 2, "stop": ["lab"]}
    answer = await gpt.chat.completions.create(**asked, logprobs=True, top_logprobs=1)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.choices[1].message.content.endswith("OpenAI ")
    assert answer.choices[0].logprobs.content[0].top_logprobs
    seen = {
        choice.index
        async for chunk in await gpt.chat.completions.create(**asked, stream=True)
        for choice in chunk.choices
        if choice.finish_reason
    }
    assert seen == {0, 1}
    cut = await gpt.chat.completions.create(model="gpt-4o", messages=user("hello"), max_tokens=2)
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage.completion_tokens == 2


async def test_embeddings_come_in_base64_by_default(gpt, lab: Lab) -> None:
    both = await gpt.embeddings.create(model="text-embedding-3-small", input=["a cat sat", "a dog ran"])
    assert lab.requests[-1].json()["encoding_format"] == "base64"
    floats = await gpt.embeddings.create(
        model="text-embedding-3-small", input="a cat sat", encoding_format="float"
    )
    assert len(both.data[0].embedding) == 1536
    assert both.data[0].embedding == pytest.approx(floats.data[0].embedding, abs=1e-6)
    assert sum(value * value for value in both.data[1].embedding) == pytest.approx(1, abs=1e-3)
    short = await gpt.embeddings.create(model="text-embedding-3-large", input=[[1, 2, 3]], dimensions=256)
    assert len(short.data[0].embedding) == 256
    assert short.usage.prompt_tokens == 3


async def test_moderations(gpt) -> None:
    found = await gpt.moderations.create(input=["I will kill you", "good morning"])
    assert [one.flagged for one in found.results] == [True, False]
    assert found.results[0].categories.violence
    assert found.results[0].category_scores.violence > 0.5
    parts = [
        {"type": "text", "text": "hello"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    seen = await gpt.moderations.create(model="omni-moderation-latest", input=parts)
    assert len(seen.results) == 1
    assert "image" in seen.results[0].category_applied_input_types.violence


async def test_models(gpt) -> None:
    ids = [model.id async for model in gpt.models.list()]
    assert "gpt-4o" in ids
    assert (await gpt.models.retrieve("gpt-4o")).id == "gpt-4o"
    with pytest.raises(openai.NotFoundError):
        await gpt.models.retrieve("gpt-nothing")


@pytest.mark.parametrize(
    ("key", "raised", "code"),
    [
        ("sk-invalid-key", openai.AuthenticationError, "invalid_api_key"),
        ("sk-forbidden", openai.PermissionDeniedError, None),
        ("sk-noquota", openai.RateLimitError, "insufficient_quota"),
    ],
)
async def test_keys(gpt, key, raised, code) -> None:
    with pytest.raises(raised) as caught:
        await gpt.with_options(api_key=key).models.list()
    assert caught.value.code == code
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (409, openai.ConflictError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
async def test_a_status_becomes_the_sdks_own_error(gpt, status, raised) -> None:
    with pytest.raises(raised) as caught:
        await gpt.chat.completions.create(model=f"gpt-4o-lab-status-{status}", messages=user("hi"))
    assert caught.value.status_code == status
    assert caught.value.body["message"]


CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}],
}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "noon"}
LOOSE = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"top_k": 3}, "unknown_parameter", "Unknown parameter: 'top_k'"),
        ({"messages": []}, "empty_array", "empty array"),
        ({"messages": user(None)}, None, "expected a string, got null"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "invalid_value", "Invalid value: 'robot'"),
        ({"messages": [{**user("x")[0], "colour": 1}]}, "unknown_parameter", "messages[0].colour"),
        ({"messages": [*user("x"), CALL]}, None, "did not have response messages: c1"),
        ({"messages": [*user("x"), CALL, *user("y")]}, None, "did not have response messages: c1"),
        ({"messages": [*user("x"), RESULT]}, None, "must be a response to a preceeding message"),
        ({"messages": user([{"type": "image", "url": "x"}])}, "invalid_value", "Invalid value: 'image'"),
        (
            {"messages": user([{"type": "image_url", "image_url": {"url": "data:text/plain;base64,aa"}}])},
            "invalid_image_format",
            "unsupported image",
        ),
        (
            {"messages": user([{"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}}])},
            "invalid_value",
            "base64-encoded audio",
        ),
        (
            {
                "messages": [
                    *user("x"),
                    CALL,
                    {**RESULT, "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]},
                ]
            },
            "invalid_value",
            "Image URLs are only allowed",
        ),
        ({"messages": [*user("x"), {**CALL, "tool_calls": []}]}, None, "got null"),
        (
            {"messages": [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}]},
            None,
            "both 'system' and 'developer'",
        ),
        ({"model": "gpt-5", "max_tokens": 5}, "unsupported_parameter", "Use 'max_completion_tokens'"),
        ({"model": "o3", "temperature": 0.5}, "unsupported_value", "Only the default (1)"),
        ({"model": "gpt-5.6-sol", "top_p": 0.5}, "unsupported_parameter", "'top_p' is not supported"),
        ({"model": "o4-mini", "stop": "x"}, "unsupported_parameter", "'stop' is not supported"),
        ({"model": "gpt-5", "reasoning_effort": "none"}, "unsupported_value", "does not support 'none'"),
        ({"reasoning_effort": "low"}, None, "Unrecognized request argument"),
        ({"temperature": 3}, "decimal_above_max_value", "Expected a value <= 2"),
        ({"max_tokens": -1}, "integer_below_min_value", "Expected a value >= 0"),
        ({"stream_options": {"include_usage": True}}, None, "only allowed when 'stream' is enabled"),
        ({"stream": True, "stream_options": {"usage": 1}}, "unknown_parameter", "stream_options.usage"),
        ({"tools": []}, "empty_array", "'tools'"),
        ({"tool_choice": "auto"}, None, "only allowed when 'tools' are specified"),
        ({"parallel_tool_calls": True}, None, "only allowed when 'tools' are specified"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "invalid_value", "pattern"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": LOOSE}}]},
            "invalid_function_parameters",
            "'additionalProperties' is required",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}},
            "missing_required_parameter",
            "response_format.json_schema.name",
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "strict": True, "schema": LOOSE},
                }
            },
            None,
            "Invalid schema for response_format 'n'",
        ),
        ({"stop": list("abcde")}, "array_above_max_length", "maximum length 4"),
        ({"top_logprobs": 2}, None, "'logprobs' is enabled"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "object_above_max_properties", "16 properties"),
    ],
)
async def test_what_openai_refuses(gpt, change, code, words) -> None:
    body = {"model": "gpt-4o", "messages": user("hello"), **change}
    with pytest.raises(openai.BadRequestError) as caught:
        await gpt.post("/chat/completions", body=body, cast_to=object)
    assert caught.value.code == code
    assert words in caught.value.body["message"]


async def test_other_vendors_models_are_unknown(gpt) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await gpt.chat.completions.create(model="claude-sonnet-4-5", messages=user("x"))
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError, match="not a chat model"):
        await gpt.chat.completions.create(model="text-embedding-3-small", messages=user("x"))
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        await gpt.post("/nothing", cast_to=object)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"input": ""}, "empty string"),
        ({"input": []}, "empty array"),
        ({"input": "x", "input_type": "query"}, "Unknown parameter"),
        ({"input": "x", "dimensions": 4000}, "above maximum"),
        ({"input": "x", "model": "text-embedding-ada-002", "dimensions": 8}, "specifying dimensions"),
        ({"input": ["x"] * 2049}, "array too long"),
        ({"input": [-5]}, "Invalid token"),
    ],
)
async def test_embeddings_openai_refuses(gpt, body, words) -> None:
    with pytest.raises(openai.BadRequestError, match=words):
        await gpt.post("/embeddings", body={"model": "text-embedding-3-small", **body}, cast_to=object)


async def test_scripts_are_said_word_for_word(gpt, lab: Lab) -> None:
    lab.script(
        "openai",
        Answer(text=["Hel", "lo"], usage={"prompt_tokens": 7}, finish="length"),
        Answer(tool_calls=[ScriptedCall(name="f", arguments='{"half', id="call_x")]),
        Answer(refusal="I would rather not."),
        Answer(status=418, body={"error": {"message": "teapot", "code": "short"}}, headers={"x-a": "b"}),
        Answer(text="again", times=2),
    )
    chunks = [
        one
        async for one in await gpt.chat.completions.create(
            model="gpt-4o", messages=user("x"), stream=True, stream_options={"include_usage": True}
        )
    ]
    assert [one.choices[0].delta.content for one in chunks[:-1]] == ["", "Hel", "lo", None]
    assert chunks[-2].choices[0].finish_reason == "length"
    assert chunks[-1].usage.prompt_tokens == 7
    called = await gpt.chat.completions.create(model="gpt-4o", messages=user("x"))
    assert called.choices[0].message.tool_calls[0].id == "call_x"
    assert called.choices[0].message.tool_calls[0].function.arguments == '{"half'
    refused = await gpt.chat.completions.create(model="gpt-4o", messages=user("x"))
    assert (refused.choices[0].message.refusal, refused.choices[0].message.content) == (
        "I would rather not.",
        None,
    )
    with pytest.raises(openai.APIStatusError) as caught:
        await gpt.chat.completions.create(model="gpt-4o", messages=user("x"))
    assert (caught.value.status_code, caught.value.code, caught.value.response.headers["x-a"]) == (
        418,
        "short",
        "b",
    )
    said = [
        (await gpt.chat.completions.create(model="gpt-4o", messages=user("x"))).choices[0].message.content
        for _ in range(3)
    ]
    assert said[:2] == ["again", "again"]
    assert said[2] != "again"


async def test_a_refused_request_uses_up_no_script(gpt, lab: Lab) -> None:
    lab.script("openai", Answer(text="kept"))
    with pytest.raises(openai.BadRequestError):
        await gpt.chat.completions.create(model="gpt-4o", messages=[])
    answer = await gpt.chat.completions.create(model="gpt-4o", messages=user("x"))
    assert answer.choices[0].message.content == "kept"


async def test_an_error_midstream_raises_in_the_sdk(gpt) -> None:
    words = []
    with pytest.raises(openai.APIError, match="server had an error"):
        async for one in await gpt.chat.completions.create(
            model="gpt-4o-lab-error-midstream", messages=user("a longer sentence of words"), stream=True
        ):
            words.append(one.choices[0].delta.content)
    assert len(words) > 2


async def test_the_sdk_retries_what_a_fault_stops(gpt, lab: Lab) -> None:
    lab.fault("openai", Fault(status=503, headers={"retry-after": "0.01"}, times=2))
    answer = await gpt.with_options(max_retries=2).chat.completions.create(
        model="gpt-4o", messages=user("hello")
    )
    assert "hello" in answer.choices[0].message.content
    assert len(lab.requests) == 3
