"""Telephone calls as resources: made, looked at, and done things to. Their sound is `services/media.py`."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from integration_api.core.errors import Failure, Kind, Phase, ProviderError
from integration_api.core.provider import Provider, Telephony
from integration_api.core.records import Page
from integration_api.core.telephony import (
    Arrival,
    CallState,
    Control,
    Direction,
    HangUpBy,
    Numbers,
    Routes,
    Transfer,
)
from integration_api.core.telephony_records import (
    Author,
    CallFilter,
    CallNote,
    CallRecord,
    Dialing,
    InboundRoute,
    MediaMode,
    MediaPlan,
)
from integration_api.core.tenant import Principal, Tenant
from integration_api.services import clock, phone_numbers
from integration_api.services.call import Calls, Ids, Origin
from integration_api.services.call_end import CallEnds, metadata_of, origin_of
from integration_api.services.call_paths import CallPaths
from integration_api.services.dial_doubts import GONE
from integration_api.services.media import MediaHub
from integration_api.services.target import Target
from integration_api.services.unary import Unary, unsupported
from integration_api.services.voice_loop import plan_of
from integration_api.storage.telephony_store import TelephonyStore

_ADDRESS = re.compile(r"https?://[^\s/?#]")
DIGITS = re.compile(r"[0-9*#w]{1,64}")
LONGEST_KEY = 200
"""Of an idempotency key."""
MOST_METADATA = 64
LONGEST_VALUE = 1_000
MOST_SECONDS = 86_400
LARGEST_DIALING = 64 * 1024
"""Bytes of how a call is to be made, as they are kept with it: calls are read a hundred at a time."""
REJOIN_SECONDS = 10.0
"""From keys that have been played, for which some carriers close the socket, until its successor must have come."""
KEY_SECONDS = 0.5
"""That a key takes, and `w`."""
KEYS_PATIENCE_SECONDS = 10.0
"""How long keys wait for those that were pressed before."""
KEYS_POLL_SECONDS = 0.05
NOT_READY = "call_not_ready"
NOTES = 100
"""Lines of a call's story in one answer."""
NOBODY = Arrival(provider_call_id="", from_="", to="")
NOWHERE = Routes("https://nowhere.invalid/", "wss://nowhere.invalid/")
"""For an answer that is only tried."""


class CallRequest(Struct, frozen=True, kw_only=True):
    """One call to be made, as its caller put it."""

    provider: str = ""
    credential_id: int | None = None
    to: str
    from_: str
    dialing: Dialing = Dialing()
    metadata: Mapping[str, str] = {}
    idempotency_key: str = ""


class Dialer(Protocol):
    async def make(self, origin: Origin, call: CallRecord) -> CallRecord:
        """Store a new call and have it made; return it as it stands then. Raises `Failure`."""
        ...


class TelephonyService:
    def __init__(
        self,
        store: TelephonyStore,
        calls: Calls,
        unary: Unary,
        dialer: Dialer,
        hub: MediaHub,
        paths: CallPaths,
        ends: CallEnds,
        ids: Ids,
    ) -> None:
        self.store = store
        self.hub = hub
        self.paths = paths
        self._calls = calls
        self._unary = unary
        self._dialer = dialer
        self._ends = ends
        self._ids = ids
        hub.hang_up = self._end

    # --- calls -------------------------------------------------------------------------------

    async def create(self, origin: Origin, request: CallRequest) -> CallRecord:
        """Make a call; a key that came before gives the call that it made. Raises `Failure`."""
        self.paths.check()
        phone_numbers.check(request.to, "to")
        phone_numbers.check(request.from_, "from")
        check_dialing(request.dialing)
        check_metadata(request.metadata)
        check_key(request.idempotency_key)
        target = await self.target(origin.principal.tenant, request.provider, request.credential_id)
        call = CallRecord(
            id=self._ids.next(),
            tenant=origin.principal.tenant,
            provider=target.provider.name,
            credential_id=target.credential_id or 0,
            direction=Direction.OUTBOUND,
            state=CallState.QUEUED,
            to=request.to,
            from_=request.from_,
            dialing=request.dialing,
            metadata=request.metadata,
            author=author_of(origin.principal),
            created_at=clock.now(),
            idempotency_key=request.idempotency_key,
            fingerprint=fingerprint(request) if request.idempotency_key else b"",
        )
        return await self._dialer.make(_about(origin, call), call)

    async def get(self, tenant: Tenant, id: int) -> CallRecord:
        """Raises `Failure` (NOT_FOUND)."""
        call = await self.store.call(tenant, id)
        if call is None:
            raise Failure(Kind.NOT_FOUND, "there is no such call", code="call_not_found")
        return call

    async def index(self, tenant: Tenant, filter: CallFilter, page: Page) -> list[CallRecord]:
        """Return calls, newest first. Raises `Failure` for a carrier that is none."""
        if filter.provider is not None:
            filter = replace(filter, provider=phone_numbers.carrier(filter.provider).name)
        return await self.store.calls(tenant, filter, page)

    async def hang_up(self, origin: Origin, id: int) -> CallRecord:
        """End a call, by whatever its carrier has for that; one that is over stays as it is. Raises `Failure`."""
        call = await self.get(origin.principal.tenant, id)
        return await self._end_as(_about(origin, call), call, "caller", "")

    async def send_dtmf(self, origin: Origin, id: int, digits: str) -> CallRecord:
        """Press keys into a call that has been answered. Raises `Failure`."""
        if not DIGITS.fullmatch(digits):
            raise Failure(
                Kind.INVALID_REQUEST,
                "digits are 1 to 64 of 0 to 9, *, # and w, which waits for half a second",
                code="invalid_value",
                param="digits",
            )
        call = await self.get(origin.principal.tenant, id)
        target, telephony = self._carrier(call)
        if telephony.send_dtmf is None:
            raise unsupported(target, "call.dtmf")
        check_answered(call)
        about = _about(origin, call)
        if not telephony.keys_reopen or call.dialing.media.mode is MediaMode.ANSWER_URL:
            ask = replace(self._control(call), digits=digits)
            await self._unary.run(about, target, "call.dtmf", telephony.send_dtmf, ask)
            return await self._write(call, "dtmf", {"digits": digits})
        call = await self._turn_of_keys(call, digits)
        await self.hub.expect(call, _playing_seconds(digits))
        ask = replace(self._control(call), digits=digits)
        try:
            await self._unary.run(about, target, "call.dtmf", telephony.send_dtmf, ask)
        except Failure as failure:
            told = {"code": failure.code}
            await self._write(call, "dtmf.failed", told, change=partial(_not_pressed, failure=failure))
            if _refused(failure):
                await self.hub.expect(call, 0.0)
            raise
        return call

    async def transfer(self, origin: Origin, id: int, to: str, from_: str) -> CallRecord:
        """Send a call on to another number: its sound does not come here any more. Raises `Failure`."""
        phone_numbers.check(to, "to")
        if from_:
            phone_numbers.check(from_, "from")
        call = await self.get(origin.principal.tenant, id)
        target, telephony = self._carrier(call)
        if telephony.transfer is None:
            raise unsupported(target, "call.transfer")
        check_answered(call)
        ask = Transfer(provider_call_id=call.provider_call_id, to=to, from_=from_ or _ours(call))
        await self._unary.run(_about(origin, call), target, "call.transfer", telephony.transfer, ask)
        return await self._write(call, "transfer", {"to": to})

    async def numbers(self, origin: Origin, provider: str, credential_id: int | None) -> Numbers:
        """Return the account's numbers. Raises `Failure`."""
        target = await self.target(origin.principal.tenant, provider, credential_id)
        telephony = telephony_of(target.provider)
        _, told = await self._unary.run(
            origin, target, "call.numbers", lambda _, credential: telephony.numbers(credential), None
        )
        return told

    async def events(self, tenant: Tenant, id: int, after: int) -> list[CallNote]:
        """Return the next lines of a call's story, oldest first. Raises `Failure` (NOT_FOUND)."""
        await self.get(tenant, id)
        return await self.store.notes(tenant, id, after, NOTES)

    async def check_batch(self, tenant: Tenant, id: int) -> None:
        """Raises `Failure` (NOT_FOUND): nobody watches calls of a batch that is none."""
        if await self.store.batch(tenant, id) is None:
            raise no_such_batch()

    # --- where calls come in -----------------------------------------------------------------

    async def add_route(
        self,
        principal: Principal,
        provider: str,
        credential_id: int | None,
        name: str,
        media: MediaPlan,
        metadata: Mapping[str, str],
    ) -> InboundRoute:
        """Make a route. Raises `Failure`."""
        self.paths.check()
        if not name.strip() or len(name) > LONGEST_KEY:
            raise _wrong("name", f"a route needs a name of 1 to {LONGEST_KEY} characters")
        if media.mode is MediaMode.ANSWER_URL:
            raise _wrong("media.mode", "give an inbound number's carrier your own address instead")
        check_dialing(Dialing(media=media))
        check_metadata(metadata)
        target = await self.target(principal.tenant, provider, credential_id)
        credential, _ = await self._calls.account(principal.tenant, target)
        # What its carrier could not be answered is refused here, and not when somebody calls.
        telephony_of(target.provider).answer(NOBODY, NOWHERE, media.params, credential)
        route = InboundRoute(
            id=self._ids.next(),
            tenant=principal.tenant,
            provider=target.provider.name,
            credential_id=target.credential_id or 0,
            name=name,
            media=media,
            metadata=metadata,
            author=author_of(principal),
            created_at=clock.now(),
        )
        await self.store.add_route(route)
        return route

    async def routes(self, tenant: Tenant, page: Page) -> list[InboundRoute]:
        return await self.store.inbound_routes(tenant, page)

    async def delete_route(self, tenant: Tenant, id: int) -> None:
        """Raises `Failure` (NOT_FOUND)."""
        if not await self.store.delete_route(tenant, id):
            raise Failure(Kind.NOT_FOUND, "there is no such route", code="route_not_found")

    # --- shared ------------------------------------------------------------------------------

    async def target(self, tenant: Tenant, provider: str, credential_id: int | None) -> Target:
        """Return the carrier and the stored credential that are meant. Raises `Failure`."""
        name = provider
        if not name and credential_id is not None:
            name = await self._calls.provider_of(tenant, credential_id) or ""
            if not name:
                raise Failure(Kind.NOT_FOUND, "there is no such credential", code="credential_not_found")
        known = phone_numbers.carrier(name)
        credential, _ = await self._calls.account(tenant, Target(known, "", credential_id))
        return Target(known, "", credential.id)

    def _carrier(self, call: CallRecord) -> tuple[Target, Telephony]:
        provider = phone_numbers.carrier(call.provider)
        return Target(provider, "", call.credential_id), telephony_of(provider)

    async def _turn_of_keys(self, call: CallRecord, digits: str) -> CallRecord:
        """Wait until the socket is there that was to follow what was done to the call before, and note that keys are
        pressed: what is done to it meanwhile is in place of those, and of their socket, with which the call ends.

        Raises `Failure` (CONFLICT).
        """
        latest = clock.perf() + KEYS_PATIENCE_SECONDS
        while True:
            call = await self.get(call.tenant, call.id)
            check_answered(call)
            free = call.media_generation and call.keys_until <= clock.now()
            if free and (pressing := await self._press(call, digits)) is not None:
                return pressing
            if clock.perf() > latest:
                raise Failure(
                    Kind.CONFLICT,
                    "the keys that were pressed before are still being played; try again shortly"
                    if call.media_generation
                    else "the call's sound has not begun yet; try again shortly",
                    code=NOT_READY,
                    retryable=True,
                )
            await asyncio.sleep(KEYS_POLL_SECONDS)

    async def _press(self, seen: CallRecord, digits: str) -> CallRecord | None:
        """Note that keys are pressed; None if somebody else has pressed some first."""
        first = False

        def change(call: CallRecord) -> CallRecord | None:
            nonlocal first
            first = (call.media_generation, call.keys_until) == (seen.media_generation, seen.keys_until)
            return replace(call, keys_until=clock.now() + _playing_seconds(digits)) if first else None

        # Whoever has seen the same writes the same line, and only the first of them changes anything.
        key = f"dtmf/{seen.media_generation}/{seen.keys_until}"
        note = replace(self._note(seen, key, "dtmf"), detail={"digits": digits})
        stored = await self.store.update_call(seen.tenant, seen.id, change, note)
        return stored if first else None

    def _control(self, call: CallRecord) -> Control:
        return Control(
            provider_call_id=call.provider_call_id,
            state=call.state,
            routes=None if call.dialing.media.mode is MediaMode.ANSWER_URL else self.paths.of_call(call),
            media_params=call.dialing.media.params,
        )

    async def _end(self, call: CallRecord, by: HangUpBy, why: str) -> None:
        await self._end_as(origin_of(call), call, by, why)

    async def _end_as(self, origin: Origin, call: CallRecord, by: HangUpBy, why: str) -> CallRecord:
        current = await self.get(call.tenant, call.id)
        if current.state.ended:
            return current
        if current.state is CallState.QUEUED:
            return await self._cancel(current, by)
        # Who asked first has hung up, whatever its carrier tells of it and however soon.
        detail, first = {"reason": why} if why else {}, False

        def change(call: CallRecord) -> CallRecord | None:
            nonlocal first
            after = _hung_up(call, by, why)
            first = after is not None
            return after

        current = await self._write(current, "hangup", detail, by, change)
        try:
            await self._end_at_carrier(origin, current)
        except Failure as failure:
            if not first and _ending(current, failure):
                return await self.get(current.tenant, current.id)
            told = {"code": failure.code}
            await self._write(
                current, "hangup.failed", told, by, lambda call: _not_hung_up(call, by) if first else None
            )
            raise
        return await self.get(current.tenant, current.id)

    async def _end_at_carrier(self, origin: Origin, call: CallRecord) -> None:
        target, telephony = self._carrier(call)
        if call.provider_call_id and telephony.hang_up is not None:
            try:
                await self._unary.run(origin, target, "call.hangup", telephony.hang_up, self._control(call))
            except Failure as failure:
                # Its credential was deleted: where its sound comes here, that is still ours to end.
                if failure.code not in GONE or not await self.hub.silence(call):
                    raise
        elif not await self.hub.silence(call):
            raise Failure(
                Kind.CONFLICT,
                f"{call.provider} ends a call by its media socket, and that is not open where it can be reached"
                " from this machine: see TELEPHONY__PEER_URL"
                if call.provider_call_id
                else "the carrier has not told yet which call this is; try again shortly",
                code=NOT_READY,
                retryable=True,
            )

    async def _cancel(self, call: CallRecord, by: HangUpBy) -> CallRecord:
        """End a call that nobody was asked to dial; one that is being dialed by now is hung up."""
        cancelled = False

        def change(call: CallRecord) -> CallRecord | None:
            nonlocal cancelled
            cancelled = call.state is CallState.QUEUED
            if not cancelled:
                return None
            return replace(call, state=CallState.CANCELLED, ended_at=clock.now(), hung_up_by=by)

        stored = await self._write(call, "hangup", {}, by, change)
        if stored.state.ended:
            if cancelled:
                await self._ends.tell(stored)
            return stored
        return await self._end_as(origin_of(stored), stored, by, "")

    async def _write(
        self,
        call: CallRecord,
        what: str,
        detail: Mapping[str, str],
        by: HangUpBy = "caller",
        change: Callable[[CallRecord], CallRecord | None] = lambda _: None,
    ) -> CallRecord:
        id = self._ids.next()
        note = self._note(call, f"{what}/{id}", what, id=id)
        source: Any = "service" if by == "service" else "caller"
        note = replace(note, detail=detail, source=source)
        return await self.store.update_call(call.tenant, call.id, change, note) or call

    def _note(self, call: CallRecord, key: str, what: str, id: int = 0) -> CallNote:
        return CallNote(
            id=id or self._ids.next(),
            tenant=call.tenant,
            call_id=call.id,
            key=key,
            at=clock.now(),
            source="caller",
            state=call.state,
            what=what,
        )


def telephony_of(provider: Provider) -> Telephony:
    telephony = provider.telephony
    assert telephony is not None  # noqa: S101 - `phone_numbers.carrier` has seen to it
    return telephony


def no_such_batch() -> Failure:
    return Failure(Kind.NOT_FOUND, "there is no such batch", code="batch_not_found")


def author_of(principal: Principal) -> Author:
    return Author(principal.key_id, principal.actor, principal.service)


def fingerprint(request: Struct) -> bytes:
    """Return what tells one request from another that has the same idempotency key."""
    return hashlib.sha256(msgspec.json.encode(request, order="deterministic")).digest()


def check_answered(call: CallRecord) -> None:
    """Raises `Failure` (CONFLICT). After what its carrier never does, which no waiting changes."""
    if call.state not in (CallState.ANSWERED, CallState.MACHINE) or not call.provider_call_id:
        raise Failure(
            Kind.CONFLICT,
            f"the call is {call.state.value}; this takes one that is answered",
            code="call_not_answered",
        )


def check_dialing(dialing: Dialing) -> None:
    """Raises `Failure` (INVALID_REQUEST) naming the field."""
    check_media(dialing.media)
    _check_size(dialing.media, "media")
    _check_size(dialing.extras, "provider_options")
    for name in ("ring_timeout_s", "max_duration_s"):
        value = getattr(dialing, name)
        if value is not None and not 1 <= value <= MOST_SECONDS:
            raise _wrong(name, f"{name} must be 1 to {MOST_SECONDS}")


def check_media(media: MediaPlan) -> None:
    """Raises `Failure` (INVALID_REQUEST) naming the field."""
    if media.mode is MediaMode.INLINE:
        plan_of(media.inline)
    elif media.inline:
        raise _wrong("media.mode", "media.stt, media.tts and media.barge_in go with mode inline only")
    if (media.mode is MediaMode.ANSWER_URL) != bool(media.answer_url):
        raise _wrong("media.answer_url", "answer_url goes with mode answer_url, and only with it")
    if media.answer_url and not _ADDRESS.match(media.answer_url):
        raise _wrong("media.answer_url", "answer_url must be an http or https address")
    check_metadata(media.params, "media.params")


def _check_size(said: Any, param: str) -> None:
    size = len(msgspec.json.encode(said))
    if size > LARGEST_DIALING:
        raise Failure(
            Kind.TOO_LARGE,
            f"{param} takes {size} bytes, and may take {LARGEST_DIALING}",
            code="value_too_large",
            param=param,
        )


def check_metadata(metadata: Mapping[str, str], param: str = "metadata") -> None:
    """Raises `Failure` (INVALID_REQUEST)."""
    if len(metadata) > MOST_METADATA or any(
        not 0 < len(name) <= LONGEST_KEY or len(value) > LONGEST_VALUE for name, value in metadata.items()
    ):
        raise _wrong(
            param,
            f"{param} takes up to {MOST_METADATA} names of 1 to {LONGEST_KEY} characters with values of up to"
            f" {LONGEST_VALUE}",
        )


def check_key(key: str) -> None:
    """Raises `Failure` (INVALID_REQUEST)."""
    if len(key) > LONGEST_KEY:
        raise _wrong("idempotency_key", f"idempotency_key has up to {LONGEST_KEY} characters")


def _about(origin: Origin, call: CallRecord) -> Origin:
    """Return a caller's origin whose records name the call."""
    return replace(origin, metadata={**metadata_of(call), **origin.metadata})


def _hung_up(call: CallRecord, by: HangUpBy, why: str) -> CallRecord | None:
    if call.state.ended or call.hung_up_by:
        return None
    return replace(call, hung_up_by=by, error_code=why)


def _ending(call: CallRecord, failure: Failure) -> bool:
    """Tell whether what can not be hung up, and was before, is only about to end: its carrier has nothing left to end,
    or its socket is closed, and the end is not told yet.
    """
    if isinstance(failure, ProviderError):
        return failure.kind in (Kind.INVALID_REQUEST, Kind.CONFLICT, Kind.NOT_FOUND)
    return failure.code == NOT_READY and call.media_generation > 0


def _playing_seconds(digits: str) -> float:
    """Return after how long at the latest the socket must be there that follows these keys."""
    return REJOIN_SECONDS + KEY_SECONDS * len(digits)


def _refused(failure: Failure) -> bool:
    """Tell whether what was asked of the carrier was surely not done."""
    if not isinstance(failure, ProviderError) or failure.phase is Phase.CONNECT:
        return True
    status = failure.refusal.status
    return status is not None and status < 500 and status != 408


def _not_pressed(call: CallRecord, failure: Failure) -> CallRecord | None:
    """Return a call whose keys were refused: no socket follows them. One that was not may still get it."""
    return replace(call, keys_until=clock.now()) if _refused(failure) else None


def _not_hung_up(call: CallRecord, by: HangUpBy) -> CallRecord | None:
    """Return a call that goes on, as its carrier has not been told."""
    if call.state.ended or call.hung_up_by != by:
        return None
    return replace(call, hung_up_by="", error_code="")


def _ours(call: CallRecord) -> str:
    """Return the number of the account's in a call."""
    return call.to if call.direction is Direction.INBOUND else call.from_


def _wrong(param: str, what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, what, code="invalid_value", param=param)
