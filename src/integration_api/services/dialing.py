"""Sees to it that batches are dialed: in every process, for each credential in one of them at a time.

Each process looks for credentials with something to do, and whoever takes the lease of one dials for it. A process that
dies leaves its leases to end by themselves; then another goes on, after a silence that is long enough for whatever the
dead one has sent. See `services/dialing_line.py` for how one credential is dialed for.
"""

import asyncio
import contextlib

from integration_api.core.errors import Failure
from integration_api.core.records import Change
from integration_api.services import clock
from integration_api.services.dial import Dials
from integration_api.services.dialing_follow_up import Times
from integration_api.services.dialing_line import DialingLine
from integration_api.services.pace import Pace
from integration_api.storage.dialing_store import Line
from integration_api.storage.repository import Repository
from integration_api.telemetry.log import Log

SCAN_SECONDS = 1.0
"""How often a process looks for work that nobody does: of a new batch it hears by the feed."""
SCAN_AT_MOST_SECONDS = 0.2
"""How often at most: each call that is dialed is told by the feed, too."""


PACES = 1_000
"""Credentials of which a process remembers when it has dialed with them."""
FEED_KEPT = 100_000
"""Changes of calls and batches that the feed keeps: whoever is further behind than that reads how things stand."""
FORGET_SECONDS = 60.0
FORGOTTEN_AT_ONCE = 5_000


class Dialing:
    """Listens to the feed of changes, and dials between `start` and `stop`."""

    def __init__(self, store: Repository, dials: Dials, log: Log, times: Times) -> None:
        self._store = store
        self._dials = dials
        self._log = log
        self._times = times
        self._owner = clock.unique()
        self._lines: dict[Line, tuple[DialingLine, asyncio.Task[None]]] = {}
        self._paces: dict[Line, Pace] = {}
        self._changed = asyncio.Event()
        self._forget_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def begin(self, seq: int) -> None:
        """Nothing is held before the first change."""

    async def changed(self, change: Change) -> None:
        if change.topic == "batch":
            self._changed.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Dial nobody any more; return once what is under way was answered, or given up."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        running = list(self._lines.values())
        for line, _ in running:
            line.stop()
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(
                Failure, OSError
            ):  # While the store is away nothing can be dialed either.
                await self._scan()
            with contextlib.suppress(TimeoutError):
                # A lease that ends is to be taken soon after it has.
                async with asyncio.timeout(min(SCAN_SECONDS, self._times.lease / 2)):
                    await self._changed.wait()
            self._changed.clear()
            for line, _ in self._lines.values():
                line.look()
            await asyncio.sleep(SCAN_AT_MOST_SECONDS)

    async def _scan(self) -> None:
        store, times = self._store.dialing, self._times
        if clock.perf() >= self._forget_at:
            # As long as there is more to forget, each time.
            full = await store.forget_told(FEED_KEPT, FORGOTTEN_AT_ONCE) == FORGOTTEN_AT_ONCE
            self._forget_at = clock.perf() + (0.0 if full else FORGET_SECONDS)
        for line in await store.lines(2 * times.patience, times.stale):
            if line in self._lines:
                continue
            taken_at = clock.perf()
            lease = await store.lease(line, self._owner, times.lease)
            if lease is not None:
                self._begin(
                    line,
                    DialingLine(
                        line,
                        lease,
                        self._store,
                        self._dials,
                        self._log,
                        owner=self._owner,
                        times=times,
                        taken_at=taken_at,
                        pace=self._paces.pop(line, None) if lease.own else None,
                    ),
                )

    def _begin(self, line: Line, work: DialingLine) -> None:
        task = asyncio.create_task(work.run())
        self._lines[line] = work, task

        def ended(task: "asyncio.Task[None]") -> None:
            del self._lines[line]
            self._paces[line] = work.pace
            while len(self._paces) > PACES:
                del self._paces[next(iter(self._paces))]
            if not task.cancelled() and (error := task.exception()) is not None:
                self._log.error("unexpected", error=error, credential_id=line.credential_id)

        task.add_done_callback(ended)
