"""Telephone calls as resources: made, looked at, done things to, watched; and where calls come in."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from integration_api.core.errors import Failure, Kind
from integration_api.core.ids import read_id
from integration_api.core.telephony_records import CallNote, CallRecord, InboundRoute
from integration_api.core.tenant import Scope
from integration_api.dialects import telephony_surface as surface
from integration_api.dialects import telephony_surface_views as views
from integration_api.dialects.openai_surface_errors import error_event
from integration_api.edge.application import Response
from integration_api.rest.answers import SSE_HEADERS, encode, json
from integration_api.rest.reading import listed, page_of, read
from integration_api.rest.routing import Ask, Route
from integration_api.rest.shapes import Deleted
from integration_api.rest.streaming import PING
from integration_api.services.call_asks import call_request, credential_of
from integration_api.services.call_watching import CallWatching
from integration_api.services.telephony import NOTES, TelephonyService

BEGUN = b": watching\n\n"
"""The first thing that a watcher is told: what changes from now on is seen."""


class TelephonyDoor:
    def __init__(self, service: TelephonyService, watching: CallWatching) -> None:
        self._service = service
        self._watching = watching

    # --- calls -------------------------------------------------------------------------------

    async def create(self, ask: Ask) -> Response:
        offer = read(ask.request.body, surface.CreateCall)
        key = offer.idempotency_key or ask.header(b"idempotency-key") or ""
        call = await self._service.create(ask.origin, call_request(offer, key))
        return json(self._view(call), 201)

    async def index(self, ask: Ask) -> Response:
        page, query = page_of(ask), ask.query()
        filter = surface.filter_of(
            [state for state in query.get("state", "").split(",") if state],
            query.get("direction", ""),
            query.get("provider", ""),
            query.get("batch_id", ""),
            _number(query.get("number", "")),
        )
        calls = await self._service.index(ask.caller.tenant, filter, page)
        return json(listed([self._view(call) for call in calls], [call.id for call in calls], page.limit))

    async def show(self, ask: Ask) -> Response:
        return json(self._view(await self._service.get(ask.caller.tenant, ask.id())))

    async def hang_up(self, ask: Ask) -> Response:
        return json(self._view(await self._service.hang_up(ask.origin, ask.id())))

    async def send_dtmf(self, ask: Ask) -> Response:
        offer = read(ask.request.body, surface.SendDtmf)
        return json(self._view(await self._service.send_dtmf(ask.origin, ask.id(), offer.digits)))

    async def transfer(self, ask: Ask) -> Response:
        offer = read(ask.request.body, surface.TransferCall)
        call = await self._service.transfer(ask.origin, ask.id(), offer.to, offer.from_)
        return json(self._view(call))

    async def events(self, ask: Ask) -> Response:
        after = read_id(ask.query().get("after", "0"))
        if after is None:
            raise Failure(Kind.INVALID_REQUEST, "after must be an id", code="invalid_value", param="after")
        notes = await self._service.events(ask.caller.tenant, ask.id(), after)
        return json(listed([views.note_view(note) for note in notes], [note.id for note in notes], NOTES))

    async def watch(self, ask: Ask) -> Response:
        query, tenant = ask.query(), ask.caller.tenant
        if "call_id" in query:
            id = surface.id_of(query["call_id"], "call_id")
            await self._service.get(tenant, id)
            notes = self._watching.one(tenant, id)
        else:
            batch_id = surface.id_of(query["batch_id"], "batch_id") if "batch_id" in query else None
            if batch_id is not None:
                await self._service.check_batch(tenant, batch_id)
            notes = self._watching.all(tenant, batch_id)
        return Response(200, list(SSE_HEADERS), _lines(notes), keepalive=PING)

    async def numbers(self, ask: Ask) -> Response:
        query = ask.query()
        told = await self._service.numbers(
            ask.origin, query.get("provider", ""), credential_of(query.get("credential_id", ""))
        )
        return json({"object": "list", "data": [views.number_view(number) for number in told.numbers]})

    # --- where calls come in -----------------------------------------------------------------

    async def create_route(self, ask: Ask) -> Response:
        offer = read(ask.request.body, surface.CreateRoute)
        route = await self._service.add_route(
            ask.caller,
            offer.provider,
            credential_of(offer.credential_id),
            offer.name,
            offer.media.read(),
            offer.metadata,
        )
        return json(self._route(route), 201)

    async def routes_index(self, ask: Ask) -> Response:
        page = page_of(ask)
        found = await self._service.routes(ask.caller.tenant, page)
        return json(listed([self._route(one) for one in found], [one.id for one in found], page.limit))

    async def delete_route(self, ask: Ask) -> Response:
        await self._service.delete_route(ask.caller.tenant, ask.id())
        return json({"id": str(ask.id()), "object": "inbound_route", "deleted": True})

    def _view(self, call: CallRecord) -> views.Call:
        return views.call_view(call, media_open=self._service.hub.attached(call))

    def _route(self, route: InboundRoute) -> views.Route:
        return views.route_view(route, *self._service.paths.of_route(route))

    def routes(self) -> list[Route]:
        one = "/v1/calls/{id}"
        return [
            Route(method="POST", path="/v1/calls", handler=self.create, scope=Scope.INFER, status=201,
                  summary="Make a telephone call", body=surface.CreateCall, answer=views.Call),
            Route(method="GET", path="/v1/calls", handler=self.index, scope=Scope.INFER,
                  summary="List calls", answer=views.CallList,
                  query=("limit", "after", "state", "direction", "provider", "batch_id", "number")),
            Route(method="GET", path="/v1/calls/watch", handler=self.watch, scope=Scope.INFER,
                  summary="Lines of the stories of calls, as they are written",
                  answer=views.CallEvent, media="text/event-stream", query=("call_id", "batch_id")),
            Route(method="POST", path="/v1/calls/inbound", handler=self.create_route, scope=Scope.INFER,
                  status=201, summary="Make a route for the calls to a number", body=surface.CreateRoute,
                  answer=views.Route),
            Route(method="GET", path="/v1/calls/inbound", handler=self.routes_index, scope=Scope.INFER,
                  summary="List inbound routes", answer=views.RouteList, query=("limit", "after")),
            Route(method="DELETE", path="/v1/calls/inbound/{id}", handler=self.delete_route,
                  scope=Scope.INFER, summary="Delete an inbound route", answer=Deleted),
            Route(method="GET", path=one, handler=self.show, scope=Scope.INFER,
                  summary="Get a call", answer=views.Call),
            Route(method="POST", path=f"{one}/hangup", handler=self.hang_up, scope=Scope.INFER,
                  summary="End a call", answer=views.Call),
            Route(method="POST", path=f"{one}/dtmf", handler=self.send_dtmf, scope=Scope.INFER,
                  summary="Press keys in a call", body=surface.SendDtmf, answer=views.Call),
            Route(method="POST", path=f"{one}/transfer", handler=self.transfer, scope=Scope.INFER,
                  summary="Send a call on to another number", body=surface.TransferCall,
                  answer=views.Call),
            Route(method="GET", path=f"{one}/events", handler=self.events, scope=Scope.INFER,
                  summary="A call's story", answer=views.CallEventList, query=("after",)),
            Route(method="GET", path="/v1/numbers", handler=self.numbers, scope=Scope.INFER,
                  summary="List an account's telephone numbers", answer=views.NumberList,
                  query=("provider", "credential_id")),
        ]  # fmt: skip


async def _lines(notes: AsyncGenerator[list[CallNote], None]) -> AsyncGenerator[bytes, None]:
    """Write stories as server-sent events. A failure becomes the last of them."""
    yield BEGUN
    try:
        async with aclosing(notes):
            async for some in notes:
                yield b"".join(b"data: " + encode(views.note_view(note)) + b"\n\n" for note in some)
    except Failure as error:
        yield error_event(error)


def _number(text: str) -> str:
    """Return a telephone number of a query, in which a plus sign that was not escaped is a space."""
    return "+" + text[1:] if text[:1] == " " else text
