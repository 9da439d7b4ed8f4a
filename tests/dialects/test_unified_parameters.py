"""Parameters as the platform's services spell them: every wrapper, every key, every provider's form."""

import json
from typing import Any

import pytest
from google.protobuf import struct_pb2, timestamp_pb2, wrappers_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import LlmRequest, Output, ReasoningRequest, Sampling, Tool, ToolChoice
from integration_api.dialects.notes import Notes
from integration_api.dialects.unified_parameters import model_of, read_parameters
from integration_api.dialects.unified_values import Parameters, read_any
from integration_api.providers import PROVIDERS, find
from tests.rpc.caller import packed, text


def any_of(kind: type[Message], value: Any) -> AnyMessage:
    held = AnyMessage()
    held.Pack(kind(value=value))
    return held


def asked(
    given: dict[str, Any], provider: str = "openai", tools: tuple[str, ...] = ()
) -> tuple[LlmRequest, list[str]]:
    """Return the request that parameters make, and the keys that nobody knew."""
    notes = Notes(strict=False)
    request = read_parameters(
        Parameters(
            {key: value if isinstance(value, AnyMessage) else packed(value) for key, value in given.items()}
        ),
        model="any",
        messages=(),
        tools=tuple(Tool(name=name) for name in tools),
        understood=PROVIDERS[provider].parameters,
        notes=notes,
    )
    return request, [one.param for one in notes.all]


# --- values -----------------------------------------------------------------------------------

VALUES = {
    "Value number": (packed(0.5), 0.5),
    "Value text": (packed("0.5"), "0.5"),
    "Value flag": (packed(True), True),
    "Value object": (packed({"a": [1, None]}), {"a": [1, None]}),
    "Value list": (packed(["a", "b"]), ["a", "b"]),
    "StringValue": (text("x"), "x"),
    "DoubleValue": (any_of(wrappers_pb2.DoubleValue, 0.7), 0.7),
    "FloatValue": (any_of(wrappers_pb2.FloatValue, 0.7), 0.7),
    "Int32Value": (any_of(wrappers_pb2.Int32Value, -7), -7),
    "Int64Value": (any_of(wrappers_pb2.Int64Value, 2**53 + 1), 2**53 + 1),
    "UInt32Value": (any_of(wrappers_pb2.UInt32Value, 7), 7),
    "UInt64Value": (any_of(wrappers_pb2.UInt64Value, 2**64 - 1), 2**64 - 1),
    "BoolValue": (any_of(wrappers_pb2.BoolValue, True), True),
    "BytesValue": (any_of(wrappers_pb2.BytesValue, b'{"a":1}'), '{"a":1}'),
}


@pytest.mark.parametrize("name", VALUES)
def test_every_wrapper_says_what_it_holds(name: str) -> None:
    given, expected = VALUES[name]
    assert read_any(given, "model.x") == expected


def test_structs_and_lists_of_their_own() -> None:
    struct, listed = struct_pb2.Struct(), struct_pb2.ListValue()
    struct.update({"enabled": True})
    listed.extend(["a", 1.5])
    assert read_any(packed(struct), "x") == {"enabled": True}
    assert read_any(packed(listed), "x") == ["a", 1.5]


@pytest.mark.parametrize(
    "given",
    [
        AnyMessage(),
        packed(timestamp_pb2.Timestamp()),
        AnyMessage(type_url="type.googleapis.com/google.protobuf.DoubleValue", value=b"\x09\x00"),
        AnyMessage(type_url="type.googleapis.com/google.protobuf.BytesValue", value=b"\x0a\x01\xff"),
        any_of(wrappers_pb2.DoubleValue, float("inf")),
    ],
    ids=["nothing", "another message", "cut short", "no text", "no number"],
)
def test_what_is_no_value_is_refused_by_its_key(given: AnyMessage) -> None:
    with pytest.raises(Failure) as refused:
        asked({"model.temperature": given})
    assert (refused.value.kind, refused.value.param) == (Kind.INVALID_REQUEST, "model.temperature")


# --- keys -------------------------------------------------------------------------------------

SAME = {
    "max_output_tokens": (("max_tokens", "max_completion_tokens", "max_output_tokens"), "256", 256),
    "sampling.stop": (("stop", "stop_sequences"), "END, STOP", ("END", "STOP")),
    "sampling.top_p": (("top_p", "p"), "0.9", 0.9),
    "sampling.top_k": (("top_k", "k"), "40", 40),
    "sampling.temperature": (("temperature",), "0.2", 0.2),
    "sampling.seed": (("seed", "random_seed"), 7, 7),
    "sampling.frequency_penalty": (("frequency_penalty",), "0.5", 0.5),
    "sampling.presence_penalty": (("presence_penalty",), 0.5, 0.5),
    "sampling.top_logprobs": (("top_logprobs",), "3", 3),
    "reasoning.effort": (("reasoning_effort",), "high", "high"),
    "service_tier": (("service_tier",), "flex", "flex"),
    "end_user.id": (("user",), "somebody", "somebody"),
    "metadata": (("metadata",), '{"a": "b", "n": 1}', {"a": "b", "n": "1"}),
    "parallel_tools": (("parallel_tool_calls",), "false", False),
    "store": (("store",), "1", True),
    "output.verbosity": (("verbosity",), "low", "low"),
}


@pytest.mark.parametrize("prefix", ["", "model."])
@pytest.mark.parametrize("place", SAME)
def test_keys_that_mean_the_same(place: str, prefix: str) -> None:
    names, given, expected = SAME[place]
    for name in names:
        request, unknown = asked({prefix + name: given})
        found: Any = request
        for step in place.split("."):
            found = getattr(found, step)
        assert found == expected, name
        assert not unknown


FORMS = {
    "openai": "temperature top_p frequency_penalty presence_penalty max_completion_tokens stop seed top_logprobs "
    "reasoning_effort service_tier user",
    "azure-foundry": "temperature top_p frequency_penalty presence_penalty max_completion_tokens stop seed "
    "top_logprobs reasoning_effort service_tier user",
    "anthropic": "max_tokens temperature top_p top_k stop stop_sequences service_tier container",
    "gemini": "temperature top_p top_k max_completion_tokens max_output_tokens stop stop_sequences "
    "frequency_penalty presence_penalty seed",
    "vertexai": "temperature top_p top_k max_completion_tokens max_output_tokens stop stop_sequences "
    "frequency_penalty presence_penalty seed",
    "cohere": "max_tokens temperature top_p p k frequency_penalty presence_penalty stop stop_sequences seed "
    "safety_mode",
}
"""What the platform's forms send, provider by provider."""
EXAMPLES = {
    "reasoning_effort": "low",
    "service_tier": "auto",
    "user": "u",
    "container": "c",
    "safety_mode": "NONE",
}


@pytest.mark.parametrize(
    ("provider", "key"), [(provider, key) for provider, keys in FORMS.items() for key in keys.split()]
)
def test_every_key_of_the_platforms_forms_is_known(provider: str, key: str) -> None:
    found = find(provider)
    assert found is not None
    _, unknown = asked({f"model.{key}": text(EXAMPLES.get(key, "1"))}, found.name)
    assert unknown == []


def test_one_key_given_both_ways() -> None:
    request, _ = asked(
        {"temperature": 0.1, "model.temperature": 0.2, "max_tokens": 1, "max_completion_tokens": 2}
    )
    assert request.sampling.temperature == 0.2
    assert request.max_output_tokens == 2


def test_an_empty_parameter_was_not_given() -> None:
    null = struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    given = {"temperature": "", "seed": packed(null), "top_p": packed(struct_pb2.Value()), "flux": ""}
    request, unknown = asked({f"model.{key}": value for key, value in given.items()})
    assert request.sampling == Sampling()
    assert not unknown


def test_keys_for_others_say_nothing_to_a_model() -> None:
    _, unknown = asked({"rapida.credential_id": "1", "connection.transport": "websocket", "model.flux": 1})
    assert unknown == ["model.flux"]


@pytest.mark.parametrize(
    ("given", "model"),
    [
        ({"model.name": "gpt-4o", "model.id": "openai/gpt-4o-mini"}, "gpt-4o"),
        ({"model.id": "openai/gpt-4o-mini"}, "openai/gpt-4o-mini"),
        ({"name": "gpt-4o"}, "gpt-4o"),
        ({}, ""),
    ],
)
def test_the_models_name(given: dict[str, str], model: str) -> None:
    assert model_of(Parameters({key: text(value) for key, value in given.items()})) == model


SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}
JSON_SCHEMA = Output(kind="json_schema", schema=SCHEMA)
NAMED = Output(kind="json_schema", name="city", description="A city", schema=SCHEMA, strict=True)
FORMATS: dict[str, tuple[Any, Output]] = {
    "text": ("text", Output()),
    "a word": ("json_object", Output(kind="json_object")),
    "json_object": ({"type": "json_object"}, Output(kind="json_object")),
    "OpenAI's": (
        {
            "type": "json_schema",
            "json_schema": {"name": "city", "description": "A city", "schema": SCHEMA, "strict": True},
        },
        NAMED,
    ),
    "without its type": ({"json_schema": {"name": "city", "schema": SCHEMA}}, Output(
        kind="json_schema", name="city", schema=SCHEMA
    )),
    "a bare schema": ({"type": "json_schema", "json_schema": SCHEMA}, JSON_SCHEMA),
    "Google's": ({"response_mime_type": "application/json", "response_schema": SCHEMA}, JSON_SCHEMA),
    "Google's without a schema": ({"response_mime_type": "application/json"}, Output(kind="json_object")),
    "Google's for text": ({"response_mime_type": "text/plain"}, Output()),
    "Cohere's": ({"type": "json_object", "schema": SCHEMA}, Output(kind="json_object")),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_forms_of_an_answers_form(name: str) -> None:
    given, expected = FORMATS[name]
    for spelled in (given, json.dumps(given)):
        assert asked({"model.response_format": spelled})[0].output == expected


@pytest.mark.parametrize("given", [{"type": "poem"}, {"type": "json_schema"}, [1], 3])
def test_an_answers_form_that_is_none(given: Any) -> None:
    with pytest.raises(Failure) as refused:
        asked({"model.response_format": given})
    assert refused.value.param == "model.response_format"


THINKING = {
    "the platform's": ({"enabled": True, "budget_tokens": "2048"}, ReasoningRequest(mode="on", budget_tokens=2048)),
    "switched off": ({"enabled": False, "budget_tokens": 2048}, ReasoningRequest(mode="off")),
    "Anthropic's": (
        {"type": "enabled", "budget_tokens": 2048}, ReasoningRequest(mode="on", budget_tokens=2048),
    ),
    "Anthropic's newer": ({"type": "adaptive"}, ReasoningRequest(mode="auto")),
    "disabled": ({"type": "disabled"}, ReasoningRequest(mode="off")),
    "Google's": (
        {"include_thoughts": True, "thinking_budget": 512},
        ReasoningRequest(budget_tokens=512, include="full"),
    ),
    "Google's for none": ({"thinking_budget": 0}, ReasoningRequest(mode="off")),
    "Google's level": ({"thinking_level": "LOW"}, ReasoningRequest(effort="low")),
    "a flag": (True, ReasoningRequest(mode="on")),
}  # fmt: skip


@pytest.mark.parametrize("name", THINKING)
def test_forms_of_thinking(name: str) -> None:
    given, expected = THINKING[name]
    for spelled in (given, json.dumps(given)):
        assert asked({"model.thinking": spelled})[0].reasoning == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("auto", ToolChoice("auto")),
        ("any", ToolChoice("required")),
        ("required", ToolChoice("required")),
        ("none", ToolChoice("none")),
        ("get_time", ToolChoice("named", ("get_time",))),
        ({"type": "function", "function": {"name": "get_time"}}, ToolChoice("named", ("get_time",))),
        ({"type": "tool", "name": "get_time"}, ToolChoice("named", ("get_time",))),
    ],
)
def test_a_choice_of_tools(given: Any, expected: ToolChoice) -> None:
    assert asked({"model.tool_choice": given}, tools=("get_time",))[0].tool_choice == expected
    assert asked({"model.tool_choice": given})[0].tool_choice is None  # There is nothing to choose from.


def test_a_choice_of_a_tool_that_is_not_there() -> None:
    with pytest.raises(Failure) as refused:
        asked({"model.tool_choice": "get_weather"}, tools=("get_time",))
    assert refused.value.param == "model.tool_choice"


WRONG = {
    "temperature": ("hot", [0.5], {"a": 1}, True),
    "max_tokens": ("many", 1.5, 0, -1, "-1"),
    "max_completion_tokens": (0, "0"),
    "n": (0, -1, "0"),
    "stop": (3, {"a": 1}, [1]),
    "parallel_tool_calls": ("perhaps", 3),
    "reasoning_effort": ("enormous", ["low"]),
    "thinking": ({"enabled": True, "budget_tokens": "some"}, [1], 3),
    "metadata": ([1], "text"),
    "logit_bias": ({"1": "x"},),
    "user": ([1], {"a": 1}),
}


@pytest.mark.parametrize(
    ("key", "given"), [(key, given) for key, values in WRONG.items() for given in values]
)
def test_what_a_key_does_not_take(key: str, given: Any) -> None:
    with pytest.raises(Failure) as refused:
        asked({f"model.{key}": given})
    assert (refused.value.kind, refused.value.param) == (Kind.INVALID_REQUEST, f"model.{key}")


def test_options_of_the_provider_go_through() -> None:
    merged = {"temperature": 1, "mirostat": 2}
    request, unknown = asked(
        {"model.parameters": json.dumps(merged), "model.container": "c_1"}, provider="anthropic"
    )
    assert request.extras == {"container": "c_1", **merged}
    assert not unknown
