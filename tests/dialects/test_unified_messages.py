"""Conversations and tools of the unified service, read and written."""

import pytest

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import Message, RefusalText, Role, Text, Tool, ToolCall, ToolResult
from integration_api.dialects.unified_messages import DEEPEST, read_messages, read_tools, write_message
from integration_api.proto import common_pb2 as common
from integration_api.proto import unified_pb2 as wire
from tests.rpc.caller import function, system, user

CALL = ToolCall("call_1", "get_weather", '{"city": "Kyiv"}')
SECOND = ToolCall("call_2", "get_time", "{}")


def assistant(*contents: str, calls: tuple[ToolCall, ...] = (), role: str = "assistant") -> common.Message:
    made = common.AssistantMessage(contents=contents)
    for call in calls:
        made.toolCalls.add(
            id=call.id,
            type=call.kind,
            function=common.FunctionCall(name=call.name, arguments=call.arguments),
        )
    return common.Message(role=role, assistant=made)


def tool(*results: tuple[str, str]) -> common.Message:
    tools = [common.ToolMessage.Tool(id=id, name=f"name of {id}", content=content) for id, content in results]
    return common.Message(role="tool", tool=common.ToolMessage(tools=tools))


def test_a_conversation_in_all_its_roles() -> None:
    found = read_messages(
        [
            system("Be brief."),
            common.Message(role="developer", system=common.SystemMessage(content="And kind.")),
            user("The weather?"),
            assistant("Let me ", "see.", calls=(CALL, SECOND)),
            tool(("call_1", "12 degrees")),
            tool(("call_2", "")),
            assistant("12 degrees."),
        ]
    )
    assert found == (
        Message(Role.SYSTEM, (Text("Be brief."),)),
        Message(Role.DEVELOPER, (Text("And kind."),)),
        Message(Role.USER, (Text("The weather?"),)),
        Message(Role.ASSISTANT, (Text("Let me "), Text("see."), CALL, SECOND)),
        Message(
            Role.TOOL,
            (
                ToolResult("call_1", (Text("12 degrees"),), "name of call_1"),
                ToolResult("call_2", (), "name of call_2"),
            ),
        ),
        Message(Role.ASSISTANT, (Text("12 degrees."),)),
    )


@pytest.mark.parametrize("role", ["", "assistant", "model", "chatbot", "user"])
def test_what_a_message_is_decides_and_not_its_role(role: str) -> None:
    (_, found) = read_messages([user("hi"), assistant("hello", role=role)])
    assert found == Message(Role.ASSISTANT, (Text("hello"),))


def test_results_end_with_the_turn_that_follows() -> None:
    found = read_messages([user("a"), assistant(calls=(CALL,)), tool(("call_1", "x")), user("b")])
    assert [message.role for message in found] == [Role.USER, Role.ASSISTANT, Role.TOOL, Role.USER]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    bare = ToolCall("call_1", "get_time", "")
    free = ToolCall("call_2", "note", "", "custom")
    (_, found) = read_messages([user("a"), assistant(calls=(bare, free))])
    assert [part.arguments for part in found.parts if isinstance(part, ToolCall)] == ["{}", ""]


WRONG = {
    "nothing": ([], "conversations"),
    "no message": ([user("a"), common.Message(role="user")], "conversations[1]"),
    "a call without an id": (
        [user("a"), assistant(calls=(ToolCall("", "f", "{}"),))],
        "conversations[1].assistant.toolCalls[0].id",
    ),
    "a call of nothing": (
        [user("a"), assistant(calls=(CALL, ToolCall("x", "", "{}")))],
        "conversations[1].assistant.toolCalls[1].function",
    ),
    "a result of nothing": (
        [user("a"), assistant(calls=(CALL,)), tool(("call_1", "x"), ("", "y"))],
        "conversations[2].tool.tools[1].id",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(case: str) -> None:
    given, param = WRONG[case]
    with pytest.raises(Failure) as refused:
        read_messages(given)
    assert (refused.value.kind, refused.value.param) == (Kind.INVALID_REQUEST, param)


# --- tools ------------------------------------------------------------------------------------


def properties(**given: wire.FunctionParameterProperty) -> wire.ToolDefinition:
    parameters = wire.FunctionParameter(type="object", required=["a"], properties=given)
    return wire.ToolDefinition(
        functionDefinition=wire.FunctionDefinition(name="f", description="does f", parameters=parameters)
    )


def test_tools_become_json_schemas() -> None:
    words = wire.FunctionParameterProperty(
        type="array", description="some words", items=wire.FunctionParameter(type="string")
    )
    inner = wire.FunctionParameter(
        type="object",
        required=["x"],
        properties={"x": wire.FunctionParameterProperty(type="number")},
    )
    place = wire.FunctionParameterProperty(type="object", items=inner)
    places = wire.FunctionParameterProperty(type="array", items=inner)
    unit = wire.FunctionParameterProperty(type="string", enum=["C", "F"])
    x = {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}
    assert read_tools([properties(words=words, unit=unit, place=place, places=places)]) == (
        Tool(
            name="f",
            description="does f",
            schema={
                "type": "object",
                "properties": {
                    "place": x,
                    "places": {"type": "array", "items": x},
                    "unit": {"type": "string", "enum": ["C", "F"]},
                    "words": {"type": "array", "description": "some words", "items": {"type": "string"}},
                },
                "required": ["a"],
            },
        ),
    )


def test_tools_keep_their_order_and_properties_come_by_name() -> None:
    found = read_tools([function("z", b="string", a="string"), function("a")])
    assert [one.name for one in found] == ["z", "a"]
    assert found[0].schema is not None
    assert list(found[0].schema["properties"]) == ["a", "b"]


def test_a_tool_without_parameters() -> None:
    bare = wire.ToolDefinition(type="function", functionDefinition=wire.FunctionDefinition(name="now"))
    assert read_tools([bare]) == (Tool(name="now"),)


def test_tools_nested_without_end_are_refused() -> None:
    inner = wire.FunctionParameter(type="string")
    for _ in range(DEEPEST + 1):
        item = wire.FunctionParameterProperty(type="object", items=inner)
        inner = wire.FunctionParameter(type="object", properties={"x": item})
    deep = wire.ToolDefinition(functionDefinition=wire.FunctionDefinition(name="f", parameters=inner))
    with pytest.raises(Failure) as refused:
        read_tools([deep])
    assert refused.value.param == "toolDefinitions[0].functionDefinition"


@pytest.mark.parametrize("type", ["", "function", "tool"])
def test_a_tool_needs_its_function(type: str) -> None:
    with pytest.raises(Failure) as refused:
        read_tools([function("f"), wire.ToolDefinition(type=type)])
    assert refused.value.param == "toolDefinitions[1].functionDefinition"


# --- answers ----------------------------------------------------------------------------------


def test_an_answer_is_one_text_and_its_calls() -> None:
    found = write_message((Text("Let me "), Text("see."), CALL, ToolCall("n", "note", "free text", "custom")))
    assert found == assistant("Let me see.", calls=(CALL, ToolCall("n", "note", "free text", "custom")))


def test_an_answer_of_nothing_is_an_answer() -> None:
    found = write_message(())
    assert found.WhichOneof("message") == "assistant"
    assert not found.assistant.contents


def test_a_refusal_is_said() -> None:
    assert write_message((RefusalText("I had rather not."),)) == assistant("I had rather not.")


def test_half_a_character_does_no_harm() -> None:
    found = write_message((Text("\ud83d cut"), ToolCall("a", "f", '{"x":"\udc00"}')))
    assert found.assistant.contents == ["? cut"]
    assert found.assistant.toolCalls[0].function.arguments == '{"x":"?"}'
