"""OpenAI's language of responses, as a server of one's own is spoken to in it."""

import json
from typing import Any

import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError, StreamCut
from integration_api.core.exchange import Frame, HttpResponse
from integration_api.core.llm import (
    Bytes,
    FinishReason,
    LlmRequest,
    LlmResponse,
    Media,
    Message,
    Opaque,
    Origin,
    Output,
    Reasoning,
    ReasoningRequest,
    RefusalText,
    Role,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Url,
)
from integration_api.core.llm_fold import LlmFold
from integration_api.providers.custom_llm import CUSTOM_LLM
from integration_api.providers.custom_llm.responses_reader import Reader
from tests.providers.rendered import validated

ACCOUNT = Credential(
    "custom-llm",
    {"base_url": "https://llm.example.com", "api_compatibility": "openai_responses"},
    held=frozenset({"key"}),
)
SEALED = Opaque("c2VhbGVk", "openai-responses-v1", Origin("custom-llm"))
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TALK = (
    Message(Role.SYSTEM, (Text("Be brief."),)),
    Message(Role.USER, (Text("Weather?"), Media(kind="image", source=Url("https://x.example/a.png")))),
    Message(Role.ASSISTANT, (
        Reasoning("hm", encrypted=SEALED, id="rs_1"), Text("Let me see."), ToolCall("call_1", "weather", '{"city":"Kyiv"}'),
    )),
    Message(Role.TOOL, (ToolResult("call_1", (Text("12"), Text(" degrees"))),)),
    Message(Role.USER, (Text("And?"), Media(kind="document", source=Bytes("JVBERi0="), filename="a.pdf"))),
)  # fmt: skip
ASK = LlmRequest(
    model="m",
    messages=TALK,
    tools=(Tool(name="weather", description="Its weather", schema=SCHEMA),),
    tool_choice=ToolChoice("named", ("weather",)),
    parallel_tools=False,
    output=Output(kind="json_schema", name="answer", schema=SCHEMA, strict=True),
    sampling=Sampling(temperature=0.5, top_p=0.9),
    max_output_tokens=100,
    reasoning=ReasoningRequest(effort="low", include="summary"),
    metadata={"a": "b"},
)


def asked(ask: LlmRequest) -> dict[str, Any]:
    request = next(CUSTOM_LLM.llm.complete(ask, ACCOUNT))
    assert request.url == "https://llm.example.com/v1/responses"
    assert not validated(request.body, ResponseCreateParamsNonStreaming)
    streamed = CUSTOM_LLM.llm.stream(ask, ACCOUNT).request
    assert json.loads(streamed.body) == {**json.loads(request.body), "stream": True}
    return json.loads(request.body)


def test_every_turn_goes_along_and_nothing_is_kept() -> None:
    body = asked(ASK)
    assert body["store"] is False
    assert body["input"] == [
        {"role": "system", "content": [{"type": "input_text", "text": "Be brief."}]},
        {"role": "user", "content": [
            {"type": "input_text", "text": "Weather?"}, {"type": "input_image", "detail": "auto", "image_url": "https://x.example/a.png"},
        ]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VhbGVk"},
        {"role": "assistant", "content": "Let me see."},
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city":"Kyiv"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "12 degrees"},
        {"role": "user", "content": [
            {"type": "input_text", "text": "And?"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        ]},
    ]  # fmt: skip
    assert body["tools"] == [
        {
            "type": "function",
            "name": "weather",
            "description": "Its weather",
            "parameters": SCHEMA,
            "strict": False,
        }
    ]
    assert body["tool_choice"] == {"type": "function", "name": "weather"}
    assert body["text"] == {
        "format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}
    }
    assert body["reasoning"] == {"effort": "low", "summary": "auto"}
    assert (body["temperature"], body["top_p"], body["max_output_tokens"]) == (0.5, 0.9, 100)


def test_what_is_not_asked_is_not_said() -> None:
    plain = LlmRequest(model="m", messages=(Message(Role.USER, (Text("hi"),)),))
    assert set(asked(plain)) == {"model", "input", "store"}


def test_thoughts_that_another_sealed_are_not_given_to_it() -> None:
    sealed = Opaque("eA==", "openai-responses-v1", Origin("openai"))
    turn = Message(Role.ASSISTANT, (Reasoning(encrypted=sealed, id="rs_2"), Text("x")))
    body = asked(LlmRequest(model="m", messages=(turn,)))
    assert body["input"] == [{"role": "assistant", "content": "x"}]


def test_what_the_language_lacks_is_told_or_refused() -> None:
    lacking = LlmRequest(model="m", messages=TALK[:2], sampling=Sampling(seed=7, stop=("END",)))
    exchange = CUSTOM_LLM.llm.complete(lacking, ACCOUNT)
    next(exchange)
    with pytest.raises(StopIteration) as done:
        exchange.send(HttpResponse(200, {}, json.dumps(response(message("hi"))).encode()))
    assert {notice.param for notice in done.value.value.warnings} == {"seed", "stop"}
    film = Message(Role.USER, (Media(kind="video", source=Url("https://x.example/a.mp4")),))
    with pytest.raises(Failure) as refused:
        next(CUSTOM_LLM.llm.complete(LlmRequest(model="m", messages=(film,)), ACCOUNT))
    assert refused.value.kind is Kind.UNSUPPORTED


# --- answers ----------------------------------------------------------------------------------

CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "weather",
    "arguments": '{"city":"Kyiv"}',
}


def message(text: str) -> dict[str, Any]:
    return {
        "type": "message",
        "id": "msg_1",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def response(*output: dict[str, Any], **more: Any) -> dict[str, Any]:
    usage = {
        "input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 5},
    }  # fmt: skip
    return {"id": "resp_1", "model": "m-1", "status": "completed", "output": output, "usage": usage, **more}


def streamed(*events: dict[str, Any]) -> LlmResponse:
    reader, fold = Reader(), LlmFold()
    for event in events:
        for one in reader.feed(Frame(event["type"], json.dumps(event).encode())):
            fold.feed(one)
    for one in reader.close():
        fold.feed(one)
    return fold.close()


CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "m-1", "status": "in_progress"}}


def test_a_whole_answer_and_its_stream_say_the_same() -> None:
    thought = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "encrypted_content": "eA==",
    }
    whole = response(thought, message("Hello there"), CALL)
    found = Reader().whole(HttpResponse(200, {}, json.dumps(whole).encode()))
    candidate = found.candidates[0]
    assert [type(part) for part in candidate.parts] == [Reasoning, Text, ToolCall]
    assert candidate.finish.reason is FinishReason.TOOL_CALLS
    assert (found.usage.input_total, found.usage.cache_read, found.usage.input_uncached) == (10, 4, 6)
    assert (found.usage.output_total, found.usage.reasoning) == (7, 5)
    assert streamed(
        CREATED,
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1"}},
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "Hm."},
        {"type": "response.output_item.done", "output_index": 0, "item": thought},
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "Hello "},
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "there"},
        {"type": "response.output_item.done", "output_index": 1, "item": message("Hello there")},
        {"type": "response.output_item.added", "output_index": 2, "item": {**CALL, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"city":'},
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '"Kyiv"}'},
        {"type": "response.output_item.done", "output_index": 2, "item": CALL},
        {"type": "response.completed", "response": whole},
        {"type": "response.rate_limits.updated"},
    ) == found  # fmt: skip


def test_a_server_that_only_tells_pieces_or_only_wholes_is_understood() -> None:
    pieces = streamed(
        CREATED,
        {"type": "response.output_text.delta", "delta": "Hel"},
        {"type": "response.output_text.delta", "delta": "lo"},
        {"type": "response.completed", "response": response()},
    )
    wholes = streamed(
        CREATED,
        {"type": "response.output_item.done", "item": message("Hello")},
        {"type": "response.completed", "response": response()},
    )
    assert [part.text for part in pieces.candidates[0].parts] == ["Hello"]
    assert [part.text for part in wholes.candidates[0].parts] == ["Hello"]


@pytest.mark.parametrize(
    ("status", "details", "reason"),
    [
        ("completed", None, FinishReason.STOP),
        ("incomplete", {"reason": "max_output_tokens"}, FinishReason.LENGTH),
        ("incomplete", {"reason": "content_filter"}, FinishReason.CONTENT_FILTER),
        ("cancelled", None, FinishReason.CANCELLED),
    ],
)
def test_how_an_answer_ended(status: str, details: Any, reason: FinishReason) -> None:
    told = response(message("x"), status=status, incomplete_details=details)
    found = Reader().whole(HttpResponse(200, {}, json.dumps(told).encode()))
    assert found.candidates[0].finish.reason is reason


def test_a_refusal_is_one() -> None:
    refusal = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}
    found = Reader().whole(HttpResponse(200, {}, json.dumps(response(refusal)).encode()))
    assert found.candidates[0].parts == (RefusalText("No."),)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "error": {"code": "rate_limit_exceeded", "message": "slow down"}},
        {"type": "error", "code": "rate_limit_exceeded", "message": "slow down"},
        {
            "type": "response.failed",
            "response": {"error": {"code": "rate_limit_exceeded", "message": "slow down"}},
        },
    ],
    ids=["nested", "flat", "failed"],
)
def test_a_failure_in_mid_stream_is_an_error(event: dict[str, Any]) -> None:
    with pytest.raises(ProviderError) as failed:
        streamed(CREATED, event)
    assert (failed.value.kind, failed.value.message) == (Kind.RATE_LIMITED, "slow down")


def test_a_stream_without_its_end_was_cut() -> None:
    with pytest.raises(StreamCut):
        streamed(CREATED, {"type": "response.output_text.delta", "delta": "Hel"})
    with pytest.raises(ProviderError) as unread:
        Reader().feed(Frame("", b"{"))
    assert unread.value.kind is Kind.BAD_RESPONSE
