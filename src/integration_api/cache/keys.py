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
ENTRIES = 100_000
"""Some fifty megabytes at the most. Unknown keys are not kept: guessing must not push out good ones."""

Load = Callable[[bytes], Awaitable[ApiKey | None]]


class ApiKeyCache:
    def __init__(self, load: Load, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._clock = clock
        self._held: OrderedDict[bytes, tuple[ApiKey, float]] = OrderedDict()
        self._changes = 0

    def peek(self, digest: bytes) -> ApiKey | None:
        """Return a key that is in memory and fresh, without asking anybody."""
        held = self._held.get(digest)
        return held[0] if held is not None and held[1] > self._clock() else None

    async def get(self, digest: bytes) -> ApiKey | None:
        held = self._held.get(digest)
        now = self._clock()
        if held is not None and held[1] > now:
            return held[0]
        changes = self._changes
        try:
            key = await self._load(digest)
        except Failure as failure:
            if failure.kind is Kind.OVERLOADED and held is not None and held[1] + STALE_SECONDS > now:
                return held[0]
            raise
        if key is None or key.revoked_at is not None:
            self._held.pop(digest, None)
            return key
        if changes != self._changes:
            return key  # Read before a change that is already known: good for this once.
        self._held[digest] = (key, now + FRESH_SECONDS)
        while len(self._held) > ENTRIES:
            self._held.popitem(last=False)
        return key

    def begin(self, seq: int) -> None:
        """Start at a position of the feed; nothing is held yet."""

    async def changed(self, change: Change) -> None:
        if change.topic != "api_key":
            return
        self._changes += 1
        for digest in [digest for digest, (key, _) in self._held.items() if str(key.id) == change.subject]:
            del self._held[digest]
