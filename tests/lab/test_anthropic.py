"""The Anthropic emulator, driven by Anthropic's own SDK."""

import anthropic
import pytest

from lab import Answer, Fault, Lab, ScriptedCall

MODEL = "claude-sonnet-4-6"
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["city", "days"],
    },
}
CLOCK = {"name": "now", "input_schema": {"type": "object", "properties": {}}}
OLD = {"anthropic-version": "2023-06-01"}


def user(text) -> list[dict]:
    return [{"role": "user", "content": text}]


def asked(text="Hello", **more) -> dict:
    return {"model": MODEL, "max_tokens": 1024, "messages": user(text), **more}


async def test_a_message_quotes_the_user_and_counts(claude) -> None:
    answer = await claude.messages.create(**asked("Привіт, світе"))
    assert "Привіт, світе" in answer.content[0].text
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0
    assert answer._request_id.startswith("req_")


async def test_a_stream_folds_to_the_whole_answer(claude) -> None:
    whole = await claude.messages.create(**asked("Count to three"))
    async with claude.messages.stream(**asked("Count to three")) as stream:
        kinds = [event.type async for event in stream]
        folded = await stream.get_final_message()
    assert [block.text for block in folded.content] == [block.text for block in whole.content]
    assert folded.usage.output_tokens == whole.usage.output_tokens
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"


async def test_two_tools_are_called_at_once_whole_and_streamed(claude) -> None:
    wanted = asked("Use a tool: the weather in Kyiv and the time", tools=[WEATHER, CLOCK])
    whole = await claude.messages.create(**wanted)
    async with claude.messages.stream(**wanted) as stream:
        folded = await stream.get_final_message()
    calls = [block for block in whole.content if block.type == "tool_use"]
    assert [call.name for call in calls] == ["get_weather", "now"]
    assert set(calls[0].input) == {"city", "days"}
    assert calls[1].input == {}
    assert [(b.name, b.input) for b in folded.content if b.type == "tool_use"] == [
        (call.name, call.input) for call in calls
    ]
    assert whole.stop_reason == folded.stop_reason == "tool_use"


async def test_results_of_one_turn_come_in_one_message_first(claude) -> None:
    wanted = asked("Use a tool: the weather in Kyiv and the time", tools=[WEATHER, CLOCK])
    called = await claude.messages.create(**wanted)
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "12"}
        for block in called.content
        if block.type == "tool_use"
    ]
    said = [block.model_dump(exclude_none=True) for block in called.content]
    turns = [*wanted["messages"], {"role": "assistant", "content": said}]
    answer = await claude.messages.create(
        **{**wanted, "messages": [*turns, {"role": "user", "content": results}]}
    )
    assert answer.stop_reason == "end_turn"
    with pytest.raises(anthropic.BadRequestError, match="tool_result"):
        apart = [{"role": "user", "content": [result]} for result in results]
        await claude.messages.create(**{**wanted, "messages": [*turns, apart[0]]})


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({"type": "any"}, ["get_weather", "now"]),
        ({"type": "any", "disable_parallel_tool_use": True}, ["get_weather"]),
        ({"type": "tool", "name": "now"}, ["now"]),
        ({"type": "none"}, []),
    ],
)
async def test_tool_choice_is_obeyed(claude, choice, names) -> None:
    answer = await claude.messages.create(**asked(tools=[WEATHER, CLOCK], tool_choice=choice))
    assert [block.name for block in answer.content if block.type == "tool_use"] == names


async def test_thinking_is_signed_and_checked(claude) -> None:
    wanted = asked("Think", max_tokens=4096, thinking={"type": "enabled", "budget_tokens": 1024})
    async with claude.messages.stream(**wanted) as stream:
        answer = await stream.get_final_message()
    thought, text = answer.content
    assert thought.type == "thinking"
    assert thought.thinking
    assert text.type == "text"
    turns = [
        *wanted["messages"],
        {"role": "assistant", "content": [thought.model_dump(), text.model_dump(exclude_none=True)]},
        *user("Again"),
    ]
    assert (await claude.messages.create(**{**wanted, "messages": turns})).content
    turns[1]["content"][0]["thinking"] += "!"
    with pytest.raises(anthropic.BadRequestError, match="signature"):
        await claude.messages.create(**{**wanted, "messages": turns})


async def test_pictures_and_papers_are_seen(claude) -> None:
    pixel = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    parts = [
        {"type": "image", "source": pixel},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Sea"}},
        {"type": "text", "text": "What is this?"},
    ]
    answer = await claude.messages.create(**asked(parts))
    assert "1 image and 1 document" in answer.content[0].text


async def test_tokens_are_counted_as_they_are_charged(claude) -> None:
    counted = await claude.messages.count_tokens(model=MODEL, messages=user("one two three"))
    answer = await claude.messages.create(**asked("one two three"))
    assert counted.input_tokens == answer.usage.input_tokens


async def test_models(claude) -> None:
    ids = [model.id async for model in claude.models.list(limit=3)]
    assert len(ids) == len(set(ids)) > 3
    assert (await claude.models.retrieve(ids[0])).id == ids[0]
    with pytest.raises(anthropic.NotFoundError):
        await claude.models.retrieve("claude-nothing")


@pytest.mark.parametrize(
    ("key", "raised"),
    [
        ("sk-invalid-key", anthropic.AuthenticationError),
        ("sk-forbidden", anthropic.PermissionDeniedError),
        ("sk-noquota", anthropic.PaymentRequiredError),
    ],
)
async def test_keys(claude, key, raised) -> None:
    with pytest.raises(raised) as caught:
        await claude.with_options(api_key=key).messages.create(**asked())
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (413, anthropic.RequestTooLargeError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.OverloadedError),
    ],
)
async def test_a_status_becomes_the_sdks_own_error(claude, status, raised) -> None:
    with pytest.raises(raised) as caught:
        await claude.messages.create(**{**asked(), "model": f"{MODEL}-lab-status-{status}"})
    assert caught.value.status_code == status
    assert caught.value.body["error"]["message"]


@pytest.mark.parametrize(
    ("change", "headers", "words"),
    [
        ({"temperature": 0.5}, {}, "temperature"),
        ({"temperature": 0.5, "top_p": 0.5}, OLD, "cannot both"),
        ({"temperature": 1.5}, OLD, "temperature"),
        ({"colour": 1}, {}, "Extra inputs"),
        ({"messages": []}, {}, "at least one message"),
        ({"max_tokens": 10_000_000}, {}, "maximum allowed"),
        ({"messages": [{"role": "system", "content": "x"}]}, {}, "role"),
        ({"tools": [CLOCK, CLOCK]}, {}, "unique"),
        ({"tool_choice": {"type": "tool", "name": "now"}}, {}, "tool"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, {}, "1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {}, "max_tokens"),
    ],
)
async def test_what_anthropic_refuses(claude, change, headers, words) -> None:
    body = {**asked(), **change}
    with pytest.raises(anthropic.BadRequestError, match=words):
        await claude.post("/v1/messages", cast_to=object, body=body, options={"headers": headers})


@pytest.mark.parametrize(
    ("model", "change", "words"),
    [
        ("claude-opus-5-5", {"tools": [CLOCK], "tool_choice": {"type": "any"}}, "tool_choice"),
        ("claude-opus-5-5", {"thinking": {"type": "disabled"}}, "thinking"),
        (
            "claude-opus-4-7",
            {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 4096},
            "thinking",
        ),
        ("gpt-4o", {}, "gpt-4o"),
    ],
)
async def test_what_some_models_refuse(claude, model, change, words) -> None:
    with pytest.raises((anthropic.BadRequestError, anthropic.NotFoundError), match=words):
        await claude.post("/v1/messages", cast_to=object, body={**asked(), "model": model, **change})


async def test_scripts_are_said_word_for_word(claude, lab: Lab) -> None:
    lab.script(
        "anthropic", Answer(text=["One ", "two"], tool_calls=[ScriptedCall(name="f", arguments={"a": 1})])
    )
    async with claude.messages.stream(**asked(tools=[CLOCK])) as stream:
        answer = await stream.get_final_message()
    assert [block.type for block in answer.content] == ["text", "tool_use"]
    assert answer.content[0].text == "One two"
    assert answer.content[1].input == {"a": 1}


async def test_an_error_midstream_raises_in_the_sdk(claude, lab: Lab) -> None:
    lab.fault("anthropic", Fault(error_midstream=True))
    with pytest.raises(anthropic.APIStatusError):
        async with claude.messages.stream(**asked()) as stream:
            await stream.get_final_message()
