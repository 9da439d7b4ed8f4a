"""rapida-python, unmodified: its generated stubs and its own metadata and values, with every provider behind.

It stands in no process with our messages: its descriptors claim the names that the platform gave them.
"""

import json
import struct
from base64 import b64decode
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any
from urllib.request import urlopen

import grpc
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from rapida import ConnectionConfig, bool_to_any, float_to_any, int32_to_any, json_to_any, string_to_any
from rapida.clients.protos import audit_logging_api_pb2 as audit_api
from rapida.clients.protos import common_pb2 as common
from rapida.clients.protos import integration_api_pb2 as api
from rapida.clients.protos import vault_api_pb2 as vault_api
from rapida.clients.protos.audit_logging_api_pb2_grpc import AuditLoggingServiceStub
from rapida.clients.protos.integration_api_pb2_grpc import UnifiedProviderServiceStub
from rapida.clients.protos.vault_api_pb2_grpc import VaultServiceStub

from tests.clients.shapes import assert_same
from tests.e2e.conftest import base_url
from tests.e2e.service import ADMIN_KEY, Service

MODELS = ("openai/gpt-4o", "anthropic/claude-sonnet-4-5", "mistral/mistral-small-latest", "sandbox/echo")
TOOL_MODELS = (*MODELS[:-1], "sandbox/tools")
EMBEDDING = (
    "openai/text-embedding-3-small",
    "mistral/mistral-embed",
    "sandbox/embed",
    "cohere/embed-v4.0",
    "voyageai/voyage-3.5",
)
RERANKING = ("sandbox/rerank", "cohere/rerank-v3.5", "voyageai/rerank-2.5")
SECONDS = 20
KEY = "lab-key-rapida-0123456789"


def metadata(key: str = ADMIN_KEY) -> list[tuple[str, str]]:
    return ConnectionConfig.default_connection_config(ConnectionConfig.with_sdk(key, "7")).auth


class Client:
    """The stubs with a deadline and the SDK's own metadata."""

    def __init__(self, channel: grpc.Channel, lab: str) -> None:
        self.stub = UnifiedProviderServiceStub(channel)
        self.lab = lab

    def ask(self, method: str, request: object, key: str = ADMIN_KEY) -> object:
        return getattr(self.stub, method)(request, metadata=metadata(key), timeout=SECONDS)

    def talk(self, *frames: api.StreamChatRequest) -> list[api.StreamChatResponse]:
        """Send each frame when the one before is answered, then say that there are no more; return all answers."""
        sending: SimpleQueue[api.StreamChatRequest | None] = SimpleQueue()
        call = self.stub.StreamChat(iter(sending.get, None), metadata=metadata(), timeout=SECONDS)
        answers = []
        for frame in frames:
            sending.put(frame)
            answers.append(next(call))
            while answers[-1].HasField("chat") and not (
                answers[-1].chat.metrics or answers[-1].chat.error.errorCode
            ):
                answers.append(next(call))
        sending.put(None)
        return [*answers, *call]

    def last_body(self, provider: str) -> Any:
        """Return what the provider was asked last, as the lab saw it."""
        with urlopen(f"{self.lab}/_lab/requests?provider={provider}", timeout=SECONDS) as reply:
            return json.loads(reply.read())["requests"][-1]["body"]

    def credential(self, provider: str, key: str = KEY) -> api.Credential:
        """Return one for the lab, or for what needs none, the project's own."""
        if provider == "sandbox":
            return api.Credential()
        return api.Credential(value={"key": key, "base_url": base_url(self.lab, provider)})


@pytest.fixture(scope="module")
def client(service: Service, lab: str) -> Iterator[Client]:
    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        yield Client(channel, lab)


def user(content: str) -> common.Message:
    return common.Message(role="user", user=common.UserMessage(content=content))


def system(content: str) -> common.Message:
    return common.Message(role="system", system=common.SystemMessage(content=content))


def chat(model: str, *messages: common.Message, **more: object) -> api.ChatRequest:
    provider, _, name = model.partition("/")
    params = {"model.name": string_to_any(name), **more.pop("params", {})}
    return api.ChatRequest(
        providerName=provider,
        conversations=messages or [user("Say hello")],
        modelParameters=params,
        **more,
    )


def chat_frame(turn: str, model: str, *messages: common.Message, **more: object) -> api.StreamChatRequest:
    asked = chat(model, *messages, **more)
    return api.StreamChatRequest(
        chat=api.StreamChatInput(
            requestId=turn,
            providerName=asked.providerName,
            conversations=asked.conversations,
            modelParameters=asked.modelParameters,
            toolDefinitions=asked.toolDefinitions,
        )
    )


def configuration(provider: str, **more: object) -> api.StreamChatRequest:
    return api.StreamChatRequest(configuration=api.StreamChatConfiguration(providerName=provider, **more))


CLOSE = api.StreamChatRequest(close=api.StreamChatClose(reason="done"))
WEATHER = api.ToolDefinition(
    type="function",
    functionDefinition=api.FunctionDefinition(
        name="get_weather",
        description="The weather in a city",
        parameters=api.FunctionParameter(
            type="object",
            required=["city"],
            properties={"city": api.FunctionParameterProperty(type="string", description="Its name")},
        ),
    ),
)


def results(message: common.Message) -> common.Message:
    tools = [
        common.ToolMessage.Tool(name=call.function.name, id=call.id, content="12 degrees")
        for call in message.assistant.toolCalls
    ]
    return common.Message(role="tool", tool=common.ToolMessage(tools=tools))


def metrics(answer: object) -> dict[str, str]:
    return {metric.name: metric.value for metric in answer.metrics}


def spoken(message: common.Message) -> str:
    return "".join(message.assistant.contents)


# --- the contract -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "theirs",
    [
        api.DESCRIPTOR.services_by_name["UnifiedProviderService"],
        audit_api.DESCRIPTOR.services_by_name["AuditLoggingService"],
        vault_api.DESCRIPTOR.services_by_name["VaultService"],
    ],
    ids=lambda service: service.name,
)
def test_their_messages_and_ours_are_the_same_on_the_wire(theirs: ServiceDescriptor) -> None:
    assert_same(theirs)


def test_thoughts_survive_in_messages_that_are_handed_back(client: Client) -> None:
    """Their stubs do not know where an answer carries its thoughts, and bring them back all the same."""
    asked = user("Use a tool: what is the weather in Kyiv?")
    thinking = {"enabled": True, "budget_tokens": 2048}
    params = {"model.thinking": json_to_any(thinking), "model.max_tokens": int32_to_any(4096)}
    more = {"toolDefinitions": [WEATHER], "params": params}
    model = "anthropic/claude-sonnet-4-5"
    answer = client.ask("Chat", chat(model, asked, **more))
    again = client.ask("Chat", chat(model, asked, answer.data, results(answer.data), **more))
    client.ask(
        "Chat", chat(model, asked, answer.data, results(answer.data), again.data, user("Thanks!"), **more)
    )
    turns = client.last_body("anthropic")["messages"]
    kinds = [[block["type"] for block in turn["content"]] for turn in turns if turn["role"] == "assistant"]
    assert kinds == [["thinking", "text", "tool_use"], ["thinking", "text"]]


# --- Chat -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_chat(client: Client, model: str) -> None:
    params = {"model.temperature": float_to_any(0.5), "model.max_tokens": int32_to_any(256)}
    request = chat(model, system("Be brief."), user("Say hello"), requestId="turn-1", params=params)
    answer = client.ask("Chat", request)
    assert (answer.code, answer.success, answer.requestId) == (200, True, "turn-1")
    assert not answer.HasField("error")
    assert answer.data.WhichOneof("message") == "assistant"
    assert spoken(answer.data)
    assert answer.finishReason == "stop"
    assert metrics(answer)["status"] == "SUCCESS"
    assert int(metrics(answer)["total_token"]) > 0


@pytest.mark.parametrize("model", TOOL_MODELS)
def test_tools_go_round(client: Client, model: str) -> None:
    asked = user("Use a tool: what is the weather in Kyiv?")
    choice = {"model.tool_choice": string_to_any("required")}
    answer = client.ask("Chat", chat(model, asked, toolDefinitions=[WEATHER], params=choice))
    assert answer.finishReason == "tool_calls"
    (call,) = answer.data.assistant.toolCalls
    assert (call.type, call.function.name) == ("function", "get_weather")
    assert isinstance(json.loads(call.function.arguments)["city"], str)
    again = client.ask(
        "Chat", chat(model, asked, answer.data, results(answer.data), toolDefinitions=[WEATHER])
    )
    assert spoken(again.data)


@pytest.mark.parametrize("model", MODELS)
def test_structured_output(client: Client, model: str) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": schema}}
    params = {"model.response_format": json_to_any(wanted), "model.logprobs": bool_to_any(value=False)}
    answer = client.ask("Chat", chat(model, user("A city, please"), params=params))
    assert isinstance(json.loads(spoken(answer.data))["name"], str)


@pytest.mark.parametrize("model", MODELS[:-1])
def test_what_the_provider_refuses_is_told_in_the_answer(client: Client, model: str) -> None:
    answer = client.ask("Chat", chat(f"{model}-lab-status-429"))
    assert (answer.code, answer.success, answer.HasField("data")) == (429, False, False)
    assert answer.error.errorCode == 429
    assert answer.error.humanMessage
    assert metrics(answer)["status"] == "FAILED"


@pytest.mark.parametrize("key", ["", "rpd-prj-nobody", "iak_" + "wrong" * 8])
def test_a_key_that_is_not_ours(client: Client, key: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        client.ask("Chat", chat("sandbox/echo"), key)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_credential_comes_with_the_call_or_is_a_stored_one(client: Client, service: Service) -> None:
    stored = int(service.add_credential("openai", base_url(client.lab, "openai"), name="rapida"))
    for credential in (client.credential("openai"), api.Credential(id=stored)):
        assert client.ask("Chat", chat("openai/gpt-4o", credential=credential)).success


# --- StreamChat -------------------------------------------------------------------------------


@pytest.mark.parametrize("closing", [True, False])
@pytest.mark.parametrize("model", MODELS)
def test_stream_chat(client: Client, model: str, closing: bool) -> None:
    provider = model.partition("/")[0]
    frames = [configuration(provider, credential=client.credential(provider)), chat_frame("turn-1", model)]
    answers = client.talk(*frames, *([CLOSE] if closing else []))
    assert answers[0].configuration == api.StreamChatConfigured(providerName=provider, success=True)
    if closing:
        assert answers.pop().close.reason == "done"
    *pieces, last = (answer.chat for answer in answers[1:])
    assert {frame.requestId for frame in (*pieces, last)} == {"turn-1"}
    assert not any(frame.metrics for frame in pieces)
    assert metrics(last)["status"] == "SUCCESS"
    assert last.finishReason == "stop"
    assert spoken(last.data) == "".join(spoken(frame.data) for frame in pieces) != ""


@pytest.mark.parametrize("model", TOOL_MODELS)
def test_tools_stream(client: Client, model: str) -> None:
    asked = user("Use a tool: what is the weather in Kyiv?")
    first = configuration(model.partition("/")[0])
    frame = chat_frame("t1", model, asked, toolDefinitions=[WEATHER])
    answer = client.talk(first, frame)[-1].chat
    assert answer.finishReason == "tool_calls"
    assert [call.function.name for call in answer.data.assistant.toolCalls] == ["get_weather"]
    frame = chat_frame("t2", model, asked, answer.data, results(answer.data), toolDefinitions=[WEATHER])
    assert spoken(client.talk(first, frame)[-1].chat.data)


def test_the_rules_of_a_conversation(client: Client) -> None:
    answers = client.talk(
        chat_frame("early", "sandbox/echo"),
        api.StreamChatRequest(),
        configuration("nobody"),
        configuration("sandbox"),
        chat_frame("elsewhere", "openai/gpt-4o"),
        api.StreamChatRequest(),
        chat_frame("fine", "sandbox/echo", user("Hello")),
        CLOSE,
    )
    *frames, last, end = answers
    told = [
        (frame.chat.requestId, frame.chat.error.errorCode, frame.configuration.error.errorCode)
        for frame in frames
    ]
    refusals = [
        ("early", 412, 0),
        ("", 400, 0),
        ("", 0, 400),
        ("", 0, 0),
        ("elsewhere", 400, 0),
        ("", 400, 0),
    ]
    assert told[:6] == refusals
    assert set(told[6:]) == {("fine", 0, 0)}
    assert answers[3].configuration.success
    assert (last.chat.requestId, spoken(last.chat.data)) == ("fine", "You said: Hello")
    assert end.close.reason == "done"


@pytest.mark.parametrize("ending", ["lab-status-500", "lab-cut"])
def test_a_turn_that_fails(client: Client, ending: str) -> None:
    answers = client.talk(configuration("openai"), chat_frame("bad", f"openai/gpt-4o-{ending}"))
    *_, failed = (answer.chat for answer in answers[1:])
    assert (failed.requestId, failed.error.errorCode) == ("bad", 400)
    assert not failed.HasField("data")
    assert not failed.metrics


# --- Embedding, Reranking, VerifyCredential ---------------------------------------------------


@pytest.mark.parametrize("model", EMBEDDING)
def test_embedding(client: Client, model: str) -> None:
    provider, _, name = model.partition("/")
    request = api.EmbeddingRequest(
        providerName=provider,
        credential=client.credential(provider),
        content={0: "one", 1: "two"},
        modelParameters={"model.name": string_to_any(name)},
    )
    answer = client.ask("Embedding", request)
    assert (answer.code, answer.success) == (200, True)
    assert [item.index for item in answer.data] == [0, 1]
    for item in answer.data:
        raw = b64decode(item.base64)
        assert struct.unpack(f"<{len(raw) // 8}d", raw) == tuple(item.embedding)
    assert answer.data[0].embedding != answer.data[1].embedding
    assert metrics(answer)["status"] == "SUCCESS"


@pytest.mark.parametrize("model", RERANKING)
def test_reranking(client: Client, model: str) -> None:
    provider, _, name = model.partition("/")
    documents = {0: "cats sleep", 1: "Kyiv is where the Dnipro is", 2: "where is Lviv"}
    request = api.RerankingRequest(
        providerName=provider,
        credential=client.credential(provider),
        query="where is Kyiv",
        content=documents,
        modelParameters={"model.name": string_to_any(name)},
    )
    answer = client.ask("Reranking", request)
    assert (answer.code, answer.success) == (200, True)
    assert {item.index: item.content for item in answer.data} == documents
    scores = [item.relevanceScore for item in answer.data]
    assert max(scores) == scores[1] > scores[0]


@pytest.mark.parametrize("provider", ["openai", "anthropic", "mistral", "cohere", "voyageai"])
def test_verify_credential(client: Client, provider: str) -> None:
    good, refused = (
        client.ask(
            "VerifyCredential",
            api.VerifyCredentialRequest(providerName=provider, credential=client.credential(provider, key)),
        )
        for key in (KEY, "lab-invalid-key-0123456789")
    )
    assert (good.code, good.success, good.response) == (200, True, "valid")
    assert (refused.code, refused.success, refused.HasField("response")) == (401, False, False)
    assert refused.errorMessage


# --- the vault and the audit ------------------------------------------------------------------


def test_the_vault_keeps_a_credential_that_chats_can_name(client: Client, service: Service) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        vault = VaultServiceStub(channel)

        def ask(method: str, request: object) -> Any:
            return getattr(vault, method)(request, metadata=metadata(), timeout=SECONDS)

        held = client.credential("mistral").value
        offered = vault_api.CreateProviderCredentialRequest(
            provider="mistral", name="theirs", credential=held
        )
        kept = ask("CreateProviderCredential", offered)
        assert (kept.code, kept.success, kept.data.provider) == (200, True, "mistral")
        named = api.Credential(id=kept.data.id)
        assert client.ask("Chat", chat("mistral/mistral-small-latest", credential=named)).success
        wanted = [common.Criteria(key="name", value="theirs", logic="=")]
        page = common.Paginate(page=1, pageSize=10)
        listed = ask(
            "GetAllOrganizationCredential",
            vault_api.GetAllOrganizationCredentialRequest(paginate=page, criterias=wanted),
        )
        assert [one.id for one in listed.data] == [kept.data.id]
        assert listed.paginated.totalItem == 1
        for method in ("GetCredential", "GetOauth2Credential"):
            one = ask(method, vault_api.GetCredentialRequest(vaultId=kept.data.id))
            assert one.data == listed.data[0]
            assert KEY not in str(one)
        gone = ask("DeleteCredential", vault_api.DeleteCredentialRequest(vaultId=kept.data.id))
        assert gone.success
        with pytest.raises(grpc.RpcError) as missing:
            ask("GetCredential", vault_api.GetCredentialRequest(vaultId=kept.data.id))
        assert missing.value.code() is grpc.StatusCode.NOT_FOUND


def test_the_audit_tells_of_a_call_and_takes_more_about_it(client: Client, service: Service) -> None:
    request = api.EmbeddingRequest(
        providerName="sandbox",
        content={0: "one"},
        additionalData={"assistant_id": "42"},
        modelParameters={"model.name": string_to_any("embed")},
    )
    id = client.ask("Embedding", request).requestId
    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        audit = AuditLoggingServiceStub(channel)

        def ask(method: str, request: object) -> Any:
            return getattr(audit, method)(request, metadata=metadata(), timeout=SECONDS)

        added = {"conversation_id": "9"}
        told = ask("CreateMetadata", audit_api.CreateMetadataRequest(id=id, additionalData=added))
        assert (told.code, told.success) == (200, True)
        one = ask("GetAuditLog", audit_api.GetAuditLogRequest(id=id)).data
        assert (one.id, one.integrationName, one.status, one.responseStatus) == (
            id,
            "sandbox",
            "complete",
            200,
        )
        kept = {entry.key: entry.value for entry in one.externalAuditMetadatas}
        assert (kept["assistant_id"], kept["conversation_id"], kept["model_name"]) == ("42", "9", "embed")
        wanted = [common.Criteria(key="conversation_id", value="9", logic="=")]
        page = common.Paginate(page=1, pageSize=10)
        listed = ask("GetAllAuditLog", audit_api.GetAllAuditLogRequest(paginate=page, criterias=wanted))
        assert list(listed.data) == [one]
        assert listed.paginated.totalItem == 1
        nobodys = ask("GetAuditLog", audit_api.GetAuditLogRequest(id=1))
        assert (nobodys.code, nobodys.success, nobodys.HasField("data")) == (404, False, False)
