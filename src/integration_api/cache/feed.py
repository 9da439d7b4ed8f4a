"""What other processes changed, told to this one's caches within a fraction of a second.

The store keeps the feed, so it needs no other medium and loses nothing while a process is slow.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

from integration_api.core.errors import Failure
from integration_api.core.records import Change

POLL_SECONDS = 0.25
"""A revoked key or replaced credential must be gone everywhere within a second."""
BATCH = 1_000


class Source(Protocol):
    async def changes_after(self, seq: int, limit: int) -> list[Change]: ...
    async def last_change(self) -> int: ...


class Listener(Protocol):
    def begin(self, seq: int) -> None: ...
    async def changed(self, change: Change) -> None: ...


class ChangeFeed:
    def __init__(self, source: Source, listeners: Sequence[Listener], *, poll: float = POLL_SECONDS) -> None:
        self._source = source
        self._listeners = listeners
        self._poll = poll
        self._seq = 0
        self._alone = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin where the feed stands now; call it before anything is cached."""
        self._seq = await self._source.last_change()
        for listener in self._listeners:
            listener.begin(self._seq)
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def catch_up(self) -> None:
        """Tell the listeners everything that is new."""
        async with self._alone:
            while changes := await self._source.changes_after(self._seq, BATCH):
                for change in changes:
                    for listener in self._listeners:
                        await listener.changed(change)
                    self._seq = change.seq

    async def hear(self) -> None:
        """Catch up now, after a change of this process's own: whoever asked for it sees it with the next call."""
        if self._task is not None:
            with contextlib.suppress(Failure, OSError):  # Then it is told as others' changes are.
                await self.catch_up()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._poll)
            # While the store is away nobody can change anything either.
            with contextlib.suppress(Failure, OSError):
                await self.catch_up()
