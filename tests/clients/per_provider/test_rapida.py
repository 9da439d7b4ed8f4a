"""Every method of the older generation, by the stubs of the last rapida-python that has them."""

import json
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from rapida import string_to_any
from rapida.clients.protos import audit_logging_api_pb2 as audit_api
from rapida.clients.protos import audit_logging_api_pb2_grpc, integration_api_pb2_grpc, vault_api_pb2_grpc
from rapida.clients.protos import common_pb2 as common
from rapida.clients.protos import integration_api_pb2 as api
from rapida.clients.protos import vault_api_pb2 as vault_api

from tests.clients.outcomes import fared, hold, methods
from tests.clients.shapes import assert_same
from tests.e2e.conftest import base_url
from tests.e2e.service import ADMIN_KEY, Service

SECONDS = 20
KEY, WRONG = "lab-key-older-0123456789", "lab-invalid-key-0123456789"
REFUSED = "-lab-status-400"
CHATS: Mapping[str, tuple[str, str]] = {
    "BedrockService": ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    "OpenAiService": ("openai", "gpt-4o"),
    "AzureService": ("azure-openai", "gpt-4o"),
    "GeminiService": ("gemini", "gemini-3.8-flash"),
    "VertexAiService": ("vertexai", "gemini-3.8-flash"),
    "ReplicateService": ("replicate", "meta/meta-llama-3-70b-instruct"),
    "AnthropicService": ("anthropic", "claude-sonnet-4-5"),
    "CohereService": ("cohere", "command-a-03-2025"),
    "HuggingfaceService": ("huggingface", "meta-llama/Llama-3.3-70B-Instruct:together"),
    "MistralService": ("mistral", "mistral-small-latest"),
    "TogetherAiService": ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    "VoyageAiService": ("voyageai", ""),
    "StabilityAiService": ("", ""),
    "DeepInfraService": ("", ""),
}
EMBEDDINGS: Mapping[str, str] = {
    "BedrockService": "amazon.titan-embed-text-v2:0",
    "OpenAiService": "text-embedding-3-small",
    "AzureService": "text-embedding-3-small",
    "GeminiService": "gemini-embedding-001",
    "VertexAiService": "gemini-embedding-001",
    "CohereService": "embed-v4.0",
    "VoyageAiService": "voyage-3.5",
}
RERANKINGS = {"CohereService": "rerank-v3.5", "VoyageAiService": "rerank-2.5"}


class Client:
    """Every stub, on one channel."""

    def __init__(self, channel: grpc.Channel, lab: str) -> None:
        self.channel = channel
        self.lab = lab

    def call(self, path: str, request: Any, signed: bool = True) -> Any:
        service, _, method = path.partition("/")
        name = service.rpartition(".")[2]
        places = (integration_api_pb2_grpc, vault_api_pb2_grpc, audit_logging_api_pb2_grpc)
        stub = next(getattr(place, f"{name}Stub") for place in places if hasattr(place, f"{name}Stub"))
        given = [("x-api-key", ADMIN_KEY)] if signed else []
        return getattr(stub(self.channel), method)(request, metadata=given, timeout=SECONDS)

    def credential(self, provider: str, key: str = KEY) -> api.Credential:
        if not provider:
            return api.Credential()
        return api.Credential(value={"key": key, "base_url": base_url(self.lab, provider)})


@pytest.fixture(scope="module")
def client(service: Service, lab: str) -> Iterator[Client]:
    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        yield Client(channel, lab)


def said(role: str, text: str) -> common.Message:
    return common.Message(
        role=role,
        contents=[common.Content(contentType="text", contentFormat="raw", content=text.encode())],
    )


def chat(model: str, *messages: common.Message, **more: Any) -> api.ChatRequest:
    return api.ChatRequest(
        conversations=messages or [said("user", "Say hello")],
        modelParameters={"model.name": string_to_any(model)},
        **more,
    )


def embedding(model: str) -> api.EmbeddingRequest:
    return api.EmbeddingRequest(content={0: "one"}, modelParameters={"model.name": string_to_any(model)})


def reranking(model: str) -> api.RerankingRequest:
    document = common.Content(contentType="text", contentFormat="raw", content=b"one")
    return api.RerankingRequest(
        query="one", content={0: document}, modelParameters={"model.name": string_to_any(model)}
    )


def moderation(model: str) -> api.GetModerationRequest:
    content = common.Content(contentType="text", contentFormat="raw", content=b"a kitten")
    return api.GetModerationRequest(model=model, content=content)


def verification(client: Client, service: str, key: str, stored: Mapping[str, int]) -> Any:
    """Ask about the fields of a key; of providers that need more than one, about the stored credential."""
    provider = CHATS[service][0]
    if provider in stored:
        held = api.Credential(id=stored[provider] if key is KEY else 4711)
    else:
        held = client.credential(provider, key)
    return api.VerifyCredentialRequest(credential=held)


def asked(client: Client, path: str, stored: Mapping[str, int]) -> tuple[Any, Any]:
    """Return what goes well, and what is refused."""
    service, _, method = path.removeprefix("integration_api.").partition("/")
    match method:
        case "Chat" | "StreamChat":
            model = CHATS[service][1]
            return chat(model), chat(model + REFUSED)
        case "Embedding":
            return embedding(EMBEDDINGS[service]), embedding(EMBEDDINGS[service] + REFUSED)
        case "Reranking":
            return reranking(RERANKINGS[service]), reranking(RERANKINGS[service] + REFUSED)
        case "VerifyCredential":
            return tuple(verification(client, service, key, stored) for key in (KEY, WRONG))
        case "GetModeration":
            model = "omni-moderation-latest"
            return moderation(model), moderation(model + REFUSED)
        case _:
            raise AssertionError(path)


def shared(client: Client, service: Service) -> dict[str, tuple[Any, Any]]:
    """Return what to ask of the services that both generations have."""
    stored = int(service.add_credential("openai", base_url(client.lab, "openai"), name="older"))
    record = client.call(
        "integration_api.OpenAiService/Embedding", embedding("text-embedding-3-small")
    ).requestId
    get, delete = vault_api.GetCredentialRequest, vault_api.DeleteCredentialRequest

    def creation(key: str) -> Any:
        held = client.credential("openai", key).value
        return vault_api.CreateProviderCredentialRequest(provider="openai", name="made", credential=held)

    def listing(kind: Any, key: str) -> Any:
        return kind(
            paginate=common.Paginate(page=1, pageSize=5), criterias=[common.Criteria(key=key, value="openai")]
        )

    def addition(id: int) -> Any:
        return audit_api.CreateMetadataRequest(id=id, additionalData={"message_id": "1"})

    vault, audit = "vault_api.VaultService", "integration_api.AuditLoggingService"
    every = vault_api.GetAllOrganizationCredentialRequest, audit_api.GetAllAuditLogRequest
    return {
        f"{vault}/CreateProviderCredential": (creation(KEY), creation(WRONG)),
        f"{vault}/GetAllOrganizationCredential": (listing(every[0], "provider"), listing(every[0], "value")),
        f"{vault}/GetCredential": (get(vaultId=stored), get(vaultId=4711)),
        f"{vault}/GetOauth2Credential": (get(vaultId=stored), get(vaultId=4711)),
        f"{vault}/DeleteCredential": (delete(vaultId=stored), delete(vaultId=4711)),
        f"{audit}/CreateMetadata": (addition(record), addition(4711)),
        f"{audit}/GetAllAuditLog": (listing(every[1], "provider_name"), listing(every[1], "response")),
        f"{audit}/GetAuditLog": (
            audit_api.GetAuditLogRequest(id=record),
            audit_api.GetAuditLogRequest(id=4711),
        ),
    }


def described() -> list[Any]:
    return [
        *api.DESCRIPTOR.services_by_name.values(),
        *vault_api.DESCRIPTOR.services_by_name.values(),
        *audit_api.DESCRIPTOR.services_by_name.values(),
    ]


def test_every_method(client: Client, service: Service) -> None:
    _, kept = service.call("GET", "/v1/credentials?limit=100")
    stored = {
        one["provider"]: int(one["id"]) for one in kept["data"] if one["provider"] in ("bedrock", "vertexai")
    }
    cases = {
        path: asked(client, path, stored) for path in methods(api.DESCRIPTOR.services_by_name.values())
    } | shared(client, service)
    assert sorted(cases) == methods(described())

    def calling(path: str, request: Any, signed: bool = True) -> Callable[[], Any]:
        return lambda: client.call(path, request, signed)

    found = {
        path: {
            "well": fared(calling(path, well)),
            "refused": fared(calling(path, refused)),
            "unsigned": fared(calling(path, well, signed=False)),
        }
        for path, (well, refused) in cases.items()
    }
    hold(f"rapida-python {version('rapida-python')}", found)


@pytest.mark.parametrize("theirs", described(), ids=lambda service: service.name)
def test_their_messages_and_ours_are_the_same_on_the_wire(theirs: ServiceDescriptor) -> None:
    assert_same(theirs)


@pytest.mark.parametrize(
    "service_name", ["OpenAiService", "AnthropicService", "GeminiService", "MistralService"]
)
def test_a_stream_by_the_rules_of_its_consumers(client: Client, service_name: str) -> None:
    """No metrics: a piece, if it says something. The last frame is the whole answer, with its calls."""
    weather = api.ToolDefinition(
        type="function",
        functionDefinition=api.FunctionDefinition(
            name="get_weather",
            parameters=api.FunctionParameter(
                type="object",
                required=["city"],
                properties={"city": api.FunctionParameterProperty(type="string")},
            ),
        ),
    )
    history = [said("user", "Use a tool: what is the weather in Kyiv?")]
    heard = SimpleNamespace(pieces="", data=None, metrics=None)
    for turn in range(2):
        heard.pieces = ""
        request = chat(CHATS[service_name][1], *history, toolDefinitions=[weather])
        for frame in client.call(f"integration_api.{service_name}/StreamChat", request):
            assert frame.success
            if not frame.metrics and frame.data.contents:
                heard.pieces += "".join(part.content.decode() for part in frame.data.contents)
            heard.data, heard.metrics = frame.data, list(frame.metrics)
        assert heard.metrics
        assert "".join(part.content.decode() for part in heard.data.contents) == heard.pieces
        history.append(heard.data)
        calls = heard.data.toolCalls
        assert bool(calls) is (turn == 0)
        for call in calls:
            assert isinstance(json.loads(call.function.arguments)["city"], str)
        history.append(
            common.Message(
                role="tool",
                contents=[
                    common.Content(
                        name=call.function.name, contentType=call.id, contentFormat="raw", content=b"12"
                    )
                    for call in calls
                ],
            )
        )
    assert heard.pieces
