"""WS /v1/voice/media/{call_id}: a call's sound. The first text message is `attach`, binary ones are sound."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from integration_api.core.errors import Failure
from integration_api.core.tenant import Scope
from integration_api.dialects import telephony_surface as surface
from integration_api.dialects import voice_tts_surface
from integration_api.dialects.telephony_media_surface import started
from integration_api.dialects.voice_surface import read
from integration_api.edge.application import Upgrade, WebSocket
from integration_api.rest.routing import Ask, Route
from integration_api.rest.tts import asked_of_voice
from integration_api.rest.voice import Line, first_of
from integration_api.services import attachment
from integration_api.services.call import Origin
from integration_api.services.media_guest import Attached, Audio, Over
from integration_api.services.telephony import TelephonyService
from integration_api.services.voice_loop import Listened, Spoke

CLOSE_CODES = {"overrun": 1008, "unsupported_format": 1008}
"""What a socket is closed with for these reasons, which are the caller's doing; for any other it is 1000."""


class MediaDoor:
    def __init__(self, service: TelephonyService) -> None:
        self._service = service

    async def attach(self, ask: Ask) -> Upgrade:
        origin, call_id = ask.origin, ask.id("call_id")

        async def talk(socket: WebSocket) -> None:
            line = Line(socket, origin.principal, origin.request_id)
            try:
                await self._talk(line, origin, call_id)
            except Failure as error:
                await line.fail(error)

        return Upgrade(talk)

    async def _talk(self, line: Line, origin: Origin, call_id: int) -> None:
        first = await first_of(line.socket, surface.Attach, "attach")
        if first is None:
            return
        form = None if first.format is None else first.format.read("format")
        provider = (await self._service.get(origin.principal.tenant, call_id)).provider
        asks, code = _asks(line), 1000
        async with aclosing(attachment.attach(self._service, origin, call_id, form, asks)) as told:
            async for event in told:
                match event:
                    case Audio(data):
                        await line.socket.send(data)
                    case Attached():
                        said = started(event.call_id, event.stream_id, event.format, event.custom)
                        await line.tell(said, provider=provider)
                    case Listened(told_of, leg):
                        await line.tell({"type": "stt", "event": told_of}, leg, provider=provider)
                    case Spoke(told_of, leg):
                        await line.tell({"type": "tts", "event": told_of}, leg, provider=provider)
                    case _:
                        if isinstance(event, Over):
                            code = CLOSE_CODES.get(event.reason, code)
                        await line.tell(event, provider=provider)
        await line.socket.close(code)

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", path="/v1/voice/media/{call_id}", handler=self.attach, scope=Scope.INFER,
                  summary="A call's sound, over a WebSocket", body=surface.Attach, status=101),
        ]  # fmt: skip


async def _asks(line: Line) -> AsyncGenerator[attachment.Ask, None]:
    """Read what the caller asks for. One who leaves without hanging up detaches."""
    while (message := await line.socket.receive()) is not None:
        if isinstance(message, bytes):
            yield attachment.Sound(message)
            continue
        match read(message, surface.Message):
            case surface.Mark(name):
                yield attachment.Mark(name)
            case surface.Clear():
                yield attachment.Clear()
            case surface.Dtmf(digits):
                yield attachment.Press(digits)
            case voice_tts_surface.Text() | voice_tts_surface.Flush() | voice_tts_surface.Cancel() as said:
                yield attachment.Speak(asked_of_voice(said))
            case _:
                yield attachment.HangUp()
    yield attachment.Left()
