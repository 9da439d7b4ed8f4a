"""Reranking, of either generation."""

from integration_api.core.errors import ProviderError
from integration_api.core.provider import Provider
from integration_api.core.secret import Secret
from integration_api.core.tenant import Scope
from integration_api.dialects.notes import Notes
from integration_api.dialects.unified_parameters import model_of
from integration_api.dialects.unified_reranking import read_reranking
from integration_api.dialects.unified_values import Parameters
from integration_api.proto import per_provider_pb2
from integration_api.proto import unified_pb2 as wire
from integration_api.rpc.generation import UNIFIED, Generation
from integration_api.rpc.llm import SERVICE
from integration_api.rpc.methods import Ask, RpcMethod
from integration_api.rpc.outcome import metrics_of, refused, tell
from integration_api.rpc.reading import opened
from integration_api.rpc.targeting import account, metadata, named, provider_of
from integration_api.services.reranking import rerank
from integration_api.services.unary import Unary


class RerankingDoor:
    def __init__(self, unary: Unary) -> None:
        self._unary = unary

    async def rerank(self, ask: Ask, message: bytearray) -> bytes:
        with opened(message, wire.RerankingRequest) as (asked, offered):
            return await self.answer(ask, asked, offered, provider_of(asked.providerName), UNIFIED)

    async def answer(
        self,
        ask: Ask,
        asked: wire.RerankingRequest | per_provider_pb2.RerankingRequest,
        offered: dict[str, Secret],
        provider: Provider,
        generation: Generation,
    ) -> bytes:
        parameters = Parameters(asked.modelParameters)
        target = named(account(ask, provider, asked.credential, offered), model_of(parameters))
        places, documents = generation.documents_in_order(asked.content)
        notes = Notes(strict=False)
        request = read_reranking(
            parameters,
            model=target.model,
            query=asked.query,
            documents=documents,
            understood=provider.parameters,
            notes=notes,
        )
        origin = ask.origin(metadata(ask, asked))
        try:
            call, answer = await rerank(self._unary, origin, target, request)
        except ProviderError as error:
            return refused(ask, error, generation.reranking_response, generation.metric)
        warnings = (*answer.warnings, *notes.all)
        tell(ask, call, warnings)
        metrics = metrics_of(call, answer.usage, warnings=warnings, spelled=generation.metric)
        written: bytes = generation.write_reranking(
            answer, places, asked.content, call.id, metrics
        ).SerializeToString()
        return written

    def methods(self) -> list[RpcMethod]:
        return [RpcMethod(service=SERVICE, name="Reranking", scope=Scope.INFER, unary=self.rerank)]
