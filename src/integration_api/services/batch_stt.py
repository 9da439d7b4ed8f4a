"""Recordings written down: one ask, one whole transcript."""

from collections.abc import Callable
from io import BytesIO
from typing import TypeAlias

from msgspec.structs import replace

from integration_api.audio.wave_header import read_wave_header
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure
from integration_api.core.exchange import Exchange
from integration_api.core.stt import TranscribeRequest, Transcript
from integration_api.services.call import Call, Origin
from integration_api.services.target import Target
from integration_api.services.unary import Unary

OPERATION = "stt"
Transcribe: TypeAlias = Callable[[TranscribeRequest, Credential], Exchange[Transcript]]


async def transcribe(
    unary: Unary, origin: Origin, target: Target, request: TranscribeRequest
) -> tuple[Call, Transcript]:
    """Return what a recording says. Raises `Failure`. The record keeps what was asked for, not the sound."""
    stt = target.provider.stt
    capability = None if stt is None or stt.transcribe is None else _measured(stt.transcribe)
    asked = replace(request, model=target.model)
    return await unary.run(origin, target, OPERATION, capability, asked, kept=replace(asked, audio=b""))


def _measured(transcribe: Transcribe) -> Transcribe:
    """Have the length of a recording be known, where its provider counts nothing of it."""

    def ask(asked: TranscribeRequest, credential: Credential) -> Exchange[Transcript]:
        told = yield from transcribe(asked, credential)
        usage = told.usage
        if usage.audio_seconds is not None or usage.input_total is not None:
            return told
        return replace(told, usage=replace(usage, audio_seconds=seconds_of(asked)))

    return ask


def seconds_of(asked: TranscribeRequest) -> float | None:
    """Return how long a recording lasts that is bare sound or WAV; None of all else."""
    form, sound = asked.format, len(asked.audio)
    if form is None:
        file = BytesIO(asked.audio)
        try:
            form, size = read_wave_header(file.read)
        except Failure:
            return None
        sound = len(asked.audio) - file.tell()
        sound = sound if size is None else min(size, sound)
    return sound / form.bytes_per_second if form.raw and form.bytes_per_second else None
