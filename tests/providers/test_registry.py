"""What holds for the providers as a whole."""

import pytest

from integration_api.core.credential import Credential
from integration_api.providers import PROVIDERS, find

CODES = {
    "openai": "openai", "anthropic": "anthropic", "gemini": "gemini", "google": "gemini", "vertexai": "vertexai",
    "azure-foundry": "azure-openai", "azure": "azure-openai", "azure-openai": "azure-openai", "cohere": "cohere",
    "mistral": "mistral", "replicate": "replicate", "huggingface": "huggingface", "voyageai": "voyageai",
    "custom-llm": "custom-llm", "openrouter": "openrouter", "xai": "xai", "minimax": "minimax",
    "deepgram": "deepgram", "elevenlabs": "elevenlabs", "cartesia": "cartesia", "assemblyai": "assemblyai",
    "google-speech-service": "google-speech", "azure-speech-service": "azure-speech", "sarvamai": "sarvam",
    "togetherai": "together", "aws-bedrock": "bedrock", "bedrock": "bedrock",
}  # fmt: skip
"""What the platform's callers of either generation call providers."""
CONNECTIONS = {
    "openai": ("chat_complete", "chat_response", "websocket"),
    "azure-openai": ("chat_complete", "chat_response", "websocket"),
    "anthropic": ("messages",),
    "gemini": ("generate_content",),
    "vertexai": ("generate_content",),
    "cohere": ("chat_v2",),
    "xai": ("grpc",),
    "custom-llm": (
        "openai_chat_completions", "openai_compatible", "openai_responses", "anthropic_messages", "gemini_generate_content",
    ),
}  # fmt: skip
"""What they may say of how to reach one; of the others what they say is not looked at."""


@pytest.mark.parametrize("code", CODES)
def test_the_platforms_codes_are_known(code: str) -> None:
    assert getattr(find(code), "name", None) == CODES[code]


def test_the_platforms_connections_are_known() -> None:
    assert {name: one.connections for name, one in PROVIDERS.items() if one.connections} == CONNECTIONS


def test_only_what_is_built_in_can_be_asked_without_a_credential() -> None:
    assert [name for name, provider in PROVIDERS.items() if not provider.needs_credential] == ["sandbox"]


def test_no_name_or_alias_is_anybody_elses() -> None:
    names = [name for provider in PROVIDERS.values() for name in (provider.name, *provider.aliases)]
    assert len(names) == len(set(names))
    assert all(find(name.upper()) is find(name) is not None for name in names)


SHARED = {"google-speech": ("vertexai", "gemini"), "azure-speech": ("azure-openai",)}


def test_speech_takes_credentials_of_the_same_vendors_models() -> None:
    assert {name: one.credentials_of for name, one in PROVIDERS.items() if one.credentials_of} == SHARED
    assert all(name in PROVIDERS for names in SHARED.values() for name in names)


@pytest.mark.parametrize(
    ("taker", "owner", "secret"),
    [
        (taker, owner, field.name)
        for taker, owners in SHARED.items()
        for owner in owners
        for field in PROVIDERS[owner].fields
        if field.secret
    ],
)
def test_whatever_a_shared_credential_holds_signs(taker: str, owner: str, secret: str) -> None:
    fields = {"project_id": "p", "resource": "r", "tenant_id": "t", "client_id": "c"}
    asked = next(PROVIDERS[taker].verify(Credential(owner, fields, held=frozenset({secret}))))
    assert getattr(asked.auth, "field", "") == secret
