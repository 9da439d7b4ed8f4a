"""Speech from the command line: a text to sound and sound to a transcript, by the same engines as a caller's."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

from integration_api.admin import opened
from integration_api.core.audio import AudioFormat
from integration_api.core.session import Warned
from integration_api.core.stt import ListenRequest, TranscribeRequest, Transcript
from integration_api.core.tts import Sound, SpeakRequest, SynthesisRequest
from integration_api.dialects.voice_surface import TargetChoice
from integration_api.services import batch_stt, clock, live_words, stt_words, tts_words
from integration_api.services.voice import target_of
from integration_api.services.whole_tts import only_whole
from integration_api.settings import Settings

PIECE_MS = 20
"""Of sound that is sent, and of frames that are made."""


class Listener(Protocol):
    """Hears what comes of a text."""

    def hear(self, sound: bytes) -> None: ...
    def warn(self, warning: Warned) -> None: ...


class Reader(Protocol):
    """Reads a live transcript."""

    def sent(self, milliseconds: int) -> None:
        """Tell how much sound has gone out."""

    def tell(self, event: stt_words.Told) -> None: ...


async def say(
    settings: Settings, choice: TargetChoice, request: SynthesisRequest, text: str, listener: Listener
) -> None:
    """Speak a text: live where the voice can, else whole. Raises `Failure`."""
    target = target_of(choice)
    async with opened(settings) as (house, _, origin):
        if only_whole(target):
            whole = SpeakRequest(
                model="", voice=request.voice, text=text, output=request.output, manner=request.manner
            )
            _, sound = await house.speech.speak(origin, target, whole)
            async with aclosing(sound):
                async for made in sound:
                    for one in made:
                        _hear(one, listener)
            return
        told = house.tts.synthesize(origin, target, request, _said(text), frame_ms=PIECE_MS)
        async with aclosing(told):
            async for _, events in told:
                for event in events:
                    if isinstance(event, live_words.Ended):
                        raise event.error
                    _hear(event, listener)


async def listen(
    settings: Settings,
    choice: TargetChoice,
    request: ListenRequest,
    read: Callable[[int], bytes],
    pace: float,
    reader: Reader,
) -> None:
    """Tell what raw sound says while it is read, `pace` times as fast as it lasts; 0 does not wait.

    Raises `Failure`.
    """
    target = target_of(choice)
    async with opened(settings) as (house, _, origin):
        asks = _sound(read, request.input, pace, reader)
        told = house.stt.listen(origin, target, request, asks)
        async with aclosing(told):
            async for _, events in told:
                for event in events:
                    if isinstance(event, live_words.Ended):
                        raise event.error
                    reader.tell(event)


async def write_down(settings: Settings, choice: TargetChoice, request: TranscribeRequest) -> Transcript:
    """Return what a whole recording says. Raises `Failure`."""
    target = target_of(choice)
    async with opened(settings) as (house, _, origin):
        _, transcript = await batch_stt.transcribe(house.unary, origin, target, request)
        return transcript


def live(choice: TargetChoice) -> bool:
    """Return whether a model's provider listens while it is spoken to. Raises `Failure` for an unknown one."""
    offered = target_of(choice).provider.stt
    return offered is None or offered.listen is not None


def _hear(event: object, listener: Listener) -> None:
    match event:
        case tts_words.Audio(data=data) | Sound(data=data):
            listener.hear(data)
        case Warned():
            listener.warn(event)
        case _:
            pass


async def _said(text: str) -> AsyncGenerator[tts_words.Ask, None]:
    yield tts_words.Text(utterance_id="0", text=text, final=True)
    yield live_words.End()


async def _sound(
    read: Callable[[int], bytes], form: AudioFormat, pace: float, reader: Reader
) -> AsyncGenerator[stt_words.Ask, None]:
    size, sent, began = form.size(PIECE_MS), 0, clock.perf()
    # In a thread: what is piped in comes when it comes, and the provider talks meanwhile.
    while piece := await asyncio.to_thread(read, size):
        yield stt_words.Sound(piece)
        sent += len(piece)
        reader.sent(form.milliseconds(sent))
        if pace:
            await asyncio.sleep(max(0.0, began + sent / form.bytes_per_second / pace - clock.perf()))
    yield live_words.End()
