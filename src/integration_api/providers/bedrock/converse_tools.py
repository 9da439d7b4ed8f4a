"""Tools and the choice among them. https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use.html"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from integration_api.core.json import encode_text
from integration_api.core.llm import LlmRequest, Tool, ToolCall, ToolResult
from integration_api.dialects.anthropic_messages_schema import is_recursive, strict_schema, tool_schema
from integration_api.dialects.notes import Notes
from integration_api.providers.bedrock.converse_cache import Block, cache_point
from integration_api.providers.bedrock.families import Family


class Toolbox(Struct, frozen=True):
    config: Block | None
    """`toolConfig`, where there are tools or a history of them."""
    instruction: str | None = None
    """What to ask of the model in words, where Converse has no word for it."""


def toolbox(
    ask: LlmRequest,
    names: Mapping[str, str],
    family: Family,
    notes: Notes,
    *,
    may_force: bool,
    structured: bool,
) -> Toolbox:
    """Render the tools and the choice.

    `may_force` says whether a call may be demanded here at all, `structured` whether schemas can be strict.
    """
    choice = ask.tool_choice
    mode = choice.mode if choice else "auto"
    tools = ask.tools
    called = dict.fromkeys(
        part.name for message in ask.messages for part in message.parts if isinstance(part, ToolCall)
    )
    has_history = bool(called) or any(
        isinstance(part, ToolResult) for message in ask.messages for part in message.parts
    )
    if not family.tools:
        if tools or has_history:
            notes.cannot("tools", "this model calls no tools on Bedrock")
        return Toolbox(None)
    if mode == "none" and not has_history:
        return Toolbox(None)
    if not tools:
        # A history with calls is refused without definitions of what was called.
        tools = tuple(Tool(name=name) for name in called) if has_history else ()
        mode = "none"
    if choice is not None and mode == "allowed":
        tools = tuple(tool for tool in tools if tool.name in choice.names)
        mode = choice.allowed_mode
    only = choice.names[0] if choice is not None and mode == "named" and choice.names else None
    instruction, chosen = _chosen(mode, only, names, family, notes, may_force=may_force)
    if only is not None and chosen is None:
        tools = tuple(tool for tool in tools if tool.name == only) or tools
    if ask.parallel_tools is False:
        notes.cannot("parallel_tool_calls", "Converse has no setting for calls one at a time")
    rendered = _definitions(tools, names, family, notes, structured=structured)
    if not rendered:
        return Toolbox(None)
    config: Block = {"tools": rendered}
    if chosen is not None:
        config["toolChoice"] = chosen
    elif choice is not None:
        config["toolChoice"] = {"auto": {}}
    return Toolbox(config, instruction)


def _chosen(
    mode: str, only: str | None, names: Mapping[str, str], family: Family, notes: Notes, *, may_force: bool
) -> tuple[str | None, Block | None]:
    """Return words that ask for the choice, or Converse's own word for it; neither for auto."""
    match mode:
        case "none":
            # There is no such choice, and the definitions must stay while the history has calls.
            return "Answer in words now, without calling any tool.", None
        case "required" if may_force and "any" in family.forced:
            return None, {"any": {}}
        case "named" if only is not None and may_force and "tool" in family.forced:
            return None, {"tool": {"name": names.get(only, only)}}
        case "named" if only is not None and may_force and "any" in family.forced:
            notes.note("mapped", "tool_choice", "this model was offered that tool alone, and must call one")
            return None, {"any": {}}
        case "required" | "named":
            notes.cannot(
                "tool_choice", "this model cannot be made to call a tool here: it was asked to", "degraded"
            )
            wanted = "one of the tools" if only is None else f"the tool {names.get(only, only)}"
            return f"Answer by calling {wanted}.", None
        case _:
            return None, None


def _definitions(
    tools: tuple[Tool, ...], names: Mapping[str, str], family: Family, notes: Notes, *, structured: bool
) -> list[Block]:
    found: list[Block] = []
    for place, tool in enumerate(tools):
        where = f"tools[{place}]"
        match tool.kind:
            case "provider":
                block = _own(tool, where, notes)
            case "custom":
                block = _custom(tool, names, where, notes)
            case _:
                block = _function(tool, names, where, notes, structured=structured)
        if block is None:
            continue
        found.append(block)
        if tool.cache is not None:
            if family.caches_tools:
                found.append(cache_point(tool.cache, family))
            else:
                notes.cannot(f"{where}.cache", "this model caches no tools")
    return found


def _function(tool: Tool, names: Mapping[str, str], where: str, notes: Notes, *, structured: bool) -> Block:
    schema, changed = tool_schema(tool.schema)
    if changed:
        notes.note(
            "mapped", f"{where}.schema", f"a tool takes one object: {', '.join(changed)} was rewritten"
        )
    strict = False
    if tool.strict:
        if structured and not is_recursive(schema):
            strict = True
            schema, changed = strict_schema(schema)
            if changed:
                notes.note(
                    "mapped",
                    f"{where}.schema",
                    f"the strict compiler lacks {', '.join(changed)}: said in words",
                )
        else:
            notes.cannot(f"{where}.strict", "this model is not held to this tool's schema")
    return _spec(names.get(tool.name, tool.name), tool.description, schema, strict=strict)


def _custom(tool: Tool, names: Mapping[str, str], where: str, notes: Notes) -> Block:
    said = tool.description or ""
    if tool.grammar:
        notes.cannot(f"{where}.grammar", "the model is told the grammar and not held to it", "degraded")
        said = f"{said}\n\nThe input must follow this grammar: {encode_text(tool.grammar)}".strip()
    schema = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    return _spec(names.get(tool.name, tool.name), said, schema, strict=False)


def _own(tool: Tool, where: str, notes: Notes) -> Block | None:
    """Return a tool of Bedrock's own, such as `{"systemTool": {"name": "nova_code_interpreter"}}`."""
    native = dict(tool.native or {})
    if "systemTool" in native:
        return {"systemTool": native["systemTool"]}
    kind = str(native.get("type", ""))
    if kind.startswith("nova_"):
        return {"systemTool": {"name": kind}}
    notes.cannot(where, f"Converse has no tool of type {kind or tool.name}")
    return None


def _spec(name: str, description: str | None, schema: Mapping[str, Any], *, strict: bool) -> Block:
    spec: Block = {"name": name}
    if description:
        spec["description"] = description
    spec["inputSchema"] = {"json": schema}
    if strict:
        spec["strict"] = True
    return {"toolSpec": spec}
