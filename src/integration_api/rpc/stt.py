"""integration.voice.v1.SpeechToText: recordings, and live transcripts as `rest/stt.py` gives them."""

from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial

from integration_api.core.stt import Listening
from integration_api.core.tenant import Scope
from integration_api.dialects.voice_messages import read_target
from integration_api.dialects.voice_stt_messages import (
    read_recording,
    read_start,
    read_update,
    write_transcript,
)
from integration_api.proto import voice_pb2 as wire
from integration_api.rpc.methods import Ask, RpcMethod
from integration_api.rpc.reading import parsed
from integration_api.rpc.told_stt import write
from integration_api.rpc.voice import first_of, live, not_understood, start_required
from integration_api.services import live_words, stt_words
from integration_api.services.batch_stt import transcribe
from integration_api.services.leg import Leg
from integration_api.services.particulars import call_headers
from integration_api.services.stt import SttService
from integration_api.services.unary import Unary
from integration_api.services.voice import fallback_of, target_of

SERVICE = "integration.voice.v1.SpeechToText"


class SttDoor:
    def __init__(self, service: SttService, unary: Unary) -> None:
        self._service = service
        self._unary = unary

    async def transcribe(self, ask: Ask, message: bytearray) -> bytes:
        asked = parsed(message, wire.TranscribeRequest)
        target, origin = target_of(read_target(asked.target)), ask.origin(dict(asked.metadata))
        call, told = await transcribe(self._unary, origin, target, read_recording(asked))
        ask.call.initial_metadata += call_headers(call, told.warnings)
        return write_transcript(told).SerializeToString()

    def listen(self, ask: Ask, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        return live(ask, partial(self._opened, ask, messages), write, wire.SttServer)

    async def _opened(
        self, ask: Ask, messages: AsyncIterator[bytearray]
    ) -> AsyncGenerator[tuple[Leg[Listening], list[stt_words.Told]], None]:
        first = await first_of(messages, wire.SttClient)
        if not first.HasField("start"):
            raise start_required()
        start = read_start(first.start)
        target, fallback = target_of(start.target), fallback_of(start.fallback)
        origin, asks = ask.origin(start.metadata), _asks(messages)
        return self._service.listen(origin, target, start.read(), asks, fallback)

    def methods(self) -> list[RpcMethod]:
        return [
            RpcMethod(service=SERVICE, name="Transcribe", scope=Scope.INFER, unary=self.transcribe),
            RpcMethod(service=SERVICE, name="StreamTranscribe", scope=Scope.INFER, stream=self.listen),
        ]


async def _asks(messages: AsyncIterator[bytearray]) -> AsyncGenerator[stt_words.Ask, None]:
    """Read what the caller asks for. One who has no more to say wants the end, as if it had said so."""
    async for message in messages:
        said = parsed(message, wire.SttClient)
        match said.WhichOneof("message"):
            case "audio":
                yield stt_words.Sound(said.audio)
            case "finalize":
                yield stt_words.Finalize()
            case "update":
                yield read_update(said.update)
            case "keepalive":
                yield stt_words.KeepAlive()
            case "end":
                break
            case _:
                raise not_understood("audio, finalize, update, keepalive and end")
    yield live_words.End()
