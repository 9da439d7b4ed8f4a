"""Chat with models deployed on Azure: OpenAI's language, in the dialect of a version and a model.

https://learn.microsoft.com/azure/ai-foundry/openai/reference#chat-completions
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, Stream
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse, Media, PlainText
from integration_api.core.provider import Llm
from integration_api.dialects import openai_capabilities, openai_chat
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_ids import IdForm
from integration_api.dialects.openai_chat_media import openai_media
from integration_api.providers.azure_openai import client
from integration_api.providers.azure_openai.deployments import base_model, without_base_model
from integration_api.providers.azure_openai.endpoint import place

KNOWS_USAGE = "2024-09-01"
"""From this version on, streams tell their usage when asked to, and budgets are called by their newer name."""
KNOWS_DEVELOPERS = "2024-12-01"
"""From this version on, instructions may come from a developer."""

FIELDS = openai_chat.FIELDS | {"max_tokens"}

OTHERS_REFUSE = frozenset({
    "moderation", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier",
    "verbosity",
})  # fmt: skip
"""Fields of OpenAI's that models of other makers answer with `unrecognized_request_argument`."""


def media(part: Media, notes: Notes) -> Mapping[str, Any]:
    """Write one medium. Raises `Failure` (UNSUPPORTED) for documents, which Azure takes by its Responses API only."""
    if part.kind in {"document", "file"} and not isinstance(part.source, PlainText):
        raise unsupported(
            "messages", f"{client.NAME} takes no {part.kind}s in a chat; send their text, or pictures of them"
        )
    return openai_media(part, notes)


@lru_cache(maxsize=512)
def dialect(dated: str, base: str) -> openai_chat.Dialect:
    """Return how a model is spoken to in a version; "" for the newest version, and for a model nobody told of."""
    rules = openai_capabilities.rules(base)
    others = bool(base) and rules is openai_chat.ANYTHING
    reasons = bool(rules.efforts)
    old = bool(dated) and dated < KNOWS_USAGE
    if dated and dated < KNOWS_DEVELOPERS and rules.system == "developer":
        rules = openai_capabilities.by_system(rules)
    return openai_chat.Dialect(
        provider=client.NAME,
        url=lambda model, credential: place(credential).of_model("/chat/completions", model),
        auth=client.auth,
        rules=lambda model: rules,
        fields=FIELDS - OTHERS_REFUSE if others else FIELDS,
        spelling={"max_completion_tokens": "max_tokens"} if old and not reasons else {},
        max_stop=4,
        stream_options=None if old else {"include_usage": True},
        media=media,
        tool_ids=IdForm(re.compile(r"(?s).{1,40}"), prefix="call_", length=24),
        shows_reasoning=rules is openai_chat.ANYTHING,
        think_tags=rules is openai_chat.ANYTHING,
        finish_reasons=openai_chat.OPEN_FINISH_REASONS,
    )


def complete(ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    return openai_chat.complete(*spoken(ask, credential), credential)


def stream(ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
    return openai_chat.stream(*spoken(ask, credential), credential)


def spoken(ask: LlmRequest, credential: Credential) -> tuple[openai_chat.Dialect, LlmRequest]:
    """Return the dialect of what is asked, and the request without what only chooses it."""
    chosen = dialect(place(credential).dated, base_model(ask.model, ask.extras, credential))
    return chosen, msgspec.structs.replace(ask, extras=without_base_model(ask.extras))


LLM = Llm(complete, stream)
