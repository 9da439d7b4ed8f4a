"""WS /v1/voice/stt: live transcripts. The first text message is `start`, binary ones are sound."""

from collections.abc import AsyncGenerator

from integration_api.core.errors import Failure
from integration_api.core.tenant import Scope
from integration_api.dialects import voice_stt_surface as surface
from integration_api.dialects.voice_surface import read
from integration_api.edge.application import Upgrade, WebSocket
from integration_api.rest.routing import Ask, Route
from integration_api.rest.voice import Line, first_of
from integration_api.services import stt
from integration_api.services.call import Origin
from integration_api.services.voice import fallback_of, target_of


class SttDoor:
    def __init__(self, service: stt.SttService) -> None:
        self._service = service

    async def listen(self, ask: Ask) -> Upgrade:
        caller, request_id, received_at = ask.caller, ask.request_id, ask.request.received_at

        async def talk(socket: WebSocket) -> None:
            line = Line(socket, caller, request_id)
            try:
                await self._talk(line, Origin(caller, request_id, received_at))
            except Failure as error:
                await line.fail(error)

        return Upgrade(talk)

    async def _talk(self, line: Line, origin: Origin) -> None:
        start = await first_of(line.socket, surface.Start)
        if start is None:
            return
        target, fallback = target_of(start.target), fallback_of(start.fallback)
        origin = Origin(origin.principal, origin.request_id, origin.received_at, start.metadata)
        asks = _asks(line)
        told = self._service.listen(origin, target, start.read(), asks, fallback)
        try:
            async for leg, events in told:
                for event in events:
                    if isinstance(event, stt.Ended):
                        raise event.error
                    await line.tell(event, leg)
        finally:
            await told.aclose()
        await line.socket.close()

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", path="/v1/voice/stt", handler=self.listen, scope=Scope.INFER,
                  summary="A live transcript, over a WebSocket", body=surface.Start, status=101),
        ]  # fmt: skip


async def _asks(line: Line) -> AsyncGenerator[stt.Ask, None]:
    """Read what the caller asks for. One who leaves has ended the session."""
    while (message := await line.socket.receive()) is not None:
        if isinstance(message, bytes):
            yield stt.Sound(message)
            continue
        match read(message, surface.Message):
            case surface.Finalize():
                yield stt.Finalize()
            case surface.Change() as change:
                yield change.read()
            case surface.KeepAlive():
                yield stt.KeepAlive()
            case _:
                yield stt.End()
    yield stt.Left()
