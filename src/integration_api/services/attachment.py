"""A caller on a call's sound, whichever door it came by: what it asks is done, what is heard is told."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeAlias

from msgspec import Struct

from integration_api.core.audio import AudioFormat
from integration_api.core.errors import Failure, Kind
from integration_api.core.session import Warned
from integration_api.services.call import Origin
from integration_api.services.media_guest import Guest, Over, Told
from integration_api.services.spoken_texts import Said
from integration_api.services.telephony import TelephonyService

MOST_PRESSED = 64
"""Times that keys may wait to be pressed."""


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
    turn = asyncio.Lock()
    pressing: set[asyncio.Task[None]] = set()

    async def press(digits: str) -> None:
        async with turn:
            try:
                await service.send_dtmf(origin, call_id, digits)
            except Failure as failure:
                guest.tell(Warned(failure.code, failure.message))

    async def do(ask: Ask) -> None:
        match ask:
            case Press(
                digits
            ):  # Sound, and hanging up, do not wait for a carrier who takes its time with keys.
                if len(pressing) >= MOST_PRESSED:
                    raise Failure(
                        Kind.OVERLOADED,
                        "too many keys wait to be pressed; give several at once as digits",
                        code="too_many_keys",
                    )
                task = asyncio.create_task(press(digits))
                pressing.add(task)
                task.add_done_callback(pressing.discard)
            case Left():
                if pressing:
                    await asyncio.wait(pressing)
                guest.detach()
            case _:
                await _do(guest, ask)

    async def obey() -> None:
        try:
            async for ask in asks:
                try:
                    await do(ask)
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
        tasks = [task, *pressing]
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _do(guest: Guest, ask: Sound | Speak | Mark | Clear | HangUp) -> None:
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
