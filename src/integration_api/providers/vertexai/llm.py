"""Chat with whatever Vertex AI serves: each model in the language of its maker."""

from msgspec.structs import replace

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, Stream
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse
from integration_api.core.provider import Llm
from integration_api.dialects import openai_chat
from integration_api.providers.vertexai import claude_models, gemini_models
from integration_api.providers.vertexai.naming import named
from integration_api.providers.vertexai.open_models import MISTRAL, OPEN


def complete(ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    """Ask for a whole answer. Raises `Failure` for what cannot be asked, `ProviderError` for the answer."""
    found = named(ask.model)
    match found.language:
        case "claude":
            return claude_models.LLM.complete(replace(ask, model=found.model), credential)
        case "mistral":
            return MISTRAL.complete(replace(ask, model=found.model), credential)
        case "open":
            return openai_chat.complete(OPEN, replace(ask, model=found.id), credential)
        case "gemini":
            return gemini_models.LLM.complete(replace(ask, model=found.model), credential)


def stream(ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
    """Ask for a streamed answer. Raises `Failure` for what cannot be asked."""
    found = named(ask.model)
    match found.language:
        case "claude":
            return claude_models.LLM.stream(replace(ask, model=found.model), credential)
        case "mistral":
            return MISTRAL.stream(replace(ask, model=found.model), credential)
        case "open":
            return openai_chat.stream(OPEN, replace(ask, model=found.id), credential)
        case "gemini":
            return gemini_models.LLM.stream(replace(ask, model=found.model), credential)


LLM = Llm(complete, stream)
