"""Claude's answer as it streams: events in, from `message_start` to `message_stop`.

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from integration_api.core.errors import StreamCut
from integration_api.core.exchange import Frame
from integration_api.core.json import require_text
from integration_api.core.llm import (
    ArgumentsDelta,
    CitationDelta,
    Ended,
    Finish,
    Finished,
    FinishReason,
    LlmEvent,
    Noticed,
    Part,
    PartEnded,
    PartStarted,
    Ping,
    Reasoning,
    ReasoningDelta,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    UsageUpdate,
)
from integration_api.dialects import anthropic_messages_answer as answer
from integration_api.dialects import anthropic_messages_wire as wire
from integration_api.dialects.anthropic_messages_errors import stream_error, unreadable_event

_NOTHING: Final[tuple[LlmEvent, ...]] = ()
_PING: Final[tuple[LlmEvent, ...]] = (Ping(),)


class _Block:
    """A block while its deltas arrive."""

    __slots__ = ("json", "part", "spoken", "start", "whole")

    def __init__(self, part: int, start: wire.Block, whole: dict[str, Any] | None, *, spoken: bool) -> None:
        self.part = part
        self.start = start
        self.whole = whole
        """The block itself, for kinds whose deltas mean nothing before their end."""
        self.spoken = spoken
        """Whether fragments of arguments go to the caller as they come."""
        self.json: list[str] = []


class Reader:
    """Keeps the open blocks and the counts so far; the text goes straight through."""

    __slots__ = ("_blocks", "_counts", "_ending", "_next", "_reading", "_started", "_stopped", "_text")

    def __init__(self, reading: answer.Reading) -> None:
        self._reading = reading
        self._blocks: dict[int, _Block] = {}
        """Open blocks by Anthropic's index, which starts anew when a message does."""
        self._text = self._next = -1
        """The index of the open text block, when its part has the same number; the last part's number."""
        self._counts: dict[str, Any] = {}
        self._ending = Finish(FinishReason.OTHER)
        self._started = self._stopped = False

    def feed(self, frame: Frame) -> Iterable[LlmEvent]:
        """Return the events that a frame tells.

        Raises `ProviderError` for an `error` event and for one that cannot be read.
        """
        try:
            require_text(frame.data)
            if frame.name == "content_block_delta":
                event = wire.BLOCK_DELTA.decode(frame.data)
                delta = event.delta
                if event.index == self._text and delta.type == "text_delta":
                    return (TextDelta(0, event.index, delta.text),)
                return self._delta(event.index, delta, frame.data)
            return self._rare(frame.name, frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, KeyError):
            raise unreadable_event(self._reading.origin.provider) from None

    def close(self) -> Iterable[LlmEvent]:
        """Return nothing, or raise `StreamCut` when the message never stopped."""
        if not self._stopped:
            raise StreamCut(self._reading.origin.provider)
        return _NOTHING

    def _rare(self, name: str, data: bytes) -> Iterable[LlmEvent]:
        if name == "error":
            raise stream_error(data, self._reading.origin.provider)
        if self._stopped:
            return _NOTHING
        match name:
            case "content_block_start" if self._started:
                start = wire.BLOCK_START.decode(data)
                return self._open(start.index, start.content_block)
            case "content_block_stop":
                index = wire.BLOCK_STOP.decode(data).index
                return self._close(index) if index in self._blocks else _NOTHING
            case "ping":
                return _PING
            case "message_start":
                return self._start(wire.MESSAGE_START.decode(data).message)
            case "message_delta":
                return self._counted(wire.MESSAGE_DELTA.decode(data))
            case "message_stop" if self._started:
                self._stopped = True
                return (*self._close_all(), Finished(0, self._ending), Ended())
            case "" | "message":
                # Some hosts send data lines alone; the object says what it is.
                known = wire.NAMED.decode(data).type
                return self.feed(Frame(known, data)) if known not in {"", "message"} else _NOTHING
            case _:
                return _NOTHING  # Anthropic adds events under the same version.

    def _start(self, message: wire.Opening) -> Iterable[LlmEvent]:
        if self._started:
            # A host that retries behind the scenes opens a message anew: what was open is cut.
            return self._close_all()
        self._started = True
        self._merge(message.usage)
        tier = self._counts.get("service_tier")
        return (
            Started(message.id, message.model, service_tier=tier),
            *(Noticed(notice) for notice in self._reading.notices),
            UsageUpdate(answer.usage(self._counts), tier),
        )

    def _open(self, index: int, raw: msgspec.Raw) -> Iterable[LlmEvent]:
        start = wire.BLOCK.decode(raw)
        cut = self._close(index) if index in self._blocks else _NOTHING
        self._next += 1
        part = self._next
        shell: Part
        first: tuple[LlmEvent, ...] = ()
        whole: dict[str, Any] | None = None
        spoken = False
        match start.type:
            case "text":
                shell = Text("")
                first = tuple(CitationDelta(0, part, answer.citation(c)) for c in start.citations or ())
                if start.text:
                    first = (TextDelta(0, part, start.text), *first)
                if part == index:
                    self._text = index
            case "thinking":
                shell = Reasoning()
                if start.thinking:
                    first = (ReasoningDelta(0, part, start.thinking),)
                if start.signature:
                    first = (*first, self._signed(part, start.signature))
            case "tool_use":
                shell = answer.tool_call(start, self._reading)
                spoken = shell.kind == "function"
            case "redacted_thinking":
                shell = answer.part(raw, start, self._reading)
            case _:
                whole = wire.OBJECT.decode(raw)
                shell = answer.foreign(dict(whole), self._reading.origin)
        self._blocks[index] = _Block(part, start, whole, spoken=spoken)
        return (*cut, PartStarted(0, part, shell), *first)

    def _delta(self, index: int, delta: wire.Delta, data: bytes) -> Iterable[LlmEvent]:
        block = self._blocks.get(index)
        if block is None or self._stopped:
            return _NOTHING
        match delta.type, block.start.type:
            case "input_json_delta", _:
                if not delta.partial_json:
                    return _NOTHING
                block.json.append(delta.partial_json)
                return (ArgumentsDelta(0, block.part, delta.partial_json),) if block.spoken else _NOTHING
            case "text_delta", "text":
                return (TextDelta(0, block.part, delta.text),)
            case "thinking_delta", "thinking":
                return (ReasoningDelta(0, block.part, delta.thinking),) if delta.thinking else _NOTHING
            case "signature_delta", "thinking":
                return (self._signed(block.part, delta.signature),)
            case "citations_delta", "text":
                found = wire.WHOLE_DELTA.decode(data).delta["citation"]
                return (CitationDelta(0, block.part, answer.citation(found)),)
            case _:
                if block.whole is not None:
                    _grow(block.whole, wire.WHOLE_DELTA.decode(data).delta)
                return _NOTHING

    def _close(self, index: int) -> tuple[LlmEvent, ...]:
        block = self._blocks.pop(index)
        if index == self._text:
            self._text = -1
        if block.whole is not None:
            if block.json:
                block.whole["input"] = _parsed("".join(block.json))
            return (PartEnded(0, block.part, answer.foreign(block.whole, self._reading.origin)),)
        if block.start.type == "tool_use":
            said = "".join(block.json)
            arguments = said or bytes(block.start.input).decode() or "{}"
            if not block.spoken:
                arguments = answer.custom_input(arguments)
                return (ArgumentsDelta(0, block.part, arguments), PartEnded(0, block.part))
            if not said:
                return (ArgumentsDelta(0, block.part, arguments), PartEnded(0, block.part))
        return (PartEnded(0, block.part),)

    def _close_all(self) -> tuple[LlmEvent, ...]:
        return tuple(event for index in tuple(self._blocks) for event in self._close(index))

    def _counted(self, event: wire.MessageDelta) -> Iterable[LlmEvent]:
        if event.delta.stop_reason is not None:
            ending = event.delta
            self._ending = answer.finish(ending.stop_reason, ending.stop_sequence, ending.stop_details)
        if not self._started or not event.usage:
            return _NOTHING
        self._merge(event.usage)
        return (UsageUpdate(answer.usage(self._counts), self._counts.get("service_tier")),)

    def _merge(self, counts: dict[str, Any]) -> None:
        """Counts are cumulative: a later one replaces an earlier one, and null says nothing."""
        for name, value in counts.items():
            if value is not None:
                self._counts[name] = value

    def _signed(self, part: int, signature: str) -> SignatureDelta:
        return SignatureDelta(0, part, answer.sealed(signature, self._reading.origin))


def _grow(whole: dict[str, Any], delta: dict[str, Any]) -> None:
    """Add a delta of an unknown kind to its block: text to text, anything else in place."""
    for name, value in delta.items():
        if name != "type":
            before = whole.get(name)
            whole[name] = before + value if isinstance(before, str) and isinstance(value, str) else value


def _parsed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:  # cut short
        return text
