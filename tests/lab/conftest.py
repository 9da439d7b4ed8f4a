"""A lab of its own for each test, and the vendors' clients against it."""

from collections.abc import AsyncIterator

import anthropic
import openai
import pytest
from mistralai.client import Mistral

from lab import Lab

KEY = "sk-lab-0123456789"


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab() as started:
        yield started


@pytest.fixture
async def gpt(lab: Lab) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        api_key=KEY, base_url=lab.url("openai"), max_retries=0, timeout=60
    ) as client:
        yield client


@pytest.fixture
async def claude(lab: Lab) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        api_key=KEY, base_url=lab.url("anthropic", version=""), max_retries=0, timeout=60
    ) as client:
        yield client


@pytest.fixture
async def mistral(lab: Lab) -> AsyncIterator[Mistral]:
    async with Mistral(api_key=KEY, server_url=lab.url("mistral", version="")) as client:
        yield client
