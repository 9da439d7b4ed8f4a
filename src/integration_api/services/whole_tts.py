"""One text spoken whole and told as a live voice tells it: by providers that have no live one."""

import asyncio
from collections.abc import AsyncGenerator

from msgspec import Struct
from msgspec.structs import replace

from integration_api.core.audio import AudioFormat
from integration_api.core.errors import Failure
from integration_api.core.session import Warned
from integration_api.core.tts import (
    Sound,
    SpeakRequest,
    Spoken,
    SynthesisCapabilities,
    Tallied,
    TtsEvent,
)
from integration_api.dialects.plain_sound import WHOLE
from integration_api.services import clock
from integration_api.services.batch_tts import SpeechService, shaper_of
from integration_api.services.call import Call, Origin
from integration_api.services.fallback import Fallback, options_of, voice_of
from integration_api.services.leg import late
from integration_api.services.live_words import Over
from integration_api.services.target import Target
from integration_api.services.tts_words import Audio, Done, Ready, Started, Told, Used
from integration_api.services.utterance import Utterance


class Speaker(Struct, frozen=True):
    """Who speaks."""

    call: Call

    @property
    def request_id(self) -> str:
        return self.call.provider_request_id


def only_whole(target: Target) -> bool:
    """Return whether a target's voice speaks whole texts and nothing else."""
    tts = target.provider.tts
    return tts is not None and tts.only_whole(target.model, target.voice or None)


async def speak_whole(
    speech: SpeechService,
    origin: Origin,
    target: Target,
    request: SpeakRequest,
    fallback: Fallback,
    *,
    frame_ms: int,
) -> AsyncGenerator[tuple[Speaker, list[Told]], None]:
    """Yield what is told, with who speaks. The first is `Ready`, beside the first sound. Nobody is asked ahead: the
    next target is, when the one before has failed, or said nothing for `first_event_timeout_ms`.

    Raises the first target's `Failure` where none of them speaks, and after sound has come that of the one who spoke.
    """
    call, events, first = await _begun(speech, origin, target, request, fallback)
    speaker = Speaker(call)
    telling = Telling(request, frame_ms, call.trace.started_at)
    try:
        ready = Ready(
            model=call.target.model,
            capabilities=SynthesisCapabilities(),
            negotiated_output=shaper_of(call.target, request.output).made,
        )
        yield speaker, [ready, *telling.tell(first)]
        async for heard in events:
            if told := telling.tell(heard):
                yield speaker, told
        yield speaker, telling.end()
    finally:
        await events.aclose()


async def _begun(
    speech: SpeechService, origin: Origin, target: Target, request: SpeakRequest, fallback: Fallback
) -> tuple[Call, AsyncGenerator[list[TtsEvent], None], list[TtsEvent]]:
    """Return the first target that speaks, with what it says first."""
    failures: list[Failure] = []
    left = [target, *fallback.targets]
    while left:
        try:
            one = left.pop(0)
            asked = replace(
                request,
                voice=voice_of(one, target, request.voice),
                extras=options_of(one, target, request.extras),
            )
            call, events = await speech.speak(origin, one, asked)
            # Who stands in for nobody has all the time there is.
            patience = fallback.first_event_timeout_ms / 1000 if left else None
            return call, events, await _first_of(call, events, patience)
        except Failure as error:
            failures.append(error)
    raise failures[0]


async def _first_of(
    call: Call, events: AsyncGenerator[list[TtsEvent], None], patience: float | None
) -> list[TtsEvent]:
    first = asyncio.ensure_future(anext(events, list[TtsEvent]()))
    try:
        await asyncio.wait((first,), timeout=patience)
        if not first.done():
            error = late("the provider said nothing while text waited to be spoken")
            call.failed(error)
            raise error
        return first.result()
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


class Telling:
    """Cuts the one utterance into frames, and tells when each word is heard where that was asked for."""

    def __init__(self, request: SpeakRequest, frame_ms: int, asked_at: float) -> None:
        output: AudioFormat = request.output
        self._one = Utterance(WHOLE, output, output, frame_ms, asked_at)
        self._one.text = request.text
        self._frame_ms = frame_ms
        self._timed = request.timestamps != "none"
        self._characters = len(request.text)

    def tell(self, events: list[TtsEvent]) -> list[Told]:
        one = self._one
        told: list[Told] = []
        for event in events:
            match event:
                case Sound():
                    if not one.began:
                        told.append(Started(WHOLE, round((clock.perf() - one.asked_at) * 1000)))
                    told += self._framed(one.sound(event.data))
                case Spoken(characters=int(characters)):
                    self._characters = characters
                case Tallied(usage) if usage.characters is not None:
                    self._characters = usage.characters
                case Warned():
                    told.append(event)
                case _:
                    pass
        return told

    def end(self) -> list[Told]:
        one = self._one
        told = self._framed(one.rest())
        if self._timed:
            told.append(one.estimated())
        return [
            *told,
            Done(utterance_id=WHOLE, audio_ms=one.audio_ms, characters=self._characters),
            Used(characters=self._characters, audio_ms=one.audio_ms),
            Over("finished"),
        ]

    def _framed(self, frames: list[bytes]) -> list[Told]:
        one = self._one
        told: list[Told] = []
        for frame in frames:
            told.append(Audio(utterance=one, seq=one.seq, offset_ms=one.seq * self._frame_ms, data=frame))
            one.seq += 1
        return told
