"""Every body for the providers of OpenAI's language is one that OpenAI's SDK could have sent, but for what is listed."""

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from integration_api.core.credential import Credential
from tests.providers.rendered import every, sent, validated

OWN = {
    "groq": {"documents", "reasoning_format"},
    "xai": set(),
    "deepseek": {"thinking", "user_id"},
    "openrouter": {"min_p", "reasoning", "repetition_penalty", "top_k"},
    "together": {"min_p", "repetition_penalty", "top_k"},
    "openai-compatible": {"min_p", "repetition_penalty", "top_k"},
}
"""Fields of a provider's own, which the SDK sends as `extra_body`."""

SERVER = Credential("openai-compatible", {"base_url": "https://llm.example.com/v1"}, held=frozenset({"key"}))


@pytest.mark.parametrize(("provider", "request_"), every(
    "groq/openai/gpt-oss-20b", "xai/grok-4", "xai/grok-3-mini",
    "deepseek/deepseek-chat", "openrouter/anthropic/claude-sonnet-4.5", "together/openai/gpt-oss-20b",
    "openai-compatible/any",
))  # fmt: skip
def test_a_body_is_what_the_sdk_could_have_sent(provider, request_) -> None:
    asked = sent(provider, request_, SERVER if provider == SERVER.provider else None)
    if asked is not None:
        assert validated(asked.body, CompletionCreateParamsStreaming) - OWN[provider] == set()
