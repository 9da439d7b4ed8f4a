"""Mistral AI's models. https://docs.mistral.ai/api"""

from integration_api.core.credential import BASE_URL, KEY
from integration_api.core.provider import Provider
from integration_api.providers.mistral import (
    client,
    embedding,
    llm,
    models,
    moderation,
    verify_credential,
)

MISTRAL = Provider(
    name=client.NAME,
    title="Mistral AI",
    fields=(KEY, BASE_URL),
    verify=verify_credential.verify,
    fault=client.fault,
    request_id_headers=client.REQUEST_ID_HEADERS,
    parameters=(
        "guardrails",
        "metadata",
        "min_tokens",
        "prediction",
        "prompt_cache_key",
        "prompt_mode",
        "reasoning_effort",
        "repetition_penalty",
        "safe_prompt",
        "service_tier",
        "top_k",
        "top_logprobs",
    ),
    llm=llm.LLM,
    embedding=embedding.embed,
    moderation=moderation.moderate,
    models=models.models,
)
