"""In which order the utterances of a live voice are told: as they began, each to its end, whichever is spoken first."""

from integration_api.services import clock
from integration_api.services.tts_words import Done, MarkReached, Told
from integration_api.services.utterance import Utterance


class TellingOrder:
    def __init__(self) -> None:
        self.open: dict[str, Utterance] = {}
        """Those that are neither told to their end nor cancelled, in the order in which they began."""
        self.turn_since = 0.0
        """When the last one made way for the next."""
        self._early: dict[str, list[Told]] = {}
        """What is to be told of those whose turn has not come."""

    def tell(self, id: str, told: list[Told]) -> list[Told]:
        """Return what may be told now: of the one whose turn it is, and if that is all of it, of those that waited."""
        if not told:
            return []
        if next(iter(self.open)) != id:
            self._early.setdefault(id, []).extend(told)
            return []
        if isinstance(told[-1], Done):
            self._made_way(id)
            return [*told, *self.go_on()]
        return told

    def forget(self, id: str) -> list[Told]:
        """Take out what waited to be told of one that is to be spoken anew."""
        return self._early.pop(id, [])

    def amend(self, mark: MarkReached) -> None:
        """Have a mark told of an utterance that is spoken and waits for its turn: once, and before its end."""
        early = self._early[mark.utterance_id]
        early[:] = [one for one in early if not isinstance(one, MarkReached) or one.name != mark.name]
        early.insert(next(at for at, one in enumerate(early) if isinstance(one, Done)), mark)

    def go_on(self) -> list[Told]:
        """Return what waited to be told of the first, and if that is all of it, of those after it."""
        told: list[Told] = []
        while self.open:
            first = next(iter(self.open))
            told += self._early.pop(first, [])
            if not self.open[first].spoken:
                break
            self._made_way(first)
        return told

    def drop(self, id: str) -> Utterance | None:
        """Take out one that is cancelled, if it is there. What waited to be told of it is told to nobody."""
        one = self.open.get(id)
        if one is not None:
            self._early.pop(id, None)
            self._made_way(id)
        return one

    def _made_way(self, id: str) -> None:
        del self.open[id]
        self.turn_since = clock.perf()
