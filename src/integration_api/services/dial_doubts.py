"""Finds out what became of calls: of those that may have been made, and of those that nothing is heard of any more.

One in doubt is looked for at its carrier until that knows; then it is adopted, or dialed again.
"""

from msgspec.structs import replace

from integration_api.core.call_progress import reported
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.telephony import CallState, Lookup
from integration_api.core.telephony_records import CallRecord
from integration_api.services import clock
from integration_api.services.dial import Dials, InDoubt, Refused, offer_of, provider_of

REDIAL_SECONDS = 60.0
"""How late a call of no batch may still be made: whoever asked for it does not wait longer."""
CLOCKS_SECONDS = 60.0
"""How far a carrier's clock may be behind ours when a call is looked for: what it finds too much is known here."""
IN_DOUBT, NOT_DIALED, UNKNOWN = "in_doubt", "not_dialed", "unknown_to_carrier"
"""Error codes of calls that have failed because nobody knows whether they were made, because it became too late to
make them, and because their carrier does not know them."""
GONE = frozenset({"credential_not_found", "credential_mismatch"})
"""Codes of failures that say that a carrier can not be asked any more: the credential was deleted."""


class Doubts:
    def __init__(self, dials: Dials) -> None:
        self._dials = dials

    async def resolve(self, call: CallRecord) -> CallRecord | None:
        """Find out what became of a call in doubt, and do what follows from it.

        For calls that were asked for so long ago that no request can be under way. Raises `Failure` while the
        carrier can not be asked.
        """
        offer = offer_of(provider_of(call))
        lookup = Lookup(
            to=call.to,
            from_=call.from_,
            reference=str(call.id),
            since=(call.dialed_at or 0.0) - CLOCKS_SECONDS,
        )
        try:
            found, version = await self._dials.ask(
                call, "call.find", lambda credential: offer.find(lookup, credential)
            )
        except Failure as error:
            if error.code not in GONE:
                raise
            return await self._give_up(call)
        known = await self._dials.known(call, found)
        for report in found:
            if report.provider_call_id not in known and (
                adopted := await self._dials.adopt(call, report, version)
            ):
                return adopted
        if not offer.finds_all:
            return await self._give_up(call)
        if call.batch_id:
            return await self._dials.requeue(call, "the carrier has not made it")
        return await self._redial(call)

    async def _redial(self, call: CallRecord) -> CallRecord | None:
        now = clock.now()
        if now - call.created_at > REDIAL_SECONDS:
            why = Failure(
                Kind.TIMEOUT, "the carrier could not be asked in time for this call", code=NOT_DIALED
            )
            return await self._dials.fail(call, why)

        def change(stored: CallRecord) -> CallRecord | None:
            if stored.provider_call_id or stored.state is not CallState.DIALING:
                return None
            return replace(stored, dialed_at=now) if stored.dialed_at == call.dialed_at else None

        stored = await self._dials.change(call, change, "dialing")
        if stored is None or stored.dialed_at != now:
            return stored
        try:
            return await self._dials.dial(stored)
        except InDoubt:
            return stored
        except Refused as refused:
            return await self._dials.fail(stored, refused)

    async def refresh(self, call: CallRecord) -> CallRecord | None:
        """Ask the carrier how a call stands of which nothing was heard for long. Raises `Failure` if it can not be."""
        offer = offer_of(provider_of(call))
        try:
            report, version = await self._dials.ask(
                call, "call.report", lambda credential: offer.report(call.provider_call_id, credential)
            )
        except Failure as error:
            if error.code in GONE:
                return await self._lose(call, error.code)
            if isinstance(error, ProviderError) and error.kind is Kind.NOT_FOUND:
                return await self._lose(call, UNKNOWN)
            raise
        at = clock.now()

        def change(stored: CallRecord) -> CallRecord:
            known = stored.credential_version or version
            return replace(reported(stored, report, at), credential_version=known)

        return await self._dials.change(call, change, "asked", {"state": report.provider_state[:200]})

    async def _give_up(self, call: CallRecord) -> CallRecord | None:
        """End a call that may have been made, and is not dialed again for that."""
        why = Failure(Kind.UPSTREAM, "nobody knows whether the carrier has made this call", code=IN_DOUBT)
        return await self._dials.fail(call, why)

    async def _lose(self, call: CallRecord, code: str) -> CallRecord | None:
        """End a call of which nothing will be heard any more."""

        def change(stored: CallRecord) -> CallRecord | None:
            return None if stored.state.ended else replace(stored, state=CallState.FAILED, error_code=code)

        return await self._dials.change(call, change, "lost", {"code": code})
