"""Sealed credentials near at hand: in memory, else in the shared cache, else from the store.

Only ciphertext is kept. An entry carries the feed position at which it was read: after a change
nothing older is believed, so a slow reader or writer can not bring a replaced row back. While the
store is away an entry that has run out goes on being used, for a while.

The shared cache is not trusted: an entry carries a MAC over its own name, by a key that only the
vault opens. One that somebody else made or moved is an alarm, and the store is asked.
"""

import hmac
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Protocol

import msgspec

from integration_api.cache.interface import Cache
from integration_api.core.errors import Failure, Kind
from integration_api.core.records import Change, SealedCredential
from integration_api.core.tenant import Tenant

FRESH_SECONDS = 60.0
"""Changes are told within a second; this is for a feed that fails."""
STALE_SECONDS = 3600.0
"""How long calls go on with what is known while the store is away; also with that a provider has no credential."""
AWAY_SECONDS = 2.0
"""After a store that did not answer it is left alone for a moment: not every call is to wait for it."""
MISSING_SECONDS = 2.0
"""A credential that is not there is asked for again soon: it may be about to be stored."""
ENTRIES = 50_000
PURPOSE = "cache-entries"
"""The vault's name for the installation secret that entries in the shared cache are authenticated with."""


class Store(Protocol):
    async def credential(self, tenant: Tenant, id: int) -> SealedCredential | None: ...
    async def default_credential(self, tenant: Tenant, provider: str) -> SealedCredential | None: ...


Confirm = Callable[[SealedCredential], Awaitable[None]]
"""Raises `Failure` for a row that does not open where it stands."""
Alarm = Callable[[Tenant, int | str], None]
"""Told of an entry in the shared cache that somebody else must have made."""


class _Entry(msgspec.Struct):
    seq: int
    value: SealedCredential


class _Held:
    __slots__ = ("fresh_until", "stale_until", "value")

    def __init__(self, value: SealedCredential | None, now: float) -> None:
        self.value = value
        self.fresh_until = now + (FRESH_SECONDS if value else MISSING_SECONDS)
        self.stale_until = now + STALE_SECONDS


class CredentialCache:
    """`which` is a credential's id, or a provider's name for the project's default."""

    def __init__(
        self,
        store: Store,
        shared: Cache,
        confirm: Confirm,
        secret: bytes,
        *,
        alarm: Alarm = lambda _tenant, _which: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._shared = shared
        self._confirm = confirm
        self._secret = secret
        self._alarm = alarm
        self._clock = clock
        self._held: OrderedDict[Tenant, dict[int | str, _Held]] = OrderedDict()
        self._count = 0
        self._changed: OrderedDict[Tenant, int] = OrderedDict()
        self._seq = 0
        self._floor = 0
        """Of tenants whose last change is not known, nothing older than this is believed."""

    def peek(self, tenant: Tenant, which: int | str) -> SealedCredential | None:
        """Return what is in memory and fresh, without asking anybody."""
        mine = self._held.get(tenant)
        held = mine.get(which) if mine is not None else None
        if held is None or held.fresh_until <= self._clock():
            return None
        return held.value

    async def get(self, tenant: Tenant, id: int) -> SealedCredential | None:
        return await self._find(tenant, id)

    async def default(self, tenant: Tenant, provider: str) -> SealedCredential | None:
        return await self._find(tenant, provider)

    async def _find(self, tenant: Tenant, which: int | str) -> SealedCredential | None:
        held = self._held.get(tenant, _NONE).get(which)
        if held is not None and held.fresh_until > self._clock():
            return held.value
        seq = self._seq
        if (shared := await self._from_shared(tenant, which)) is not None:
            return self._keep(tenant, which, shared.value, shared.seq)
        try:
            if isinstance(which, int):
                value = await self._store.credential(tenant, which)
            else:
                value = await self._store.default_credential(tenant, which)
            if value is not None:
                await self._confirm(value)
        except Failure as failure:
            now = self._clock()
            if failure.kind is Kind.OVERLOADED and held is not None and held.stale_until > now:
                held.fresh_until = now + AWAY_SECONDS
                return held.value
            raise
        self._keep(tenant, which, value, seq)
        if value is not None and self._believed(tenant, seq):
            name, entry = _key(tenant, which), msgspec.msgpack.encode(_Entry(seq, value))
            await self._shared.set(name, self._mac(name, entry) + entry, FRESH_SECONDS)
        return value

    async def _from_shared(self, tenant: Tenant, which: int | str) -> _Entry | None:
        name = _key(tenant, which)
        raw = await self._shared.get(name)
        if raw is None:
            return None
        if not hmac.compare_digest(raw[:MAC], self._mac(name, raw[MAC:])):
            self._alarm(tenant, which)
            await self._shared.delete([name])
            return None
        try:
            entry = _DECODER.decode(memoryview(raw)[MAC:])
        except msgspec.DecodeError:
            return None  # A release with other records shares this cache.
        return entry if self._believed(tenant, entry.seq) else None

    def _mac(self, name: str, entry: bytes) -> bytes:
        return hmac.digest(self._secret, name.encode() + b"\0" + entry, sha256)

    def _believed(self, tenant: Tenant, seq: int) -> bool:
        return seq >= self._changed.get(tenant, self._floor)

    def _keep(
        self, tenant: Tenant, which: int | str, value: SealedCredential | None, seq: int
    ) -> SealedCredential | None:
        """Keep what was read at `seq`, unless its tenant has changed since."""
        if self._believed(tenant, seq):
            mine = self._held.setdefault(tenant, {})
            self._count += which not in mine
            mine[which] = _Held(value, self._clock())
            while self._count > ENTRIES:
                _, oldest = self._held.popitem(last=False)
                self._count -= len(oldest)
        return value

    # --- the feed's side ---------------------------------------------------------------------

    def begin(self, seq: int) -> None:
        """Start at a position of the feed: nothing that was read before it is believed."""
        self._seq = self._floor = seq

    async def changed(self, change: Change) -> None:
        """Forget what a change touches: of its tenant, everything, since defaults may have moved."""
        self._seq = change.seq
        if change.topic != "credential":
            return
        tenant = change.tenant
        self._changed[tenant] = change.seq
        self._changed.move_to_end(tenant)
        while len(self._changed) > ENTRIES:
            _, self._floor = self._changed.popitem(last=False)
        mine = self._held.pop(tenant, None)
        if mine:
            self._count -= len(mine)
            await self._shared.delete([_key(tenant, which) for which in mine])


MAC = sha256().digest_size
_NONE: dict[int | str, _Held] = {}
_DECODER = msgspec.msgpack.Decoder(_Entry)


def _key(tenant: Tenant, which: int | str) -> str:
    return f"credential:{tenant.organization_id}:{tenant.project_id}:{which}"
