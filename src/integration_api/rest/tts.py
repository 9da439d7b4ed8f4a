"""WS /v1/voice/tts: live speech. The first text message is `start`; sound comes in binary messages.

Binary messages belong to the utterance that was `started` last: each is one frame, none is missing.
"""

from base64 import b64encode
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

from integration_api.core.tenant import Scope
from integration_api.core.tts import Speaking
from integration_api.dialects import voice_tts_surface as surface
from integration_api.dialects.voice_surface import read
from integration_api.edge.application import Upgrade, WebSocket
from integration_api.rest.routing import Ask, Route
from integration_api.rest.voice import Line, live
from integration_api.services import live_words, tts_words
from integration_api.services.call import Origin
from integration_api.services.leg import Leg
from integration_api.services.tts import TtsService
from integration_api.services.utterance import Utterance
from integration_api.services.voice import fallback_of, target_of


class TtsDoor:
    def __init__(self, service: TtsService) -> None:
        self._service = service

    async def synthesize(self, ask: Ask) -> Upgrade:
        return live(ask, surface.Start, self._told, _tell)

    def _told(
        self, line: Line, origin: Origin, start: surface.Start
    ) -> AsyncGenerator[tuple[Leg[Speaking], list[tts_words.Told]], None]:
        target, fallback = target_of(start.target), fallback_of(start.fallback)
        put = None if start.audio_events else partial(_put, line.socket)
        return self._service.synthesize(
            origin, target, start.read(), _asks(line), fallback, frame_ms=start.chunk_ms, put=put
        )

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", path="/v1/voice/tts", handler=self.synthesize, scope=Scope.INFER,
                  summary="Live speech, over a WebSocket", body=surface.Start, status=101),
        ]  # fmt: skip


def _put(socket: WebSocket, utterance: Utterance, frame: bytes) -> bool:
    if not socket.ready:
        return False
    socket.write(frame)
    return True


async def _tell(line: Line, start: surface.Start, event: tts_words.Told, leg: Leg[Any]) -> None:
    if not isinstance(event, tts_words.Audio):
        await line.tell(event, leg)
    elif start.audio_events:
        await line.tell(_audio(event), leg)
    else:
        await line.socket.send(event.data)


def _audio(event: tts_words.Audio) -> dict[str, object]:
    return {
        "type": "audio",
        "utterance_id": event.utterance.id,
        "seq": event.seq,
        "offset_ms": event.offset_ms,
        "audio": b64encode(event.data).decode(),
    }


async def _asks(line: Line) -> AsyncGenerator[tts_words.Ask, None]:
    """Read what the caller asks for. One who leaves has ended the session."""
    while (message := await line.socket.receive()) is not None:
        match read(message if isinstance(message, str) else "", surface.Message):
            case surface.Text() | surface.Flush() | surface.Cancel() as said:
                yield asked_of_voice(said)
            case surface.Mark() as mark:
                surface.check_mark(mark.name, mark.char_offset)
                yield tts_words.MarkAt(mark.utterance_id, mark.name, mark.char_offset)
            case surface.Change(voice, speed):
                yield tts_words.Change(voice, surface.check_speed(speed))
            case _:
                yield live_words.End()
    yield live_words.Left()


def asked_of_voice(
    said: surface.Text | surface.Flush | surface.Cancel,
) -> tts_words.Text | tts_words.Flush | tts_words.Cancel:
    """Raises `Failure` (INVALID_REQUEST) naming the field."""
    match said:
        case surface.Text():
            text, ssml = surface.check_text(said)
            id = surface.check_id(said.utterance_id)
            return tts_words.Text(utterance_id=id, text=text, ssml=ssml, final=said.final)
        case surface.Flush(id):
            return tts_words.Flush(id)
        case surface.Cancel(id, played_ms):
            return tts_words.Cancel(id, surface.check_played(played_ms))
