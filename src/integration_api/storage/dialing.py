"""Who dials for a credential, what is due, and what has become of it. The promises are `DialingStore`'s.

Whatever decides on what is dialed for a credential holds its lock (`call_batches.alone`): taking the lease, claiming
calls, pausing and cancelling, and settling. So no call is claimed of a batch whose pausing has been committed.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from integration_api.core.telephony import CallState
from integration_api.core.telephony_records import BatchRecord, CallNote, CallRecord
from integration_api.core.tenant import Tenant
from integration_api.storage import call_batches, calls, changes
from integration_api.storage.call_rows import BATCH, CALL, read_batch, read_call
from integration_api.storage.dialing_store import Lease, Line, Settlement, Single, Wanted
from integration_api.storage.operation import Operation, execute, fetch, fetch_one

NOW = "extract(epoch FROM clock_timestamp())::float8"
UNDER_WAY = "state IN ('dialing', 'ringing', 'answered', 'machine')"
UNSETTLED = f"NOT settled AND {calls.ENDED}"
SINGLES = 1_000
"""Calls of no batch that are read at once: the fastest pace is as many a second."""
LINE = "organization_id = $1 AND project_id = $2 AND credential_id = $3"
MINE = calls.MINE


def _to_ask(doubt: int, stale: int) -> str:
    """Return the condition for a call that its carrier is to be asked for, given the parameters with the times."""
    return (
        f"{UNDER_WAY} AND ((provider_call_id = '' AND state = 'dialing' AND dialed_at < ${doubt})"
        f" OR (provider_call_id <> '' AND updated_at < ${stale}))"
    )


def clock() -> Operation[float]:
    """Return the database's time, as Unix seconds."""
    row = yield from fetch_one(f"SELECT {NOW}")
    return float(row[0]) if row else 0.0


def lines(doubt: float, stale: float) -> Operation[list[Line]]:
    now = yield from clock()
    held = yield from fetch("SELECT credential_id FROM dialing_leases WHERE expires_at > $1", now)
    rows = yield from fetch(
        "SELECT b.organization_id, b.project_id, b.credential_id, b.provider FROM call_batches b"
        " LEFT JOIN dialing_leases l ON l.credential_id = b.credential_id"
        " WHERE b.state = 'running' AND coalesce(l.wake_at, 0) <= $1"
        f" UNION SELECT organization_id, project_id, credential_id, provider FROM calls WHERE {UNSETTLED}"
        " UNION SELECT organization_id, project_id, credential_id, provider FROM calls"
        f" WHERE {_to_ask(2, 3)}",
        now,
        now - doubt,
        now - stale,
    )
    taken = {row[0] for row in held}
    return [Line(Tenant(row[0], row[1]), row[2], row[3]) for row in rows if row[2] not in taken]


def lease(line: Line, owner: str, seconds: float) -> Operation[Lease | None]:
    yield from call_batches.alone(line.credential_id)
    row = yield from fetch_one(
        f"SELECT owner, expires_at FROM dialing_leases WHERE {LINE}",
        *_key(line),
    )
    now = yield from clock()
    if row is not None and row[0] != owner and row[1] > now:
        return None
    yield from execute(
        "INSERT INTO dialing_leases (organization_id, project_id, credential_id, owner, expires_at, wake_at)"
        " VALUES ($1, $2, $3, $4, $5, 0)"
        " ON CONFLICT (credential_id) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at,"
        " wake_at = 0",
        *_key(line),
        owner,
        now + seconds,
    )
    if row is None:
        return Lease(None)
    return Lease(max(0.0, now - row[1]), own=row[0] == owner)


def release(line: Line, owner: str, sleep: float, batches: Sequence[int]) -> Operation[None]:
    yield from call_batches.alone(line.credential_id)
    if {batch.id for batch in (yield from running(line))} != set(batches):
        sleep = 0.0
    now = yield from clock()
    yield from execute(
        f"UPDATE dialing_leases SET expires_at = $5, wake_at = $6 WHERE {LINE} AND owner = $4",
        *_key(line),
        owner,
        now,
        now + sleep if sleep > 0 else 0.0,
    )


def running(line: Line) -> Operation[list[BatchRecord]]:
    rows = yield from fetch(
        f"SELECT {BATCH} FROM call_batches WHERE {LINE} AND state = 'running' ORDER BY id", *_key(line)
    )
    return [read_batch(row) for row in rows]


def claim(
    line: Line, owner: str, seconds: float, wanted: Sequence[Wanted], notes: Sequence[CallNote]
) -> Operation[list[CallRecord] | None]:
    yield from call_batches.alone(line.credential_id)
    now = yield from clock()
    kept = yield from execute(
        f"UPDATE dialing_leases SET expires_at = $5 WHERE {LINE} AND owner = $4 AND expires_at > $6",
        *_key(line),
        owner,
        now + seconds,
        now,
    )
    if not kept:
        return None
    claimed: list[CallRecord] = []
    for want in wanted:
        most = min(want.most, len(notes) - len(claimed))
        if most > 0:
            claimed += yield from _claim(line, want.batch_id, most, now)
    if claimed:
        yield from calls.add_notes(
            [
                replace(note, call_id=call.id, at=now, state=call.state)
                for call, note in zip(claimed, notes, strict=False)
            ]
        )
        yield from calls.tell(line.tenant, claimed)
    return claimed


def _claim(line: Line, batch_id: int, most: int, now: float) -> Operation[list[CallRecord]]:
    row = yield from fetch_one(
        "SELECT max_concurrent, (SELECT count(*) FROM calls c WHERE c.batch_id = b.id AND c.batch_id <> 0"
        f" AND c.latest = true AND c.{UNDER_WAY}) FROM call_batches b"
        f" WHERE {LINE} AND b.id = $4 AND b.state = 'running'",
        *_key(line),
        batch_id,
    )
    room = 0 if row is None else min(most, row[0] - row[1])
    if room <= 0:
        return []
    rows = yield from fetch(
        f"SELECT {CALL} FROM calls WHERE {LINE} AND batch_id = $4 AND state = 'queued' AND due_at <= $5"
        " ORDER BY due_at, id LIMIT $6 FOR UPDATE",
        *_key(line),
        batch_id,
        now,
        room,
    )
    claimed = [replace(read_call(row), state=CallState.DIALING, dialed_at=now) for row in rows]
    if claimed:
        ids = [call.id for call in claimed]
        yield from execute(
            "UPDATE calls SET state = 'dialing', dialed_at = $3, updated_at = $3"
            f" WHERE {MINE} AND id IN ({_places(4, ids)})",
            line.tenant.organization_id,
            line.tenant.project_id,
            now,
            *ids,
        )
    return claimed


def requeue(line: Line, call: CallRecord, note: CallNote) -> Operation[CallRecord | None]:
    yield from call_batches.alone(line.credential_id)
    batch = yield from call_batches.by_id(line.tenant, call.batch_id)
    state = CallState.QUEUED if batch is not None and batch.state.open else CallState.CANCELLED

    def change(stored: CallRecord) -> CallRecord | None:
        if (
            stored.state is not CallState.DIALING
            or stored.provider_call_id
            or stored.dialed_at != call.dialed_at
        ):
            return None
        return replace(stored, state=state, dialed_at=None)

    return (yield from calls.update(line.tenant, call.id, change, note))


def singles(line: Line, since: float) -> Operation[list[Single]]:
    rows = yield from fetch(
        "SELECT id, dialed_at, CASE WHEN state = 'dialing' AND provider_call_id = '' THEN NULL ELSE updated_at END"
        f" FROM calls WHERE {LINE} AND batch_id = 0 AND dialed_at IS NOT NULL AND dialed_at > $4"
        " ORDER BY dialed_at DESC LIMIT $5",
        *_key(line),
        since,
        SINGLES,
    )
    return [Single(*row) for row in reversed(rows)]


def due_in(line: Line, batches: Sequence[int]) -> Operation[float | None]:
    now = yield from clock()
    soonest: float | None = None
    for batch_id in batches:
        row = yield from fetch_one(
            f"SELECT due_at FROM calls WHERE {LINE} AND batch_id = $4 AND state = 'queued' ORDER BY due_at LIMIT 1",
            *_key(line),
            batch_id,
        )
        if row is not None:
            wait = max(0.0, row[0] - now)
            soonest = wait if soonest is None else min(soonest, wait)
    return soonest


def claimed(tenant: Tenant, batch_id: int, within: float) -> Operation[int]:
    now = yield from clock()
    row = yield from fetch_one(
        f"SELECT count(*) FROM calls WHERE {MINE} AND batch_id = $3 AND batch_id <> 0 AND latest = true"
        " AND state = 'dialing' AND provider_call_id = '' AND dialed_at > $4",
        tenant.organization_id,
        tenant.project_id,
        batch_id,
        now - within,
    )
    return int(row[0]) if row else 0


def unsettled(line: Line, limit: int) -> Operation[list[CallRecord]]:
    rows = yield from fetch(
        f"SELECT {CALL} FROM calls WHERE {LINE} AND {UNSETTLED} ORDER BY id LIMIT $4", *_key(line), limit
    )
    return [read_call(row) for row in rows]


def settle(line: Line, settlements: Sequence[Settlement], now: float) -> Operation[None]:
    yield from call_batches.alone(line.credential_id)
    key = (line.tenant.organization_id, line.tenant.project_id)
    open_: dict[int, bool] = {}
    for batch_id in {settlement.call.batch_id for settlement in settlements}:
        batch = yield from call_batches.by_id(line.tenant, batch_id)
        open_[batch_id] = batch is not None and batch.state.open
    waiting = yield from _unsettled_among(line, [settlement.call.id for settlement in settlements])
    added: list[CallRecord] = []
    followed: list[int] = []
    for settlement in settlements:
        call, retry = settlement.call, settlement.retry
        if retry is not None and open_[call.batch_id] and call.id in waiting:
            waiting.remove(call.id)
            followed.append(call.id)
            added.append(retry)
    yield from _settled(line, followed, latest=False)
    yield from _settled(line, sorted(waiting), latest=True)
    if added:
        yield from calls.insert(added)
    done = []
    for batch_id in sorted(open_.keys() - {0}):
        completed = yield from execute(
            f"UPDATE call_batches SET state = 'completed', updated_at = $4 WHERE {MINE} AND id = $3"
            " AND state IN ('running', 'paused')"
            " AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.batch_id = $3 AND c.batch_id <> 0"
            "  AND c.latest = true AND NOT c.settled)",
            *key,
            batch_id,
            now,
        )
        if completed:
            done.append(str(batch_id))
    if added:
        yield from call_batches.wake(line.tenant, line.credential_id)
        yield from calls.tell(line.tenant, added)
    yield from changes.note(line.tenant, "batch", done)


def _unsettled_among(line: Line, ids: Sequence[int]) -> Operation[set[int]]:
    rows = yield from fetch(
        f"SELECT id FROM calls WHERE {LINE} AND {UNSETTLED} AND id IN ({_places(4, ids)})", *_key(line), *ids
    )
    return {row[0] for row in rows}


def _settled(line: Line, ids: Sequence[int], *, latest: bool) -> Operation[None]:
    if ids:
        yield from execute(
            f"UPDATE calls SET settled = true, latest = $4 WHERE {LINE} AND id IN ({_places(5, ids)})",
            *_key(line),
            latest,
            *ids,
        )


def _places(first: int, values: Sequence[int]) -> str:
    return ", ".join(f"${at}" for at in range(first, first + len(values)))


def forget_told(most: int, limit: int) -> Operation[int]:
    last = yield from changes.last()
    return (
        yield from execute(
            "DELETE FROM changes WHERE seq IN (SELECT seq FROM changes"
            " WHERE topic IN ('call', 'batch') AND seq <= $1 ORDER BY seq LIMIT $2)",
            last - most,
            limit,
        )
    )


def to_ask(line: Line, doubt: float, stale: float, limit: int) -> Operation[list[CallRecord]]:
    now = yield from clock()
    rows = yield from fetch(
        f"SELECT {CALL} FROM calls WHERE {LINE} AND {_to_ask(4, 5)} ORDER BY updated_at, id LIMIT $6",
        *_key(line),
        now - doubt,
        now - stale,
        limit,
    )
    return [read_call(row) for row in rows]


def known(line: Line, provider_call_ids: Sequence[str]) -> Operation[set[str]]:
    found = set()
    for id in provider_call_ids:
        if (
            yield from fetch_one(
                f"SELECT 1 FROM calls WHERE {LINE} AND provider_call_id = $4 AND provider_call_id <> ''",
                *_key(line),
                id,
            )
        ):
            found.add(id)
    return found


def _key(line: Line) -> tuple[int, int, int]:
    return line.tenant.organization_id, line.tenant.project_id, line.credential_id
