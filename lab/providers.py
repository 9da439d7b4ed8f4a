"""The registry: every provider the lab emulates, one line each, and vendors whose services have one address."""

from lab import (
    anthropic,
    assemblyai,
    azure_openai,
    azure_speech,
    bedrock,
    cartesia,
    cohere,
    deepgram,
    elevenlabs,
    entra,
    gemini,
    google_speech,
    huggingface,
    mistral,
    openai,
    openai_family,
    replicate,
    sarvam,
    vertexai,
    voyageai,
)
from lab.carrier import Carrier
from lab.exotel import Exotel
from lab.twilio import Twilio
from lab.vendor import together
from lab.vonage import Vonage

PROVIDERS = (
    openai.PROVIDER,
    anthropic.PROVIDER,
    mistral.PROVIDER,
    cohere.PROVIDER,
    voyageai.PROVIDER,
    assemblyai.PROVIDER,
    azure_openai.PROVIDER,
    azure_speech.PROVIDER,
    bedrock.PROVIDER,
    cartesia.PROVIDER,
    deepgram.PROVIDER,
    elevenlabs.PROVIDER,
    entra.PROVIDER,
    gemini.PROVIDER,
    google_speech.PROVIDER,
    huggingface.PROVIDER,
    replicate.PROVIDER,
    sarvam.PROVIDER,
    vertexai.PROVIDER,
    *openai_family.PROVIDERS,
    together("azure", azure_openai.PROVIDER, azure_speech.PROVIDER),
    together("google", gemini.PROVIDER, vertexai.PROVIDER, google_speech.PROVIDER),
)

CARRIERS: tuple[type[Carrier], ...] = (Exotel, Twilio, Vonage)
"""Those that call back; each lab has its own."""
