"""pydantic-ai, unmodified, with every provider behind it."""

import asyncio

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.e2e.service import ADMIN_KEY, Service

MODELS = ("openai/gpt-4o", "anthropic/claude-sonnet-4-5", "mistral/mistral-small-latest", "sandbox/echo")


class City(BaseModel):
    name: str
    population: int


def model(service: Service, name: str) -> OpenAIChatModel:
    return OpenAIChatModel(name, provider=OpenAIProvider(base_url=f"{service.url}/v1", api_key=ADMIN_KEY))


@pytest.mark.parametrize("name", MODELS)
def test_an_agent_answers(service: Service, name: str) -> None:
    result = Agent(model(service, name), instructions="Be brief.").run_sync("Say hello")
    assert result.output
    assert result.usage.total_tokens > 0


@pytest.mark.parametrize("name", MODELS)
def test_an_agent_streams(service: Service, name: str) -> None:
    async def run() -> str:
        async with Agent(model(service, name)).run_stream("Say hello") as stream:
            return "".join([text async for text in stream.stream_text(delta=True)])

    assert asyncio.run(run())


@pytest.mark.parametrize("name", (*MODELS[:-1], "sandbox/tools"))
def test_an_agent_uses_its_tools(service: Service, name: str) -> None:
    asked = []
    agent = Agent(model(service, name))

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """The weather in a city."""
        asked.append(city)
        return "12 degrees"

    result = agent.run_sync("Use a tool: what is the weather in Kyiv?")
    assert asked
    assert result.output


@pytest.mark.parametrize("name", (*MODELS[:-1], "sandbox/tools"))
def test_an_agent_gives_structured_output(service: Service, name: str) -> None:
    agent = Agent(model(service, name), output_type=City)
    assert isinstance(agent.run_sync("A city, please, with a tool").output, City)
