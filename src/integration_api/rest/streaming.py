"""Answers that come piece by piece: a status that can still say what went wrong, and an end that always does."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from integration_api.core.errors import Failure
from integration_api.dialects.openai_surface_errors import error_event
from integration_api.services.call import Call

PING = b": ping\n\n"
FIRST_SECONDS = 15.0
"""A stream's status waits this long for its first event, so that an early failure keeps its own;
then the answer begins with a ping, as it goes on whenever the provider is silent that long."""

Item = TypeVar("Item")


async def first_of(call: Call, source: AsyncGenerator[Item, None]) -> "asyncio.Task[Item]":
    """Return the task of a stream's first item, finished unless the provider is slow.

    Raises what the stream raises, while the answer's status can still say so.
    """
    task = asyncio.ensure_future(anext(source))
    try:
        await asyncio.wait((task,), timeout=FIRST_SECONDS)
    except asyncio.CancelledError:
        task.cancel()
        call.cancelled()  # A stream that has not begun yet can not tell that it was left.
        raise
    if task.done() and isinstance(error := task.exception(), Failure):
        raise error
    return task


async def follow(
    first: "asyncio.Task[Item]",
    source: AsyncGenerator[Item, None],
    render: Callable[[Item], bytes],
    close: Callable[[], bytes],
) -> AsyncGenerator[bytes, None]:
    """Render a stream to its end. A failure becomes its last event, and then nothing says that it is done."""
    try:
        if not first.done():
            yield PING
        if said := render(await first):
            yield said
        async for item in source:
            if said := render(item):
                yield said
        if said := close():
            yield said
    except Failure as error:
        yield error_event(error)
    finally:
        first.cancel()
        await source.aclose()
