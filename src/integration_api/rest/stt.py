"""WS /v1/voice/stt: live transcripts. The first text message is `start`, binary ones are sound."""

from collections.abc import AsyncGenerator
from typing import Any

from integration_api.core.stt import Listening
from integration_api.core.tenant import Scope
from integration_api.dialects import voice_stt_surface as surface
from integration_api.dialects.voice_surface import read
from integration_api.edge.application import Upgrade
from integration_api.rest.routing import Ask, Route
from integration_api.rest.voice import Line, live
from integration_api.services import live_words, stt_words
from integration_api.services.call import Origin
from integration_api.services.leg import Leg
from integration_api.services.stt import SttService
from integration_api.services.voice import fallback_of, target_of


class SttDoor:
    def __init__(self, service: SttService) -> None:
        self._service = service

    async def listen(self, ask: Ask) -> Upgrade:
        return live(ask, surface.Start, self._told, _tell)

    def _told(
        self, line: Line, origin: Origin, start: surface.Start
    ) -> AsyncGenerator[tuple[Leg[Listening], list[stt_words.Told]], None]:
        target, fallback = target_of(start.target), fallback_of(start.fallback)
        attend = line.socket.attend
        return self._service.listen(origin, target, start.read(), _asks(line), fallback, attend)

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", path="/v1/voice/stt", handler=self.listen, scope=Scope.INFER,
                  summary="A live transcript, over a WebSocket", body=surface.Start, status=101),
        ]  # fmt: skip


async def _tell(line: Line, start: surface.Start, event: stt_words.Told, leg: Leg[Any]) -> None:
    await line.tell(event, leg)


async def _asks(line: Line) -> AsyncGenerator[stt_words.Ask, None]:
    """Read what the caller asks for. One who leaves has ended the session."""
    while (message := await line.socket.receive()) is not None:
        if isinstance(message, bytes):
            yield stt_words.Sound(message)
            continue
        match read(message, surface.Message):
            case surface.Finalize():
                yield stt_words.Finalize()
            case surface.Change() as change:
                yield change.read()
            case surface.KeepAlive():
                yield stt_words.KeepAlive()
            case _:
                yield live_words.End()
    yield live_words.Left()
