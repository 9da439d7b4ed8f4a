"""Liveness and readiness, in the platform's shape and without a hostname."""

from collections.abc import Awaitable, Callable, Mapping

from integration_api.edge.application import Response
from integration_api.rest.answers import json
from integration_api.rest.routing import Ask, Route
from integration_api.rest.shapes import Health, Readiness
from integration_api.telemetry.metrics import BOARD

Check = Callable[[], Awaitable[bool]]


def routes(checks: Mapping[str, Check]) -> list[Route]:
    """`checks` name what must answer before callers are sent here: store, cache, audit, accepting."""

    async def live(_: Ask) -> Response:
        return json({"code": 200, "success": True, "data": {"healthy": True}})

    async def ready(_: Ask) -> Response:
        state = {name: await check() for name, check in checks.items()}
        well = all(state.values())
        return json({"code": 200 if well else 503, "success": well, "data": state}, 200 if well else 503)

    async def metrics(_: Ask) -> Response:
        return Response(
            200, [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")], BOARD.exposition()
        )

    return [
        Route(method="GET", path="/healthz", handler=live, scope=None, summary="Is the process alive?",
              answer=Health),
        Route(method="GET", path="/readiness", handler=ready, scope=None, summary="May callers be sent here?",
              answer=Readiness, responses={503: "Something it needs does not answer"}, bodies={503: Readiness}),
        Route(method="GET", path="/metrics", handler=metrics, scope=None, summary="Prometheus metrics",
              media="text/plain", answer=str),
    ]  # fmt: skip
