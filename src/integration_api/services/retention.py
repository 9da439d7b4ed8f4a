"""What is kept for a while only: forgotten in the background once it is as old as it may get.

Every process looks; what one of them is deleting the others leave to it.
"""

import asyncio
from collections.abc import Awaitable, Callable

from integration_api.services import clock
from integration_api.telemetry.log import Log

DAY = 86_400.0
FORGET_SECONDS = 600.0
"""How often rows that are old enough are looked for."""
FORGET_ROWS = 500
"""Deleted in one transaction: calls that store their records do not wait for long."""


class Retention:
    """`forget` deletes up to so many rows made before a time, and returns how many went; `what` they are, logs say."""

    def __init__(
        self, forget: Callable[[float, int], Awaitable[int]], days: float, log: Log, *, what: str
    ) -> None:
        """0 days keep everything for ever."""
        self._forget = forget
        self._seconds = days * DAY
        self._log = log
        self._what = what
        self._task: asyncio.Task[None] | None = None

    async def once(self) -> int:
        """Forget all that is old enough; return how many rows that were."""
        total, before = 0, clock.now() - self._seconds
        while gone := await self._forget(before, FORGET_ROWS):
            total += gone
        return total

    def start(self) -> None:
        if self._seconds > 0:
            self._task = asyncio.create_task(self._for_ever())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _for_ever(self) -> None:
        while True:
            try:
                if gone := await self.once():
                    self._log.info(f"{self._what}_forgotten", count=gone)
            except Exception as error:  # noqa: BLE001 - the database may be away; nothing may end this task
                self._log.warning(f"{self._what}_kept_longer", error=error)
            await asyncio.sleep(FORGET_SECONDS)
