"""Embeddings by Mistral. https://docs.mistral.ai/api/#tag/embeddings"""

from functools import partial

from integration_api.dialects import openai_embedding
from integration_api.providers.mistral import client

DIALECT = openai_embedding.EmbeddingDialect(
    provider=client.NAME,
    url=lambda model, credential: client.address("/embeddings", credential),
    encoding="float",
    fields=frozenset({"output_dimension", "output_dtype"}),
    spelling={"dimensions": "output_dimension", "dtype": "output_dtype"},
    copies_unknown=False,
    tokens=False,
    # A request holds about 16,000 tokens, whatever its number of inputs.
    too_much=frozenset({"3210"}),
)

embed = partial(openai_embedding.embed, DIALECT)
