"""Messages as OpenAI's language has them: one turn for each tool result, text as a string where it can be.

https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from integration_api.core.llm import (
    CacheHint,
    CachePoint,
    FileRef,
    JsonValue,
    LlmRequest,
    Media,
    Message,
    Native,
    Opaque,
    Origin,
    Part,
    Reasoning,
    RefusalText,
    Role,
    SearchResult,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
    ToolResult,
)
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_dialect import Dialect, Rules, Turn
from integration_api.dialects.openai_chat_parts import GOOGLE_FORMAT

MOST_BREAKPOINTS = 4
"""A request may write that many cache entries; more are refused."""

BREAKPOINT_TTLS = frozenset({"30m", "12h"})


class MessageWriter:
    """Writes the messages of one request."""

    def __init__(
        self,
        dialect: Dialect,
        rules: Rules,
        notes: Notes,
        ids: Mapping[str, str],
        names: Mapping[str, str],
    ) -> None:
        self._dialect = dialect
        self._rules = rules
        self._notes = notes
        self._ids = ids
        self._names = names
        self._marked: list[dict[str, Any]] = []

    def write(self, messages: Iterable[Message]) -> list[Turn]:
        turns: list[Turn] = []
        for message in messages:
            parts = message.parts
            if len(parts) == 1 and type(part := parts[0]) is Text and not part.cache and not part.signature:
                turns.append(self._turn(message, part.text))
            else:
                self._message(turns, message)
        for marked in self._marked[:-MOST_BREAKPOINTS]:
            del marked["prompt_cache_breakpoint"]
            self._notes.note("dropped", "cache_control", "only the last four cache breakpoints were kept")
        return self._dialect.arrange(turns, self._notes)

    def _turn(self, message: Message, content: Any) -> Turn:
        role = message.role.value
        if message.role is Role.SYSTEM or message.role is Role.DEVELOPER:
            role = self._rules.system
        elif message.role is Role.TOOL:  # What is not a result cannot stand in a tool's turn.
            role = Role.USER.value
        turn = {"role": role, "content": content}
        if message.name is not None:
            if self._dialect.message_names:
                turn["name"] = message.name
            else:
                self._notes.cannot("name", f"{self._dialect.provider} does not take names of participants")
        return turn

    def _message(self, turns: list[Turn], message: Message) -> None:
        shown: list[Mapping[str, Any]] = []
        said: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                turns.append(self._result(part, shown))
            else:
                said.append(part)
        if shown:
            # Tool turns hold text only, and nothing may come between them.
            turns.append({"role": "user", "content": shown})
        if said or not message.parts:
            if message.role is Role.ASSISTANT:
                turns.append(self._assistant(message, said))
            elif (content := self._content(said)) is not None:
                turns.append(self._turn(message, content))

    # --- what is said to the model -----------------------------------------------------------

    def _content(self, parts: Sequence[Part]) -> str | list[Mapping[str, Any]] | None:
        written: list[Mapping[str, Any]] = []
        for part in parts:
            match part:
                case Text(text, cache=cache):
                    self._foreign(part.signature)
                    written.append(self._marked_part({"type": "text", "text": text}, cache))
                case Media():
                    written.append(self._media(part))
                case SearchResult():
                    written.append(self._marked_part(search_text(part), part.cache))
                case CachePoint():
                    self._point(written)
                case RefusalText(text):
                    written.append({"type": "text", "text": text})
                case _:
                    self._leave_out(part)
        return simplest(written)

    def _media(self, media: Media) -> Mapping[str, Any]:
        if isinstance(media.source, FileRef) and not self._mine(media.source.origin):
            raise unsupported(
                "messages", f"{self._dialect.provider} cannot read a file that another provider holds"
            )
        return self._marked_part(dict(self._dialect.media(media, self._notes)), media.cache)

    def _marked_part(self, part: dict[str, Any], cache: CacheHint | None) -> dict[str, Any]:
        if cache is None:
            return part
        if not self._rules.breakpoints:
            self._notes.cannot("cache_control", "this model takes no cache breakpoints; it caches by itself")
            return part
        mark = {"mode": "explicit"}
        if cache.ttl in BREAKPOINT_TTLS:
            mark["ttl"] = cache.ttl
        part["prompt_cache_breakpoint"] = mark
        self._marked.append(part)
        return part

    def _point(self, written: list[Mapping[str, Any]]) -> None:
        if written and "prompt_cache_breakpoint" not in written[-1]:
            written[-1] = self._marked_part(dict(written[-1]), CacheHint())

    # --- what tools answered -----------------------------------------------------------------

    def _result(self, result: ToolResult, shown: list[Mapping[str, Any]]) -> Turn:
        call_id = self._ids.get(result.call_id, result.call_id)
        written: list[Mapping[str, Any]] = []
        for part in result.content:
            match part:
                case Text(text, cache=cache):
                    written.append(self._marked_part({"type": "text", "text": text}, cache))
                case JsonValue(text):
                    written.append({"type": "text", "text": text})
                case SearchResult():
                    written.append(self._marked_part(search_text(part), part.cache))
                case Media():
                    if not shown:
                        self._notes.note(
                            "degraded", "messages", "media in tool results were sent as a message of the user"
                        )
                    shown.append({"type": "text", "text": f"Result of tool call {call_id}:"})
                    shown.append(self._media(part))
        if result.is_error and not _says_error(written):  # The language has no mark for a failed tool.
            written.insert(0, {"type": "text", "text": "Error:"})
        if not written and shown:
            written.append({"type": "text", "text": "(see the next message)"})
        if result.cache is not None and written:
            written[-1] = self._marked_part(dict(written[-1]), result.cache)
        turn: Turn = {"role": "tool", "tool_call_id": call_id, "content": simplest(written) or ""}
        if self._dialect.tool_result_names and result.name:
            turn["name"] = self._names.get(result.name, result.name)
        return turn

    # --- what the model said -----------------------------------------------------------------

    def _assistant(self, message: Message, parts: Sequence[Part]) -> Turn:
        written: list[Mapping[str, Any]] = []
        calls: list[dict[str, Any]] = []
        thoughts: list[Reasoning] = []
        audio_id = None
        for part in parts:
            match part:
                case Text(text, cache=cache):
                    self._foreign(part.signature)
                    written.append(self._marked_part({"type": "text", "text": text}, cache))
                case ToolCall():
                    calls.append(self._call(part))
                case Reasoning():
                    self._reasoning(part, written, thoughts)
                case RefusalText(text):
                    kind = "refusal" if self._dialect.refusal_parts else "text"
                    written.append({"type": kind, kind: text})
                case Media(kind="audio", id=str(id)):
                    audio_id = id
                case Media(transcript=str(text)):
                    self._notes.note("degraded", "messages", "earlier sound was sent as its transcript")
                    written.append({"type": "text", "text": text})
                case CachePoint():
                    self._point(written)
                case _:
                    self._leave_out(part)
        content: Any = simplest(written)
        if content is None and not calls and audio_id is None:
            content = ""
        turn = self._turn(message, content)
        if thoughts and self._dialect.reasoning_history == "reasoning_details":
            turn["reasoning_details"] = [detail(part, place) for place, part in enumerate(thoughts)]
        elif thoughts:
            turn["reasoning_content"] = "".join(part.text for part in thoughts)
        if calls:
            turn["tool_calls"] = calls
        if audio_id is not None:
            turn["audio"] = {"id": audio_id}
        return turn

    def _call(self, call: ToolCall) -> dict[str, Any]:
        id = self._ids.get(call.id, call.id)
        name = self._names.get(call.name, call.name)
        if call.kind == "custom":
            return {"id": id, "type": "custom", "custom": {"name": name, "input": call.arguments}}
        function = {"name": name, "arguments": call.arguments or "{}"}
        written: dict[str, Any] = {"id": id, "type": "function", "function": function}
        signature = call.signature
        if signature is not None and not self._foreign(signature) and signature.format == GOOGLE_FORMAT:
            written["extra_content"] = {"google": {"thought_signature": signature.data}}
        return written

    def _reasoning(
        self, part: Reasoning, written: list[Mapping[str, Any]], thoughts: list[Reasoning]
    ) -> None:
        foreign = self._foreign(part.encrypted) or self._foreign(part.signature)
        if part.text and self._dialect.reasoning_history == "reasoning_content":
            thoughts.append(part)
        elif self._dialect.reasoning_history == "reasoning_details":
            if not foreign:
                thoughts.append(part)
        elif part.text and self._dialect.reasoning_history == "thinking":
            thinking: dict[str, Any] = {
                "type": "thinking",
                "thinking": [{"type": "text", "text": part.text}],
                "closed": True,
            }
            if part.signature is not None and not foreign:
                thinking["signature"] = part.signature.data
            written.append(thinking)
        elif part.text:
            message = f"{self._dialect.provider} does not take earlier reasoning back"
            self._notes.note("dropped", "reasoning_content", message)

    # --- what cannot be said -----------------------------------------------------------------

    def _mine(self, origin: Origin | None) -> bool:
        return origin is None or origin.provider == self._dialect.provider

    def _foreign(self, opaque: Opaque | None) -> bool:
        """Whether only another provider understands `opaque`; the caller is told."""
        if opaque is None or self._mine(opaque.origin):
            return False
        self._notes.note(
            "dropped", "messages", f"a value that only {opaque.origin.provider} understands was left out"
        )
        return True

    def _leave_out(self, part: Part) -> None:
        match part:
            case ServerToolCall() | ServerToolResult() | Native():
                maker = part.origin.provider if part.origin else "another provider"
                self._notes.note("dropped", "messages", f"a part that only {maker} understands was left out")
            case ToolCall() | Reasoning():
                self._notes.note("dropped", "messages", "only the assistant calls tools and reasons")
            case Media():
                self._notes.note(
                    "degraded", "messages", f"{self._dialect.provider} does not take generated media back"
                )


def detail(part: Reasoning, place: int) -> dict[str, Any]:
    """Write one stretch of reasoning as it came, for servers that want it back like that."""
    sealed = part.encrypted or part.signature
    written: dict[str, Any]
    if part.encrypted is not None:
        written = {"type": "reasoning.encrypted", "data": part.encrypted.data}
    elif part.kind == "summary":
        written = {"type": "reasoning.summary", "summary": part.text}
    else:
        written = {"type": "reasoning.text", "text": part.text}
        if part.signature is not None:
            written["signature"] = part.signature.data
    if part.id is not None:
        written["id"] = part.id
    if sealed is not None:
        written["format"] = sealed.format
    written["index"] = place
    return written


def simplest(written: list[Mapping[str, Any]]) -> str | list[Mapping[str, Any]] | None:
    """Return one plain text as a string, nothing as None, and anything else as it is."""
    if not written:
        return None
    first = written[0]
    if len(written) == 1 and first["type"] == "text" and len(first) == 2:
        text: str = first["text"]
        return text
    return written


def search_text(result: SearchResult) -> dict[str, Any]:
    """Write a passage as text, for languages that have no part for it."""
    return {"type": "text", "text": f"{result.title}\n{result.source}\n\n" + "\n".join(result.content)}


def _says_error(written: list[Mapping[str, Any]]) -> bool:
    return bool(written) and written[0].get("text", "").lower().startswith("error")


def tool_names(ask: LlmRequest) -> Iterable[str]:
    """Every tool name a request mentions."""
    for tool in ask.tools:
        yield tool.name
    for message in ask.messages:
        if message.role is Role.ASSISTANT:
            for part in message.parts:
                if type(part) is ToolCall:
                    yield part.name


def call_ids(ask: LlmRequest) -> Iterable[str]:
    """Every tool call id a request mentions."""
    for message in ask.messages:
        for part in message.parts:
            if type(part) is ToolCall:
                yield part.id
            elif type(part) is ToolResult:
                yield part.call_id
