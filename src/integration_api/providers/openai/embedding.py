"""Embeddings by OpenAI. https://platform.openai.com/docs/api-reference/embeddings"""

from functools import partial

from integration_api.dialects import openai_embedding
from integration_api.providers.openai import client

DIALECT = openai_embedding.EmbeddingDialect(
    provider=client.NAME,
    url=lambda model, credential: client.address("/embeddings", credential),
    headers=client.headers,
    # One request may hold 300,000 tokens, whatever its number of inputs.
    too_much=frozenset({"max_tokens_per_request"}),
)

embed = partial(openai_embedding.embed, DIALECT)
