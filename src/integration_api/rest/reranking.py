"""POST /v1/rerank and /v2/rerank, as Cohere's and Jina's clients ask.

https://docs.cohere.com/reference/rerank
"""

from integration_api.core.tenant import Scope
from integration_api.dialects import rerank_surface as surface
from integration_api.edge.application import Response
from integration_api.rest.answers import JSON
from integration_api.rest.routing import Ask, Route
from integration_api.rest.shapes import Ranking
from integration_api.rest.targeting import strict, target_of
from integration_api.services import clock
from integration_api.services.particulars import call_headers
from integration_api.services.reranking import rerank
from integration_api.services.unary import Unary


class RerankingDoor:
    def __init__(self, unary: Unary) -> None:
        self._unary = unary

    async def create(self, ask: Ask) -> Response:
        read = surface.read_rerank(ask.request.body)
        target = target_of(ask, read.model, read.provider)
        request = surface.renamed(read, target.model, strict=strict(ask))
        call, answer = await rerank(self._unary, ask.origin, target, request)
        body = surface.render_rerank(
            answer,
            documents=read.documents,
            top_n=request.top_n,
            provider=target.provider.name,
            id=f"rerank-{clock.unique()}",
        )
        return Response(200, [JSON, *call_headers(call, answer.warnings)], body)

    def routes(self) -> list[Route]:
        return [
            Route(method="POST", path=path, handler=self.create, scope=Scope.INFER,
                  summary="Order documents by how well they answer a question", body=surface.Body,
                  answer=Ranking)
            for path in ("/v1/rerank", "/v2/rerank")
        ]  # fmt: skip
