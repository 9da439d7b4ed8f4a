"""Embedding, of either generation."""

from integration_api.core.errors import ProviderError
from integration_api.core.provider import Provider
from integration_api.core.secret import Secret
from integration_api.core.tenant import Scope
from integration_api.dialects.notes import Notes
from integration_api.dialects.unified_embedding import in_order, read_embedding, write_embedding
from integration_api.dialects.unified_parameters import model_of
from integration_api.dialects.unified_values import Parameters
from integration_api.proto import per_provider_pb2
from integration_api.proto import unified_pb2 as wire
from integration_api.rpc.generation import UNIFIED, Generation
from integration_api.rpc.llm import SERVICE
from integration_api.rpc.methods import Ask, RpcMethod
from integration_api.rpc.outcome import metrics_of, refused, tell
from integration_api.rpc.reading import opened
from integration_api.rpc.targeting import account, metadata, named, provider_of
from integration_api.services.embedding import embed
from integration_api.services.unary import Unary


class EmbeddingDoor:
    def __init__(self, unary: Unary) -> None:
        self._unary = unary

    async def embed(self, ask: Ask, message: bytearray) -> bytes:
        with opened(message, wire.EmbeddingRequest) as (asked, offered):
            return await self.answer(ask, asked, offered, provider_of(asked.providerName), UNIFIED)

    async def answer(
        self,
        ask: Ask,
        asked: wire.EmbeddingRequest | per_provider_pb2.EmbeddingRequest,
        offered: dict[str, Secret],
        provider: Provider,
        generation: Generation,
    ) -> bytes:
        parameters = Parameters(asked.modelParameters)
        target = named(account(ask, provider, asked.credential, offered), model_of(parameters))
        places, texts = in_order(asked.content)
        notes = Notes(strict=False)
        request = read_embedding(
            parameters, model=target.model, inputs=texts, understood=provider.parameters, notes=notes
        )
        origin = ask.origin(metadata(ask, asked))
        try:
            call, answer = await embed(self._unary, origin, target, request)
        except ProviderError as error:
            return refused(ask, error, wire.EmbeddingResponse, generation.metric)
        warnings = (*answer.warnings, *notes.all)
        tell(ask, call, warnings)
        metrics = metrics_of(call, answer.usage, warnings=warnings, spelled=generation.metric)
        return write_embedding(answer, places, call.id, metrics).SerializeToString()

    def methods(self) -> list[RpcMethod]:
        return [RpcMethod(service=SERVICE, name="Embedding", scope=Scope.INFER, unary=self.embed)]
