"""One call from its caller's first byte to its audit record: what every inference shares."""

import asyncio
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple, Protocol, Self

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential, Secrets
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.llm import FinishReason, Usage
from integration_api.core.provider import Provider
from integration_api.core.records import AuditRecord, Change, SealedCredential
from integration_api.core.relay import Tally
from integration_api.core.tenant import Principal, Tenant
from integration_api.services import clock
from integration_api.services.audit import AuditTrail
from integration_api.services.content import Content
from integration_api.services.target import Target
from integration_api.telemetry.metrics import FIRST_AUDIO, IN_FLIGHT, meter
from integration_api.transport.drive import Trace

STATUS_OF_KIND: Mapping[Kind, int] = {
    Kind.INVALID_REQUEST: 400,
    Kind.UNSUPPORTED: 400,
    Kind.CONTEXT_LENGTH: 400,
    Kind.CONTENT_FILTER: 400,
    Kind.AUTHENTICATION: 401,
    Kind.QUOTA: 402,
    Kind.PERMISSION: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.TOO_LARGE: 413,
    Kind.CREDENTIAL_INVALID: 422,
    Kind.CREDENTIAL_REJECTED: 424,
    Kind.RATE_LIMITED: 429,
    Kind.CANCELLED: 499,
    Kind.INTERNAL: 500,
    Kind.UPSTREAM: 502,
    Kind.BAD_RESPONSE: 502,
    Kind.TRUNCATED: 502,
    Kind.UNREACHABLE: 502,
    Kind.OVERLOADED: 503,
    Kind.TIMEOUT: 504,
}
"""What an audit record says of a failure, whatever protocol its caller spoke."""

NANO = 1_000_000_000
REGION = "region"
"""The field of a credential that says where its provider is reached."""
SERVICE = "service"
"""The entry of a record's metadata that names the platform's service that called, for itself or for another."""
ROWS = 10_000
"""Credentials whose plain side is kept ready; the cache holds the rows themselves."""


class Credentials(Protocol):
    """Where ciphertext rows come from: `peek` from memory, the others from wherever they are."""

    def peek(self, tenant: Tenant, which: int | str) -> SealedCredential | None: ...
    async def get(self, tenant: Tenant, id: int) -> SealedCredential | None: ...
    async def default(self, tenant: Tenant, provider: str) -> SealedCredential | None: ...


class Opener(Protocol):
    """What a call needs of the vault."""

    def ready(self, sealed: SealedCredential) -> Secrets | None: ...
    async def secrets(self, sealed: SealedCredential) -> Secrets: ...


class Ids(Protocol):
    def next(self) -> int: ...


class Origin(Struct, frozen=True):
    """What a door knows of a caller's request before it is read."""

    principal: Principal
    request_id: str
    received_at: float
    """`time.perf_counter()` at its first byte."""
    metadata: Mapping[str, str] = {}


class Account(NamedTuple):
    """Whose connections and tokens are never anybody else's: one version of one stored credential."""

    tenant: Tenant
    credential_id: int
    version: int


class Departures:
    """Hears of credentials that changed, and lets go of what was opened with them."""

    def __init__(self, drop: Callable[[Callable[[Hashable], bool]], None]) -> None:
        self._drop = drop

    def begin(self, seq: int) -> None:
        """Nothing is held before the first change."""

    async def changed(self, change: Change) -> None:
        if change.topic == "credential" and change.subject.isdecimal():
            tenant, id = change.tenant, int(change.subject)
            self._drop(lambda one: isinstance(one, Account) and one[:2] == (tenant, id))


class Call:
    """Ends exactly once: `done`, `failed` or `cancelled`. Each keeps the audit record first."""

    __slots__ = (
        "_calls", "_ended", "_origin", "account", "answered", "asked", "credential", "first_token_at", "id", "model",
        "operation", "secrets", "streamed", "target", "trace",
    )  # fmt: skip

    def __init__(
        self,
        calls: "Calls",
        origin: Origin,
        target: Target,
        operation: str,
        *,
        streamed: bool,
    ) -> None:
        self._calls = calls
        self._origin = origin
        self._ended = False
        self.id = calls.ids.next()
        """Of its audit record."""
        self.target = target
        self.operation = operation
        self.streamed = streamed
        self.model = target.model
        self.credential = Credential(target.provider.name)
        self.secrets: Secrets | None = None
        self.account: Hashable | None = None
        self.trace = Trace(started_at=origin.received_at)
        self.first_token_at = 0.0
        self.asked: Any = None
        """What was asked, and answered: kept where the operator has content kept."""
        self.answered: Any = None

    @property
    def keeps_content(self) -> bool:
        return self._calls.content is not None

    @property
    def provider_request_id(self) -> str:
        headers = self.trace.headers
        for name in self.target.provider.request_id_headers:
            if found := headers.get(name):
                return found[:200]
        return ""

    def tell_first_token(self) -> None:
        """Note the time of the first useful event."""
        if not self.first_token_at:
            self.first_token_at = clock.perf()

    def tell_first_audio(self) -> None:
        """Note the time of the first sound of a text that is spoken whole."""
        if not self.first_token_at:
            self.tell_first_token()
            since = self.first_token_at - self._origin.received_at
            FIRST_AUDIO.of(self.target.provider.name).observe(since)

    def done(self, usage: Usage, finish: FinishReason | None = None) -> None:
        """Keep the record of a call that succeeded, before its last byte is given away.

        Raises `Failure(OVERLOADED)` when the record can not be kept: then the caller must hear of it.
        """
        if not self._ended:
            self._keep("success", 200, usage=usage, finish=finish)

    def relayed(self, tally: Tally) -> None:
        """Keep the record of an answer that passed through as bytes."""
        self.done(tally.usage, tally.finish_reason)

    def failed(self, error: Failure, *, usage: Usage | None = None) -> None:
        """Keep the record of a call that failed; after output it counts as partial."""
        if self._ended:
            return
        status = "partial" if self.streamed and self.first_token_at else "failed"
        try:
            self._keep(status, STATUS_OF_KIND[error.kind], error=error, usage=usage)
        except Failure:
            self._ended = True  # The caller hears of the first failure; there is no room to record it.

    def cancelled(self, usage: Usage | None = None, why: Failure | None = None) -> None:
        """Keep the record of a call whose caller has left, or that was given up for another reason."""
        if not self._ended:
            gone = why or Failure(Kind.CANCELLED, "the caller left", code="client_closed_request")
            try:
                self._keep("cancelled", 499, error=gone, usage=usage)
            except Failure:
                self._ended = True

    def _keep(
        self,
        status: str,
        response_status: int,
        *,
        error: Failure | None = None,
        usage: Usage | None = None,
        finish: FinishReason | None = None,
    ) -> None:
        origin, trace, target, credential = self._origin, self.trace, self.target, self.credential
        principal = origin.principal
        tenant = principal.tenant
        start, sent, first = origin.received_at, trace.sent_at, self.first_token_at
        ended = clock.perf()
        upstream = (trace.finished_at or ended) - sent
        fault = error_code = ""
        provider_status, provider_request_id = trace.status, self.provider_request_id
        if error is not None:
            fault, error_code = error.kind.value, error.code[:200]
            if isinstance(error, ProviderError):
                provider_status = error.refusal.status or provider_status
                provider_request_id = error.refusal.request_id or provider_request_id
        usage = usage or _UNKNOWN
        metadata = origin.metadata
        if principal.service:
            metadata = {**metadata, SERVICE: principal.service}
        event_id, content = clock.unique(), self._calls.content
        documents: Mapping[str, bytes] = {}
        if content is not None and self.asked is not None:
            documents = content.documents(tenant, event_id, self.asked, self.answered, error)
        self._calls.audit.keep(
            AuditRecord(
                event_id=event_id,
                id=self.id,
                created_at=clock.now(),
                organization_id=tenant.organization_id,
                project_id=tenant.project_id,
                key_id=principal.key_id,
                actor_type=principal.actor.kind,
                actor_id=principal.actor.id,
                operation=self.operation,
                provider=target.provider.name,
                model=self.model[:200],
                credential_id=credential.id,
                credential_version=credential.version,
                status=status,
                response_status=response_status,
                fault=fault,
                error_code=error_code,
                finish_reason="" if finish is None else finish.value,
                streamed=self.streamed,
                request_id=origin.request_id,
                provider_request_id=provider_request_id,
                provider_status=provider_status,
                retries=trace.attempts - 1 if trace.attempts else 0,
                time_taken=int((ended - start) * NANO),
                queue_time=int((sent - start) * NANO) if sent else 0,
                first_token_time=int((first - start) * NANO) if first else 0,
                upstream_time=int(upstream * NANO) if sent else 0,
                usage=usage,
                metadata=metadata,
                documents=documents,
            )
        )
        self._ended = True
        counted = meter(target.provider.name, self.operation)
        if usage.audio_seconds or usage.characters:
            counted.sound(usage.audio_seconds, usage.characters)
        counted.record(
            status,
            sent - start if sent else None,
            upstream if sent else None,
            first - start if first else None,
            usage.input_total,
            usage.output_total,
        )


_UNKNOWN = Usage()


class Calls:
    """Opens calls: finds the credential, checks that a record can be kept, starts the clock."""

    def __init__(
        self,
        credentials: Credentials,
        vault: Opener,
        audit: AuditTrail,
        ids: Ids,
        *,
        most: int,
        content: Content | None = None,
    ) -> None:
        self._credentials = credentials
        self._vault = vault
        self._most = most
        self._rows: dict[int, tuple[SealedCredential, tuple[Credential, Account]]] = {}
        self.audit = audit
        self.ids = ids
        self.content = content

    async def open(self, origin: Origin, target: Target, operation: str, *, streamed: bool = False) -> Call:
        """Begin a call to `target`.

        Raises `Failure`: `credential_missing`, `credential_not_found`, or OVERLOADED when no record
        could be kept. A call that could not begin is recorded, too.
        """
        self.audit.check()
        if IN_FLIGHT.value >= self._most:
            raise Failure(
                Kind.OVERLOADED,
                "too many calls are under way; try again shortly",
                code="overloaded",
                retry_after=1.0,
            )
        call = Call(self, origin, target, operation, streamed=streamed)
        live = target.live
        if live is not None:
            call.credential = Credential(target.provider.name, live.fields, held=live.held)
            call.secrets = live.secrets
            call.account = live.account
            return _connected(call)
        try:
            sealed = await self._find(origin.principal.tenant, target)
            if sealed is not None:
                call.credential, call.account = self._shown(sealed)
                call.secrets = self._vault.ready(sealed) or await self._vault.secrets(sealed)
        except Failure as error:
            call.failed(error)
            raise
        except asyncio.CancelledError:
            call.cancelled()
            raise
        return _connected(call)

    def _shown(self, sealed: SealedCredential) -> tuple[Credential, Account]:
        """Return what providers and pools may know of a row: the same for each of its calls."""
        record = sealed.record
        known = self._rows.get(record.id)
        if known is not None and known[0] is sealed:
            return known[1]
        if len(self._rows) >= ROWS:
            self._rows.clear()
        shown = (
            Credential(record.provider, record.fields, record.id, record.version, frozenset(record.masked)),
            Account(record.tenant, record.id, record.version),
        )
        self._rows[record.id] = (sealed, shown)
        return shown

    async def account(self, tenant: Tenant, target: Target) -> tuple[Credential, Secrets | None]:
        """Return a stored credential without beginning a call: for what is asked of us. Raises as `open` does."""
        sealed = await self._find(tenant, target)
        if sealed is None:
            return Credential(target.provider.name), None
        return self._shown(sealed)[0], self._vault.ready(sealed) or await self._vault.secrets(sealed)

    async def provider_of(self, tenant: Tenant, credential_id: int) -> str | None:
        """Return whose credential it is; None where there is none."""
        found = self._credentials.peek(tenant, credential_id)
        found = found or await self._credentials.get(tenant, credential_id)
        return None if found is None else found.record.provider

    async def check(self, origin: Origin, target: Target) -> None:
        """See whether a call to `target` would find its credential. Raises `Failure` as `open` does."""
        if target.live is None:
            await self._find(origin.principal.tenant, target)

    async def _find(self, tenant: Tenant, target: Target) -> SealedCredential | None:
        provider = target.provider
        if target.credential_id is None:
            return await self._default(tenant, provider)
        found = self._credentials.peek(tenant, target.credential_id) or await self._credentials.get(
            tenant, target.credential_id
        )
        if found is None:
            raise Failure(Kind.NOT_FOUND, "there is no such credential", code="credential_not_found")
        if found.record.provider not in provider.credentials_from:
            raise Failure(
                Kind.INVALID_REQUEST,
                f"the credential is for {found.record.provider}, the model is {provider.name}'s",
                code="credential_mismatch",
            )
        return found

    async def _default(self, tenant: Tenant, provider: Provider) -> SealedCredential | None:
        for name in provider.credentials_from:
            found = self._credentials.peek(tenant, name) or await self._credentials.default(tenant, name)
            if found is not None:
                return found
        if not provider.needs_credential:
            return None
        *others, last = provider.credentials_from
        any_of = f"{', '.join(others)} or {last}" if others else last
        raise Failure(
            Kind.INVALID_REQUEST,
            f"the project has no credential for {any_of}; store one with POST /v1/credentials",
            code="credential_missing",
        )


def _connected(call: Call) -> Call:
    if call.target.connection:
        call.credential = msgspec.structs.replace(call.credential, connection=call.target.connection)
    if call.target.region:
        fields = {**call.credential.fields, REGION: call.target.region}
        call.credential = msgspec.structs.replace(call.credential, fields=fields)
    return call


class Ending:
    """Sees to it that a call that leaves this block without `done` is recorded as what it was."""

    __slots__ = ("_call", "usage")

    def __init__(self, call: Call) -> None:
        self._call = call
        self.usage: Usage | None = None

    def __enter__(self) -> Self:
        IN_FLIGHT.value += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        IN_FLIGHT.value -= 1
        if error is None:
            return
        if isinstance(error, ProviderError):
            error.provider = error.provider or self._call.target.provider.name
            error.after_output = bool(self._call.streamed and self._call.first_token_at)
            if error.refusal.request_id is None:
                # What broke in the middle of an answer is still the request that the answer's head named.
                id = self._call.provider_request_id or None
                error.refusal = msgspec.structs.replace(error.refusal, request_id=id)
            self._call.failed(error, usage=self.usage)
        elif isinstance(error, Failure):
            if error.kind is Kind.CANCELLED:
                self._call.cancelled(self.usage, error)
            else:
                self._call.failed(error, usage=self.usage)
        elif isinstance(error, (asyncio.CancelledError, GeneratorExit)):
            self._call.cancelled(self.usage)
        else:
            self._call.failed(Failure(Kind.INTERNAL, "internal error", code="internal"), usage=self.usage)
