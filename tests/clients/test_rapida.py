"""The platform's own generated stubs (rapida-python) run every method of UnifiedProviderService."""

import grpc
import pytest
from google.protobuf import struct_pb2, wrappers_pb2
from google.protobuf.any_pb2 import Any
from rapida.clients.protos import common_pb2 as common
from rapida.clients.protos import integration_api_pb2 as api
from rapida.clients.protos.integration_api_pb2_grpc import UnifiedProviderServiceStub

from tests.e2e.service import ADMIN_KEY, Service

MODELS = {
    "openai": "gpt-4o",
    "anthropic": "claude-sonnet-4-5",
    "mistral": "mistral-small-latest",
    "sandbox": "echo",
}
AUTH = (("x-api-key", ADMIN_KEY),)


@pytest.fixture
def stub(service: Service):
    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        yield UnifiedProviderServiceStub(channel)


def value(text: str) -> Any:
    packed = Any()
    packed.Pack(struct_pb2.Value(string_value=text))
    return packed


def wrapped(text: str) -> Any:
    packed = Any()
    packed.Pack(wrappers_pb2.StringValue(value=text))
    return packed


def user(text: str) -> common.Message:
    return common.Message(role="user", user=common.UserMessage(content=text))


def weather() -> api.ToolDefinition:
    return api.ToolDefinition(
        type="function",
        functionDefinition=api.FunctionDefinition(
            name="get_weather",
            description="The weather in a city",
            parameters=api.FunctionParameter(
                type="object",
                required=["city"],
                properties={"city": api.FunctionParameterProperty(type="string", description="Which city")},
            ),
        ),
    )


@pytest.mark.parametrize("provider", MODELS)
def test_chat(stub: UnifiedProviderServiceStub, provider: str) -> None:
    answer = stub.Chat(
        api.ChatRequest(
            providerName=provider,
            requestId="turn-1",
            conversations=[user("Say hello")],
            modelParameters={"model.name": value(MODELS[provider]), "model.temperature": wrapped("0.5")},
        ),
        metadata=AUTH,
        timeout=20,
    )
    assert answer.success, answer.error
    assert answer.code == 200
    assert answer.requestId == "turn-1"
    assert "".join(answer.data.assistant.contents)
    metrics = {metric.name: metric.value for metric in answer.metrics}
    assert metrics["status"] == "SUCCESS"
    assert int(metrics["total_token"]) == int(metrics["input_token"]) + int(metrics["output_token"])
    assert int(metrics["time_taken"]) > 0


@pytest.mark.parametrize("provider", MODELS)
def test_a_streamed_conversation_obeys_its_consumers_rules(
    stub: UnifiedProviderServiceStub, provider: str
) -> None:
    def turn(number: int) -> api.StreamChatRequest:
        return api.StreamChatRequest(
            chat=api.StreamChatInput(
                requestId=f"turn-{number}",
                providerName=provider,
                conversations=[user("Say hello")],
                modelParameters={"model.name": value(MODELS[provider])},
            )
        )

    def asked():
        yield api.StreamChatRequest(configuration=api.StreamChatConfiguration(providerName=provider))
        for number in range(3):
            yield turn(number)
            finished[number].wait(20)
        yield api.StreamChatRequest(close=api.StreamChatClose(reason="done"))

    import threading

    finished = [threading.Event() for _ in range(3)]
    frames = []
    for frame in stub.StreamChat(asked(), metadata=AUTH, timeout=60):
        frames.append(frame)
        if frame.HasField("chat") and frame.chat.metrics:
            finished[int(frame.chat.requestId[-1])].set()
    assert frames[0].configuration.success
    assert frames[-1].close.reason == "done"
    for number in range(3):
        turns = [f.chat for f in frames if f.HasField("chat") and f.chat.requestId == f"turn-{number}"]
        *deltas, last = turns
        assert deltas
        assert not any(delta.metrics for delta in deltas)
        assert last.metrics
        assert all(frame.data.WhichOneof("message") == "assistant" for frame in turns)
        text = "".join(t for delta in deltas for t in delta.data.assistant.contents)
        assert text == "".join(last.data.assistant.contents)
        assert last.finishReason == "stop"


@pytest.mark.parametrize("provider", ["openai", "anthropic", "mistral"])
def test_tools(stub: UnifiedProviderServiceStub, provider: str) -> None:
    parameters = {"model.name": value(MODELS[provider]), "model.tool_choice": value("required")}
    question = user("Use a tool: what is the weather in Kyiv?")
    answer = stub.Chat(
        api.ChatRequest(
            providerName=provider,
            conversations=[question],
            modelParameters=parameters,
            toolDefinitions=[weather()],
        ),
        metadata=AUTH,
        timeout=20,
    )
    (call,) = answer.data.assistant.toolCalls
    assert call.function.name == "get_weather"
    assert answer.finishReason == "tool_calls"
    result = common.ToolMessage.Tool(id=call.id, name="get_weather", content="12 degrees")
    again = stub.Chat(
        api.ChatRequest(
            providerName=provider,
            conversations=[
                question,
                answer.data,
                common.Message(role="tool", tool=common.ToolMessage(tools=[result])),
            ],
            modelParameters={"model.name": value(MODELS[provider])},
            toolDefinitions=[weather()],
        ),
        metadata=AUTH,
        timeout=20,
    )
    assert again.success, again.error
    assert "".join(again.data.assistant.contents)


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "text-embedding-3-small"), ("mistral", "mistral-embed"), ("sandbox", "embed")],
)
def test_embedding(stub: UnifiedProviderServiceStub, provider: str, model: str) -> None:
    answer = stub.Embedding(
        api.EmbeddingRequest(
            providerName=provider, content={0: "one", 1: "two"}, modelParameters={"model.name": value(model)}
        ),
        metadata=AUTH,
        timeout=20,
    )
    assert answer.success, answer.error
    assert [item.index for item in answer.data] == [0, 1]
    assert len(answer.data[0].embedding) > 1


def test_reranking(stub: UnifiedProviderServiceStub) -> None:
    answer = stub.Reranking(
        api.RerankingRequest(
            providerName="sandbox",
            query="red apples",
            content={0: "blue sky", 1: "red apples and pears", 7: "apples"},
            modelParameters={"model.name": value("rerank")},
        ),
        metadata=AUTH,
        timeout=20,
    )
    assert answer.success, answer.error
    best = max(answer.data, key=lambda item: item.relevanceScore)
    assert (best.index, best.content) == (1, "red apples and pears")
    assert {item.index for item in answer.data} == {0, 1, 7}


@pytest.mark.parametrize(("key", "valid"), [("a-good-lab-key", True), ("an-invalid-key", False)])
@pytest.mark.parametrize("provider", ["openai", "anthropic", "mistral"])
def test_verify_credential(
    stub: UnifiedProviderServiceStub, lab: str, provider: str, key: str, valid: bool
) -> None:
    fields = struct_pb2.Struct()
    fields.update({"key": key, "base_url": f"{lab}/{provider}" + ("" if provider == "anthropic" else "/v1")})
    answer = stub.VerifyCredential(
        api.VerifyCredentialRequest(providerName=provider, credential=api.Credential(value=fields)),
        metadata=AUTH,
        timeout=20,
    )
    assert answer.success is valid
    assert answer.code == (200 if valid else 401)
    assert bool(answer.errorMessage) is not valid
    assert key not in str(answer)


def test_an_unknown_provider_is_an_invalid_argument(stub: UnifiedProviderServiceStub) -> None:
    for provider in ("", "nobody"):
        with pytest.raises(grpc.RpcError) as refused:
            stub.Chat(
                api.ChatRequest(providerName=provider, conversations=[user("hi")]), metadata=AUTH, timeout=20
            )
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_without_a_key_nothing_is_answered(stub: UnifiedProviderServiceStub) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        stub.Chat(api.ChatRequest(providerName="sandbox"), timeout=20)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
