"""POST /v1/embeddings. https://platform.openai.com/docs/api-reference/embeddings"""

from integration_api.core.tenant import Scope
from integration_api.dialects import openai_surface_embedding as surface
from integration_api.edge.application import Response
from integration_api.rest.answers import JSON
from integration_api.rest.routing import Ask, Route
from integration_api.rest.shapes import EmbeddingList
from integration_api.rest.targeting import strict, target_of
from integration_api.services.embedding import embed
from integration_api.services.particulars import call_headers
from integration_api.services.unary import Unary


class EmbeddingDoor:
    def __init__(self, unary: Unary) -> None:
        self._unary = unary

    async def create(self, ask: Ask) -> Response:
        read = surface.read_embedding(ask.request.body)
        target = target_of(ask, read.model, read.provider)
        request = surface.renamed(read, target.model, strict=strict(ask))
        call, answer = await embed(self._unary, ask.origin, target, request)
        body = surface.render_embedding(
            answer,
            encoding=read.encoding,
            dtype=request.dtype,
            groups=request.groups,
            provider=target.provider.name,
        )
        return Response(200, [JSON, *call_headers(call, answer.warnings)], body)

    def routes(self) -> list[Route]:
        return [
            Route(method="POST", path="/v1/embeddings", handler=self.create, scope=Scope.INFER,
                  summary="Vectors for texts, tokens or pictures", body=surface.Body,
                  answer=EmbeddingList),
        ]  # fmt: skip
