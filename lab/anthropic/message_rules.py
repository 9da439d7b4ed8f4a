"""What Anthropic refuses in a conversation: shapes of turns and blocks, and tool uses left unanswered
(platform.claude.com/docs/en/api/messages).
"""

import re
from typing import Any

from lab.anthropic.client import NEW, refuse
from lab.anthropic.traits import Traits
from lab.anthropic.values import base64, items, known, mapping, one_of, required, text
from lab.http import Call

_CACHED = ("type", "cache_control")
_BLOCKS: dict[str, frozenset[str]] = {
    "text": frozenset({*_CACHED, "text", "citations"}),
    "image": frozenset({*_CACHED, "source", "transformations"}),
    "document": frozenset({*_CACHED, "source", "citations", "context", "title"}),
    "search_result": frozenset({*_CACHED, "source", "title", "content", "citations"}),
    "thinking": frozenset({"type", "thinking", "signature"}),
    "redacted_thinking": frozenset({"type", "data"}),
    "tool_use": frozenset({*_CACHED, "id", "name", "input", "caller", "toolset_name"}),
    "tool_result": frozenset({*_CACHED, "tool_use_id", "content", "is_error", "toolset_name"}),
}
# Blocks of tools that run at Anthropic; the lab takes them as they are.
_SERVER_BLOCKS = (
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "container_upload",
    "mcp_tool_use",
    "mcp_tool_result",
    "compaction",
)
_ONLY_ASSISTANT = ("thinking", "redacted_thinking", "tool_use", "server_tool_use")
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_MAGIC = {
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_CACHE_POINTS = 4


def check(call: Call, body: dict[str, Any], trait: Traits, version: str) -> None:
    """Raises `Refused` at the first turn Anthropic would not take."""
    messages = items(call, required(call, body, "messages"), "messages")
    if not messages:
        refuse(call, "messages: at least one message is required")
    _system(call, body.get("system"))
    for place, message in enumerate(messages):
        _message(call, message, place, trait, version, last=place == len(messages) - 1)
    if messages[0]["role"] != "user":
        refuse(call, 'messages: first message must use the "user" role')
    _ending(call, messages[-1], trait)
    _tool_turns(call, messages)
    _cache_points(call, body)


def blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    """A turn's content as blocks."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _system(call: Call, system: Any) -> None:
    if system is None or isinstance(system, str):
        return
    for place, block in enumerate(items(call, system, "system")):
        where = f"system.{place}"
        one_of(call, mapping(call, block, where).get("type"), ("text",), f"{where}.type")
        known(call, block, _BLOCKS["text"], where)
        if not text(call, required(call, block, "text", where), f"{where}.text"):
            refuse(call, "system: text content blocks must be non-empty")


def _message(call: Call, message: Any, place: int, trait: Traits, version: str, *, last: bool) -> None:
    where = f"messages.{place}"
    mapping(call, message, where)
    known(call, message, frozenset({"role", "content", "clear_at"}), where)
    role = required(call, message, "role", where)
    one_of(call, role, ("user", "assistant", *(["system"] if trait.inline_system else [])), f"{where}.role")
    content = required(call, message, "content", where)
    if isinstance(content, str):
        if not content and not (last and role == "assistant"):
            _empty(call, role, where)
        if not content.strip() and content and role == "user":
            refuse(call, "messages: text content blocks must contain non-whitespace text")
        return
    if not items(call, content, f"{where}.content") and not (last and role == "assistant"):
        _empty(call, role, where)
    for number, block in enumerate(content):
        _block(call, block, role, f"{where}.content.{number}", version)


def _empty(call: Call, role: str, where: str) -> None:
    if role == "user":
        refuse(call, f"{where}: user messages must have non-empty content")
    refuse(
        call,
        f"{where}: all messages must have non-empty content except for the optional final assistant message",
    )


def _block(call: Call, block: Any, role: str, where: str, version: str) -> None:
    mapping(call, block, where)
    kind = required(call, block, "type", where)
    if kind in _SERVER_BLOCKS:
        return
    if kind not in _BLOCKS:
        listed = ", ".join(f"'{one}'" for one in sorted((*_BLOCKS, *_SERVER_BLOCKS)))
        refuse(
            call,
            f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {listed}",
        )
    where = f"{where}.{kind}"
    known(call, block, _BLOCKS[kind], where)
    if kind in _ONLY_ASSISTANT and role != "assistant":
        refuse(call, f"{where}: `{kind}` blocks can only be in `assistant` messages")
    if kind == "tool_result" and role != "user":
        refuse(call, f"{where}: `tool_result` blocks can only be in `user` messages")
    if role == "system" and kind != "text":
        refuse(call, f"{where}: only `text` blocks can be in `system` messages")
    match kind:
        case "text":
            _text(call, block, role, where, version)
        case "image":
            _source(call, block, where)
        case "document":
            if role == "assistant" and version == NEW:
                refuse(call, f"{where}: `document` blocks can only be in `user` messages")
            _source(call, block, where)
        case "thinking":
            text(call, required(call, block, "thinking", where), f"{where}.thinking")
            text(call, required(call, block, "signature", where), f"{where}.signature")
        case "redacted_thinking":
            text(call, required(call, block, "data", where), f"{where}.data")
        case "tool_use":
            _matches(call, required(call, block, "id", where), f"{where}.id")
            text(call, required(call, block, "name", where), f"{where}.name")
            mapping(call, required(call, block, "input", where), f"{where}.input")
        case "tool_result":
            _tool_result(call, block, where, version)
        case _:
            text(call, required(call, block, "source", where), f"{where}.source")
            text(call, required(call, block, "title", where), f"{where}.title")
            for number, inner in enumerate(items(call, required(call, block, "content", where), where)):
                _block(call, inner, role, f"{where}.content.{number}", version)


def _text(call: Call, block: dict[str, Any], role: str, where: str, version: str) -> None:
    value = text(call, required(call, block, "text", where), f"{where}.text")
    if not value:
        refuse(call, "messages: text content blocks must be non-empty")
    # Of its own turns Anthropic takes back a lone space; of a user's it does not.
    if not value.strip() and role == "user":
        refuse(call, "messages: text content blocks must contain non-whitespace text")
    if block.get("citations") and role == "user" and version == NEW:
        refuse(call, f"{where}.citations: citations are not permitted in `user` messages")


def _source(call: Call, block: dict[str, Any], where: str) -> None:
    source = mapping(call, required(call, block, "source", where), f"{where}.source")
    image = block["type"] == "image"
    kinds = ("base64", "url", "file") if image else ("base64", "url", "file", "text", "content")
    kind = required(call, source, "type", f"{where}.source")
    one_of(call, kind, kinds, f"{where}.source.type")
    where = f"{where}.source.{kind}"
    match kind:
        case "base64":
            known(call, source, frozenset({"type", "media_type", "data"}), where)
            media = required(call, source, "media_type", where)
            one_of(call, media, _IMAGES if image else ("application/pdf",), f"{where}.media_type")
            raw = base64(call, required(call, source, "data", where), f"{where}.data")
            if image and not raw.startswith(_MAGIC[media]):
                refuse(call, f"{where}.data: Image does not match the provided media type {media}")
        case "url":
            known(call, source, frozenset({"type", "url"}), where)
            if not text(call, required(call, source, "url", where), f"{where}.url").startswith("http"):
                refuse(call, f"{where}.url: Only HTTP and HTTPS URLs are supported")
        case "file":
            known(call, source, frozenset({"type", "file_id"}), where)
            text(call, required(call, source, "file_id", where), f"{where}.file_id")
        case "text":
            one_of(call, source.get("media_type"), ("text/plain",), f"{where}.media_type")
            text(call, required(call, source, "data", where), f"{where}.data")
        case _:
            required(call, source, "content", where)


def _tool_result(call: Call, block: dict[str, Any], where: str, version: str) -> None:
    _matches(call, required(call, block, "tool_use_id", where), f"{where}.tool_use_id")
    content = block.get("content")
    if content is None or isinstance(content, str):
        return
    for number, inner in enumerate(items(call, content, f"{where}.content")):
        here = f"{where}.content.{number}"
        kind = mapping(call, inner, here).get("type")
        one_of(
            call,
            kind,
            ("text", "image", "document", "search_result", "tool_reference"),
            f"{here}.type",
        )
        if kind != "tool_reference":
            _block(call, inner, "user", here, version)


def _matches(call: Call, value: Any, where: str) -> None:
    if not _ID.fullmatch(text(call, value, where)):
        refuse(call, f"{where}: String should match pattern '^[a-zA-Z0-9_-]+$'")


def _ending(call: Call, last: dict[str, Any], trait: Traits) -> None:
    if last["role"] != "assistant":
        return
    if not trait.prefill:
        refuse(
            call,
            "This model does not support assistant message prefill. The conversation must end with a user "
            "message.",
        )
    texts = [block["text"] for block in blocks(last)[-1:] if block["type"] == "text"]
    if texts and texts[0] != texts[0].rstrip():
        refuse(call, "messages: final assistant content cannot end with trailing whitespace")


def _tool_turns(call: Call, messages: list[dict[str, Any]]) -> None:
    """All uses of a turn are answered in the next one, before anything else is said there."""
    asked: list[str] = []
    seen: set[str] = set()
    for place, message in enumerate([*messages, {"role": "end", "content": []}]):
        content = blocks(message)
        if message["role"] != "assistant":
            _answers(call, content, asked, place)
            asked = []
            continue
        if asked:
            _unanswered(call, asked, place - 1)
        asked = [block["id"] for block in content if block["type"] == "tool_use"]
        if len(seen | set(asked)) != len(seen) + len(asked):
            refuse(call, "messages: `tool_use` ids must be unique")
        seen |= set(asked)


def _answers(call: Call, content: list[dict[str, Any]], asked: list[str], place: int) -> None:
    results = [block["type"] == "tool_result" for block in content]
    leading = results.index(False) if False in results else len(results)
    given = [block["tool_use_id"] for block in content if block["type"] == "tool_result"]
    for number, block in enumerate(content):
        if block["type"] == "tool_result" and block["tool_use_id"] not in asked:
            refuse(
                call,
                f"messages.{place}.content.{number}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{block['tool_use_id']}. Each `tool_result` block must have a corresponding `tool_use` block "
                "in the previous message.",
            )
    if len(given) != len(set(given)):
        twice = next(one for one in given if given.count(one) > 1)
        refuse(
            call,
            f"messages.{place}: each tool_use must have a single result. Found multiple `tool_result` blocks "
            f"with id: {twice}",
        )
    missing = [one for one in asked if one not in given[:leading]]
    if missing:
        _unanswered(call, missing, place - 1)


def _unanswered(call: Call, ids: list[str], place: int) -> None:
    refuse(
        call,
        f"messages.{place}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
        "message.",
    )


def _cache_points(call: Call, body: dict[str, Any]) -> None:
    """At most four marks, and long-lived ones before short-lived ones."""
    marked: list[tuple[str, Any]] = []
    for name in ("tools", "system"):
        if isinstance(body.get(name), list):
            marked += [(f"{name}.{place}", one.get("cache_control")) for place, one in enumerate(body[name])]
    for place, message in enumerate(body["messages"]):
        for number, block in enumerate(blocks(message)):
            marked.append((f"messages.{place}.content.{number}", block.get("cache_control")))
    marked.append(("cache_control", body.get("cache_control")))
    marked = [(where, mark) for where, mark in marked if mark]
    if len(marked) > _CACHE_POINTS:
        refuse(
            call,
            f"A maximum of {_CACHE_POINTS} blocks with cache_control may be provided. Found {len(marked)}.",
        )
    short = False
    for where, mark in marked:
        one_of(call, mapping(call, mark, where).get("type"), ("ephemeral",), f"{where}.cache_control.type")
        ttl = mark.get("ttl", "5m")
        one_of(call, ttl, ("5m", "1h"), f"{where}.cache_control.ttl")
        if ttl == "1h" and short:
            refuse(
                call,
                f"{where}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' "
                "cache_control block. Note that blocks are processed in the following order: `tools`, "
                "`system`, `messages`.",
            )
        short = short or ttl == "5m"
