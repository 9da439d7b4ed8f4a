"""Tools and the choice among them. https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from integration_api.core.json import encode_text
from integration_api.core.llm import LlmRequest, Tool, ToolCall
from integration_api.dialects.anthropic_messages_blocks import Block, cache_control
from integration_api.dialects.anthropic_messages_rules import Rules
from integration_api.dialects.anthropic_messages_schema import is_recursive, strict_schema, tool_schema
from integration_api.dialects.notes import Notes

MAX_NAME = 64
MAX_STRICT = 20
"""Strict tools one request may have."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}", re.ASCII)
_NOT_NAME = re.compile(r"[^a-zA-Z0-9_-]", re.ASCII)
_OWN_TOOL = re.compile(r"\w+_20\d{6}|mcp_toolset", re.ASCII)
"""Types of Anthropic's own tools carry the date of their version."""

_WEB_SEARCH: Block = {"type": "web_search_20250305", "name": "web_search"}
"""What other vendors' `web_search` becomes: the version that every model with tools knows."""

_ASIDE = ("allowed_callers", "defer_loading", "eager_input_streaming", "input_examples")
"""What a function may say in Anthropic's own words besides."""


class Toolbox(Struct, frozen=True):
    tools: list[Block]
    choice: Block | None
    instruction: str | None
    """What to ask of the model in words, where it takes no forced choice."""


def sent_names(ask: LlmRequest) -> dict[str, str]:
    """Return the names that must change on the way out, each to a name of its own."""
    wanted: dict[str, None] = {tool.name: None for tool in ask.tools if tool.kind != "provider"}
    wanted |= dict.fromkeys(_called(ask))
    changed: dict[str, str] = {}
    taken = {name for name in wanted if _NAME.fullmatch(name)}
    for name in wanted:
        if name in taken:
            continue
        base = _NOT_NAME.sub("_", name)[:MAX_NAME] or "tool"
        fitting, count = base, 1
        while fitting in taken:
            count += 1
            fitting = f"{base[: MAX_NAME - len(str(count)) - 1]}_{count}"
        taken.add(fitting)
        changed[name] = fitting
    return changed


def toolbox(
    ask: LlmRequest, names: Mapping[str, str], rules: Rules, notes: Notes, *, may_force: bool
) -> Toolbox:
    """Render the tools and the choice; `may_force` says whether the choice may be forced at all."""
    tools = ask.tools
    choice = ask.tool_choice
    if not tools:
        called = _called(ask)
        if not called:
            return Toolbox([], None, None)
        # A history with calls is refused without definitions of what was called.
        made = [{"name": names.get(name, name), "input_schema": {"type": "object"}} for name in called]
        return Toolbox(made, {"type": "none"}, None)
    mode = choice.mode if choice else "auto"
    if choice and mode == "allowed":
        tools = tuple(tool for tool in tools if tool.name in choice.names)
        mode = choice.allowed_mode
    instruction = None
    only = choice.names[0] if choice and mode == "named" and choice.names else None
    if mode in {"required", "named"} and not may_force:
        notes.cannot(
            "tool_choice", "this model cannot be made to call a tool here: it was asked to", "degraded"
        )
        if only is not None:
            tools = tuple(tool for tool in tools if tool.name == only) or tools
        instruction = (
            "Answer by calling one of the tools." if only is None else f"Answer by calling the tool {only}."
        )
        mode = "auto"
    rendered = _Definitions(names, rules, notes).render(tools)
    if not rendered:
        return Toolbox([], None, None)
    return Toolbox(rendered, _choice(ask, mode, only, names, notes), instruction)


def _choice(
    ask: LlmRequest, mode: str, only: str | None, names: Mapping[str, str], notes: Notes
) -> Block | None:
    match mode:
        case "none":
            return {"type": "none"}
        case "required":
            choice: Block = {"type": "any"}
        case "named" if only is not None:
            choice = {"type": "tool", "name": names.get(only, only)}
        case _:
            if ask.tool_choice is None and ask.parallel_tools is not False:
                return None
            choice = {"type": "auto"}
    if ask.parallel_tools is False:
        choice["disable_parallel_tool_use"] = True
    return choice


def _called(ask: LlmRequest) -> dict[str, None]:
    return {
        part.name: None for message in ask.messages for part in message.parts if isinstance(part, ToolCall)
    }


class _Definitions:
    def __init__(self, names: Mapping[str, str], rules: Rules, notes: Notes) -> None:
        self._names = names
        self._rules = rules
        self._notes = notes
        self._strict = 0

    def render(self, tools: tuple[Tool, ...]) -> list[Block]:
        found: list[Block] = []
        for place, tool in enumerate(tools):
            where = f"tools[{place}]"
            match tool.kind:
                case "provider":
                    block = self._own(tool, where)
                case "custom":
                    block = self._custom(tool, where)
                case _:
                    block = self._function(tool, where)
            if block is not None:
                if tool.cache is not None:
                    block["cache_control"] = cache_control(tool.cache)
                found.append(block)
        return found

    def _function(self, tool: Tool, where: str) -> Block:
        schema, changed = tool_schema(tool.schema)
        if changed:
            self._notes.note(
                "mapped", f"{where}.schema", f"a tool takes one object: {', '.join(changed)} was rewritten"
            )
        strict = bool(tool.strict) and self._may_be_strict(schema, where)
        if strict:
            schema, changed = strict_schema(schema)
            if changed:
                self._notes.note(
                    "mapped",
                    f"{where}.schema",
                    f"the strict compiler lacks {', '.join(changed)}: said in words",
                )
        block: Block = {"name": self._names.get(tool.name, tool.name)}
        if tool.description:
            block["description"] = tool.description
        block["input_schema"] = schema
        if strict:
            block["strict"] = True
        block |= {name: tool.native[name] for name in _ASIDE if tool.native and name in tool.native}
        return block

    def _may_be_strict(self, schema: Mapping[str, Any], where: str) -> bool:
        if not self._rules.structured:
            why = "this model knows no strict tools"
        elif self._strict >= MAX_STRICT:
            why = f"no more than {MAX_STRICT} tools can be strict"
        elif is_recursive(schema):
            why = "a schema that refers to itself cannot be strict"
        else:
            self._strict += 1
            return True
        self._notes.cannot(f"{where}.strict", why)
        return False

    def _custom(self, tool: Tool, where: str) -> Block:
        said = tool.description or ""
        if tool.grammar:
            self._notes.cannot(
                f"{where}.grammar", "Claude is told the grammar and not held to it", "degraded"
            )
            said = f"{said}\n\nThe input must follow this grammar: {encode_text(tool.grammar)}".strip()
        block: Block = {"name": self._names.get(tool.name, tool.name)}
        if said:
            block["description"] = said
        block["input_schema"] = {
            "type": "object",
            "properties": {"input": {"type": "string"}},
            "required": ["input"],
            "additionalProperties": False,
        }
        return block

    def _own(self, tool: Tool, where: str) -> Block | None:
        native = dict(tool.native or {})
        kind = str(native.get("type", ""))
        if _OWN_TOOL.fullmatch(kind):
            return native
        if kind == "web_search" or kind.startswith("web_search_preview"):
            self._notes.note("mapped", where, "another vendor's web search became Claude's own")
            return dict(_WEB_SEARCH)
        self._notes.cannot(where, f"Claude has no tool of type {kind or tool.name}")
        return None
