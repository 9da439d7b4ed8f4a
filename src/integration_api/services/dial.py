"""Makes one stored call: its carrier is asked once.

That a call is being dialed is stored before its carrier is asked. Whatever happens afterwards, the call is either known
not to have been made, or adopted by the carrier's id, or in doubt: see `services/dial_doubts.py`. Who reports a call to
the status route settles the doubt, too.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from integration_api.core.call_progress import reported
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, Phase, ProviderError
from integration_api.core.exchange import Exchange, HttpRequest, HttpResponse
from integration_api.core.llm import Usage
from integration_api.core.provider import Provider, Telephony
from integration_api.core.telephony import CallReport, CallState, DialRequest, Routes
from integration_api.core.telephony_records import CallNote, CallRecord, MediaMode
from integration_api.core.tenant import Tenant
from integration_api.providers import find
from integration_api.services import clock
from integration_api.services.call import STATUS_OF_KIND, Call, Calls, Ending, Ids, Origin
from integration_api.services.call_end import origin_of
from integration_api.services.target import Target
from integration_api.services.unary import Unary
from integration_api.storage.dialing_store import DialingStore, Line
from integration_api.storage.telephony_store import TelephonyStore

AGAIN = frozenset({
    Kind.RATE_LIMITED, Kind.OVERLOADED, Kind.UNREACHABLE, Kind.TIMEOUT, Kind.QUOTA, Kind.CREDENTIAL_REJECTED,
})  # fmt: skip
"""Refusals that say nothing of the call: a queued one waits until they are over. Of a credential, too: its owner puts
another in its place, and a batch is not to be lost for that."""


class Ends(Protocol):
    """Hears that calls have ended: see `services/call_end.py`."""

    async def tell(self, call: CallRecord) -> None: ...
    def keep(self, call: CallRecord, *, first: bool) -> None: ...


class Refused(Failure):
    """A call was not made, and that is certain. `again` says that it may be asked for again later.

    `version` is that of the credential that was used, 0 if none was.
    """

    def __init__(self, cause: Failure, version: int = 0) -> None:
        super().__init__(
            cause.kind,
            cause.message,
            code=cause.code,
            param=cause.param,
            retry_after=cause.retry_after,
            retryable=cause.retryable,
        )
        self.cause = cause
        self.again = cause.kind in AGAIN
        self.version = version
        self.provider_code = (cause.refusal.code or "") if isinstance(cause, ProviderError) else ""


class InDoubt(Exception):
    """Nobody knows whether a call was made."""


class Dials:
    """Makes calls. `routes_of` says where the carrier finds us for one; `ends` hears of those that end here.

    `patience` is how many seconds the carrier's answer is waited for: after it, and as long again, no request for the
    call can be under way any more.
    """

    def __init__(
        self,
        store: TelephonyStore,
        dialing: DialingStore,
        calls: Calls,
        unary: Unary,
        ids: Ids,
        *,
        routes_of: Callable[[CallRecord], Routes],
        ends: Ends,
        patience: float,
    ) -> None:
        self._store = store
        self._dialing = dialing
        self._calls = calls
        self._unary = unary
        self._ids = ids
        self._routes_of = routes_of
        self._ends = ends
        self._patience = patience

    async def make(self, origin: Origin, call: CallRecord) -> CallRecord:
        """Store a new call and have it made now; return it as it stands then.

        One whose idempotency key is known is not made: the call that is there is returned. A call that comes back
        as `dialing` without a carrier's id is in doubt, and looked for.
        Raises `Failure` when it was surely not made: then it has failed, and is kept as such.
        """
        provider_of(call)
        now = clock.now()
        call = replace(call, state=CallState.DIALING, dialed_at=now)
        stored = await self._store.add_call(call, self.note(call, "dialing"))
        if stored.id != call.id:
            return stored
        try:
            return await self.dial(stored, origin)
        except InDoubt:
            return await self._store.call(stored.tenant, stored.id) or stored
        except Refused as refused:
            await self.fail(stored, refused)
            raise refused.cause from None

    async def dial(
        self, call: CallRecord, origin: Origin | None = None, *, send_by: float | None = None
    ) -> CallRecord:
        """Ask the carrier to make a call that is stored as `dialing`, once; return it with the carrier's id.

        In the name of its author, unless an `origin` is given. Nothing is sent after `send_by`, by `clock.perf()`.
        Raises `Refused` or `InDoubt`: the call is left as it is stored.
        """
        latest = clock.perf() + self._patience
        latest = latest if send_by is None else min(latest, send_by)
        asked: Call | None = None
        try:
            provider, request = provider_of(call), self._request(call)
            asked = await self._calls.open(
                origin or origin_of(call), Target(provider, "", call.credential_id), "call.dial"
            )
            report = await self._ask(asked, offer_of(provider).dial, request, latest)
        except Failure as error:
            if _surely_not(error, asked):
                raise Refused(error, 0 if asked is None else asked.credential.version) from None
            raise InDoubt from error
        return await self.adopt(call, report, asked.credential.version) or call

    async def _ask(self, asked: Call, dial: Any, request: DialRequest, send_by: float) -> CallReport:
        with Ending(asked):
            try:
                async with asyncio.timeout(self._patience):
                    report: CallReport = await self._unary.drive(
                        asked, _once(dial(request, asked.credential), send_by)
                    )
            except TimeoutError:
                raise _late() from None
            asked.done(report.usage)
            return report

    async def check(self, call: CallRecord) -> None:
        """Raise `Failure` where a call's carrier could not even be asked to make it."""
        provider = provider_of(call)
        credential, _ = await self._calls.account(call.tenant, Target(provider, "", call.credential_id))
        exchange = offer_of(provider).dial(self._request(call), credential)
        try:
            next(exchange)
        finally:
            exchange.close()

    async def adopt(self, call: CallRecord, report: CallReport, version: int) -> CallRecord | None:
        """Note that the carrier has made a call; return the call as it stands then, None if it is another's.

        `version` is that of the credential that it was asked with.
        """
        at = clock.now()

        def change(stored: CallRecord) -> CallRecord | None:
            if stored.provider_call_id not in ("", report.provider_call_id):
                return None
            return replace(reported(stored, report, at), credential_version=version)

        try:
            stored = await self.change(
                call, change, "dialed", {"provider_call_id": report.provider_call_id[:200]}
            )
        except Failure as error:
            if error.kind is Kind.CONFLICT:
                return None
            raise
        return stored

    async def fail(self, call: CallRecord, why: Failure) -> CallRecord | None:
        """End a call that was surely not made."""
        code, version = (why.provider_code, why.version) if isinstance(why, Refused) else ("", 0)

        def change(stored: CallRecord) -> CallRecord | None:
            if stored.state.ended or stored.provider_call_id:
                return None
            return replace(
                stored,
                state=CallState.FAILED,
                error_code=why.code[:200],
                provider_code=code[:200],
                credential_version=version,
                refused_status=STATUS_OF_KIND[why.kind],
            )

        return await self.change(
            call, change, "refused", {"code": why.code[:200], "reason": why.message[:500]}
        )

    async def requeue(self, call: CallRecord, why: str) -> CallRecord | None:
        """Put a call of a batch back that was surely not made."""
        line = Line(call.tenant, call.credential_id, call.provider)
        return await self._dialing.requeue(line, call, self.note(call, "requeued", {"reason": why[:500]}))

    async def ask(
        self, call: CallRecord, operation: str, exchange: Callable[[Credential], Exchange[Any]]
    ) -> tuple[Any, int]:
        """Ask something of a call's carrier, in the name of whoever made the call; return its answer, and the version
        of the credential that it was asked with. Raises `Failure`.
        """
        target = Target(provider_of(call), "", call.credential_id)
        asked = await self._calls.open(origin_of(call), target, operation)
        with Ending(asked):
            try:
                async with asyncio.timeout(self._patience):
                    answer = await self._unary.drive(asked, exchange(asked.credential))
            except TimeoutError:
                raise _late() from None
            asked.done(Usage())
            return answer, asked.credential.version

    async def known(self, call: CallRecord, reports: Sequence[CallReport]) -> set[str]:
        """Return the carrier's ids of those of its calls that are stored."""
        line = Line(call.tenant, call.credential_id, call.provider)
        return await self._dialing.known(line, [report.provider_call_id for report in reports])

    async def change(
        self,
        call: CallRecord,
        change: Callable[[CallRecord], CallRecord | None],
        what: str,
        detail: dict[str, str] | None = None,
    ) -> CallRecord | None:
        """Change a call and tell of it in its story; return it as it stands then. Its end is told."""
        before: list[CallRecord] = []

        def noted(stored: CallRecord) -> CallRecord | None:
            before[:] = [stored]
            return change(stored)

        stored = await self._store.update_call(call.tenant, call.id, noted, self.note(call, what, detail))
        if stored is not None and before and stored.state.ended and not before[0].state.ended:
            await self._ends.tell(stored)
        return stored

    def settled(self, call: CallRecord) -> None:
        """Make sure of the record of a call that has ended, whoever has ended it.

        Raises `Failure(OVERLOADED)` when it can not be kept.
        """
        # Nobody else has seen those end that were cancelled in the queue together with their batch.
        queued = call.state is CallState.CANCELLED and call.dialed_at is None and call.batch_id != 0
        self._ends.keep(call, first=queued and not call.hung_up_by)

    def again(self, call: CallRecord, now: float, due_at: float) -> CallRecord:
        """Return the next attempt at a call that has ended."""
        return CallRecord(
            id=self._ids.next(),
            tenant=call.tenant,
            provider=call.provider,
            credential_id=call.credential_id,
            direction=call.direction,
            state=CallState.QUEUED,
            to=call.to,
            from_=call.from_,
            dialing=call.dialing,
            metadata=call.metadata,
            author=call.author,
            created_at=now,
            batch_id=call.batch_id,
            row=call.row,
            attempt=call.attempt + 1,
            due_at=due_at,
        )

    def note(self, call: CallRecord, what: str, detail: dict[str, str] | None = None) -> CallNote:
        """Return a line of a call's story that is not there yet."""
        return replace(self.blank(call.tenant, what), call_id=call.id, state=call.state, detail=detail or {})

    def blank(self, tenant: Tenant, what: str) -> CallNote:
        """Return such a line for a call that is not known yet."""
        id = self._ids.next()
        return CallNote(
            id=id,
            tenant=tenant,
            call_id=0,
            key=f"{what}:{id}",
            at=clock.now(),
            source="service",
            state=CallState.QUEUED,
            what=what,
        )

    def _request(self, call: CallRecord) -> DialRequest:
        dialing, media = call.dialing, call.dialing.media
        return DialRequest(
            to=call.to,
            from_=call.from_,
            routes=self._routes_of(call),
            answer_url=media.answer_url if media.mode is MediaMode.ANSWER_URL else "",
            reference=str(call.id),
            ring_timeout_s=dialing.ring_timeout_s,
            max_duration_s=dialing.max_duration_s,
            detect_machine=dialing.detect_machine,
            record=dialing.record,
            media_params=media.params,
            extras=dialing.extras,
        )


def provider_of(call: CallRecord) -> Provider:
    """Return a call's carrier. Raises `Failure` (UNSUPPORTED) where this release does not know it."""
    provider = find(call.provider)
    if provider is None or provider.telephony is None:
        raise Failure(Kind.UNSUPPORTED, f"{call.provider} makes no calls here", code="unsupported_operation")
    return provider


def offer_of(provider: Provider) -> Telephony:
    assert provider.telephony is not None  # noqa: S101 - `provider_of` has seen to it
    return provider.telephony


def _once(exchange: Exchange[CallReport], send_by: float) -> Exchange[CallReport]:
    """Have nothing of an exchange sent twice by itself, or too late, whatever its provider says."""
    reply: HttpResponse | ProviderError | None = None
    try:
        while True:
            if isinstance(reply, BaseException):
                request: HttpRequest = exchange.throw(reply)
            else:
                request = exchange.send(reply)  # type: ignore[arg-type]
            try:
                reply = yield replace(request, idempotent=False, once=True, send_by=send_by)
            except Failure as error:  # A refusal, or nobody waits any more.
                reply = error  # type: ignore[assignment]
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


def _surely_not(error: Failure, asked: Call | None) -> bool:
    """Tell whether a call was surely not made.

    It was not if nothing was sent, or if the carrier refused it. A server's error is no refusal: a gateway gives it
    also for what was done behind it; and 408 and silence say nothing.
    """
    if asked is None or not asked.trace.sent_at:
        return True
    if not isinstance(error, ProviderError):
        return False
    if error.phase is Phase.CONNECT:
        return True
    status = error.refusal.status
    return status is not None and 300 <= status < 500 and status != 408


def _late() -> ProviderError:
    return ProviderError(
        Kind.TIMEOUT, "the carrier did not answer in time", code="upstream_timeout", phase=Phase.HEADERS
    )
