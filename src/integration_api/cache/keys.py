"""Our own API keys by their digest, in memory: the digest of the whole key, never the key."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import ApiKey, Change

FRESH_SECONDS = 60.0
"""Changes are told within a second; this is for a feed that fails."""
STALE_SECONDS = 3600.0
"""How long a known key goes on being good while the store is away."""
AWAY_SECONDS = 2.0
"""After a store that did not answer it is left alone for a moment: not every call is to wait for it."""
ENTRIES = 100_000
"""Some fifty megabytes at the most. Unknown keys are not kept: guessing must not push out good ones."""

Load = Callable[[bytes], Awaitable[ApiKey | None]]


class _Held:
    __slots__ = ("fresh_until", "key", "stale_until")

    def __init__(self, key: ApiKey, now: float) -> None:
        self.key = key
        self.fresh_until = now + FRESH_SECONDS
        self.stale_until = now + STALE_SECONDS


class ApiKeyCache:
    def __init__(self, load: Load, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._clock = clock
        self._held: OrderedDict[bytes, _Held] = OrderedDict()
        self._changes = 0

    def peek(self, digest: bytes) -> ApiKey | None:
        """Return a key that is in memory and fresh, without asking anybody."""
        held = self._held.get(digest)
        return held.key if held is not None and held.fresh_until > self._clock() else None

    async def get(self, digest: bytes) -> ApiKey | None:
        held = self._held.get(digest)
        now = self._clock()
        if held is not None and held.fresh_until > now:
            return held.key
        changes = self._changes
        try:
            key = await self._load(digest)
        except Failure as failure:
            if failure.kind is Kind.OVERLOADED and held is not None and held.stale_until > now:
                held.fresh_until = self._clock() + AWAY_SECONDS
                return held.key
            raise
        if key is None or key.revoked_at is not None:
            self._held.pop(digest, None)
            return key
        if changes != self._changes:
            return key  # Read before a change that is already known: good for this once.
        self._held[digest] = _Held(key, now)
        while len(self._held) > ENTRIES:
            self._held.popitem(last=False)
        return key

    def begin(self, seq: int) -> None:
        """Start at a position of the feed; nothing is held yet."""

    async def changed(self, change: Change) -> None:
        if change.topic != "api_key":
            return
        self._changes += 1
        for digest in [digest for digest, held in self._held.items() if str(held.key.id) == change.subject]:
            del self._held[digest]
