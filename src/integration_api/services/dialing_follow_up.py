"""What becomes of the calls of one credential: further attempts, batches that are through, doubts, long silence."""

import asyncio
import math
from collections.abc import Coroutine
from typing import Any

from msgspec import Struct

from integration_api.core.errors import Failure
from integration_api.core.telephony_records import BatchRecord, CallRecord
from integration_api.services import clock
from integration_api.services.dial import Dials
from integration_api.services.dial_doubts import IN_DOUBT, Doubts
from integration_api.storage.dialing_store import Line, Settlement
from integration_api.storage.repository import Repository
from integration_api.telemetry.log import Log

SETTLED_AT_ONCE = 200
ASKED_AT_ONCE = 8
"""Calls in doubt or without news that are asked for at a time: a carrier that was away is not to be flooded."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds until a carrier that could not be asked for a call is asked again; doubled each time."""


class Times(Struct, frozen=True):
    """In seconds: see the settings `TELEPHONY__LEASE_SECONDS`, `…DOUBT_SECONDS` and `…STALE_SECONDS`."""

    lease: float
    patience: float
    """For a carrier's answer to a dial; a call without one is in doubt, and looked for after as long again."""
    stale: float


class Tasks:
    """Work that goes on beside whoever has begun it."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def finish(self, seconds: float) -> None:
        """Wait for all of it, at most for so long."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)


class FollowUp:
    def __init__(
        self, line: Line, store: Repository, dials: Dials, log: Log, *, times: Times, tasks: Tasks
    ) -> None:
        self._line = line
        self._store = store
        self._dials = dials
        self._doubts = Doubts(dials)
        self._log = log
        self._times = times
        self._tasks = tasks
        self._asking: set[int] = set()
        self._pauses: dict[int, tuple[float, float]] = {}
        """Of calls that could not be asked for: until when they are left alone, and for how long."""
        self._batches: dict[int, BatchRecord] = {}

    @property
    def again_in(self) -> float:
        """In how many seconds a call is to be asked for again that could not be; infinite where there is none."""
        return min((until for until, _ in self._pauses.values()), default=math.inf) - clock.perf()

    async def settle(self) -> bool:
        """Make sure of the records of calls that have ended, give them their further attempts, and complete batches
        that are through. Return whether there may be more of them: those that are dialed have their turn in between.
        """
        calls = await self._store.dialing.unsettled(self._line, SETTLED_AT_ONCE)
        if calls:
            now = clock.now()
            settlements = []
            for call in calls:
                self._dials.settled(call)
                settlements.append(Settlement(call, await self._retry(call, now)))
            await self._store.dialing.settle(self._line, settlements, now)
        return len(calls) == SETTLED_AT_ONCE

    async def _retry(self, call: CallRecord, now: float) -> CallRecord | None:
        if not call.batch_id:
            return None
        batch = self._batches.get(call.batch_id)
        if batch is None:
            batch = await self._store.telephony.batch(call.tenant, call.batch_id)
            if batch is None:
                return None
            self._batches[batch.id] = batch
        rule = batch.retry
        # Nobody is called again who may have been called without our knowing.
        if call.state not in rule.on or call.attempt > rule.max or call.error_code == IN_DOUBT:
            return None
        return self._dials.again(call, now, now + rule.backoff_s * 2 ** (call.attempt - 1))

    async def ask(self) -> None:
        """Ask the carrier for calls in doubt, and for those of which nothing was heard for long."""
        if len(self._asking) >= ASKED_AT_ONCE:
            return
        calls = await self._store.dialing.to_ask(
            self._line, 2 * self._times.patience, self._times.stale, ASKED_AT_ONCE + len(self._pauses)
        )
        there = {call.id for call in calls}
        self._pauses = {id: pause for id, pause in self._pauses.items() if id in there}
        now = clock.perf()
        for call in calls:
            if len(self._asking) >= ASKED_AT_ONCE:
                return
            if call.id not in self._asking and now >= self._pauses.get(call.id, (0.0, 0.0))[0]:
                self._asking.add(call.id)
                self._tasks.begin(self._asked(call))

    async def _asked(self, call: CallRecord) -> None:
        try:
            if call.provider_call_id:
                await self._doubts.refresh(call)
            else:
                await self._doubts.resolve(call)
        except Failure as error:
            last = self._pauses.get(call.id, (0.0, FIRST_PAUSE / 2))[1]
            pause = min(LONGEST_PAUSE, 2 * last)
            self._pauses[call.id] = clock.perf() + pause, pause
            self._log.warning(
                "call_not_found_out", error=error, code=error.code, credential_id=call.credential_id
            )
        finally:
            self._asking.discard(call.id)
