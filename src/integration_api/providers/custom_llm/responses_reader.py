"""Reads a response of OpenAI's: event by event, or whole as the events it would have been.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.errors import Kind, Phase, ProviderError, StreamCut
from integration_api.core.exchange import Frame, HttpResponse, decode, json_body
from integration_api.core.llm import (
    ArgumentsDelta,
    Ended,
    Finish,
    Finished,
    FinishReason,
    LlmEvent,
    LlmResponse,
    Notice,
    Noticed,
    Opaque,
    Origin,
    Part,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    RefusalText,
    Started,
    Text,
    TextDelta,
    ToolCall,
    Usage,
    UsageUpdate,
)
from integration_api.core.llm_fold import LlmFold
from integration_api.dialects.openai_errors import stream_fault
from integration_api.providers.custom_llm import client

SEALED = "openai-responses-v1"


class Cached(Struct):
    cached_tokens: int | None = None


class Thought(Struct):
    reasoning_tokens: int | None = None


class Tokens(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: Cached | None = None
    output_tokens_details: Thought | None = None


class Piece(Struct):
    type: str = ""
    text: str = ""
    refusal: str = ""


class Item(Struct):
    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Any = None
    """Text of the calls we read; other kinds have objects there."""
    input: Any = None
    content: list[Piece] | None = None
    summary: list[Piece] | None = None
    encrypted_content: str | None = None


class Incomplete(Struct):
    reason: str | None = None


class Response(Struct):
    id: str = ""
    model: str = ""
    created_at: float | None = None
    status: str | None = None
    output: list[Item] | None = None
    usage: Tokens | None = None
    incomplete_details: Incomplete | None = None
    error: Any = None


class Event(Struct):
    type: str = ""
    response: Response | None = None
    item: Item | None = None
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    delta: Any = None


_EVENT = msgspec.json.Decoder(Event)
_RESPONSE = msgspec.json.Decoder(Response)
_FAILED = frozenset({"response.failed", "error"})
_ENDINGS = frozenset({"response.completed", "response.incomplete", "response.cancelled"})


class Reader:
    """Follows one response. Raises `ProviderError` from `feed`, and `StreamCut` from `close` when no end came."""

    __slots__ = ("_called", "_finished", "_next", "_open", "_started", "_thoughts", "_warnings")

    def __init__(self, warnings: Sequence[Notice] = ()) -> None:
        self._warnings = warnings
        self._started = self._finished = self._called = False
        self._next = 0
        self._open: dict[tuple[int, str, int], int] = {}
        """Parts that were begun, by their item, kind and place in it."""
        self._thoughts: dict[int, str] = {}
        """What was thought aloud, by its item."""

    def whole(self, reply: HttpResponse) -> LlmResponse:
        response = decode(reply, _RESPONSE)
        if response.error is not None or response.status == "failed":
            raise _fault(response.error)
        out: list[LlmEvent] = []
        self._begin(out, response)
        for place, item in enumerate(response.output or ()):
            self._done(out, place, item)
        self._end(out, response)
        fold = LlmFold()
        for event in (*out, *self.close()):
            fold.feed(event)
        return fold.close()

    def feed(self, frame: Frame) -> list[LlmEvent]:
        out: list[LlmEvent] = []
        if frame.data == b"[DONE]" or self._finished:
            return out
        try:
            event = _EVENT.decode(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ProviderError(
                Kind.BAD_RESPONSE,
                "the provider's stream held an event that could not be read",
                code="bad_upstream_response",
                phase=Phase.STREAM,
            ) from None
        kind, place = event.type, event.output_index
        if kind in _FAILED:
            raise _fault(event.response.error if event.response else msgspec.json.decode(frame.data))
        if event.response is not None:
            self._begin(out, event.response)
        if kind in _ENDINGS and event.response is not None:
            self._end(out, event.response)
        elif kind == "response.output_item.added" and event.item is not None:
            self._added(out, place, event.item)
        elif kind == "response.output_item.done" and event.item is not None:
            self._done(out, place, event.item)
        elif isinstance(event.delta, str):
            self._delta(out, event, event.delta)
        return out

    def close(self) -> list[LlmEvent]:
        if not self._finished:
            raise StreamCut(client.NAME)
        return [Ended()]

    # --- an answer's beginning and end ---------------------------------------------------------

    def _begin(self, out: list[LlmEvent], response: Response) -> None:
        if not self._started:
            self._started = True
            out.append(Started(response.id, response.model, int(response.created_at or 0)))
            out.extend(Noticed(warning) for warning in self._warnings)

    def _end(self, out: list[LlmEvent], response: Response) -> None:
        for part in self._open.values():
            out.append(PartEnded(0, part))
        self._open.clear()
        reason, native = FinishReason.STOP, response.status or ""
        if response.status == "incomplete":
            native = (response.incomplete_details and response.incomplete_details.reason) or native
            reason = FinishReason.CONTENT_FILTER if native == "content_filter" else FinishReason.LENGTH
        elif response.status == "cancelled":
            reason = FinishReason.CANCELLED
        elif self._called:
            reason = FinishReason.TOOL_CALLS
        out.append(Finished(0, Finish(reason, native)))
        if response.usage is not None:
            out.append(UsageUpdate(_usage(response.usage)))
        self._finished = True

    # --- parts -------------------------------------------------------------------------------

    def _part(self, out: list[LlmEvent], key: tuple[int, str, int], shell: Part) -> int:
        part = self._open.get(key)
        if part is None:
            part = self._open[key] = self._next
            self._next += 1
            out.append(PartStarted(0, part, shell))
        return part

    def _once(self, out: list[LlmEvent], key: tuple[int, str, int], shell: Part, value: Part) -> None:
        """End a part with its whole value, begun before or not."""
        part = self._part(out, key, shell)
        out.append(PartEnded(0, part, value))
        del self._open[key]

    def _delta(self, out: list[LlmEvent], event: Event, delta: str) -> None:
        item, place = event.output_index, event.content_index
        match event.type:
            case "response.output_text.delta":
                out.append(TextDelta(0, self._part(out, (item, "text", place), Text("")), delta))
            case "response.refusal.delta":
                out.append(RefusalDelta(0, self._part(out, (item, "refusal", place), RefusalText("")), delta))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                shell = Reasoning(kind="summary" if "summary" in event.type else "full")
                self._thoughts[item] = self._thoughts.get(item, "") + delta
                out.append(ReasoningDelta(0, self._part(out, (item, "reasoning", 0), shell), delta))
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                if (part := self._open.get((item, "call", 0))) is not None:
                    out.append(ArgumentsDelta(0, part, delta))
            case _:
                pass  # New kinds of events come with new tools; what they bring comes with their item as well.

    def _added(self, out: list[LlmEvent], place: int, item: Item) -> None:
        if (call := _call(item, "")) is not None:
            self._called = True
            self._part(out, (place, "call", 0), call)

    def _done(self, out: list[LlmEvent], place: int, item: Item) -> None:
        """Say what of an item was not said yet, and end its parts."""
        if (call := _call(item)) is not None:
            self._called = True
            self._once(out, (place, "call", 0), _call(item, "") or call, call)
        elif item.type == "reasoning":
            summary = bool(item.summary)
            text = "\n\n".join(piece.text for piece in (item.summary or item.content or ()))
            text = text or self._thoughts.pop(place, "")
            sealed = item.encrypted_content and Opaque(item.encrypted_content, SEALED, Origin(client.NAME))
            value = Reasoning(text, "summary" if summary else "full", encrypted=sealed or None, id=item.id)
            if text or sealed or (place, "reasoning", 0) in self._open:
                self._once(out, (place, "reasoning", 0), Reasoning(kind=value.kind), value)
        elif item.type == "message":
            for at, piece in enumerate(item.content or ()):
                if piece.type == "refusal":
                    self._once(out, (place, "refusal", at), RefusalText(""), RefusalText(piece.refusal))
                elif piece.type == "output_text" and piece.text:
                    self._once(out, (place, "text", at), Text(""), Text(piece.text))


def _call(item: Item, arguments: str | None = None) -> ToolCall | None:
    id, name = item.call_id or item.id or "", item.name or ""
    if item.type == "function_call":
        return ToolCall(id, name, (item.arguments or "{}") if arguments is None else arguments)
    if item.type == "custom_tool_call":
        return ToolCall(id, name, (item.input or "") if arguments is None else arguments, "custom")
    return None


def _usage(tokens: Tokens) -> Usage:
    cached = (tokens.input_tokens_details or Cached()).cached_tokens
    thought = (tokens.output_tokens_details or Thought()).reasoning_tokens
    uncached = None if tokens.input_tokens is None else tokens.input_tokens - (cached or 0)
    return Usage(
        input_total=tokens.input_tokens,
        input_uncached=uncached,
        cache_read=cached,
        output_total=tokens.output_tokens,
        reasoning=thought,
    )


def _fault(said: Any) -> ProviderError:
    """Return the error that an event, or a response that failed, tells of: both nest it or do not."""
    nested = said.get("error") if isinstance(said, dict) else None
    return stream_fault(json_body({"error": nested or said}), provider=client.NAME)
