"""OpenRouter: many makers' models behind one address. https://openrouter.ai/docs/api-reference"""

from collections.abc import Mapping
from typing import Any

from integration_api.core.credential import BASE_URL, KEY, Credential, CredentialField
from integration_api.core.llm import ReasoningRequest
from integration_api.dialects import openai_chat, openai_embedding, openai_family

# Its list of models is public; its word on the key is not.
PLACE = openai_family.Place("openrouter", "https://openrouter.ai/api/v1", whoami="/key")

SITE = CredentialField("site_url", "Site URL", secret=False, required=False)
APP = CredentialField("app_title", "App title", secret=False, required=False)


def headers(credential: Credential) -> tuple[tuple[str, str], ...]:
    """Say whose app it is, for OpenRouter's rankings, where the credential says so."""
    named = (("http-referer", "site_url"), ("x-title", "app_title"))
    return tuple((name, credential.fields[field]) for name, field in named if credential.fields.get(field))


def reasoning(asked: ReasoningRequest) -> Mapping[str, Any]:
    """One object says it for every maker: an effort or a budget, and whether thoughts are shown."""
    said: dict[str, Any] = {}
    if asked.mode == "off":
        said["enabled"] = False
    elif asked.effort is not None:
        said["effort"] = asked.effort
    elif asked.budget_tokens is not None:
        said["max_tokens"] = asked.budget_tokens
    elif asked.mode in {"on", "auto"}:
        said["enabled"] = True
    if asked.include == "none":
        said["exclude"] = True
    return {"reasoning": said} if said else {}


DIALECT = openai_chat.Dialect(
    provider=PLACE.name,
    url=PLACE.chat,
    headers=headers,
    fields=openai_chat.FIELDS | {"min_p", "reasoning", "repetition_penalty", "top_k"},
    reasoning=reasoning,
    reasoning_history="reasoning_details",
    refusal_parts=False,
    custom_tools=False,
)

OPENROUTER = openai_family.provider(
    PLACE,
    "OpenRouter",
    DIALECT,
    fields=(KEY, BASE_URL, SITE, APP),
    parameters=("models", "plugins", "provider", "reasoning", "route", "transforms", "verbosity"),
    embedding=openai_embedding.EmbeddingDialect(provider=PLACE.name, url=PLACE.embeddings, headers=headers),
)
