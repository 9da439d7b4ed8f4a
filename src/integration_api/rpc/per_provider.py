"""The older generation: a service for each provider, all of them this one door.

What a service offers is a table; how it is done is what the unified service does. A method whose provider can
not do it here, or is not reached at all, is UNIMPLEMENTED.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from functools import partial
from typing import NamedTuple

from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.moderation import ModerationRequest
from integration_api.core.provider import Provider
from integration_api.core.secret import Secret, wipe
from integration_api.core.tenant import Scope
from integration_api.dialects.per_provider_answer import (
    ChatStream,
    stream_error,
    write_answer,
    write_moderation,
)
from integration_api.dialects.per_provider_messages import read_part
from integration_api.dialects.unified_parameters import model_of
from integration_api.dialects.unified_values import Parameters, invalid
from integration_api.edge.application import Status
from integration_api.proto import per_provider_pb2 as wire
from integration_api.providers import PROVIDERS
from integration_api.rpc.asking import Question, Talk, read_chat
from integration_api.rpc.credential import CredentialDoor
from integration_api.rpc.embedding import EmbeddingDoor
from integration_api.rpc.errors import rpc_error
from integration_api.rpc.generation import PER_PROVIDER
from integration_api.rpc.methods import Ask, RpcMethod, Stream, Unary
from integration_api.rpc.outcome import metrics_of, refused, tell
from integration_api.rpc.reading import opened
from integration_api.rpc.reranking import RerankingDoor
from integration_api.rpc.targeting import account, connection_of, metadata, named
from integration_api.services.moderation import moderate
from integration_api.services.unary import Unary as Run

PACKAGE = "integration_api."
WRONG = 400
"""The code that callers of a stream know for what failed."""
MODERATION_MODEL = "omni-moderation-latest"
"""Judges where the caller names no model."""


class Offer(NamedTuple):
    """A service: whose it is, and what the platform's callers may call of it."""

    provider: str
    methods: tuple[str, ...]


LLM = ("Chat", "StreamChat", "VerifyCredential")
SERVICES: Mapping[str, Offer] = {
    "OpenAiService": Offer("openai", (*LLM, "Embedding", "GetModeration")),
    "AzureService": Offer("azure-openai", (*LLM, "Embedding", "GetModeration")),
    "AnthropicService": Offer("anthropic", LLM),
    "GeminiService": Offer("gemini", (*LLM, "Embedding")),
    "VertexAiService": Offer("vertexai", (*LLM, "Embedding")),
    "CohereService": Offer("cohere", (*LLM, "Embedding", "Reranking")),
    "MistralService": Offer("mistral", LLM),
    "ReplicateService": Offer("replicate", LLM),
    "BedrockService": Offer("bedrock", ("Chat", "Embedding", "VerifyCredential")),
    "HuggingfaceService": Offer("huggingface", ("Chat", "VerifyCredential")),
    "TogetherAiService": Offer("together", ("Chat", "VerifyCredential")),
    "VoyageAiService": Offer("voyageai", ("Embedding", "Reranking", "VerifyCredential")),
    "StabilityAiService": Offer("stabilityai", ("VerifyCredential",)),
    "DeepInfraService": Offer("deepinfra", ("VerifyCredential",)),
}


class PerProviderDoor:
    def __init__(
        self,
        talk: Talk,
        unary: Run,
        embedding: EmbeddingDoor,
        reranking: RerankingDoor,
        credential: CredentialDoor,
    ) -> None:
        self._talk = talk
        self._unary = unary
        self._embedding = embedding
        self._reranking = reranking
        self._credential = credential

    async def chat(self, provider: Provider, ask: Ask, message: bytearray) -> bytes:
        """Answer whole. What the provider refuses is an answer with `error`; all else is a status."""
        with opened(message, wire.ChatRequest) as (chat, offered):
            question = await self._question(provider, ask, chat, offered)
            try:
                origin = ask.origin(metadata(ask, chat, question.target.connection))
                call, answer, metrics = await question.whole(origin)
            except ProviderError as error:
                return refused(ask, error, wire.ChatResponse, PER_PROVIDER.metric)
            return write_answer(answer, call.id, metrics).SerializeToString()

    async def stream_chat(
        self, provider: Provider, ask: Ask, messages: AsyncIterator[bytearray]
    ) -> AsyncGenerator[bytes, None]:
        """Answer the one request in frames.

        A failure is a frame with `error` and then a status: after an end without one, callers would take
        the last frame for the whole answer.
        """
        message = await anext(messages, None)
        if message is None:
            raise invalid("expected one request", "request")
        try:
            with opened(message, wire.ChatRequest) as (chat, offered):
                question = await self._question(provider, ask, chat, offered)
                origin = ask.origin(metadata(ask, chat, question.target.connection))
                frames = question.streamed(origin, lambda call: ChatStream(call.id))
                try:
                    async for frame in frames:
                        yield frame
                except ProviderError as error:
                    yield stream_error(error, WRONG)
                    raise rpc_error(error, ask.request_id, Status.UNKNOWN) from None
                finally:
                    await frames.aclose()
        finally:
            wipe(message)

    async def _question(
        self, provider: Provider, ask: Ask, chat: wire.ChatRequest, offered: Mapping[str, Secret]
    ) -> Question:
        options = connection_of(chat.modelParameters)
        target = account(ask, provider, chat.credential, offered, options)
        return await read_chat(self._talk, ask, chat, target, PER_PROVIDER)

    async def embed(self, provider: Provider, ask: Ask, message: bytearray) -> bytes:
        with opened(message, wire.EmbeddingRequest) as (asked, offered):
            return await self._embedding.answer(ask, asked, offered, provider, PER_PROVIDER)

    async def rerank(self, provider: Provider, ask: Ask, message: bytearray) -> bytes:
        with opened(message, wire.RerankingRequest) as (asked, offered):
            return await self._reranking.answer(ask, asked, offered, provider, PER_PROVIDER)

    async def verify(self, provider: Provider, ask: Ask, message: bytearray) -> bytes:
        with opened(message, wire.VerifyCredentialRequest) as (asked, offered):
            return await self._credential.answer(ask, asked, offered, lambda: provider)

    async def moderate(self, provider: Provider, ask: Ask, message: bytearray) -> bytes:
        with opened(message, wire.GetModerationRequest) as (asked, offered):
            model = asked.model or model_of(Parameters(asked.modelParameters)) or MODERATION_MODEL
            target = named(account(ask, provider, asked.credential, offered), model)
            part = read_part(asked.content, "content")
            request = ModerationRequest(model=target.model, inputs=((part,),))
            origin = ask.origin(metadata(ask, asked))
            try:
                call, answer = await moderate(self._unary, origin, target, request)
            except ProviderError as error:
                return refused(ask, error, wire.GetModerationResponse, PER_PROVIDER.metric)
            tell(ask, call, ())
            metrics = metrics_of(call, answer.usage, answer.id, spelled=PER_PROVIDER.metric)
            return write_moderation(answer.results[0], call.id, metrics).SerializeToString()

    def methods(self) -> list[RpcMethod]:
        return [
            self._method(PACKAGE + service, PROVIDERS.get(offer.provider), name)
            for service, offer in SERVICES.items()
            for name in offer.methods
        ]

    def _method(self, service: str, provider: Provider | None, name: str) -> RpcMethod:
        scope = Scope.CREDENTIALS_READ if name == "VerifyCredential" else Scope.INFER
        unary: Unary
        if provider is None or not _offers(provider, name):
            unary = partial(_unimplemented, service)
        elif name == "StreamChat":
            stream: Stream = partial(self.stream_chat, provider)
            return RpcMethod(service=service, name=name, scope=scope, stream=stream)
        else:
            answers = {
                "Chat": self.chat,
                "Embedding": self.embed,
                "Reranking": self.rerank,
                "VerifyCredential": self.verify,
                "GetModeration": self.moderate,
            }
            unary = partial(answers[name], provider)
        return RpcMethod(service=service, name=name, scope=scope, unary=unary)


def _offers(provider: Provider, method: str) -> bool:
    needed = {
        "Chat": provider.llm,
        "StreamChat": provider.llm,
        "Embedding": provider.embedding,
        "Reranking": provider.reranking,
        "VerifyCredential": provider.verify,
        "GetModeration": provider.moderation,
    }
    return needed[method] is not None


async def _unimplemented(service: str, ask: Ask, message: bytearray) -> bytes:
    error = Failure(
        Kind.UNSUPPORTED,
        f"{service} can not do this here; GET /v1/providers lists who does what",
        code="unsupported_operation",
    )
    raise rpc_error(error, ask.request_id, Status.UNIMPLEMENTED)
