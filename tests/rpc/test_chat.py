"""UnifiedProviderService/Chat: every provider behind the lab, by grpcio."""

import grpc
import pytest
from google.protobuf import struct_pb2, wrappers_pb2

from integration_api.proto import common_pb2 as common
from integration_api.proto import unified_pb2 as wire
from tests.e2e.conftest import base_url
from tests.rpc.caller import (
    Caller,
    chat_request,
    credential,
    details,
    function,
    metrics,
    packed,
    results,
    spoken,
    system,
    text,
    until,
    user,
)

MODELS = ("openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5", "mistral/mistral-small-latest", "sandbox/echo")
SERVED = (
    *MODELS[:3],
    "azure-openai/gpt-4o",
    "gemini/gemini-3.8-flash",
    "vertexai/gemini-3.8-flash",
    "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cohere/command-a-03-2025",
    "groq/llama-3.3-70b-versatile",
    "huggingface/meta-llama/Llama-3.3-70B-Instruct:together",
)
"""Models that call tools, at providers of every language."""
CHATS = (*SERVED, "replicate/meta/meta-llama-3-70b-instruct", "sandbox/echo")
TOOL_MODELS = (*SERVED, "sandbox/tools")
LIVE_KEY = "lab-key-live-0123456789"


@pytest.mark.parametrize("model", CHATS)
def test_a_whole_answer(caller: Caller, model: str) -> None:
    request = chat_request(model, system("Be brief."), user("Say hello"), requestId="turn-1")
    answer, told = caller.call_told("Chat", request, metadata=[("x-request-id", "call-1")])
    assert (answer.code, answer.success, answer.requestId) == (200, True, "turn-1")
    assert not answer.HasField("error")
    assert answer.data.role == "assistant"
    assert answer.data.WhichOneof("message") == "assistant"
    assert spoken(answer)
    assert answer.finishReason == "stop"
    counted = metrics(answer)
    assert counted["status"] == "SUCCESS"
    assert int(counted["time_taken"]) > 1_000  # nanoseconds
    assert counted["llm_request_id"]
    assert int(counted["total_token"]) == int(counted["input_token"]) + int(counted["output_token"]) > 0
    assert told["x-request-id"] == "call-1"
    assert told["x-integration-provider"] == model.partition("/")[0]
    assert "gateway;dur=" in told["server-timing"]


def test_the_audit_has_one_record_with_what_the_caller_attached(caller: Caller) -> None:
    request = chat_request(
        "anthropic/claude-sonnet-4-5",
        requestId="audited-1",
        additionalData={"assistant_id": "7", "conversation_id": "9", "long": "x" * 5000},
    )
    caller.call("Chat", request, metadata=[("x-client-source", "phone-call"), ("x-rapida-region", "mars")])
    record = until(lambda: records(caller, "audited-1"))
    assert len(record) == 1
    assert record[0]["operation"] == "chat"
    assert record[0]["provider"] == "anthropic"
    assert record[0]["status"] == "success"
    kept = record[0]["metadata"]
    assert kept["assistant_id"] == "7"
    assert kept["source"] == "phone-call"
    assert kept["region"] == "all"
    assert len(kept["long"]) == 1000


def records(caller: Caller, request_id: str) -> list[dict[str, object]]:
    _, listed = caller.service.call("GET", "/v1/audit?limit=100")
    return [record for record in listed["data"] if record["request_id"] == request_id]


@pytest.mark.parametrize("model", TOOL_MODELS)
def test_tools_go_round(caller: Caller, model: str) -> None:
    asked = user("Use a tool: what is the weather in Kyiv, and what time is it?")
    tools = [function("get_weather", city="string"), function("get_time")]
    answer = caller.chat(model, asked, toolDefinitions=tools, params={"model.tool_choice": "required"})
    calls = answer.data.assistant.toolCalls
    assert calls
    assert answer.finishReason == "tool_calls"
    assert {call.type for call in calls} == {"function"}
    assert {call.function.name for call in calls} <= {"get_weather", "get_time"}
    assert all(call.id and call.function.arguments.startswith("{") for call in calls)
    again = caller.chat(model, asked, answer.data, results(answer.data), toolDefinitions=tools)
    assert spoken(again)


@pytest.mark.parametrize(
    "given",
    [
        {"type": "json_schema", "json_schema": {"name": "city", "schema": None}},
        '{"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}}',
        '{"response_mime_type": "application/json", "response_schema": SCHEMA}',
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_structured_output(caller: Caller, model: str, given: object) -> None:
    import json

    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    if isinstance(given, dict):
        given = {"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}
    else:
        given = given.replace("SCHEMA", json.dumps(schema))
    answer = caller.chat(model, user("A city, please"), params={"response_format": given})
    assert isinstance(json.loads(spoken(answer))["name"], str)


FORMS = {
    "texts of Value": lambda value: packed(str(value)),
    "Value": packed,
    "StringValue": lambda value: text(str(value)),
    "DoubleValue": lambda value: packed(wrappers_pb2.DoubleValue(value=value)),
    "FloatValue": lambda value: packed(wrappers_pb2.FloatValue(value=value)),
    "BytesValue": lambda value: packed(wrappers_pb2.BytesValue(value=str(value).encode())),
}


@pytest.mark.parametrize("prefix", ["model.", ""])
@pytest.mark.parametrize("form", FORMS)
def test_parameters_reach_the_provider_in_whatever_form_they_come(
    caller: Caller, form: str, prefix: str
) -> None:
    pack = FORMS[form]
    caller.chat(
        "openai/gpt-4o-mini",
        params={
            f"{prefix}temperature": pack(0.7),
            f"{prefix}top_p": pack(0.9),
            f"{prefix}max_tokens": pack(64),
            f"{prefix}seed": pack(7),
            f"{prefix}stop": text("END, STOP"),
            f"{prefix}user": text("somebody"),
            "rapida.credential_id": text("123"),
        },
    )
    body = caller.last_body("openai")
    assert body["temperature"] == 0.7
    assert body["top_p"] == 0.9
    assert body.get("max_completion_tokens", body.get("max_tokens")) == 64
    assert body["seed"] == 7
    assert body["stop"] == ["END", "STOP"]
    assert body["user"] == "somebody"
    assert not any("credential" in name for name in body)


def test_what_nobody_knows_is_left_out_and_told(caller: Caller) -> None:
    request = chat_request("openai/gpt-4o-mini", params={"model.flux": 3, "model.prompt_cache_key": "k"})
    _, told = caller.call_told("Chat", request)
    assert "model.flux" in told["x-integration-warnings"]
    assert "flux" not in caller.last_body("openai")
    assert caller.last_body("openai")["prompt_cache_key"] == "k"


# --- credentials ------------------------------------------------------------------------------


def test_a_credential_that_comes_with_the_call_is_used_and_kept_nowhere(caller: Caller, lab: str) -> None:
    import hashlib

    before = caller.service.call("GET", "/v1/credentials")[1]["data"]
    live = credential(id=987654321, key=LIVE_KEY, base_url=base_url(lab, "openai"), url="not ours")
    answer = caller.chat("openai/gpt-4o-mini", credential=live)
    assert answer.success
    digest = hashlib.sha256(LIVE_KEY.encode()).hexdigest()
    assert digest in str(caller.seen("openai")[-1])
    assert caller.service.call("GET", "/v1/credentials")[1]["data"] == before
    folder = caller.service.folder
    for path in folder.rglob("*"):
        if path.is_file():
            assert LIVE_KEY.encode() not in path.read_bytes(), path


def test_calls_with_the_same_live_credential_share_a_connection(caller: Caller, lab: str) -> None:
    live = credential(key=LIVE_KEY + "-pooled", base_url=base_url(lab, "openai"))
    other = credential(key=LIVE_KEY + "-other", base_url=base_url(lab, "openai"))
    for held in (live, live, other):
        assert caller.chat("openai/gpt-4o-mini", credential=held).success
    first, second, third = (seen["connection"] for seen in caller.seen("openai")[-3:])
    assert first == second != third


def test_a_stored_credential_is_found_by_its_id(caller: Caller, lab: str) -> None:
    stored = int(caller.service.add_credential("openai", base_url(lab, "openai"), name="second"))
    assert caller.chat("openai/gpt-4o-mini", credential=credential(stored)).success
    for id in (12345, 2**64 - 1):
        with pytest.raises(grpc.RpcError) as missing:
            caller.chat("openai/gpt-4o-mini", credential=credential(id))
        assert missing.value.code() is grpc.StatusCode.NOT_FOUND
        assert details(missing.value)[1]["ErrorInfo"].reason == "credential_not_found"


# --- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "code", "reason"),
    [
        ("lab-status-400", 400, ""),
        ("lab-status-401", 424, ""),
        ("lab-status-500", 502, ""),
        ("lab-status-429", 429, ""),
        ("lab-malformed-json", 502, "bad_upstream_response"),
        ("lab-redirect", 502, "redirect_refused"),
    ],
)
@pytest.mark.parametrize("model", MODELS[:3])
def test_what_the_provider_refuses_is_told_in_the_answer(
    caller: Caller, model: str, ending: str, code: int, reason: str
) -> None:
    answer = caller.chat(f"{model}-{ending}", requestId="failing")
    assert (answer.code, answer.success, answer.requestId) == (code, False, "failing")
    assert not answer.HasField("data")
    assert answer.error.errorCode == code
    assert answer.error.humanMessage
    assert answer.error.errorMessage.endswith(answer.error.humanMessage)
    assert answer.error.errorMessage.startswith(reason)
    assert metrics(answer)["status"] == "FAILED"


WRONG = {
    "no provider": (chat_request("/gpt-4o-mini"), "missing_required_parameter", "providerName"),
    "an unknown provider": (chat_request("nobody/x"), "unknown_provider", "providerName"),
    "no model": (chat_request("openai/"), "model_required", "model.name"),
    "nothing said": (
        wire.ChatRequest(providerName="openai", modelParameters={"model.name": text("x")}),
        "missing_required_parameter",
        "conversations",
    ),
    "an empty message": (
        chat_request("sandbox/echo", common.Message(role="user")), "invalid_value", "conversations[0]",
    ),
    "a result of no call": (
        chat_request(
            "sandbox/echo", common.Message(tool=common.ToolMessage(tools=[common.ToolMessage.Tool(content="x")]))
        ),
        "invalid_value",
        "conversations[0].tool.tools[0].id",
    ),
    "a word for a number": (
        chat_request("sandbox/echo", params={"model.temperature": "hot"}), "invalid_value", "model.temperature",
    ),
    "not a number": (
        chat_request("sandbox/echo", params={"model.top_p": packed(wrappers_pb2.DoubleValue(value=float("nan")))}),
        "invalid_value",
        "model.top_p",
    ),
    "half a token": (
        chat_request("sandbox/echo", params={"model.max_tokens": 1.5}), "invalid_value", "model.max_tokens",
    ),
    "a message for a parameter": (
        chat_request("sandbox/echo", params={"model.seed": packed(common.Error())}), "invalid_value", "model.seed",
    ),
    "a tool without a name": (
        chat_request("sandbox/echo", toolDefinitions=[wire.ToolDefinition(type="tool")]),
        "invalid_value",
        "toolDefinitions[0].functionDefinition",
    ),
    "an unknown connection": (
        chat_request("openai/gpt-4o-mini", connectionOptions={"connection.transport": "pigeon"}),
        "invalid_value",
        "connection.transport",
    ),
    "a credential of lists": (
        chat_request("openai/gpt-4o-mini", credential=credential(key=["a"])),
        "invalid_credential_value",
        "credential.value",
    ),
    "a credential without its key": (
        chat_request("openai/gpt-4o-mini", credential=credential(base_url="http://127.0.0.1:1")),
        "missing_required_parameter",
        "value.key",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_the_caller_gets_wrong_is_a_status_that_says_what(caller: Caller, case: str) -> None:
    request, reason, param = WRONG[case]
    with pytest.raises(grpc.RpcError) as refused:
        caller.call("Chat", request, metadata=[("x-request-id", "wrong-1")])
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    status, told = details(refused.value)
    assert status.code == refused.value.code().value[0]
    assert status.message == refused.value.details()
    info = told["ErrorInfo"]
    assert (info.reason, info.domain) == (reason, "integration-api")
    assert info.metadata["param"] == param
    assert info.metadata["request_id"] == "wrong-1"
    assert info.metadata["retryable"] == "false"


def test_bytes_that_are_no_message_are_refused(caller: Caller) -> None:
    stub = caller.channel.unary_unary("/integration_api.UnifiedProviderService/Chat")
    from tests.e2e.service import ADMIN_KEY

    for garbage in (b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x03\x12\x01", b"\x22\x02\xff\xfe\x0b"):
        with pytest.raises(grpc.RpcError) as refused:
            stub(garbage, metadata=[("x-api-key", ADMIN_KEY)], timeout=60)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT, garbage
        assert refused.value.details()


def test_a_deadline_ends_the_call_and_the_providers_work(caller: Caller) -> None:
    for seconds in (0.2, 1, 5, 25):  # Until one was long enough for the provider to be asked.
        asked, id = len(caller.seen("openai")), f"late-{seconds}"
        with pytest.raises(grpc.RpcError) as late:
            request = chat_request("openai/gpt-4o-mini-lab-delay-60000", requestId=id)
            caller.call("Chat", request, timeout=seconds)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        if len(caller.seen("openai")) > asked:
            break
    (record,) = until(lambda: records(caller, id))
    assert record["status"] == "cancelled"


def test_an_alias_is_a_provider_like_any_other(caller: Caller, lab: str) -> None:
    live = credential(key=LIVE_KEY, base_url=base_url(lab, "azure-openai"))
    answer = caller.chat("azure/gpt-4o", credential=live)
    assert answer.success


def test_a_number_in_a_struct_is_a_number(caller: Caller) -> None:
    options = struct_pb2.Struct()
    options.update({"thinking": {"enabled": True, "budget_tokens": 2048}})
    answer = caller.chat(
        "anthropic/claude-sonnet-4-5",
        params={"model.thinking": packed(options["thinking"]), "model.max_tokens": 4096},
    )
    assert answer.success
    assert caller.last_body("anthropic")["thinking"] == {"type": "enabled", "budget_tokens": 2048}
