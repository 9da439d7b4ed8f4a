"""Tools and the choice among them. https://ai.google.dev/gemini-api/docs/function-calling"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from integration_api.core.json import encode_text
from integration_api.core.llm import LlmRequest, Tool, ToolCall, ToolChoice
from integration_api.dialects.gemini_rules import Rules
from integration_api.dialects.gemini_schema import subset
from integration_api.dialects.notes import Notes
from integration_api.dialects.openai_chat_ids import digest

MOST_NAME = 64
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}", re.ASCII)
_NOT_NAME = re.compile(r"[^A-Za-z0-9_.:-]", re.ASCII)

OWN_TOOLS = {
    "web_search": "googleSearch",
    "web_search_preview": "googleSearch",
    "google_search": "googleSearch",
    "google_search_retrieval": "googleSearchRetrieval",
    "url_context": "urlContext",
    "code_execution": "codeExecution",
    "code_interpreter": "codeExecution",
    "google_maps": "googleMaps",
    "file_search": "fileSearch",
    "computer_use": "computerUse",
    "enterprise_web_search": "enterpriseWebSearch",
    "retrieval": "retrieval",
}
"""What callers may call Google's own tools, and what OpenAI calls the same thing, to Google's fields."""

_FOREIGN = frozenset({"web_search", "web_search_preview", "code_interpreter", "file_search"})
"""Other vendors' tools: what they were told beside their type means nothing here."""

_OWN_FIELDS = frozenset((*OWN_TOOLS.values(), "mcpServers", "parallelAiSearch", "exaAiSearch"))


class Host(Struct, frozen=True):
    """Who is asked, and what that host has."""

    name: str
    tools: frozenset[str]
    tells_tools: bool
    """Whether it tells what its own tools did beside functions."""


class Toolbox(Struct, frozen=True):
    tools: list[dict[str, Any]]
    config: dict[str, Any]
    """`toolConfig`, empty where nothing needs to be said."""
    functions: bool
    searches: bool
    """Whether a tool of Google's own may look things up."""


def sent_names(ask: LlmRequest) -> dict[str, str]:
    """Return the names that must change on the way out, each to a name of its own."""
    wanted: dict[str, None] = {tool.name: None for tool in ask.tools if tool.kind != "provider"}
    wanted |= {
        part.name: None for message in ask.messages for part in message.parts if isinstance(part, ToolCall)
    }
    taken = {name for name in wanted if _NAME.fullmatch(name)}
    changed: dict[str, str] = {}
    for name in wanted:
        if name in taken:
            continue
        plain = _NOT_NAME.sub("_", name)[:MOST_NAME]
        if not _NAME.fullmatch(plain):
            plain = f"_{plain}"[:MOST_NAME]
        if plain in taken:
            plain = f"{plain[: MOST_NAME - 9]}_{digest(name, 8)}"
        changed[name] = plain
        taken.add(plain)
    return changed


def toolbox(ask: LlmRequest, names: Mapping[str, str], rules: Rules, notes: Notes, host: Host) -> Toolbox:
    """Return the tools and how to choose among them."""
    box = _Box(names, rules, notes, host)
    choice, tools = ask.tool_choice, ask.tools
    if (
        choice is not None
        and choice.mode == "allowed"
        and choice.allowed_mode == "auto"
        and not rules.validated
    ):
        tools = tuple(tool for tool in tools if tool.name in choice.names)
        choice = ToolChoice("auto")
        notes.note("mapped", "tool_choice", "the tools that are not allowed were left out instead")
    functions = [
        box.function(tool, f"tools[{place}]") for place, tool in enumerate(tools) if tool.kind != "provider"
    ]
    own = [box.own(tool, f"tools[{place}]") for place, tool in enumerate(tools) if tool.kind == "provider"]
    if functions and not rules.functions:
        notes.cannot("tools", "this model calls no functions")
        functions = []
    found = [tool for tool in own if tool is not None]
    if choice is not None and choice.mode not in {"auto", "allowed"} and found:
        if choice.mode == "none":
            notes.note(
                "mapped", "tool_choice", "Google's own tools were left out: they choose for themselves"
            )
            found = []
        elif not functions:
            notes.cannot("tool_choice", "Google's own tools cannot be demanded")
    if functions and found and not rules.functions_with_own:
        notes.cannot(
            "tools", "this model takes functions or Google's own tools, not both: functions were sent"
        )
        found = []
    sent = [{"functionDeclarations": functions}] if functions else []
    if ask.parallel_tools is False and functions:
        notes.cannot("parallel_tool_calls", "Gemini may always call several functions at once")
    config: dict[str, Any] = {}
    if functions and (calling := box.calling(choice, ask.tools)):
        config["functionCallingConfig"] = calling
    if functions and found and host.tells_tools:
        config["includeServerSideToolInvocations"] = True
    return Toolbox([*found, *sent], config, bool(functions), bool(found))


class _Box:
    def __init__(self, names: Mapping[str, str], rules: Rules, notes: Notes, host: Host) -> None:
        self._names = names
        self._rules = rules
        self._notes = notes
        self._host = host

    def function(self, tool: Tool, where: str) -> dict[str, Any]:
        if tool.cache is not None:
            self._notes.note("dropped", "cache_control", "Gemini caches prompts by itself")
        declared: dict[str, Any] = {"name": self._names.get(tool.name, tool.name)}
        description = tool.description or ""
        schema: Mapping[str, Any] | None = tool.schema
        if tool.kind == "custom":
            if tool.grammar is not None:
                self._notes.cannot(
                    f"{where}.grammar", "Gemini is told the grammar and not held to it", "degraded"
                )
                told = f"The input must follow this grammar: {encode_text(tool.grammar)}"
                description = f"{description}\n\n{told}".strip()
            schema = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
        if description:
            declared["description"] = description
        if schema is None or _takes_nothing(schema):
            return declared  # An object without properties is a 400.
        if self._rules.json_schema:
            declared["parametersJsonSchema"] = schema
            return declared
        declared["parameters"], lost = subset(schema)
        if lost:
            self._notes.note("mapped", f"{where}.schema", f"this model's schemas lack {', '.join(lost)}")
        return declared

    def own(self, tool: Tool, where: str) -> dict[str, Any] | None:
        """Return a tool of Google's own, however it was named; None for another vendor's."""
        native = dict(tool.native or {})
        if kept := {name: value for name, value in native.items() if name in _OWN_FIELDS}:
            for name in sorted(kept.keys() - self._host.tools):
                self._notes.cannot(where, f"{self._host.name} has no tool {name}")
                del kept[name]
            return kept or None
        kind = str(native.get("type") or tool.name)
        field: str | None = kind if kind in _OWN_FIELDS else OWN_TOOLS.get(kind)
        if field is None:
            field = next((own for name, own in OWN_TOOLS.items() if kind.startswith(name)), None)
        if field is None or field not in self._host.tools:
            self._notes.cannot(where, f"{self._host.name} has no tool of type {kind}")
            return None
        settings = native.get(kind)
        if isinstance(settings, Mapping):
            return {field: dict(settings)}
        rest = {name: value for name, value in native.items() if name not in {"type", "name"}}
        if kind in _FOREIGN or (kind not in OWN_TOOLS and kind != field):
            self._notes.note("mapped", where, f"another vendor's {kind} became Google's own {field}")
            rest = {}
        return {field: rest}

    def calling(self, choice: ToolChoice | None, tools: Iterable[Tool]) -> dict[str, Any]:
        mode = "auto" if choice is None else choice.mode
        allowed = () if choice is None else tuple(self._names.get(name, name) for name in choice.names)
        strict = self._rules.validated and any(tool.strict for tool in tools)
        match mode:
            case "none":
                return {"mode": "NONE"}
            case "required":
                return {"mode": "ANY"}
            case "named":
                return {"mode": "ANY", "allowedFunctionNames": allowed[:1]}
            case "allowed":
                forced = choice is not None and choice.allowed_mode == "required"
                return {"mode": "ANY" if forced else "VALIDATED", "allowedFunctionNames": allowed}
            case _ if strict:
                return {"mode": "VALIDATED"}
            case _:
                return {} if choice is None else {"mode": "AUTO"}


def _takes_nothing(schema: Mapping[str, Any]) -> bool:
    rest = schema.keys() - {
        "type",
        "properties",
        "required",
        "additionalProperties",
        "description",
        "title",
        "$schema",
    }
    if rest or schema.get("properties") or isinstance(schema.get("additionalProperties"), Mapping):
        return False
    return bool(schema.get("type", "object") == "object")
