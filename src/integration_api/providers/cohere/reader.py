"""Cohere's answer as it streams: events in, from `message-start` to `message-end`.

https://docs.cohere.com/v2/docs/streaming
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from integration_api.core.errors import Kind, Phase, ProviderError, StreamCut
from integration_api.core.exchange import Frame
from integration_api.core.json import require_text
from integration_api.core.llm import (
    ArgumentsDelta,
    CitationDelta,
    Ended,
    Finished,
    LlmEvent,
    LogprobDelta,
    Noticed,
    Part,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    Started,
    Text,
    TextDelta,
    UsageUpdate,
)
from integration_api.providers.cohere import answer, client, wire

_NOTHING: Final[tuple[LlmEvent, ...]] = ()


class Reader:
    """Keeps which parts are open; the text goes straight through.

    A text stays open until the message ends: what cites it may come at any time after it.
    """

    __slots__ = (
        "_calls",
        "_ended",
        "_loose",
        "_next",
        "_plan",
        "_reading",
        "_silent",
        "_started",
        "_texts",
        "_thoughts",
    )

    def __init__(self, reading: answer.Reading) -> None:
        self._reading = reading
        self._texts: dict[int, int] = {}
        """Cohere's index of each text to its part."""
        self._thoughts: dict[int, int] = {}
        self._calls: dict[int, int] = {}
        """Open calls, which are numbered apart."""
        self._silent: set[int] = set()
        """Calls of which no argument has come."""
        self._plan: int | None = None
        self._loose: list[dict[str, Any]] = []
        self._next = 0
        self._started = self._ended = False

    def feed(self, frame: Frame) -> Iterable[LlmEvent]:
        """Return the events that a frame tells.

        Raises `ProviderError` for an answer that failed and for an event that cannot be read.
        """
        try:
            require_text(frame.data)
            if frame.name == "content-delta":
                return self._content(wire.CONTENT.decode(frame.data))
            return self._rare(frame.name, frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
            raise _unreadable() from None

    def close(self) -> Iterable[LlmEvent]:
        """Return nothing, or raise `StreamCut` when the message never ended."""
        if not self._ended:
            raise StreamCut(client.NAME)
        return _NOTHING

    def _rare(self, name: str, data: bytes) -> Iterable[LlmEvent]:
        if self._ended or data == b"[DONE]":
            return _NOTHING
        match name:
            case "content-start":
                return self._open_content(wire.CONTENT.decode(data))
            case "content-end":
                index = wire.ENDING.decode(data).index
                part = self._thoughts.pop(index, None)
                return _NOTHING if part is None else (PartEnded(0, part),)
            case "tool-plan-delta":
                return self._planned(wire.PLAN.decode(data).delta.message.tool_plan)
            case "tool-call-start":
                return self._open_call(wire.TOOL_CALL.decode(data))
            case "tool-call-delta":
                return self._argued(wire.TOOL_CALL.decode(data))
            case "tool-call-end":
                return self._close_call(wire.ENDING.decode(data).index)
            case "citation-start":
                return self._cited(wire.CITATION.decode(data).delta.message.citations)
            case "message-start" if not self._started:
                self._started = True
                started = Started(wire.START.decode(data).id, self._reading.model)
                return (started, *(Noticed(notice) for notice in self._reading.notices))
            case "message-end":
                return self._end(wire.END.decode(data).delta)
            case "" | "message":
                # Some hosts send data lines alone; the object says what it is.
                known = wire.NAMED.decode(data).type
                return self.feed(Frame(known, data)) if known not in {"", "message"} else _NOTHING
            case _:
                return _NOTHING  # `debug`, `citation-end`, and whatever is added one day.

    # --- content ---------------------------------------------------------------------------------

    def _content(self, event: wire.Content) -> Iterable[LlmEvent]:
        piece = event.delta.message.content
        part = self._texts.get(event.index)
        if part is not None and piece.text is not None:
            if event.logprobs is not None:
                told = LogprobDelta(0, (answer.logprob(event.logprobs),))
                return (TextDelta(0, part, piece.text), told) if piece.text else (told,)
            return (TextDelta(0, part, piece.text),) if piece.text else _NOTHING
        part = self._thoughts.get(event.index)
        if part is not None and piece.thinking:
            return (ReasoningDelta(0, part, piece.thinking),)
        return _NOTHING

    def _open_content(self, event: wire.Content) -> Iterable[LlmEvent]:
        piece = event.delta.message.content
        shell: Part
        if piece.type == "thinking":
            shell, opened = Reasoning(), self._thoughts
        else:
            shell, opened = Text(""), self._texts
        opened[event.index] = self._next
        return (*self._close_plan(), self._open(shell), *self._content(event))

    def _open(self, shell: Part) -> PartStarted:
        self._next += 1
        return PartStarted(0, self._next - 1, shell)

    def _cited(self, native: dict[str, Any]) -> Iterable[LlmEvent]:
        place = answer.cited_place(native, list(self._texts))
        if place is None:
            self._loose.append(native)
            return _NOTHING
        return (CitationDelta(0, self._texts[place], answer.citation(native)),)

    # --- plans and calls -------------------------------------------------------------------------

    def _planned(self, text: str) -> Iterable[LlmEvent]:
        if not text:
            return _NOTHING
        if self._plan is not None:
            return (ReasoningDelta(0, self._plan, text),)
        self._plan = self._next
        return (self._open(Reasoning(kind="plan")), ReasoningDelta(0, self._plan, text))

    def _close_plan(self) -> Iterable[LlmEvent]:
        if self._plan is None:
            return _NOTHING
        part, self._plan = self._plan, None
        return (PartEnded(0, part),)

    def _open_call(self, event: wire.ToolCall) -> Iterable[LlmEvent]:
        self._calls[event.index] = self._next
        self._silent.add(event.index)
        started = self._open(answer.tool_call(event.delta.message.tool_calls, self._reading))
        return (*self._close_plan(), started, *self._argued(event))

    def _argued(self, event: wire.ToolCall) -> Iterable[LlmEvent]:
        function = event.delta.message.tool_calls.function
        if function is None or not function.arguments:
            return _NOTHING
        self._silent.discard(event.index)
        return (ArgumentsDelta(0, self._calls[event.index], function.arguments),)

    def _close_call(self, index: int) -> Iterable[LlmEvent]:
        part = self._calls.pop(index)
        if index in self._silent:
            self._silent.remove(index)
            return (ArgumentsDelta(0, part, "{}"), PartEnded(0, part))
        return (PartEnded(0, part),)

    # --- the end ---------------------------------------------------------------------------------

    def _end(self, ending: wire.EndDelta) -> Iterable[LlmEvent]:
        if ending.error is not None or ending.finish_reason in answer.FAILED:
            raise client.stream_fault(ending.finish_reason, ending.error)
        if not self._started:
            return _NOTHING
        self._ended = True
        events = [*self._close_plan()]
        for index in tuple(self._calls):
            events += self._close_call(index)
        events += (PartEnded(0, part) for part in (*self._thoughts.values(), *self._texts.values()))
        if self._loose:
            part = self._next
            events += (self._open(answer.citations(self._loose)), PartEnded(0, part))
        return (
            *events,
            UsageUpdate(answer.usage(ending.usage)),
            Finished(0, answer.finish(ending.finish_reason)),
            Ended(),
        )


def _unreadable() -> ProviderError:
    return ProviderError(
        Kind.BAD_RESPONSE,
        "the provider's stream held an event that could not be read",
        provider=client.NAME,
        code="bad_upstream_response",
        phase=Phase.STREAM,
    )
