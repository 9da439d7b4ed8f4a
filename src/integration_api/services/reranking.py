"""Reranking: documents ordered by how well they answer a question."""

from integration_api.core.reranking import RerankingRequest, RerankingResponse
from integration_api.services.call import Call, Origin
from integration_api.services.target import Target
from integration_api.services.unary import Unary


async def rerank(
    unary: Unary, origin: Origin, target: Target, request: RerankingRequest
) -> tuple[Call, RerankingResponse]:
    """Return the documents' places and scores, best first. Raises `Failure`."""
    return await unary.run(origin, target, "rerank", target.provider.reranking, request)
