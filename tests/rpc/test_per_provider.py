"""The older generation's services, by grpcio: what each says in its own form, and what it can not do."""

import json
import struct
from base64 import b64decode, b64encode

import grpc
import pytest

from integration_api.proto import per_provider_pb2 as wire
from tests.e2e.conftest import base_url
from tests.rpc.caller import Caller, credential, details, function, metrics, parameters, until, user
from tests.rpc.per_provider import (
    CHATS,
    CONTRACT,
    EMBEDDINGS,
    RERANKINGS,
    ask,
    call,
    content,
    outcome,
    results,
    said,
    spoken,
    stream,
)

PNG = b"\x89PNG\r\n\x1a\n not much of a picture"
SLOW = "gpt-4o-mini-lab-paced-3000-20"
STREAMS = {service: model for service, model in CHATS.items() if "StreamChat" in CONTRACT[service]}
CALLERS = ("OpenAiService", "AnthropicService", "GeminiService", "CohereService", "BedrockService")
"""One of each language, to go round with tools."""


@pytest.mark.parametrize("theirs", CHATS)
def test_a_whole_answer(caller: Caller, theirs: str) -> None:
    request = ask(CHATS[theirs], said("system", "Be brief."), said("user", "Say hello"))
    answer = call(caller, theirs, "Chat", request)
    assert (answer.code, answer.success, answer.HasField("error")) == (200, True, False)
    assert answer.data.role == "assistant"
    (only,) = answer.data.contents
    assert (only.contentType, only.contentFormat) == ("text", "raw")
    assert spoken(answer.data)
    assert answer.finishReason == "stop"
    counted = metrics(answer)
    assert counted["STATUS"] == "SUCCESS"
    assert int(counted["TIME_TAKEN"]) > 1_000  # nanoseconds
    assert counted["LLM_REQUEST_ID"]
    assert int(counted["TOTAL_TOKEN"]) == int(counted["INPUT_TOKEN"]) + int(counted["OUTPUT_TOKEN"]) > 0
    record = until(lambda: audited(caller, answer.requestId))
    assert (record["operation"], record["provider"]) == ("chat", CHATS[theirs].partition("/")[0])


def audited(caller: Caller, id: int) -> dict[str, object] | None:
    status, record = caller.service.call("GET", f"/v1/audit/{id}")
    return record if status == 200 else None


@pytest.mark.parametrize("theirs", STREAMS)
def test_a_stream(caller: Caller, theirs: str) -> None:
    *pieces, last = stream(caller, theirs, ask(CHATS[theirs]))
    assert pieces
    for frame in pieces:
        assert (frame.code, frame.success, frame.requestId) == (0, True, last.requestId)
        assert (frame.data.role, len(frame.data.contents)) == ("assistant", 1)
        assert not frame.metrics
    assert (last.code, last.success, last.finishReason) == (0, True, "stop")
    assert last.requestId > 0
    assert spoken(last.data) == "".join(spoken(frame.data) for frame in pieces)
    assert metrics(last)["STATUS"] == "SUCCESS"
    assert {metric.name for metric in last.metrics} == {metric.name.upper() for metric in last.metrics}
    assert 0 < int(metrics(last)["TIME_TO_FIRST_TOKEN"]) <= int(metrics(last)["TIME_TAKEN"])


@pytest.mark.parametrize("theirs", CALLERS)
def test_tools_go_round(caller: Caller, theirs: str) -> None:
    asked = said("user", "Use a tool: what is the weather in Kyiv?")
    tools = [function("get_weather", city="string")]
    answer = call(caller, theirs, "Chat", ask(CHATS[theirs], asked, toolDefinitions=tools))
    assert answer.finishReason == "tool_calls"
    assert [one.function.name for one in answer.data.toolCalls] == ["get_weather"]
    assert isinstance(json.loads(answer.data.toolCalls[0].function.arguments)["city"], str)
    history = [asked, answer.data, results(answer.data)]
    again = call(caller, theirs, "Chat", ask(CHATS[theirs], *history, toolDefinitions=tools))
    assert spoken(again.data)


def test_a_streamed_turn_says_no_more_once_it_calls(caller: Caller) -> None:
    """Callers take text and calls from the last frame."""
    asked = said("user", "Use a tool: what is the weather in Kyiv?")
    request = ask(CHATS["AnthropicService"], asked, toolDefinitions=[function("get_weather", city="string")])
    *pieces, last = stream(caller, "AnthropicService", request)
    assert [one.function.name for one in last.data.toolCalls] == ["get_weather"]
    assert not any(frame.data.toolCalls for frame in pieces)
    assert spoken(last.data) == "".join(spoken(frame.data) for frame in pieces)


def test_what_old_histories_call_those_who_speak(caller: Caller) -> None:
    words = [
        ("system", "Be brief."),
        ("user", "1"),
        ("model", "2"),
        ("USER", "3"),
        ("chatbot", "4"),
        ("user", "5"),
    ]
    call(caller, "OpenAiService", "Chat", ask("gpt-4o-mini", *(said(*one) for one in words)))
    turns = [(turn["role"], turn["content"]) for turn in caller.last_body("openai")["messages"]]
    assert [(role, text) for role, text in turns] == [
        ("system", "Be brief."), ("user", "1"), ("assistant", "2"), ("user", "3"), ("assistant", "4"), ("user", "5"),
    ]  # fmt: skip


def test_pictures(caller: Caller) -> None:
    parts = [
        content("What is this?"),
        content("https://example.com/a.png", contentType="image", contentFormat="url"),
        wire.Content(contentType="image", contentFormat="raw", content=PNG),
    ]
    call(caller, "OpenAiService", "Chat", ask("gpt-4o-mini", wire.Message(role="user", contents=parts)))
    (turn,) = caller.last_body("openai")["messages"]
    assert [part["type"] for part in turn["content"]] == ["text", "image_url", "image_url"]
    assert turn["content"][1]["image_url"]["url"] == "https://example.com/a.png"
    assert turn["content"][2]["image_url"]["url"] == f"data:image/png;base64,{b64encode(PNG).decode()}"


@pytest.mark.parametrize(
    "message",
    [
        said("nobody", "x"),
        wire.Message.FromString(user("of the other generation").SerializeToString()),
        wire.Message(role="user", contents=[content("x", contentType="multi")]),
        wire.Message(role="user", contents=[wire.Content(contentType="text", content=b"\xff")]),
        wire.Message(role="tool", contents=[content("x", contentType="")]),
        wire.Message(role="assistant", toolCalls=[{"id": "1"}]),
    ],
    ids=["role", "generation", "kind", "bytes", "result", "call"],
)
def test_a_message_that_can_not_be_understood_is_named(caller: Caller, message: wire.Message) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        call(caller, "OpenAiService", "Chat", ask("gpt-4o-mini", message))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(refused.value)[1]["ErrorInfo"].metadata["param"].startswith("conversations[0]")


def test_what_the_provider_refuses_is_told_in_the_answer(caller: Caller) -> None:
    answer = call(caller, "OpenAiService", "Chat", ask("gpt-4o-mini-lab-status-429"))
    assert (answer.code, answer.success, answer.HasField("data")) == (429, False, False)
    assert answer.error.errorCode == 429
    assert answer.error.humanMessage
    assert metrics(answer)["STATUS"] == "FAILED"


@pytest.mark.parametrize("ending", ["lab-status-429", "lab-status-500", "lab-cut"])
def test_a_stream_that_fails_ends_with_one_error_and_a_status(caller: Caller, ending: str) -> None:
    frames, error = outcome(stream(caller, "OpenAiService", ask(f"gpt-4o-mini-{ending}")))
    assert error is not None
    assert error.code() is grpc.StatusCode.UNKNOWN
    failed = [frame for frame in frames if frame.HasField("error")]
    assert failed == frames[-1:]
    assert (failed[0].code, failed[0].success, failed[0].error.errorCode) == (400, False, 400)
    assert not failed[0].HasField("data")
    assert not failed[0].metrics
    assert failed[0].error.humanMessage == error.details()


def test_a_stream_that_can_not_begin_is_a_status(caller: Caller) -> None:
    for request in (wire.ChatRequest(), ask("gpt-4o-mini", credential=credential(4711))):
        frames, error = outcome(stream(caller, "OpenAiService", request))
        assert (frames, error is None) == ([], False)
    assert error is not None
    assert error.code() is grpc.StatusCode.NOT_FOUND


def test_who_leaves_a_stream_ends_it_with_the_provider_too(caller: Caller) -> None:
    before = caller.lab_ask("GET", "/stats")["disconnects"]
    frames = stream(caller, "OpenAiService", ask(SLOW))
    assert next(frames).data
    frames.cancel()
    until(lambda: caller.lab_ask("GET", "/stats")["disconnects"] > before)


def test_a_credential_in_the_call_is_used_for_it(caller: Caller, lab: str) -> None:
    held = credential(key="lab-key-older-0123456789", base_url=base_url(lab, "openai"))
    assert call(caller, "OpenAiService", "Chat", ask("gpt-4o-mini", credential=held)).success
    *_, last = stream(caller, "OpenAiService", ask("gpt-4o-mini", credential=held))
    assert metrics(last)["STATUS"] == "SUCCESS"
    assert "lab-key-older" not in str(caller.seen("openai"))


def test_a_choice_of_connection_among_the_parameters(caller: Caller) -> None:
    good = ask("gpt-4o-mini", params={"connection.transport": "chat_complete"})
    assert call(caller, "OpenAiService", "Chat", good).success
    with pytest.raises(grpc.RpcError) as refused:
        call(caller, "OpenAiService", "Chat", ask("gpt-4o-mini", params={"connection.transport": "pigeon"}))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("theirs", EMBEDDINGS)
def test_embedding(caller: Caller, theirs: str) -> None:
    request = wire.EmbeddingRequest(
        content={3: "three", 1: "one"}, modelParameters=parameters(EMBEDDINGS[theirs], {})
    )
    answer = call(caller, theirs, "Embedding", request)
    assert (answer.code, answer.success) == (200, True)
    assert [item.index for item in answer.data] == [1, 3]
    for item in answer.data:
        raw = b64decode(item.base64, validate=True)
        assert list(struct.unpack(f"<{len(raw) // 8}d", raw)) == list(item.embedding)
    assert metrics(answer)["STATUS"] == "SUCCESS"


@pytest.mark.parametrize("theirs", RERANKINGS)
def test_reranking(caller: Caller, theirs: str) -> None:
    documents = {4: content("cats sleep", name="a"), 9: content("Kyiv is where the Dnipro is", name="b")}
    request = wire.RerankingRequest(
        query="where is Kyiv", content=documents, modelParameters=parameters(RERANKINGS[theirs], {})
    )
    answer = call(caller, theirs, "Reranking", request)
    assert (answer.code, answer.success) == (200, True)
    assert {item.index: item.content for item in answer.data} == documents
    low, high = (item.RelevanceScore for item in answer.data)
    assert low < high
    assert metrics(answer)["STATUS"] == "SUCCESS"
    refused = wire.RerankingRequest(
        query="x", content=documents, modelParameters=parameters(f"{RERANKINGS[theirs]}-lab-status-429", {})
    )
    told = call(caller, theirs, "Reranking", refused)
    assert (told.code, told.success, len(told.data), metrics(told)["STATUS"]) == (429, False, 0, "FAILED")


def test_documents_are_texts(caller: Caller) -> None:
    request = wire.RerankingRequest(
        query="x",
        content={7: content("https://example.com", contentType="image", contentFormat="url")},
        modelParameters=parameters("rerank-v3.5", {}),
    )
    with pytest.raises(grpc.RpcError) as refused:
        call(caller, "CohereService", "Reranking", request)
    assert details(refused.value)[1]["ErrorInfo"].metadata["param"] == "content[7].contentType"


def test_verify_credential(caller: Caller, lab: str) -> None:
    for key, told in (("lab-key-0123456789", (200, True)), ("lab-invalid-key-0123456789", (401, False))):
        held = credential(key=key, base_url=base_url(lab, "openai"))
        request = wire.VerifyCredentialRequest(credential=held)
        answer = call(caller, "OpenAiService", "VerifyCredential", request)
        assert (answer.code, answer.success) == told
        assert (answer.response == "valid") is answer.success


def test_moderation(caller: Caller) -> None:
    for text, flagged in (("I will kill you", "true"), ("a kitten", "false")):
        answer = call(
            caller, "OpenAiService", "GetModeration", wire.GetModerationRequest(content=content(text))
        )
        assert (answer.code, answer.success) == (200, True)
        found = {item.name: item.value for item in answer.data}
        assert found.pop("flagged") == flagged
        assert found
        assert all(0 <= float(score) <= 1 for score in found.values())
        assert metrics(answer)["STATUS"] == "SUCCESS"


@pytest.mark.parametrize(
    ("theirs", "method", "request_"),
    [
        ("AzureService", "GetModeration", wire.GetModerationRequest(content=content("x"))),
        ("StabilityAiService", "VerifyCredential", wire.VerifyCredentialRequest()),
        ("DeepInfraService", "VerifyCredential", wire.VerifyCredentialRequest()),
    ],
)
def test_what_nobody_can_do_is_unimplemented(
    caller: Caller, theirs: str, method: str, request_: object
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        call(caller, theirs, method, request_)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert details(refused.value)[1]["ErrorInfo"].reason == "unsupported_operation"
