"""What is kept of telephony and how it is asked for, over SQLite and PostgreSQL alike.

As in `storage/repository.py`: every method takes the tenant whose rows it may touch, is one transaction, and raises
`Failure(OVERLOADED, code="store_unavailable")` while the database can not be used. Each change of a call or a batch
tells the feed (topics `call` and `batch`, the id as subject), so that every process can tell who watches.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from integration_api.core.records import Page
from integration_api.core.telephony_records import (
    BatchRecord,
    BatchState,
    CallFilter,
    CallNote,
    CallRecord,
    InboundRoute,
    Progress,
)
from integration_api.core.tenant import Tenant


class TelephonyStore(Protocol):
    # --- calls -------------------------------------------------------------------------------

    async def add_call(self, call: CallRecord, note: CallNote) -> CallRecord:
        """Store a call with the first line of its story; return it.

        One that is there already is returned as it stands, and nothing is stored: by its idempotency key
        (`Failure(CONFLICT, code="idempotency_key_reused")` if the fingerprint is another), or, of an inbound
        call, by the carrier's id.
        """
        ...

    async def call(self, tenant: Tenant, id: int) -> CallRecord | None: ...

    async def calls(self, tenant: Tenant, filter: CallFilter, page: Page) -> list[CallRecord]:
        """Newest first."""
        ...

    async def update_call(
        self, tenant: Tenant, id: int, change: Callable[[CallRecord], CallRecord | None], note: CallNote
    ) -> CallRecord | None:
        """Change a call and add a line to its story, alone with the call; return it as it stands then.

        `change` gets the call as stored; None from it changes nothing but still adds the line. A line whose key
        is there already means that all of this has happened: then nothing is changed or added. The line's
        `state` is set to the call's as it stands then. None when there is no such call.
        """
        ...

    async def settle_call(self, tenant: Tenant, id: int) -> None:
        """Note that nothing is left to be done for a call of no batch that has ended: its record is kept."""
        ...

    async def notes(self, tenant: Tenant, call_id: int, after_id: int, limit: int) -> list[CallNote]:
        """Return the lines of a call's story after one of them, oldest first."""
        ...

    async def forget_calls(self, before: float, limit: int) -> int:
        """Whole installation: delete up to `limit` calls that ended before a time, with their stories.

        Those alone whose end is recorded and whose batch is not open any more; and where there is none, batches that
        have no call left. Return how many went: none while another process is deleting the same.
        """
        ...

    # --- where calls come in -----------------------------------------------------------------

    async def add_route(self, route: InboundRoute) -> None: ...
    async def route(self, tenant: Tenant, id: int) -> InboundRoute | None: ...
    async def inbound_routes(self, tenant: Tenant, page: Page) -> list[InboundRoute]: ...
    async def delete_route(self, tenant: Tenant, id: int) -> bool: ...

    # --- batches -----------------------------------------------------------------------------

    async def add_batch(self, batch: BatchRecord, calls: Sequence[CallRecord]) -> BatchRecord:
        """Store a batch with its queued calls, all or none; idempotency as of `add_call`."""
        ...

    async def batch(self, tenant: Tenant, id: int) -> BatchRecord | None: ...
    async def batches(self, tenant: Tenant, page: Page) -> list[BatchRecord]: ...

    async def set_batch_state(
        self, tenant: Tenant, id: int, allowed: Sequence[BatchState], state: BatchState, now: float
    ) -> BatchRecord | None:
        """Set the state, if the batch is in one of `allowed`; return it as it stands then.

        One that is cancelled has its queued calls cancelled with it.
        """
        ...

    async def progress(self, tenant: Tenant, id: int) -> Progress: ...
