"""Whom the platform vouches for, by the digest of what they showed: believed for a short time, asked about once."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Principal

ENTRIES = 100_000
"""Some thirty megabytes at the most."""
UNKNOWN_SECONDS = 5.0
"""A wrong key that is tried again and again does not become a question each time."""
UNKNOWN_ENTRIES = 10_000
"""Kept apart: guessing must not push out good ones."""

Ask = Callable[[], Awaitable[Principal]]
Entry = TypeVar("Entry")


class PrincipalCache:
    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()
        self._unknown: OrderedDict[bytes, tuple[Failure, float]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Principal]] = {}

    async def get(self, digest: bytes, ask: Ask) -> Principal:
        """Return what `ask` said, or says now; callers who come together share one question."""
        known = self._known.get(digest)
        if known is not None and known[1] > self._clock():
            return known[0]
        unknown = self._unknown.get(digest)
        if unknown is not None and unknown[1] > self._clock():
            raise _again(unknown[0])
        asking = self._asking.get(digest)
        if asking is None:
            asking = self._asking[digest] = asyncio.create_task(self._ask(digest, ask))
            asking.add_done_callback(lambda done: self._asked(digest, done))
        try:
            # Shielded: a caller who leaves must not fail the others who wait for the same answer.
            return await asyncio.shield(asking)
        except Failure as failure:
            raise _again(failure) from None

    async def _ask(self, digest: bytes, ask: Ask) -> Principal:
        try:
            principal = await ask()
        except Failure as failure:
            self._known.pop(digest, None)
            if failure.kind in {Kind.AUTHENTICATION, Kind.PERMISSION}:
                _keep(self._unknown, digest, (failure, self._clock() + UNKNOWN_SECONDS), UNKNOWN_ENTRIES)
            raise
        _keep(self._known, digest, (principal, self._clock() + self._seconds), ENTRIES)
        return principal

    def _asked(self, digest: bytes, done: asyncio.Task[Principal]) -> None:
        del self._asking[digest]
        if not done.cancelled():
            done.exception()  # Seen, even when everybody who asked has left.


def _keep(held: OrderedDict[bytes, Entry], digest: bytes, entry: Entry, most: int) -> None:
    held.pop(digest, None)
    held[digest] = entry
    while len(held) > most:
        held.popitem(last=False)


def _again(failure: Failure) -> Failure:
    """Return one of its own for each caller: an exception that is raised twice gathers tracebacks."""
    return Failure(
        failure.kind,
        failure.message,
        code=failure.code,
        retry_after=failure.retry_after,
        retryable=failure.retryable,
    )
