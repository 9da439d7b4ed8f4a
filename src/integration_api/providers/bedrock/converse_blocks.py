"""Parts as Converse's content blocks. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import (
    CacheHint,
    CachePoint,
    JsonValue,
    Media,
    Native,
    Opaque,
    Origin,
    Part,
    Reasoning,
    RefusalText,
    SearchResult,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
    ToolResult,
)
from integration_api.dialects.anthropic_messages_answer import SIGNATURE as CLAUDE_SIGNATURE
from integration_api.dialects.notes import Notes
from integration_api.providers.bedrock import client
from integration_api.providers.bedrock.converse_answer import SIGNATURE
from integration_api.providers.bedrock.converse_cache import SOMETHING, Block, mark
from integration_api.providers.bedrock.converse_media import MediaBlocks
from integration_api.providers.bedrock.families import Family


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
        self._media = MediaBlocks(family, notes)

    def user(self, parts: Iterable[Part], where: str) -> tuple[list[Block], list[Block]]:
        """Render a turn of the user: what the tools said, and the rest."""
        results: list[Block] = []
        rest: list[Block] = []
        for part in parts:
            if isinstance(part, ToolResult):
                results.append(self._result(part, where))
                self._mark(results, part.cache, where)
            elif isinstance(part, CachePoint):
                self._mark(rest or results, part, where)
            elif (said := self._said(part, where)) is not None:
                rest.append(said)
                self._mark(rest, _hint(part), where)
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
                    self._mark(blocks, part, where)
                case Reasoning():
                    if (thought := self._reasoning(part)) is not None:
                        blocks.append(thought)
                case ToolCall():
                    blocks.append({"toolUse": self._call(part, f"{where}.tool_calls[{calls}].arguments")})
                    calls += 1
                case Text(text=text) | RefusalText(text=text):
                    if text.strip():
                        blocks.append(self._spoken(part))
                        self._mark(blocks, _hint(part), where)
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
                    blocks.append(self._media.block(part, where))
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
                        self._mark(blocks, part.cache, where)
                case CachePoint():
                    self._mark(blocks, part, where)
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

    def _mark(self, blocks: list[Block], hint: CacheHint | CachePoint | None, where: str) -> None:
        mark(blocks, hint, self._family, self._notes, where)

    def _said(self, part: Part | JsonValue, where: str) -> Block | None:
        """Render what may stand in a user's turn."""
        match part:
            case Text(text=text) | JsonValue(text=text) | RefusalText(text=text):
                return {"text": text} if text.strip() else None
            case Media():
                return self._media.block(part, where)
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
