"""GET /v1/models: what every provider of the project offers.

https://platform.openai.com/docs/api-reference/models
"""

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import Page
from integration_api.core.tenant import Scope
from integration_api.dialects.openai_surface_models import render_model, render_models
from integration_api.edge.application import Response
from integration_api.rest.answers import JSON
from integration_api.rest.routing import Ask, Route
from integration_api.rest.shapes import Model, ModelList
from integration_api.rest.targeting import target_of
from integration_api.services.credential import CredentialService
from integration_api.services.models import ModelService

EVERY = Page(1000)


class ModelDoor:
    def __init__(self, models: ModelService, credentials: CredentialService) -> None:
        self._models = models
        self._credentials = credentials

    async def index(self, ask: Ask) -> Response:
        stored = await self._credentials.page(ask.caller.tenant, None, EVERY)
        found, trouble = await self._models.everywhere(ask.origin, stored)
        return Response(200, [JSON], render_models(found, warnings=trouble))

    async def show(self, ask: Ask) -> Response:
        target = target_of(ask, ask.params["id"])
        for model in await self._models.of(ask.origin, target):
            if model.id == target.model:
                return Response(200, [JSON], render_model(target.provider.name, model))
        raise Failure(
            Kind.NOT_FOUND, f"{target.provider.name} does not list this model", code="model_not_found"
        )

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", path="/v1/models", handler=self.index, scope=Scope.INFER,
                  summary="List the models of every provider the project has a credential for",
                  answer=ModelList),
            Route(method="GET", path="/v1/models/{id:path}", handler=self.show, scope=Scope.INFER,
                  summary="One model, named as provider/model", answer=Model),
        ]  # fmt: skip
