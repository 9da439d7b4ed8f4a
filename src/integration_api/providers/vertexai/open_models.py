"""Other makers' models on Vertex AI: OpenAI's language, at one endpoint for all of them.

https://cloud.google.com/vertex-ai/generative-ai/docs/maas/call-open-model-apis
"""

from collections.abc import Callable

from integration_api.core.credential import Credential
from integration_api.dialects import google_cloud, mistral_chat, openai_chat
from integration_api.providers.vertexai import client

FIELDS = openai_chat.FIELDS - {
    "audio", "modalities", "moderation", "prediction", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "safety_identifier", "service_tier", "store", "verbosity", "metadata",
}  # fmt: skip

MISTRAL_FIELDS = mistral_chat.FIELDS - {"prompt_cache_key", "safe_prompt", "service_tier"}
"""What Mistral's models know here."""


def url(model: str, credential: Credential) -> str:
    return client.located("endpoints/openapi/chat/completions", credential, version_="v1")


def mistral(method: str) -> Callable[[str, Credential], str]:
    """Return where Mistral's own models answer: in its language, by Google's methods."""

    def url(model: str, credential: Credential) -> str:
        path = f"publishers/mistralai/models/{client.segment(model, 'model')}:{method}"
        return client.located(path, credential, version_="v1")

    return url


OPEN = openai_chat.Dialect(
    provider=client.NAME,
    url=url,
    auth=google_cloud.auth,
    headers=google_cloud.headers,
    fields=FIELDS,
    spelling={"max_completion_tokens": "max_tokens"},
)

MISTRAL = mistral_chat.llm(
    provider=client.NAME,
    url=mistral("rawPredict"),
    stream_url=mistral("streamRawPredict"),
    auth=google_cloud.auth,
    headers=google_cloud.headers,
    fields=MISTRAL_FIELDS,
)
