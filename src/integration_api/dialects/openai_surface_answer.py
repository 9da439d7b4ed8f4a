"""An answer's words as OpenAI clients know them: what whole answers and streams share."""

from collections.abc import Mapping
from typing import Any

from integration_api.core.llm import Finish, FinishReason, ToolCall, Usage
from integration_api.dialects.openai_surface_parts import extra_content

FINISH: Mapping[FinishReason, str] = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.TOOL_CALLS: "tool_calls",
    FinishReason.CONTENT_FILTER: "content_filter",
    FinishReason.PAUSE: "stop",
    FinishReason.CANCELLED: "stop",
    FinishReason.ERROR: "stop",
    FinishReason.OTHER: "stop",
}
"""Clients check these words; what they cannot say is in `native_finish_reason`."""

WORDS = frozenset({"stop", "length", "tool_calls", "content_filter"})

SERVICE_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})


def finish_fields(finish: Finish) -> dict[str, Any]:
    fields: dict[str, Any] = {
        # OpenAI says "stop" when a call was forced: where the provider used a word of this language, it stands.
        "finish_reason": finish.native if finish.native in WORDS else FINISH[finish.reason],
        "native_finish_reason": finish.native or finish.reason.value,
    }
    details = {
        "stop_sequence": finish.stop_sequence,
        "category": finish.category,
        "explanation": finish.explanation,
    }
    if any(details.values()):
        fields["finish_details"] = {name: value for name, value in details.items() if value}
    return fields


def usage_fields(usage: Usage) -> dict[str, Any]:
    """Return token counts, the whole of them as official clients need; what was not reported counts 0."""
    asked, answered = usage.input_total or 0, usage.output_total or 0
    fields: dict[str, Any] = {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read or 0,
            "cache_write_tokens": usage.cache_write or 0,
            "audio_tokens": usage.input_audio or 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning or 0,
            "audio_tokens": usage.output_audio or 0,
            "accepted_prediction_tokens": usage.accepted_prediction or 0,
            "rejected_prediction_tokens": usage.rejected_prediction or 0,
        },
    }
    if usage.input_image is not None:
        fields["prompt_tokens_details"]["image_tokens"] = usage.input_image
    if usage.output_image is not None:
        fields["completion_tokens_details"]["image_tokens"] = usage.output_image
    if usage.server_tools:
        fields["server_tool_use"] = usage.server_tools
    if usage.estimated:
        fields["estimated"] = True
    return fields


def reported(usage: Usage) -> bool:
    """Whether the provider counted anything."""
    return usage.input_total is not None or usage.output_total is not None


def call_id(call: ToolCall, index: int, answer_id: str) -> str:
    """Return the call's id, or one for a call whose provider gave it none: clients need one to answer."""
    return call.id or f"call_{index}_{answer_id[-24:]}"


def tool_call(call: ToolCall, index: int, answer_id: str) -> dict[str, Any]:
    """Return a whole tool call."""
    fields: dict[str, Any] = {"id": call_id(call, index, answer_id), "type": call.kind}
    if call.kind == "custom":
        fields["custom"] = {"name": call.name, "input": call.arguments}
    else:
        fields["function"] = {"name": call.name, "arguments": call.arguments or "{}"}
    if call.signature is not None:
        fields["extra_content"] = extra_content(call.signature)
    return fields
