"""The registry: every provider the lab emulates, one line each."""

from lab import anthropic, openai

PROVIDERS = (
    openai.PROVIDER,
    anthropic.PROVIDER,
)
