"""Batches of calls over REST: made, looked at, paused, resumed, cancelled, watched."""

from collections.abc import AsyncGenerator

from integration_api.core.errors import Failure
from integration_api.core.tenant import Scope
from integration_api.dialects import telephony_surface as surface
from integration_api.dialects import telephony_surface_views as views
from integration_api.dialects.openai_surface_errors import error_event
from integration_api.edge.application import Response
from integration_api.rest.answers import SSE_HEADERS, encode, json
from integration_api.rest.reading import listed, page_of, read
from integration_api.rest.routing import Ask, Route
from integration_api.rest.streaming import PING
from integration_api.services.batch_watching import follow
from integration_api.services.call_asks import batch_ask
from integration_api.services.call_batches import Action, BatchStatus, CallBatches
from integration_api.services.call_watching import Watching


class CallBatchDoor:
    def __init__(self, batches: CallBatches, watching: Watching) -> None:
        self._batches = batches
        self._watching = watching

    async def create(self, ask: Ask) -> Response:
        offer = read(ask.request.body, surface.CreateBatch)
        asked = batch_ask(offer, offer.idempotency_key or ask.header(b"idempotency-key") or "")
        batch = await self._batches.create(ask.origin, asked)
        return json(_view(await self._batches.get(ask.caller.tenant, batch.id)), 201)

    async def index(self, ask: Ask) -> Response:
        page, tenant = page_of(ask), ask.caller.tenant
        found = await self._batches.list(tenant, page)
        told = [_view(await self._batches.get(tenant, batch.id)) for batch in found]
        return json(listed(told, [batch.id for batch in found], page.limit))

    async def show(self, ask: Ask) -> Response:
        return json(_view(await self._batches.get(ask.caller.tenant, ask.id())))

    async def pause(self, ask: Ask) -> Response:
        return await self._control(ask, Action.PAUSE)

    async def resume(self, ask: Ask) -> Response:
        return await self._control(ask, Action.RESUME)

    async def cancel(self, ask: Ask) -> Response:
        return await self._control(ask, Action.CANCEL)

    async def watch(self, ask: Ask) -> Response:
        tenant, id = ask.caller.tenant, ask.id()
        await self._batches.get(tenant, id)
        told = follow(self._batches, self._watching, tenant, id)
        return Response(200, list(SSE_HEADERS), _lines(told), keepalive=PING)

    async def _control(self, ask: Ask, action: Action) -> Response:
        return json(_view(await self._batches.control(ask.caller.tenant, ask.id(), action)))

    def routes(self) -> list[Route]:
        one = "/v1/calls/batches/{id}"
        return [
            Route(method="POST", path="/v1/calls/batches", handler=self.create, scope=Scope.INFER,
                  status=201, summary="Call many numbers, one after another", body=surface.CreateBatch,
                  answer=views.Batch),
            Route(method="GET", path="/v1/calls/batches", handler=self.index, scope=Scope.INFER,
                  summary="List batches", answer=views.BatchList, query=("limit", "after")),
            Route(method="GET", path=one, handler=self.show, scope=Scope.INFER,
                  summary="Get a batch, and how it stands", answer=views.Batch),
            *(
                Route(method="POST", path=f"{one}/{action}", handler=handler, scope=Scope.INFER,
                      summary=summary, answer=views.Batch)
                for action, handler, summary in (
                    ("pause", self.pause, "Dial no more of a batch for now"),
                    ("resume", self.resume, "Go on with a batch that was paused"),
                    ("cancel", self.cancel, "Dial no more of a batch"),
                )
            ),
            Route(method="GET", path=f"{one}/watch", handler=self.watch, scope=Scope.INFER,
                  summary="A batch as it stands, and again whenever that changes", answer=views.Batch,
                  media="text/event-stream"),
        ]  # fmt: skip


def _view(status: BatchStatus) -> views.Batch:
    return views.batch_view(status.batch, status.progress)


async def _lines(told: AsyncGenerator[BatchStatus, None]) -> AsyncGenerator[bytes, None]:
    """Write what is told as server-sent events. A failure becomes the last of them."""
    try:
        async for status in told:
            yield b"data: " + encode(_view(status)) + b"\n\n"
    except Failure as error:
        yield error_event(error)
    finally:
        await told.aclose()
