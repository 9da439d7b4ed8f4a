"""Gemini on Vertex AI, tuned models included.

https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
"""

from functools import partial

from integration_api.core.credential import Credential
from integration_api.dialects import gemini, google_cloud
from integration_api.providers.vertexai import client
from integration_api.providers.vertexai.naming import named


def url(model: str, method: str, credential: Credential) -> str:
    """Return where to ask; a tuned model answers at an endpoint with a number."""
    if model.startswith("endpoints/") or model.isdecimal():
        endpoint = client.segment(model.removeprefix("endpoints/"), "model")
        return client.located(f"endpoints/{endpoint}:{method}", credential)
    return client.published("google", named(model).model, method, credential)


def cached(name: str, credential: Credential) -> str:
    """Return the full name of a cached content: it belongs to a project and a location."""
    if name.startswith("projects/") or client.is_express(credential):
        return name
    whole = name if "/" in name else f"cachedContents/{name}"
    if not whole.startswith("locations/"):
        whole = f"locations/{google_cloud.location(credential)}/{whole}"
    return f"projects/{client.project(credential)}/{whole}"


def tier_headers(tier: str) -> tuple[tuple[str, str], ...]:
    """Ask for a tier of the shared capacity; only headers can."""
    if tier == "dedicated":
        return (("x-vertex-ai-llm-request-type", "dedicated"),)
    shared = ("x-vertex-ai-llm-request-type", "shared")
    return (shared,) if tier == "shared" else (shared, ("x-vertex-ai-llm-shared-request-type", tier))


TOOLS = frozenset({
    "codeExecution", "computerUse", "enterpriseWebSearch", "exaAiSearch", "googleMaps", "googleSearch",
    "googleSearchRetrieval", "mcpServers", "parallelAiSearch", "retrieval", "urlContext",
})  # fmt: skip
"""Google's own tools that are to be had here."""

DIALECT = gemini.Dialect(
    provider=client.NAME,
    url=url,
    auth=google_cloud.auth,
    headers=google_cloud.headers,
    tiers={
        "default": "shared",
        "standard": "shared",
        "flex": "flex",
        "priority": "priority",
        "reserved": "dedicated",
    },
    tier_headers=tier_headers,
    cached=cached,
    tools=TOOLS,
    labels=True,
    logprobs=True,
    safety_method=True,
    counted=lambda model, body: {
        name: body[name]
        for name in ("contents", "systemInstruction", "tools", "generationConfig")
        if name in body
    },
)

LLM = gemini.llm(DIALECT)
count_tokens = partial(gemini.count_tokens, DIALECT)
