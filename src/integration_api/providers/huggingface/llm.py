"""Chat with open models: OpenAI's language, in the accents of many servers.

https://huggingface.co/docs/inference-providers/tasks/chat-completion
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, Stream
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse, Media, Output, PlainText
from integration_api.core.provider import Llm
from integration_api.dialects import openai_chat
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_dialect import bearer_if_held
from integration_api.dialects.openai_chat_media import openai_media
from integration_api.providers.huggingface import client

OPENAI_ONLY = frozenset({
    "audio", "logit_bias", "max_completion_tokens", "metadata", "modalities", "moderation", "prediction",
    "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "service_tier",
    "store", "user", "verbosity",
})  # fmt: skip
"""Fields of OpenAI's own. Biases are lists here, and do nothing."""


def media(part: Media, notes: Notes) -> Mapping[str, Any]:
    """Write one medium: pictures, and documents that are text. Raises `Failure` (UNSUPPORTED) for any other."""
    if part.kind == "image" or isinstance(part.source, PlainText):
        return openai_media(part, notes)
    raise unsupported("messages", f"{client.NAME} takes pictures and text, not {part.kind}")


DIALECT = openai_chat.Dialect(
    provider=client.NAME,
    url=lambda model, credential: f"{client.versioned(credential)}/chat/completions",
    auth=bearer_if_held,
    headers=client.headers,
    forwarded=frozenset({"x-hf-bill-to"}),
    # What else a model takes differs between partners; what they refuse they say.
    fields=openai_chat.FIELDS - OPENAI_ONLY | {"max_tokens", "min_p", "repetition_penalty", "top_k"},
    spelling={"max_completion_tokens": "max_tokens"},
    max_stop=4,
    media=media,
    refusal_parts=False,
    custom_tools=False,
    allowed_tools=False,
    parameters_required=True,
    think_tags=True,
    finish_reasons=openai_chat.OPEN_FINISH_REASONS,
)


def complete(ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    return openai_chat.complete(DIALECT, fitting(ask, credential), credential)


def stream(ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
    return openai_chat.stream(DIALECT, fitting(ask, credential), credential)


def fitting(ask: LlmRequest, credential: Credential) -> LlmRequest:
    """Say a schema as TGI wants it, where the credential is for one. Raises `Failure` for a kind there is not."""
    if client.kind(credential) != "tgi" or ask.output.kind != "json_schema":
        return ask
    wanted = {"type": "json_object", "value": ask.output.schema or {}}
    return msgspec.structs.replace(
        ask,
        output=Output(verbosity=ask.output.verbosity),
        extras={"response_format": wanted, **ask.extras},
    )


LLM = Llm(complete, stream)
