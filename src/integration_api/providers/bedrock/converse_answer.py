"""A whole answer of Converse: its blocks to parts, its counts to usage.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from integration_api.core.llm import (
    Bytes,
    Candidate,
    Citation,
    Finish,
    FinishReason,
    LlmResponse,
    Media,
    Native,
    Notice,
    Opaque,
    Origin,
    Part,
    Reasoning,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
    Usage,
)
from integration_api.dialects.anthropic_messages_answer import FAMILY as CLAUDE
from integration_api.dialects.anthropic_messages_answer import SIGNATURE as CLAUDE_SIGNATURE
from integration_api.dialects.anthropic_messages_answer import custom_input
from integration_api.providers.bedrock import converse_wire as wire

SIGNATURE = "bedrock-v1"
"""Format of signatures and hidden reasoning that only Bedrock takes back. Claude's own are good everywhere."""

SERVER_TOOL = "server_tool_use"

FINISH_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "content_filtered": FinishReason.CONTENT_FILTER,
    "malformed_model_output": FinishReason.STOP,
    "malformed_tool_use": FinishReason.STOP,
}

_LOCATIONS: Mapping[str, tuple[Any, str]] = {
    "web": ("url", ""),
    "documentChar": ("char", "documentIndex"),
    "documentPage": ("page", "documentIndex"),
    "documentChunk": ("block", "documentIndex"),
    "searchResultLocation": ("search_result", "searchResultIndex"),
}
"""Where a citation points to our word for it, and the field that says which of several."""
_ELSEWHERE: tuple[Any, str] = ("document", "")


class Reading(Struct, frozen=True, kw_only=True):
    """What reading an answer needs to know of the request it answers."""

    model: str
    origin: Origin
    notices: tuple[Notice, ...] = ()
    names: Mapping[str, str] = {}
    """Tool names as sent to the caller's own, where they differ."""
    custom: frozenset[str] = frozenset()
    """The caller's custom tools: their one argument is text, not JSON."""


def response(answer: wire.Answer, id: str, reading: Reading) -> LlmResponse:
    """Turn a whole answer into ours. Raises `msgspec.DecodeError` when a block is no block."""
    parts = tuple(part(raw, reading) for raw in answer.output.message.content)
    return LlmResponse(
        id=id,
        model=reading.model,
        candidates=(
            Candidate(
                parts=parts,
                finish=finish(answer.stop_reason, answer.additional_model_response_fields, empty=not parts),
            ),
        ),
        usage=usage(answer.usage),
        service_tier=answer.service_tier.type if answer.service_tier else None,
        prompt_feedback=answer.trace or None,
        warnings=reading.notices,
    )


def part(raw: Raw, reading: Reading) -> Part:
    """Turn one block into a part; `raw` is the block's own JSON."""
    block = wire.BLOCK.decode(raw)
    if block.text is not None:
        return Text(block.text)
    if block.tool_use is not None:
        return _tool_use(block.tool_use, reading)
    if block.reasoning_content is not None:
        return _reasoning(block.reasoning_content, reading.origin)
    if block.citations_content is not None:
        cited = block.citations_content
        return Text("".join(piece.text for piece in cited.content), tuple(map(citation, cited.citations)))
    if block.image is not None:
        return image(block.image)
    if block.tool_result is not None:
        return server_result(block.tool_result, reading.origin)
    whole = wire.OBJECT.decode(raw)
    return Native(next(iter(whole), "empty"), whole, reading.origin)


def tool_call(use: wire.ToolUse, reading: Reading) -> ToolCall:
    """Return the call a `toolUse` block makes, its arguments still to come."""
    name = reading.names.get(use.name, use.name)
    return ToolCall(use.tool_use_id, name, "", "custom" if name in reading.custom else "function")


def server_call(id: str, name: str, input: str, origin: Origin) -> ServerToolCall:
    """Return a call that the model's own side answers; `input` is JSON text."""
    try:
        parsed = msgspec.json.decode(input)
    except msgspec.DecodeError:  # cut short
        parsed = {}
    native = {"toolUse": {"toolUseId": id, "name": name, "input": parsed, "type": SERVER_TOOL}}
    return ServerToolCall(id, name, input, native, origin)


def server_result(result: Mapping[str, Any], origin: Origin) -> ServerToolResult:
    kind = str(result.get("type") or "")
    return ServerToolResult(
        str(result.get("toolUseId", "")), kind.removesuffix("_result"), {"toolResult": result}, origin
    )


def image(found: wire.Image) -> Media:
    return Media(kind="image", source=Bytes(found.source.bytes or ""), mime=f"image/{found.format}")


def signed(signature: str, origin: Origin) -> Opaque:
    return Opaque(signature, CLAUDE_SIGNATURE if origin.family == CLAUDE else SIGNATURE, origin)


def hidden(content: str, origin: Origin) -> Reasoning:
    """Return reasoning that Bedrock shows to nobody, as the base64 it came in."""
    return Reasoning(encrypted=Opaque(content, SIGNATURE, origin), redacted=True)


def citation(native: Mapping[str, Any]) -> Citation:
    """Turn a citation into ours. Where in its source it points stays in `native`."""
    location = native.get("location") or {}
    place = next((name for name in _LOCATIONS if name in location), None)
    kind, index = _LOCATIONS.get(place or "", _ELSEWHERE)
    found = location.get(place) or {}
    return Citation(
        kind=kind,
        url=found.get("url"),
        title=native.get("title"),
        cited_text="".join(piece.get("text", "") for piece in native.get("sourceContent") or ()) or None,
        source_id=native.get("source"),
        source_index=found.get(index),
        native=native,
    )


def finish(reason: str, additional: Any, *, empty: bool) -> Finish:
    """Return how it ended; a malformed answer with nothing in it is no answer."""
    found = FINISH_REASONS.get(reason, FinishReason.OTHER)
    if empty and reason.startswith("malformed_"):
        found = FinishReason.ERROR
    sequence = None
    if isinstance(additional, Mapping):
        # Claude tells it where a whole answer has it, and in a stream where its own delta had it.
        within = additional.get("delta")
        sequence = (within if isinstance(within, Mapping) else additional).get("stop_sequence")
    return Finish(found, reason, sequence if isinstance(sequence, str) else None)


def usage(counts: wire.Usage) -> Usage:
    """Turn Bedrock's counts, of which `inputTokens` leaves cached tokens out, into ours."""
    read = counts.cache_read_input_tokens
    if read is None:
        read = counts.cache_read_input_token_count
    write = counts.cache_write_input_tokens
    if write is None:
        write = counts.cache_write_input_token_count
    uncached = counts.input_tokens
    by_ttl = {detail.ttl: detail.input_tokens for detail in counts.cache_details if detail.ttl}
    tools = {name: count for name, count in counts.server_tool_usage.items() if isinstance(count, int)}
    return Usage(
        input_total=None if uncached is None else uncached + (read or 0) + (write or 0),
        input_uncached=uncached,
        cache_read=read,
        cache_write=write,
        cache_write_by_ttl=by_ttl or None,
        output_total=counts.output_tokens,
        server_tools=tools or None,
    )


def _tool_use(use: wire.ToolUse, reading: Reading) -> Part:
    arguments = bytes(use.input).decode() or "{}"
    if use.type == SERVER_TOOL:
        return server_call(use.tool_use_id, use.name, arguments, reading.origin)
    call = tool_call(use, reading)
    if call.kind == "custom":
        arguments = custom_input(arguments)
    return msgspec.structs.replace(call, arguments=arguments)


def _reasoning(content: wire.ReasoningContent, origin: Origin) -> Reasoning:
    if content.redacted_content is not None:
        return hidden(content.redacted_content, origin)
    said = content.reasoning_text or wire.ReasoningText()
    return Reasoning(said.text, signature=signed(said.signature, origin) if said.signature else None)
