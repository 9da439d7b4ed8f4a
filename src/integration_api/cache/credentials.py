"""Sealed credentials near at hand: in memory, else in the shared cache, else from the store.

Only ciphertext is kept. An entry carries the feed position at which it was read: after a change
nothing older is believed, so a slow writer can not bring a replaced row back. While the store is
away an entry that has run out goes on being used, for a while.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import msgspec

from integration_api.cache.interface import Cache
from integration_api.core.errors import Failure, Kind
from integration_api.core.records import Change, SealedCredential
from integration_api.core.tenant import Tenant

FRESH_SECONDS = 60.0
"""Changes are told within a second; this is for a feed that fails."""
STALE_SECONDS = 3600.0
"""How long calls go on with what is known while the store is away."""
MISSING_SECONDS = 2.0
"""A credential that is not there is asked for again soon: it may be about to be stored."""
ENTRIES = 50_000


class Store(Protocol):
    async def credential(self, tenant: Tenant, id: int) -> SealedCredential | None: ...
    async def default_credential(self, tenant: Tenant, provider: str) -> SealedCredential | None: ...


class _Entry(msgspec.Struct):
    seq: int
    value: SealedCredential | None


class _Held:
    __slots__ = ("fresh_until", "stale_until", "value")

    def __init__(self, value: SealedCredential | None, now: float) -> None:
        self.value = value
        self.fresh_until = now + (FRESH_SECONDS if value else MISSING_SECONDS)
        self.stale_until = now + (STALE_SECONDS if value else MISSING_SECONDS)


class CredentialCache:
    """`which` is a credential's id, or a provider's name for the project's default."""

    def __init__(self, store: Store, shared: Cache, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._shared = shared
        self._clock = clock
        self._held: OrderedDict[tuple[Tenant, int | str], _Held] = OrderedDict()
        self._changed: OrderedDict[Tenant, int] = OrderedDict()
        self._seq = 0
        self.stale = False
        """Whether the last answer came from an entry that had run out."""

    def peek(self, tenant: Tenant, which: int | str) -> SealedCredential | None:
        """Return what is in memory and fresh, without asking anybody."""
        held = self._held.get((tenant, which))
        if held is None or held.fresh_until <= self._clock():
            return None
        return held.value

    async def get(self, tenant: Tenant, id: int) -> SealedCredential | None:
        return await self._find(tenant, id)

    async def default(self, tenant: Tenant, provider: str) -> SealedCredential | None:
        return await self._find(tenant, provider)

    async def _find(self, tenant: Tenant, which: int | str) -> SealedCredential | None:
        held = self._held.get((tenant, which))
        if held is not None and held.fresh_until > self._clock():
            return held.value
        shared = await self._shared.get(_key(tenant, which))
        if shared is not None and (entry := _decoded(shared)) and self._believed(tenant, entry):
            return self._keep(tenant, which, entry.value)
        seq = self._seq
        try:
            if isinstance(which, int):
                value = await self._store.credential(tenant, which)
            else:
                value = await self._store.default_credential(tenant, which)
        except Failure as failure:
            if failure.kind is Kind.OVERLOADED and held is not None and held.stale_until > self._clock():
                self.stale = True
                return held.value
            raise
        self.stale = False
        self._keep(tenant, which, value)
        if value is not None and self._changed.get(tenant, 0) <= seq:
            await self._shared.set(
                _key(tenant, which), msgspec.msgpack.encode(_Entry(seq, value)), FRESH_SECONDS
            )
        return value

    def _believed(self, tenant: Tenant, entry: _Entry) -> bool:
        return entry.seq >= self._changed.get(tenant, 0)

    def _keep(
        self, tenant: Tenant, which: int | str, value: SealedCredential | None
    ) -> SealedCredential | None:
        self._held[tenant, which] = _Held(value, self._clock())
        while len(self._held) > ENTRIES:
            self._held.popitem(last=False)
        return value

    # --- the feed's side ---------------------------------------------------------------------

    def begin(self, seq: int) -> None:
        """Start at a position of the feed: everything up to it is known to be old news."""
        self._seq = seq

    async def changed(self, change: Change) -> None:
        """Forget what a change touches: of its tenant, everything, since defaults may have moved."""
        self._seq = change.seq
        if change.topic != "credential":
            return
        tenant = change.tenant
        self._changed[tenant] = change.seq
        self._changed.move_to_end(tenant)
        while len(self._changed) > ENTRIES:
            self._changed.popitem(last=False)
        mine = [key for key in self._held if key[0] == tenant]
        for key in mine:
            del self._held[key]
        await self._shared.delete([_key(*key) for key in mine])


_DECODER = msgspec.msgpack.Decoder(_Entry)


def _decoded(raw: bytes) -> _Entry | None:
    try:
        return _DECODER.decode(raw)
    except msgspec.DecodeError:
        return None


def _key(tenant: Tenant, which: int | str) -> str:
    return f"credential:{tenant.organization_id}:{tenant.project_id}:{which}"
