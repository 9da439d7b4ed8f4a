"""Parts as content blocks. https://platform.claude.com/docs/en/api/messages"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from integration_api.core.errors import Failure, Kind
from integration_api.core.json import encode_text
from integration_api.core.llm import (
    Bytes,
    CacheHint,
    CachePoint,
    FileRef,
    JsonValue,
    Media,
    Native,
    Opaque,
    Origin,
    Part,
    PlainText,
    Reasoning,
    RefusalText,
    SearchResult,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from integration_api.dialects.anthropic_messages_answer import CALLER, FAMILY, SIGNATURE
from integration_api.dialects.notes import Notes

Block = dict[str, Any]

_IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_IMAGE_STARTS = {"/9j/": "image/jpeg", "iVBOR": "image/png", "R0lG": "image/gif", "UklGR": "image/webp"}
_PDF = "application/pdf"
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.-]+)*;base64,", re.ASCII)

_TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)
_NOT_ID = re.compile(r"[^a-zA-Z0-9_-]", re.ASCII)

_LONG_TTLS = frozenset({"30m", "1h", "24h"})
"""Anthropic keeps 5 minutes or an hour: what asks for more than 5 minutes gets the hour."""

_REPLAYED_CITATIONS = frozenset(
    {
        "char_location",
        "page_location",
        "content_block_location",
        "search_result_location",
        "web_search_result_location",
    }
)


def safe_id(id: str) -> str:
    """Return a tool call's id as Anthropic takes it: the same for the call and for its result."""
    if _TOOL_ID.fullmatch(id):
        return id
    # The digest keeps apart ids that differ only in what is replaced.
    return f"{_NOT_ID.sub('_', id)}_{sha256(id.encode()).hexdigest()[:8]}"


def cache_control(hint: CacheHint | CachePoint) -> Block:
    if hint.ttl is None:
        return {"type": "ephemeral"}
    return {"type": "ephemeral", "ttl": "1h" if hint.ttl in _LONG_TTLS else "5m"}


class Blocks:
    """Renders the parts of one request."""

    def __init__(
        self, notes: Notes, names: Mapping[str, str], *, credential_id: int, replay_thinking: bool
    ) -> None:
        self._notes = notes
        self._names = names
        """The caller's tool names to those sent."""
        self._credential_id = credential_id
        self._replay_thinking = replay_thinking

    def user(self, parts: Iterable[Part], where: str) -> tuple[list[Block], list[Block]]:
        """Render a turn of the user: what the tools said, which comes before anything else, and the rest."""
        results: list[Block] = []
        rest: list[Block] = []
        for part in parts:
            if isinstance(part, ToolResult):
                results.append(self._result(part, where))
            elif isinstance(part, CachePoint):
                _mark(rest or results, part)
            elif (said := self._said(part, where)) is not None:
                rest.append(said)
        return results, rest

    def assistant(self, parts: Iterable[Part], where: str) -> list[Block]:
        """Render a turn of the model's own, its thinking first-hand or not at all."""
        blocks: list[Block] = []
        calls = 0
        for part in parts:
            match part:
                case CachePoint():
                    _mark(blocks, part)
                case Reasoning():
                    thinking = self._thinking(part)
                    if thinking is not None:
                        blocks.append(thinking)
                case ToolCall():
                    blocks.append(self._call(part, f"{where}.tool_calls[{calls}].arguments"))
                    calls += 1
                case Text(text=text, citations=citations):
                    if text.strip():
                        block = _text(part)
                        natives = [c.native for c in citations if c.native is not None]
                        replayed = [n for n in natives if n.get("type") in _REPLAYED_CITATIONS]
                        if replayed:
                            block["citations"] = replayed
                        blocks.append(block)
                case RefusalText(text=text):
                    if text.strip():
                        blocks.append({"type": "text", "text": text})
                case (
                    ServerToolCall(native=native, origin=origin)
                    | ServerToolResult(native=native, origin=origin)
                ):
                    if native is not None and _is_ours(origin):
                        blocks.append(dict(native))
                    else:
                        self._drop_foreign(where, "a tool that another provider ran")
                case Native(data=data, origin=origin):
                    if _is_ours(origin):
                        blocks.append(dict(data))
                    else:
                        self._drop_foreign(where, "a part that only another provider understands")
                case _:
                    self._notes.note(
                        "dropped",
                        where,
                        f"{_kind(part)} in a turn of the assistant: Claude takes it from users alone",
                    )
        return blocks

    def system(self, parts: Iterable[Part], where: str) -> list[Block]:
        """Render instructions: text alone."""
        blocks: list[Block] = []
        for part in parts:
            match part:
                case Text(text=text):
                    if text.strip():
                        blocks.append(_text(part))
                case CachePoint():
                    _mark(blocks, part)
                case _:
                    self._notes.cannot(
                        where, f"{_kind(part)} in a system turn: Claude takes text there alone"
                    )
        return blocks

    def _said(self, part: Part | JsonValue, where: str) -> Block | None:
        """Render what may stand in a user's turn and in a tool's result."""
        match part:
            case Text(text=text):
                return _text(part) if text.strip() else None
            case JsonValue(text=text):
                return {"type": "text", "text": text} if text.strip() else None
            case RefusalText(text=text):
                return {"type": "text", "text": text} if text.strip() else None
            case Media():
                return self._media(part, where)
            case SearchResult():
                return search_result(part)
            case Native(data=data, origin=origin) if _is_ours(origin):
                return dict(data)
            case _:
                self._notes.note("dropped", where, f"{_kind(part)} in a turn of the user")
                return None

    def _media(self, media: Media, where: str) -> Block:
        block = self._source(media, where)
        if media.detail not in {None, "auto"}:
            self._notes.note("dropped", f"{where}.detail", "Claude chooses an image's resolution itself")
        for name, value in (media.options or {}).items():
            if name == "transformations" and block["type"] == "image":
                block[name] = value
            else:
                self._notes.note("dropped", f"{where}.{name}", "Claude knows no such option of media")
        if media.cache is not None:
            block["cache_control"] = cache_control(media.cache)
        return block

    def _source(self, media: Media, where: str) -> Block:
        mime = media.mime
        source = media.source
        if isinstance(source, Url) and source.url.startswith("data:"):
            source, mime = _data_url(source.url, mime, where)
        if media.kind in {"audio", "video"} or (mime or "").startswith(("audio/", "video/")):
            raise Failure(
                Kind.UNSUPPORTED,
                f"Claude takes no {media.kind}: send a transcript, or use another model",
                param=where,
                code="unsupported_media",
            )
        if isinstance(source, FileRef) and source.origin is not None and not _is_ours(source.origin):
            raise Failure(
                Kind.UNSUPPORTED,
                f"the file is held by {source.origin.provider}: send its content instead",
                param=where,
                code="foreign_file",
            )
        if media.kind == "image" or (mime or "").startswith("image/"):
            return _image(source, mime, where)
        return _document(media, source, mime, where)

    def _result(self, result: ToolResult, where: str) -> Block:
        content = [said for part in result.content if (said := self._said(part, where)) is not None]
        block: Block = {"type": "tool_result", "tool_use_id": safe_id(result.call_id)}
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            block["content"] = content[0]["text"]
        elif content:
            block["content"] = content
        if result.is_error:
            block["is_error"] = True
        if result.cache is not None:
            block["cache_control"] = cache_control(result.cache)
        return block

    def _call(self, call: ToolCall, where: str) -> Block:
        block: Block = {
            "type": "tool_use",
            "id": safe_id(call.id),
            "name": self._names.get(call.name, call.name),
            "input": {"input": call.arguments} if call.kind == "custom" else _object(call.arguments, where),
        }
        aside = call.signature
        if aside is not None and aside.format == CALLER and _is_ours(aside.origin):
            block |= msgspec.json.decode(aside.data)
        return block

    def _thinking(self, part: Reasoning) -> Block | None:
        seal = part.encrypted if part.redacted else part.signature
        if seal is None or seal.format != SIGNATURE or not _is_ours(seal.origin):
            why = "it was not signed by Claude"
        elif not self._replay_thinking:
            why = "thinking is turned off for this request"
        elif self._belongs_elsewhere(seal):
            why = "its signature is bound to another account"
        elif part.redacted:
            return {"type": "redacted_thinking", "data": seal.data}
        else:
            return {"type": "thinking", "thinking": part.text, "signature": seal.data}
        self._notes.note("dropped", "messages.reasoning", f"earlier reasoning was left out: {why}")
        return None

    def _belongs_elsewhere(self, seal: Opaque) -> bool:
        return seal.origin.credential_id not in {0, self._credential_id}

    def _drop_foreign(self, where: str, what: str) -> None:
        self._notes.note("dropped", where, f"{what} was left out of the history")


def search_result(part: SearchResult) -> Block:
    block: Block = {
        "type": "search_result",
        "source": part.source,
        "title": part.title,
        "content": [{"type": "text", "text": text} for text in part.content if text.strip()],
    }
    if part.citations_enabled:
        block["citations"] = {"enabled": True}
    if part.cache is not None:
        block["cache_control"] = cache_control(part.cache)
    return block


def _text(part: Text) -> Block:
    block: Block = {"type": "text", "text": part.text}
    if part.cache is not None:
        block["cache_control"] = cache_control(part.cache)
    return block


def _mark(blocks: list[Block], point: CachePoint) -> None:
    if blocks and not blocks[-1]["type"].endswith("thinking"):  # Thinking takes no breakpoint.
        blocks[-1]["cache_control"] = cache_control(point)


def _image(source: object, mime: str | None, where: str) -> Block:
    match source:
        case Bytes(base64=data):
            starts = (found for start, found in _IMAGE_STARTS.items() if data.startswith(start))
            # Callers mislabel pictures, and Anthropic refuses those: the bytes know better.
            mime = next(starts, mime)
            if mime not in _IMAGE_TYPES:
                raise Failure(
                    Kind.UNSUPPORTED,
                    f"Claude takes images as JPEG, PNG, GIF or WebP, not {mime or 'of an unknown type'}",
                    param=where,
                    code="unsupported_media",
                )
            return {"type": "image", "source": {"type": "base64", "media_type": mime, "data": data}}
        case Url(url=url):
            return {"type": "image", "source": {"type": "url", "url": url}}
        case FileRef(id=id):
            return {"type": "image", "source": {"type": "file", "file_id": id}}
        case _:
            raise Failure(Kind.INVALID_REQUEST, "an image cannot be plain text", param=where)


def _document(media: Media, source: object, mime: str | None, where: str) -> Block:
    match source:
        case PlainText(text=text):
            held: Block = {"type": "text", "media_type": "text/plain", "data": text}
        case Bytes(base64=data) if mime in {None, _PDF, "application/octet-stream"}:
            held = {"type": "base64", "media_type": _PDF, "data": data}
        case Bytes(base64=data) if mime is not None and (
            mime.startswith("text/") or mime in {"application/json", "application/xml"}
        ):
            held = {"type": "text", "media_type": "text/plain", "data": _decoded(data, where)}
        case Url(url=url):
            held = {"type": "url", "url": url}
        case FileRef(id=id):
            held = {"type": "file", "file_id": id}
        case _:
            raise Failure(
                Kind.UNSUPPORTED,
                f"Claude takes documents as PDF or text, not {mime}",
                param=where,
                code="unsupported_media",
            )
    block: Block = {"type": "document", "source": held}
    if title := media.title or media.filename:
        block["title"] = title
    if media.context:
        block["context"] = media.context
    if media.citations_enabled:
        block["citations"] = {"enabled": True}
    return block


def _data_url(url: str, mime: str | None, where: str) -> tuple[Bytes, str | None]:
    head = _DATA_URL.match(url)
    if head is None:
        raise Failure(Kind.INVALID_REQUEST, "a data: URL must hold base64", param=where)
    return Bytes(url[head.end() :]), head[1] or mime


def _decoded(data: str, where: str) -> str:
    try:
        return b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Failure(Kind.INVALID_REQUEST, "a text document must be base64 of UTF-8", param=where) from None


def _object(arguments: str, where: str) -> Any:
    """Return the arguments as the bytes the model wrote: its thinking is bound to them."""
    if not arguments.strip():
        return {}
    raw = arguments.encode()
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Failure(
            Kind.INVALID_REQUEST,
            "a tool call's arguments must be the text of one JSON object",
            param=where,
            code="invalid_arguments",
        )
    return msgspec.Raw(raw)


def _is_ours(origin: Origin | None) -> bool:
    return origin is not None and (origin.family == FAMILY or origin.provider == "anthropic")


def _kind(part: object) -> str:
    return part.kind if isinstance(part, Media) else type(part).__name__


def rag_block(document: Mapping[str, Any]) -> Block:
    """Render one document of a request's `documents`."""
    return search_result(rag_result(document))


def rag_result(document: Mapping[str, Any]) -> SearchResult:
    """Read one document of a request's `documents`, whatever its fields are called."""
    data = document.get("data", document)
    if isinstance(data, str):
        data = {"text": data}
    text = next(
        (data[name] for name in ("text", "snippet", "content") if isinstance(data.get(name), str)), None
    )
    source = document.get("id") or data.get("url") or data.get("source") or data.get("title") or "document"
    return SearchResult(
        str(source),
        str(data.get("title") or source),
        (text if text is not None else encode_text(data),),
        citations_enabled=True,
    )
