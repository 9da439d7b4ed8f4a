"""Every provider this service can reach. To add one, add its folder and its line."""

from integration_api.core.provider import Provider
from integration_api.providers.anthropic import ANTHROPIC
from integration_api.providers.assemblyai import ASSEMBLYAI
from integration_api.providers.azure_openai import AZURE_OPENAI
from integration_api.providers.azure_speech import AZURE_SPEECH
from integration_api.providers.bedrock import BEDROCK
from integration_api.providers.cartesia import CARTESIA
from integration_api.providers.cohere import COHERE
from integration_api.providers.custom_llm import CUSTOM_LLM
from integration_api.providers.deepgram import DEEPGRAM
from integration_api.providers.deepseek import DEEPSEEK
from integration_api.providers.elevenlabs import ELEVENLABS
from integration_api.providers.exotel import EXOTEL
from integration_api.providers.gemini import GEMINI
from integration_api.providers.google_speech import GOOGLE_SPEECH
from integration_api.providers.groq import GROQ
from integration_api.providers.huggingface import HUGGINGFACE
from integration_api.providers.minimax import MINIMAX
from integration_api.providers.mistral import MISTRAL
from integration_api.providers.openai import OPENAI
from integration_api.providers.openai_compatible import OPENAI_COMPATIBLE
from integration_api.providers.openrouter import OPENROUTER
from integration_api.providers.replicate import REPLICATE
from integration_api.providers.sandbox import SANDBOX
from integration_api.providers.sarvam import SARVAM
from integration_api.providers.together import TOGETHER
from integration_api.providers.twilio import TWILIO
from integration_api.providers.vertexai import VERTEXAI
from integration_api.providers.vonage import VONAGE
from integration_api.providers.voyageai import VOYAGEAI
from integration_api.providers.xai import XAI

PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        OPENAI,
        ANTHROPIC,
        COHERE,
        GEMINI,
        VERTEXAI,
        AZURE_OPENAI,
        BEDROCK,
        MISTRAL,
        VOYAGEAI,
        HUGGINGFACE,
        REPLICATE,
        GROQ,
        XAI,
        DEEPSEEK,
        OPENROUTER,
        TOGETHER,
        OPENAI_COMPATIBLE,
        CUSTOM_LLM,
        MINIMAX,
        DEEPGRAM,
        GOOGLE_SPEECH,
        CARTESIA,
        ELEVENLABS,
        AZURE_SPEECH,
        ASSEMBLYAI,
        SARVAM,
        TWILIO,
        VONAGE,
        EXOTEL,
        SANDBOX,
    )
}

_BY_ANY_NAME = {
    name: provider for provider in PROVIDERS.values() for name in (provider.name, *provider.aliases)
}


def find(name: str) -> Provider | None:
    """Return the provider with this name or alias, or None."""
    return _BY_ANY_NAME.get(name) or _BY_ANY_NAME.get(name.lower())
