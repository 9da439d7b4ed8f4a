"""What Cohere refuses in a chat request (docs.cohere.com/reference/chat)."""

from typing import Any

from lab.cohere.client import between, known, no_model, one_of, refuse, text
from lab.cohere.traits import Traits, traits
from lab.http import Call

_FIELDS = frozenset({
    "citation_options", "documents", "frequency_penalty", "k", "logprobs", "max_tokens", "messages", "model", "p",
    "presence_penalty", "priority", "response_format", "safety_mode", "seed", "stop_sequences", "stream",
    "strict_tools", "temperature", "thinking", "tool_choice", "tools",
})  # fmt: skip
_MESSAGE = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls", "tool_plan", "citations"}),
    "tool": frozenset({"role", "content", "tool_call_id"}),
}
_CONTENT = {
    "system": ("text",),
    "user": ("text", "image_url"),
    "assistant": ("text", "thinking"),
    "tool": ("text", "document"),
}
_STOPS = 5
_BOUNDS: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "p": (0.01, 0.99),
    "k": (0, 500),
    "frequency_penalty": (0, 1),
    "presence_penalty": (0, 1),
    "max_tokens": (0, 1 << 30),
    "seed": (0, 2**64),
}


def check(call: Call, body: dict[str, Any]) -> Traits:
    """The model's traits, if Cohere would take the request. Raises `Refused`."""
    known(call, body, _FIELDS)
    model = text(call, body, "model")
    trait = traits(call.asked.base)
    if not trait.known:
        no_model(call, model)
    for name, (least, most) in _BOUNDS.items():
        between(call, body, name, least, most)
    if len(body.get("stop_sequences") or ()) > _STOPS:
        refuse(call, f"invalid request: stop_sequences must have at most {_STOPS} elements.")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        refuse(
            call, "invalid request: message must be at least 1 token long or tool results must be specified."
        )
    for number, message in enumerate(messages):
        _message(call, message, number, trait)
    _calls_answered(call, messages)
    _tools(call, body)
    _format(call, body)
    if body.get("thinking") is not None:
        one_of(call, body["thinking"].get("type"), ("enabled", "disabled"), "thinking.type")
        budget = body["thinking"].get("token_budget")
        if budget is not None and budget < 1:
            refuse(call, "invalid request: thinking.token_budget must be a positive integer.")
        if not trait.reasons and body["thinking"]["type"] == "enabled":
            refuse(call, f"invalid request: thinking is not supported by model '{model}'.")
    return trait


def _message(call: Call, message: Any, number: int, trait: Traits) -> None:
    where = f"messages[{number}]."
    if not isinstance(message, dict):
        refuse(call, f"invalid request: messages[{number}] must be an object")
    role = str(message.get("role"))
    one_of(call, role, tuple(_MESSAGE), f"{where}role")
    known(call, message, _MESSAGE[role], where)
    content = message.get("content")
    if content is None and not (role == "assistant" and message.get("tool_calls")):
        refuse(call, f"invalid request: {where}content must be specified")
    for place, piece in enumerate(content if isinstance(content, list) else ()):
        kind = piece.get("type")
        one_of(call, kind, _CONTENT[role], f"{where}content[{place}].type")
        if kind == "image_url" and not trait.sees:
            refuse(call, "invalid request: image content is not supported for this model")
        if kind == "thinking" and not trait.reasons:
            refuse(call, "invalid request: thinking content is not supported for this model")
        if kind == "document" and not isinstance(piece["document"].get("data"), dict):
            refuse(call, f"invalid request: {where}content[{place}].document.data must be an object")


def _calls_answered(call: Call, messages: list[dict[str, Any]]) -> None:
    """Every result follows the turn that asked for it, and no turn is left without its results."""
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            id = message.get("tool_call_id")
            if id not in waiting:
                refuse(call, f"invalid request: tool_call_id '{id}' not found in the preceding tool calls")
            waiting.remove(str(id))
            continue
        if waiting:
            refuse(call, f"invalid request: missing tool result for tool call '{min(waiting)}'")
        for one in message.get("tool_calls") or ():
            waiting.add(text(call, one, "id", "tool_calls[]."))
    if waiting:
        refuse(call, f"invalid request: missing tool result for tool call '{min(waiting)}'")


def _tools(call: Call, body: dict[str, Any]) -> None:
    tools = body.get("tools") or []
    for number, tool in enumerate(tools):
        where = f"tools[{number}]."
        one_of(call, tool.get("type"), ("function",), f"{where}type")
        function = tool.get("function") or {}
        text(call, function, "name", f"{where}function.")
        if not isinstance(function.get("parameters"), dict):
            refuse(call, f"invalid request: {where}function.parameters must be specified")
        if body.get("strict_tools") and not function["parameters"].get("required"):
            refuse(
                call,
                f"invalid request: {where}function needs at least one required parameter with strict_tools",
            )
    if body.get("tool_choice") is not None:
        one_of(call, body["tool_choice"], ("REQUIRED", "NONE"), "tool_choice")
        if not tools:
            refuse(call, "invalid request: tool_choice needs tools.")


def _format(call: Call, body: dict[str, Any]) -> None:
    form = body.get("response_format")
    if form is None:
        return
    one_of(call, form.get("type"), ("text", "json_object"), "response_format.type")
    known(call, form, frozenset({"type", "json_schema", "schema"}), "response_format.")
    if form["type"] == "json_object" and (body.get("tools") or body.get("documents")):
        refuse(call, "invalid request: response_format is not supported with documents or tools.")
