"""What Mistral refuses in a conversation: shapes of messages and chunks, their order, ids of tool calls."""

import re
from typing import Any

from lab.http import Call
from lab.mistral.client import refuse
from lab.mistral.values import Findings, Place

_ROLES = ("system", "user", "assistant", "tool")
_MESSAGE = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls", "prefix"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}
_CHUNK = {
    "text": frozenset({"type", "text"}),
    "image_url": frozenset({"type", "image_url"}),
    "document_url": frozenset({"type", "document_url", "document_name"}),
    "input_audio": frozenset({"type", "input_audio"}),
    "file": frozenset({"type", "file_id"}),
    "reference": frozenset({"type", "reference_ids"}),
    "thinking": frozenset({"type", "thinking", "closed", "signature"}),
}
_CHUNKS = {
    "system": ("text", "thinking"),
    "user": ("text", "image_url", "document_url", "input_audio", "file", "reference"),
    "assistant": tuple(_CHUNK),
    "tool": tuple(_CHUNK),
}
_CALL = frozenset({"id", "function", "type", "index"})
_ID = re.compile(r"[a-zA-Z0-9]{9}")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ORDER = ("invalid_request_message_order", "3230")


def validate(findings: Findings, messages: Any) -> None:
    """Notes what of the messages has not Mistral's shapes."""
    if not findings.typed(messages, list, "list", ("messages",)):
        return
    for number, message in enumerate(messages):
        place: Place = ("messages", number)
        if not findings.typed(message, dict, "dict", place):
            continue
        role = message.get("role")
        if role not in _ROLES:
            listed = ", ".join(f"'{one}'" for one in _ROLES)
            text = f"Input tag '{role}' found using 'role' does not match any of the expected tags: {listed}"
            findings.add("union_tag_invalid", place, text, message)
            continue
        _message(findings, message, role, (*place, role))


def _message(findings: Findings, message: dict[str, Any], role: str, place: Place) -> None:
    findings.known(message, _MESSAGE[role], place)
    content = message.get("content")
    if content is None and role in ("system", "user"):
        findings.add("missing", (*place, "content"), "Field required", message)
    elif isinstance(content, list):
        for number, chunk in enumerate(content):
            _chunk(findings, chunk, role, (*place, "content", number))
    elif content is not None:
        findings.typed(content, str, "string", (*place, "content"))
    if role == "assistant":
        if message.get("tool_calls") is not None:
            _tool_calls(findings, message["tool_calls"], (*place, "tool_calls"))
        if message.get("prefix") is not None:
            findings.typed(message["prefix"], bool, "bool", (*place, "prefix"))


def _chunk(findings: Findings, chunk: Any, role: str, place: Place) -> None:
    if not findings.typed(chunk, dict, "dict", place):
        return
    kind = chunk.get("type", "text")
    if kind not in _CHUNKS[role]:
        listed = ", ".join(f"'{one}'" for one in _CHUNKS[role])
        text = f"Input tag '{kind}' found using 'type' does not match any of the expected tags: {listed}"
        findings.add("union_tag_invalid", place, text, chunk)
        return
    place = (*place, kind)
    findings.known(chunk, _CHUNK[kind], place)
    value = findings.required(chunk, {"file": "file_id", "reference": "reference_ids"}.get(kind, kind), place)
    match kind:
        case "text" | "input_audio" | "document_url" if value is not None:
            findings.typed(value, str, "string", (*place, kind))
        case "image_url" if isinstance(value, dict):
            findings.known(value, frozenset({"url", "detail"}), (*place, kind))
            findings.required(value, "url", (*place, kind))
        case "image_url" if value is not None:
            findings.typed(value, str, "string", (*place, kind))
        case "thinking" if value is not None and findings.typed(value, list, "list", (*place, kind)):
            for number, inner in enumerate(value):
                _chunk(findings, inner, "assistant", (*place, kind, number))
        case _:
            pass


def _tool_calls(findings: Findings, calls: Any, place: Place) -> None:
    if not findings.typed(calls, list, "list", place):
        return
    for number, one in enumerate(calls):
        here = (*place, number)
        if not findings.typed(one, dict, "dict", here):
            continue
        findings.known(one, _CALL, here)
        function = findings.required(one, "function", here)
        if function is None or not findings.typed(function, dict, "dict", (*here, "function")):
            continue
        findings.known(function, frozenset({"name", "arguments"}), (*here, "function"))
        findings.required(function, "name", (*here, "function"))
        arguments = findings.required(function, "arguments", (*here, "function"))
        if not isinstance(arguments, str | dict | None):
            findings.typed(arguments, str, "string", (*here, "function", "arguments"))


def check(call: Call, messages: list[dict[str, Any]]) -> None:
    """Raises `Refused` at the first message that cannot stand where it stands."""
    if not messages:
        refuse(call, "Conversation must have at least one message", *_ORDER)
    before = ""
    open_calls = 0
    for message in messages:
        role = message["role"]
        if role == "system" and before in ("assistant", "tool"):
            refuse(call, f"Unexpected role 'system' after role '{before}'", *_ORDER)
        if role == "tool":
            if before not in ("assistant", "tool"):
                refuse(call, f"Unexpected role 'tool' after role '{before or 'system'}'", *_ORDER)
            _id(call, message.get("tool_call_id") or "")
            open_calls -= 1
        if open_calls < 0 or (role != "tool" and open_calls):
            refuse(call, "Not the same number of function calls and responses", *_ORDER)
        if role == "assistant":
            calls = message.get("tool_calls") or []
            open_calls = len(calls)
            _assistant(call, message, calls)
        before = role
    last = messages[-1]
    if open_calls and last["role"] == "tool":
        refuse(call, "Not the same number of function calls and responses", *_ORDER)
    if last["role"] not in ("user", "tool") and not last.get("prefix"):
        refuse(
            call,
            "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
            f"{last['role']}",
            *_ORDER,
        )


def _assistant(call: Call, message: dict[str, Any], calls: list[dict[str, Any]]) -> None:
    if not message.get("content") and not calls:
        refuse(
            call,
            "Assistant message must have either content or tool_calls, but not none.",
            "invalid_request_assistant_message",
            "3240",
        )
    for one in calls:
        _id(call, one.get("id") or "")
        name = one["function"]["name"]
        if not _NAME.fullmatch(name):
            function_name(call, name)


def _id(call: Call, id: str) -> None:
    if not _ID.fullmatch(id):
        refuse(
            call,
            f"Tool call id was {id} but must be a-z, A-Z, 0-9, with a length of 9.",
            "invalid_function_call",
            "3280",
        )


def function_name(call: Call, name: str) -> None:
    """Raises `Refused` when a function's name is not one."""
    if not _NAME.fullmatch(name):
        refuse(
            call,
            f"Function name was {name} but must be a-z, A-Z, 0-9, or contain underscores and dashes, with a "
            "maximum length of 64.",
            "invalid_function_call",
            "3270",
        )
