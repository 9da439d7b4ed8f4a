"""An answer of ConverseStream: events in, from `messageStart` to `metadata`.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from integration_api.core.errors import StreamCut
from integration_api.core.exchange import Frame
from integration_api.core.llm import (
    Annotated,
    ArgumentsDelta,
    CitationDelta,
    Ended,
    Finish,
    Finished,
    LlmEvent,
    Media,
    MediaDelta,
    Noticed,
    Part,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    ServerToolCall,
    ServerToolResult,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    ToolCall,
    UsageUpdate,
)
from integration_api.dialects.anthropic_messages_answer import custom_input
from integration_api.dialects.aws_event_stream import AwsEventStream
from integration_api.providers.bedrock import client
from integration_api.providers.bedrock import converse_answer as answer
from integration_api.providers.bedrock import converse_wire as wire
from integration_api.providers.bedrock.refusals import stream_fault, unreadable_event

_NOTHING: Final[tuple[LlmEvent, ...]] = ()


class _Open:
    """The block that is being said: they come one after another."""

    __slots__ = ("index", "json", "part", "result", "shell")

    def __init__(self, index: int, part: int, shell: Part) -> None:
        self.index = index
        self.part = part
        self.shell = shell
        self.json: list[str] = []
        """A tool's input, for those who want it whole."""
        self.result: dict[str, Any] = {}
        """What a server's tool gave, while it comes."""


class Reader:
    """Reads one answer. `opened` is told the headers first: the answer's id is in them alone."""

    __slots__ = (
        "_ended",
        "_finish",
        "_framing",
        "_id",
        "_metadata",
        "_next",
        "_open",
        "_reading",
        "_started",
        "_text",
    )

    def __init__(self, reading: answer.Reading, framing: AwsEventStream) -> None:
        self._reading = reading
        self._framing = framing
        self._id = ""
        self._started = False
        self._open: _Open | None = None
        self._text = -1
        """Index of the open block while that is a text: nearly every event belongs to one."""
        self._next = 0
        self._finish: Finish | None = None
        self._metadata: wire.Metadata | None = None
        self._ended = False

    def opened(self, headers: Mapping[str, str]) -> None:
        self._id = headers.get("x-amzn-requestid", "")

    def feed(self, frame: Frame) -> Iterable[LlmEvent]:
        try:
            if frame.name == "contentBlockDelta":
                event = wire.BLOCK_DELTA.decode(frame.data)
                text = event.delta.text
                if text is not None and event.content_block_index == self._text:
                    return (TextDelta(0, self._next - 1, text),) if text else _NOTHING
                return (*self._start(), *self._delta(event))
            return self._rare(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise unreadable_event() from None

    def close(self) -> Iterable[LlmEvent]:
        """Return the ending that nothing counted, or raise `StreamCut` when there was none or it was cut."""
        if self._ended:
            return _NOTHING
        if self._finish is None or self._framing.rest:
            raise StreamCut(client.NAME)
        return self._ending(self._finish, wire.Metadata())

    def _ending(self, finish: Finish, said: wire.Metadata) -> tuple[LlmEvent, ...]:
        self._ended = True
        tier = said.service_tier.type if said.service_tier else None
        told: tuple[LlmEvent, ...] = (UsageUpdate(answer.usage(said.usage), tier),)
        if said.trace:
            told += (Annotated(prompt_feedback=said.trace),)
        return (Finished(0, finish), *told, Ended())

    def _rare(self, frame: Frame) -> Iterable[LlmEvent]:
        if self._ended:
            return _NOTHING
        match frame.name:
            case "contentBlockStart":
                event = wire.BLOCK_START.decode(frame.data)
                return (*self._start(), *self._begin(event.content_block_index, event.start))
            case "contentBlockStop":
                index = wire.BLOCK_STOP.decode(frame.data).content_block_index
                open = self._open
                # Nova's own stream stops a text after each piece of it: only what follows tells.
                if open is None or open.index != index or isinstance(open.shell, Text):
                    return _NOTHING
                return self._end()
            case "messageStart":
                return self._start()
            case "messageStop":
                stop = wire.MESSAGE_STOP.decode(frame.data)
                ended = (*self._start(), *self._end())
                self._finish = answer.finish(
                    stop.stop_reason, stop.additional_model_response_fields, empty=not self._next
                )
                counted = self._metadata
                return ended if counted is None else (*ended, *self._ending(self._finish, counted))
            case "metadata":
                self._metadata = wire.METADATA.decode(frame.data)
                return _NOTHING if self._finish is None else self._ending(self._finish, self._metadata)
            case name if ":" in name:
                raise stream_fault(frame)
            case _:
                return _NOTHING  # AWS adds events as models learn more.

    def _start(self) -> tuple[LlmEvent, ...]:
        if self._started:
            return _NOTHING
        self._started = True
        reading = self._reading
        return (
            Started(self._id, reading.model),
            *(Noticed(notice) for notice in reading.notices),
        )

    def _begin(self, index: int, start: wire.Start) -> tuple[LlmEvent, ...]:
        """Open a block that announces itself. A text may do so, and says nothing by it."""
        use, result = start.tool_use, start.tool_result
        if use is not None and use.type == answer.SERVER_TOOL:
            call = ServerToolCall(use.tool_use_id, use.name, origin=self._reading.origin)
            return self._enter(index, call)[1]
        if use is not None:
            return self._enter(index, answer.tool_call(use, self._reading))[1]
        if result is not None:
            told = {"toolUseId": result.tool_use_id, "type": result.type, "status": result.status}
            known = {name: value for name, value in told.items() if value is not None}
            open, events = self._enter(index, answer.server_result(known, self._reading.origin))
            open.result = {**known, "content": []}
            return events
        if start.image is not None:
            return self._enter(index, answer.image(start.image))[1]
        return _NOTHING

    def _delta(self, event: wire.BlockDelta) -> tuple[LlmEvent, ...]:
        index, delta = event.content_block_index, event.delta
        open = self._open
        first: tuple[LlmEvent, ...] = ()
        if open is None or open.index != index:
            shell = self._shell(delta)
            if shell is None:
                return _NOTHING
            open, first = self._enter(index, shell)
        part = open.part
        match open.shell:
            case Text():
                if delta.text:
                    return (*first, TextDelta(0, part, delta.text))
                if delta.citation is not None:
                    return (*first, CitationDelta(0, part, answer.citation(delta.citation)))
            case Reasoning() if delta.reasoning_content is not None:
                said = delta.reasoning_content
                if said.text:
                    return (*first, ReasoningDelta(0, part, said.text))
                if said.signature:
                    signature = answer.signed(said.signature, self._reading.origin)
                    return (*first, SignatureDelta(0, part, signature))
            case ToolCall(kind=kind) if delta.tool_use is not None and delta.tool_use.input:
                open.json.append(delta.tool_use.input)
                if kind == "function":
                    return (ArgumentsDelta(0, part, delta.tool_use.input),)
            case ServerToolCall() if delta.tool_use is not None and delta.tool_use.input:
                open.json.append(delta.tool_use.input)
                return (ArgumentsDelta(0, part, delta.tool_use.input),)
            case ServerToolResult() if delta.tool_result is not None:
                open.result["content"] += delta.tool_result
            case Media() if delta.image is not None and delta.image.source.bytes:
                return (*first, MediaDelta(0, part, delta.image.source.bytes))
            case _:
                pass
        return first

    def _shell(self, delta: wire.Delta) -> Part | None:
        """Return what a block is that begins with its first delta."""
        said = delta.reasoning_content
        if delta.text is not None or delta.citation is not None:
            return Text("")
        if said is not None:
            if said.redacted_content is not None:
                return answer.hidden(said.redacted_content, self._reading.origin)
            return Reasoning()
        if delta.image is not None:
            return answer.image(wire.Image())
        return None

    def _enter(self, index: int, shell: Part) -> tuple[_Open, tuple[LlmEvent, ...]]:
        ended = self._end()
        self._open = open = _Open(index, self._next, shell)
        self._text = index if isinstance(shell, Text) else -1
        self._next += 1
        return open, (*ended, PartStarted(0, open.part, shell))

    def _end(self) -> tuple[LlmEvent, ...]:
        open, self._open, self._text = self._open, None, -1
        if open is None:
            return _NOTHING
        said = "".join(open.json)
        match open.shell:
            case ToolCall(kind="custom"):
                given = ArgumentsDelta(0, open.part, custom_input(said or "{}"))
                return (given, PartEnded(0, open.part))
            case ToolCall() if not said:
                return (ArgumentsDelta(0, open.part, "{}"), PartEnded(0, open.part))
            case ServerToolCall(id=id, name=name):
                whole = answer.server_call(id, name, said or "{}", self._reading.origin)
                return (PartEnded(0, open.part, whole),)
            case ServerToolResult():
                result = answer.server_result(open.result, self._reading.origin)
                return (PartEnded(0, open.part, result),)
            case _:
                return (PartEnded(0, open.part),)
