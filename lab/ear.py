"""What every emulated ear has in common: it hears what it was told to, as the sound for it arrives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.script import Answer, Heard

SILENCE_MS = 300
"""So much silence ends a turn, unless the client asked for another length."""
DEFAULT = (Heard(text="Hello from the laboratory.", start_ms=100, end_ms=900),)


@dataclass(frozen=True, slots=True)
class Word:
    """One word and when it was said, in milliseconds of sound."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float
    speaker: int | None


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that an ear notices at a time: what is told of it is each vendor's own."""

    at_ms: int
    kind: Literal["start", "interim", "final", "end"]
    place: int
    """Which utterance."""
    said: Heard
    words: tuple[Word, ...]
    """Those that have been said by now."""

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


def words_of(said: Heard) -> tuple[Word, ...]:
    """The words of an utterance, each as long as any other."""
    texts = said.text.split()
    step = (said.end_ms - said.start_ms) / max(1, len(texts))
    return tuple(
        Word(
            text,
            round(said.start_ms + place * step),
            round(said.start_ms + (place + 1) * step),
            said.confidence,
            said.speaker,
        )
        for place, text in enumerate(texts)
    )


class Ear:
    """Hears an answer's utterances. `hear` tells what was noticed up to a time, each moment once."""

    def __init__(self, answer: Answer | None, *, silence_ms: int = SILENCE_MS) -> None:
        self._heard: Sequence[Heard] = answer.heard if answer is not None and answer.heard else DEFAULT
        self._moments = sorted(self._all(silence_ms), key=lambda one: one.at_ms)
        self._next = 0
        self.now_ms = 0.0

    @property
    def heard(self) -> Sequence[Heard]:
        """All that there is to hear."""
        return self._heard

    @property
    def moments(self) -> Sequence[Moment]:
        """All that will be noticed."""
        return self._moments

    def hear(self, milliseconds: float) -> Iterator[Moment]:
        """More sound has come."""
        self.now_ms += milliseconds
        while self._next < len(self._moments) and self._moments[self._next].at_ms <= self.now_ms:
            self._next += 1
            yield self._moments[self._next - 1]

    def finalize(self) -> Iterator[Moment]:
        """What has been said so far of an utterance that goes on is final now; what is left is heard later."""
        settled = {one.place for one in self._moments[: self._next] if one.kind == "final"}
        begun = {one.place for one in self._moments[: self._next] if one.kind == "start"}
        for place in sorted(begun - settled):
            said = self._heard[place]
            words = tuple(word for word in words_of(said) if word.end_ms <= self.now_ms)
            rest = [
                one
                for one in self._moments[self._next :]
                if one.place != place or one.at_ms > said.end_ms or len(words) < len(words_of(said))
            ]
            self._moments[self._next :] = [
                one if one.place != place else _without(one, len(words)) for one in rest
            ]
            if words:
                yield Moment(round(self.now_ms), "final", place, said, words)

    def rest(self) -> Iterator[Moment]:
        """The sound has ended: what is left of what was begun is told at once."""
        begun = {one.place for one in self._moments[: self._next] if one.kind == "start"}
        for one in self._moments[self._next :]:
            if one.place in begun and one.kind != "interim":
                yield one
        self._next = len(self._moments)

    def _all(self, silence_ms: int) -> Iterator[Moment]:
        for place, said in enumerate(self._heard):
            words = words_of(said)
            yield Moment(said.start_ms, "start", place, said, ())
            for count, word in enumerate(words[:-1], 1):
                yield Moment(word.end_ms, "interim", place, said, words[:count])
            yield Moment(said.end_ms, "final", place, said, words)
            after = self._heard[place + 1].start_ms if place + 1 < len(self._heard) else None
            if after is None or after - said.end_ms >= silence_ms:
                yield Moment(said.end_ms + silence_ms, "end", place, said, words)


def _without(one: Moment, count: int) -> Moment:
    """The same moment, when the first words of its utterance have been settled already."""
    return Moment(one.at_ms, one.kind, one.place, one.said, one.words[count:])
