"""Chat with Gemini at its maker's. https://ai.google.dev/api/generate-content"""

from functools import partial

from integration_api.dialects import gemini
from integration_api.providers.gemini import client

TOOLS = frozenset({
    "codeExecution", "computerUse", "fileSearch", "googleMaps", "googleSearch", "googleSearchRetrieval", "mcpServers",
    "urlContext",
})  # fmt: skip
"""Google's own tools that are to be had here."""

DIALECT = gemini.Dialect(
    provider=client.NAME,
    url=client.model_url,
    auth=client.auth,
    tiers={"default": "standard", "standard": "standard", "flex": "flex", "priority": "priority"},
    store=True,
    cached=client.cached,
    tools=TOOLS,
    tells_tools=True,
    counted=lambda model, body: {"generateContentRequest": {"model": client.name_of(model), **body}},
)

LLM = gemini.llm(DIALECT)
count_tokens = partial(gemini.count_tokens, DIALECT)
