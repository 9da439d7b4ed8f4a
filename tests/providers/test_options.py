"""Options of a provider's own reach it as they are, laid over the body that we wrote."""

import json
from typing import Any

import msgspec
import pytest

from integration_api.core.credential import Credential
from integration_api.core.llm import LlmRequest, Sampling
from integration_api.providers import PROVIDERS
from tests.providers.rendered import sent
from tests.providers.unified import user

ACCOUNTS = {
    "azure-openai": {"endpoint": "https://r1.openai.azure.com", "api_version": "2024-10-21"},
    "bedrock": {"region": "eu-west-1", "access_key_id": "AKIDEXAMPLE"},
    "custom-llm": {"base_url": "https://llm.example.com/v1"},
    "openai-compatible": {"base_url": "https://llm.example.com/v1"},
    "vertexai": {"project_id": "p1", "region": "us-east5"},
}
HELD = frozenset({"key", "service_account_key", "secret_access_key"})
OPTION: dict[str, Any] = {"lab_option": {"deep": [1, None, "x"]}, "temperature": 0.25}

CASES: tuple[tuple[str, dict[str, Any], tuple[str, ...]], ...] = (
    *((model, OPTION, ()) for model in (
        "openai/gpt-4o", "azure-openai/chat", "mistral/mistral-small-latest", "cohere/command-a-03-2025",
        "huggingface/meta-llama/Llama-3.3-70B-Instruct", "anthropic/claude-sonnet-4-5",
        "vertexai/claude-sonnet-4-5@20250929", "vertexai/meta/llama-4-maverick-17b-128e-instruct-maas",
        "groq/llama-3.3-70b-versatile", "xai/grok-3", "deepseek/deepseek-chat", "openrouter/openai/gpt-4o",
        "together/meta-llama/Llama-3.3-70B", "openai-compatible/any", "custom-llm/any", "minimax/MiniMax-M2.7",
    )),
    *((model, {"labOption": OPTION["lab_option"], "generationConfig": {"temperature": 0.25, "labOption": 1}}, ())
      for model in ("gemini/gemini-2.5-flash", "vertexai/gemini-2.5-flash")),
    ("bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", {"lab_option": OPTION["lab_option"]},
     ("additionalModelRequestFields",)),
    ("bedrock/us.amazon.nova-pro-v1:0", {"performanceConfig": {"latency": "optimized"}}, ()),
    # Azure's search in one's own data, with which it answers in a dated version alone.
    ("azure-openai/chat", {"data_sources": [{"type": "azure_search", "parameters": {"index_name": "i"}}]}, ()),
)  # fmt: skip


@pytest.mark.parametrize(("model", "options", "place"), CASES, ids=lambda value: str(value)[:60])
def test_options_lie_over_what_we_wrote(model: str, options: dict[str, Any], place: tuple[str, ...]) -> None:
    provider, _, name = model.partition("/")
    account = Credential(provider, ACCOUNTS.get(provider, {}), held=HELD)
    plain = LlmRequest(model=name, messages=(user("Hello"),), sampling=Sampling(temperature=0.5))
    asked = [
        sent(provider, msgspec.structs.replace(plain, extras=extras), account) for extras in ({}, options)
    ]
    assert None not in asked
    before, after = (json.loads(one.body) for one in asked if one is not None)
    there = after
    for step in place:
        there = there[step]
    for option, value in options.items():
        if isinstance(value, dict) and isinstance(before.get(option), dict):
            assert there[option] == {**before[option], **value}, (
                "an object goes into the object that is there"
            )
        else:
            assert there[option] == value
    for field in before.keys() - options.keys() - set(place):
        assert after[field] == before[field], "nothing else is changed"


def test_every_provider_that_chats_is_here() -> None:
    chatting = {name for name, provider in PROVIDERS.items() if provider.llm is not None}
    # What they pass on is tried where their own rules are.
    assert chatting - {model.partition("/")[0] for model, _, _ in CASES} == {"replicate", "sandbox"}
