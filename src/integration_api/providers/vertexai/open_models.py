"""Other makers' models on Vertex AI: OpenAI's language, at one endpoint for all of them.

https://cloud.google.com/vertex-ai/generative-ai/docs/maas/call-open-model-apis
"""

import re
from collections.abc import Callable
from dataclasses import replace

from integration_api.core.credential import Credential
from integration_api.dialects import openai_chat
from integration_api.dialects.openai_chat_ids import IdForm
from integration_api.providers.vertexai import client

FIELDS = openai_chat.FIELDS - {
    "audio", "modalities", "moderation", "prediction", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "safety_identifier", "service_tier", "store", "verbosity", "metadata",
}  # fmt: skip


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
    auth=client.auth,
    headers=client.headers,
    fields=FIELDS,
    spelling={"max_completion_tokens": "max_tokens"},
)

MISTRAL = openai_chat.Dialect(
    provider=client.NAME,
    url=mistral("rawPredict"),
    auth=client.auth,
    headers=client.headers,
    fields=(FIELDS - {"logit_bias", "max_completion_tokens", "seed", "stream_options", "user"})
    | {"max_tokens", "random_seed", "safe_prompt"},
    spelling={"max_completion_tokens": "max_tokens", "seed": "random_seed"},
    stream_options=None,
    tool_ids=IdForm(re.compile(r"[a-zA-Z0-9]{9}"), prefix="", length=9),
    custom_tools=False,
    required_choice="any",
    reasoning_history="thinking",
)
MISTRAL_STREAMED = replace(MISTRAL, url=mistral("streamRawPredict"))
