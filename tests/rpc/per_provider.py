"""The per-provider services as the contract lists them, and a caller of theirs."""

from collections.abc import Mapping
from typing import Any

import grpc

from integration_api.proto import per_provider_pb2 as wire
from integration_api.proto import unified_pb2 as unified
from tests.e2e.service import ADMIN_KEY
from tests.rpc.caller import SECONDS, Caller, parameters, signed

LLM = ("Chat", "VerifyCredential")
CONTRACT: Mapping[str, tuple[str, ...]] = {
    "BedrockService": (*LLM, "Embedding"),
    "OpenAiService": (*LLM, "StreamChat", "Embedding", "GetModeration"),
    "AzureService": (*LLM, "StreamChat", "Embedding", "GetModeration"),
    "GeminiService": (*LLM, "StreamChat", "Embedding"),
    "VertexAiService": (*LLM, "StreamChat", "Embedding"),
    "ReplicateService": (*LLM, "StreamChat"),
    "AnthropicService": (*LLM, "StreamChat"),
    "CohereService": (*LLM, "StreamChat", "Embedding", "Reranking"),
    "HuggingfaceService": LLM,
    "MistralService": (*LLM, "StreamChat"),
    "StabilityAiService": ("VerifyCredential",),
    "TogetherAiService": LLM,
    "DeepInfraService": ("VerifyCredential",),
    "VoyageAiService": ("Embedding", "Reranking", "VerifyCredential"),
}
CHATS: Mapping[str, str] = {
    "OpenAiService": "openai/gpt-4o-mini",
    "AzureService": "azure-openai/gpt-4o",
    "GeminiService": "gemini/gemini-3.8-flash",
    "VertexAiService": "vertexai/gemini-3.8-flash",
    "ReplicateService": "replicate/meta/meta-llama-3-70b-instruct",
    "AnthropicService": "anthropic/claude-sonnet-4-5",
    "CohereService": "cohere/command-a-03-2025",
    "MistralService": "mistral/mistral-small-latest",
    "BedrockService": "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "HuggingfaceService": "huggingface/meta-llama/Llama-3.3-70B-Instruct:together",
    "TogetherAiService": "together/meta-llama/Llama-3.3-70B-Instruct-Turbo",
}
"""A service, whose it is, and a model of it."""
EMBEDDINGS: Mapping[str, str] = {
    "OpenAiService": "text-embedding-3-small",
    "AzureService": "text-embedding-3-small",
    "GeminiService": "gemini-embedding-001",
    "VertexAiService": "gemini-embedding-001",
    "CohereService": "embed-v4.0",
    "VoyageAiService": "voyage-3.5",
    "BedrockService": "amazon.titan-embed-text-v2:0",
}
RERANKINGS: Mapping[str, str] = {"CohereService": "rerank-v3.5", "VoyageAiService": "rerank-2.5"}
ANSWERS: Mapping[str, type[Any]] = {
    "Chat": wire.ChatResponse,
    "Embedding": unified.EmbeddingResponse,
    "Reranking": wire.RerankingResponse,
    "VerifyCredential": unified.VerifyCredentialResponse,
    "GetModeration": wire.GetModerationResponse,
}


def call(caller: Caller, service: str, method: str, request: Any, key: str = ADMIN_KEY) -> Any:
    """Call a unary method; raises `grpc.RpcError`."""
    stub = caller.channel.unary_unary(
        f"/integration_api.{service}/{method}", type(request).SerializeToString, ANSWERS[method].FromString
    )
    return stub(request, metadata=signed(key), timeout=SECONDS)


def stream(caller: Caller, service: str, request: wire.ChatRequest) -> Any:
    """Call StreamChat; iterating it raises `grpc.RpcError`."""
    stub: Any = caller.channel.unary_stream(
        f"/integration_api.{service}/StreamChat",
        wire.ChatRequest.SerializeToString,
        wire.ChatResponse.FromString,
    )
    return stub(request, metadata=signed(ADMIN_KEY), timeout=SECONDS)


def outcome(frames: Any) -> tuple[list[wire.ChatResponse], "grpc.RpcError | None"]:
    """Return what a stream said, and the status it ended with where that is not OK."""
    heard: list[wire.ChatResponse] = []
    try:
        heard.extend(frames)
    except grpc.RpcError as error:
        return heard, error
    return heard, None


def content(text: str, **more: Any) -> wire.Content:
    return wire.Content(**{"contentType": "text", "contentFormat": "raw", "content": text.encode(), **more})


def said(role: str, text: str) -> wire.Message:
    return wire.Message(role=role, contents=[content(text)])


def results(message: wire.Message, result: str = "12 degrees") -> wire.Message:
    """Answer every tool call of a message: a content for each, its type the call's id."""
    return wire.Message(
        role="tool",
        contents=[content(result, contentType=one.id, name=one.function.name) for one in message.toolCalls],
    )


def ask(model: str, *messages: wire.Message, params: Mapping[str, Any] = {}, **more: Any) -> wire.ChatRequest:
    """Return a chat with a model of `CHATS`, or with one by its own name."""
    name = model.partition("/")[2] if model in CHATS.values() else model
    return wire.ChatRequest(
        conversations=messages or [said("user", "Say hello to everybody here")],
        modelParameters=parameters(name, params),
        **more,
    )


def spoken(message: wire.Message) -> str:
    return "".join(part.content.decode() for part in message.contents)
