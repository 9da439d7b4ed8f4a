"""The openai SDK, unmodified, against the service, with every provider behind it."""

from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from tests.e2e.conftest import PROVIDERS
from tests.e2e.service import ADMIN_KEY, Service

CHAT_MODELS = (
    "openai/gpt-4o",
    "anthropic/claude-sonnet-4-5",
    "mistral/mistral-small-latest",
    "cohere/command-a-plus-05-2026",
    "groq/llama-3.3-70b-versatile",
    "xai/grok-3",
    "deepseek/deepseek-chat",
    "openrouter/meta-llama/llama-3.3-70b-instruct",
    "together/meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "openai-compatible/any-model",
    "huggingface/meta-llama/Llama-3.3-70B-Instruct:together",
    "replicate/openai/gpt-5",
    "azure-openai/my-deployment",
    "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "bedrock/us.meta.llama4-maverick-17b-instruct-v1:0",
    "gemini/gemini-3.8-flash",
    "gemini/gemini-2.5-flash",
    "vertexai/gemini-3.8-flash",
    "vertexai/claude-sonnet-4-5@20250929",
    "vertexai/mistral-small-latest",
    "vertexai/meta/llama-4-maverick-17b-128e-instruct-maas",
    "sandbox/echo",
)
TOOL_MODELS = (*(model for model in CHAT_MODELS[:-1] if not model.startswith("replicate/")), "sandbox/tools")
"""Models on Replicate call no tools."""
SCHEMA_MODELS = tuple(
    model for model in CHAT_MODELS if not model.startswith(("deepseek/", "bedrock/us.meta."))
)
"""DeepSeek, and Llama on Bedrock, can only be told of a schema, and not be bound to it."""
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK = {
    "type": "function",
    "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}},
}


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{service.url}/v1", api_key=ADMIN_KEY, max_retries=0, timeout=300) as opened:
        yield opened


@pytest.mark.parametrize("model", CHAT_MODELS)
def test_a_whole_answer(client: OpenAI, model: str) -> None:
    answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Say hello"}])
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


@pytest.mark.parametrize("model", CHAT_MODELS)
def test_a_streamed_answer_says_the_same(client: OpenAI, model: str) -> None:
    messages = [{"role": "user", "content": "Say hello twice"}]
    whole = client.chat.completions.create(model=model, messages=messages)
    chunks = list(
        client.chat.completions.create(
            model=model, messages=messages, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == [
        "stop"
    ]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens > 0


@pytest.mark.parametrize("model", CHAT_MODELS)
def test_usage_is_left_out_of_a_stream_that_did_not_ask_for_it(client: OpenAI, model: str) -> None:
    chunks = list(
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}], stream=True)
    )
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", TOOL_MODELS)
def test_tools_go_round(client: OpenAI, model: str, stream: bool) -> None:
    messages = [{"role": "user", "content": "Use a tool: what is the weather in Kyiv, and what time is it?"}]
    asked = {"model": model, "messages": messages, "tools": [WEATHER, CLOCK], "tool_choice": "required"}
    if stream:
        with client.chat.completions.stream(**asked) as events:
            for _ in events:
                pass
            message = events.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(**asked).choices[0].message
    assert message.tool_calls
    first = message.tool_calls[0]
    assert first.type == "function"
    assert first.function.name in {"get_weather", "get_time"}
    assert first.function.arguments.startswith("{")
    turn = {
        "role": "assistant",
        "content": message.content,
        "tool_calls": [c.model_dump() for c in message.tool_calls],
    }
    for call in turn["tool_calls"]:
        call["function"].pop("parsed_arguments", None)
        call.pop("index", None)  # the SDK's accumulator leaves what OpenAI itself would refuse
    results = [{"role": "tool", "tool_call_id": c.id, "content": "12 degrees"} for c in message.tool_calls]
    answer = client.chat.completions.create(
        model=model, messages=[*messages, turn, *results], tools=[WEATHER, CLOCK]
    )
    assert answer.choices[0].message.content


class City(BaseModel):
    name: str
    population: int


@pytest.mark.parametrize("model", SCHEMA_MODELS)
def test_structured_output_is_parsed(client: OpenAI, model: str) -> None:
    answer = client.chat.completions.parse(
        model=model, messages=[{"role": "user", "content": "A city, please"}], response_format=City
    )
    assert isinstance(answer.choices[0].message.parsed, City)


@pytest.mark.parametrize("model", CHAT_MODELS)
def test_images_go_in(client: OpenAI, model: str) -> None:
    pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    answer = client.chat.completions.create(
        model=model,
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": pixel}},
                ],
            }
        ],
    )
    assert answer.choices[0].message.content


EMBEDDING_MODELS = (
    "openai/text-embedding-3-small",
    "mistral/mistral-embed",
    "cohere/embed-v4.0",
    "voyageai/voyage-4",
    "openrouter/qwen/qwen3-embedding-8b",
    "together/BAAI/bge-base-en-v1.5",
    "openai-compatible/any-embedding",
    "huggingface/intfloat/multilingual-e5-large",
    "azure-openai/my-vectors",
    "bedrock/amazon.titan-embed-text-v2:0",
    "bedrock/cohere.embed-v4:0",
    "gemini/gemini-embedding-001",
    "vertexai/text-embedding-005",
    "vertexai/gemini-embedding-001",
    "vertexai/gemini-embedding-2",
    "sandbox/embed",
)


@pytest.mark.parametrize("model", EMBEDDING_MODELS)
def test_embeddings_by_default_and_as_floats_agree(client: OpenAI, model: str) -> None:
    texts = ["one", "two", "three"]
    default = client.embeddings.create(model=model, input=texts)
    floats = client.embeddings.create(model=model, input=texts, encoding_format="float")
    assert [d.index for d in default.data] == [0, 1, 2]
    assert [d.embedding for d in default.data] == [d.embedding for d in floats.data]
    assert len(default.data[0].embedding) > 1


@pytest.mark.parametrize(
    "model", ["openai/omni-moderation-latest", "mistral/mistral-moderation-latest", "sandbox/moderation"]
)
def test_moderations(client: OpenAI, model: str) -> None:
    answer = client.moderations.create(model=model, input="hello")
    assert answer.results[0].flagged is False


def test_models_of_every_provider_are_listed_with_their_prefix(client: OpenAI) -> None:
    listed = {model.id for model in client.models.list()}
    assert {name.split("/")[0] for name in listed} >= {*PROVIDERS, "sandbox"}
    one = client.models.retrieve("sandbox/echo")
    assert one.id == "sandbox/echo"


def test_headers_tell_how_it_went(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="anthropic/claude-sonnet-4-5",
        messages=[{"role": "user", "content": "Hi"}],
        extra_headers={"x-request-id": "my-own-id-1"},
    )
    assert raw.headers["x-request-id"] == "my-own-id-1"
    assert raw.headers["x-integration-provider"] == "anthropic"
    assert "upstream;dur=" in raw.headers["server-timing"]
    assert "gateway;dur=" in raw.headers["server-timing"]


REASONING = (
    "openai/o4-mini",
    "anthropic/claude-sonnet-4-5",
    "mistral/magistral-medium-latest",
    "cohere/command-a-plus-05-2026",
    "groq/openai/gpt-oss-20b",
    "xai/grok-3-mini",
    "deepseek/deepseek-reasoner",
    "openrouter/deepseek/deepseek-r1",
    "together/deepseek-ai/DeepSeek-R1",
    "openai-compatible/any-thinking",
    "huggingface/deepseek-ai/DeepSeek-V4-Pro",
    "replicate/acme/thinker",
    "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "bedrock/us.amazon.nova-2-lite-v1:0",
    "gemini/gemini-3.8-flash",
    "gemini/gemini-2.5-flash",
    "vertexai/gemini-3.8-flash",
    "vertexai/claude-sonnet-4-5@20250929",
    "vertexai/openai/gpt-oss-20b-maas",
    "sandbox/reasoner",
)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", REASONING)
def test_reasoning_is_counted_told_and_taken_back(client: OpenAI, model: str, stream: bool) -> None:
    asked = {"model": model, "messages": [{"role": "user", "content": "Think!"}], "reasoning_effort": "high"}
    if stream:
        with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as events:
            for _ in events:
                pass
            answer = events.get_final_completion()
    else:
        answer = client.chat.completions.create(**asked)
    message = answer.choices[0].message
    assert message.content
    if model.startswith("openai/"):  # OpenAI keeps its thoughts and only counts them.
        assert answer.usage.completion_tokens_details.reasoning_tokens > 0
        return
    assert message.reasoning_content
    turn = {"role": "assistant", "content": message.content, **message.model_extra}
    again = client.chat.completions.create(
        model=model, messages=[*asked["messages"], turn, {"role": "user", "content": "Again!"}]
    )
    assert again.choices[0].message.content


@pytest.mark.parametrize(
    ("model", "error", "code"),
    [
        ("nobody/model", openai.BadRequestError, "unknown_provider"),
        ("gpt-4o", openai.BadRequestError, "model_not_found"),
        ("", openai.BadRequestError, "model_required"),
    ],
)
def test_a_wrong_model_is_a_clear_error(
    client: OpenAI, model: str, error: type[Exception], code: str | None
) -> None:
    with pytest.raises(error) as raised:
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}])
    if code:
        assert raised.value.code == code


def test_a_wrong_key_of_ours_is_401(service: Service) -> None:
    key = "iak_" + "x" * 40
    with (
        OpenAI(base_url=f"{service.url}/v1", api_key=key, max_retries=0, timeout=300) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.chat.completions.create(model="sandbox/echo", messages=[{"role": "user", "content": "Hi"}])


def test_a_failure_in_mid_stream_is_an_error_and_not_an_ending(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="sandbox/cut", messages=[{"role": "user", "content": "Hi"}], stream=True
    )
    with pytest.raises(openai.APIError) as raised:
        list(stream)
    assert raised.value.code == "stream_truncated"
