"""What Bedrock does in its own way: how it is addressed and signed, its streams, and the turns it takes."""

import json
from typing import Any

import botocore.auth
import msgspec
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, Phase, ProviderError, StreamCut
from integration_api.core.exchange import Bearer, SigV4
from integration_api.core.llm import (
    Bytes,
    FinishReason,
    JsonValue,
    Media,
    Message,
    PlainText,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
    Usage,
)
from integration_api.dialects.openai_surface_response import render_chat
from lab.event_stream import event, exception, message
from tests.providers.bedrock import (
    API_KEY,
    CALL,
    FIELDS,
    HISTORY,
    ID,
    KEYS,
    LLAMA,
    RESULT,
    SONNET,
    USAGE,
    body,
    document,
    folded,
    heard,
    request,
    saying,
    whole,
)
from tests.providers.unified import CLOCK, PIXEL, WEATHER, assistant, user

# --- gotcha 14: how a request is addressed and signed ---------------------------------------------

MODELS = {
    "us.anthropic.claude-haiku-4-5-20251001-v1:0": "us.anthropic.claude-haiku-4-5-20251001-v1%3A0",
    "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123":
        "arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Aapplication-inference-profile%2Fabc123",
    "amazon.nova-lite-v1": "amazon.nova-lite-v1",
    "a/../b ü?#": "a%2F..%2Fb%20%C3%BC%3F%23",
}  # fmt: skip


@pytest.mark.parametrize(("model", "spelled"), MODELS.items())
def test_gotcha_14_a_model_is_one_segment_encoded_once_on_the_wire(model, spelled) -> None:
    asked = request(saying(model=model))
    assert asked.url == f"https://bedrock-runtime.eu-west-1.amazonaws.com/model/{spelled}/converse-stream"
    assert request(saying(model=model), whole=True).url.endswith(f"/model/{spelled}/converse")
    assert asked.auth == SigV4("bedrock", "eu-west-1", "AKIDEXAMPLE", "secret_access_key")
    names = {name for name, _ in asked.headers}
    assert names == {"content-type"}, "never `connection`, nor anything else that proxies change"


def test_gotcha_14_what_is_signed_is_encoded_twice() -> None:
    """By Amazon's own signer, which is given the URL as we send it."""
    asked = request(saying(model=SONNET))
    given = AWSRequest(asked.method, asked.url, dict(asked.headers), asked.body)
    signer = botocore.auth.SigV4Auth(Credentials("AKIDEXAMPLE", "secret"), "bedrock", "eu-west-1")
    given.context["timestamp"] = "20261118T120000Z"
    canonical = signer.canonical_request(given).split("\n")
    assert canonical[1] == "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%253A0/converse-stream"
    assert "%253A" not in asked.url


@pytest.mark.parametrize(
    ("fields", "host"),
    [
        ({"region": "us-gov-west-1"}, "https://bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ({"region": "cn-north-1"}, "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        (
            {"region": "eu-west-1", "base_url": "https://vpce-1.example.com/x/"},
            "https://vpce-1.example.com/x",
        ),
    ],
)
def test_each_region_has_its_host(fields, host) -> None:
    credential = Credential("bedrock", {**FIELDS, **fields}, held=KEYS.held)
    assert request(saying(), credential).url.startswith(f"{host}/model/")


@pytest.mark.parametrize(
    "region", ["", "us east", "us-east-1/../x", "US-EAST-1", "x.attacker.example", "us-east-1\n"]
)
def test_a_region_that_cannot_be_one_is_never_put_into_an_address(region) -> None:
    with pytest.raises(Failure, match="must be an AWS region") as refused:
        request(saying(), Credential("bedrock", {**FIELDS, "region": region}))
    assert (refused.value.kind, refused.value.param) == (Kind.CREDENTIAL_INVALID, "region")


def test_a_credential_signs_by_what_it_holds() -> None:
    session = Credential("bedrock", FIELDS, held=frozenset({"secret_access_key", "session_token"}))
    assert request(saying(), session).auth == SigV4(
        "bedrock", "eu-west-1", "AKIDEXAMPLE", "secret_access_key", "session_token"
    )
    assert request(saying(), API_KEY).auth == Bearer("key")
    with pytest.raises(Failure, match="neither access_key_id"):
        request(saying(), Credential("bedrock", {"region": "us-east-1"}))


# --- gotcha 15: what its streams are like ----------------------------------------------------------


def delta(index: int, said: dict[str, Any]) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": said, "p": "abcd"})


START = event("messageStart", {"role": "assistant", "p": "ab"})
STOP = event("messageStop", {"stopReason": "end_turn"})
COUNTED = event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 9}, "p": "a"})


def test_gotcha_15_a_text_is_not_announced_and_usage_follows_the_stop() -> None:
    answer = folded(
        START,
        delta(0, {"reasoningContent": {"text": "hm"}}),
        delta(0, {"reasoningContent": {"signature": "EqQBCg=="}}),
        event("contentBlockStop", {"contentBlockIndex": 0}),
        delta(1, {"text": "Hi"}),
        delta(1, {"text": ""}),
        delta(1, {"text": " you"}),
        event("contentBlockStop", {"contentBlockIndex": 1}),
        event("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t9", "name": "now"}}}),
        delta(2, {"toolUse": {"input": ""}}),
        event("contentBlockStop", {"contentBlockIndex": 2}),
        event("messageStop", {"stopReason": "tool_use"}),
        COUNTED,
    )  # fmt: skip
    thought, text, call = answer.candidates[0].parts
    assert isinstance(thought, Reasoning)
    assert (thought.text, thought.signature.data, thought.signature.format) == (
        "hm",
        "EqQBCg==",
        "anthropic-claude-v1",
    )
    assert text == Text("Hi you")
    assert call == ToolCall("t9", "now", "{}"), "a call without arguments has an empty object of them"
    assert answer.candidates[0].finish.reason is FinishReason.TOOL_CALLS
    assert answer.id == ID
    assert answer.usage.output_total == 33


def test_gotcha_7_input_tokens_exclude_what_was_cached() -> None:
    """Bedrock counts apart what callers of OpenAI expect in one number, with the cached part named."""
    usage = folded(START, delta(0, {"text": "Hi"}), STOP, COUNTED).usage
    assert (usage.input_total, usage.input_uncached, usage.cache_read, usage.cache_write) == (100, 10, 85, 5)
    said = {
        "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
        "stopReason": "end_turn",
        "usage": {**USAGE, "cacheDetails": [{"ttl": "1h", "inputTokens": 5}]},
    }
    answer = whole(said)
    assert answer.usage == msgspec.structs.replace(usage, cache_write_by_ttl={"1h": 5})
    told = json.loads(render_chat(answer, provider="bedrock", id="1", created=1))["usage"]
    assert (told["prompt_tokens"], told["completion_tokens"], told["total_tokens"]) == (100, 33, 133)
    assert told["prompt_tokens_details"]["cached_tokens"] == 85


EXCEPTIONS = {
    "internalServerException": (Kind.UPSTREAM, True),
    "modelStreamErrorException": (Kind.UPSTREAM, True),
    "throttlingException": (Kind.RATE_LIMITED, True),
    "validationException": (Kind.INVALID_REQUEST, False),
    "serviceUnavailableException": (Kind.OVERLOADED, True),
    "modelTimeoutException": (Kind.TIMEOUT, True),
    "somethingNewException": (Kind.UPSTREAM, True),
}


@pytest.mark.parametrize("ask", [saying(), saying(extras={"api": "invoke"})], ids=["converse", "invoke"])
@pytest.mark.parametrize(("name", "expected"), EXCEPTIONS.items())
def test_gotcha_15_an_exception_after_200_is_a_frame(name, expected, ask) -> None:
    with pytest.raises(ProviderError, match="oh no") as raised:
        heard(exception(name, {"message": "oh no"}), ask=ask)
    error = raised.value
    assert (error.kind, error.retryable) == expected
    assert (error.phase, error.provider, error.refusal.type) == (Phase.STREAM, "bedrock", name)


def test_gotcha_15_an_error_message_and_the_models_own_words_are_told() -> None:
    said = message(
        {":message-type": "error", ":error-code": "InternalError", ":error-message": "broken"}, b""
    )
    with pytest.raises(ProviderError, match="broken") as raised:
        heard(START, said)
    assert (raised.value.kind, raised.value.refusal.type) == (Kind.UPSTREAM, "InternalError")
    told = exception(
        "modelStreamErrorException", {"originalStatusCode": 529, "originalMessage": "the vendor is full"}
    )
    with pytest.raises(ProviderError, match="the vendor is full") as raised:
        heard(START, told)
    assert raised.value.refusal.status == 529


@pytest.mark.parametrize("size", range(1, len(STOP)))
def test_a_frame_that_was_cut_is_no_ending(size) -> None:
    with pytest.raises(StreamCut):
        heard(START, delta(0, {"text": "Hi"}), STOP[:size])


def test_an_answer_without_its_counts_is_whole_and_half_of_them_is_not() -> None:
    assert folded(START, delta(0, {"text": "Hi"}), STOP).usage == Usage()
    with pytest.raises(StreamCut):
        heard(START, delta(0, {"text": "Hi"}), STOP, COUNTED[:-1])


@pytest.mark.parametrize("frame", [event("contentBlockDelta", []), event("contentBlockDelta", {"delta": 1}), message(
    {":event-type": "messageStop", ":message-type": "event"}, b"{")])  # fmt: skip
def test_an_event_that_makes_no_sense_is_said_to(frame) -> None:
    with pytest.raises(ProviderError, match="could not be read") as raised:
        heard(START, frame)
    assert raised.value.kind is Kind.BAD_RESPONSE


def test_what_aws_may_yet_add_is_stepped_over() -> None:
    news = [event("newsOfTomorrow", {"x": 1}), delta(7, {"hologram": "x"})]
    assert folded(START, *news, delta(0, {"text": "Hi"}), STOP, COUNTED).candidates[0].parts == (Text("Hi"),)


def test_a_guardrail_ends_an_answer_and_says_why() -> None:
    trace = {"guardrail": {"actionReason": "Guardrail blocked."}}
    answer = folded(
        START,
        delta(0, {"text": "Sorry."}),
        event("messageStop", {"stopReason": "guardrail_intervened"}),
        event("metadata", {"usage": USAGE, "trace": trace}),
    )
    assert answer.candidates[0].finish.reason is FinishReason.CONTENT_FILTER
    assert answer.prompt_feedback == trace


@pytest.mark.parametrize("parts", [(), ({"text": "half"},)])
def test_a_malformed_answer_is_an_error_when_there_is_nothing_in_it(parts) -> None:
    said = {
        "output": {"message": {"content": list(parts)}},
        "stopReason": "malformed_model_output",
        "usage": USAGE,
    }
    assert whole(said).candidates[0].finish.reason is (FinishReason.STOP if parts else FinishReason.ERROR)


# --- gotcha 16: what Converse wants of a conversation ---------------------------------------------


def test_gotcha_16_no_tool_is_to_be_called_where_none_may_be_defined() -> None:
    none = ToolChoice("none")
    assert "toolConfig" not in body(saying(tools=(WEATHER,), tool_choice=none))
    told = body(saying(*HISTORY, user("So?"), tools=(WEATHER,), tool_choice=none))
    assert "toolChoice" not in told["toolConfig"] or told["toolConfig"]["toolChoice"] == {"auto": {}}
    assert told["toolConfig"]["tools"][0]["toolSpec"]["name"] == "get_weather"
    assert "without calling any tool" in told["system"][-1]["text"]


def test_gotcha_16_a_history_with_calls_has_definitions_of_them() -> None:
    told = body(saying(*HISTORY))
    assert [tool["toolSpec"]["name"] for tool in told["toolConfig"]["tools"]] == ["get_weather"]


def documents(told: dict[str, Any]) -> list[dict[str, Any]]:
    blocks = [block for turn in told["messages"] for block in turn["content"]]
    blocks += [inner for block in blocks if "toolResult" in block for inner in block["toolResult"]["content"]]
    return [block["document"] for block in blocks if "document" in block]


def test_gotcha_16_a_document_has_a_text_beside_it_and_a_name_of_its_own() -> None:
    shown = ToolResult("call_1", (document("Report"), document("report")))
    told = body(
        saying(
            user(document("Report"), document("Report.v2: draft_1")),
            assistant(CALL),
            Message(Role.TOOL, (shown,)),
            user(document(filename="Звіт.pdf"), document(), "Compare them"),
        )
    )
    names = [one["name"] for one in documents(told)]
    assert len({name.lower() for name in names}) == len(names) == 6
    assert all(name.replace(" ", "").replace("-", "").isalnum() for name in names)
    assert names[:2] == ["Report", "Report v2 draft 1"]
    for turn in told["messages"]:
        results = [block["toolResult"]["content"] for block in turn["content"] if "toolResult" in block]
        for blocks in (turn["content"], *results):
            assert not any("document" in block for block in blocks) or any(
                "text" in block for block in blocks
            )


def test_the_same_documents_have_the_same_names_again() -> None:
    ask = saying(user(document("A"), document("a"), "x"))
    assert request(ask).body == request(ask).body


# --- turns -------------------------------------------------------------------------------------


def test_results_of_one_turn_go_together_in_all_their_parts() -> None:
    table = Media(kind="document", source=PlainText("a,b\n1,2"), mime="text/csv", filename="t.csv")
    results = (
        ToolResult(
            "call_1",
            (
                Text("See:"),
                JsonValue('{"degrees": 12}'),
                JsonValue("[1, 2]"),
                Media(kind="image", source=Bytes(PIXEL), mime="image/png"),
                table,
            ),
        ),
        ToolResult("call_2", (Text("no"),), is_error=True),
        ToolResult("call_3"),
    )
    calls = [CALL, ToolCall("call_2", "now", "{}"), ToolCall("call_3", "now", "")]
    told = body(saying(user("go"), assistant(*calls), Message(Role.TOOL, results), tools=(WEATHER, CLOCK)))
    first, second, third = (block["toolResult"] for block in told["messages"][2]["content"])
    kinds = [next(iter(block)) for block in first["content"]]
    assert kinds == ["text", "json", "text", "image", "document"]
    assert first["content"][1]["json"] == {"degrees": 12}
    assert first["content"][2]["text"] == "[1, 2]", "JSON that is no object goes as its text"
    assert first["content"][3]["image"] == {"format": "png", "source": {"bytes": PIXEL}}
    assert second == {"toolUseId": "call_2", "content": [{"text": "no"}], "status": "error"}
    assert third["content"], "a result is never empty"
    assert [block["toolUse"]["input"] for block in told["messages"][1]["content"]] == [
        {"city": "Kyiv", "days": 2}, {}, {},
    ]  # fmt: skip


def test_arguments_go_back_as_the_very_text_the_model_wrote() -> None:
    written = '{"b" : 1.0,\n "a":[]}'
    asked = request(saying(user("go"), assistant(ToolCall("call_1", "now", written)), RESULT))
    assert written.encode() in asked.body


@pytest.mark.parametrize("model", [SONNET, LLAMA])
def test_what_may_not_stand_beside_results_gets_a_turn_of_its_own(model) -> None:
    asked = saying(user("go"), assistant(CALL), RESULT, user(document("A"), "What now?"), model=model)
    roles = [turn["role"] for turn in body(asked)["messages"]]
    assert roles == ["user", "assistant", "user", "assistant", "user"]
    plain = body(saying(*HISTORY, user("What now?"), model=model))
    assert len(plain["messages"]) == (3 if model == SONNET else 5)


def test_short_ids_for_mistral_are_the_same_in_call_and_result() -> None:
    told = body(saying(*HISTORY, model="mistral.mistral-large-2407-v1:0"))
    used = told["messages"][1]["content"][0]["toolUse"]["toolUseId"]
    assert len(used) == 9
    assert used.isalnum()
    assert told["messages"][2]["content"][0]["toolResult"]["toolUseId"] == used


def test_a_model_without_tools_reads_of_them_in_words_and_sees_what_they_showed() -> None:
    result = ToolResult("call_1", (Text("See"), Media(kind="image", source=Bytes(PIXEL), mime="image/png")))
    told = body(
        saying(user("go"), assistant(CALL), Message(Role.TOOL, (result,)), model="us.deepseek.r1-v1:0")
    )
    assert "toolConfig" not in told
    assert "get_weather" in told["messages"][1]["content"][0]["text"]
    assert [next(iter(block)) for block in told["messages"][2]["content"]] == ["text", "image"]
