"""Every body for Azure is one that OpenAI's SDK could have sent, whatever the deployment's model and version."""

import json

import pytest
from openai.types import EmbeddingCreateParams
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest
from integration_api.core.errors import Failure, Kind
from integration_api.providers import PROVIDERS
from tests.providers.rendered import every, sent, validated

DEPLOYMENTS = {"chat": "gpt-4o", "think": "gpt-5", "newest": "gpt-5.6-sol", "other": "DeepSeek-V4-Pro"}


def account(version: str = "v1", **fields: str) -> Credential:
    given = {"endpoint": "https://r1.openai.azure.com", "deployments": json.dumps(DEPLOYMENTS), **fields}
    if version != "v1":
        given["api_version"] = version
    return Credential("azure-openai", given, held=frozenset({"key"}))


@pytest.mark.parametrize("version", ["v1", "2024-02-01", "2025-04-01-preview"])
@pytest.mark.parametrize(
    ("provider", "request_"), every(*(f"azure-openai/{name}" for name in (*DEPLOYMENTS, "unknown")))
)
def test_a_body_is_what_the_sdk_could_have_sent(provider, request_, version) -> None:
    asked = sent(provider, request_, account(version))
    if asked is not None:
        assert validated(asked.body, CompletionCreateParamsStreaming) == set()


@pytest.mark.parametrize("version", ["v1", "2024-10-21"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"dimensions": 256},
        {"user": "u"},
        {"inputs": ([1, 2, 3], [4])},
        {"extras": {"base_model": "text-embedding-3-small"}},
        {"extras": {"base_model": "Cohere-embed-v4"}},
    ],
    ids=str,
)
def test_an_embedding_is_what_the_sdk_could_have_sent(version, more) -> None:
    ask = EmbeddingRequest(**{"model": "vectors", "inputs": ("one", "two"), **more})
    try:
        asked = next(PROVIDERS["azure-openai"].embedding(ask, account(version)))
    except Failure as refused:
        assert refused.kind is Kind.UNSUPPORTED
        return
    assert validated(asked.body, EmbeddingCreateParams) == set()
    assert ("encoding_format" in json.loads(asked.body)) is ("Cohere" not in str(more))
