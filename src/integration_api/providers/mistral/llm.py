"""Chat with Mistral's models at their maker's. https://docs.mistral.ai/api/#tag/chat"""

from integration_api.dialects import mistral_chat
from integration_api.providers.mistral import client

LLM = mistral_chat.llm(
    provider=client.NAME, url=lambda model, credential: client.address("/chat/completions", credential)
)
