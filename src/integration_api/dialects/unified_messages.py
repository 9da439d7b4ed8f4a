"""Conversations and tools of the unified service, as turns and tools of our own, and answers back."""

from collections.abc import Iterable, Sequence

import msgspec

from integration_api.core.errors import Failure, Kind
from integration_api.core.json import Json
from integration_api.core.llm import (
    Message,
    Part,
    RefusalText,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from integration_api.dialects.unified_carried import carried, uncarried, well_formed
from integration_api.dialects.unified_values import invalid
from integration_api.proto import common_pb2 as common
from integration_api.proto import unified_pb2 as wire

DEEPEST = 32
"""How deep the parameters of a tool may be nested."""


def read_messages(given: Sequence[common.Message]) -> tuple[Message, ...]:
    """Return the turns; tool messages that follow one another become one.

    Raises `Failure(INVALID_REQUEST)` naming the message at fault.
    """
    if not given:
        raise no_messages()
    return turns_of(_turn(message, f"conversations[{number}]") for number, message in enumerate(given))


def no_messages() -> Failure:
    return Failure(
        Kind.INVALID_REQUEST,
        "conversations must hold at least one message",
        code="missing_required_parameter",
        param="conversations",
    )


def turns_of(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return the messages, the tool messages among them that follow one another made one."""
    turns: list[Message] = []
    for message in messages:
        if message.role is Role.TOOL and turns and turns[-1].role is Role.TOOL:
            turns[-1] = Message(Role.TOOL, turns[-1].parts + message.parts)
        elif message.role is not Role.TOOL or message.parts:
            turns.append(message)
    return tuple(turns)


def _turn(message: common.Message, param: str) -> Message:
    match message.WhichOneof("message"):
        case "user":
            return Message(Role.USER, (Text(message.user.content),))
        case "assistant":
            return _answer(message.assistant, f"{param}.assistant")
        case "tool":
            return Message(Role.TOOL, tuple(_results(message.tool, f"{param}.tool")))
        case "system":
            role = Role.DEVELOPER if message.role == Role.DEVELOPER else Role.SYSTEM
            return Message(role, (Text(message.system.content),))
        case _:
            raise invalid("expected one of user, assistant, tool, system", param)


def _results(message: common.ToolMessage, param: str) -> Iterable[ToolResult]:
    for number, tool in enumerate(message.tools):
        if not tool.id:
            raise invalid(
                "a tool's result needs the id of the call it answers", f"{param}.tools[{number}].id"
            )
        yield ToolResult(tool.id, (Text(tool.content),) if tool.content else (), tool.name or None)


def _answer(message: common.AssistantMessage, param: str) -> Message:
    parts: list[Part] = [Text(text) for text in message.contents if text]
    parts += read_calls(message.toolCalls, param)
    return whole_answer(parts, message.carried, param)


def read_calls(given: Sequence[common.ToolCall], param: str) -> Iterable[ToolCall]:
    """Yield the calls of an answer. Raises `Failure(INVALID_REQUEST)`."""
    for number, call in enumerate(given):
        if not call.id:
            raise invalid("a tool call needs an id", f"{param}.toolCalls[{number}].id")
        if not call.function.name:
            raise invalid("a tool call needs its function's name", f"{param}.toolCalls[{number}].function")
        custom = call.type == "custom"
        arguments = call.function.arguments
        yield ToolCall(
            call.id,
            call.function.name,
            arguments if custom else arguments or "{}",
            "custom" if custom else "function",
        )


def whole_answer(said: Sequence[Part], packed: bytes, param: str) -> Message:
    """Return an answer as the model gave it, where that was carried, and else as its message says it."""
    if not packed:
        return Message(Role.ASSISTANT, tuple(said))
    try:
        whole = uncarried(packed, said)
    except (msgspec.DecodeError, RecursionError):
        raise invalid("hand it back as it came, or leave it out", f"{param}.carried") from None
    return Message(Role.ASSISTANT, tuple(said) if whole is None else whole)


def read_tools(given: Sequence[wire.ToolDefinition]) -> tuple[Tool, ...]:
    """Return the tools, in their order. Raises `Failure(INVALID_REQUEST)`."""
    tools = []
    for number, tool in enumerate(given):
        function = tool.functionDefinition
        param = f"toolDefinitions[{number}].functionDefinition"
        if not function.name:
            raise invalid("a tool needs its function's name", param)
        tools.append(
            Tool(
                name=function.name,
                description=function.description or None,
                schema=(_schema(function.parameters, param, 1) if function.HasField("parameters") else None),
            )
        )
    return tuple(tools)


def _schema(given: wire.FunctionParameter, param: str, depth: int) -> dict[str, Json]:
    """Return a JSON Schema. Properties come by name: the wire keeps no order of theirs."""
    if depth > DEEPEST:
        raise invalid("the parameters are nested too deep", param)
    schema: dict[str, Json] = {"type": given.type or "object"}
    if given.properties or schema["type"] == "object":
        schema["properties"] = {
            name: _property(given.properties[name], param, depth) for name in sorted(given.properties)
        }
    if given.required:
        schema["required"] = list(given.required)
    return schema


def _property(given: wire.FunctionParameterProperty, param: str, depth: int) -> dict[str, Json]:
    schema: dict[str, Json] = {"type": given.type} if given.type else {}
    if given.description:
        schema["description"] = given.description
    if given.enum:
        schema["enum"] = list(given.enum)
    if given.HasField("items"):
        items = _schema(given.items, param, depth + 1)
        if given.type == "object":  # The wire has one place for what an array and an object are made of.
            schema |= {name: items[name] for name in ("properties", "required") if name in items}
        else:
            schema["items"] = items
    return schema


def write_message(parts: Sequence[Part]) -> common.Message:
    """Return a whole answer: its texts as one, then its calls. Thoughts and media are only carried."""
    text = "".join(part.text for part in parts if isinstance(part, Text | RefusalText))
    message = common.Message(role="assistant")
    message.assistant.SetInParent()
    if text:
        message.assistant.contents.append(well_formed(text))
    message.assistant.toolCalls.extend(write_calls(parts))
    message.assistant.carried = carried(parts)
    return message


def write_calls(parts: Sequence[Part]) -> Iterable[common.ToolCall]:
    """Yield the calls of an answer."""
    for part in parts:
        if isinstance(part, ToolCall):
            yield common.ToolCall(
                id=part.id,
                type=part.kind,
                function=common.FunctionCall(name=part.name, arguments=well_formed(part.arguments)),
            )
