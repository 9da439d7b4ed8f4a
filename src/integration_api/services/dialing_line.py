"""Dials the batches of one credential, for as long as this process holds its lease: paced, windowed, and each once."""

import asyncio
import contextlib
import math

from integration_api.core.errors import Failure
from integration_api.core.telephony_records import BatchRecord, CallRecord
from integration_api.services import clock
from integration_api.services.calling_window import closes_in, opens_in
from integration_api.services.dial import Dials, InDoubt, Refused
from integration_api.services.dial_doubts import GONE
from integration_api.services.dialing_follow_up import FollowUp, Tasks, Times
from integration_api.services.pace import Pace
from integration_api.storage.dialing_store import Lease, Line, Wanted
from integration_api.storage.repository import Repository
from integration_api.telemetry.log import Log

LOOK_SECONDS = 0.2
"""How often batches, calls that have ended and calls in doubt are looked for while there is something to do."""
ANSWER_SECONDS = 0.01
"""How often it is looked whether a dial was answered when none may be sent before."""
AFTERMATH_SECONDS = 0.5
"""How much later than it could dial last the requests of a process that died may still arrive at the carrier."""
CLOSING_SECONDS = 1.0
"""A window's last second is left: who is called at its end is called within it."""
SINGLES_SECONDS = 60.0
"""Calls of no batch that were dialed longer ago are paid for, or too many to be."""
LATE_SECONDS = 5.0
"""How long after the time at which it was dialed, by whatever clock, such a call may be stored."""
IDLE_SECONDS = 2.0
"""A line with nothing to do for longer is let go of until there is."""
RENEWALS = 3
"""How often a lease is renewed within its time: an answer of the database's may be late."""
FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 60.0
"""Seconds for which a credential is left alone that its carrier has refused, unless the carrier says how many; doubled
with each refusal."""
LONGEST_WISH = 3600.0
"""A carrier that wants to be left alone for longer is asked again after this."""
STORE_SECONDS = 0.5
"""Pause while the database is away."""


class Lost(Exception):
    """The lease is another's by now."""


class DialingLine:
    def __init__(
        self,
        line: Line,
        lease: Lease,
        store: Repository,
        dials: Dials,
        log: Log,
        *,
        owner: str,
        times: Times,
        taken_at: float,
        pace: Pace | None,
    ) -> None:
        """`lease` was taken by `owner`, who asked for it at `taken_at`, by `clock.perf()`.

        `pace` is that of who has dialed last, where it is known.
        """
        self._line = line
        self._store = store.dialing
        self._dials = dials
        self._log = log
        self._owner = owner
        self._times = times
        now = clock.perf()
        self._until = taken_at + times.lease
        self.pace = pace or _pace_after(lease, now)
        self._tasks = Tasks()
        self._follow_up = FollowUp(line, store, dials, log, times=times, tasks=self._tasks)
        self._changed = asyncio.Event()
        self._stopping = False
        self._not_before = 0.0
        self._backoff = FIRST_BACKOFF
        self._batches: list[BatchRecord] = []
        self._turn = 0
        self._singles_since = 0.0
        self._looked_at = -LOOK_SECONDS
        self._sleep = 0.0

    def look(self) -> None:
        """Look at once at what is to be done: something has changed."""
        self._looked_at = -LOOK_SECONDS
        self._changed.set()

    def stop(self) -> None:
        """Dial nobody any more, and end once what is under way has been answered."""
        self._stopping = True
        self._changed.set()

    async def run(self) -> None:
        """Dial until nothing is left to do, or the lease is lost; then let go."""
        try:
            while not self._stopping:
                try:
                    wait = await self._step()
                except Failure as error:
                    self._log.warning(
                        "dialing_waits", error=error, code=error.code, credential_id=self._line.credential_id
                    )
                    wait = STORE_SECONDS
                if wait is None:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                self._changed.clear()
        except Lost:
            self._log.warning(
                "dialing_lost", provider=self._line.provider, credential_id=self._line.credential_id
            )
        finally:
            await self._let_go()

    async def _step(self) -> float | None:
        """Do what is to be done now; return in how many seconds there may be more, or None for the end."""
        await self._keep()
        now, more = clock.perf(), False
        if now >= self._looked_at + LOOK_SECONDS:
            self._looked_at = now
            self._batches = await self._store.running(self._line)
            if more := await self._follow_up.settle():
                self._looked_at = -LOOK_SECONDS
            await self._follow_up.ask()
        wait = await self._dial() if self._batches else math.inf
        if more:
            return 0.0
        if self._tasks or wait <= IDLE_SECONDS:
            return min(wait, LOOK_SECONDS)
        again = self._follow_up.again_in
        if again < math.inf or clock.perf() < self._not_before:
            # What is known of a carrier that can not be asked, or wants to be left alone, is kept.
            return max(LOOK_SECONDS, min(wait, again, self._times.lease / RENEWALS))
        self._sleep = 0.0 if wait == math.inf else wait
        return None

    # --- the queue ---------------------------------------------------------------------------

    async def _dial(self) -> float:
        """Dial whom may be dialed now; return in how many seconds there may be more."""
        now, wall = clock.perf(), clock.now()
        if now < self._not_before:
            return self._not_before - now
        waits = [(batch, _opens_in(batch, wall)) for batch in self._batches]
        open_ = [batch for batch, wait in waits if wait == 0]
        if not open_:
            return min(wait for _, wait in waits)
        rate = min(batch.calls_per_second for batch in self._batches)
        room = self.pace.room(now, rate)
        if room:
            unanswered = await self._hear_of_singles(rate)
            now = clock.perf()
            room = max(0, self.pace.room(now, rate) - unanswered)
            if room == 0:
                # Whether single calls were answered is known to the database alone: that is not asked all the time.
                return max(self.pace.wait(now, rate), LOOK_SECONDS if unanswered else ANSWER_SECONDS)
        if room == 0:
            return self.pace.wait(now, rate) or ANSWER_SECONDS
        claimed = await self._claim(open_, room)
        if len(claimed) == room:
            return self.pace.wait(clock.perf(), rate) or ANSWER_SECONDS
        due = await self._store.due_in(self._line, [batch.id for batch in open_])
        if due == 0:
            return LOOK_SECONDS  # As many as may be are under way: one of them will end.
        later = [wait for _, wait in waits if wait > 0] + ([] if due is None else [due])
        return min(later, default=IDLE_SECONDS + LOOK_SECONDS)

    async def _hear_of_singles(self, rate: float) -> int:
        """Count the calls that were dialed at once, whatever the pace; return how many may not have arrived yet."""
        now, wall = clock.perf(), clock.now()
        unanswered = 0
        again = wall
        for single in await self._store.singles(self._line, max(self._singles_since, wall - SINGLES_SECONDS)):
            # Who asks gives an answer up after the patience, and its request may arrive for as long again.
            latest = single.dialed_at + 2 * self._times.patience
            if single.answered_at is None and latest > wall:
                unanswered += 1
                again = min(again, single.dialed_at)
            else:
                arrived = latest if single.answered_at is None else single.answered_at
                self.pace.owe((single.id, single.dialed_at), now - max(0.0, wall - arrived), rate)
        self._singles_since = again - LATE_SECONDS
        return unanswered

    async def _claim(self, batches: list[BatchRecord], room: int) -> list[CallRecord]:
        """Store that calls are being dialed, then dial them."""
        self._turn += 1
        blank = [self._dials.blank(self._line.tenant, "dialing") for _ in range(room)]
        asked_at = clock.perf()
        claimed = await self._store.claim(
            self._line, self._owner, self._times.lease, _shares(batches, room, self._turn), blank
        )
        self._until = 0.0 if claimed is None else asked_at + self._times.lease
        now = clock.perf()
        if claimed is None or now >= self._until:
            # Another may dial by now. What was claimed and is not dialed is in doubt, and is looked for.
            raise Lost
        if claimed:
            self.pace.begin(now, len(claimed))
            for call in claimed:
                self._tasks.begin(self._dialed(call, self._until))
        return claimed

    async def _dialed(self, call: CallRecord, send_by: float) -> None:
        """Dial a claimed call, and do what follows from it."""
        late = 0.0
        try:
            await self._dials.dial(call, send_by=send_by)
            self._backoff = FIRST_BACKOFF
        except InDoubt:
            late = self._times.patience  # The request may arrive yet.
        except Refused as refused:
            if refused.code in GONE:  # It was deleted meanwhile: what waits is kept.
                await self._store.pause(self._line, refused.code, clock.now())
                await self._dials.requeue(call, refused.message)
            elif refused.again:
                self._back_off(refused)
                await self._dials.requeue(call, refused.message)
            else:
                await self._dials.fail(call, refused)
        except Failure as error:  # The database is away; the call is in doubt, and is looked for.
            self._log.warning("call_in_doubt", error=error, code=error.code, credential_id=call.credential_id)
        finally:
            self.pace.end(clock.perf() + late)

    def _back_off(self, refused: Refused) -> None:
        now = clock.perf()
        if refused.retry_after is not None:
            wait = min(refused.retry_after, LONGEST_WISH)
        elif now < self._not_before:
            return  # Another of those that were sent together has said so.
        else:
            wait, self._backoff = self._backoff, min(LONGEST_BACKOFF, 2 * self._backoff)
        self._not_before = max(self._not_before, now + wait)
        self._log.warning(
            "dialing_backs_off",
            provider=self._line.provider,
            credential_id=self._line.credential_id,
            code=refused.code,
            seconds=round(wait, 3),
        )

    # --- the lease ---------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Renew the lease where it is time. Raises `Lost`."""
        now = clock.perf()
        if now < self._until - self._times.lease * (RENEWALS - 1) / RENEWALS:
            return
        if now >= self._until or await self._store.lease(self._line, self._owner, self._times.lease) is None:
            raise Lost
        self._until = now + self._times.lease

    async def _let_go(self) -> None:
        """Wait for what is under way, and leave the credential to whoever comes next."""
        await self._tasks.finish(self._times.patience)
        with contextlib.suppress(Failure):
            await self._store.release(
                self._line, self._owner, self._sleep, [batch.id for batch in self._batches]
            )


def _pace_after(lease: Lease, now: float) -> Pace:
    """Return a pace that leaves room for what another has sent of which nothing is known."""
    if lease.silent_for is None:
        return Pace()
    return Pace(now - lease.silent_for + AFTERMATH_SECONDS)


def _opens_in(batch: BatchRecord, wall: float) -> float:
    """Return in how many seconds a batch may be dialed; 0 for now."""
    wait = opens_in(batch.window, wall)
    if wait == 0:
        left = closes_in(batch.window, wall)
        return 0.0 if left is None or left > CLOSING_SECONDS else left
    return wait


def _shares(batches: list[BatchRecord], room: int, turn: int) -> list[Wanted]:
    """Give each batch its share, and what is left to those that can use it; who comes first takes turns."""
    at = turn % len(batches)
    order = batches[at:] + batches[:at]
    share = -(-room // len(order))
    wanted = [Wanted(batch.id, share) for batch in order]
    return wanted if len(order) == 1 else wanted + [Wanted(batch.id, room) for batch in order]
