"""A caller on a call's sound, whichever door it came by: what it asks is done, what is heard is told."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeAlias

from msgspec import Struct

from integration_api.core.audio import AudioFormat
from integration_api.core.errors import Failure
from integration_api.core.session import Warned
from integration_api.services.call import Origin
from integration_api.services.media_guest import Guest, Over, Told
from integration_api.services.telephony import TelephonyService
from integration_api.services.voice_loop import Said


class Sound(Struct, frozen=True):
    data: bytes


class Mark(Struct, frozen=True):
    name: str


class Speak(Struct, frozen=True):
    """Of an inline call: text for its voice, or silence."""

    said: Said


class Clear(Struct, frozen=True):
    pass


class HangUp(Struct, frozen=True):
    pass


class Press(Struct, frozen=True):
    digits: str


class Left(Struct, frozen=True):
    """The caller is gone: the call goes on without it."""


Ask: TypeAlias = Sound | Speak | Mark | Clear | HangUp | Press | Left


async def attach(
    service: TelephonyService,
    origin: Origin,
    call_id: int,
    format: AudioFormat | None,
    asks: AsyncIterator[Ask],
) -> AsyncGenerator[Told, None]:
    """Yield what is told until it is `Over`. Leaving the generator detaches.

    Raises `Failure` when nobody can be attached, and later what `asks` raise or why the call's sound is lost. What can
    not be done of what is asked is told as a warning.
    """
    guest = await service.hub.attach(origin.principal.tenant, call_id, format)

    async def obey() -> None:
        try:
            async for ask in asks:
                try:
                    await _do(service, origin, call_id, guest, ask)
                except Failure as failure:
                    guest.tell(Warned(failure.code, failure.message))
        except Failure as failure:
            guest.fail(failure)

    task = asyncio.create_task(obey())
    try:
        while (event := await guest.next()) is not None:
            if guest.failure is not None and isinstance(event, Over):
                raise guest.failure
            yield event
    finally:
        guest.detach()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _do(service: TelephonyService, origin: Origin, call_id: int, guest: Guest, ask: Ask) -> None:
    match ask:
        case Sound(data):
            await guest.say(data)
        case Speak(said):
            await guest.speak(said)
        case Mark(name):
            await guest.mark(name)
        case Clear():
            await guest.clear()
        case HangUp():
            await guest.hang_up()
        case Press(digits):
            await service.send_dtmf(origin, call_id, digits)
        case Left():
            guest.detach()
