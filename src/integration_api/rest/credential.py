"""Credentials over REST. Secrets come in, and never go out."""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Struct, UnsetType

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import CredentialRecord
from integration_api.core.secret import Secret, read_fields, wipe
from integration_api.core.tenant import Scope
from integration_api.edge.application import Response
from integration_api.providers import find
from integration_api.rest.answers import json
from integration_api.rest.reading import listed, page_of, read
from integration_api.rest.routing import Ask, Route
from integration_api.rest.shapes import Deleted
from integration_api.services.credential import CredentialService


class CreateCredential(Struct, forbid_unknown_fields=True):
    provider: str
    name: str
    value: msgspec.Raw
    """The provider's credential fields: see GET /v1/providers."""
    default: bool | None = None


class ChangeCredential(Struct, forbid_unknown_fields=True):
    name: str | UnsetType = UNSET
    value: msgspec.Raw | UnsetType = UNSET
    default: bool | UnsetType = UNSET


class OfferCredential(Struct, forbid_unknown_fields=True):
    provider: str
    value: msgspec.Raw


class CredentialView(Struct):
    id: str
    provider: str
    name: str
    status: str
    default: bool
    fields: Mapping[str, str]
    """Plain fields as they are; secrets as their last four characters at most."""
    created_at: float
    updated_at: float
    verified_at: float | None
    version: int


class CredentialList(Struct):
    object: str
    data: list[CredentialView]
    has_more: bool
    last_id: str | None


class Verified(Struct):
    status: str
    provider: str


def view(record: CredentialRecord) -> CredentialView:
    return CredentialView(
        id=str(record.id),
        provider=record.provider,
        name=record.name,
        status=record.status,
        default=record.default,
        fields={**record.fields, **record.masked},
        created_at=record.created_at,
        updated_at=record.updated_at,
        verified_at=record.verified_at,
        version=record.version,
    )


class CredentialDoor:
    def __init__(self, service: CredentialService) -> None:
        self._service = service

    async def create(self, ask: Ask) -> Response:
        verify = _verify_wanted(ask)
        body = ask.request.body
        fields: dict[str, Secret] = {}
        try:
            offer = read(body, CreateCredential)
            fields = read_fields(memoryview(offer.value))
            record = await self._service.create(
                ask.origin, offer.provider, offer.name, fields, default=offer.default, verify=verify
            )
        finally:
            _forget(body, fields)
        return json(view(record), 201)

    async def index(self, ask: Ask) -> Response:
        page = page_of(ask)
        provider = ask.query().get("provider")
        known = find(provider) if provider else None
        if provider and known is None:
            raise Failure(
                Kind.INVALID_REQUEST, "there is no such provider", code="unknown_provider", param="provider"
            )
        records = await self._service.page(ask.caller.tenant, known.name if known else None, page)
        return json(listed([view(r) for r in records], [r.id for r in records], page.limit))

    async def show(self, ask: Ask) -> Response:
        return json(view(await self._service.read(ask.caller.tenant, ask.id())))

    async def change(self, ask: Ask) -> Response:
        verify = _verify_wanted(ask)
        body = ask.request.body
        fields: dict[str, Secret] = {}
        try:
            change = read(body, ChangeCredential)
            if change.value is not UNSET:
                fields = read_fields(memoryview(change.value))
            record = await self._service.change(
                ask.origin,
                ask.id(),
                name=None if change.name is UNSET else change.name,
                value=None if change.value is UNSET else fields,
                default=None if change.default is UNSET else change.default,
                verify=verify,
            )
        finally:
            _forget(body, fields)
        return json(view(record))

    async def delete(self, ask: Ask) -> Response:
        await self._service.delete(ask.origin, ask.id())
        return json({"id": str(ask.id()), "object": "credential", "deleted": True})

    async def verify_stored(self, ask: Ask) -> Response:
        return json(view(await self._service.verify_stored(ask.origin, ask.id())))

    async def verify_offered(self, ask: Ask) -> Response:
        body = ask.request.body
        fields: dict[str, Secret] = {}
        try:
            offer = read(body, OfferCredential)
            fields = read_fields(memoryview(offer.value))
            await self._service.verify_offered(ask.origin, offer.provider, fields)
        finally:
            _forget(body, fields)
        known = find(offer.provider)
        return json(Verified("valid", known.name if known else offer.provider))

    def routes(self) -> list[Route]:
        refusal = {422: "The provider refused the credential; nothing was stored"}
        write, look = Scope.CREDENTIALS_WRITE, Scope.CREDENTIALS_READ
        return [
            Route(method="POST", path="/v1/credentials", handler=self.create, scope=write, status=201,
                  summary="Verify a credential with its provider and store it", body=CreateCredential,
                  answer=CredentialView, query=("verify",), responses=refusal),
            Route(method="GET", path="/v1/credentials", handler=self.index, scope=look,
                  summary="List credentials", answer=CredentialList, query=("limit", "after", "provider")),
            Route(method="POST", path="/v1/credentials/verify", handler=self.verify_offered, scope=write,
                  summary="Verify a credential without storing it", body=OfferCredential, answer=Verified,
                  responses=refusal),
            Route(method="GET", path="/v1/credentials/{id}", handler=self.show, scope=look,
                  summary="One credential, without its secrets", answer=CredentialView),
            Route(method="PATCH", path="/v1/credentials/{id}", handler=self.change, scope=write,
                  summary="Rename it, make it the default, or replace its value", body=ChangeCredential,
                  answer=CredentialView, query=("verify",), responses=refusal),
            Route(method="DELETE", path="/v1/credentials/{id}", handler=self.delete, scope=write,
                  summary="Delete a credential", answer=Deleted),
            Route(method="POST", path="/v1/credentials/{id}/verify", handler=self.verify_stored, scope=write,
                  summary="Verify a stored credential", answer=CredentialView, responses=refusal),
        ]  # fmt: skip


def _verify_wanted(ask: Ask) -> bool:
    """`?verify=false` is for admins: it stores what nobody has checked."""
    match ask.query().get("verify", "true"):
        case "true":
            return True
        case "false":
            if Scope.ADMIN not in ask.caller.scopes:
                raise Failure(
                    Kind.PERMISSION, "verify=false needs a key with scope admin", code="missing_scope"
                )
            return False
        case _:
            raise Failure(
                Kind.INVALID_REQUEST, "verify must be true or false", code="invalid_value", param="verify"
            )


def _forget(body: bytearray, fields: Mapping[str, Secret]) -> None:
    """Overwrite every copy of the secrets that this request made."""
    for secret in fields.values():
        secret.wipe()
    wipe(body)
