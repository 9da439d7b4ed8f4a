"""langchain-openai, unmodified, with every provider behind it."""

import json
from urllib.request import urlopen

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from tests.e2e.service import ADMIN_KEY, Service

MODELS = ("openai/gpt-4o", "anthropic/claude-sonnet-4-5", "mistral/mistral-small-latest", "sandbox/echo")
TOOL_MODELS = (*MODELS[:-1], "sandbox/tools")


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"12 degrees in {city}"


def chat(service: Service, model: str) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=f"{service.url}/v1", api_key=ADMIN_KEY, model=model, max_retries=0, stream_usage=True
    )


@pytest.mark.parametrize("model", MODELS)
def test_invoke(service: Service, model: str) -> None:
    answer = chat(service, model).invoke([("system", "Be brief."), ("human", "Say hello")])
    assert answer.content
    assert answer.usage_metadata["total_tokens"] > 0
    assert answer.response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize("model", MODELS)
def test_stream(service: Service, model: str) -> None:
    whole = None
    for chunk in chat(service, model).stream("Say hello"):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert whole.content
    assert whole.usage_metadata["output_tokens"] > 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", TOOL_MODELS)
def test_tools_go_round(service: Service, model: str, stream: bool) -> None:
    bound = chat(service, model).bind_tools([get_weather], tool_choice="any")
    question = HumanMessage("Use a tool: what is the weather in Kyiv?")
    if stream:
        turn = None
        for chunk in bound.stream([question]):
            turn = chunk if turn is None else turn + chunk
    else:
        turn = bound.invoke([question])
    assert turn is not None
    (call,) = turn.tool_calls
    assert call["name"] == "get_weather"
    assert isinstance(call["args"]["city"], str)
    result = ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])
    answer = chat(service, model).bind_tools([get_weather]).invoke([question, turn, result])
    assert answer.content


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["anthropic/claude-sonnet-4-5", "gemini/gemini-3.8-flash"])
def test_thoughts_survive_a_tool_though_langchain_forgets_them(
    service: Service, lab: str, model: str, stream: bool
) -> None:
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_completion_tokens": 4096}
    thoughtful = ChatOpenAI(
        base_url=f"{service.url}/v1", api_key=ADMIN_KEY, model=model, max_retries=0, extra_body=thinking
    ).bind_tools([get_weather])
    question = HumanMessage("Use a tool: what is the weather in Kyiv?")
    if stream:
        turn = None
        for chunk in thoughtful.stream([question]):
            turn = chunk if turn is None else turn + chunk
    else:
        turn = thoughtful.invoke([question])
    (call,) = turn.tool_calls
    thoughtful.invoke(
        [question, turn, ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])]
    )
    with urlopen(f"{lab}/_lab/requests?provider={model.partition('/')[0]}", timeout=20) as reply:
        sent = json.loads(reply.read())["requests"][-1]["body"]
    said = json.dumps((sent.get("messages") or sent["contents"])[1])
    assert '"signature"' in said or '"thoughtSignature"' in said
    assert "skip_thought_signature_validator" not in said


class City(BaseModel):
    """A city."""

    name: str
    population: int


@pytest.mark.parametrize("model", MODELS)
def test_structured_output(service: Service, model: str) -> None:
    structured = chat(service, model).with_structured_output(City, method="json_schema")
    assert isinstance(structured.invoke("A city, please"), City)


@pytest.mark.parametrize(
    "embeddings",
    [
        {"model": "sandbox/embed", "check_embedding_ctx_length": False},
    ],
)
def test_embeddings(service: Service, embeddings: dict) -> None:
    client = OpenAIEmbeddings(base_url=f"{service.url}/v1", api_key=ADMIN_KEY, **embeddings)
    vectors = client.embed_documents(["one", "two"])
    assert len(vectors) == 2
    assert vectors[0] != vectors[1]
    assert len(client.embed_query("one")) == len(vectors[0])
