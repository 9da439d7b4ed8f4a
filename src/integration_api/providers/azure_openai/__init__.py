"""OpenAI's and others' models on Azure, by deployments and by v1. https://learn.microsoft.com/azure/ai-foundry/openai"""

from integration_api.core.credential import BASE_URL
from integration_api.core.provider import Provider
from integration_api.dialects import azure_resource
from integration_api.providers.azure_openai import (
    client,
    deployments,
    embedding,
    endpoint,
    llm,
    models,
    refusals,
    verify_credential,
)

AZURE_OPENAI = Provider(
    name=client.NAME,
    title="Azure OpenAI",
    fields=(
        azure_resource.ENDPOINT,
        azure_resource.RESOURCE,
        endpoint.API_STYLE,
        endpoint.API_VERSION,
        azure_resource.KEY,
        azure_resource.SUBSCRIPTION_KEY,
        azure_resource.KEY_HEADER,
        *azure_resource.ENTRA,
        deployments.DEPLOYMENTS,
        BASE_URL,
    ),
    verify=verify_credential.verify,
    fault=refusals.fault,
    aliases=("azure", "azure-foundry"),
    request_id_headers=refusals.REQUEST_ID_HEADERS,
    connections=("chat_complete", "chat_response", "websocket"),
    parameters=(
        "base_model",
        "data_sources",
        "logit_bias",
        "metadata",
        "modalities",
        "prediction",
        "prompt_cache_key",
        "reasoning_effort",
        "safety_identifier",
        "service_tier",
        "store",
        "top_logprobs",
        "user_security_context",
        "verbosity",
    ),
    llm=llm.LLM,
    embedding=embedding.embed,
    models=models.models,
    known_as=deployments.known_as,
)
