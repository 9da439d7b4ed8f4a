"""Parts as Converse's content blocks. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html"""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from integration_api.core.errors import Failure, Kind
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
from integration_api.dialects.anthropic_messages_answer import SIGNATURE as CLAUDE_SIGNATURE
from integration_api.dialects.notes import Notes
from integration_api.providers.bedrock import client
from integration_api.providers.bedrock.converse_answer import SIGNATURE
from integration_api.providers.bedrock.families import Family

Block = dict[str, Any]

SOMETHING = "."
"""Text where there must be some and nothing is to be said."""

_LONG_TTLS = frozenset({"30m", "1h", "24h"})
"""Bedrock keeps 5 minutes or an hour: what asks for more than 5 minutes gets the hour."""

_IMAGES = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_IMAGE_STARTS = {"/9j/": "jpeg", "iVBOR": "png", "R0lG": "gif", "UklGR": "webp"}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "application/json": "txt",
    "application/xml": "txt",
}
_VIDEOS = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/x-matroska": "mkv",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/wmv": "wmv",
    "video/3gpp": "three_gp",
}
_AUDIOS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/opus": "opus",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/mp4": "mp4",
    "audio/m4a": "m4a",
    "audio/ogg": "ogg",
    "audio/webm": "webm",
    "audio/pcm": "pcm",
}
_FORMATS: Mapping[str, tuple[Mapping[str, str], str]] = {
    "image": (_IMAGES, "png"),
    "document": (_DOCUMENTS, "pdf"),
    "video": (_VIDEOS, "mp4"),
    "audio": (_AUDIOS, "mp3"),
}
"""A kind of media to the formats of its types, and the format that is meant when nothing is said."""

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.-]+)*;base64,", re.ASCII)
_S3 = re.compile(r"s3://[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9](/.*)?", re.DOTALL)

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9\s()\[\]-]", re.ASCII)
_MOST_NAME = 200

_BULKY = frozenset({"document", "video"})
"""Blocks that no cache point may follow, and that Claude wants in another turn than tool results."""


def cache_point(hint: CacheHint | CachePoint, family: Family) -> Block:
    point: Block = {"type": "default"}
    if hint.ttl is not None and family.cache_ttl:
        point["ttl"] = "1h" if hint.ttl in _LONG_TTLS else "5m"
    return {"cachePoint": point}


def is_bulky(block: Block) -> bool:
    return not _BULKY.isdisjoint(block)


class Blocks:
    """Renders the parts of one request."""

    def __init__(
        self,
        notes: Notes,
        family: Family,
        names: Mapping[str, str],
        ids: Mapping[str, str],
        *,
        credential_id: int,
        replay_reasoning: bool,
    ) -> None:
        self._notes = notes
        self._family = family
        self._names = names
        """The caller's tool names to those sent."""
        self._ids = ids
        """The caller's ids of tool calls to those sent, where they differ."""
        self._credential_id = credential_id
        self._replay_reasoning = replay_reasoning
        self._titles: set[str] = set()
        """Names of documents so far: each has its own."""

    def user(self, parts: Iterable[Part], where: str) -> tuple[list[Block], list[Block]]:
        """Render a turn of the user: what the tools said, and the rest."""
        results: list[Block] = []
        rest: list[Block] = []
        for part in parts:
            if isinstance(part, ToolResult):
                results.append(self._result(part, where))
                self._point(results, part.cache, where)
            elif isinstance(part, CachePoint):
                self._point(rest or results, part, where)
            elif (said := self._said(part, where)) is not None:
                rest.append(said)
                self._point(rest, _hint(part), where)
        if any("document" in block for block in rest) and not any("text" in block for block in rest):
            rest.append({"text": SOMETHING})  # A document alone is refused.
        return results, rest

    def assistant(self, parts: Iterable[Part], where: str) -> list[Block]:
        """Render a turn of the model's own, its reasoning first-hand or not at all."""
        blocks: list[Block] = []
        calls = 0
        for part in parts:
            match part:
                case CachePoint():
                    self._point(blocks, part, where)
                case Reasoning():
                    if (thought := self._reasoning(part)) is not None:
                        blocks.append(thought)
                case ToolCall():
                    blocks.append({"toolUse": self._call(part, f"{where}.tool_calls[{calls}].arguments")})
                    calls += 1
                case Text(text=text) | RefusalText(text=text):
                    if text.strip():
                        blocks.append(self._spoken(part))
                        self._point(blocks, _hint(part), where)
                case (
                    ServerToolCall(native=native, origin=origin)
                    | ServerToolResult(native=native, origin=origin)
                ):
                    if native is not None and self._is_own(origin):
                        blocks.append(dict(native))
                    else:
                        self._drop(where, "a tool that another provider ran")
                case Native(data=data, origin=origin):
                    if self._is_own(origin):
                        blocks.append(dict(data))
                    else:
                        self._drop(where, "a part that only another provider understands")
                case Media(kind="image"):
                    blocks.append(self._media(part, where))
                case _:
                    self._drop(where, f"{_kind(part)} in a turn of the assistant")
        return blocks

    def system(self, parts: Iterable[Part], where: str) -> list[Block]:
        """Render instructions: text, and what Bedrock itself has there."""
        blocks: list[Block] = []
        for part in parts:
            match part:
                case Text(text=text):
                    if text.strip():
                        blocks.append({"text": text})
                        self._point(blocks, part.cache, where)
                case CachePoint():
                    self._point(blocks, part, where)
                case Native(data=data, origin=origin) if self._is_own(origin):
                    blocks.append(dict(data))
                case _:
                    self._notes.cannot(
                        where, f"{_kind(part)} in a system turn: Bedrock takes text there alone"
                    )
        return blocks

    def passage(self, part: SearchResult) -> Block:
        """Render a passage; as plain text for models that take no other."""
        texts = [text for text in part.content if text.strip()] or [SOMETHING]
        if not self._family.search_results:
            if part.citations_enabled:
                self._notes.cannot(
                    "citations", "this model does not cite passages; citations were not asked for"
                )
            return {"text": "\n".join((f"{part.title} ({part.source})", *texts))}
        found: Block = {
            "source": part.source,
            "title": part.title,
            "content": [{"text": text} for text in texts],
        }
        if part.citations_enabled:
            found["citations"] = {"enabled": True}
        return {"searchResult": found}

    def _point(self, blocks: list[Block], hint: CacheHint | CachePoint | None, where: str) -> None:
        """Put a cache point after the last block, or before documents that end a turn: none may follow them."""
        if hint is None:
            return
        if not self._family.caches:
            self._notes.cannot(f"{where}.cache", "this model caches no prompts")
            return
        place = len(blocks)
        while place and is_bulky(blocks[place - 1]):
            place -= 1
        if not place or "cachePoint" in blocks[place - 1] or "reasoningContent" in blocks[place - 1]:
            self._notes.note(
                "dropped", f"{where}.cache", "a cache point must follow something that can be cached"
            )
            return
        blocks.insert(place, cache_point(hint, self._family))

    def _said(self, part: Part | JsonValue, where: str) -> Block | None:
        """Render what may stand in a user's turn."""
        match part:
            case Text(text=text) | JsonValue(text=text) | RefusalText(text=text):
                return {"text": text} if text.strip() else None
            case Media():
                return self._media(part, where)
            case SearchResult():
                return self.passage(part)
            case Native(data=data, origin=origin) if self._is_own(origin):
                return dict(data)
            case _:
                self._drop(where, f"{_kind(part)} in a turn of the user")
                return None

    def _spoken(self, part: Text | RefusalText) -> Block:
        """Render the model's own words, with the citations that Bedrock gave them."""
        if isinstance(part, Text) and self._family.search_results:
            natives = [
                c.native for c in part.citations if c.native is not None and "sourceContent" in c.native
            ]
            if natives:
                return {"citationsContent": {"content": [{"text": part.text}], "citations": natives}}
        return {"text": part.text}

    def _result(self, result: ToolResult, where: str) -> Block:
        content: list[Block] = []
        for part in result.content:
            match part:
                case JsonValue(text=text) if (found := _object(text)) is not None:
                    content.append({"json": found})
                case Media(kind="audio"):
                    self._notes.cannot(where, "a tool result cannot hold sound on Bedrock")
                case _:
                    if (said := self._said(part, where)) is not None:
                        content.append(said)
        if any("document" in block for block in content) and not any("text" in block for block in content):
            content.append({"text": SOMETHING})
        told: Block = {
            "toolUseId": self._ids.get(result.call_id, result.call_id),
            "content": content or [{"text": SOMETHING}],
        }
        if result.is_error and self._family.result_status:
            told["status"] = "error"
        return {"toolResult": told}

    def _call(self, call: ToolCall, where: str) -> Block:
        return {
            "toolUseId": self._ids.get(call.id, call.id),
            "name": self._names.get(call.name, call.name),
            "input": {"input": call.arguments} if call.kind == "custom" else _input(call.arguments, where),
        }

    def _reasoning(self, part: Reasoning) -> Block | None:
        seal = part.encrypted if part.redacted else part.signature
        if not self._replay_reasoning:
            why = "reasoning is turned off for this request"
        elif self._family.replays is None:
            why = "this model takes none back"
        elif seal is None:
            if self._family.replays == "any" and part.text.strip():
                return {"reasoningContent": {"reasoningText": {"text": part.text}}}
            why = "it was not signed by this model"
        elif not self._takes(seal):
            why = "it was signed by another model"
        elif seal.origin.credential_id not in {0, self._credential_id}:
            why = "its signature is bound to another account"
        elif part.redacted:
            return {"reasoningContent": {"redactedContent": seal.data}}
        else:
            return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": seal.data}}}
        self._notes.note("dropped", "messages.reasoning", f"earlier reasoning was left out: {why}")
        return None

    def _takes(self, seal: Opaque) -> bool:
        if seal.origin.family != self._family.name:
            return False
        return seal.format == SIGNATURE or seal.format == CLAUDE_SIGNATURE

    def _is_own(self, origin: Origin | None) -> bool:
        return origin is not None and origin.provider == client.NAME

    def _drop(self, where: str, what: str) -> None:
        self._notes.note("dropped", where, f"{what} was left out")

    # --- media ------------------------------------------------------------------------------------

    def _media(self, media: Media, where: str) -> Block:
        mime, source = media.mime, media.source
        if isinstance(source, Url) and source.url.startswith("data:"):
            head = _DATA_URL.match(source.url)
            if head is None:
                raise Failure(Kind.INVALID_REQUEST, "a data: URL must hold base64", param=where)
            mime, source = head[1] or mime, Bytes(source.url[head.end() :])
        kind = _kind_of(media, mime)
        if media.detail not in {None, "auto"}:
            self._notes.note(
                "dropped", f"{where}.detail", "a model on Bedrock chooses an image's resolution itself"
            )
        held = _source(source, media, where)
        if kind == "document":
            return {"document": self._document(media, mime, source, held, where)}
        return {kind: {"format": _format(kind, mime, source, where), "source": held}}

    def _document(self, media: Media, mime: str | None, source: object, held: Block, where: str) -> Block:
        suffix = (media.filename or "").rpartition(".")[2].lower()
        known = set(_DOCUMENTS.values())
        if isinstance(source, PlainText):
            format = "txt"
            if self._family.search_results:
                held = {"text": source.text}  # Cited by its characters.
        elif mime in {None, "application/octet-stream"} and suffix in known:
            format = suffix
        else:
            format = _format("document", mime, source, where)
        found: Block = {"format": format, "name": self._title(media), "source": held}
        if media.context:
            found["context"] = media.context
        if media.citations_enabled:
            if self._family.search_results:
                found["citations"] = {"enabled": True}
            else:
                self._notes.cannot(
                    "citations", "this model does not cite documents; citations were not asked for"
                )
        return found

    def _title(self, media: Media) -> str:
        """Return a name of the few characters that are allowed, and that no other document has."""
        given = media.title or (media.filename or "").rpartition(".")[0] or media.filename or "document"
        plain = " ".join(_NOT_IN_NAMES.sub(" ", given).split())[: _MOST_NAME - 8].strip() or "document"
        title, count = plain, 1
        while title in self._titles:
            count += 1
            title = f"{plain} {count}"
        self._titles.add(title)
        return title


def _kind_of(media: Media, mime: str | None) -> str:
    """Return what the media is by its type; a caller's file may be a picture."""
    main = (mime or "").partition("/")[0]
    if media.kind in {"document", "file"}:
        return main if main in {"image", "video", "audio"} else "document"
    return media.kind


def _source(source: object, media: Media, where: str) -> Block:
    match source:
        case Bytes(base64=data):
            return {"bytes": data}
        case PlainText(text=text):
            # Claude alone reads text as such; bytes are read by all.
            return {"bytes": b64encode(text.encode()).decode()}
        case Url(url=uri) | FileRef(id=uri) if _S3.fullmatch(uri):
            location: Block = {"uri": uri}
            if owner := (media.options or {}).get("bucketOwner"):
                location["bucketOwner"] = owner
            return {"s3Location": location}
        case FileRef(origin=origin):
            held = f" by {origin.provider}" if origin is not None and origin.provider else ""
            raise Failure(
                Kind.UNSUPPORTED,
                f"the file is held{held} where Bedrock cannot read it: send its content, or an s3:// address",
                param=where,
                code="foreign_file",
            )
        case _:
            raise Failure(
                Kind.UNSUPPORTED,
                f"Bedrock fetches no {media.kind} from a URL: send its content as a data: URL, or an s3:// address",
                param=where,
                code="unsupported_media",
            )


def _format(kind: str, mime: str | None, source: object, where: str) -> str:
    formats, usual = _FORMATS[kind]
    if kind == "image" and isinstance(source, Bytes):
        # Callers mislabel pictures, and those are refused: the bytes know better.
        for start, found in _IMAGE_STARTS.items():
            if source.base64.startswith(start):
                return found
    if mime is None or mime == "application/octet-stream":
        return usual
    format = formats.get(mime) or ("txt" if kind == "document" and mime.startswith("text/") else None)
    if format is None:
        raise Failure(
            Kind.UNSUPPORTED,
            f"Bedrock takes no {kind} of type {mime}; it takes {', '.join(sorted(set(formats.values())))}",
            param=where,
            code="unsupported_media",
        )
    return format


def _object(text: str) -> msgspec.Raw | None:
    """Return a tool's JSON result as it is, if it is an object: anything else goes as text."""
    try:
        return msgspec.Raw(text.encode()) if isinstance(msgspec.json.decode(text), dict) else None
    except (msgspec.DecodeError, RecursionError):
        return None


def _input(arguments: str, where: str) -> Any:
    """Return the arguments as the bytes the model wrote: its reasoning is bound to them."""
    if not arguments.strip():
        return {}
    found = _object(arguments)
    if found is None:
        raise Failure(
            Kind.INVALID_REQUEST,
            "a tool call's arguments must be the text of one JSON object",
            param=where,
            code="invalid_arguments",
        )
    return found


def _hint(part: object) -> CacheHint | None:
    hint: CacheHint | None = getattr(part, "cache", None)
    return hint


def _kind(part: object) -> str:
    return part.kind if isinstance(part, Media) else type(part).__name__
