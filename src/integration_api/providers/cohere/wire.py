"""What is read of Cohere's chat answers, whole and streamed. https://docs.cohere.com/reference/chat"""

from typing import Any

import msgspec
from msgspec import Struct, field


class Piece(Struct, gc=False):
    """A piece of content, or of its delta: one of the two texts."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None


class Function(Struct, gc=False):
    name: str | None = None
    arguments: str | None = None
    """JSON text; null or nothing at all for a call without arguments."""


class Call(Struct, gc=False):
    id: str | None = None
    function: Function | None = None


class Logprobs(Struct):
    """How likely one piece of text was: a number for each of its tokens."""

    text: str = ""
    logprobs: list[float] = []


class Tokens(Struct, gc=False):
    """Counts are floats in Cohere's own types."""

    input_tokens: float | None = None
    output_tokens: float | None = None
    reasoning_tokens: float | None = None
    image_tokens: float | None = None


class Usage(Struct):
    tokens: Tokens | None = None
    billed_units: dict[str, Any] | None = None
    cached_tokens: float | None = None


class Message(Struct):
    content: list[Piece] | None = None
    """Null beside tool calls."""
    tool_plan: str | None = None
    tool_calls: list[Call] | None = None
    citations: list[dict[str, Any]] | None = None


class Answer(Struct):
    id: str
    message: Message
    finish_reason: str = ""
    usage: Usage = field(default_factory=Usage)
    logprobs: list[Logprobs] | None = None


# --- the stream ------------------------------------------------------------------------------


class ContentMessage(Struct, gc=False):
    content: Piece


class ContentDelta(Struct, gc=False):
    message: ContentMessage


class Content(Struct, gc=False):
    """`content-start` and `content-delta`."""

    index: int
    delta: ContentDelta
    logprobs: Logprobs | None = None


class PlanMessage(Struct, gc=False):
    tool_plan: str = ""


class PlanDelta(Struct, gc=False):
    message: PlanMessage


class Plan(Struct, gc=False):
    delta: PlanDelta


class CallMessage(Struct, gc=False):
    tool_calls: Call
    """One call, and not the list that whole answers have."""


class CallDelta(Struct, gc=False):
    message: CallMessage


class ToolCall(Struct, gc=False):
    """`tool-call-start` and `tool-call-delta`; calls are numbered apart from content."""

    index: int
    delta: CallDelta


class CitationMessage(Struct):
    citations: dict[str, Any]
    """One citation, likewise."""


class CitationDelta(Struct):
    message: CitationMessage


class Citation(Struct):
    delta: CitationDelta


class EndDelta(Struct):
    finish_reason: str = ""
    usage: Usage = field(default_factory=Usage)
    error: str | None = None


class End(Struct):
    delta: EndDelta


class Start(Struct, gc=False):
    id: str = ""


class Ending(Struct, gc=False):
    """`content-end` and `tool-call-end`."""

    index: int = 0


class Named(Struct, gc=False):
    type: str = ""


ANSWER = msgspec.json.Decoder(Answer)
CONTENT = msgspec.json.Decoder(Content)
PLAN = msgspec.json.Decoder(Plan)
TOOL_CALL = msgspec.json.Decoder(ToolCall)
CITATION = msgspec.json.Decoder(Citation)
END = msgspec.json.Decoder(End)
START = msgspec.json.Decoder(Start)
ENDING = msgspec.json.Decoder(Ending)
NAMED = msgspec.json.Decoder(Named)
