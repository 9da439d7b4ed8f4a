"""The platform's web-api, played by grpcio's own server: who it knows is in two tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from integration_api.proto import web_pb2 as wire


class WebApi:
    """`asked` counts the questions; `fail` is a status to answer everything with."""

    def __init__(self) -> None:
        self.scoped: dict[tuple[str, str, str], Any] = {
            ("project", "x-api-key", "good"): scoped(7, 70),
            ("project", "x-api-key", "asleep"): scoped(7, 70, status="ARCHIEVE"),
            ("project", "x-api-key", "homeless"): scoped(7, 0),
            ("organizaiton", "x-org-key", "good"): scoped(7, 0),
        }
        self.users: dict[tuple[str, str], Any] = {("tk-of-12", "12"): user(12, 7, [70, 71])}
        self.asked: list[dict[str, str]] = []
        self.fail: grpc.StatusCode | None = None
        self.port = 0

    async def _scope_authorize(self, request: Any, context: Any) -> Any:
        metadata = await self._heard(context)
        for name in ("x-api-key", "x-org-key"):
            if found := self.scoped.get((request.scope, name, metadata.get(name, ""))):
                return found
        return await context.abort(grpc.StatusCode.UNKNOWN, "record not found")

    async def _authorize(self, request: Any, context: Any) -> Any:
        metadata = await self._heard(context)
        found = self.users.get((metadata.get("authorization", ""), metadata.get("x-auth-id", "")))
        return found or wire.AuthenticateResponse(code=401)

    async def _heard(self, context: Any) -> dict[str, str]:
        metadata = dict(context.invocation_metadata())
        self.asked.append(metadata)
        if self.fail is not None:
            await context.abort(self.fail, "no")
        return metadata

    def handler(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            "web_api.AuthenticationService",
            {
                "ScopeAuthorize": grpc.unary_unary_rpc_method_handler(
                    self._scope_authorize,
                    wire.ScopeAuthorizeRequest.FromString,
                    wire.ScopedAuthenticationResponse.SerializeToString,
                ),
                "Authorize": grpc.unary_unary_rpc_method_handler(
                    self._authorize,
                    wire.AuthorizeRequest.FromString,
                    wire.AuthenticateResponse.SerializeToString,
                ),
            },
        )


def scoped(organization: int, project: int, status: str = "active") -> Any:
    data = wire.ScopedAuthentication(organizationId=organization, projectId=project, status=status)
    return wire.ScopedAuthenticationResponse(code=200, success=True, data=data)


def user(id: int, organization: int, projects: list[int], *, expired: bool = False) -> Any:
    return wire.AuthenticateResponse(
        code=200,
        success=True,
        data=wire.Authentication(
            user=wire.User(id=id),
            token=wire.Token(isExpired=expired),
            organizationRole=wire.OrganizationRole(organizationId=organization),
            projectRoles=[wire.ProjectRole(projectId=project) for project in projects],
        ),
    )


@asynccontextmanager
async def playing(web: WebApi) -> AsyncIterator[WebApi]:
    """Serve on the port that `web` had before, or any."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((web.handler(),))
    web.port = server.add_insecure_port(f"127.0.0.1:{web.port}")
    await server.start()
    try:
        yield web
    finally:
        await server.stop(None)
