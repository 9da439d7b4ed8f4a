"""The stories of calls as they are written, whichever process writes them: woken by the feed of changes."""

import asyncio
from collections.abc import AsyncGenerator

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import Change
from integration_api.core.telephony_records import CallNote
from integration_api.core.tenant import Tenant
from integration_api.services.call import Ids
from integration_api.storage.ids import TIME_SHIFT
from integration_api.storage.telephony_store import TelephonyStore

MOST_CHANGED = 50_000
"""Calls that wait for a watcher who reads slowly; one whose calls are more is told to watch anew. Cancelling a batch
changes ten thousand at once."""
MOST_KNOWN = 50_000
"""Calls of which one watcher's place is remembered."""
LINES = 100
"""Of one call's story, read at once."""
LATE = 2_000 << TIME_SHIFT
"""How much earlier than one that is known already a line that appears now may be: two seconds, as ids count time."""


class Watcher:
    """Hears which rows of one kind have changed in one project."""

    def __init__(self, tenant: Tenant, topic: str) -> None:
        self.tenant = tenant
        self.topic = topic
        self.overrun = False
        self._subjects: dict[int, None] = {}
        self._woken = asyncio.Event()

    def wake(self, subject: int) -> None:
        if len(self._subjects) >= MOST_CHANGED:
            self.overrun = True
        else:
            self._subjects[subject] = None
        self._woken.set()

    async def changed(self) -> list[int]:
        """Wait for changes; return the ids of what changed. Raises `Failure` (OVERLOADED) when they were too many."""
        await self._woken.wait()
        self._woken.clear()
        if self.overrun:
            raise Failure(
                Kind.OVERLOADED,
                "more calls changed than were read; list the calls and watch again",
                code="watch_overrun",
            )
        subjects, self._subjects = list(self._subjects), {}
        return subjects


class Watching:
    """A listener of the change feed, and who is to hear of what."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()

    def begin(self, seq: int) -> None:
        """Nobody watches before the first change."""

    async def changed(self, change: Change) -> None:
        if change.topic not in ("call", "batch") or not change.subject.isdecimal():
            return
        for watcher in self._watchers:
            if watcher.topic == change.topic and watcher.tenant == change.tenant:
                watcher.wake(int(change.subject))

    def add(self, tenant: Tenant, topic: str) -> Watcher:
        watcher = Watcher(tenant, topic)
        self._watchers.add(watcher)
        return watcher

    def remove(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)


class _Place:
    """How much of a call's story one watcher has been told.

    Lines are numbered by whoever writes them, so that one may appear a moment after another with a higher number.
    """

    __slots__ = ("last", "told")

    def __init__(self, last: int) -> None:
        self.last = last
        self.told: set[int] = set()

    def take(self, notes: list[CallNote]) -> list[CallNote]:
        """Return those lines that are new."""
        fresh = [note for note in notes if note.id not in self.told]
        if notes:
            self.last = max(self.last, notes[-1].id)
            self.told.update(note.id for note in fresh)
            self.told = {id for id in self.told if id > self.last - LATE}
        return fresh


class CallWatching:
    """Follows stories: of one call from its beginning to its end, or of a batch's or project's calls from now on."""

    def __init__(self, store: TelephonyStore, watching: Watching, ids: Ids) -> None:
        self._store = store
        self._watching = watching
        self._ids = ids

    async def one(self, tenant: Tenant, call_id: int) -> AsyncGenerator[list[CallNote], None]:
        """Yield a call's story until it has ended. Raises `Failure` (NOT_FOUND)."""
        watcher = self._watching.add(tenant, "call")
        try:
            place = _Place(0)
            while True:
                # Whether it has ended is asked first: whatever was written by then is read after it.
                call = await self._store.call(tenant, call_id)
                if call is None:
                    raise Failure(Kind.NOT_FOUND, "there is no such call", code="call_not_found")
                async for notes in self._fresh(tenant, call_id, place):
                    yield notes
                if call.state.ended:
                    return
                while call_id not in await watcher.changed():
                    pass
        finally:
            self._watching.remove(watcher)

    async def all(self, tenant: Tenant, batch_id: int | None) -> AsyncGenerator[list[CallNote], None]:
        """Yield lines of a project's calls, or of one batch's, until nobody listens any more."""
        watcher = self._watching.add(tenant, "call")
        begun = self._ids.next()
        places: dict[int, _Place] = {}
        strangers: set[int] = set()
        """Calls of other batches."""
        try:
            while True:
                for id in await watcher.changed():
                    if id in strangers:
                        continue
                    if id not in places:
                        if batch_id is not None and not await self._is_of(tenant, id, batch_id):
                            _make_room(strangers)
                            strangers.add(id)
                            continue
                        _make_room(places)
                        places[id] = _Place(begun)
                    async for notes in self._fresh(tenant, id, places[id]):
                        yield notes
        finally:
            self._watching.remove(watcher)

    async def _is_of(self, tenant: Tenant, id: int, batch_id: int) -> bool:
        call = await self._store.call(tenant, id)
        return call is not None and call.batch_id == batch_id

    async def _fresh(self, tenant: Tenant, id: int, place: _Place) -> AsyncGenerator[list[CallNote], None]:
        after = max(0, place.last - LATE)
        while notes := await self._store.notes(tenant, id, after, LINES):
            after = notes[-1].id
            if fresh := place.take(notes):
                yield fresh


def _make_room(held: dict[int, _Place] | set[int]) -> None:
    """Forget everything when it is too much: lines of calls that are still under way may be told twice then."""
    if len(held) >= MOST_KNOWN:
        held.clear()
