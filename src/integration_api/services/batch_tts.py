"""One text spoken whole, its sound given on as it comes; and the voices there are to speak it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TypeAlias

from msgspec.structs import replace

from integration_api.audio.convert import Converter
from integration_api.audio.wave_header import wave_header
from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure
from integration_api.core.exchange import Stream
from integration_api.core.llm import Usage
from integration_api.core.provider import Provider
from integration_api.core.records import CredentialRecord
from integration_api.core.tts import Sound, SpeakRequest, Spoken, Tallied, TtsEvent, Voice
from integration_api.providers import PROVIDERS
from integration_api.services.call import Call, Calls, Ending, Origin
from integration_api.services.target import Target
from integration_api.services.unary import Unary, unsupported
from integration_api.transport.drive import Transport

OPERATION = "tts"
Speak: TypeAlias = Callable[[SpeakRequest, Credential], Stream[TtsEvent]]


class SpeechService:
    def __init__(self, calls: Calls, transport: Transport, unary: Unary) -> None:
        self._calls = calls
        self._transport = transport
        self._unary = unary

    async def speak(
        self, origin: Origin, target: Target, request: SpeakRequest
    ) -> tuple[Call, AsyncGenerator[list[TtsEvent], None]]:
        """Return the sound as lists of events, one list a read, in the format that was asked for.

        Raises `Failure` here or from the iterator; closing the iterator early records a caller who left.
        """
        tts = target.provider.tts
        if tts is None or tts.speak is None:
            raise unsupported(target, OPERATION)
        shaper = shaper_of(target, request.output)
        call = await self._calls.open(origin, target, OPERATION, streamed=True)
        asked = replace(request, model=target.model, output=shaper.made)
        return call, self._events(call, tts.speak, asked, shaper)

    async def voices(self, origin: Origin, target: Target) -> tuple[Call, tuple[Voice, ...]]:
        """Return the voices of one provider. Raises `Failure`."""
        tts = target.provider.tts
        if tts is None or tts.voices is None:
            raise unsupported(target, "voices")
        call = await self._calls.open(origin, target, "voices")
        with Ending(call):
            voices: tuple[Voice, ...] = await self._unary.drive(call, tts.voices(call.credential))
            call.done(Usage())
            return call, voices

    async def everywhere(
        self, origin: Origin, credentials: list[CredentialRecord]
    ) -> tuple[list[tuple[str, tuple[Voice, ...]]], list[str]]:
        """Return each provider's voices for all of `credentials`, and who could not be asked and why."""
        targets = [
            Target(provider, "*", asked)
            for provider in PROVIDERS.values()
            if provider.tts is not None
            and provider.tts.voices is not None
            and (asked := asked_for_voices(provider, credentials)) is not None
        ]
        answers = await asyncio.gather(
            *(self.voices(origin, target) for target in targets), return_exceptions=True
        )
        found: list[tuple[str, tuple[Voice, ...]]] = []
        trouble: list[str] = []
        for target, answer in zip(targets, answers, strict=True):
            if isinstance(answer, Failure):
                trouble.append(f"{target.provider.name}: {answer.code}")
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found.append((target.provider.name, answer[1]))
        return found, trouble

    async def _events(
        self, call: Call, speak: Speak, request: SpeakRequest, shaper: "Shaper"
    ) -> AsyncGenerator[list[TtsEvent], None]:
        call.asked = request
        with Ending(call) as ending:
            ending.usage = usage = Usage(characters=len(request.text))
            source = self._transport.stream(
                speak(request, call.credential),
                call.target.provider.fault,
                call.secrets,
                call.trace,
                call.account,
            )
            try:
                async for events in source:
                    call.tell_first_audio()
                    told: list[TtsEvent] = []
                    for event in events:
                        if isinstance(event, Tallied):
                            ending.usage = usage = event.usage
                        told += shaper.shape(event)
                    if told:
                        yield told
            finally:
                await source.aclose()
            call.done(usage)


def asked_for_voices(provider: Provider, credentials: list[CredentialRecord]) -> int | None:
    """Return which credential is asked for a provider's voices: the one that would speak, where there is a default."""
    order = provider.credentials_from
    taken = [record for record in credentials if record.provider in order]
    taken.sort(key=lambda record: (not record.default, order.index(record.provider)))
    return taken[0].id if taken else None


def shaper_of(target: Target, output: AudioFormat) -> "Shaper":
    """Return what makes of a target's sound the sound that was asked for."""
    tts = target.provider.tts
    return Shaper(output, lambda form: form if tts is None else tts.gives(form, target.model))


class Shaper:
    """Makes the sound a provider gives the sound that was asked for.

    Samples are converted, and a WAV file is samples with a head of ours. What is compressed comes as the
    provider makes it: `made` asks for it by name, and one who can not make it refuses.
    """

    def __init__(self, output: AudioFormat, gives: Callable[[AudioFormat], AudioFormat]) -> None:
        self._head = b""
        if output.encoding is Encoding.WAV:
            output = replace(output, encoding=Encoding.PCM_S16LE)
            self._head = wave_header(output)
        self.made = gives(output) if output.raw else output
        self._converter = Converter(self.made, output)

    def shape(self, event: TtsEvent) -> list[TtsEvent]:
        match event:
            case Sound(id, data):
                data = self._whole(self._converter.feed(data))
                return [Sound(id, data)] if data else []
            case Spoken():
                data = self._whole(self._converter.flush())
                return [Sound(event.utterance_id, data), event] if data else [event]
            case _:
                return [event]

    def _whole(self, sound: bytes) -> bytes:
        if self._head and sound:
            sound, self._head = self._head + sound, b""
        return sound
