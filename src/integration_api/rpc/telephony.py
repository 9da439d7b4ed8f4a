"""integration.voice.v1.Telephony: calls, batches of them, where calls come in, and their sound."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from integration_api.core.errors import Failure, Kind
from integration_api.core.ids import read_id
from integration_api.core.records import Page
from integration_api.core.telephony_records import CallRecord, InboundRoute
from integration_api.core.tenant import Scope
from integration_api.dialects import telephony_messages as messages
from integration_api.dialects.telephony_surface import id_of
from integration_api.dialects.voice_messages import read_format
from integration_api.proto import voice_pb2 as wire
from integration_api.rpc.methods import Ask, RpcMethod
from integration_api.rpc.reading import parsed
from integration_api.rpc.told_media import write
from integration_api.rpc.tts import asked_of_voice
from integration_api.rpc.voice import Line, first_of, not_understood, start_required
from integration_api.services import attachment
from integration_api.services.batch_watching import follow
from integration_api.services.call_asks import batch_ask, call_request, credential_of
from integration_api.services.call_batches import Action, BatchStatus, CallBatches
from integration_api.services.call_watching import CallWatching, Watching
from integration_api.services.telephony import TelephonyService

SERVICE = "integration.voice.v1.Telephony"
LIST_LIMIT, USUAL_LIMIT = 100, 20
TELEPHONE_RATE = 8_000
"""Of sound whose rate an attachment leaves out."""
ACTIONS = {
    wire.ControlBatchRequest.PAUSE: Action.PAUSE,
    wire.ControlBatchRequest.RESUME: Action.RESUME,
    wire.ControlBatchRequest.CANCEL: Action.CANCEL,
}


class TelephonyDoor:
    def __init__(
        self, service: TelephonyService, batches: CallBatches, stories: CallWatching, watching: Watching
    ) -> None:
        self._service = service
        self._batches = batches
        self._stories = stories
        self._watching = watching

    # --- calls -------------------------------------------------------------------------------

    async def create(self, ask: Ask, message: bytearray) -> bytes:
        offer = messages.read_call(parsed(message, wire.CreateCallRequest))
        request = call_request(offer, offer.idempotency_key)
        return self._call(await self._service.create(ask.origin({}), request))

    async def get(self, ask: Ask, message: bytearray) -> bytes:
        id = _id(parsed(message, wire.GetCallRequest).id)
        return self._call(await self._service.get(ask.caller.tenant, id))

    async def index(self, ask: Ask, message: bytearray) -> bytes:
        asked = parsed(message, wire.ListCallsRequest)
        page = _page(asked.limit, asked.after)
        found = await self._service.index(ask.caller.tenant, messages.read_filter(asked), page)
        return wire.ListCallsResponse(
            calls=[messages.write_call(call, media_open=self._open(call)) for call in found],
            has_more=len(found) == page.limit,
        ).SerializeToString()

    async def hang_up(self, ask: Ask, message: bytearray) -> bytes:
        id = _id(parsed(message, wire.HangupCallRequest).id)
        return self._call(await self._service.hang_up(ask.origin({}), id))

    async def send_dtmf(self, ask: Ask, message: bytearray) -> bytes:
        asked = parsed(message, wire.SendDtmfRequest)
        return self._call(await self._service.send_dtmf(ask.origin({}), _id(asked.id), asked.digits))

    async def transfer(self, ask: Ask, message: bytearray) -> bytes:
        asked = parsed(message, wire.TransferCallRequest)
        from_ = str(getattr(asked, "from"))
        return self._call(await self._service.transfer(ask.origin({}), _id(asked.id), asked.to, from_))

    async def numbers(self, ask: Ask, message: bytearray) -> bytes:
        asked = parsed(message, wire.ListNumbersRequest)
        told = await self._service.numbers(ask.origin({}), asked.provider, credential_of(asked.credential_id))
        return wire.ListNumbersResponse(
            numbers=[messages.write_number(number) for number in told.numbers]
        ).SerializeToString()

    async def watch(self, ask: Ask, incoming: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        asked = parsed(await anext(incoming), wire.WatchCallsRequest)
        tenant = ask.caller.tenant
        if asked.call_id:
            notes = self._stories.one(tenant, _id(asked.call_id))
        else:
            batch_id = _id(asked.batch_id) if asked.batch_id else None
            if batch_id is not None:
                await self._service.check_batch(tenant, batch_id)
            notes = self._stories.all(tenant, batch_id)
        async with aclosing(notes):
            async for some in notes:
                for note in some:
                    yield messages.write_note(note).SerializeToString()

    # --- batches -----------------------------------------------------------------------------

    async def create_batch(self, ask: Ask, message: bytearray) -> bytes:
        offer = messages.read_batch(parsed(message, wire.CreateBatchRequest))
        batch = await self._batches.create(ask.origin({}), batch_ask(offer, offer.idempotency_key))
        return _batch(await self._batches.get(ask.caller.tenant, batch.id))

    async def get_batch(self, ask: Ask, message: bytearray) -> bytes:
        return _batch(
            await self._batches.get(ask.caller.tenant, _id(parsed(message, wire.GetBatchRequest).id))
        )

    async def control_batch(self, ask: Ask, message: bytearray) -> bytes:
        asked = parsed(message, wire.ControlBatchRequest)
        action = ACTIONS.get(asked.action)
        if action is None:
            raise Failure(
                Kind.INVALID_REQUEST,
                "action must be PAUSE, RESUME or CANCEL",
                code="invalid_value",
                param="action",
            )
        return _batch(await self._batches.control(ask.caller.tenant, _id(asked.id), action))

    async def watch_batch(self, ask: Ask, incoming: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        id = _id(parsed(await anext(incoming), wire.WatchBatchRequest).id)
        async with aclosing(follow(self._batches, self._watching, ask.caller.tenant, id)) as told:
            async for status in told:
                yield _batch(status)

    # --- where calls come in -----------------------------------------------------------------

    async def create_route(self, ask: Ask, message: bytearray) -> bytes:
        offer = messages.read_route(parsed(message, wire.CreateInboundRouteRequest))
        route = await self._service.add_route(
            ask.caller,
            offer.provider,
            credential_of(offer.credential_id),
            offer.name,
            offer.media.read(),
            offer.metadata,
        )
        return self._route(route).SerializeToString()

    async def routes(self, ask: Ask, message: bytearray) -> bytes:
        asked = parsed(message, wire.ListInboundRoutesRequest)
        page = _page(asked.limit, asked.after)
        found = await self._service.routes(ask.caller.tenant, page)
        return wire.ListInboundRoutesResponse(
            routes=[self._route(route) for route in found], has_more=len(found) == page.limit
        ).SerializeToString()

    async def delete_route(self, ask: Ask, message: bytearray) -> bytes:
        id = _id(parsed(message, wire.DeleteInboundRouteRequest).id)
        await self._service.delete_route(ask.caller.tenant, id)
        return wire.DeleteInboundRouteResponse().SerializeToString()

    # --- sound -------------------------------------------------------------------------------

    async def attach(self, ask: Ask, incoming: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        line = Line(ask)
        try:
            async with aclosing(self._told(ask, line, incoming)) as told:
                async for frame in told:
                    yield frame
        except Failure as error:
            for frame in line.failed(error, wire.MediaServer):
                yield frame
            raise

    async def _told(
        self, ask: Ask, line: Line, incoming: AsyncIterator[bytearray]
    ) -> AsyncGenerator[bytes, None]:
        first = await first_of(incoming, wire.MediaClient, "attach")
        if not first.HasField("attach"):
            raise start_required("attach")
        id = _id(first.attach.call_id)
        form = None
        if first.attach.HasField("format"):
            form = read_format(first.attach.format, TELEPHONE_RATE).read("format")
        provider = (await self._service.get(ask.caller.tenant, id)).provider
        source = attachment.attach(self._service, ask.origin({}), id, form, _asks(incoming))
        async with aclosing(source):
            async for event in source:
                yield write(event, line.envelope(provider=provider)).SerializeToString()

    # --- shared ------------------------------------------------------------------------------

    def _open(self, call: CallRecord) -> bool:
        return self._service.hub.attached(call)

    def _call(self, call: CallRecord) -> bytes:
        return messages.write_call(call, media_open=self._open(call)).SerializeToString()

    def _route(self, route: InboundRoute) -> wire.InboundRoute:
        return messages.write_route(route, *self._service.paths.of_route(route))

    def methods(self) -> list[RpcMethod]:
        unary: dict[str, Callable[[Ask, bytearray], Awaitable[bytes]]] = {
            "CreateCall": self.create,
            "GetCall": self.get,
            "ListCalls": self.index,
            "HangupCall": self.hang_up,
            "SendDtmf": self.send_dtmf,
            "TransferCall": self.transfer,
            "ListNumbers": self.numbers,
            "CreateBatch": self.create_batch,
            "GetBatch": self.get_batch,
            "ControlBatch": self.control_batch,
            "CreateInboundRoute": self.create_route,
            "ListInboundRoutes": self.routes,
            "DeleteInboundRoute": self.delete_route,
        }
        return [
            *(
                RpcMethod(service=SERVICE, name=name, scope=Scope.INFER, unary=answer)
                for name, answer in unary.items()
            ),
            RpcMethod(service=SERVICE, name="WatchCalls", scope=Scope.INFER, stream=self.watch),
            RpcMethod(service=SERVICE, name="WatchBatch", scope=Scope.INFER, stream=self.watch_batch),
            RpcMethod(service=SERVICE, name="AttachMedia", scope=Scope.INFER, stream=self.attach),
        ]


def _batch(status: BatchStatus) -> bytes:
    return messages.write_batch(status.batch, status.progress).SerializeToString()


def _id(text: str) -> int:
    return id_of(text, "id")


def _page(limit: int, after: str) -> Page:
    if limit > LIST_LIMIT:
        raise Failure(
            Kind.INVALID_REQUEST, f"limit must be up to {LIST_LIMIT}", code="invalid_value", param="limit"
        )
    before = read_id(after) if after else None
    if after and before is None:
        raise Failure(Kind.INVALID_REQUEST, "after must be an id", code="invalid_value", param="after")
    return Page(limit or USUAL_LIMIT, before)


async def _asks(incoming: AsyncIterator[bytearray]) -> AsyncGenerator[attachment.Ask, None]:
    """Read what the caller asks for. One who has no more to say goes on listening."""
    async for message in incoming:
        said = parsed(message, wire.MediaClient)
        match said.WhichOneof("message"):
            case "audio":
                yield attachment.Sound(said.audio)
            case "mark":
                yield attachment.Mark(said.mark.name)
            case "clear":
                yield attachment.Clear()
            case "hangup":
                yield attachment.HangUp()
            case "dtmf":
                yield attachment.Press(said.dtmf.digits)
            case "text" | "flush" | "cancel":
                yield attachment.Speak(asked_of_voice(said))
            case _:
                raise not_understood("audio, mark, clear, hangup, dtmf, text, flush and cancel")
