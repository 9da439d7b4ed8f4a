"""The emulators of OpenAI's language in others' accents, driven by OpenAI's own SDK at their addresses."""

import json
from collections.abc import AsyncIterator

import openai
import pytest

from lab import Answer, Fault, Lab, ScriptedCall

DRIVEN = ("groq", "xai", "deepseek", "openrouter", "together", "openai-compatible")
UNDRIVEN = {("together", "models"): "unverified"}
"""Its list is bare, which OpenAI's SDK cannot read."""

PLAIN = {
    "groq": "llama-3.3-70b-versatile",
    "xai": "grok-3",
    "deepseek": "deepseek-chat",
    "openrouter": "meta-llama/llama-3.3-70b-instruct",
    "together": "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "openai-compatible": "any-model",
}
THINKING = {
    "groq": "openai/gpt-oss-20b",
    "xai": "grok-3-mini",
    "deepseek": "deepseek-reasoner",
    "openrouter": "deepseek/deepseek-r1",
    "together": "deepseek-ai/DeepSeek-R1",
    "openai-compatible": "any-thinking",
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
HELLO = [{"role": "user", "content": "Hello"}]


def client(lab: Lab, name: str, key: str = "lab-key") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key=key, base_url=lab.url(name), max_retries=0, timeout=300)


@pytest.fixture(params=DRIVEN)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def sdk(lab: Lab, name: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with client(lab, name) as made:
        yield made


async def test_a_stream_folds_to_the_whole_answer(sdk, name) -> None:
    asked = {"model": PLAIN[name], "messages": HELLO}
    whole = await sdk.chat.completions.create(**asked)
    async with sdk.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        folded = await stream.get_final_completion()
    assert "Hello" in whole.choices[0].message.content
    assert folded.choices[0].message.content == whole.choices[0].message.content
    assert folded.usage == whole.usage
    assert whole.model == PLAIN[name]
    assert whole.usage.completion_tokens > 0


async def test_tools_go_round(sdk, name) -> None:
    turns = [{"role": "user", "content": "Use a tool"}]
    asked = {"model": PLAIN[name], "tools": [WEATHER, CLOCK]}
    first = (await sdk.chat.completions.create(messages=turns, **asked)).choices[0]
    assert first.finish_reason == "tool_calls"
    assert json.loads(first.message.tool_calls[0].function.arguments) == {"city": "Kyiv"}
    said = first.message.model_dump(exclude_none=True, exclude={"annotations"})
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": "12"} for call in first.message.tool_calls
    ]
    second = await sdk.chat.completions.create(messages=[*turns, said, *results], **asked)
    assert "The tools answered: 12" in second.choices[0].message.content


async def test_thoughts_are_shown_where_each_shows_them(sdk, name) -> None:
    asked = {"model": THINKING[name], "messages": HELLO}
    whole = (await sdk.chat.completions.create(**asked)).choices[0].message
    chunks = [chunk async for chunk in await sdk.chat.completions.create(**asked, stream=True)]
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    field = {"groq": "reasoning", "openrouter": "reasoning"}.get(name, "reasoning_content")
    if name in {"together", "openai-compatible"}:
        assert whole.content.startswith("<think>The user wrote: Hello")
        assert "".join(delta.content or "" for delta in deltas) == whole.content
    else:
        thought = getattr(whole, field)
        assert thought.startswith("The user wrote: Hello")
        assert "".join(getattr(delta, field, None) or "" for delta in deltas) == thought
    assert hasattr(whole, "reasoning_details") == (name == "openrouter")


async def test_answers_can_be_scripted(sdk, name, lab: Lab) -> None:
    lab.script(name, Answer(reasoning="Hm.", text="So.", tool_calls=[ScriptedCall(name="now")]))
    message = (
        (await sdk.chat.completions.create(model=PLAIN[name], messages=HELLO, tools=[CLOCK]))
        .choices[0]
        .message
    )
    assert message.content.endswith("So.")
    assert message.tool_calls[0].function.name == "now"


@pytest.mark.parametrize(
    ("key", "error", "status"),
    [("invalid", openai.APIStatusError, 401), ("forbidden", openai.PermissionDeniedError, 403)],
)
async def test_keys(lab: Lab, name, key, error, status) -> None:
    async with client(lab, name, key) as made:
        with pytest.raises(error) as refused:
            await made.chat.completions.create(model=PLAIN[name], messages=HELLO)
        assert refused.value.status_code == status


async def test_models_are_listed(sdk, name) -> None:
    listed = [model.id async for model in sdk.models.list()] if (name, "models") not in UNDRIVEN else []
    assert PLAIN[name] in listed or (name, "models") in UNDRIVEN


async def test_there_are_models_that_are_not(sdk) -> None:
    with pytest.raises(openai.NotFoundError):
        await sdk.chat.completions.create(model="nonexistent", messages=HELLO)


@pytest.mark.parametrize(
    ("name", "model"),
    [("openrouter", "qwen/qwen3-embedding-8b"), ("openai-compatible", "any-embedding"),
     ("together", "BAAI/bge-base-en-v1.5")],
)  # fmt: skip
async def test_vectors(sdk, name, model) -> None:
    found = await sdk.embeddings.create(model=model, input=["a", "b"])
    assert [item.index for item in found.data] == [0, 1]
    assert len(found.data[0].embedding) == (768 if name == "together" else 256)


@pytest.mark.parametrize(
    ("name", "model", "more"),
    [
        ("groq", PLAIN["groq"], {"logprobs": True}),
        ("groq", PLAIN["groq"], {"messages": [{"role": "user", "content": "a", "name": "anna"}]}),
        ("groq", "qwen/qwen3-32b", {"reasoning_effort": "high"}),
        ("xai", "grok-4", {"stop": ["a"]}),
        ("xai", "grok-4", {"reasoning_effort": "high"}),
        ("deepseek", PLAIN["deepseek"], {"max_completion_tokens": 5}),
        ("deepseek", PLAIN["deepseek"],
         {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}}),
        ("deepseek", THINKING["deepseek"],
         {"messages": [*HELLO, {"role": "assistant", "tool_calls": [
             {"id": "1", "type": "function", "function": {"name": "now", "arguments": "{}"}}]},
             {"role": "tool", "tool_call_id": "1", "content": "noon"}]}),
        ("together", PLAIN["together"], {"max_completion_tokens": 5}),
        ("openrouter", PLAIN["openrouter"], {"temperature": 3}),
    ],
    ids=str,
)  # fmt: skip
async def test_what_each_refuses(sdk, model, more) -> None:
    with pytest.raises(openai.BadRequestError):
        await sdk.chat.completions.create(**{"model": model, "messages": HELLO, **more})


async def test_an_open_server_asks_for_no_key_and_passes_over_what_it_does_not_know(lab: Lab) -> None:
    async with client(lab, "openai-compatible") as made:
        answer = await made.chat.completions.create(
            model="any-model",
            messages=HELLO,
            extra_body={"stray": 1},
            extra_headers={"authorization": openai.Omit()},
        )
    assert "authorization" not in lab.requests[-1].headers
    assert answer.choices[0].message.content


async def test_grok_counts_what_it_thought_apart(lab: Lab) -> None:
    async with client(lab, "xai") as made:
        usage = (await made.chat.completions.create(model="grok-3-mini", messages=HELLO)).usage
    thought = usage.completion_tokens_details.reasoning_tokens
    assert thought
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens + thought


async def test_a_failure_in_mid_stream_is_an_event(sdk, name, lab: Lab) -> None:
    lab.fault(name, Fault(error_midstream=True))
    with pytest.raises(openai.APIError):
        async for _ in await sdk.chat.completions.create(model=PLAIN[name], messages=HELLO, stream=True):
            pass
