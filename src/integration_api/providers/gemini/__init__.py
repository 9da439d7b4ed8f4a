"""Gemini, by Google. https://ai.google.dev/gemini-api/docs"""

from integration_api.core.credential import BASE_URL, KEY
from integration_api.core.provider import Provider
from integration_api.dialects import gemini_version
from integration_api.providers.gemini import client, embedding, llm, models, verify_credential

GEMINI = Provider(
    name=client.NAME,
    title="Google Gemini",
    fields=(KEY, BASE_URL, gemini_version.FIELD),
    verify=verify_credential.verify,
    fault=client.fault,
    aliases=("google",),
    # Google names its requests nowhere in what it answers.
    request_id_headers=(),
    connections=("generate_content",),
    parameters=(
        "cachedContent",
        "generationConfig",
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
    models=models.models,
    known_as=client.known_as,
)
