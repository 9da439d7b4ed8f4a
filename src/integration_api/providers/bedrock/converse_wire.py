"""The JSON of Converse and ConverseStream: only the fields we read.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct

Json = dict[str, Any]


class Camel(Struct, rename="camel", gc=False):
    """Fields are spelled as AWS spells them."""


class ToolUse(Camel):
    tool_use_id: str = ""
    name: str = ""
    input: Raw = Raw(b"")
    type: str | None = None


class ReasoningText(Camel):
    text: str = ""
    signature: str | None = None


class ReasoningContent(Camel):
    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class Words(Camel):
    text: str = ""


class CitationsContent(Camel):
    content: list[Words] = []
    citations: list[Json] = []


class ImageSource(Camel):
    bytes: str | None = None


class Image(Camel):
    format: str = "png"
    source: ImageSource = msgspec.field(default_factory=ImageSource)


class Block(Camel):
    """One content block: exactly one of these, or something newer."""

    text: str | None = None
    tool_use: ToolUse | None = None
    reasoning_content: ReasoningContent | None = None
    citations_content: CitationsContent | None = None
    image: Image | None = None
    tool_result: Json | None = None


class Message(Camel):
    content: list[Raw] = []


class Output(Camel):
    message: Message = msgspec.field(default_factory=Message)


class CacheDetail(Camel):
    ttl: str = ""
    input_tokens: int = 0


class Usage(Camel):
    """Counts; a second spelling of two of them is all that Nova's own language has."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    cache_read_input_token_count: int | None = None
    cache_write_input_token_count: int | None = None
    cache_details: list[CacheDetail] = []
    server_tool_usage: Json = {}


class Tier(Camel):
    type: str | None = None


class Answer(Camel):
    """A whole answer."""

    output: Output
    stop_reason: str = ""
    usage: Usage = msgspec.field(default_factory=Usage)
    service_tier: Tier | None = None
    trace: Json | None = None
    additional_model_response_fields: Any = None


class ServerResult(Camel):
    tool_use_id: str = ""
    type: str | None = None
    status: str | None = None


class Start(Camel):
    tool_use: ToolUse | None = None
    tool_result: ServerResult | None = None
    image: Image | None = None


class BlockStart(Camel):
    content_block_index: int
    start: Start = msgspec.field(default_factory=Start)


class ToolInput(Camel):
    input: str = ""


class ReasoningDelta(Camel):
    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class Delta(Camel):
    text: str | None = None
    tool_use: ToolInput | None = None
    reasoning_content: ReasoningDelta | None = None
    citation: Json | None = None
    image: Image | None = None
    tool_result: list[Json] | None = None


class BlockDelta(Camel):
    content_block_index: int
    delta: Delta = msgspec.field(default_factory=Delta)


class BlockStop(Camel):
    content_block_index: int


class MessageStop(Camel):
    stop_reason: str = ""
    additional_model_response_fields: Any = None


class Metadata(Camel):
    usage: Usage = msgspec.field(default_factory=Usage)
    service_tier: Tier | None = None
    trace: Json | None = None


class Count(Camel):
    input_tokens: int


ANSWER = msgspec.json.Decoder(Answer)
BLOCK = msgspec.json.Decoder(Block)
BLOCK_START = msgspec.json.Decoder(BlockStart)
BLOCK_DELTA = msgspec.json.Decoder(BlockDelta)
BLOCK_STOP = msgspec.json.Decoder(BlockStop)
MESSAGE_STOP = msgspec.json.Decoder(MessageStop)
METADATA = msgspec.json.Decoder(Metadata)
COUNT = msgspec.json.Decoder(Count)
OBJECT = msgspec.json.Decoder(Json)
