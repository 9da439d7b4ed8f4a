"""The registry: every provider the lab emulates, one line each."""

from lab import anthropic, azure_openai, cohere, entra, mistral, openai, voyageai

PROVIDERS = (
    openai.PROVIDER,
    anthropic.PROVIDER,
    mistral.PROVIDER,
    cohere.PROVIDER,
    voyageai.PROVIDER,
    azure_openai.PROVIDER,
    entra.PROVIDER,
)
