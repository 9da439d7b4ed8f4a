"""What the dialer asks of the store: who dials for a credential, what is due, and what has become of it.

One process at a time dials for one credential: the one whose lease stands. Leases, and the moments at which
calls were claimed, go by the database's clock, so that processes need not agree on the time.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from integration_api.core.telephony_records import BatchRecord, CallNote, CallRecord
from integration_api.core.tenant import Tenant


class Line(NamedTuple):
    """Whose calls are dialed one by one: those of one credential."""

    tenant: Tenant
    credential_id: int
    provider: str


class Lease(Struct, frozen=True):
    """One process may dial for a credential, and no other."""

    silent_for: float | None
    """For how many seconds nobody could dial; None if nobody ever did."""
    own: bool = False
    """Whether it was the same owner who could dial last."""


class Wanted(Struct, frozen=True):
    """How many calls of a batch may be claimed, at most."""

    batch_id: int
    most: int


class Settlement(Struct, frozen=True):
    """A call has ended, and what comes of it: another attempt, of a batch's, or nothing."""

    call: CallRecord
    retry: CallRecord | None = None


class Single(NamedTuple):
    """A call of no batch that was dialed with a credential."""

    id: int
    dialed_at: float
    answered_at: float | None
    """When its carrier had answered for sure; None where that is not known."""


class DialingStore(Protocol):
    async def lines(self, doubt: float, stale: float) -> list[Line]:
        """Whole installation: the credentials for which something is to be done.

        Nobody holds their lease; and batches run and are not asleep, or calls have ended and are not settled, are
        in doubt for `doubt` seconds, or have been without news for `stale`.
        """
        ...

    async def lease(self, line: Line, owner: str, seconds: float) -> Lease | None:
        """Take a credential, or keep it, for `seconds` from now; None while it is another's."""
        ...

    async def release(self, line: Line, owner: str, sleep: float, batches: Sequence[int]) -> None:
        """Let go of a credential; these batches of its need nobody for `sleep` seconds, unless something changes."""
        ...

    async def running(self, line: Line) -> list[BatchRecord]:
        """Return the batches that run, oldest first."""
        ...

    async def claim(
        self, line: Line, owner: str, seconds: float, wanted: Sequence[Wanted], notes: Sequence[CallNote]
    ) -> list[CallRecord] | None:
        """Set queued calls that are due to `dialing`, and keep the lease; None when it is another's by now.

        No more of a batch than it wants, or than its `max_concurrent` leaves room for, or than there are
        `notes`: one for each call, whose `call_id`, `at` and `state` are filled in.
        """
        ...

    async def requeue(self, line: Line, call: CallRecord, note: CallNote) -> CallRecord | None:
        """Put a call of a batch back that was claimed and surely not made; return it as it stands then.

        It is cancelled instead if its batch is; it stays if it has become another's or has been heard of since.
        """
        ...

    async def pause(self, line: Line, why: str, now: float) -> None:
        """Pause the batches that run, as they can not be dialed any more; `why` is the code of an error."""
        ...

    async def singles(self, line: Line, since: float) -> list[Single]:
        """Return the last calls of no batch that were dialed since a time, oldest first: no more than a pace counts."""
        ...

    async def due_in(self, line: Line, batches: Sequence[int]) -> float | None:
        """Return in how many seconds the next queued call of these batches is due; None when none is queued."""
        ...

    async def claimed(self, tenant: Tenant, batch_id: int, within: float) -> int:
        """Return how many calls that were claimed within these seconds have no answer of the carrier's yet."""
        ...

    async def unsettled(self, line: Line, limit: int) -> list[CallRecord]:
        """Return calls that have ended and are not settled: those of no batch that a process that died has left."""
        ...

    async def settle(self, line: Line, settlements: Sequence[Settlement], now: float) -> None:
        """Settle calls: add further attempts, unless the batch is cancelled, and complete batches that are through."""
        ...

    async def to_ask(self, line: Line, doubt: float, stale: float, limit: int) -> list[CallRecord]:
        """Return calls to ask the carrier for: in doubt for `doubt` seconds, or `stale` without news."""
        ...

    async def forget_told(self, most: int, limit: int) -> int:
        """Whole installation: have the feed forget up to `limit` changes of calls and batches but the last `most`.

        Who watches calls reads how they stand; nobody has to have heard of each change for ever. Return how many went.
        """
        ...

    async def known(self, line: Line, provider_call_ids: Sequence[str]) -> set[str]:
        """Return which of a carrier's ids are those of calls that are stored."""
        ...
