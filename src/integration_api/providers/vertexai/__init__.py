"""Gemini, Claude and open models on Google Cloud. https://cloud.google.com/vertex-ai/generative-ai/docs"""

from integration_api.core.credential import BASE_URL
from integration_api.core.provider import Provider
from integration_api.dialects import gemini_version, google_cloud
from integration_api.providers.vertexai import (
    client,
    embedding,
    llm,
    models,
    naming,
    reranking,
    verify_credential,
)

VERTEXAI = Provider(
    name=client.NAME,
    title="Google Vertex AI",
    fields=(
        google_cloud.PROJECT,
        google_cloud.REGION,
        google_cloud.SERVICE_ACCOUNT,
        google_cloud.ACCESS_TOKEN,
        client.KEY,
        google_cloud.QUOTA_PROJECT,
        gemini_version.FIELD,
        BASE_URL,
    ),
    verify=verify_credential.verify,
    fault=client.fault,
    aliases=("vertex", "vertex-ai"),
    request_id_headers=("request-id", "x-request-id"),
    connections=("generate_content",),
    parameters=(
        "anthropic_beta",
        "cachedContent",
        "generationConfig",
        "labels",
        "metadata",
        "modelArmorConfig",
        "reasoning_effort",
        "safety_settings",
        "safetySettings",
        "service_tier",
        "thinking",
        "toolConfig",
        "top_k",
    ),
    llm=llm.LLM,
    embedding=embedding.embed,
    reranking=reranking.rerank,
    models=models.models,
    known_as=naming.known_as,
)
