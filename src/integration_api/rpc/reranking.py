"""UnifiedProviderService/Reranking."""

from integration_api.core.errors import ProviderError
from integration_api.core.tenant import Scope
from integration_api.dialects.notes import Notes
from integration_api.dialects.unified_answer import write_error
from integration_api.dialects.unified_embedding import in_order
from integration_api.dialects.unified_parameters import model_of
from integration_api.dialects.unified_reranking import read_reranking, write_reranking
from integration_api.dialects.unified_values import Parameters
from integration_api.proto import unified_pb2 as wire
from integration_api.rpc.llm import SERVICE
from integration_api.rpc.methods import Ask, RpcMethod
from integration_api.rpc.outcome import code_of, metrics_of, metrics_of_failure, tell, tell_failure
from integration_api.rpc.reading import opened
from integration_api.rpc.targeting import account, metadata, named, provider_of
from integration_api.services.reranking import rerank
from integration_api.services.unary import Unary


class RerankingDoor:
    def __init__(self, unary: Unary) -> None:
        self._unary = unary

    async def rerank(self, ask: Ask, message: bytearray) -> bytes:
        with opened(message, wire.RerankingRequest) as (asked, offered):
            provider = provider_of(asked.providerName)
            parameters = Parameters(asked.modelParameters)
            target = named(account(ask, provider, asked.credential, offered), model_of(parameters))
            places, documents = in_order(asked.content)
            notes = Notes(strict=False)
            request = read_reranking(
                parameters,
                model=target.model,
                query=asked.query,
                documents=documents,
                understood=provider.parameters,
                notes=notes,
            )
            origin = ask.origin(metadata(ask, asked.additionalData))
            try:
                call, answer = await rerank(self._unary, origin, target, request)
            except ProviderError as error:
                tell_failure(ask, error)
                code = code_of(error)
                return wire.RerankingResponse(
                    code=code,
                    success=False,
                    error=write_error(error, code),
                    metrics=metrics_of_failure(ask),
                ).SerializeToString()
            warnings = (*answer.warnings, *notes.all)
            tell(ask, call, warnings)
            metrics = metrics_of(call, answer.usage, warnings=warnings)
            return write_reranking(answer, places, documents, call.id, metrics).SerializeToString()

    def methods(self) -> list[RpcMethod]:
        return [RpcMethod(service=SERVICE, name="Reranking", scope=Scope.INFER, unary=self.rerank)]
