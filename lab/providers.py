"""The registry: every provider the lab emulates, one line each."""

from lab import anthropic, mistral, openai

PROVIDERS = (
    openai.PROVIDER,
    anthropic.PROVIDER,
    mistral.PROVIDER,
)
