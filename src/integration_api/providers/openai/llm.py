"""Chat with OpenAI's models. https://platform.openai.com/docs/api-reference/chat/create"""

import re

from integration_api.dialects import openai_capabilities, openai_chat
from integration_api.dialects.openai_chat_ids import IdForm
from integration_api.providers.openai import client

DIALECT = openai_chat.Dialect(
    provider=client.NAME,
    url=lambda model, credential: client.address("/chat/completions", credential),
    headers=client.headers,
    forwarded=frozenset({"openai-beta"}),
    rules=openai_capabilities.rules,
    fields=openai_chat.FIELDS,
    max_stop=4,
    # Junk in every chunk against eavesdroppers who count bytes: nobody reads it, everybody pays for it.
    stream_options={"include_usage": True, "include_obfuscation": False},
    tool_ids=IdForm(re.compile(r"(?s).{1,40}"), prefix="call_", length=24),
    shows_reasoning=False,
)

LLM = openai_chat.llm(DIALECT, relayed=True)
