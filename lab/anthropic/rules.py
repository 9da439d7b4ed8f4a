"""What Anthropic refuses in a request beside its conversation: fields, budgets, sampling, tools, thinking."""

import re
from typing import Any

from lab.anthropic import message_rules, schema_rules, thinking_rules
from lab.anthropic.client import NEW, refuse
from lab.anthropic.traits import Traits, traits
from lab.anthropic.values import items, known, mapping, number, one_of, required, text, whole
from lab.http import Call

_COUNTED = [
    "cache_control",
    "messages",
    "model",
    "output_config",
    "speed",
    "system",
    "thinking",
    "tool_choice",
    "tools",
    "user_profile_id",
    "workspace_id",
]
_SAMPLING = ("temperature", "top_p", "top_k")
_FIELDS = frozenset(
    [
        *_COUNTED,
        *[
            "container",
            "diagnostics",
            "inference_geo",
            "max_tokens",
            "metadata",
            "service_tier",
            "stop_sequences",
            "stream",
        ],
    ]
)
_BETA = frozenset({"mcp_servers", "context_management", "output_format", "fallbacks", "betas"})
_TOOL = frozenset(
    [
        "type",
        "name",
        "description",
        "input_schema",
        "strict",
        "cache_control",
        "defer_loading",
        "eager_input_streaming",
        "input_examples",
        "allowed_callers",
    ]
)
_SERVER_TOOL = re.compile(r".+_20\d{6}|mcp_toolset")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_STRICT_LIMIT = 20


def check(call: Call, body: dict[str, Any], version: str) -> Traits:
    """The model's traits, if Anthropic would take the request. Raises `Refused`."""
    allowed = _FIELDS | (frozenset(_SAMPLING) if version != NEW else frozenset())
    known(call, body, allowed | _BETA if call.header("anthropic-beta") else allowed)
    trait = _model(call, body)
    most = whole(call, required(call, body, "max_tokens"), "max_tokens", 0)
    if most > trait.most:
        refuse(
            call,
            f"max_tokens: {most} > {trait.most}, which is the maximum allowed number of output tokens for "
            f"{body['model']}",
        )
    message_rules.check(call, body, trait, version)
    _sampling(call, body, trait)
    _tools(call, body)
    _tool_choice(call, body, trait)
    thinking_rules.check(call, body, trait)
    _output(call, body, trait)
    _small(call, body)
    return trait


def check_count(call: Call, body: dict[str, Any], version: str) -> Traits:
    """The model's traits, if Anthropic would count the request's tokens. Raises `Refused`."""
    known(call, body, frozenset(_COUNTED))
    trait = _model(call, body)
    message_rules.check(call, body, trait, version)
    _tools(call, body)
    for tool in body.get("tools") or ():
        if _SERVER_TOOL.fullmatch(tool.get("type") or ""):
            refuse(call, f"tools: {tool['type']} is not supported when counting tokens")
    return trait


def _model(call: Call, body: dict[str, Any]) -> Traits:
    model = text(call, required(call, body, "model"), "model")
    trait = traits(call.asked.base)
    if not trait.known or not model:
        refuse(call, f"model: {model}", status=404)
    return trait


def _sampling(call: Call, body: dict[str, Any], trait: Traits) -> None:
    given = [name for name in _SAMPLING if body.get(name) is not None]
    if not given:
        return
    if not trait.samples:
        refuse(call, f"`{given[0]}` is deprecated for this model.")
    if "temperature" in given:
        number(call, body["temperature"], 0, 1, "temperature")
    if "top_p" in given:
        number(call, body["top_p"], 0, 1, "top_p")
    if "top_k" in given:
        whole(call, body["top_k"], "top_k", 0)
    if {"temperature", "top_p"} <= set(given) and trait.version >= (4, 1):
        refuse(
            call,
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        )


def _tools(call: Call, body: dict[str, Any]) -> None:
    tools = body.get("tools")
    if tools is None:
        if any(
            block["type"] in ("tool_use", "tool_result")
            for message in body["messages"]
            for block in message_rules.blocks(message)
        ):
            refuse(call, "Requests which include `tool_use` or `tool_result` blocks must define tools")
        return
    names: set[str] = set()
    for place, tool in enumerate(items(call, tools, "tools")):
        where = f"tools.{place}"
        kind = mapping(call, tool, where).get("type") or "custom"
        if _SERVER_TOOL.fullmatch(kind):
            continue
        if kind != "custom":
            refuse(
                call,
                f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags",
            )
        where = f"{where}.custom"
        known(call, tool, _TOOL, where)
        name = text(call, required(call, tool, "name", where), f"{where}.name")
        if not _NAME.fullmatch(name):
            refuse(call, f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if name in names:
            refuse(call, "tools: Tool names must be unique.")
        names.add(name)
        schema = mapping(call, required(call, tool, "input_schema", where), f"{where}.input_schema")
        if schema.get("type") != "object":
            refuse(call, f"{where}.input_schema.type: Input should be 'object'")
        if "properties" in schema and not isinstance(schema["properties"], dict):
            refuse(call, f"{where}.input_schema: Input does not match the expected shape.")
        if tool.get("strict") and (fault := schema_rules.fault(schema)):
            refuse(call, f"{where}: {fault}")
    strict = sum(bool(tool.get("strict")) for tool in tools)
    if strict > _STRICT_LIMIT:
        refuse(
            call,
            f"Too many strict tools ({strict}). The maximum number of strict tools supported is {_STRICT_LIMIT}. "
            "Try reducing the number of tools marked as strict.",
        )


def _tool_choice(call: Call, body: dict[str, Any], trait: Traits) -> None:
    choice = body.get("tool_choice")
    if choice is None:
        return
    kind = mapping(call, choice, "tool_choice").get("type")
    one_of(call, kind, ("auto", "any", "tool", "none"), "tool_choice.type")
    fields = {"type"} if kind == "none" else {"type", "disable_parallel_tool_use"}
    known(call, choice, frozenset(fields | ({"name"} if kind == "tool" else set())), f"tool_choice.{kind}")
    if not body.get("tools"):
        refuse(call, "tool_choice: tool_choice may only be specified while providing tools.")
    if kind == "tool":
        name = required(call, choice, "name", "tool_choice.tool")
        if name not in {tool.get("name") for tool in body["tools"]}:
            refuse(call, f"tool_choice.tool.name: Tool '{name}' not found in provided tools")
    if kind in ("any", "tool"):
        if not trait.forced_tools:
            refuse(call, f"tool_choice: '{kind}' is not supported by this model. Use 'auto' or 'none'.")
        if (body.get("thinking") or {}).get("type") == "enabled":
            refuse(call, "Thinking may not be enabled when tool_choice forces tool use.")


def _output(call: Call, body: dict[str, Any], trait: Traits) -> None:
    config = body.get("output_config")
    if config is None:
        return
    known(call, mapping(call, config, "output_config"), frozenset({"effort", "format"}), "output_config")
    effort = config.get("effort")
    if effort is not None:
        one_of(call, effort, ("low", "medium", "high", "xhigh", "max"), "output_config.effort")
        if not trait.efforts:
            refuse(call, "This model does not support the effort parameter.")
        if effort not in trait.efforts:
            listed = ", ".join(sorted(trait.efforts))
            refuse(call, f"This model does not support effort level '{effort}'. Supported levels: {listed}.")
    wanted = config.get("format")
    if wanted is not None:
        where = "output_config.format"
        one_of(call, mapping(call, wanted, where).get("type"), ("json_schema",), f"{where}.type")
        known(call, wanted, frozenset({"type", "schema"}), where)
        schema = mapping(call, required(call, wanted, "schema", where), f"{where}.schema")
        if fault := schema_rules.fault(schema):
            refuse(call, f"{where}.schema: {fault}")


def _small(call: Call, body: dict[str, Any]) -> None:
    if body.get("stream") is not None and not isinstance(body["stream"], bool):
        refuse(call, "stream: Input should be a valid boolean")
    for place, stop in enumerate(items(call, body.get("stop_sequences") or [], "stop_sequences")):
        if not text(call, stop, f"stop_sequences.{place}").strip():
            refuse(call, "stop_sequences: each stop sequence must contain non-whitespace")
    if body.get("metadata") is not None:
        known(call, mapping(call, body["metadata"], "metadata"), frozenset({"user_id"}), "metadata")
    if body.get("service_tier") is not None:
        one_of(call, body["service_tier"], ("auto", "standard_only"), "service_tier")
