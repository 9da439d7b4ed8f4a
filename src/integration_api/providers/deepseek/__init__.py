"""DeepSeek: models that think before they answer. https://api-docs.deepseek.com"""

from collections.abc import Mapping
from typing import Any

from integration_api.core.llm import FinishReason, ReasoningRequest
from integration_api.dialects import openai_chat, openai_family
from integration_api.dialects.notes import Notes
from integration_api.dialects.openai_chat_dialect import Turn

PLACE = openai_family.Place(
    "deepseek", "https://api.deepseek.com/v1", request_id_headers=("x-ds-trace-id", "x-request-id")
)


def reasoning(asked: ReasoningRequest) -> Mapping[str, Any]:
    """Thinking is on unless it is turned off; it knows low, high and max, and takes every word for one of them."""
    if asked.mode == "off" or asked.effort == "none":
        return {"thinking": {"type": "disabled"}}
    on = {"thinking": {"type": "enabled"}} if asked.mode in {"on", "auto"} else {}
    return on if asked.effort is None else {**on, "reasoning_effort": asked.effort}


def arrange(turns: list[Turn], notes: Notes) -> list[Turn]:
    """Keep thoughts with the calls they led to, where a request without them is refused; else they are ignored."""
    for turn in turns:
        if turn["role"] == "assistant":
            if "tool_calls" in turn:
                turn.setdefault("reasoning_content", "")
            else:
                turn.pop("reasoning_content", None)
    return turns


DIALECT = openai_chat.Dialect(
    provider=PLACE.name,
    url=PLACE.chat,
    fields=frozenset({"frequency_penalty", "logprobs", "max_tokens", "messages", "model", "presence_penalty", "stop",
                      "reasoning_effort", "response_format", "stream", "stream_options", "temperature", "thinking",
                      "tool_choice", "tools", "top_logprobs", "top_p", "user_id"}),
    spelling={"max_completion_tokens": "max_tokens", "user": "user_id"},
    json_schemas=False,
    max_stop=16,
    arrange=arrange,
    reasoning=reasoning,
    reasoning_history="reasoning_content",
    refusal_parts=False,
    custom_tools=False,
    allowed_tools=False,
    finish_reasons={**openai_chat.FINISH_REASONS, "insufficient_system_resource": FinishReason.ERROR},
)  # fmt: skip

DEEPSEEK = openai_family.provider(PLACE, "DeepSeek", DIALECT, parameters=("reasoning_effort", "thinking"))
