"""POST /v1/moderations. https://platform.openai.com/docs/api-reference/moderations"""

from integration_api.core.tenant import Scope
from integration_api.dialects import openai_surface_moderation as surface
from integration_api.edge.application import Response
from integration_api.rest.answers import JSON
from integration_api.rest.routing import Ask, Route
from integration_api.rest.shapes import Moderation
from integration_api.rest.targeting import target_of
from integration_api.services.moderation import moderate
from integration_api.services.particulars import call_headers
from integration_api.services.unary import Unary


class ModerationDoor:
    def __init__(self, unary: Unary) -> None:
        self._unary = unary

    async def create(self, ask: Ask) -> Response:
        read = surface.read_moderation(ask.request.body)
        target = target_of(ask, read.model, read.provider)
        call, answer = await moderate(self._unary, ask.origin, target, surface.renamed(read, target.model))
        body = surface.render_moderation(answer, provider=target.provider.name)
        return Response(200, [JSON, *call_headers(call)], body)

    def routes(self) -> list[Route]:
        return [
            Route(method="POST", path="/v1/moderations", handler=self.create, scope=Scope.INFER,
                  summary="Judge texts and pictures for harm", body=surface.Body,
                  answer=Moderation),
        ]  # fmt: skip
