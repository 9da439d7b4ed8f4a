"""The conversation as Cohere takes it. https://docs.cohere.com/reference/chat

Texts are strings where they can be. Passages that may be cited become the request's documents.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from integration_api.core.json import decode_any, encode_text
from integration_api.core.llm import (
    Bytes,
    CacheHint,
    CachePoint,
    FileRef,
    JsonValue,
    Media,
    Message,
    Native,
    Part,
    PlainText,
    Reasoning,
    RefusalText,
    Role,
    SearchResult,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_media import data_url, document_text
from integration_api.dialects.openai_chat_messages import simplest
from integration_api.providers.cohere.answer import CITATIONS
from integration_api.providers.cohere.capabilities import Rules
from integration_api.providers.cohere.client import NAME

Turn = dict[str, Any]


class Turns:
    """Writes the messages of one request, and gathers the documents that stand among them."""

    def __init__(self, rules: Rules, notes: Notes, names: Mapping[str, str]) -> None:
        self._rules = rules
        self._notes = notes
        self._names = names
        self.documents: list[dict[str, Any]] = []

    def write(self, messages: Iterable[Message]) -> list[Turn]:
        turns: list[Turn] = []
        for message in messages:
            if message.name is not None:
                self._notes.cannot("name", f"{NAME} does not take names of participants")
            match message.role:
                case Role.SYSTEM | Role.DEVELOPER:
                    self._add(turns, "system", self._content(message.parts))
                case Role.ASSISTANT:
                    self._assistant(turns, message.parts)
                case _:
                    self._user(turns, message.parts)
        return turns

    @staticmethod
    def _add(turns: list[Turn], role: str, content: Any) -> None:
        if content is not None:
            turns.append({"role": role, "content": content})

    # --- what is said to the model ---------------------------------------------------------------

    def _user(self, turns: list[Turn], parts: Sequence[Part]) -> None:
        """Results first, each a turn of its own: they must follow their calls."""
        shown: list[Mapping[str, Any]] = []
        said: list[Part] = []
        for part in parts:
            if isinstance(part, ToolResult):
                turns.append(self._result(part, shown))
            else:
                said.append(part)
        self._add(turns, "user", shown or None)
        before = len(self.documents)
        content = self._content(said)
        if content is None and len(self.documents) > before:
            content = "(see the documents)"
        self._add(turns, "user", content)

    def _content(self, parts: Sequence[Part]) -> str | list[Mapping[str, Any]] | None:
        written: list[Mapping[str, Any]] = []
        for part in parts:
            match part:
                case Text(text) | RefusalText(text):
                    self._plain(part)
                    written.append({"type": "text", "text": text})
                case Media():
                    if (content := self._media(part)) is not None:
                        written.append(content)
                case SearchResult():
                    self._uncached(part.cache)
                    self.documents.append(document_of(part))
                case CachePoint():
                    self._uncached(CacheHint())
                case _:
                    self._leave_out(part)
        return simplest(written)

    def _media(self, media: Media) -> dict[str, Any] | None:
        self._uncached(media.cache)
        match media.kind, media.source:
            case _, PlainText(text) if media.citations_enabled:
                name = media.title or media.filename
                data = {"title": name, "context": media.context, "text": text}
                self.documents.append({"data": {key: value for key, value in data.items() if value}})
                return None
            case _, PlainText() as source:
                return document_text(media, source)
            case "image", (Bytes() | Url()) as source:
                url = source.url if isinstance(source, Url) else data_url(media, source, "image/png")
                image = {"url": url}
                if media.detail is not None:
                    image["detail"] = "high" if media.detail == "original" else media.detail
                return {"type": "image_url", "image_url": image}
            case kind, source:
                form = " by file id" if isinstance(source, FileRef) else ""
                raise unsupported("messages", f"{NAME} does not take {kind}{form}; send text or images")

    # --- what tools answered ---------------------------------------------------------------------

    def _result(self, result: ToolResult, shown: list[Mapping[str, Any]]) -> Turn:
        self._uncached(result.cache)
        written: list[Mapping[str, Any]] = []
        pictured = False
        for part in result.content:
            match part:
                case Text(text):
                    self._plain(part)
                    written.append({"type": "text", "text": text})
                case JsonValue(text):
                    written.append(_data(text))
                case SearchResult():
                    self._uncached(part.cache)
                    written.append({"type": "document", "document": document_of(part)})
                case Media(source=PlainText(text)):
                    written.append({"type": "text", "text": text})
                case Media():
                    if not pictured:
                        shown.append({"type": "text", "text": f"Result of tool call {result.call_id}:"})
                        self._notes.note(
                            "degraded", "messages", "media in tool results were sent as a message of the user"
                        )
                    pictured = True
                    if (content := self._media(part)) is not None:
                        shown.append(content)
        if result.is_error:  # Cohere has no mark for a tool that failed.
            written.insert(0, {"type": "text", "text": "Error:"})
        if pictured and not written:
            written.append({"type": "text", "text": "(see the next message)"})
        return {"role": "tool", "tool_call_id": result.call_id, "content": simplest(written) or ""}

    # --- what the model said ---------------------------------------------------------------------

    def _assistant(self, turns: list[Turn], parts: Sequence[Part]) -> None:
        content: list[Mapping[str, Any]] = []
        calls: list[dict[str, Any]] = []
        plan: list[str] = []
        citations: list[Mapping[str, Any]] = []
        has_calls = any(isinstance(part, ToolCall) for part in parts)
        for part in parts:
            match part:
                case Text(text) | RefusalText(text):
                    self._plain(part)
                    if isinstance(part, Text):
                        citations += _cited(part)
                    content.append({"type": "text", "text": text})
                case Reasoning(text, "plan") if has_calls:
                    plan.append(text)
                case Reasoning(text):
                    self._thought(part, content)
                case ToolCall():
                    calls.append(self._call(part))
                case Native(name=str(name), data=data) if name == CITATIONS and part.origin.provider == NAME:
                    citations += data[CITATIONS]
                case Media(transcript=str(text)):
                    self._notes.note("degraded", "messages", "earlier sound was sent as its transcript")
                    content.append({"type": "text", "text": text})
                case CachePoint():
                    self._uncached(CacheHint())
                case _:
                    self._leave_out(part)
        turn: Turn = {"role": "assistant"}
        if (said := simplest(content)) is not None or not calls:
            turn["content"] = said or ""
        if plan:
            turn["tool_plan"] = "".join(plan)
        if calls:
            turn["tool_calls"] = calls
        if citations:
            turn["citations"] = citations
        turns.append(turn)

    def _thought(self, part: Reasoning, content: list[Mapping[str, Any]]) -> None:
        """Give earlier thoughts back as text: Cohere signs none, and reads anybody's."""
        for sealed in (part.signature, part.encrypted):
            if sealed is not None:
                self._notes.note(
                    "dropped",
                    "messages",
                    f"a value that only {sealed.origin.provider} understands was left out",
                )
        if part.text and self._rules.reasons:
            content.append({"type": "thinking", "thinking": part.text})
        elif part.text:
            self._notes.note(
                "dropped", "reasoning_content", "this model does not take earlier reasoning back"
            )

    def _call(self, call: ToolCall) -> dict[str, Any]:
        arguments = call.arguments or "{}"
        if call.kind == "custom":
            self._notes.note("mapped", "messages", "a custom tool's input was sent as a JSON argument")
            arguments = encode_text({"input": call.arguments})
        function = {"name": self._names.get(call.name, call.name), "arguments": arguments}
        return {"id": call.id, "type": "function", "function": function}

    # --- what cannot be said ---------------------------------------------------------------------

    def _plain(self, part: Text | RefusalText) -> None:
        if isinstance(part, Text):
            self._uncached(part.cache)
            if part.signature is not None:
                maker = part.signature.origin.provider
                self._notes.note("dropped", "messages", f"a value that only {maker} understands was left out")

    def _uncached(self, cache: CacheHint | None) -> None:
        if cache is not None:
            self._notes.cannot("cache_control", f"{NAME} caches prompts by itself")

    def _leave_out(self, part: Part) -> None:
        match part:
            case ServerToolCall() | ServerToolResult() | Native():
                maker = part.origin.provider if part.origin else "another provider"
                self._notes.note("dropped", "messages", f"a part that only {maker} understands was left out")
            case ToolCall() | Reasoning():
                self._notes.note("dropped", "messages", "only the assistant calls tools and reasons")
            case _:
                self._notes.note("dropped", "messages", f"{NAME} does not take generated media back")


def document_of(result: SearchResult) -> dict[str, Any]:
    """Write a passage as a document that an answer may cite."""
    data = {"title": result.title, "source": result.source, "text": "\n".join(result.content)}
    return {"id": result.source, "data": {name: value for name, value in data.items() if value}}


def document(given: Mapping[str, Any]) -> dict[str, Any]:
    """Write one of a request's own documents, whatever its fields are called."""
    data = given.get("data")
    if data is None:
        data = {name: value for name, value in given.items() if name != "id"}
    written: dict[str, Any] = {"data": {"text": data} if isinstance(data, str) else data}
    if given.get("id") is not None:
        written["id"] = str(given["id"])
    return written


def _data(text: str) -> dict[str, Any]:
    """An object may be cited as a document; any other JSON is text."""
    try:
        data = decode_any(text.encode())
    except msgspec.DecodeError:
        data = None
    if isinstance(data, dict):
        return {"type": "document", "document": {"data": data}}
    return {"type": "text", "text": text}


def _cited(text: Text) -> Iterable[Mapping[str, Any]]:
    """Return the citations that Cohere itself made of a text: no other maker's have sources."""
    natives = (citation.native for citation in text.citations)
    return [native for native in natives if native is not None and isinstance(native.get("sources"), list)]
