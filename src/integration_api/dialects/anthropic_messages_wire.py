"""The JSON Anthropic sends: only the fields we read.

https://platform.claude.com/docs/en/api/messages. Unknown fields are skipped, and
blocks of unknown kinds are kept whole as the JSON they came in.
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct

Json = dict[str, Any]


class StopDetails(Struct):
    category: str | None = None
    explanation: str | None = None


class Block(Struct):
    """Any content block: fields of the kinds that are parsed, defaults for the others."""

    type: str
    id: str = ""
    name: str = ""
    text: str = ""
    citations: list[Json] | None = None
    thinking: str = ""
    signature: str = ""
    data: str = ""
    input: Raw = Raw(b"")
    tool_use_id: str = ""
    caller: Json | None = None
    toolset_name: str | None = None


class Message(Struct):
    """A whole answer."""

    id: str
    model: str
    content: list[Raw]
    usage: Json = {}
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class Opening(Struct):
    """The message of `message_start`: nothing said yet."""

    id: str
    model: str
    usage: Json = {}


class MessageStart(Struct):
    message: Opening


class BlockStart(Struct):
    index: int
    content_block: Raw


class Delta(Struct, gc=False):
    type: str
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""


class BlockDelta(Struct, gc=False):
    index: int
    delta: Delta


class WholeDelta(Struct):
    """A delta of a rare kind, with everything in it."""

    index: int
    delta: Json


class BlockStop(Struct):
    index: int


class Ending(Struct):
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class MessageDelta(Struct):
    delta: Ending
    usage: Json = {}


class Named(Struct):
    """What an event is called, where the stream has data lines alone."""

    type: str = ""


class ErrorDetails(Struct):
    error_code: str | None = None


class ErrorBody(Struct):
    type: str = ""
    message: str = ""
    details: ErrorDetails | None = None


class Refusal(Struct):
    error: ErrorBody
    request_id: str | None = None


class Model(Struct):
    id: str
    display_name: str | None = None
    created_at: str | None = None
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    lifecycle: str | None = None
    capabilities: Json | None = None


class Models(Struct):
    data: list[Model]
    has_more: bool = False
    last_id: str | None = None


class Count(Struct):
    input_tokens: int


MESSAGE = msgspec.json.Decoder(Message)
BLOCK = msgspec.json.Decoder(Block)
MESSAGE_START = msgspec.json.Decoder(MessageStart)
BLOCK_START = msgspec.json.Decoder(BlockStart)
BLOCK_DELTA = msgspec.json.Decoder(BlockDelta)
WHOLE_DELTA = msgspec.json.Decoder(WholeDelta)
BLOCK_STOP = msgspec.json.Decoder(BlockStop)
MESSAGE_DELTA = msgspec.json.Decoder(MessageDelta)
NAMED = msgspec.json.Decoder(Named)
REFUSAL = msgspec.json.Decoder(Refusal)
MODELS = msgspec.json.Decoder(Models)
COUNT = msgspec.json.Decoder(Count)
OBJECT = msgspec.json.Decoder(Json)
