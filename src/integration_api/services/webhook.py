"""What carriers ask and tell: opened, found, proven, and only then read; stored before it is answered."""

from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar
from urllib.parse import parse_qsl

from msgspec import Struct
from msgspec.structs import replace

from integration_api.core.call_progress import told
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.provider import Provider, Telephony
from integration_api.core.telephony import (
    Arrival,
    CallEvent,
    CallState,
    Direction,
    Document,
    Notice,
)
from integration_api.core.telephony_records import CallNote, CallRecord, Dialing, InboundRoute
from integration_api.core.tenant import Tenant
from integration_api.core.webhook import Proof, UrlFormHmac
from integration_api.providers import PROVIDERS
from integration_api.services import carrier_words, clock
from integration_api.services.call import Calls, Ids
from integration_api.services.call_end import CallEnds
from integration_api.services.call_paths import CallPaths
from integration_api.services.opaque import Opaques, Opened, Place
from integration_api.services.proof import FORM, Evidence, Forged, Gate, check, read_form
from integration_api.services.refusals import Refusals
from integration_api.services.target import Target
from integration_api.storage.telephony_store import TelephonyStore

Fields = Sequence[tuple[str, str]]
Said = TypeVar("Said")


class Knock(Struct, frozen=True, kw_only=True):
    """A request on one of the carriers' addresses."""

    provider: str
    opaque: str
    query: str
    evidence: Evidence
    multipart: Callable[[], Fields]
    """Reads a form that comes in parts. Raises `Failure`."""


class Admitted(Struct, frozen=True):
    """A media socket that may be opened: it is the carrier's, and the first of its generation."""

    call: CallRecord
    provider: Provider


class _Known(Struct, frozen=True):
    """Whoever knocks, once it is known which of a project's carriers that claims to be."""

    telephony: Telephony
    provider: Provider
    credential: Credential
    proof: Proof


class Webhooks:
    def __init__(
        self,
        store: TelephonyStore,
        calls: Calls,
        opaques: Opaques,
        paths: CallPaths,
        gate: Gate,
        ends: CallEnds,
        ids: Ids,
        refusals: Refusals,
    ) -> None:
        self._store = store
        self._calls = calls
        self._opaques = opaques
        self._paths = paths
        self._gate = gate
        self._ends = ends
        self._ids = ids
        self._refusals = refusals

    async def answer(self, knock: Knock) -> Document:
        """Say what to do with a call that comes in on a route, and store that it came. Raises `Failure`."""
        opened = self._open(knock, Place.ROUTE)
        route = await self._store.route(opened.tenant, opened.id)
        if route is None:
            self._refuse(knock, "gone")
        known = await self._prove(knock, route.tenant, route.provider, route.credential_id)
        arrival = self._read(knock, lambda notice: carrier_words.arrival(known.telephony.arrival(notice)))
        call = await self._arrived(route, arrival, known.credential.version)
        if call.state.ended:
            self._refuse(knock, "replayed")
        return known.telephony.answer(
            arrival, self._paths.of_call(call), call.dialing.media.params, known.credential
        )

    async def status(self, knock: Knock) -> None:
        """Store what a carrier tells of a call, once. Raises `Failure`."""
        opened = self._open(knock, Place.CALL, Place.ROUTE)
        route: InboundRoute | None = None
        call: CallRecord | None = None
        if opened.place is Place.ROUTE:
            route = await self._store.route(opened.tenant, opened.id)
        else:
            call = await self._store.call(opened.tenant, opened.id)
        row = route or call
        if row is None:
            self._refuse(knock, "gone")
        known = await self._prove(knock, row.tenant, row.provider, row.credential_id)
        events = self._read(
            knock, lambda notice: [carrier_words.event(one) for one in known.telephony.events(notice)]
        )
        oldest = clock.now() - self._gate.replay_seconds
        if isinstance(known.proof, UrlFormHmac) and any((one.at or oldest) < oldest for one in events):
            self._refuse(knock, "replayed")  # Its signature says no time, but what is signed does.
        for event in events:
            about = call
            if route is not None:
                about = await self._of_route(route, event, known.credential.version)
            if about is not None:
                await self._apply(about, event, known.credential.version)

    async def media(self, knock: Knock) -> Admitted:
        """Let a call's media socket in: once for each that is expected. Raises `Failure`."""
        opened = self._open(knock, Place.MEDIA)
        call = await self._store.call(opened.tenant, opened.id)
        if call is None:
            self._refuse(knock, "gone")
        known = await self._prove(knock, call.tenant, call.provider, call.credential_id, media=True)
        taken = False

        def take(call: CallRecord) -> CallRecord | None:
            nonlocal taken
            taken = not call.state.ended and call.media_generation == opened.generation
            return replace(call, media_generation=opened.generation + 1, keys_until=0.0) if taken else None

        if not call.state.ended and call.media_generation == opened.generation:
            note = self._note(call, f"media/{opened.generation}", "media.connected")
            call = await self._store.update_call(call.tenant, call.id, take, note) or call
        if not taken:
            self._refuse(knock, "spent")
        return Admitted(call, known.provider)

    # --- who knocks --------------------------------------------------------------------------

    def _open(self, knock: Knock, *places: Place) -> Opened:
        provider = PROVIDERS.get(knock.provider)
        if provider is None or provider.telephony is None:
            self._refuse(knock, "unknown_provider")
        opened = self._opaques.open(knock.opaque)
        if opened is None or opened.place not in places:
            self._refuse(knock, "unknown_path")
        return opened

    async def _prove(
        self, knock: Knock, tenant: Tenant, name: str, credential_id: int, *, media: bool = False
    ) -> _Known:
        provider = PROVIDERS.get(name)
        if name != knock.provider or provider is None or provider.telephony is None:
            self._refuse(knock, "unknown_path")
        telephony = provider.telephony
        try:
            credential, secrets = await self._calls.account(tenant, Target(provider, "", credential_id))
        except Failure as failure:
            if failure.kind is Kind.OVERLOADED:
                raise
            self._refuse(knock, "no_credential")
        proof = (telephony.media_proof if media else telephony.proof)(credential)
        if proof is None:
            self._refuse(knock, "no_secret")
        try:
            check(proof, knock.evidence, secrets, self._gate, clock.now())
        except Forged as forged:
            self._refuse(knock, forged.reason)
        return _Known(telephony, provider, credential, proof)

    def _refuse(self, knock: Knock, reason: str) -> NoReturn:
        """Count and log a refusal. An address that does not exist is not told from one that somebody guessed."""
        known = PROVIDERS.get(knock.provider)
        provider = "unknown" if known is None or known.telephony is None else known.name
        self._refusals.note(provider, reason)
        if reason in ("unknown_provider", "unknown_path", "gone", "no_credential"):
            raise Failure(Kind.NOT_FOUND, "there is no such address", code="unknown_route")
        if reason in ("spent", "replayed"):
            raise Failure(Kind.CONFLICT, "this has been used before", code=f"webhook_{reason}")
        if reason == "unreadable":
            raise Failure(Kind.INVALID_REQUEST, "the webhook can not be read", code="invalid_webhook")
        raise Failure(Kind.PERMISSION, "the request is not proven to be the carrier's", code="webhook_forged")

    # --- what is said ------------------------------------------------------------------------

    def _read(self, knock: Knock, reader: Callable[[Notice], Said]) -> Said:
        try:
            return reader(self._notice(knock))
        except (Failure, Forged):
            self._refuse(knock, "unreadable")

    @staticmethod
    def _notice(knock: Knock) -> Notice:
        """Return what a proven request says."""
        evidence = knock.evidence
        kind = evidence.headers.get(b"content-type", b"").decode("latin-1")
        plain = kind.partition(";")[0].strip().lower()
        fields: list[tuple[str, str]] = parse_qsl(knock.query, keep_blank_values=True)
        body = bytes(evidence.body)
        if body and plain == FORM:
            fields += read_form(body)
            body = b""
        elif body and plain == "multipart/form-data":
            fields += knock.multipart()
            body = b""
        return Notice(method=evidence.method, fields=tuple(fields), body=body, content_type=plain)

    async def _arrived(self, route: InboundRoute, arrival: Arrival, version: int) -> CallRecord:
        """Store an inbound call, once however often the carrier asks."""
        call = CallRecord(
            id=self._ids.next(),
            tenant=route.tenant,
            provider=route.provider,
            credential_id=route.credential_id,
            direction=Direction.INBOUND,
            state=CallState.RINGING,
            to=arrival.to,
            from_=arrival.from_,
            provider_call_id=arrival.provider_call_id,
            dialing=Dialing(media=route.media),
            metadata={**arrival.metadata, **route.metadata},
            author=route.author,
            created_at=clock.now(),
            route_id=route.id,
            credential_version=version,
        )
        return await self._store.add_call(call, self._note(call, "arrival", "arrival"))

    async def _of_route(self, route: InboundRoute, event: CallEvent, version: int) -> CallRecord | None:
        """Return the call that was told of on its route's address; its first word may come before its question."""
        if event.report is None or not event.provider_call_id or event.direction is Direction.OUTBOUND:
            return None  # A leg that goes out is no call that comes in, wherever its carrier tells of it.
        arrival = Arrival(
            provider_call_id=event.provider_call_id, from_=event.report.from_, to=event.report.to
        )
        return await self._arrived(route, arrival, version)

    async def _apply(self, call: CallRecord, event: CallEvent, version: int) -> None:
        now = clock.now()
        ended_now = False

        def change(call: CallRecord) -> CallRecord | None:
            nonlocal ended_now
            after = told(call, event, now)
            if after is None:
                return None
            ended_now = after.state.ended and not call.state.ended
            # What the carrier tells may overtake its answer to the dial.
            return replace(after, credential_version=after.credential_version or version)

        note = self._note(call, f"carrier/{event.key}", "status" if event.report else event.note or "notice")
        detail = dict(event.detail)
        if event.note:
            detail["note"] = event.note
        if event.report is not None:
            detail["provider_state"] = event.report.provider_state
            if event.report.provider_code:
                detail["provider_code"] = event.report.provider_code
        if event.sequence is not None:
            detail["sequence"] = str(event.sequence)
        if event.provider_call_id and event.provider_call_id != call.provider_call_id:
            detail["leg"] = event.provider_call_id
        stored = await self._store.update_call(call.tenant, call.id, change, replace(note, detail=detail))
        if stored is not None and ended_now:
            await self._ends.tell(stored)

    def _note(self, call: CallRecord, key: str, what: str) -> CallNote:
        return CallNote(
            id=self._ids.next(),
            tenant=call.tenant,
            call_id=call.id,
            key=key,
            at=clock.now(),
            source="carrier",
            state=call.state,
            what=what,
        )
