"""A live transcript's items in the order in which they were said: a later one may be written down first.

https://platform.openai.com/docs/guides/realtime-transcription
"""

from msgspec import Struct

from integration_api.core.stt import EndReason, SttEvent
from integration_api.core.utterances import Utterances


class Item(Struct):
    """A piece of sound that is, or will be, committed, and its text as far as that is known."""

    id: str
    announced: bool = False
    """Whether OpenAI told that somebody had begun to speak."""
    stopped: bool = False
    """Whether it told that they have stopped: it commits the item itself."""
    committed: bool = False
    start_ms: int | None = None
    end_ms: int | None = None
    reason: EndReason = EndReason.PROVIDER
    text: str = ""
    fresh: bool = False
    """Whether there is text that was not told."""
    began: bool = False
    """Whether its beginning was told."""
    final: str | None = None
    confidence: float | None = None
    language: str | None = None


class Items:
    """Tells the first item that is not settled, and then the next: nothing of a later one comes before its turn."""

    def __init__(self, so_far: Utterances, *, interims: bool) -> None:
        self._utterances = so_far
        self._interims = interims
        self._items: list[Item] = []
        self.settled = 0
        """How many were."""

    @property
    def speaking(self) -> bool:
        """Whether somebody is heard to speak of whom nothing is committed, or going to be."""
        return any(not item.committed and not item.stopped for item in self._items)

    @property
    def pending(self) -> bool:
        return bool(self._items)

    def of(self, id: str) -> Item:
        """Return an item by its name; one that was not known is the latest."""
        found = next((item for item in self._items if item.id == id), None)
        if found is None:
            found = Item(id)
            self._items.append(found)
        return found

    def commit(self, item: Item, previous: str | None) -> None:
        """Put an item right behind the one before it. Else what was begun, and nobody will commit, is part of it."""
        here = self._items.index(item)
        begun = self._items[:here] if item.stopped else self._items
        for one in [one for one in begun if one is not item and not (one.committed or one.stopped)]:
            if not item.announced:
                item.announced, item.start_ms, item.began = one.announced, one.start_ms, one.began
            self._items.remove(one)
        self._items.remove(item)
        known = (place for place, one in enumerate(self._items, 1) if one.id == previous)
        place = next(known, sum(one.committed for one in self._items))
        while place < len(self._items) and not self._items[place].id:
            place += 1  # An answer to what was asked before it.
        self._items.insert(place, item)
        item.committed = True

    def forget(self) -> None:
        """Hear that what was begun, and nobody will commit, came to nothing."""
        self._items = [one for one in self._items if one.committed or one.stopped or one.final is not None]

    def answer(self, at_ms: int) -> None:
        """Answer a `finalize` that there was nothing to: behind all that is still written down."""
        reason = EndReason.FINALIZE
        self._items.append(Item("", committed=True, end_ms=at_ms, reason=reason, final=""))

    def tell(self) -> list[SttEvent]:
        """Return what can be told by now."""
        told: list[SttEvent] = []
        while self._items:
            item = self._items[0]
            if item.announced and not item.began:
                item.began = True
                told += self._utterances.started(item.start_ms)
            if item.final is None:
                if item.fresh and self._interims:
                    told += self._utterances.interim(item.text.strip())
                item.fresh = False
                break
            told += self._utterances.final(
                item.final,
                confidence=item.confidence,
                language=item.language,
                start_ms=item.start_ms,
                end_ms=item.end_ms,
                from_finalize=item.reason is EndReason.FINALIZE,
            )
            told += self._utterances.end(item.reason)
            del self._items[0]
            self.settled += 1
        return told

    def end(self) -> list[SttEvent]:
        return self._utterances.end(EndReason.STREAM_END)
