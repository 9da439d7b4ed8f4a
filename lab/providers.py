"""The registry: every provider the lab emulates, one line each."""

from lab import anthropic, cohere, mistral, openai, voyageai

PROVIDERS = (
    openai.PROVIDER,
    anthropic.PROVIDER,
    mistral.PROVIDER,
    cohere.PROVIDER,
    voyageai.PROVIDER,
)
