"""What OpenAI refuses in a conversation: shapes of messages and parts, and tool calls left unanswered."""

import binascii
import re
from base64 import b64decode
from typing import Any

from lab.http import Call
from lab.openai.client import described, refuse
from lab.openai.values import filled, known, named, one_of, required, short, typed

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_MESSAGE: dict[str, frozenset[str]] = {
    "system": frozenset({"role", "content", "name"}),
    "developer": frozenset({"role", "content", "name"}),
    "user": frozenset({"role", "content", "name"}),
    "assistant": frozenset(
        {"role", "content", "name", "refusal", "tool_calls", "function_call", "audio", "annotations"}
    ),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
    "function": frozenset({"role", "content", "name"}),
}
_PARTS: dict[str, tuple[str, ...]] = {
    "system": ("text",),
    "developer": ("text",),
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "tool": ("text",),
    "function": ("text",),
}
_PART: dict[str, frozenset[str]] = {
    "text": frozenset({"type", "text", "prompt_cache_breakpoint"}),
    "refusal": frozenset({"type", "refusal"}),
    "image_url": frozenset({"type", "image_url", "prompt_cache_breakpoint"}),
    "input_audio": frozenset({"type", "input_audio", "prompt_cache_breakpoint"}),
    "file": frozenset({"type", "file", "prompt_cache_breakpoint"}),
}
_IMAGE = re.compile(r"data:image/(png|jpe?g|gif|webp);base64,")
_ID_LIMIT = 64  # it was 40; live requests with 51 were accepted in July 2026


def check(call: Call, messages: Any) -> None:
    """Raises `Refused` at the first message OpenAI would not take."""
    typed(call, messages, list, "an array of objects", "messages")
    filled(call, messages, 1 << 20, "messages")
    for place, message in enumerate(messages):
        _message(call, message, f"messages[{place}]", place)
    _tool_turns(call, messages)


def _message(call: Call, message: Any, where: str, place: int) -> None:
    typed(call, message, dict, "an object", where)
    role = required(call, message, "role", where)
    one_of(call, role, _ROLES, f"{where}.role")
    known(call, message, _MESSAGE[role], where)
    content = message.get("content")
    if content is None:
        said = role == "assistant" and any(
            message.get(name) for name in ("tool_calls", "function_call", "refusal", "audio")
        )
        if not said and role != "function":
            refuse(
                call,
                "Invalid value for 'content': expected a string, got null.",
                param=f"messages.[{place}].content",
            )
    elif not isinstance(content, str):
        typed(call, content, list, "one of a string or array of objects", f"{where}.content")
        filled(call, content, 1 << 20, f"{where}.content")
        for number, part in enumerate(content):
            _part(call, part, role, f"{where}.content[{number}]", where)
    if message.get("name") is not None:
        short(call, message["name"], _ID_LIMIT, f"{where}.name")
    if role == "assistant" and message.get("tool_calls") is not None:
        _tool_calls(call, message["tool_calls"], f"{where}.tool_calls")
    if role == "tool":
        typed(call, required(call, message, "tool_call_id", where), str, "a string", f"{where}.tool_call_id")


def _part(call: Call, part: Any, role: str, where: str, message: str) -> None:
    typed(call, part, dict, "an object", where)
    kind = required(call, part, "type", where)
    if kind == "image_url" and role != "user":
        refuse(
            call,
            f"Invalid '{message}'. Image URLs are only allowed for messages with role 'user', but this message "
            f"with role '{role}' contains an image URL.",
            param=message,
            code="invalid_value",
        )
    one_of(call, kind, _PARTS[role], f"{where}.type")
    known(call, part, _PART[kind], where)
    value = required(call, part, kind, where)
    match kind:
        case "text" | "refusal":
            typed(call, value, str, "a string", f"{where}.{kind}")
        case "image_url":
            _image(call, value, f"{where}.image_url")
        case "input_audio":
            _audio(call, value, f"{where}.input_audio")
        case _:
            _file(call, value, f"{where}.file")


def _image(call: Call, image: Any, where: str) -> None:
    typed(call, image, dict, "an object", where)
    known(call, image, frozenset({"url", "detail"}), where)
    url = required(call, image, "url", where)
    typed(call, url, str, "a string", f"{where}.url")
    if image.get("detail") is not None:
        one_of(call, image["detail"], ("auto", "low", "high", "original"), f"{where}.detail")
    if url.startswith("data:"):
        found = _IMAGE.match(url)
        if found is None:
            refuse(
                call,
                "You uploaded an unsupported image. Please make sure your image has one of the following "
                "formats: ['png', 'jpeg', 'gif', 'webp'].",
                param=f"{where}.url",
                code="invalid_image_format",
            )
        if not _base64(url[found.end() :]):
            refuse(call, "Invalid base64 image_url.", param=f"{where}.url", code="invalid_base64")
    elif not url.startswith(("https://", "http://")):
        refuse(
            call,
            f"Invalid '{where}.url'. Expected a valid URL, but got a value with an invalid format.",
            param=f"{where}.url",
            code="invalid_value",
        )


def _audio(call: Call, audio: Any, where: str) -> None:
    typed(call, audio, dict, "an object", where)
    known(call, audio, frozenset({"data", "format"}), where)
    one_of(call, required(call, audio, "format", where), ("wav", "mp3"), f"{where}.format")
    data = required(call, audio, "data", where)
    typed(call, data, str, "a string", f"{where}.data")
    if not _base64(data):
        message = f"Invalid '{where}.data'. Expected base64-encoded audio."
        refuse(call, message, param=f"{where}.data", code="invalid_value")


def _file(call: Call, file: Any, where: str) -> None:
    typed(call, file, dict, "an object", where)
    known(call, file, frozenset({"file_data", "file_id", "filename"}), where)
    data = file.get("file_data")
    if data is None:
        required(call, file, "file_id", where)
    elif not isinstance(data, str) or not data.startswith("data:") or ";base64," not in data:
        message = f"Invalid '{where}.file_data'. Expected a base64-encoded data URL with a MIME type."
        refuse(call, message, param=f"{where}.file_data", code="invalid_value")
    elif not file.get("filename"):
        required(call, file, "filename", where)


def _tool_calls(call: Call, calls: Any, where: str) -> None:
    filled(call, calls, 128, where)
    for number, one in enumerate(calls):
        here = f"{where}[{number}]"
        typed(call, one, dict, "an object", here)
        known(call, one, frozenset({"id", "type", "function", "custom"}), here)
        short(call, required(call, one, "id", here), _ID_LIMIT, f"{here}.id")
        kind = required(call, one, "type", here)
        one_of(call, kind, ("function", "custom"), f"{here}.type")
        body = required(call, one, kind, here)
        typed(call, body, dict, "an object", f"{here}.{kind}")
        named(call, required(call, body, "name", f"{here}.{kind}"), f"{here}.{kind}.name")
        said = "arguments" if kind == "function" else "input"
        if not isinstance(body.get(said), str):
            path = f"{here}.{kind}.{said}"
            message = (
                f"Invalid type for '{path}': expected a string, but got {described(body.get(said))} instead."
            )
            refuse(call, message, param=path, code="invalid_type")


def _tool_turns(call: Call, messages: list[dict[str, Any]]) -> None:
    """Every call is answered before the next turn, and nothing else is."""
    open_ids: list[str] = []
    asked: set[str] = set()
    for place, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in asked:
                refuse(
                    call,
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message "
                    "with 'tool_calls'.",
                    param=f"messages.[{place}].role",
                )
            if message["tool_call_id"] in open_ids:
                open_ids.remove(message["tool_call_id"])
            continue
        _all_answered(call, open_ids, place)
        open_ids = [one["id"] for one in message.get("tool_calls") or ()]
        asked = set(open_ids)
    _all_answered(call, open_ids, len(messages))


def _all_answered(call: Call, open_ids: list[str], place: int) -> None:
    if open_ids:
        refuse(
            call,
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            "'tool_call_id'. The following tool_call_ids did not have response messages: "
            + ", ".join(open_ids),
            param=f"messages.[{place}].role",
        )


def _base64(text: str) -> bool:
    try:
        b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return bool(text)
