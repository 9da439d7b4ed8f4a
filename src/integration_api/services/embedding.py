"""Embeddings: vectors for texts, tokens and pictures, in the order they were asked for."""

from integration_api.core.embedding import EmbeddingRequest, EmbeddingResponse
from integration_api.services.call import Call, Origin
from integration_api.services.target import Target
from integration_api.services.unary import Unary


async def embed(
    unary: Unary, origin: Origin, target: Target, request: EmbeddingRequest
) -> tuple[Call, EmbeddingResponse]:
    """Return one vector for each input. Raises `Failure`; it is all or nothing."""
    return await unary.run(origin, target, "embedding", target.provider.embedding, request)
