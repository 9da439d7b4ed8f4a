"""Embeddings: vectors for texts, tokens and pictures, in the order they were asked for."""

from integration_api.core.embedding import EmbeddingRequest, EmbeddingResponse
from integration_api.core.errors import Failure, Kind
from integration_api.services import token_text
from integration_api.services.call import Call, Origin
from integration_api.services.target import Target
from integration_api.services.unary import Unary


async def embed(
    unary: Unary, origin: Origin, target: Target, request: EmbeddingRequest
) -> tuple[Call, EmbeddingResponse]:
    """Return one vector for each input. Raises `Failure`; it is all or nothing."""
    provider = target.provider
    capability = provider.embedding
    if capability is not None and request.groups:
        capability = provider.chunk_embedding
        if capability is None:
            raise Failure(
                Kind.UNSUPPORTED,
                f"{provider.name} does not embed chunks in the light of their document; send a flat list of texts",
                code="unsupported_parameter",
                param="input",
            )
    elif capability is not None and token_text.has_tokens(request):
        table = await token_text.table()
        if table is not None:
            capability = token_text.reading_tokens(capability, table)
    return await unary.run(origin, target, "embedding", capability, request)
