"""Last words to providers on behalf of callers who have left: said in the background, and briefly."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from integration_api.core.errors import Failure

FAREWELL_SECONDS = 10.0
"""For everything that is left to do: an answer under way that tells what to stop, and stopping it."""

MOST_FAREWELLS = 256
"""Under way at once. More would be a provider that does not answer; what runs there ends by its own deadline."""


class Farewells:
    """Runs them, and keeps them from being forgotten half said. Their failures concern nobody any more."""

    def __init__(self) -> None:
        self._saying: set[asyncio.Task[None]] = set()

    def say(self, words: Coroutine[Any, Any, None]) -> None:
        """Begin at once and return at once."""
        if len(self._saying) >= MOST_FAREWELLS:
            words.close()
            return
        task = asyncio.get_running_loop().create_task(_said(words))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def close(self) -> None:
        """Wait until all has been said; none takes longer than `FAREWELL_SECONDS`."""
        while self._saying:
            await asyncio.wait(self._saying)


async def _said(words: Coroutine[Any, Any, None]) -> None:
    try:
        async with asyncio.timeout(FAREWELL_SECONDS):
            await words
    except (Failure, TimeoutError):
        pass  # Nobody waits for it, and nothing can be done about it.
