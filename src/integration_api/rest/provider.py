"""Which providers there are, what each can do, and what its credential is made of."""

from msgspec import Struct

from integration_api.core.credential import BASE_URL
from integration_api.core.errors import Failure, Kind
from integration_api.core.provider import Provider
from integration_api.core.tenant import Scope
from integration_api.edge.application import Response
from integration_api.providers import PROVIDERS, find
from integration_api.rest.answers import json
from integration_api.rest.routing import Ask, Route


class FieldView(Struct):
    name: str
    title: str
    secret: bool
    required: bool


class ProviderView(Struct):
    name: str
    title: str
    capabilities: tuple[str, ...]
    credential_fields: list[FieldView]
    parameters: tuple[str, ...]
    aliases: tuple[str, ...]
    credentials_of: tuple[str, ...]


class ProviderList(Struct):
    data: list[ProviderView]


def view(provider: Provider) -> ProviderView:
    fields = provider.fields
    if all(field.name != BASE_URL.name for field in fields):
        fields = (*fields, BASE_URL)
    return ProviderView(
        provider.name,
        provider.title,
        provider.capabilities,
        [FieldView(field.name, field.title, field.secret, field.required) for field in fields],
        provider.parameters,
        provider.aliases,
        provider.credentials_of,
    )


async def index(_: Ask) -> Response:
    return json(ProviderList([view(provider) for provider in PROVIDERS.values()]))


async def show(ask: Ask) -> Response:
    provider = find(ask.params["name"])
    if provider is None:
        raise Failure(Kind.NOT_FOUND, "there is no such provider", code="unknown_provider")
    return json(view(provider))


def routes() -> list[Route]:
    return [
        Route(method="GET", path="/v1/providers", handler=index, scope=Scope.INFER,
              summary="List providers", answer=ProviderList),
        Route(method="GET", path="/v1/providers/{name}", handler=show, scope=Scope.INFER,
              summary="One provider", answer=ProviderView),
    ]  # fmt: skip
