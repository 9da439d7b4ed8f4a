"""integration.voice.v1.TextToSpeech: texts spoken whole, and live voices as `rest/tts.py` gives them."""

from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from typing import TypeAlias

from integration_api.core.tenant import Scope
from integration_api.dialects.voice_messages import given, read_target
from integration_api.dialects.voice_tts_messages import (
    WHOLE,
    read_id,
    read_start,
    read_text,
    read_whole,
    write_voices,
)
from integration_api.dialects.voice_tts_surface import Start, check_mark, check_speed
from integration_api.proto import voice_pb2 as wire
from integration_api.rpc.methods import Ask, RpcMethod
from integration_api.rpc.reading import parsed
from integration_api.rpc.told_tts import write
from integration_api.rpc.voice import Teller, first_of, live, not_understood, start_required
from integration_api.services import live_words, tts_words
from integration_api.services.batch_tts import SpeechService
from integration_api.services.particulars import call_headers
from integration_api.services.tts import TtsService
from integration_api.services.voice import fallback_of, target_of
from integration_api.services.whole_tts import only_whole, speak_whole

SERVICE = "integration.voice.v1.TextToSpeech"
ANY_MODEL = "*"
"""Voices are a provider's, whatever model speaks with them."""
Source: TypeAlias = AsyncGenerator[tuple[Teller, list[tts_words.Told]], None]


class TtsDoor:
    def __init__(self, service: TtsService, speech: SpeechService) -> None:
        self._service = service
        self._speech = speech

    async def voices(self, ask: Ask, message: bytearray) -> bytes:
        asked = parsed(message, wire.ListVoicesRequest).target
        asked.model = asked.model or ANY_MODEL
        target = target_of(read_target(asked))
        call, voices = await self._speech.voices(ask.origin({}), target)
        ask.call.initial_metadata += call_headers(call)
        return write_voices(voices).SerializeToString()

    def speak(self, ask: Ask, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        """Speak one text: a session of one utterance, which says `end` itself; by a provider without live voices
        as `/v1/audio/speech` has it spoken.
        """
        return live(ask, partial(self._one, ask, messages), write, wire.TtsServer)

    def synthesize(self, ask: Ask, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        return live(ask, partial(self._many, ask, messages), write, wire.TtsServer)

    async def _one(self, ask: Ask, messages: AsyncIterator[bytearray]) -> Source:
        asked = await first_of(messages, wire.SynthesizeRequest)
        asked.start.ssml_allowed = asked.start.ssml_allowed or bool(asked.ssml)
        text, ssml = read_whole(asked)
        start = read_start(asked.start)
        if only_whole(target_of(start.target)):
            return self._spoken(ask, start, text, ssml=ssml)
        return self._live(ask, start, _whole(text, ssml=ssml))

    async def _many(self, ask: Ask, messages: AsyncIterator[bytearray]) -> Source:
        first = await first_of(messages, wire.TtsClient)
        if not first.HasField("start"):
            raise start_required()
        return self._live(ask, read_start(first.start), _asks(messages))

    def _live(self, ask: Ask, start: Start, asks: AsyncGenerator[tts_words.Ask, None]) -> Source:
        target, fallback = target_of(start.target), fallback_of(start.fallback)
        return self._service.synthesize(
            ask.origin(start.metadata), target, start.read(), asks, fallback, frame_ms=start.chunk_ms
        )

    def _spoken(self, ask: Ask, start: Start, text: str, *, ssml: bool) -> Source:
        target, fallback = target_of(start.target), fallback_of(start.fallback)
        request = start.read_whole(text, ssml=ssml)
        return speak_whole(
            self._speech, ask.origin(start.metadata), target, request, fallback, frame_ms=start.chunk_ms
        )

    def methods(self) -> list[RpcMethod]:
        return [
            RpcMethod(service=SERVICE, name="Synthesize", scope=Scope.INFER, stream=self.speak),
            RpcMethod(service=SERVICE, name="StreamSynthesize", scope=Scope.INFER, stream=self.synthesize),
            RpcMethod(service=SERVICE, name="ListVoices", scope=Scope.INFER, unary=self.voices),
        ]


async def _whole(text: str, *, ssml: bool) -> AsyncGenerator[tts_words.Ask, None]:
    yield tts_words.Text(utterance_id=WHOLE, text=text, ssml=ssml, final=True)
    yield live_words.End()


async def _asks(messages: AsyncIterator[bytearray]) -> AsyncGenerator[tts_words.Ask, None]:
    """Read what the caller asks for. One who has no more to say wants the end, as if it had said so; one who wants
    the end may still cancel.
    """
    async for message in messages:
        said = parsed(message, wire.TtsClient)
        match said.WhichOneof("message"):
            case "text" | "flush" | "cancel":
                yield asked_of_voice(said)
            case "mark":
                mark = said.mark
                offset = given(mark, "char_offset")
                check_mark(mark.name, offset)
                yield tts_words.MarkAt(read_id(mark.utterance_id), mark.name, offset)
            case "update":
                yield tts_words.Change(given(said.update, "voice"), check_speed(given(said.update, "speed")))
            case "end":
                yield live_words.End()
            case _:
                raise not_understood("text, flush, mark, cancel, update and end")
    yield live_words.End()


def asked_of_voice(
    said: wire.TtsClient | wire.MediaClient,
) -> tts_words.Text | tts_words.Flush | tts_words.Cancel:
    """Read a text, a flush or a cancel. Raises `Failure` (INVALID_REQUEST) naming the field."""
    match said.WhichOneof("message"):
        case "text":
            text, ssml = read_text(said.text)
            id = read_id(said.text.utterance_id)
            return tts_words.Text(utterance_id=id, text=text, ssml=ssml, final=said.text.final)
        case "flush":
            return tts_words.Flush(read_id(said.flush.utterance_id))
        case _:
            return tts_words.Cancel(read_id(said.cancel.utterance_id), given(said.cancel, "played_ms"))
