"""Batches of calls: made, looked at, paused, resumed, cancelled. Whoever dials them is `services/dialing.py`."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import Page
from integration_api.core.telephony import CallState, Direction
from integration_api.core.telephony_records import (
    BatchRecord,
    BatchState,
    CallRecord,
    Dialing,
    Progress,
    Retry,
    Window,
)
from integration_api.core.tenant import Tenant
from integration_api.services import calling_window, clock, phone_numbers
from integration_api.services.call import Ids, Origin
from integration_api.services.pace import FASTEST
from integration_api.services.target import Target
from integration_api.services.telephony import author_of, check_key, fingerprint, no_such_batch, telephony_of
from integration_api.storage.repository import Repository

MOST_ROWS = 10_000
"""Numbers of one batch: it is stored in one transaction."""
MOST_BYTES = 64 * 1024 * 1024
"""Of what the calls of a batch have in common, which is kept with each of them."""
SLOWEST = 1 / 3600
"""Calls a second: one an hour."""
CONCURRENT = 10
"""Calls of a batch under way at once that does not say how many."""
MOST_CONCURRENT = 10_000
MOST_RETRIES = 10
LONGEST_BACKOFF = 7 * 86_400.0
"""Seconds; it doubles, so that the tenth may be years away."""
RETRIED = frozenset({CallState.BUSY, CallState.NO_ANSWER, CallState.REJECTED, CallState.FAILED})
"""Ends after which a number may be called again."""
LONGEST_NAME = 200
QUIET_POLL_SECONDS = 0.02
CLOCKS_SECONDS = 1.0
"""How far the clocks of a process and of the database may be apart."""
SLICE = 500
"""Rows checked or made in one go, between which calls that are under way have their turn."""


class BatchRow(Struct, frozen=True, kw_only=True):
    """One number to call; what it leaves out is the batch's."""

    to: str
    from_: str = ""
    metadata: Mapping[str, str] = {}
    """Beside the batch's."""
    params: Mapping[str, str] = {}
    """Beside the media's."""


class BatchAsk(Struct, frozen=True, kw_only=True):
    """A batch to be made. `dialing` has been checked as that of one call is."""

    provider: str
    """"" is that of the credential."""
    rows: tuple[BatchRow, ...]
    credential_id: int | None = None
    """None is the project's default for the provider."""
    from_: str = ""
    """Of rows that name none."""
    dialing: Dialing = Dialing()
    metadata: Mapping[str, str] = {}
    """Of the batch, and of each of its calls."""
    name: str = ""
    calls_per_second: float = 0.0
    """0 is what the carrier takes of an account by default."""
    max_concurrent: int = 0
    """0 is `CONCURRENT`."""
    window: Window | None = None
    retry: Retry = Retry()
    idempotency_key: str = ""


class Action(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


class BatchStatus(Struct, frozen=True):
    """A batch and how it stands."""

    batch: BatchRecord
    progress: Progress


RULES: Mapping[Action, tuple[frozenset[BatchState], BatchState]] = {
    Action.PAUSE: (frozenset({BatchState.RUNNING}), BatchState.PAUSED),
    Action.RESUME: (frozenset({BatchState.PAUSED}), BatchState.RUNNING),
    Action.CANCEL: (frozenset({BatchState.RUNNING, BatchState.PAUSED}), BatchState.CANCELLED),
}
"""From which states an action leads to which."""


class Finds(Protocol):
    async def __call__(self, tenant: Tenant, provider: str, credential_id: int | None) -> Target:
        """Return the carrier and the stored credential that are meant. Raises `Failure`."""
        ...


class CallBatches:
    """Every method raises `Failure`: NOT_FOUND for a batch that is not the tenant's."""

    def __init__(
        self,
        store: Repository,
        ids: Ids,
        *,
        check: Callable[[], None],
        fits: Callable[[CallRecord], Awaitable[None]],
        target: Finds,
        patience: float,
    ) -> None:
        """`check` raises unless carriers can reach this service, and `fits` where they can not be asked to make a call.
        `patience` is that of `Dials`.
        """
        self._fits = fits
        self._target = target
        self._store = store
        self._ids = ids
        self._check = check
        self._patience = patience

    async def create(self, origin: Origin, ask: BatchAsk) -> BatchRecord:
        """Store a batch with all its calls; dialing begins by itself.

        With the idempotency key of an earlier batch nothing is stored: that batch is returned if the same was
        asked for, else CONFLICT (`idempotency_key_reused`) is raised.
        """
        self._check()
        _check(ask)
        for at, row in enumerate(ask.rows):
            phone_numbers.check(row.to, f"rows[{at}].to")
            phone_numbers.check(row.from_ or ask.from_, f"rows[{at}].from" if row.from_ else "template.from")
            if not at % SLICE:
                await asyncio.sleep(0)
        tenant, principal = origin.principal.tenant, origin.principal
        target = await self._target(tenant, ask.provider, ask.credential_id)
        now = clock.now()
        batch = BatchRecord(
            id=self._ids.next(),
            tenant=tenant,
            provider=target.provider.name,
            credential_id=target.credential_id or 0,
            state=BatchState.RUNNING,
            name=ask.name,
            calls_per_second=ask.calls_per_second or telephony_of(target.provider).calls_per_second,
            max_concurrent=ask.max_concurrent or CONCURRENT,
            window=ask.window,
            retry=ask.retry,
            dialing=ask.dialing,
            metadata=ask.metadata,
            author=author_of(principal),
            rows=len(ask.rows),
            idempotency_key=ask.idempotency_key,
            fingerprint=fingerprint(ask) if ask.idempotency_key else b"",
            created_at=now,
            updated_at=now,
        )
        calls = []
        for at, row in enumerate(ask.rows):
            calls.append(self._call(batch, ask, at, row))
            if not at or row.params:
                await self._check_fit(calls[at], row)
            if not at % SLICE:
                await asyncio.sleep(0)
        return await self._store.telephony.add_batch(batch, calls)

    async def _check_fit(self, call: CallRecord, row: BatchRow) -> None:
        """Refuse with the batch what would be refused of each of its calls. Raises `Failure`."""
        try:
            await self._fits(call)
        except Failure as failure:
            if failure.kind in (Kind.INVALID_REQUEST, Kind.UNSUPPORTED):
                of_row = failure.param == "media.params" and row.params
                failure.param = f"rows[{call.row}].params" if of_row else f"template.{failure.param}"
            raise

    def _call(self, batch: BatchRecord, ask: BatchAsk, at: int, row: BatchRow) -> CallRecord:
        dialing = batch.dialing
        if row.params:
            media = replace(dialing.media, params={**dialing.media.params, **row.params})
            dialing = replace(dialing, media=media)
        return CallRecord(
            id=self._ids.next(),
            tenant=batch.tenant,
            provider=batch.provider,
            credential_id=batch.credential_id,
            direction=Direction.OUTBOUND,
            state=CallState.QUEUED,
            to=row.to,
            from_=row.from_ or ask.from_,
            dialing=dialing,
            metadata={**batch.metadata, **row.metadata},
            author=batch.author,
            created_at=batch.created_at,
            batch_id=batch.id,
            row=at,
        )

    async def get(self, tenant: Tenant, id: int) -> BatchStatus:
        batch = await self._store.telephony.batch(tenant, id)
        if batch is None:
            raise no_such_batch()
        return BatchStatus(batch, await self._store.telephony.progress(tenant, id))

    async def list(self, tenant: Tenant, page: Page) -> list[BatchRecord]:
        """Newest first."""
        return await self._store.telephony.batches(tenant, page)

    async def control(self, tenant: Tenant, id: int, action: Action) -> BatchStatus:
        """Pause, resume or cancel a batch; doing again what was done already is no error.

        Once this has returned from pausing or cancelling, no call of the batch is dialed any more; those that were
        under way by then go on. Raises CONFLICT (`batch_state`) where a batch's state does not allow it, and NOT_FOUND
        (`credential_not_found`) where it is resumed and its credential was deleted.
        """
        if action is Action.RESUME:
            paused = await self._store.telephony.batch(tenant, id)
            if paused is not None and paused.state is BatchState.PAUSED:
                await self._target(tenant, paused.provider, paused.credential_id)
        allowed, state = RULES[action]
        batch = await self._store.telephony.set_batch_state(tenant, id, tuple(allowed), state, clock.now())
        if batch is None:
            raise no_such_batch()
        if batch.state is not state:
            raise Failure(
                Kind.CONFLICT,
                f"the batch is {batch.state.value}: it can not {action.value} any more"
                if not batch.state.open
                else f"the batch is {batch.state.value}: there is nothing to {action.value}",
                code="batch_state",
            )
        if state is not BatchState.RUNNING:
            await self._quiet(tenant, id)
        return await self.get(tenant, id)

    async def _quiet(self, tenant: Tenant, id: int) -> None:
        """Wait until the calls are answered by the carrier, or given up, that were claimed just before."""
        while await self._store.dialing.claimed(tenant, id, self._patience + CLOCKS_SECONDS):
            await asyncio.sleep(QUIET_POLL_SECONDS)


def _check(ask: BatchAsk) -> None:
    if not ask.rows:
        raise _unfit("rows", "at least one number to call")
    if len(ask.rows) > MOST_ROWS:
        raise Failure(
            Kind.TOO_LARGE,
            f"a batch has at most {MOST_ROWS} numbers; make several",
            code="too_many_rows",
            param="rows",
        )
    size = len(ask.rows) * len(msgspec.json.encode((ask.dialing, ask.metadata)))
    if size > MOST_BYTES:
        raise Failure(
            Kind.TOO_LARGE,
            f"each call keeps what the template says: that is {size} bytes for all of them, and may be {MOST_BYTES};"
            " say less in it, or make several batches",
            code="value_too_large",
            param="template",
        )
    rate = ask.calls_per_second
    if not math.isfinite(rate) or (rate != 0 and not SLOWEST <= rate <= FASTEST):
        raise _unfit("calls_per_second", f"between {SLOWEST:.5f} and {FASTEST}, or left out")
    if not 0 <= ask.max_concurrent <= MOST_CONCURRENT:
        raise _unfit("max_concurrent", f"between 1 and {MOST_CONCURRENT}, or left out")
    retry = ask.retry
    if not 0 <= retry.max <= MOST_RETRIES:
        raise _unfit("retry.max", f"between 0 and {MOST_RETRIES}")
    if not 0 <= retry.backoff_s <= LONGEST_BACKOFF:
        raise _unfit("retry.backoff_s", f"between 0 and {LONGEST_BACKOFF:.0f} seconds")
    if not set(retry.on) <= RETRIED:
        raise _unfit("retry.on", f"some of {', '.join(sorted(state.value for state in RETRIED))}")
    check_key(ask.idempotency_key)
    if len(ask.name) > LONGEST_NAME:
        raise _unfit("name", f"at most {LONGEST_NAME} characters")
    if ask.window is not None:
        calling_window.check(ask.window)


def _unfit(param: str, what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"{param} must be {what}", code="invalid_value", param=param)
