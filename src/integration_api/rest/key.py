"""A project's own API keys: made, listed and revoked by its admins. A key is shown once."""

import msgspec
from msgspec import Struct

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import ApiKey
from integration_api.core.tenant import Scope
from integration_api.edge.application import Response
from integration_api.rest.answers import json
from integration_api.rest.reading import listed, page_of, read
from integration_api.rest.routing import Ask, Route
from integration_api.rest.shapes import Deleted
from integration_api.services.identity import Identity

NAME_LENGTH = 200


class CreateKey(Struct, forbid_unknown_fields=True):
    name: str
    scopes: list[Scope] = msgspec.field(default_factory=lambda: [Scope.INFER])


class KeyView(Struct, omit_defaults=True):
    id: str
    name: str
    hint: str
    scopes: list[Scope]
    created_at: float
    revoked_at: float | None = None
    key: str | None = None
    """The key itself, in the answer that makes it and nowhere else."""


class KeyList(Struct):
    object: str
    data: list[KeyView]
    has_more: bool
    last_id: str | None


def view(record: ApiKey, key: str | None = None) -> KeyView:
    return KeyView(
        str(record.id),
        record.name,
        record.hint,
        sorted(record.scopes),
        record.created_at,
        record.revoked_at,
        key,
    )


class KeyDoor:
    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def create(self, ask: Ask) -> Response:
        offer = read(ask.request.body, CreateKey)
        if not offer.name.strip() or len(offer.name) > NAME_LENGTH or not offer.scopes:
            raise Failure(
                Kind.INVALID_REQUEST,
                f"a key needs a name of 1 to {NAME_LENGTH} characters and at least one scope",
                code="invalid_value",
                param="name" if offer.scopes else "scopes",
            )
        record, key = await self._identity.issue(ask.caller.tenant, offer.name, offer.scopes)
        return json(view(record, key), 201)

    async def index(self, ask: Ask) -> Response:
        page = page_of(ask)
        records = await self._identity.keys(ask.caller.tenant, page)
        return json(listed([view(r) for r in records], [r.id for r in records], page.limit))

    async def delete(self, ask: Ask) -> Response:
        await self._identity.revoke(ask.caller.tenant, ask.id())
        return json({"id": str(ask.id()), "object": "key", "deleted": True})

    def routes(self) -> list[Route]:
        return [
            Route(method="POST", path="/v1/keys", handler=self.create, scope=Scope.ADMIN, status=201,
                  summary="Make an API key", body=CreateKey, answer=KeyView),
            Route(method="GET", path="/v1/keys", handler=self.index, scope=Scope.ADMIN,
                  summary="List API keys", answer=KeyList, query=("limit", "after")),
            Route(method="DELETE", path="/v1/keys/{id}", handler=self.delete, scope=Scope.ADMIN,
                  summary="Revoke an API key", answer=Deleted),
        ]  # fmt: skip
