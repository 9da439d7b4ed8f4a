"""Recordings written down: one ask, one whole transcript."""

from msgspec.structs import replace

from integration_api.core.stt import TranscribeRequest, Transcript
from integration_api.services.call import Call, Origin
from integration_api.services.target import Target
from integration_api.services.unary import Unary

OPERATION = "stt"


async def transcribe(
    unary: Unary, origin: Origin, target: Target, request: TranscribeRequest
) -> tuple[Call, Transcript]:
    """Return what a recording says. Raises `Failure`. The record keeps what was asked for, not the sound."""
    stt = target.provider.stt
    capability = None if stt is None else stt.transcribe
    asked = replace(request, model=target.model)
    return await unary.run(origin, target, OPERATION, capability, asked, kept=replace(asked, audio=b""))
