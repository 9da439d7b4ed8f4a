"""Every REST request comes in here: found, authenticated, allowed, answered, and never unexplained."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache

from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.secret import wipe
from integration_api.core.tenant import Principal
from integration_api.dialects.openai_surface_errors import error_response
from integration_api.edge.application import Request, Response, Upgrade
from integration_api.rest.cors import Cors
from integration_api.rest.routing import Ask, MethodNotAllowed, Route, Routes
from integration_api.services import clock
from integration_api.services.caller import forbidden, request_id_of
from integration_api.telemetry.board import Count
from integration_api.telemetry.log import Log
from integration_api.telemetry.metrics import HTTP

RPC = ("POST",)
"""What pages may do where REST has no route: gRPC-Web, on the same port."""

Authenticate = Callable[[Mapping[bytes, bytes]], Awaitable[Principal]]


class RestDoor:
    """Finds the route of a request, lets its caller in, and answers."""

    def __init__(self, routes: Routes, authenticate: Authenticate, cors: Cors, log: Log) -> None:
        self._routes = routes
        self._authenticate = authenticate
        self._cors = cors
        self._log = log
        self._debug = log.enabled("debug")

    async def answer(self, request: Request) -> Response | Upgrade:
        """Answer one request. Only a caller who has left makes it raise."""
        request_id = request_id_of(request.headers.get(b"x-request-id"))
        route: Route | None = None
        response: Response | Upgrade
        try:
            try:
                if request.method == "OPTIONS":
                    return self._cors.preflight(request.headers, self._routes.methods(request.path) or RPC)
                route, params = self._routes.find(request.method, request.path)
                ask = Ask(request, request_id, params)
                if route.scope is not None:
                    principal = ask.principal = await self._authenticate(request.headers)
                    if not principal.may(route.scope):
                        raise forbidden(route.scope)
                response = await route.handler(ask)
            except BaseException:
                wipe(request.body)  # Nobody has a use for it any more, and it may hold a secret.
                raise
        except Failure as error:
            response = self._refuse(error)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the last wall: nothing unexplained leaves
            self._log.error(
                "unexpected", error=error, route=route.path if route else "", request_id=request_id
            )
            response = self._refuse(Failure(Kind.INTERNAL, "internal error; the log has its request id"))
        if isinstance(response, Upgrade):
            _count(route.path if route else "unknown", 101).value += 1
            return response
        headers = response.headers
        headers.append((b"x-request-id", request_id.encode()))
        if b"origin" in request.headers:
            headers += self._cors.headers(request.headers)
        _count(route.path if route else "unknown", response.status).value += 1
        if self._debug:
            self._log.debug(
                "http",
                request_id=request_id,
                method=request.method,
                route=route.path if route else "unknown",
                status=response.status,
                duration_ms=round((clock.perf() - request.received_at) * 1000, 3),
            )
        return response

    @staticmethod
    def _refuse(error: Failure) -> Response:
        if isinstance(error, MethodNotAllowed):
            _, headers, body = error_response(error)
            return Response(405, [*headers, (b"allow", ", ".join(error.allowed).encode())], body)
        status, headers, body = error_response(error)
        headers = list(headers)
        if isinstance(error, ProviderError) and error.provider:
            headers.append((b"x-integration-provider", error.provider.encode()))
        return Response(status, headers, body)


@lru_cache(maxsize=1024)
def _count(route: str, status: int) -> Count:
    return HTTP.of(route, str(status))
