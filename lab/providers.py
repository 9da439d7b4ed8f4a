"""The registry: every provider the lab emulates, one line each."""

from lab import (
    anthropic,
    azure_openai,
    bedrock,
    cartesia,
    cohere,
    deepgram,
    elevenlabs,
    entra,
    gemini,
    huggingface,
    mistral,
    openai,
    openai_family,
    replicate,
    vertexai,
    voyageai,
)

PROVIDERS = (
    openai.PROVIDER,
    anthropic.PROVIDER,
    mistral.PROVIDER,
    cohere.PROVIDER,
    voyageai.PROVIDER,
    azure_openai.PROVIDER,
    bedrock.PROVIDER,
    cartesia.PROVIDER,
    deepgram.PROVIDER,
    elevenlabs.PROVIDER,
    entra.PROVIDER,
    gemini.PROVIDER,
    huggingface.PROVIDER,
    replicate.PROVIDER,
    vertexai.PROVIDER,
    *openai_family.PROVIDERS,
)
