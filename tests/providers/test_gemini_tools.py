"""Gemini's schemas and tools, the caller's and Google's own."""

import json

import msgspec
import pytest

from integration_api.core.llm import (
    Message,
    Native,
    Output,
    Role,
    ServerToolCall,
    ServerToolResult,
    Text,
    Tool,
    ToolChoice,
)
from tests.providers.gemini import (
    BUDGETED,
    NEW,
    OLD,
    STOP,
    ask,
    body,
    chunk,
    notices,
    whole,
)
from tests.providers.unified import CLOCK, SCHEMA, WEATHER, user

# --- schemas and tools ---------------------------------------------------------------------------

DEEP = {
    "$defs": {"city": {"type": "object", "properties": {"name": {"type": "string", "minLength": 1}}}},
    "type": "object",
    "properties": {
        "city": {"$ref": "#/$defs/city"},
        "days": {"type": ["integer", "null"], "exclusiveMinimum": 0},
        "kind": {"const": "trip"},
        "size": {"enum": [1, 2, None]},
        "when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "either": {"oneOf": [{"type": "string"}, {"type": "number"}]},
        "both": {"allOf": [{"type": "object", "properties": {"a": {"type": "boolean"}}}]},
        "any": True,
    },
    "additionalProperties": False,
}
SAID = {
    "type": "OBJECT",
    "properties": {
        "city": {"type": "OBJECT", "properties": {"name": {"type": "STRING", "minLength": 1}}},
        "days": {"type": "INTEGER", "nullable": True, "minimum": 0},
        "kind": {"type": "STRING", "enum": ["trip"]},
        "size": {"type": "STRING", "nullable": True, "enum": ["1", "2"]},
        "when": {"type": "STRING", "nullable": True},
        "either": {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]},
        "both": {"type": "OBJECT", "properties": {"a": {"type": "BOOLEAN"}}},
        "any": {"type": "STRING"},
    },
}


def test_a_schema_is_said_in_the_subset_that_older_models_take_and_what_is_lost_is_told() -> None:
    output = Output(kind="json_schema", schema=DEEP)
    config = body(ask(model=OLD, output=output))["generationConfig"]
    assert config == {"responseMimeType": "application/json", "responseJsonSchema": DEEP}
    older = body(ask(model="gemini-1.5-pro", output=output))["generationConfig"]["responseSchema"]
    assert older.pop("propertyOrdering") == list(DEEP["properties"])
    assert older == SAID
    [notice] = notices(ask(model="gemini-1.5-pro", output=output))
    assert notice.code == "mapped"
    assert all(word in notice.message for word in ("exclusiveMinimum", "format", "any value"))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": 5}, {"type": [None]}, {"properties": [1]}, {"anyOf": {"a": 1}}, {"allOf": [1, {"$ref": 3}]},
        {"enum": 1}, {"enum": []}, {"items": [1]}, {"$ref": 5}, {"$ref": "#/nowhere"}, {"required": "city"},
        {"exclusiveMinimum": True}, {"properties": {"a": {"$ref": "#"}}},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_what_is_no_schema_is_passed_on_for_google_to_judge(schema) -> None:
    tool = Tool(name="f", schema={**schema, "title": "t", "minProperties": 1})
    assert body(ask(model="gemini-1.5-pro", tools=(tool,)))["tools"]


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemma-3-27b-it"])
def test_an_answer_that_cannot_be_held_to_json_is_told_to_be(model) -> None:
    asked = ask(model=model, output=Output(kind="json_schema", schema=SCHEMA), tools=(CLOCK,))
    sent = body(asked)
    assert "generationConfig" not in sent
    assert "JSON Schema" in json.dumps(sent)
    assert "degraded" in [notice.code for notice in notices(asked)]
    assert "responseJsonSchema" in body(msgspec.structs.replace(asked, model=NEW))["generationConfig"]


def test_a_tool_without_arguments_has_no_parameters_and_one_that_takes_any_keeps_them() -> None:
    free = {"type": "object", "additionalProperties": {"type": "string"}}
    tools = (
        CLOCK,
        Tool(name="a", schema={"type": "object", "properties": {}, "additionalProperties": False}),
        Tool(name="b", schema=free),
    )
    [declared] = body(ask(tools=tools))["tools"]
    assert declared["functionDeclarations"] == [
        {"name": "now"},
        {"name": "a"},
        {"name": "b", "parametersJsonSchema": free},
    ]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice("auto"), {"mode": "VALIDATED"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("named", ("now",)), {"mode": "ANY", "allowedFunctionNames": ["now"]}),
        (ToolChoice("allowed", ("now",)), {"mode": "VALIDATED", "allowedFunctionNames": ["now"]}),
        (
            ToolChoice("allowed", ("now",), allowed_mode="required"),
            {"mode": "ANY", "allowedFunctionNames": ["now"]},
        ),
        (None, {"mode": "VALIDATED"}),
    ],
)
def test_a_choice_among_tools(choice, config) -> None:
    sent = body(ask(tools=(WEATHER, CLOCK), tool_choice=choice))
    assert sent["toolConfig"]["functionCallingConfig"] == config


def test_a_tools_name_goes_out_as_it_may_and_comes_back_as_it_was() -> None:
    tool = Tool(name="über.tool/" + "x" * 80, schema=SCHEMA)
    asked = ask(tools=(tool,))
    [declared] = body(asked)["tools"][0]["functionDeclarations"]
    assert len(declared["name"]) <= 64
    told = whole(
        chunk({"functionCall": {"name": declared["name"], "args": {"city": "Kyiv"}}}, **STOP), asked=asked
    )
    [made] = told.candidates[0].parts
    assert (made.name, json.loads(made.arguments)) == (tool.name, {"city": "Kyiv"})


@pytest.mark.parametrize(
    ("host", "kind", "field", "codes"),
    [
        ("gemini", "google_search", "googleSearch", []),
        ("vertexai", "googleSearch", "googleSearch", []),
        ("gemini", "web_search_20250305", "googleSearch", ["mapped"]),
        ("vertexai", "code_interpreter", "codeExecution", ["mapped"]),
        ("gemini", "enterprise_web_search", None, ["dropped"]),
        ("vertexai", "enterprise_web_search", "enterpriseWebSearch", []),
        ("vertexai", "file_search", None, ["dropped"]),
        ("gemini", "bash_20250124", None, ["dropped"]),
    ],
)
def test_a_tool_of_googles_own_is_where_it_is_and_what_is_not_is_said(host, kind, field, codes) -> None:
    asked = ask(tools=(Tool(name=kind, kind="provider", native={"type": kind}),))
    assert body(asked, host).get("tools") == ([{field: {}}] if field else None)
    assert [notice.code for notice in notices(asked, host)] == codes


def test_google_tools_beside_functions_where_they_may_be() -> None:
    tools = (WEATHER, Tool(name="google_search", kind="provider"))
    assert body(ask(tools=tools))["toolConfig"]["includeServerSideToolInvocations"] is True
    assert "includeServerSideToolInvocations" not in body(ask(tools=tools), "vertexai")["toolConfig"]
    older = ask(model=BUDGETED, tools=tools)
    assert [list(tool) for tool in body(older)["tools"]] == [["functionDeclarations"]]
    assert [notice.param for notice in notices(older)] == ["tools"]
    silent = ask(tools=tools, tool_choice=ToolChoice("none"))
    assert [list(tool) for tool in body(silent)["tools"]] == [["functionDeclarations"]]


def test_what_googles_own_tools_did_goes_back_where_it_came_from_and_nowhere_else() -> None:
    asked = {
        "toolCall": {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"q": "x"}},
        "thoughtSignature": "dA==",
    }
    answered = {"toolResponse": {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "response": {"r": 1}}}
    ran = {"executableCode": {"language": "PYTHON", "code": "1"}, "thought": True}
    printed = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}
    strange = {"somethingNew": {"x": [1]}, "thoughtSignature": "bmV3"}
    told = whole(chunk(asked, answered, ran, printed, strange, "So.", **STOP))
    parts = told.candidates[0].parts
    assert [type(part) for part in parts] == [
        ServerToolCall, ServerToolResult, ServerToolCall, ServerToolResult, Native, Text,
    ]  # fmt: skip
    assert parts[3].call_id == parts[2].id
    history = ask(user("Go"), Message(Role.ASSISTANT, parts), user("And?"))
    assert body(history)["contents"][1]["parts"] == [asked, answered, ran, printed, strange, {"text": "So."}]
    elsewhere = body(history, "vertexai")["contents"][1]["parts"]
    assert elsewhere == [{"text": "So."}]
