"""Embeddings by models deployed on Azure.

https://learn.microsoft.com/azure/ai-foundry/openai/reference#embeddings
"""

from dataclasses import replace

import msgspec

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest, EmbeddingResponse
from integration_api.core.exchange import Exchange
from integration_api.dialects import openai_embedding
from integration_api.providers.azure_openai import client
from integration_api.providers.azure_openai.deployments import base_model, without_base_model
from integration_api.providers.azure_openai.endpoint import place

DIALECT = openai_embedding.EmbeddingDialect(
    provider=client.NAME,
    url=lambda model, credential: place(credential).of_model("/embeddings", model),
    auth=client.auth,
    # One request may hold 300,000 tokens, whatever its number of inputs.
    too_much=frozenset({"max_tokens_per_request"}),
)
OTHERS = replace(DIALECT, encoding=None, tokens=False)
"""For models of other makers: they refuse what only OpenAI's know."""

OPENAI = "text-embedding-"


def embed(ask: EmbeddingRequest, credential: Credential) -> Exchange[EmbeddingResponse]:
    """Embed every input. Raises `Failure` for what cannot be asked, `ProviderError` for the answers."""
    base = base_model(ask.model, ask.extras, credential)
    dialect = OTHERS if base and not base.startswith(OPENAI) else DIALECT
    asked = msgspec.structs.replace(ask, extras=without_base_model(ask.extras))
    return openai_embedding.embed(dialect, asked, credential)
