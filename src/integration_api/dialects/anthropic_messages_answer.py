"""Claude's answer, whole: its blocks to parts, its counts to usage.

https://platform.claude.com/docs/en/api/messages
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.json import encode_text
from integration_api.core.llm import (
    Candidate,
    Citation,
    Finish,
    FinishReason,
    LlmResponse,
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
from integration_api.dialects import anthropic_messages_wire as wire

FAMILY = "claude"
SIGNATURE = "anthropic-claude-v1"
CALLER = "anthropic-tool-use-v1"
"""Format of what else a tool call says about itself: who called it, from which toolset."""

FINISH_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.CONTENT_FILTER,
    "pause_turn": FinishReason.PAUSE,
}

_CITATION_KINDS: Mapping[str, Any] = {
    "char_location": "char",
    "page_location": "page",
    "content_block_location": "block",
    "search_result_location": "search_result",
    "web_search_result_location": "url",
}

_CACHE_TTLS = {"ephemeral_5m_input_tokens": "5m", "ephemeral_1h_input_tokens": "1h"}

_READ_USAGE = frozenset(
    {
        "input_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "cache_creation",
        "output_tokens",
        "output_tokens_details",
        "server_tool_use",
        "service_tier",
    }
)


class Reading(Struct, frozen=True, kw_only=True):
    """What reading an answer needs to know of the request it answers."""

    origin: Origin
    notices: tuple[Notice, ...] = ()
    names: Mapping[str, str] = {}
    """Tool names as sent to the caller's own, where they differ."""
    custom: frozenset[str] = frozenset()
    """The caller's custom tools: their one argument is text, not JSON."""


def response(message: wire.Message, reading: Reading) -> LlmResponse:
    """Turn a whole answer into ours. Raises `msgspec.DecodeError` when a block is no block."""
    return LlmResponse(
        id=message.id,
        model=message.model,
        candidates=(
            Candidate(
                parts=tuple(part(raw, wire.BLOCK.decode(raw), reading) for raw in message.content),
                finish=finish(message.stop_reason, message.stop_sequence, message.stop_details),
            ),
        ),
        usage=usage(message.usage),
        service_tier=message.usage.get("service_tier"),
        warnings=reading.notices,
    )


def part(raw: msgspec.Raw, block: wire.Block, reading: Reading) -> Part:
    """Turn one finished block into a part; `raw` is the block's own JSON."""
    match block.type:
        case "text":
            return Text(block.text, tuple(citation(found) for found in block.citations or ()))
        case "tool_use":
            call = tool_call(block, reading)
            arguments = bytes(block.input).decode() or "{}"
            if call.kind == "custom":
                arguments = custom_input(arguments)
            return msgspec.structs.replace(call, arguments=arguments)
        case "thinking":
            return Reasoning(
                block.thinking, signature=sealed(block.signature, reading.origin) if block.signature else None
            )
        case "redacted_thinking":
            return Reasoning(encrypted=sealed(block.data, reading.origin), redacted=True)
        case _:
            return foreign(wire.OBJECT.decode(raw), reading.origin)


def foreign(block: Mapping[str, Any], origin: Origin) -> Part:
    """Turn a block the caller has no answer to (server tools, unknown kinds) into a part that keeps it."""
    kind: str = block["type"]
    if kind.endswith("_tool_result"):
        return ServerToolResult(
            str(block.get("tool_use_id", "")),
            # mcp_tool_result and the like say in their type what ran.
            str(block.get("name") or kind.removesuffix("_tool_result")),
            native=block,
            origin=origin,
        )
    if kind.endswith("_tool_use"):
        return ServerToolCall(
            str(block.get("id", "")),
            str(block.get("name", "")),
            encode_text(block.get("input") or {}),
            native=block,
            origin=origin,
        )
    return Native(kind, block, origin)


def tool_call(block: wire.Block, reading: Reading) -> ToolCall:
    """Return the call a `tool_use` block makes, its arguments still to come."""
    name = reading.names.get(block.name, block.name)
    aside: dict[str, Any] = {}
    if block.caller and block.caller.get("type") != "direct":
        aside["caller"] = block.caller
    if block.toolset_name:
        aside["toolset_name"] = block.toolset_name
    return ToolCall(
        block.id,
        name,
        "",
        kind="custom" if name in reading.custom else "function",
        signature=Opaque(encode_text(aside), CALLER, reading.origin) if aside else None,
    )


def custom_input(arguments: str) -> str:
    """Return the text a custom tool was called with; `arguments` is the object it is wrapped in."""
    try:
        found = wire.OBJECT.decode(arguments).get("input", arguments)
    except msgspec.DecodeError:  # cut short by max_tokens
        return arguments
    return found if isinstance(found, str) else encode_text(found)


def sealed(data: str, origin: Origin) -> Opaque:
    return Opaque(data, SIGNATURE, origin)


def citation(native: Mapping[str, Any]) -> Citation:
    """Turn a citation into ours. Where in its source it points stays in `native`."""
    return Citation(
        kind=_CITATION_KINDS.get(str(native.get("type")), "document"),
        url=native.get("url"),
        title=native.get("document_title") or native.get("title"),
        cited_text=native.get("cited_text"),
        source_id=native.get("file_id") or native.get("source"),
        source_index=native.get("document_index", native.get("search_result_index")),
        native=native,
    )


def finish(reason: str | None, sequence: str | None, details: wire.StopDetails | None) -> Finish:
    return Finish(
        FINISH_REASONS.get(reason or "", FinishReason.OTHER),
        reason or "",
        sequence,
        details.category if details else None,
        details.explanation if details else None,
    )


def usage(counts: Mapping[str, Any]) -> Usage:
    """Turn Anthropic's counts, of which `input_tokens` leaves cached tokens out, into ours."""
    uncached = counts.get("input_tokens")
    read = counts.get("cache_read_input_tokens")
    write = counts.get("cache_creation_input_tokens")
    by_ttl = counts.get("cache_creation") or {}
    details = counts.get("output_tokens_details") or {}
    tools = counts.get("server_tool_use") or {}
    rest = {name: value for name, value in counts.items() if name not in _READ_USAGE and value is not None}
    return Usage(
        input_total=None if uncached is None else uncached + (read or 0) + (write or 0),
        input_uncached=uncached,
        cache_read=read,
        cache_write=write,
        cache_write_by_ttl={ttl: by_ttl[name] for name, ttl in _CACHE_TTLS.items() if name in by_ttl} or None,
        output_total=counts.get("output_tokens"),
        reasoning=details.get("thinking_tokens"),
        server_tools={
            name.removesuffix("_requests"): count for name, count in tools.items() if isinstance(count, int)
        }
        or None,
        native=rest or None,
    )
