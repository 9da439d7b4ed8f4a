"""What is kept of every call once it is over: one audit record, and a count.

A call is stored as ended and not settled in one go. Whoever has ended it keeps its record and settles it; where that
process dies in between, whoever holds its credential's line next finds it (`services/dialing_follow_up.py`), and keeps
the record in its place. Kept twice it is stored once, by its event id.
"""

import contextlib
import hashlib

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import Usage
from integration_api.core.records import AuditRecord
from integration_api.core.telephony import CallState
from integration_api.core.telephony_records import Author, CallRecord
from integration_api.core.tenant import Principal, Scope
from integration_api.services import clock
from integration_api.services.audit import AuditTrail
from integration_api.services.call import NANO, SERVICE, STATUS_OF_KIND, Ids, Origin
from integration_api.storage.telephony_store import TelephonyStore
from integration_api.telemetry.metrics import TELEPHONE_CALLS

OPERATION = "call"
STATUS = {CallState.COMPLETED: "success", CallState.CANCELLED: "cancelled"}
"""Every other end is a failure."""


def metadata_of(call: CallRecord) -> dict[str, str]:
    """Return what each audit record of a call says of it, beside what its caller attached."""
    ours = {"call_id": str(call.id)}
    if call.batch_id:
        ours["batch_id"] = str(call.batch_id)
    return {**call.metadata, **ours}


def origin_of(call: CallRecord, request_id: str = "") -> Origin:
    """Return the origin of what is done later in the name of whoever made a call."""
    return Origin(principal_of(call), request_id or f"call-{call.id}", clock.perf(), metadata_of(call))


def principal_of(call: CallRecord) -> Principal:
    author: Author = call.author
    return Principal(call.tenant, author.key_id, frozenset({Scope.INFER}), author.service, author.actor)


def _response_status(call: CallRecord) -> int:
    """Return the HTTP status that says how a call was made or taken in, or that it was cancelled."""
    if call.state is CallState.CANCELLED:
        return STATUS_OF_KIND[Kind.CANCELLED]
    return 200 if call.provider_call_id else call.refused_status


class CallEnds:
    def __init__(self, store: TelephonyStore, audit: AuditTrail, ids: Ids) -> None:
        self._store = store
        self._audit = audit
        self._ids = ids

    async def tell(self, call: CallRecord) -> None:
        """Keep the record of a call that was ended just now, and count it.

        Raises `Failure(OVERLOADED)` when it can not be kept: then it is later, as the call is not settled.
        """
        self.keep(call, first=True)
        if not call.batch_id:  # Of a batch's call more is to be done: see `services/dialing_follow_up.py`.
            with contextlib.suppress(Failure):
                await self._store.settle_call(call.tenant, call.id)

    def keep(self, call: CallRecord, *, first: bool) -> None:
        """Keep the record of a call that has ended; `first` for whoever ended it, which counts it.

        Raises `Failure(OVERLOADED)` when it can not be kept.
        """
        ended = call.ended_at or clock.now()
        author, metadata = call.author, metadata_of(call)
        if author.service:
            metadata[SERVICE] = author.service
        self._audit.keep(
            AuditRecord(
                event_id=hashlib.sha256(f"call-end/{call.id}".encode()).hexdigest()[:32],
                id=self._ids.next(),
                created_at=clock.now(),
                organization_id=call.tenant.organization_id,
                project_id=call.tenant.project_id,
                key_id=author.key_id,
                actor_type=author.actor.kind,
                actor_id=author.actor.id,
                operation=OPERATION,
                provider=call.provider,
                credential_id=call.credential_id,
                credential_version=call.credential_version,
                response_status=_response_status(call),
                status=STATUS.get(call.state, "failed"),
                error_code="" if call.state is CallState.COMPLETED else call.error_code or call.state.value,
                finish_reason=call.state.value,
                request_id=f"call-{call.id}",
                provider_request_id=call.provider_call_id,
                time_taken=int(max(0.0, ended - call.created_at) * NANO),
                usage=Usage(audio_seconds=call.duration_s),
                metadata=metadata,
            )
        )
        if first:
            TELEPHONE_CALLS.of(call.provider, call.state.value).value += 1
